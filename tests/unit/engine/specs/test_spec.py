import json

import pytest
from engine_bench import spec_of

from aeolian.engine.specs.durations import seconds
from aeolian.engine.specs.fields import MESSAGES, NOT_APPLIED
from aeolian.engine.specs.files import parse_documents, read_specs
from aeolian.engine.specs.spec import parse, store_text
from aeolian.errors import UsageError

GOOD = {
    "pipeline": {"name": "p"},
    "transform": {"image": "aeolian/x:1", "cmd": ["x"]},
    "input": {"pfs": {"repo": "in", "glob": "/*"}},
}


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
    snake = with_("datum_tries", 2) | {"parallelism_spec": {"constant": 4}, "datum_timeout": "1h30m"}
    camel = with_("datumTries", 2) | {"parallelismSpec": {"constant": "4"}, "datumTimeout": "1h30m"}
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
    text = fault(with_("transform.image", 3) | {"datum_timeout": "10"})
    assert "transform.image: is 3; text belongs here" in text
    assert 'datum_timeout: is "10"; a duration such as "10m"' in text


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("pipeline.name", "a.b", "is no name"),
        ("pipeline.name", "", "lacks name"),
        ("input.pfs.glob", "/[", "malformed"),
        ("input.pfs.glob", "", "lacks glob"),
        ("input.pfs.repo", "out", "/pfs/out"),
        ("input.pfs.commit", "abc", "fixed commit"),
        ("input.pfs.s3", True, "s3 goes with glob /"),
        ("input.cross", [], "exactly one of"),
        ("input", {}, "lacks input"),
        ("input", {"cross": []}, "at least one input"),
        ("input", {"join": [{"pfs": {"repo": "a", "glob": "/*"}}]}, "join_on"),
        ("input", {"group": [{"pfs": {"repo": "a", "glob": "/*"}}]}, "group_by"),
        ("input", {"cross": [{"pfs": {"repo": "a", "glob": "/"}}] * 2}, "is there twice"),
        ("transform.cmd", "python3", "a list belongs here"),
        ("transform.cmd", [], "lacks cmd"),
        ("tf_job", {"tf_job": "x"}, "no longer runs it"),
        ("pod_patch", "{", "text that holds JSON"),
        ("datum_tries", -1, "negative"),
        ("datum_tries", True, "a whole number"),
        ("reprocess_spec", "sometimes", "until_success, every_job"),
        ("autoscaling", "yes", "true or false"),
    ],
)
def test_refused(path, value, said):
    assert said in fault(with_(path, value))


def test_a_service_has_one_worker():
    document = with_("service", {"internal_port": 80}) | {"parallelism_spec": {"constant": 2}}
    assert "exactly one worker" in fault(document)


def test_broken_text_is_told_by_line(tmp_path):
    for text, line in [('{"a": 1,\n "b" 2}', ":2:"), ("a: [1\nb: 2", ":2:"), ('{"a": 1, "a": 2}', "there twice")]:
        with pytest.raises(UsageError, match=line):
            parse_documents(text, "p.json")


def test_legal_but_without_effect_is_told_once():
    spec = spec_of(GOOD | {"autoscaling": True, "tolerations": [{"key": "a"}, {"key": "b"}], "s3_out": False})
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
        assert {field.name for field in dataclasses.fields(class_)} == set(fields), message
        for field in dataclasses.fields(class_):
            wire = field.metadata["betterproto"].proto_type
            kind = fields[field.name]
            if kind in MESSAGES or kind.removesuffix("[]") in MESSAGES:
                assert wire == "message", (message, field.name)
            elif kind in ("str", "str[]", "json"):
                assert wire in ("string", "enum"), (message, field.name)
            elif kind == "bool":
                assert wire == "bool", (message, field.name)
            elif kind in ("int", "int[]"):
                assert "int" in (field.metadata["betterproto"].wraps or wire), (message, field.name)


@pytest.mark.parametrize(("text", "value"), [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("250ms", 0.25)])
def test_durations(text, value):
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-5s", "1d"])
def test_no_durations(text):
    with pytest.raises(ValueError):
        seconds(text)
