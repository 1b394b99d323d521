"""Specs: what is read, what is refused, and in which words they may be written."""

import json

import pytest
from contract import copy, cross, differs, group, join, pachyderm, pfs, spec, union

IN = pfs("in")
T = {"cmd": ["true"]}


def made(engine):
    return sorted(each["pipeline"]["name"] for each in engine.raw("list pipeline"))


@pytest.fixture(scope="module")
def two_repos(shared_engine):
    """An engine with two repos to read."""
    shared_engine.repo("in", "b")
    return shared_engine


@pytest.fixture
def ready(two_repos, monkeypatch):
    """An engine with two repos to read and no pipeline, and none afterwards."""
    monkeypatch.chdir(two_repos.folder)
    yield two_repos
    two_repos.run("delete pipeline --all --force")


def put_spec(engine, document, *words):
    """The words of `create pipeline` for a document as it is."""
    text = document if isinstance(document, str) else json.dumps(document)
    return ["create pipeline", *words, "-f", engine.text_file(text)]


def plain(name="p", **more):
    return {"pipeline": {"name": name}, "transform": T, "input": IN, **more}


def without_input(**more):
    return {"pipeline": {"name": "p"}, "transform": T, **more}


REFUSED = {
    "52 letters": plain("a" * 52),
    "no letter first": plain("-p"),
    "a dot in the name": plain("a.b"),
    "no pipeline": {"transform": T, "input": IN},
    "no name": {"pipeline": {}, "transform": T, "input": IN},
    "a repo that is not there": plain(input=pfs("none")),
    "itself": plain("in2", input=pfs("in2")),
    "no glob": plain(input={"pfs": {"repo": "in"}}),
    "no repo": plain(input={"pfs": {"glob": "/*"}}),
    "a commit": plain(input=pfs("in", commit="master")),
    "two kinds of input": plain(input={**IN, "cron": {"name": "t", "spec": "@daily"}}),
    "no kind of input in a cross": plain(input=cross({})),
    "two of one name in a cross": plain(input=cross(IN, IN)),
    "two of one name in a join": plain(input=join(pfs("in", "/(*)", join_on="$1"), pfs("in", "/(*)", join_on="$1"))),
    "two of one name in a group": plain(
        input=group(pfs("in", "/(*)", group_by="$1"), pfs("in", "/(*)", group_by="$1"))
    ),
    "an input named out": plain(input=pfs("in", name="out")),
    "s3 with a glob": plain(input=pfs("in", "/*", s3=True)),
    "s3 and lazy": plain(input=pfs("in", "/", s3=True, lazy=True)),
    "a spout with an input": plain(spout={}),
    "a spout with autoscaling": without_input(spout={}, autoscaling=True),
    "a spout with s3_out": without_input(spout={}, s3_out=True),
    "a service of an unknown type": plain(service={"internal_port": 80, "type": "Nope"}),
    "a service with parallelism_spec {}": plain(service={"internal_port": 80}, parallelism_spec={}),
    "two workers of a service": plain(service={"internal_port": 80}, parallelism_spec={"constant": 2}),
    "an operator in other letters": plain(tolerations=[{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]),
    "half a try": plain(datum_tries=3.5),
    "egress to two places": plain(egress={"object_storage": {"url": "s3://b"}, "sql_database": {"url": "x"}}),
    "egress.url": plain(egress={"url": "s3://b/d"}),
    "egress.object_storage.URL": plain(egress={"object_storage": {"URL": "s3://b/d"}}),
    "a bad pod_patch": plain(pod_patch="{"),
    "tf_job": plain(tf_job={"tf_job": "x"}),
    "an unknown field": plain(colour="red"),
    "an unknown field within": plain(transform={**T, "colour": "red"}),
    "both spellings": plain(datum_tries=1, datumTries=1),
    "cmd as a text": plain(transform={"cmd": "true"}),
    "stdin as a text": plain(transform={**T, "stdin": "true"}),
    "env as a number": plain(transform={**T, "env": {"A": 1}}),
    "a name that is a number": {"pipeline": {"name": 123}, "transform": T, "input": IN},
    "a repo that is a number": plain(input=pfs(2024)),
    "a glob that is a number": plain(input=pfs("in", 5)),
    "a cron spec that is a number": plain(input={"cron": {"name": "t", "spec": 5}}),
    "a list in place of an input": plain(input=[IN]),
    "an input that is a text": plain(input="in"),
    "10m": plain(datum_timeout="10m"),
    "1h30m": plain(datum_timeout="1h30m"),
    "250ms": plain(job_timeout="250ms"),
    "an empty duration": plain(datum_timeout=""),
    "a duration without s": plain(datum_timeout="90"),
    "a duration that is a number": plain(datum_timeout=10),
    "10m of uptime": plain(maximum_expected_uptime="10m"),
    "a cron of six fields": plain(input={"cron": {"name": "t", "spec": "* * * * * *"}}),
    "a cron with a time zone": plain(input={"cron": {"name": "t", "spec": "TZ=UTC * * * * *"}}),
    "@reboot": plain(input={"cron": {"name": "t", "spec": "@reboot"}}),
    "@ never": plain(input={"cron": {"name": "t", "spec": "@ never"}}),
    "@every 5": plain(input={"cron": {"name": "t", "spec": "@every 5"}}),
    "a cron without a name": plain(input={"cron": {"spec": "@daily"}}),
    "not JSON": '{"356weryt\n\n}',
    "half a JSON": '{{\n "a": 1,\n "c": {"e,f},\n}',
}


@pachyderm(
    "server.TestPodOpts",
    "server.TestMultipleInputsFromTheSameBranch",
    "pps/server.TestCreatePipelineErrorNoPipeline",
    "pps/server.TestCreatePipelineError",
    "pps/server.TestMalformedPipeline",
    "pps/server.TestSelfReferentialPipeline",
    "pps/cmds.TestMissingPipeline",
    "pps/cmds.TestUnnamedPipeline",
    "pps/cmds.TestSyntaxErrorsReportedCreatePipeline",
    "cronutil.TestInvalidSixFields",
    "cronutil.TestInvalidAtReboot",
    "cronutil.TestInvalidAtSpaceNever",
)
@pytest.mark.parametrize("case", REFUSED)
def test_refused(ready, case):
    said = ready.refuse(*put_spec(ready, REFUSED[case]))
    assert "Traceback" not in said
    assert made(ready) == []


@pachyderm("pps/cmds.TestSyntaxErrorsReportedUpdatePipeline")
@pytest.mark.parametrize("case", ["not JSON", "half a JSON", "an unknown field", "10m", "half a try"])
def test_refused_on_update_too(ready, case):
    ready.create(copy("p", "in"))
    _, *words = put_spec(ready, REFUSED[case])
    ready.refuse("update pipeline", *words)
    assert ready.pipeline("p")["version"] == "1"


TAKEN = {
    "51 letters": plain("a" * 51),
    "a schema": plain(**{"$schema": "https://x"}),
    "camelCase": {
        "pipeline": {"name": "p"},
        "transform": T,
        "input": IN,
        "datumTries": 2,
        "parallelismSpec": {"constant": 1},
    },
    "numbers as texts": plain(datum_tries="3", parallelism_spec={"constant": "1"}),
    "3.0 tries": plain(datum_tries=3.0),
    "null fields": plain(description=None, egress=None),
    "parallelism 0": plain(parallelism_spec={"constant": 0}),
    "seconds": plain(datum_timeout="600s", job_timeout="1.5s"),
    "egress.URL": plain(egress={"URL": "s3://b/d"}),
    "egress.object_storage.url": plain(egress={"object_storage": {"url": "s3://b/d"}}),
    "join without join_on": plain(input=join(IN, pfs("b"))),
    "group without group_by": plain(input=group(IN)),
    "union with two of one name": plain(input=union(IN, IN)),
    "input named a.b": plain(input=pfs("in", name="a.b")),
    "input named a b": plain(input=pfs("in", name="a b")),
    "tolerations": plain(tolerations=[{"key": "a", "operator": "EXISTS", "effect": "NO_SCHEDULE"}]),
    "odd memory": plain(resource_requests={"cpu": 0.01, "memory": "1.5Zorks"}),
    "s3 of a whole repo": plain(input=pfs("in", "/", s3=True)),
    "dry_run": plain(dry_run=True),
    "a folder at the end of a cross": plain(input=cross(IN, pfs("b"), pfs("in", name="c"))),
    "metadata": plain(metadata={"annotations": {"a": "b"}, "labels": {"c": "d"}}),
    "@never": plain(input={"cron": {"name": "t", "spec": "@never"}}),
    "cron fields": plain(input={"cron": {"name": "t", "spec": "0 0 */2 * */2"}}),
    "trailing commas": json.dumps(plain()).replace("}", ",}").replace("]", ",]"),
    "a spout": without_input(spout={}),
}


@pachyderm(
    "ppsutil.TestSpecReaderIgnoresSchema",
    "ppsutil.TestSpecReader",
    "pps/cmds.TestJSONStringifiedNumbers",
    "server.TestPPSEgressURLOnly",
    "server.TestPodOpts",
    "cronutil.TestNever",
    "cronutil.TestNeverSpaces",
    "pps/server.TestCreatePipeline",
    "pps/server.TestPipelineUniqueness",
)
@pytest.mark.parametrize("case", TAKEN)
def test_taken(ready, case):
    document = TAKEN[case]
    if isinstance(document, dict) and ready.name != "local":
        document = ready.complete(document)
    ready.do(*put_spec(ready, document))
    [name] = made(ready)
    assert name in ("p", "a" * 51)
    ready.refuse(*put_spec(ready, document))


# Where pachd makes a pipeline that can never run


@differs("a pipeline without an input, a command or a transform is refused")
@pytest.mark.parametrize(
    "wrong",
    [
        {"pipeline": {"name": "p"}, "transform": T},
        plain(transform={"image": "x:1"}),
        {"pipeline": {"name": "p"}, "input": IN},
    ],
)
@pachyderm("server.TestPipelineEmptyInput", "pps/server.TestCreatePipelineErrorNoCmd")
def test_a_pipeline_that_could_never_run(ready, wrong):
    words = put_spec(ready, wrong)
    if ready.name == "local":
        ready.refuse(*words)
    else:
        ready.do(*words)
        assert made(ready) == ["p"]


# Documents


@pachyderm("pps/cmds.TestJSONMultiplePipelines", "ppsutil.Test_PipelineManifestReader")
@pytest.mark.parametrize("kind", ["documents", "list", "yaml"])
def test_several_pipelines_in_one_file(ready, kind):
    two = [ready.complete(copy("first", "in")), ready.complete(copy("second", "first"))]
    if kind == "list":
        text = json.dumps(two)
    elif kind == "documents":
        text = "\n---\n".join(json.dumps(each, indent=2) for each in two)
    else:
        text = "---\n" + "\n---\n".join(json.dumps(each) for each in two)
    ready.do("create pipeline", "-f", ready.text_file(text))
    assert made(ready) == ["first", "second"]


def test_a_spec_from_standard_input(ready):
    ready.do("create pipeline", "-f", "-", input=json.dumps(ready.complete(copy("first", "in"))))
    ready.do("create pipeline", input=json.dumps(ready.complete(copy("second", "in"))))
    assert made(ready) == ["first", "second"]


def test_an_empty_file_makes_nothing(ready):
    ready.do("create pipeline", "-f", ready.text_file(""))
    assert made(ready) == []


YAML = """
pipeline: {{name: p}}
transform: {{cmd: {cmd}{more}}}
input: {{pfs: {{repo: in, glob: /*{pfs}}}}}
{top}
"""

YAML_CRON = "pipeline: {name: p}\ntransform: {cmd: ['true']}\ninput: {cron: {name: t, spec: '@yearly', "


def yaml(cmd="[true]", more="", pfs="", top=""):
    return YAML.format(cmd=cmd, more=more, pfs=pfs, top=top)


@pachyderm("pps/cmds.TestYAMLError", "ppsutil.TestYAMLToJSON", "pps/cmds.TestCreatePipeline_leading_zero")
@pytest.mark.parametrize(
    "text",
    [
        yaml(cmd="/bin/bash"),
        yaml(cmd="['true']", top="datum_tries: 01"),
        yaml(cmd="['true']", pfs=", empty_files: yes"),
        yaml(cmd="['true']", top="metadata: {labels: &l {a: b}, annotations: *l}"),
        yaml(cmd="['true']", top="metadata: {<<: {labels: {a: b}}}"),
        YAML_CRON + "start: 2019-10-10T22:30:05Z}}",
    ],
)
def test_yaml_that_is_refused(ready, text):
    ready.refuse(*put_spec(ready, text))
    assert made(ready) == []


@pachyderm("pps/cmds.TestYAMLPipelineSpec", "pps/cmds.TestYAMLTimestamp")
@pytest.mark.parametrize(
    "text",
    [
        yaml(cmd="['true']", more=", stdin: [no, on]"),
        yaml(cmd="['true']", pfs=", empty_files: true"),
        yaml(cmd="['true']", top="datum_tries: 2"),
        YAML_CRON + "start: '2019-10-10T22:30:05Z'}}",
        json.dumps(plain(), indent="\t"),
    ],
)
def test_yaml_that_is_taken(ready, text):
    ready.do(*put_spec(ready, text))
    assert made(ready) == ["p"]


def test_no_and_on_are_words(ready):
    ready.do(*put_spec(ready, yaml(cmd="['true']", more=", stdin: [no, on]")))
    assert ready.pipeline("p")["details"]["transform"]["stdin"] == ["no", "on"]


# Jsonnet


JSONNET = """function(name, output) [{
  pipeline: { name: name + "-" + part },
  input: { pfs: { name: "input", glob: "/*", repo: "in" } },
  transform: { cmd: ["bash"], stdin: ["cp /pfs/input/* /pfs/out/" + output] },
} for part in ["one", "two"]]"""


@pachyderm(
    "pps/cmds.TestJsonnetPipelineTemplate",
    "pps/cmds.TestJsonnetPipelineTemplateMulti",
    "pps/server.TestRenderTemplate",
)
def test_jsonnet_with_arguments(ready):
    path = ready.text_file(JSONNET, "p.jsonnet")
    ready.do("create pipeline", "--jsonnet", path, "--arg", "name=foo", "--arg", "output=bar")
    assert made(ready) == ["foo-one", "foo-two"]
    assert ready.pipeline("foo-one")["details"]["transform"]["stdin"] == ["cp /pfs/input/* /pfs/out/bar"]


@pachyderm("pps/cmds.TestJsonnetPipelineTemplateError")
def test_jsonnet_that_fails(ready):
    text = 'function(number) { pipeline: { name: "p" }, parallelism_spec: { constant: std.parseInt(number) } }'
    said = ready.refuse("create pipeline", "--jsonnet", ready.text_file(text, "p.jsonnet"), "--arg", "number=NaN")
    assert "NaN" in said or "parseInt" in said or "integer" in said
    assert made(ready) == []


# What a pipeline asks of its machine


@differs("what no pod of a cluster can be made for is refused")
@pytest.mark.parametrize(
    "asks",
    [
        {"resource_requests": {"gpu": {"type": "nvidia.com/gpu", "number": 1}}},
        {"resource_limits": {"gpu": {"number": 1}}},
        {"resource_limits": {"memory": "32Mi"}, "resource_requests": {"memory": "64Mi"}},
    ],
    ids=["a GPU without a limit", "a GPU without a type", "a limit below its request"],
)
def test_what_no_pod_can_be_made_for(ready, asks):
    words = put_spec(ready, {**plain(), **asks, "autoscaling": False})
    if ready.name == "local":
        assert "no pod of a cluster" in ready.refuse(*words)
        return
    ready.do(*words)
    found = ready.wait(
        lambda: ready.pipeline("p") if ready.pipeline("p")["state"] == "PIPELINE_FAILURE" else None, "state failure"
    )
    assert found["reason"]


@pachyderm("server.TestPipelineResourceRequest", "server.TestPipelineResourceLimit")
def test_what_a_pipeline_asks_for_is_kept(ready):
    asks = {"cpu": 0.02, "memory": "48Mi", "disk": "1Mi"}
    ready.create(spec("p", IN, "true", resource_requests=asks, resource_limits={"memory": "256Mi"}, autoscaling=True))
    details = ready.pipeline("p")["details"]
    assert details["resource_requests"]["memory"] == "48Mi"
    assert details["resource_limits"]["memory"] == "256Mi"
