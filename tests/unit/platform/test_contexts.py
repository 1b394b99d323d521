"""Contexts: this machine, and those of pachctl's own file."""

import base64
import json
import stat

import pytest
from click.testing import CliRunner

from aeolian.cli.main import main
from aeolian.errors import UsageError
from aeolian.platform import contexts
from aeolian.platform.contexts import add_context, find_context, parse_pachd_address, use_context


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("PACH_CONFIG", str(tmp_path / "pachyderm" / "config.json"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AEOLIAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AEOLIAN_CONTEXT", raising=False)


def ask(*words):
    result = CliRunner().invoke(main, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grpc://h:1", ("h:1", False)),
        ("grpcs://h:1", ("h:1", True)),
        ("https://h", ("h:443", True)),
        ("http://h", ("h:30650", False)),
        ("h", ("h:30650", False)),
        ("10.0.0.1:5", ("10.0.0.1:5", False)),
        ("grpc://[::1]:5", ("[::1]:5", False)),
    ],
)
def test_addresses(text, expected):
    assert parse_pachd_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "grpc://", "ftp://h", "grpc://h:x", "grpc://h/path", "grpc://u@h", "grpc://h:99999"]
)
def test_what_is_no_address(text):
    with pytest.raises(UsageError, match="no address"):
        parse_pachd_address(text)


def test_without_a_file_there_is_this_machine():
    assert contexts.list_contexts() == ["local"]
    assert contexts.active_context() == "local"
    with pytest.raises(UsageError, match="There is no context 'x'; there are: local"):
        find_context("x")


def test_a_context_is_written_as_pachctl_has_it_and_read_again(tmp_path):
    add_context("mine", "grpc://h:1", token="t", certificates=b"PEM", project="music")
    file = tmp_path / "pachyderm" / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = json.loads(file.read_text())
    assert written["v2"]["active_context"] == "mine"
    assert written["v2"]["contexts"]["mine"] == {
        "pachd_address": "grpc://h:1",
        "project": "music",
        "session_token": "t",
        "server_cas": base64.b64encode(b"PEM").decode(),
    }
    assert len(written["user_id"]) == 32
    # Certificates mean TLS, whatever the address says, as for pachctl.
    assert find_context("mine") == contexts.Context("mine", "h:1", True, b"PEM", "t", "music")
    with pytest.raises(UsageError, match="already"):
        add_context("mine", "grpc://h:2")
    add_context("mine", "grpc://h:2", overwrite=True)
    assert find_context("mine").address == "h:2"


def test_what_pachctl_wrote_besides_is_kept(tmp_path):
    file = tmp_path / "pachyderm" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"user_id": "u", "v2": {"metrics": True, "active_context": "a", "contexts": {"a": {}}}}))
    add_context("b", "grpc://h:1")
    written = json.loads(file.read_text())
    assert (written["user_id"], written["v2"]["metrics"], written["v2"]["active_context"]) == ("u", True, "a")
    assert contexts.list_contexts() == ["local", "a", "b"]
    assert find_context("a").address == "localhost:30650"


@pytest.mark.parametrize("name", ["local", "", "a/b", " a"])
def test_names_that_cannot_be(name):
    with pytest.raises(UsageError, match="cannot name a context"):
        add_context(name, "grpc://h:1")


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_file_that_is_broken_is_named(tmp_path, content):
    file = tmp_path / "pachyderm" / "config.json"
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(UsageError, match=r"config\.json"):
        contexts.list_contexts()


@pytest.mark.parametrize("content", ['{"v2": 1}', '{"v2": {"contexts": []}}', '{"v2": {"contexts": {"a": 1}}}', "{}"])
def test_a_file_without_contexts_has_none(tmp_path, content):
    file = tmp_path / "pachyderm" / "config.json"
    file.parent.mkdir()
    file.write_text(content)
    assert contexts.list_contexts() == ["local"]


def test_what_goes_before_what(monkeypatch):
    add_context("kept", "grpc://h:1")
    use_context("kept")
    assert contexts.active_context() == "kept"
    monkeypatch.setenv("AEOLIAN_CONTEXT", "local")
    assert contexts.active_context() == "local"
    with pytest.raises(UsageError):
        use_context("none")


def test_the_commands():
    assert ask("context", "add", "mine", "--address", "grpc://127.0.0.1:1")[0] == 0
    code, out, _ = ask("context", "list", "-o", "json")
    assert code == 0
    assert [(each["name"], each["active"]) for each in json.loads(out)] == [("local", True), ("mine", False)]
    assert ask("context", "use", "mine")[0] == 0
    code, out, _ = ask("context", "list")
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("*")] == [["*", "mine"]]
    assert ask("context", "use", "none")[0] == 2


@pytest.mark.parametrize("where", [("--context", "local", "list", "repo"), ("list", "repo", "--context", "local")])
def test_the_context_is_named_before_or_behind_a_command(where):
    add_context("mine", "grpc://127.0.0.1:1")
    use_context("mine")
    assert ask("--context", "local", "create", "repo", "r")[0] == 0
    code, out, _ = ask(*where)
    assert code == 0
    assert out.splitlines()[1].startswith("r ")


def test_what_only_this_machine_has_says_so():
    add_context("mine", "grpc://127.0.0.1:1")
    code, _, err = ask("gc", "--context", "mine")
    assert code == 2
    assert "of this machine; the context is mine" in err


def test_an_address_at_which_nobody_answers(monkeypatch):
    connection = pytest.importorskip("aeolian.cluster.connection", reason="needs pachyderm-sdk")
    monkeypatch.setattr(connection, "_CONNECT_S", 0.5)
    code, out, err = ask("--context", "grpc://127.0.0.1:1", "list", "repo")
    assert (code, out) == (1, "")
    assert "No pachd answers at 127.0.0.1:1" in err
    assert "context use local" in err
