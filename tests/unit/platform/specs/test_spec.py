import json

import pytest

from aeolian.errors import UsageError
from aeolian.platform.specs.durations import go_seconds, seconds
from aeolian.platform.specs.fields import ENUMS, MESSAGES, NOT_APPLIED
from aeolian.platform.specs.files import parse_documents, read_specs
from aeolian.platform.specs.spec import parse, store_text
from aeolian.platform.specs.triggers import Trigger

GOOD = {
    "pipeline": {"name": "p"},
    "transform": {"image": "aeolian/x:1", "cmd": ["x"]},
    "input": {"pfs": {"repo": "in", "glob": "/*"}},
}


def spec_of(document):
    return parse(parse_documents(json.dumps(document), "test.json")[0])


def with_(path: str, value: object) -> dict:
    document = json.loads(json.dumps(GOOD))
    node = document
    *parents, last = path.split(".")
    for part in parents:
        node = node.setdefault(part, {})
    node[last] = value
    return document


def fault(document: object) -> str:
    with pytest.raises(UsageError) as error:
        parse(parse_documents(json.dumps(document, indent=2), "p.json")[0])
    return str(error.value)


def test_defaults_are_the_clusters():
    spec = spec_of(GOOD)
    (part,) = spec.inputs()
    assert (part.name, part.repo, part.branch, part.glob) == ("in", "in", "master", "/*")
    assert (spec.output_branch, spec.datum_tries, spec.every_job) == ("master", 3, False)


def test_camel_case_is_the_same_spec():
    snake = with_("datum_tries", 2) | {"parallelism_spec": {"constant": 4}, "datum_timeout": "5400s"}
    camel = with_("datumTries", 2) | {"parallelismSpec": {"constant": "4"}, "datumTimeout": "5400s"}
    assert store_text(spec_of(snake)) == store_text(spec_of(camel))
    assert spec_of(camel).datum_timeout_s == 5400


def test_one_many_and_lists(tmp_path):
    other = with_("pipeline.name", "q")
    (tmp_path / "one.json").write_text(json.dumps(GOOD))
    (tmp_path / "two.json").write_text(json.dumps([GOOD, other]))
    (tmp_path / "three.yaml").write_text(
        "pipeline: {name: a}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: in, glob: /}}\n---\n"
        "pipeline: {name: b}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: a, glob: /}}\n"
    )
    assert [spec.name for spec in read_specs(tmp_path / "one.json")] == ["p"]
    assert [spec.name for spec in read_specs(tmp_path / "two.json")] == ["p", "q"]
    assert [spec.name for spec in read_specs(tmp_path / "three.yaml")] == ["a", "b"]
    assert len(read_specs(tmp_path)) == 5


def test_an_unknown_field_is_named_with_file_line_and_suggestion():
    text = fault(with_("transform.comand", ["x"]))
    assert text == "p.json:10: transform.comand: there is no such field. Did you mean cmd?"


def test_a_field_in_the_wrong_place_is_sent_home():
    assert "It belongs in transform." in fault(with_("stdin", ["x"]))


