"""The command line in a folder of its own."""

import json

import pytest
from click.testing import CliRunner

from aeolian.cli.main import main


class Terminal:
    """Types commands, and keeps what the last one said on stderr."""

    def __init__(self):
        self.stderr = ""

    def __call__(self, *words, code=0, stdin=None):
        result = CliRunner().invoke(main, list(words), input=stdin)
        assert result.exit_code == code, result.output
        self.stderr = result.stderr
        return result.stdout

    def json(self, *words, **options):
        return json.loads(self(*words, "-o", "json", **options))


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEOLIAN_HOME", str(tmp_path / "home"))
    return Terminal()
