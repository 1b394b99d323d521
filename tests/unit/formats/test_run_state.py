import logging
from pathlib import Path

import numpy as np
import pytest

from aeolian.formats.run_state import STATE_NAME, State, read_state, remove_state, write_state

STATE = State({"weights/a": np.arange(3.0, dtype=np.float32), "step": np.array(7)}, {"epoch": 2, "sum": 0.1 + 0.2})


def test_a_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    write_state(tmp_path / "s", STATE, "run")
    back = read_state(tmp_path / "s", "run")
    assert back is not None
    assert back.progress == {"epoch": 2, "sum": 0.1 + 0.2}
    assert {name: array.tolist() for name, array in back.arrays.items()} == {"weights/a": [0, 1, 2], "step": 7}
    assert [path.name for path in (tmp_path / "s").iterdir()] == [STATE_NAME]
    remove_state(tmp_path / "s")
    assert not (tmp_path / "s").exists()
    remove_state(tmp_path / "s")


def test_nothing_another_run_s_and_a_damaged_state_start_afresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_state(tmp_path, "run") is None
    write_state(tmp_path, STATE, "run")
    with caplog.at_level(logging.INFO):
        assert read_state(tmp_path, "other") is None
    assert "of a run with other songs or settings" in caplog.text
    content = (tmp_path / STATE_NAME).read_bytes()
    for damaged in (b"", b"\x00" * 50, content[: len(content) - 4], b"garbage" * 20):
        (tmp_path / STATE_NAME).write_bytes(damaged)
        caplog.clear()
        assert read_state(tmp_path, "run") is None
        assert "cannot be read" in caplog.text


def test_a_write_that_died_leaves_the_old_state(tmp_path: Path) -> None:
    write_state(tmp_path, STATE, "run")
    (tmp_path / f".{STATE_NAME}.partial").write_bytes(b"half of a new one")
    back = read_state(tmp_path, "run")
    assert back is not None
    assert back.progress["epoch"] == 2
    remove_state(tmp_path)
    assert not tmp_path.exists()
