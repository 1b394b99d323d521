# ruff: noqa: E501
"""What the specs' tests ask: specs with every field, each of their values changed to wrong ones, and documents."""

import copy
import json
from collections.abc import Iterator
from typing import Any

RESOURCES = {"cpu": 0.5, "memory": "64Mi", "gpu": {"type": "nvidia.com/gpu", "number": 1}, "disk": "1Gi"}
PFS = {
    "project": "default",
    "name": "in",
    "repo": "songs",
    "repo_type": "user",
    "branch": "master",
    "glob": "/(*)",
    "join_on": "$1",
    "outer_join": True,
    "group_by": "$1",
    "lazy": False,
    "empty_files": True,
    "s3": False,
    "trigger": {"branch": "dev", "all": True, "rate_limit_spec": "@daily", "size": "1M", "commits": 2, "cron_spec": ""},
    "propagation_spec": {"never": True},
    "reference": True,
}
CRON = {
    "name": "tick",
    "project": "default",
    "repo": "ticks",
    "commit": "",
    "spec": "@daily",
    "overwrite": True,
    "start": "2030-01-31T12:00:00Z",
}
FULL: dict[str, Any] = {
    "pipeline": {"name": "p", "project": {"name": "default"}},
    "transform": {
        "image": "x:1",
        "cmd": ["a", "b"],
        "err_cmd": ["a"],
        "env": {"A": "b"},
        "secrets": [{"name": "s", "key": "k", "mount_path": "/m", "env_var": "V"}],
        "image_pull_secrets": ["s"],
        "stdin": ["a"],
        "err_stdin": ["a"],
        "accept_return_code": [1],
        "debug": True,
        "user": "u",
        "working_dir": "/w",
        "dockerfile": "d",
        "memory_volume": True,
        "datum_batching": True,
    },
    "parallelism_spec": {"constant": 1},
    "egress": {"URL": "s3://b", "sql_database": {"url": "u", "file_format": {"type": "CSV", "columns": ["c"]}}},
    "update": True,
    "output_branch": "out",
    "s3_out": False,
    "resource_requests": {"cpu": 0.5},
    "resource_limits": RESOURCES,
    "sidecar_resource_limits": {"memory": "64Mi"},
    "sidecar_resource_requests": {"disk": "1Gi"},
    "input": {"cross": [{"pfs": PFS}, {"cron": CRON}]},
    "description": "d",
    "reprocess": False,
    "datum_set_spec": {"number": 1, "size_bytes": 2, "per_worker": 0},
    "datum_timeout": "600s",
    "job_timeout": "1.5s",
    "salt": "s",
    "datum_tries": 3,
    "scheduling_spec": {"node_selector": {"a": "b"}, "priority_class_name": "c"},
    "pod_spec": "{}",
    "pod_patch": "[]",
    "spec_commit": {"id": "a", "repo": {"name": "r", "type": "user", "project": {"name": "default"}}},
    "metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
    "reprocess_spec": "every_job",
    "autoscaling": True,
    "tolerations": [{"key": "k", "operator": "EXISTS", "value": "", "effect": "NO_EXECUTE", "toleration_seconds": 9}],
    "dry_run": False,
    "determined": {"workspaces": ["w"]},
    "maximum_expected_uptime": "3600s",
}
FULL["egress"]["sql_database"]["secret"] = {"name": "n", "key": "k"}
SERVICE = {
    "pipeline": {"name": "s"},
    "transform": {"cmd": ["a"]},
    "service": {"internal_port": 80, "external_port": 81, "ip": "1.2.3.4", "type": "NodePort"},
    "spout": {"service": {"internal_port": 80, "type": "ClusterIP"}},
    "egress": {"object_storage": {"url": "s3://b"}},
}
MINIMAL = {"pipeline": {"name": "p"}, "transform": {"cmd": ["a"]}, "input": {"pfs": {"repo": "a", "glob": "/*"}}}
NESTED = {
    "pipeline": {"name": "n"},
    "transform": {"cmd": ["a"]},
    "input": {"join": [{"group": [{"union": [{"pfs": {"repo": "a", "glob": "/*"}}]}]}]},
}
_DEEP: list[Any] = []
for _ in range(60):
    _DEEP = [_DEEP]
WRONG: list[Any] = [
    None, True, 5, -1, 3.0, 3.5, 0, 10**30, 1e300, "Infinity", "", "x", "3", "3.0", " 3", "3.5", "10m", "2s",
    "-1s", ".s", "1.0123456789s", "400000000000s", "EXISTS", "Exists", "2030-01-01", "{", "NaN", [], [None], ["x"], [5], [{}],
    [[]], {}, {"x": 1}, {"name": 5}, {"a": "b"}, {"a": None}, _DEEP, "a" * 70, "ü", "/",
]  # fmt: skip


def mutate_specs() -> Iterator[dict[str, Any]]:
    """Each value of each full spec in turn as each of `WRONG`, or as a second spelling or unknown field beside it."""
    for spec in (FULL, SERVICE, NESTED):
        for place in _places(spec, ()):
            part = MINIMAL | {place[0]: spec[place[0]]} if spec is FULL else spec
            for wrong in WRONG:
                yield _with(part, place, wrong)
            if isinstance(place[-1], str):
                camel = "".join(part.title() if index else part for index, part in enumerate(place[-1].split("_")))
                for name in (place[-1].upper(), place[-1] + "x", camel):
                    yield _with(part, (*place[:-1], name), _at(spec, place))


