"""What a job looks at where little changed is what it would look at where all of it was looked at."""

import tempfile
import time
from io import BytesIO
from pathlib import Path

import pytest
from engine_bench import Bench, shell
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aeolian.engine.jobs import changes, ledger
from aeolian.engine.jobs.changes import Plan, plan_datums
from aeolian.engine.jobs.inputs import datums
from aeolian.engine.jobs.records import outstanding
from aeolian.engine.jobs.worker import Result
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions import catalog
from aeolian.engine.versions.files import put_files
from aeolian.platform.sources.selection import Item

GLOBS = ["/*", "/*/", "/**", "/*/*", "/d*", "/(*)/a*", "/d/", "/**/a", "/[ab]", "/d/d", "*", "/!(d)"]
PATHS = st.lists(st.sampled_from(["a", "b", "d", "aa", "e"]), min_size=1, max_size=4).map("/".join)
FILES = st.dictionaries(PATHS, st.sampled_from("xy"), max_size=25).map(
    lambda files: {path: text for path, text in files.items() if not any(f.startswith(f"{path}/") for f in files)}
)
PARTS = st.lists(st.tuples(st.sampled_from(["songs", "more"]), st.sampled_from(GLOBS)), min_size=1, max_size=3)


def put_all(bench, repo, files):
    """One commit in which the repo holds exactly these files."""
    items = [Item(BytesIO(text.encode()), f"/{path}") for path, text in files.items()]
    put_files(bench.store, repo, "master", items, clear=True)


def end_jobs(bench):
    """Ends what is outstanding as if every datum had gone well and written nothing; the plan of the last job."""
    plan = None
    for job in outstanding(bench.store):
        pipeline = catalog.version(bench.store, job.pipeline_row, job.version)
        read = ledger.sources(bench.store, job.seq, pipeline.spec)
        plan = plan_datums(bench.store, job, pipeline, "program", read)
        full = datums(pipeline.spec.input, lambda part, read=read: read[part.repo, part.branch], bench.store.trees)
        assert_same(bench.store, plan, full)
        ledger.begin(bench.store, job, "program", read)
        hashes = {datum.id: datum.hash("program") for datum in plan.datums}
        done = ledger.known(bench.store, job, hashes, this_job_only=False)
        with bench.store.db.transaction():
            for datum in plan.datums:
                if datum.id not in done:
                    result = Result("success", tries=1, started=time.time())
                    row = ledger.keep_result(bench.store, job, datum, hashes[datum.id], result)
                    done[datum.id] = ledger.Known(hashes[datum.id], row, job.row)
        counts = {"success": 0, "skipped": len(full), "failed": 0, "recovered": 0, "total": len(full)}
        ledger.finish(bench.store, job, plan, done, counts)
        kept = {run.datum: run.hash for run in bench.store.datum_trees.entries(datums_of(bench.store, job))}
        assert kept == {datum.id: datum.hash("program") for datum in full}
    return plan


def datums_of(store, job):
    return store.db.one("SELECT datums FROM job WHERE id = ?", job.row)["datums"]


def assert_same(store, plan, full):
    by_id = {datum.id: datum for datum in full}
    assert [datum.id for datum in plan.datums] == [
        datum.id for datum in full if datum.id in {d.id for d in plan.datums}
    ]
    for datum in plan.datums:
        assert [(p.path, p.entries, p.content) for p in datum.inputs] == [
            (p.path, p.entries, p.content) for p in by_id[datum.id].inputs
        ]
    before = {run.datum: run.hash for run in store.datum_trees.entries(plan.base)}
    kept = {datum: hash_ for datum, hash_ in before.items() if datum not in plan.affected}
    assert kept | {datum.id: datum.hash("program") for datum in plan.datums} == {
        datum.id: datum.hash("program") for datum in full
    }
    assert plan.count_kept(store) == len(kept)


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(PARTS, st.lists(st.tuples(st.sampled_from(["songs", "more"]), FILES), min_size=2, max_size=5))
def test_the_changes_are_all_that_differs(parts, commits):
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "home")) as store:
        bench = Bench(store, Path(folder))
        bench.repo("songs", "more")
        for repo, files in (("songs", {"a": "1", "d/a": "1", "d/d/b": "1"}), ("more", {"a": "1"})):
            bench.put(repo, files)
        inputs = [{"pfs": {"repo": repo, "glob": glob, "name": repo}} for repo, glob in parts]
        bench.pipeline("p", ["true"], {"union": inputs} if len(inputs) > 1 else inputs[0])
        end_jobs(bench)
        for repo, files in commits:
            put_all(bench, repo, files)
            end_jobs(bench)


