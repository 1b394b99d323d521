"""A checkpoint that others' code wrote → a model folder of ours, without TensorFlow."""

import logging
from dataclasses import dataclass
from pathlib import Path

from aeolian.errors import UsageError
from aeolian.stages.folders import output_folder
from aeolian.stages.options import option

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Turns a checkpoint of the Ambient Music Generator of 2020 into a model folder.

    The folder holds config.json, ckpt.index and every ckpt.data-… file. generate and train take such a folder as it
    is; the model folder is smaller (no optimizer) and has a card.
    """

    folder: Path = option(positional=True, help="The checkpoint's folder.")
    save_path: Path = option(help="The model folder to write.")


def run(config: Config) -> None:
    """Writes the model folder. Raises UsageError if the checkpoint is none, is incomplete or does not fit."""
    from aeolian.stages.model_folder import write_model
    from aeolian.transformer.card import imported_card
    from aeolian.transformer.config import CONFIG_NAME
    from aeolian.transformer.loading import is_ancestors, load_model
    from aeolian.transformer.weights import count

    if not is_ancestors(config.folder):
        model, _ = load_model(config.folder)  # says what is wrong, if it is no model at all
        raise UsageError(f"{config.folder} is a model folder of ours already; there is nothing to import.")
    if config.save_path.exists() and config.save_path.resolve() == config.folder.resolve():
        raise UsageError(
            f"--save_path is the checkpoint's own folder, whose {CONFIG_NAME} would be lost.",
            remedy="Name another folder.",
        )
    model, weights = load_model(config.folder)
    output = output_folder(config.save_path)
    texts = {"README.md": imported_card(model)}
    write_model(output, model, weights, about={"imported_from": "Ambient Music Generator"}, texts=texts)
    log.info("import-checkpoint: %s parameters in %s", f"{count(model):,}", output)
