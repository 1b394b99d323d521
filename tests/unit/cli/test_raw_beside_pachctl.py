"""`--raw` beside what pachctl 2.12.2 printed on a cluster for the same commands (`pachctl-2.12.2-raw.json`)."""

import json
from pathlib import Path

import pytest

RECORDED = json.loads((Path(__file__).parent / "pachctl-2.12.2-raw.json").read_text())
SPEC = {
    "pipeline": {"name": "plcopy"},
    "autoscaling": True,
    "sidecar_resource_requests": {"cpu": 0.01, "memory": "64Mi"},
    "resource_requests": {"cpu": 0.01, "memory": "64Mi"},
    "datum_tries": 2,
    "datum_timeout": "600s",
    "transform": {"image": "python:3.11-slim-bookworm", "cmd": ["sh"], "stdin": ["cp -r $plsongs /pfs/out/"]},
    "input": {"pfs": {"repo": "plsongs", "glob": "/*"}},
}
COMMANDS = {
    "list-repo": ("list", "repo"),
    "inspect-repo": ("inspect", "repo", "plsongs"),
    "inspect-commit": ("inspect", "commit", "plsongs@master"),
    "list-commit-branch": ("list", "commit", "plsongs@master"),
    "list-file": ("list", "file", "plsongs@master"),
    "inspect-file": ("inspect", "file", "plsongs@master:/d/a.txt"),
    "inspect-pipeline": ("inspect", "pipeline", "plcopy"),
    "list-job-p": ("list", "job", "-p", "plcopy"),
    "inspect-job": ("inspect", "job", "plcopy"),
    "list-job": ("list", "job"),
    "list-datum": ("list", "datum", "plcopy"),
    "list-datum-f": ("list", "datum", "-f", "spec.json"),
}
# What only a run on a cluster has, or has late (`size_bytes_upper_bound`), by the last parts of its path.
NOT_HERE = {
    "created_at", "updated_at", "compacting_time", "validating_time", "committed", "size_bytes_upper_bound", "salt",
    "disk", "image_id", "pfs.commit", "stats", "direct_subvenance",
    "jobs[0].output_commit.branch",
}  # fmt: skip
# What is another value each time, or another hash.
CHANGES = (
    "id", "hash", "created", "started", "finishing", "finished", "created_at", "updated_at", "_time", "_json",
    "committed",
)  # fmt: skip


def leaves(value, path=""):
    """(path, value) of every value that holds no others."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from leaves(part, f"{path}[{place}]")
    else:
        yield path, value


def is_left_out(path):
    return any(path.endswith(f".{end}") or path == end or f".{end}." in f".{path}." for end in NOT_HERE)


@pytest.fixture
def songs(terminal, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    terminal("create", "repo", "plsongs", "--description", "of summer")
    terminal("put", "file", "plsongs@master:/d/a.txt", "-f", "-", stdin="one\n")
    terminal("create", "pipeline", "-f", "spec.json")
    return terminal


@pytest.mark.parametrize("name", RECORDED)
def test_the_same_fields_with_the_same_values(songs, name):
    decoder = json.JSONDecoder()
    theirs = dict(leaves(RECORDED[name][0]))
    text = songs(*COMMANDS[name], "--raw")
    wanted = "plcopy" if "plcopy" in json.dumps(RECORDED[name][0].get("pipeline", "")) else "plsongs"
    ours = {}
    while text.strip() and (not ours or wanted not in json.dumps(ours)):
        document, end = decoder.raw_decode(text)
        ours, text = dict(leaves(document)), text[end:].lstrip()
    assert {path for path in ours if path not in theirs and not is_left_out(path)} == set(), (
        "fields that pachctl has not"
    )
    assert {path for path in theirs if path not in ours and not is_left_out(path)} == set(), "fields that we have not"
    for path in ours.keys() & theirs.keys():
        if not path.endswith(CHANGES):
            assert ours[path] == theirs[path], path