def test_every_fault_is_told_at_once():
    text = fault(with_("transform.image", 3) | {"datum_timeout": "10m"})
    assert "transform.image: is 3; text belongs here" in text
    assert 'datum_timeout: is "10m"; durations are decimal seconds: write "600s"' in text


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("pipeline.name", "a.b", "is no name"),
        ("pipeline.name", "a" * 52, "51 at most"),
        ("pipeline.name", "-x", "is no name"),
        (
            "pipeline",
            {"name": "a" * 51, "project": {"name": "longer-name"}},
            "project longer-name 47 are the most",
        ),
        ("pipeline.name", "", "lacks name"),
        ("input.pfs.glob", "/[", "malformed"),
        ("input.pfs.glob", "", "lacks glob"),
        ("input.pfs.repo", "out", "/pfs/out"),
        ("input.pfs.commit", "abc", "fixed commit"),
        ("input.pfs.s3", True, "s3 goes with glob /"),
        ("input", None, "lacks input"),
        ("input", {}, "no input set"),
        ("input", {"cross": []}, "no input set"),
        ("input", {"cross": [{}]}, "input.cross[0]: no input set"),
        ("input.cross", [{"pfs": {"repo": "a", "glob": "/"}}], "has pfs and cross"),
        ("input", {"cross": [{"pfs": {"repo": "a", "glob": "/"}}] * 2}, "is there twice"),
        ("input", {"group": [{"pfs": {"repo": "a", "glob": "/"}}] * 2}, "is there twice"),
        ("input.pfs.name", "a/b", "is no name"),
        ("input.pfs.name", ".env", "is no name"),
        ("input.pfs.join_on", "$01", "$01 is no capture"),
        ("input.pfs.trigger", {"size": "5 stones"}, "no size"),
        ("input.pfs.trigger", {"branch": "a b"}, "is no name"),
        ("input.pfs.repo_type", "meta", "user repos alone"),
        ("transform.cmd", "python3", "a list belongs here"),
        ("transform.cmd", [], "lacks cmd"),
        ("tf_job", {"tf_job": "x"}, "no longer runs it"),
        ("pod_patch", "{", "text that holds JSON"),
        ("datum_tries", -1, "negative"),
        ("datum_tries", True, "a whole number"),
        ("reprocess_spec", "sometimes", "until_success, every_job"),
        ("autoscaling", "yes", "true or false"),
        ("autoscaling", "true", "true or false"),
        ("datum_tries", 3.5, "a whole number"),
        ("datum_tries", "10m", "a whole number"),
        ("datum_tries", 2**63, "from -9223372036854775808"),
        ("parallelism_spec.constant", -1, "from 0 to"),
        ("datum_timeout", "", '"600s" or "1.5s"'),
        ("job_timeout", "1h30m", 'write "5400s"'),
        ("maximum_expected_uptime", "250ms", 'write "0.25s"'),
        ("datum_timeout", 10, "decimal seconds"),
        ("egress", {"url": "s3://b"}, "Did you mean URL?"),
        ("egress", {"object_storage": {"URL": "s3://b"}}, "Did you mean url?"),
        ("egress", {"object_storage": {}, "sql_database": {"secret": {"name": "a", "key": "b"}}}, "one of them"),
        ("egress", {"sql_database": {"url": "x"}}, "lacks name"),
        ("tolerations", [{"operator": "Exists"}], "one of EMPTY, EXISTS, EQUAL"),
        ("tolerations", [{"key": "a"}], "tolerations[0]: lacks operator"),
        ("spout", {}, "has no input"),
        ("service", {"type": "Nope"}, "one of ClusterIP"),
        ("service", {"internal_port": 2**31}, "from -2147483648 to 2147483647"),
        ("resource_requests", {"gpu": {"type": "nvidia.com/gpu", "number": 1}}, "must ask for the same"),
        ("resource_limits", {"gpu": {"number": 1}}, "lacks type"),
        ("output_branch", "a b", "is no name"),
    ],
)
def test_refused(path, value, said):
    assert said in fault(with_(path, value))


@pytest.mark.parametrize("parallelism", [{}, {"constant": 2}])
def test_a_service_has_one_worker(parallelism):
    document = with_("service", {"internal_port": 80}) | {"parallelism_spec": parallelism}
    assert "exactly one worker" in fault(document)


@pytest.mark.parametrize("field", ["autoscaling", "s3_out"])
def test_a_spout_is_started_by_nothing(field):
    document = {name: GOOD[name] for name in ("pipeline", "transform")} | {"spout": {}, field: True}
    assert fault(document).partition(": ")[2].startswith(field)


def test_a_limit_is_not_below_its_request():
    document = GOOD | {"resource_limits": {"memory": "32Mi"}, "resource_requests": {"memory": "0.05G"}}
    assert "resource_limits.memory: is below" in fault(document)
    assert spec_of(document | {"resource_limits": {"memory": "1.5Zorks"}}).name == "p"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("datum_tries", 3.0),
        ("datum_tries", "3"),
        ("datum_tries", None),
        ("datum_timeout", "-1s"),
        ("egress", {"URL": "s3://b"}),
        ("tolerations", [{"operator": 1, "effect": "NO_SCHEDULE", "tolerationSeconds": "9"}]),
        ("input.pfs.name", "a b.c"),
        ("input.pfs.repo", "-x"),
        ("input.cross", []),
        ("pipeline.name", "a" * 51),
        ("input", {"join": [{"pfs": {"repo": "a", "glob": "/*"}}, {"pfs": {"repo": "b", "glob": "/*"}}]}),
        ("input", {"group": [{"pfs": {"repo": "a", "glob": "/*"}}]}),
        ("input", {"union": [{"pfs": {"repo": "a", "glob": "/"}}] * 2}),
    ],
)
def test_taken(path, value):
    assert spec_of(with_(path, value)).datum_tries == 3


def test_a_spout_needs_no_input_and_says_that_it_is_not_run():
    spec = spec_of({"pipeline": {"name": "s"}, "spout": {}, "transform": {"image": "x:1"}})
    assert (spec.input, spec.runs) == (None, False)
    assert spec.not_applied == ("spout: spouts are not run; the pipeline gets no jobs",)


