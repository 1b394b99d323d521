"""What a shell is offered when it completes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from aeolian.cli.main import COMMANDS, main


def offered(*words, incomplete=""):
    completion = ShellComplete(main, {}, "aeolian", "_AEOLIAN_COMPLETE")
    return [item.value for item in completion.get_completions(list(words), incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ((), "re", ["rerun", "restart", "render"]),
        (("stop",), "", ["pipeline", "job"]),
        (("wait",), "", ["job"]),
        (("create",), "s", ["secret"]),
        (("list", "job"), "--hi", ["--history"]),
        (("list", "pipeline", "--state"), "st", ["starting", "standby"]),
        (("wait", "job"), "--ra", ["--raw"]),
        (("logs",), "--f", ["--follow"]),
    ],
)
def test_commands_options_and_choices_are_offered(words, incomplete, expected):
    found = offered(*words, incomplete=incomplete)
    assert set(expected) <= set(found)


def test_every_command_of_the_table_is_offered_and_nothing_without_a_name():
    assert offered() == list(COMMANDS)
    for name, (_, second) in COMMANDS.items():
        if isinstance(second, dict):
            assert offered(name) == [word for word in second if word]


def test_the_shell_gets_them():
    environment = os.environ | {
        "_AEOLIAN_COMPLETE": "bash_complete",
        "COMP_WORDS": "aeolian restart ",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "aeolian"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["plain,pipeline", "plain,datum"]
