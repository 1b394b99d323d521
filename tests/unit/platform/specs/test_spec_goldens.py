"""Globs, schedules, documents and wrong specs against Pachyderm 2.12.2's own code (`make_spec_goldens.py`)."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from spec_cases import mutate_specs

from aeolian.errors import UsageError
from aeolian.platform.specs.cron import moment_text, parse_schedule
from aeolian.platform.specs.documents import Document
from aeolian.platform.specs.files import parse_documents
from aeolian.platform.specs.globs import check_template, compile_glob, expand
from aeolian.platform.specs.spec import load, parse, store_text


def goldens(name):
    return json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


def refuses(act, *arguments):
    try:
        act(*arguments)
    except UsageError:
        return True
    return False


def test_globs_match_and_capture_as_on_the_server():
    held = goldens("globs.json")
    differ = []
    for case in held["cases"]:
        if case["glob"] == "" or refuses(compile_glob, case["glob"]):
            # An empty set `[]` swallows what follows on the server, up to the next `]`.
            if "error" not in case and case["glob"] and not re.search(r"\[[!^]?\]", case["glob"]):
                differ.append((case["glob"], "refused"))
            continue
        glob = compile_glob(case["glob"])
        for path in held["paths"]:
            found = glob.pattern.match(path)
            captures = None if found is None else [path, *(group or "" for group in found.groups())]
            if "error" in case or captures != case.get("captures", {}).get(path):
                differ.append((case["glob"], path, captures))
            elif captures and case["texts"][path] != [expand(text, tuple(captures)) for text in held["templates"]]:
                differ.append((case["glob"], path, "texts"))
    assert not differ
    assert len(held["cases"]) > 1000


@pytest.mark.parametrize("template", ["$01", "${00}", "$1000000000", "$٣"])
def test_a_template_that_would_crash_the_server_is_refused(template):
    assert refuses(check_template, template)
    assert not refuses(check_template, template.replace("$", "$$"))


# Better here: these never tick on the server, or its scheduler does not go on.
NEVER_ENDING = re.compile(r"(^| ),+( |$)")


def test_schedules_tick_as_on_the_server():
    differ = []
    for case in goldens("crons.json")["cases"]:
        if refuses(parse_schedule, case["spec"]):
            if "error" not in case and not NEVER_ENDING.search(case["spec"]):
                differ.append((case["spec"], "refused"))
            continue
        schedule, moment, ticks = parse_schedule(case["spec"]), datetime.fromisoformat(case["after"]), []
        while moment is not None and len(ticks) < 5:
            moment = schedule.next(moment)
            ticks.append(None if moment is None else moment_text(moment))
        expected = [None if tick.startswith(("0001", "9999")) else tick for tick in case.get("next", [])]
        ahead = expected.index(None) if None in expected else 5
        if "error" in case or ticks[:ahead] != expected[:ahead]:
            differ.append((case["spec"], case["after"], ticks, case))
    assert not differ


# Better here: the server takes the number that a text begins with and drops the rest.
DROPS_THE_REST = re.compile(r"datum_tries: \S+:\S+\n")


@pytest.mark.parametrize("case", goldens("documents.json")["cases"], ids=lambda case: repr(case["text"]))
def test_documents_are_read_as_on_the_server(case):
    try:
        found = [document.data for document in parse_documents(case["text"], "p.yaml")]
        for document in parse_documents(case["text"], "p.yaml"):
            faults = [line for line in fault_of(document).splitlines() if not SEMANTIC.search(line)]
            assert not faults or "error" in case or DROPS_THE_REST.search(case["text"]), faults
            if faults:
                return
    except UsageError as error:
        assert "error" in case, error
        assert re.match(r"p\.yaml:\d+: ", str(error))
        return
    assert "error" not in case, (found, case)
    specs = case.get("specs", [])
    assert [spec.get("description", "") for spec in specs] == [data.get("description") or "" for data in found]
    lines = [spec.get("transform", {}).get("stdin", []) for spec in specs]
    assert lines == [(data.get("transform") or {}).get("stdin", []) for data in found]


def fault_of(document):
    try:
        spec = parse(document)
    except UsageError as error:
        return str(error)
    assert load(store_text(spec)).name == spec.name
    return ""


# What a spec of the right types is refused for: by the server later, or by a cluster that cannot run it.
SEMANTIC = re.compile(
    "lacks (name|transform|input|cmd|repo|glob|spec|type|operator|key|branch)|exactly one of"
    "|a spout without|does not go|is no (name|schedule|capture|size|minute|hour)|exactly one worker"
    "|one of ClusterIP|until_success|cannot be negative"
    "|no pod of a cluster|neither env_var|env_var needs|absolute path|fixed commit|no longer runs|user repos alone"
    "|its repo|malformed|is there twice|holds JSON belongs here|wait for itself|has [0-9]+ fields|has no duration"
    '|s3 (goes|cannot)|/pfs/out|cpu: is "(Infinity|NaN)"|(type|operator|effect): is (-1|5|3.0); one of'
)


def test_no_wrong_value_is_taken_and_none_ends_in_a_traceback():
    verdicts = "".join(goldens("mutations.json")["cases"])
    differ = []
    for index, spec in enumerate(mutate_specs()):
        through_text = index % 15 == 0
        text = json.dumps(spec, indent=1)
        document = parse_documents(text, "p.json")[0] if through_text else Document("p.json", json.loads(text), {(): 1})
        fault = fault_of(document)
        lines = fault.splitlines()
        if any(not re.match(r"p\.json:\d+: [\w.\[\]ü $/]+: .+", line) for line in lines):
            differ.append((index, "place", fault))
        if verdicts[index] == "x" and not fault:
            differ.append((index, "taken", spec))
        if verdicts[index] == "." and (odd := [line for line in lines if not SEMANTIC.search(line)]):
            differ.append((index, "refused", odd))
    assert not differ[:10], len(differ)
    assert index + 1 == len(verdicts) > 7000
