"""Writing a model folder: what every one holds, in an order in which a folder with config.json is complete."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.music import vocabulary
from aeolian.stages.folders import whole_file
from aeolian.transformer.config import CONFIG_NAME, FORMAT, ModelConfig

if TYPE_CHECKING:
    from aeolian.transformer.weights import Weights


def write_model(
    folder: Path,
    model: ModelConfig,
    weights: "Weights",
    *,
    about: Mapping[str, Any],
    texts: Mapping[str, str],
    storage: str = "float32",
) -> None:
    """Weights, `vocabulary.json`, `texts` (name → content), and last `config.json`: the shape, with `about` beside it.

    Each file is whole or not there; equal arguments give equal bytes.
    """
    from aeolian.transformer.weights import WEIGHTS_NAME, write_weights

    document = {"format": FORMAT, "architecture": model.architecture, "model": model.as_dict(), **about}
    (folder / CONFIG_NAME).unlink(missing_ok=True)
    with whole_file(folder / WEIGHTS_NAME) as path:
        write_weights(path, weights, storage)
    for name, text in {
        **texts,
        "vocabulary.json": as_json(vocabulary.as_dict()),
        CONFIG_NAME: as_json(document),
    }.items():
        with whole_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def as_json(value: Any) -> str:
    """Indented, with sorted keys."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