@pytest.fixture
def many(bench):
    """A pipeline over 200 files, all of them done."""
    bench.repo("songs")
    bench.put("songs", {f"{n:03}": str(n) for n in range(200)})
    bench.pipeline("p", ["true"], "songs")
    end_jobs(bench)
    return bench


def test_one_file_more_is_one_datum_to_look_at(many):
    many.put("songs", {"050x": "new"})
    plan = end_jobs(many)
    assert [datum.inputs[0].path for datum in plan.datums] == ["/050x"]
    assert plan.count_kept(many.store) == 200
    many.delete("songs", "/050x")
    assert end_jobs(many).datums == []
    assert many.store.datum_trees.count(many.job("p").datums) == 200


def test_one_file_more_reads_no_more_leaves_than_changed(many, monkeypatch):
    many.put("songs", {"050x": "new"})
    with Store(many.store.home) as fresh:
        job = outstanding(fresh)[0]
        pipeline = catalog.version(fresh, job.pipeline_row, job.version)
        read = ledger.sources(fresh, job.seq, pipeline.spec)
        nodes, node = [], type(fresh.trees)._node
        monkeypatch.setattr(type(fresh.trees), "_node", lambda trees, name: nodes.append(name) or node(trees, name))
        plan_datums(fresh, job, pipeline, "program", read)
    assert len(set(nodes)) <= 5, "two roots and the leaf that changed, before and after, and the datums' root"


@pytest.mark.parametrize("what", ["program", "a failed datum", "much changed", "what it read is gone", "a group"])
def test_all_is_looked_at_where_that_is_safer(many, monkeypatch, what):
    program = "another" if what == "program" else "program"
    if what == "a failed datum":
        many.store.db.run("UPDATE job SET recovered = 1")
    if what == "much changed":
        many.put("songs", {f"{n:03}": "new" for n in range(100)})
    if what == "what it read is gone":
        monkeypatch.setattr(type(many.store.trees), "difference", lost)
    many.put("songs", {"050x": "new"})
    if what == "a group":
        many.pipeline("g", ["true"], {"group": [{"pfs": {"repo": "songs", "glob": "/(*)", "group_by": "$1"}}]})
    job = outstanding(many.store)[-1]
    pipeline = catalog.version(many.store, job.pipeline_row, job.version)
    read = ledger.sources(many.store, job.seq, pipeline.spec)
    plan = plan_datums(many.store, job, pipeline, program, read)
    assert (plan.base, len(plan.datums)) == (EMPTY, 201)


def lost(*_):
    raise changes.StorageError("The store lacks tree node 1.", remedy="")


def test_a_failed_datum_among_few_changes_leaves_the_others_as_they_were(bench):
    bench.repo("songs")
    count = bench.folder / "count"
    bench.pipeline("p", shell(f'echo x >> {count}; grep -v bad "$songs" > /pfs/out/$(basename "$songs")'), "songs")
    bench.put("songs", {f"{n:02}": f"good {n}" for n in range(10)})
    assert not bench.run().failed
    bench.put("songs", {"03": "bad", "new": "good"})
    assert bench.run().failed
    assert set(bench.contents("p")) == {f"{n:02}" for n in range(10) if n != 3} | {"new"}
    assert (bench.job("p").total, bench.job("p").skipped, bench.job("p").failed) == (11, 9, 1)
    bench.put("songs", {"03": "fine"})
    assert not bench.run().failed
    assert len(bench.contents("p")) == 11
    assert count.read_text() == "x\n" * 13


def test_a_plan_of_everything_keeps_nothing(bench):
    assert Plan([]).count_kept(bench.store) == 0
