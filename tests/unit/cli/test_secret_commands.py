"""`aeolian … secret`: kept for the owner alone, handed to programs, shown by nothing."""

import base64
import json
import os
import stat

import pytest
import yaml

VALUE = "correct-horse-battery"
MANIFEST = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login"},
    "type": "Opaque",
    "data": {"token": base64.b64encode(VALUE.encode()).decode()},
    "stringData": {"user.name": "mara"},
}
PIPELINE = {
    "pipeline": {"name": "p"},
    "transform": {
        "cmd": ["sh", "-c", 'printf "%s %s" "${#T}" "$(cat "$0"/user.name)" > /pfs/out/x', "/creds"],
        "secrets": [{"name": "login", "key": "token", "env_var": "T"}, {"name": "login", "mount_path": "/creds"}],
    },
    "input": {"pfs": {"repo": "songs", "glob": "/"}},
}


@pytest.fixture
def kept(terminal, tmp_path):
    (tmp_path / "login.json").write_text(json.dumps(MANIFEST))
    terminal("create", "secret", "-f", "login.json")
    return terminal


def everything(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_secret_is_listed_and_inspected_without_its_values(kept):
    said = [
        kept("list", "secret"),
        kept("inspect", "secret", "login"),
        kept("list", "secret", "-o", "json"),
        kept("inspect", "secret", "login", "--raw"),
    ]
    assert all("login" in text and VALUE not in text and "mara" not in text for text in said)
    assert kept.json("inspect", "secret", "login")["keys"] == ["token", "user.name"]
    found = json.loads(said[3])
    assert found.pop("creation_timestamp").endswith("Z")
    assert found == {"secret": {"name": "login"}, "type": "Opaque"}


def test_only_its_owner_can_read_it_whatever_the_umask(terminal, tmp_path):
    before = os.umask(0)
    try:
        terminal("create", "secret", "-f", "-", stdin=yaml.safe_dump(MANIFEST))
    finally:
        os.umask(before)
    folder = tmp_path / "home" / "secrets"
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (folder / "login" / "data" / "token").read_text() == VALUE


def test_a_program_gets_it_and_nothing_else_of_the_store_has_it(kept, tmp_path):
    kept("create", "repo", "songs")
    kept("put", "file", "songs@master:/a", "-f", "-", stdin="one")
    kept("create", "pipeline", stdin=json.dumps(PIPELINE))
    assert kept("get", "file", "p@master:/x") == f"{len(VALUE)} mara"
    kept("gc")
    kept("fsck")
    with_it = [path for path in everything(tmp_path / "home") if VALUE.encode() in path.read_bytes()]
    assert with_it == [tmp_path / "home" / "secrets" / "login" / "data" / "token"]
    assert kept("inspect", "secret", "login")


def test_what_secret_says_wins(kept, tmp_path):
    kept("create", "repo", "songs")
    kept("put", "file", "songs@master:/a", "-f", "-", stdin="one")
    (tmp_path / "other").write_text("abc\n")
    kept("create", "pipeline", "--secret", "login:token=other", stdin=json.dumps(PIPELINE))
    assert kept("get", "file", "p@master:/x") == "3 mara"


def test_a_secret_is_forgotten_and_its_jobs_fail(kept, tmp_path):
    kept("delete", "secret", "login")
    assert kept.json("list", "secret") == [] and everything(tmp_path / "home" / "secrets") == []
    kept("inspect", "secret", "login", code=2)
    kept("delete", "secret", "login", code=2)
    kept("create", "repo", "songs")
    kept("put", "file", "songs@master:/a", "-f", "-", stdin="one")
    kept("create", "pipeline", stdin=json.dumps(PIPELINE), code=1)
    assert "The secret login:token is needed" in kept.stderr


def test_a_name_is_taken_once(kept):
    kept("create", "secret", "-f", "login.json", code=2)
    assert "secret login already exists." in kept.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ConfigMap"}, 'kind is not "Secret"'),
        ({"metadata": {}}, "metadata.name must be"),
        ({"metadata": {"name": "../x"}}, "metadata.name must be"),
        ({"metadata": {"name": ".partial-x"}}, "metadata.name must be"),
        ({"metadata": "x"}, "metadata.name must be"),
        ({"data": {"token": VALUE}}, "data.token is not base64"),
        ({"data": {"token": 5}}, "data.token must be text"),
        ({"data": [VALUE]}, "data must be an object"),
        ({"data": {"../x": ""}}, "data has a key"),
        ({"stringData": {"..": VALUE}}, "stringData has a key"),
        ({"type": 5}, "type must be text"),
        ({"datas": {"token": VALUE}}, "datas is no field"),
    ],
)
def test_a_wrong_manifest_is_refused_without_repeating_it(terminal, change, message):
    terminal("create", "secret", "-f", "-", stdin=json.dumps(MANIFEST | change), code=2)
    assert message in terminal.stderr and VALUE not in terminal.stderr


@pytest.mark.parametrize(
    "text", ["", "[]", VALUE, f"{{{VALUE}", f"a: b: {VALUE}", f"\t{VALUE}: x", "\x00", "a: &a [*a]"]
)
def test_what_is_no_manifest_is_refused_without_repeating_it(terminal, text):
    terminal("create", "secret", "-f", "-", stdin=text, code=2)
    assert "The secret's manifest" in terminal.stderr and VALUE not in terminal.stderr
