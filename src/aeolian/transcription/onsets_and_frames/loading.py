"""A model's folder, whoever wrote it: ours, or Magenta's training."""

import hashlib
from pathlib import Path

from aeolian.errors import InputError, UsageError
from aeolian.formats.tf_checkpoint import Checkpoint, find_prefix
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.onsets_and_frames.magenta_import import converted, is_magenta, is_state_of_training
from aeolian.transcription.onsets_and_frames.weights import CONFIG_NAME, WEIGHTS_NAME, Weights, read_model


def load_model(folder: Path) -> tuple[ModelConfig, Weights, str]:
    """The model in `folder`, and what tells it from others: the name of the file with its weights, and its hash.

    Raises `UsageError` if there is none, or one that is incomplete, damaged or of another kind.
    """
    if not (folder / CONFIG_NAME).is_file() and (prefix := find_checkpoint(folder)):
        config, weights = read_checkpoint(prefix)
        path = prefix.with_name(f"{prefix.name}.index")
    else:
        config, weights = read_model(folder)
        path = folder / WEIGHTS_NAME
    return config, weights, f"{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def find_checkpoint(folder: Path) -> Path | None:
    """The prefix of Magenta's checkpoint in `folder`, or in its folder `train`, as the published archive has it.

    None if there is none. Raises `UsageError` if there are several, or one that cannot be read.
    """
    for place in (folder, folder / "train"):
        try:
            prefix = find_prefix(place) if place.is_dir() else None
            if prefix and is_magenta(Checkpoint(prefix).variables):
                return prefix
        except InputError as error:
            raise _unusable(place, error) from None
    return None


def read_checkpoint(prefix: Path) -> tuple[ModelConfig, Weights]:
    """The model in Magenta's checkpoint, complete: see `magenta_import.converted`. Raises `UsageError` if it is not."""
    try:
        checkpoint = Checkpoint(prefix)
        names = [name for name in checkpoint.variables if not is_state_of_training(name)]
        return converted({name: checkpoint.array(name) for name in names})
    except InputError as error:
        raise _unusable(prefix, error) from None


def _unusable(where: Path, error: InputError) -> UsageError:
    return UsageError(f"The checkpoint {where} cannot be used: {error.what.rstrip('.')}.", remedy=error.remedy)
