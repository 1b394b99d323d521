"""What every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Whatever context this person works in: tests are of this machine, but for those that name another.
os.environ["AEOLIAN_CONTEXT"] = "local"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real MIDI and recordings that lie beside the project on its developers' machines."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name}/ beside the project (real MIDI and recordings); core tests do not")
    return folder
