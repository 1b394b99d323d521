"""Where a training keeps the state from which it goes on when it was killed."""

import hashlib
import os
import tempfile
from pathlib import Path

from aeolian.stages.report import in_worker

CHECKPOINTS_VARIABLE = "AEOLIAN_CHECKPOINTS"


def state_folder(save_path: Path, chosen: Path | None, fingerprint: str) -> Path:
    """`chosen`, where the user chose; else `.training` in the model folder `save_path`, until the run ends well.

    A worker's /pfs/out is thrown away with a killed datum, so a worker keeps it elsewhere, under a name of its own.
    """
    if chosen is not None:
        return chosen
    if not in_worker():
        return save_path / ".training"
    root = os.environ.get(CHECKPOINTS_VARIABLE) or Path(tempfile.gettempdir(), "aeolian-checkpoints")
    return Path(root, hashlib.sha256(fingerprint.encode()).hexdigest()[:16])
