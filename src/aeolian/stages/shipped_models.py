"""Models by name: the folders in `trained-models/`, beside the code in a checkout and at the root of an image.

`$AEOLIAN_MODELS` names another folder of models, which is looked through first.
"""

import os
from pathlib import Path

from aeolian.errors import UsageError
from aeolian.transformer.config import CONFIG_NAME

MODELS_VARIABLE = "AEOLIAN_MODELS"
# src/aeolian/stages in a checkout, /app/aeolian/stages in an image.
_BESIDE_THE_CODE = Path(__file__).resolve().parents[3] / "trained-models"


def shipped_models() -> dict[str, Path]:
    """Name and folder of every model that can be asked for by its name."""
    roots = [_BESIDE_THE_CODE]
    if os.environ.get(MODELS_VARIABLE):
        roots.append(Path(os.environ[MODELS_VARIABLE]))
    found: dict[str, Path] = {}
    for root in roots:
        found |= {path.parent.name: path.parent for path in root.glob(f"*/{CONFIG_NAME}")}
    return dict(sorted(found.items()))


def find_model(path: Path) -> Path:
    """The folder that `--load_path` means: `path` where there is one, else the model of that name.

    Raises UsageError, naming what there is, if `path` is a bare name and no model has it.
    """
    if path.exists() or len(path.parts) != 1:
        return path
    models = shipped_models()
    if path.name in models:
        return models[path.name]
    there = f"there are {', '.join(models)}" if models else "there is none"
    raise UsageError(
        f"There is no model folder {path}, nor a model of that name: {there}.",
        remedy="--load_path takes a folder that train.py wrote, or such a name.",
    )