def test_names_have_their_project_in_front():
    spec = spec_of(
        {
            "pipeline": {"name": "p", "project": {"name": "q"}},
            "transform": {"cmd": ["x"]},
            "input": {
                "cross": [
                    {"pfs": {"repo": "a", "glob": "/"}},
                    {"pfs": {"repo": "b", "glob": "/", "project": "default"}},
                    {"cron": {"name": "t", "spec": "@never"}},
                ]
            },
        }
    )
    assert (spec.name, spec.project) == ("q/p", "q")
    assert [(part.name, part.repo) for part in spec.inputs()] == [("a", "q/a"), ("b", "b"), ("t", "q/p_t")]


def test_inputs_stand_in_the_order_of_their_given_names():
    parts = [{"pfs": {"repo": repo, "glob": "/", "name": name}} for repo, name in [("a", "z"), ("b", ""), ("c", "y")]]
    spec = spec_of(GOOD | {"input": {"cross": parts}})
    assert [part.repo for part in spec.inputs()] == ["b", "c", "a"]


def test_an_input_with_a_trigger_and_no_branch_reads_one_of_its_own():
    parts = [{"pfs": {"repo": "a", "name": name, "glob": "/", "trigger": {"size": "1.5 kB"}}} for name in "xy"]
    parts.append(
        {"pfs": {"repo": "a", "name": "z", "branch": "b", "glob": "/", "trigger": {"branch": "c", "commits": "2"}}}
    )
    found = [(part.branch, part.trigger) for part in spec_of(GOOD | {"input": {"cross": parts}}).inputs()]
    assert found == [
        ("p-trigger-1", Trigger("master", size_bytes=1500)),
        ("p-trigger-2", Trigger("master", size_bytes=1500)),
        ("b", Trigger("c", commits=2)),
    ]


def test_broken_text_is_told_by_line(tmp_path):
    for text, line in [
        ('{"a": 1,\n "b" 2}', ":2:"),
        ("a: [1\nb: 2", ":2:"),
        ("a: 1\nb: 01", ":2: 01 is no"),
        ("{}\n---\n", "empty document"),
    ]:
        with pytest.raises(UsageError, match=line):
            parse_documents(text, "p.json")


def test_a_number_of_levels_that_nobody_writes_is_refused():
    with pytest.raises(UsageError, match="nested too deeply"):
        parse_documents("[" * 5000 + "]" * 5000, "p.json")


def test_legal_but_without_effect_is_told_once():
    spec = spec_of(GOOD | {"autoscaling": True, "tolerations": [{"key": "a", "operator": "EQUAL"}], "s3_out": False})
    assert [sentence.partition(":")[0] for sentence in spec.not_applied] == ["autoscaling", "tolerations"]


def test_no_message_of_not_applied_is_made_up():
    for message, field in NOT_APPLIED:
        assert field in MESSAGES[message]


def test_the_fields_are_those_of_pachyderms_own_messages():
    pps = pytest.importorskip("pachyderm_sdk.api.pps", reason="needs pachyderm-sdk; pip install pachyderm-sdk")
    import dataclasses

    from pachyderm_sdk.api import pfs

    for message, fields in MESSAGES.items():
        class_ = getattr(pps, message, None) or getattr(pfs, message, None)
        assert class_ is not None, message
        names = {name.lower(): name for name in fields}  # the SDK writes Egress.URL small
        assert {field.name for field in dataclasses.fields(class_)} == set(names), message
        for field in dataclasses.fields(class_):
            wire = field.metadata["betterproto"].proto_type
            kind = fields[names[field.name]]
            if kind in MESSAGES or kind.removesuffix("[]") in MESSAGES:
                assert wire == "message", (message, field.name)
            elif kind in ("str", "str[]", "json"):
                assert wire == "string", (message, field.name)
            elif kind in ENUMS:
                assert wire == "enum", (message, field.name)
            elif kind == "bool":
                assert wire == "bool", (message, field.name)
            elif "int" in kind:
                assert kind.removesuffix("[]") == (field.metadata["betterproto"].wraps or wire), (message, field.name)


@pytest.mark.parametrize(
    ("text", "value"), [("600s", 600), ("1.5s", 1.5), ("0s", 0), (".5s", 0.5), ("+1s", 1), ("-5s", -5)]
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "10", "01s", "1 s", "10m", "1.0123456789s", "315576000001s", "1e3s"])
def test_no_durations(text):
    with pytest.raises(ValueError, match="s"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"), [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("250ms", 0.25), ("-1s", -1), ("0", 0)]
)
def test_durations_of_go(text, value):
    assert go_seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "1d"])
def test_no_durations_of_go(text):
    with pytest.raises(ValueError):
        go_seconds(text)
