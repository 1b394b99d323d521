"""Words that are no text at all, and pipes that nobody reads any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AEOLIAN = str(Path(sys.executable).parent / "aeolian")


@pytest.mark.parametrize(
    "words", [["inspect", "repo"], ["get", "file"], ["stop", "job"], ["create", "repo"]], ids=" ".join
)
def test_bytes_that_are_no_utf_8_are_refused_in_one_sentence(terminal, words):
    terminal("create", "repo", "songs")
    terminal(*words, "\udcff\udc80", code=2)
    assert terminal.stderr.startswith("error: ") and terminal.stderr.count("\n") == 1


def test_a_reader_that_has_enough_ends_a_list_quietly(terminal, tmp_path):
    terminal("create", "repo", "songs")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [AEOLIAN, "list", "repo", "-o", "json"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
