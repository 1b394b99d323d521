"""The state of a training run in one safetensors file, so that a killed run goes on as if nothing had happened.

The file is replaced as a whole (written beside, flushed to disk, renamed): whenever the process dies, either the
old state or the new one is there.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

STATE_NAME = "state.safetensors"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """`arrays`: everything numeric by name. `progress`: the rest, as JSON values."""

    arrays: Mapping[str, npt.NDArray[Any]]
    progress: Mapping[str, Any]


def write_state(folder: Path, state: State, fingerprint: str) -> None:
    """Replaces the state in `folder`. `fingerprint` tells which run (inputs and configuration) it belongs to."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{STATE_NAME}.partial"
    metadata = {"fingerprint": fingerprint, "progress": json.dumps(dict(state.progress), sort_keys=True)}
    save_file({name: np.asarray(a, order="C") for name, a in state.arrays.items()}, partial, metadata=metadata)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(folder / STATE_NAME)


def read_state(folder: Path, fingerprint: str) -> State | None:
    """The state in `folder`, or None if there is none, or one of another run, or a damaged one (told in the log)."""
    path = folder / STATE_NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                log.info("%s is of a run with other songs or settings; this run starts afresh.", path)
                return None
            progress = json.loads(metadata["progress"])
            return State({name: file.get_tensor(name) for name in file.keys()}, progress)  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        log.warning("%s cannot be read (%s); this run starts afresh.", path, error)
        return None


def remove_state(folder: Path) -> None:
    """Removes what `write_state` wrote, and the folder if nothing else is in it."""
    for name in (STATE_NAME, f".{STATE_NAME}.partial"):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
