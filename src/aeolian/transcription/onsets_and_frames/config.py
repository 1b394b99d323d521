"""What an Onsets and Frames model is made of: everything needed to build it anew.

Papers: C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription" (ISMIR 2018), and "Enabling
Factorized Piano Music Modeling and Generation with the MAESTRO Dataset" (ICLR 2019), which adds the offsets and the
sizes used here. Where they are silent: `magenta.models.onsets_frames_transcription`, `model.get_default_hparams` and
`configs`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from aeolian.errors import UsageError
from aeolian.transcription import mel

LOWEST_PITCH = 21
PITCHES = 88
FORMAT = "aeolian-onsets-and-frames-1"
# The four convolutional stacks, each with a head of 88 outputs. "frame" is Magenta's "activation".
STACKS = ("onset", "offset", "velocity", "frame")
LSTM_STACKS = ("onset", "offset")


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of a model; the defaults are Magenta's, `full`.

    conv_filters: of the three 3x3 convolutions, each batch-normalised; conv_pools: how many mel bins the pool after
    each makes one (1: no pool); conv_dropouts and dense_dropout: shares dropped in training. onset_units, offset_units,
    combined_units: of the bidirectional LSTMs, in each direction. A velocity v of the model is played as
    velocity_scale · clip(v, 0, 1) + velocity_bias.
    """

    conv_filters: tuple[int, ...] = (48, 48, 96)
    conv_pools: tuple[int, ...] = (1, 2, 2)
    conv_dropouts: tuple[float, ...] = (0.0, 0.25, 0.25)
    dense_units: int = 768
    dense_dropout: float = 0.5
    onset_units: int = 256
    offset_units: int = 256
    combined_units: int = 256
    # slim.batch_norm's defaults.
    norm_momentum: float = 0.999
    norm_epsilon: float = 0.001
    velocity_scale: float = 80.0
    velocity_bias: float = 10.0
    # Whether an onset was taught to be in each frame near it (`training.labels`), or, as Magenta's, in those after it.
    onset_centred: bool = False
    # How long after its MIDI a note sounds, on average, where the model is used: notes are written as much earlier.
    latency_s: float = 0.0
    # The same of their ends; no note gets shorter than a frame by it.
    release_latency_s: float = 0.0
    # `predict_onset_threshold` and its kin; 0: offsets are not used.
    onset_threshold: float = 0.5
    frame_threshold: float = 0.5
    offset_threshold: float = 0.0

    def __post_init__(self) -> None:
        for name in ("conv_filters", "conv_pools", "conv_dropouts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not len(self.conv_filters) == len(self.conv_pools) == len(self.conv_dropouts) >= 1:
            raise UsageError("conv_filters, conv_pools and conv_dropouts must be of one length, at least 1.")
        sizes = [*self.conv_filters, *self.conv_pools, self.dense_units]
        sizes += [self.onset_units, self.offset_units, self.combined_units]
        if not all(isinstance(size, int) and 1 <= size <= 1 << 14 for size in sizes):
            raise UsageError("Every size of an Onsets and Frames model must be an integer from 1 to 16384.")
        if self.pooled_bins < 1:
            raise UsageError(f"conv_pools {self.conv_pools} leave nothing of {mel.MEL_BINS} mel bins.")

    @property
    def pooled_bins(self) -> int:
        """How many frequency bins are left after the pools; what does not fill a pool is dropped."""
        bins = mel.MEL_BINS
        for pool in self.conv_pools:
            bins //= pool
        return bins

    @property
    def flat_features(self) -> int:
        """What the dense layer of a stack sees of one frame."""
        return self.pooled_bins * self.conv_filters[-1]

    @property
    def context_frames(self) -> int:
        """How many frames to each side a stack's convolutions see."""
        return len(self.conv_filters)

    def lstm_units(self, stack: str) -> int | None:
        """Units a direction of the LSTM of a stack; None if it has none."""
        return {"onset": self.onset_units, "offset": self.offset_units}.get(stack)


PRESETS = {
    # Magenta's published hyper-parameters; its MAESTRO checkpoint fits.
    "full": ModelConfig(),
    # 5.4 million parameters instead of 22 million. Velocities are taught and played as v / 127; batch statistics settle
    # within a short training.
    "small": ModelConfig(
        conv_filters=(32, 32, 64),
        dense_units=256,
        dense_dropout=0.25,
        onset_units=192,
        offset_units=128,
        combined_units=128,
        norm_momentum=0.99,
        velocity_scale=127.0,
        velocity_bias=0.0,
        onset_centred=True,
    ),
}


def to_document(config: ModelConfig, **more: Any) -> dict[str, Any]:
    """The content of a model folder's `config.json`."""
    return {"format": FORMAT, "model": dataclasses.asdict(config), **more}


def from_document(document: Any, where: str) -> ModelConfig:
    """The configuration in a parsed `config.json`. Raises UsageError, naming `where`, if it is none of ours."""
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or not isinstance(document.get("model"), dict)
    ):
        raise UsageError(f"{where} is not of an Onsets and Frames model: its `format` is not {FORMAT!r}.")
    fields = {field.name for field in dataclasses.fields(ModelConfig)}
    strange = sorted(set(document["model"]) - fields)
    if strange:
        raise UsageError(f"{where} has unknown fields: {', '.join(strange)}.", remedy="It may be of a later version.")
    try:
        return ModelConfig(**document["model"])
    except (UsageError, TypeError) as error:
        raise UsageError(f"{where}: {error}") from None
