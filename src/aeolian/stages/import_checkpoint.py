"""A checkpoint that others' code wrote → a model folder of ours, without TensorFlow."""

import logging
from dataclasses import dataclass
from pathlib import Path

from aeolian.errors import UsageError
from aeolian.stages.folders import output_folder, whole_file
from aeolian.stages.options import option

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Turns a checkpoint of the Ambient Music Generator (2020), or of Magenta's Onsets and Frames, into a model folder.

    The generator's folder holds config.json, ckpt.index and every ckpt.data-… file, Magenta's (maestro_checkpoint)
    model.ckpt.index and its data. generate and train take the one as it is, transcribe the other; the model folder is
    smaller (no optimizer) and has a card.
    """

    folder: Path = option(positional=True, help="The checkpoint's folder.")
    save_path: Path | None = option(None, help="The model folder to write; without it, FOLDER-imported.")


def run(config: Config) -> None:
    """Writes the model folder. Raises UsageError if the checkpoint is none, is incomplete or does not fit."""
    from aeolian.stages.model_folder import write_model
    from aeolian.transcription.onsets_and_frames.loading import find_checkpoint
    from aeolian.transformer.card import imported_card
    from aeolian.transformer.config import CONFIG_NAME
    from aeolian.transformer.loading import is_ancestors, load_model
    from aeolian.transformer.weights import count

    target = config.save_path or config.folder.with_name(f"{config.folder.resolve().name}-imported")
    if (prefix := find_checkpoint(config.folder)) is not None:
        _import_onsets_and_frames(prefix, target)
        return
    if not is_ancestors(config.folder):
        model, _ = load_model(config.folder)  # says what is wrong, if it is no model at all
        raise UsageError(f"{config.folder} is a model folder of ours already; there is nothing to import.")
    if target.exists() and target.resolve() == config.folder.resolve():
        raise UsageError(
            f"--save_path is the checkpoint's own folder, whose {CONFIG_NAME} would be lost.",
            remedy="Name another folder.",
        )
    model, weights = load_model(config.folder)
    output = output_folder(target)
    texts = {"README.md": imported_card(model)}
    write_model(output, model, weights, about={"imported_from": "Ambient Music Generator"}, texts=texts)
    log.info("import-checkpoint: %s parameters in %s", f"{count(model):,}", output)


def _import_onsets_and_frames(prefix: Path, folder: Path) -> None:
    from aeolian.transcription.onsets_and_frames.card import imported_card
    from aeolian.transcription.onsets_and_frames.loading import read_checkpoint
    from aeolian.transcription.onsets_and_frames.weights import count, write_model

    model, weights = read_checkpoint(prefix)
    output = output_folder(folder)
    write_model(output, model, weights, half=False, imported_from="Magenta, Onsets and Frames")
    with whole_file(output / "README.md") as path:
        path.write_text(imported_card(model), encoding="utf-8")
    log.info("import-checkpoint: %s parameters in %s", f"{count(model):,}", output)
