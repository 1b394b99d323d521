"""The shape of a model: what `config.json` in a model folder holds under `model`."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeolian.errors import UsageError
from aeolian.music.vocabulary import VOCABULARY_SIZE

CONFIG_NAME = "config.json"
FORMAT = "aeolian-music-transformer/1"
ARCHITECTURES = ("aeolian", "ancestor")
NORMS = ("pre", "post")
POSITIONS = ("none", "sinusoid")
ACTIVATIONS = ("relu", "squared_relu")
AEOLIAN: dict[str, Any] = {"activation": "squared_relu", "convolution": 3}  # what was measured to be worth it


@dataclass(frozen=True)
class ModelConfig:
    """A decoder-only Music Transformer (Huang et al. 2018).

    `norm`: layer normalisation before each sublayer (and once at the end), or after each, as in the ancestor.
    `positions`: what is added to the token embedding; relative attention is always there. Without absolute
    positions a window means the same wherever in a song it was cut. `tied_output`: the output layer's matrix is
    the token embedding's. `max_seq`: the context in tokens, also the reach of the relative attention.
    `activation`: between the two feed-forward layers; `squared_relu` after So et al. 2021 ("Primer"), as is
    `convolution`: over how many tokens, the newest and those before it, each channel of queries, keys and values is
    convolved; 1 for none.
    """

    d_model: int = 256
    num_layers: int = 6
    num_heads: int = 4
    d_ff: int = 512
    dropout: float = 0.15
    max_seq: int = 2048
    vocabulary_size: int = VOCABULARY_SIZE
    norm: str = "pre"
    norm_epsilon: float = 1e-6
    positions: str = "none"
    tied_output: bool = True
    activation: str = "relu"
    convolution: int = 1
    start_token: bool = True

    def __post_init__(self) -> None:
        for name in ("d_model", "num_layers", "num_heads", "d_ff", "max_seq", "vocabulary_size", "convolution"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{name} is {value!r}; it must be a whole number from 1.")
        if self.max_seq < 2:
            raise UsageError("max_seq is 1; a model needs a context of at least 2 tokens.")
        if self.d_model % self.num_heads:
            raise UsageError(
                f"d_model {self.d_model} cannot be shared among {self.num_heads} heads.",
                remedy="Choose d_model a multiple of num_heads.",
            )
        if self.positions == "sinusoid" and self.d_model % 2:
            raise UsageError(f"d_model {self.d_model} is odd; sinusoidal positions need an even one.")
        if not 0.0 <= self.dropout < 1.0:
            raise UsageError(f"dropout is {self.dropout!r}; it must be at least 0 and below 1.")
        if not 0.0 < self.norm_epsilon < 1.0:
            raise UsageError(f"norm_epsilon is {self.norm_epsilon!r}; it must be above 0 and below 1.")
        for name, legal in (("norm", NORMS), ("positions", POSITIONS), ("activation", ACTIVATIONS)):
            if getattr(self, name) not in legal:
                raise UsageError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(legal)}.")

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.num_heads

    @property
    def architecture(self) -> str:
        """The preset whose structure this is, or `custom`."""
        structure = (self.norm, self.positions, self.tied_output)
        return {("pre", "none", True): "aeolian", ("post", "sinusoid", False): "ancestor"}.get(structure, "custom")

    def as_dict(self) -> dict[str, Any]:
        """For `config.json`."""
        return dataclasses.asdict(self)


def preset(architecture: str, *, d_model: int, d_ff: int | None = None, **sizes: Any) -> ModelConfig:
    """The configuration of an architecture: `aeolian`, or `ancestor`, the Ambient Music Generator's of 2020.

    `d_ff` is by default 2·d_model for `aeolian` and d_model/2 for `ancestor`. `sizes`: further fields of
    `ModelConfig`. Raises UsageError.
    """
    if architecture == "aeolian":
        return ModelConfig(d_model=d_model, d_ff=d_ff or 2 * d_model, **AEOLIAN | sizes)
    if architecture == "ancestor":
        structure: dict[str, Any] = {"norm": "post", "positions": "sinusoid", "tied_output": False}
        return ModelConfig(d_model=d_model, d_ff=d_ff or max(1, d_model // 2), **structure, **sizes)
    raise UsageError(f"There is no architecture {architecture!r}; there are {', '.join(ARCHITECTURES)}.")


def read_config(folder: Path) -> ModelConfig:
    """The model's shape from `folder/config.json`. Raises UsageError, saying what is wrong with it."""
    path = folder / CONFIG_NAME
    if not folder.is_dir():
        raise UsageError(
            f"There is no model folder {folder}.", remedy="--load_path takes the folder that train.py wrote."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is no model folder: it has no {CONFIG_NAME}.",
            remedy="--load_path takes the folder that train.py wrote.",
        ) from None
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON: {error}.") from None
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or not isinstance(document.get("model"), dict)
    ):
        raise UsageError(f"{path} describes no model of ours: its `format` is not {FORMAT!r}.")
    fields = {field.name for field in dataclasses.fields(ModelConfig)}
    strange = sorted(set(document["model"]) - fields)
    if strange:
        raise UsageError(f"{path} has unknown fields: {', '.join(strange)}.", remedy="It may be of a later version.")
    try:
        return ModelConfig(**document["model"])
    except (UsageError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from None
