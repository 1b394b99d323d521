"""The datums of random nested inputs against those that pachd 2.12.2 listed (`scripts/make_datum_goldens.py`)."""

import json
from pathlib import Path

import pytest
from engine_bench import spec_of

from aeolian.engine.jobs.inputs import Source, datums
from aeolian.engine.storage.trees import Entry

GOLDENS = json.loads((Path(__file__).parent / "datums.json").read_text())


@pytest.mark.parametrize("case", GOLDENS["cases"], ids=map(str, range(len(GOLDENS["cases"]))))
def test_datums_are_those_of_the_server(bench, case):
    trees = bench.store.trees
    sources = {
        repo: Source(trees.build(Entry(path, repo * 64, 1) for path in paths), f"commit-{repo}")
        for repo, paths in GOLDENS["files"].items()
    }
    spec = spec_of({"pipeline": {"name": "p"}, "transform": {"cmd": ["x"]}, "input": case["input"]})
    found = datums(spec.input, lambda part: sources[part.repo], trees)
    names = {tuple(sorted({f"{part.input.repo}:{part.path}" for part in datum.inputs})) for datum in found}
    assert sorted(map(list, names)) == case["datums"]
