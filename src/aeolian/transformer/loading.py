"""A model folder, whoever wrote it: ours, or the ancestor's."""

import json
from pathlib import Path

from aeolian.transformer import ancestor
from aeolian.transformer.config import CONFIG_NAME, ModelConfig, read_config
from aeolian.transformer.weights import Weights, read_weights


def load_config(folder: Path) -> ModelConfig:
    """The shape of the model in `folder`. Raises UsageError, saying what is wrong with its config.json."""
    document = _ancestors(folder)
    if document is None:
        return read_config(folder)
    return ancestor.config_of(document, str(folder / CONFIG_NAME))


def load_model(folder: Path) -> tuple[ModelConfig, Weights]:
    """The model in `folder`: its shape and its weights, by the names of `weights.expected_shapes`, as float32.

    Raises UsageError for a folder that holds none, and for a model that is incomplete, damaged or of other shapes.
    """
    config, document = load_config(folder), _ancestors(folder)
    if document is None:
        return config, read_weights(folder, config)
    return config, ancestor.read_weights(folder, config, document["vocab_size"])


def is_ancestors(folder: Path) -> bool:
    """Whether the ancestor's code wrote the folder's config.json."""
    return _ancestors(folder) is not None


def _ancestors(folder: Path) -> dict[str, int] | None:
    try:
        document = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # read_config says why
    return document if ancestor.is_ancestors(document) else None
