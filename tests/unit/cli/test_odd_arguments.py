"""Whatever stands on the command line, a command answers: one sentence and exit code 1 or 2, or what was asked for."""

import importlib
import json
import shutil

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeolian.cli.main import COMMANDS, main

SPEC = {
    "pipeline": {"name": "copy"},
    "datum_tries": 1,
    "transform": {"cmd": ["sh", "-c", 'cp "$songs" /pfs/out/']},
    "input": {"pfs": {"repo": "songs", "glob": "/*"}},
}
NOT_HERE = ("aeolian.cli.music", "aeolian.cli.evaluate")  # stages have tests of their own
ENDLESS = ("tend", "serve", "watch", "subscribe commit")
ODD = [
    "", " ", "-", "--", "@", ":", "/", ".", "..", "/..", "a@b@c", "songs@", "@master", "songs@:/", ":/a", "%", "_", "*",
    "[", "\\", "'", '"', "\n", "\t", "\x1b[31m", "\x7f", "💥", "ﬀ", "é", "\udcff\udc80", "a\x00b", "{}", "[]",
    "null", "%s%n", "--no-such-flag", "-z", "-1", "0", "1e309", "nan", "99999999999999999999999", "0x10",
    "true", "=", "a=b", "copy:=x",
    "x" * 300, "x" * 70_000, "songs@" + "^" * 500, "songs@master^99999999999999999999", "songs@master.-1", "/" * 5000,
    "http://", "http://[", "https://user:pw@127.0.0.1:1/x", "file:///etc/passwd", "env:", "~", "$HOME",
]  # fmt: skip
GOOD = [
    "songs", "songs@master", "songs@master:/", "songs@master:/a", "copy", "copy@master", "copy@{id}", "{id}",
    "songs@{id}", "songs@{id}:/a", "default/songs", "spec.json", "folder", "binary", "empty", "list.txt", "new",
    "new@dev:/x", "10m",
]  # fmt: skip


def leaves(table, words=()):
    """Every command of the table, with the words that call it."""
    for name, (first, second) in table.items():
        here = (*words, name) if name else words
        if isinstance(second, dict):
            yield from leaves(second, here)
        elif not first.startswith(NOT_HERE) and " ".join(here) not in ENDLESS:
            yield here, first


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with a small store and some files."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    (folder / "folder").mkdir()
    (folder / "folder" / "f").write_text("x")
    (folder / "binary").write_bytes(bytes(range(256)) * 20)
    (folder / "empty").write_bytes(b"")
    (folder / "list.txt").write_text("binary\nnone\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("AEOLIAN_HOME", str(folder / "home"))
        call = CliRunner().invoke
        assert call(main, ["create", "repo", "songs"]).exit_code == 0
        assert call(main, ["put", "file", "songs@master:/a", "-f", "empty"]).exit_code == 0
        assert call(main, ["create", "pipeline", "-f", "spec.json"]).exit_code == 0
        id_ = json.loads(call(main, ["list", "job", "-o", "json"]).stdout)[0]["id"]
    return folder, [text.format(id=id_) for text in GOOD]


def documents(text):
    decoder, place = json.JSONDecoder(), 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        _, place = decoder.raw_decode(text, place)


@pytest.mark.parametrize(("words", "where"), [pytest.param(w, f, id=" ".join(w)) for w, f in leaves(COMMANDS)])
def test_a_command_answers_whatever_its_arguments_are(words, where, prepared, tmp_path, monkeypatch):
    folder, good = prepared
    module, _, attribute = where.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    options = [param for param in command.params if isinstance(param, click.Option)]
    values = st.sampled_from(ODD + good * 2)

    @st.composite
    def arguments(draw):
        found = draw(st.lists(values, max_size=sum(isinstance(p, click.Argument) for p in command.params) + 1))
        for option in draw(st.lists(st.sampled_from(options), max_size=3)) if options else ():
            choices = list(option.type.choices) if isinstance(option.type, click.Choice) else []
            value = draw(st.sampled_from(choices * 20 + ODD)) if choices else draw(values)
            found += [option.opts[-1]] if option.is_flag else [option.opts[-1], value]
        return found

    @settings(max_examples=14, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(arguments(), st.sampled_from([b"", b"{", b"a: [", json.dumps(SPEC).encode(), bytes(range(256))]))
    def answers(given_words, stdin):
        here = tmp_path / "here"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(folder, here, symlinks=True)
        monkeypatch.chdir(here)
        monkeypatch.setenv("AEOLIAN_HOME", str(here / "home"))
        monkeypatch.setenv("EDITOR", "true")
        typed = [*words, *given_words]
        result = CliRunner().invoke(main, typed, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(typed) from result.exception
        assert result.exit_code in (0, 1, 2), (typed, result.output)
        assert result.exit_code == 0 or result.stderr.strip(), typed
        if result.exit_code == 0 and "json" in given_words and "-o" in given_words and "--help" not in given_words:
            documents(result.stdout)

    answers()