def _places(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(part, (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        value = value[part]
    return value


def _with(spec: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(spec)
    _at(changed, place[:-1])[place[-1]] = copy.deepcopy(value)
    return changed


_HEAD = "pipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: in, glob: /}}\n"
_ONE = json.dumps({"pipeline": {"name": "a"}})
_VALUES = [
    *[r"yes", r"no", r"on", r"off", r"y", r"n", r"Yes", r"NO", r"true", r"True", r"TRUE", r"tRue", r"~", r"null", r"Null", r"nuLL", r"0", r"-0", r"+0", r"00", r"01", r"08", r"0o7", r"0x1F", r"0b1", r"-1", r"+1", r"1_000", r"1__0", r"1.", r".5", r"-.5", r"+.5", r"1.5", r"1e3", r"1E3", r"1e+3", r"1.5e-3", r".inf", r"-.Inf", r".nan", r".NaN", r"nan", r"inf", r"1e400", r"99999999999999999999", r"123456789012345678901234567890", r"2019-10-10", r"2019-13-10", r"2019-1-1", r"2019-10-10T22:30:05Z", r"2019-10-10t22:30:05+01:00", r"2019-10-10T22:30:05", r"22:30:05", r"1:2", r"<<", r"*x", r"&x", r"!!str", r"!", r'"5"', r"'5'", r'"yes"', r"=", r"-", r"--", r"---", r"...", r"?", r":", r":x", r"x:", r'"a\tb"', r'"\u00e9"', r'"\ud83d\ude00"', r'"\/"', r'"\x41"', r'"\q"', r"é", r"@x", r"`x", r"%x", r"|", r">", r"[]", r"{}", r"[1]", r"#x", r"x#y", r'a"b', r"'a''b'"],
    "2019-10-10 22:30:05", "'2019-10-10 22:30:05'", "!!str 5", '!!int "5"', "!!int x", "!!bool yes", "!!bool true", "!!float 1",
    "!!null x", "!!binary aGk=", "!foo x", "! 5", "{a: 1}", "'x #y'", "x #y", "a b", "a: b", "'a", '"a', "[", "]", "\t5", "5\t",
]  # fmt: skip
DOCUMENTS = [
    "", "\n\n", "# nothing\n", "---\n", "--- \n...\n", _HEAD, "---\n" + _HEAD, _HEAD + "---\n", _HEAD + "...\n", _HEAD + "---\n" + _HEAD,
    _ONE + "\n---\n" + _ONE, _ONE + "\n" + _ONE, _ONE + _ONE, f"[{_ONE}, {_ONE}]", f"[{_ONE}]\n---\n{_ONE}", f"[{_ONE},]", f"- {_ONE}\n- {_ONE}\n",
    '{"pipeline":{"name":"a",},}', '{"pipeline":{"name":"a"},,}', '{"pipeline":{"name":"a"}', '{"pipeline":{"name":"a"}}}', "x", "5", "null",
    '{"pipeline":{"name":"a"}, "description": "x" "y"}', "{pipeline: {name: a}, description}", '{"$schema": "x", "pipeline": {"name": "a"}}',
    "pipeline: {name: a, $schema: 5}\n", "pipeline: {name: a}\npipeline: {name: b}\n", "pipeline: {name: a, name: b}\n",
    "pipeline: &p {name: a}\ndescription: &d x\nsalt: *d\n", "pipeline: {name: a}\nmetadata: {labels: {<<: {a: b}}}\n", "1: x\n", "true: x\n", "~: x\n", "? [a]\n: x\n",
    "pipeline:\n\tname: a\n", "pipeline:\t{name: a}\n", "{\n\t\"pipeline\": {\n\t\t\"name\": \"a\"\n\t}\n}\n", "pipeline: {name: a}\t# x\n", "pipeline: {name:\ta}\n",
    "pipeline: {name: a}\ndescription: |\n  a\tb\n  c\n", "pipeline: {name: a}\ndescription: >-\n  a\n  b\n", "%YAML 1.1\n---\npipeline: {name: a}\n", "\ufeff" + _ONE,
    "pipeline: {name: a}\r\ndescription: b\r\n", "pipeline:\n  name: a\n description: b\n", "pipeline: {name: a}\ntransform:\n  stdin:\n  - a\n  - no\n  - on\n  - 'y'\n",
    "pipeline: {name: a}\ntransform: {stdin: [no, yes, off, ~]}\n", "pipeline: {name: a}\ntransform: {env: {A: no, B: 1}}\n", "pipeline: {name: a}\ntransform: {env: {A: no, B: '1'}}\n",
    "pipeline: {name: a}\ntransform: {accept_return_code: [1, '2', 3.0]}\n", "[]", "[null]", "[[]]", "- pipeline: {name: a}\n- x\n", "pipeline: {name: \"a\x07\"}\n",
    *(f"pipeline: {{name: p}}\ndescription: {value}\n" for value in _VALUES),
    *(f"pipeline: {{name: p}}\ndatum_tries: {value}\n" for value in _VALUES),
    *(f"pipeline: {{name: p}}\nautoscaling: {value}\n" for value in _VALUES),
]  # fmt: skip
