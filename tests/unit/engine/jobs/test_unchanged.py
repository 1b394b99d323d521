"""What did not change is neither read nor reckoned again."""

import os
from pathlib import Path

import pytest
from engine_bench import shell

from aeolian.engine.jobs import job_run
from aeolian.engine.storage import stamps
from aeolian.engine.storage.objects import SMALL_BYTES, Intake
from aeolian.engine.upkeep import check


@pytest.fixture
def folder(bench, monkeypatch):
    """A folder of two files that are old enough to be remembered, and a way to put it that tells what was read."""
    monkeypatch.setattr(stamps, "_UNSETTLED_NS", 0)
    songs = bench.folder / "my-songs"
    songs.mkdir()
    (songs / "a").write_text("one")
    (songs / "b").write_text("two" * SMALL_BYTES)
    bench.repo("songs")
    read, add = [], Intake.add

    def spy(self, path, **options):
        read.append(Path(path).name)
        return add(self, path, **options)

    monkeypatch.setattr(Intake, "add", spy)

    def put(repo="songs"):
        read.clear()
        bench.put_folder(f"{repo}@master:/", songs)
        return list(read)

    put.folder = songs
    return put


def test_files_that_did_not_change_are_not_read_again(folder, bench):
    assert folder() == ["a", "b"]
    assert folder() == []
    assert bench.contents("songs") == {"a": "one", "b": "two" * SMALL_BYTES}
    assert list(check(bench.store)) == []


def test_a_file_of_the_same_size_and_time_with_another_content_is_read(folder, bench):
    folder()
    path = folder.folder / "a"
    before = path.stat()
    path.write_text("six")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert folder() == ["a"]
    assert bench.contents("songs")["a"] == "six"


def test_a_file_that_changed_a_moment_ago_is_read_again_for_it_may_change_in_the_same_tick(folder, monkeypatch):
    monkeypatch.setattr(stamps, "_UNSETTLED_NS", 2_000_000_000)
    assert folder() == ["a", "b"]
    assert folder() == ["a", "b"]


def test_what_the_repo_does_not_have_is_read_whatever_is_known_of_it(folder, bench):
    folder()
    bench.delete("songs", "/a")
    assert folder() == ["a"]
    bench.repo("others")
    assert folder("others") == ["a", "b"]
    bench.put("songs", {"a": "overwritten"})
    assert folder() == ["a"]
    assert bench.contents("songs")["a"] == "one"


def test_many_files_are_known_as_few_are(folder, bench):
    for number in range(300):
        (folder.folder / f"{number}").write_text("x")
    assert len(folder()) == 302
    assert folder() == []
    (folder.folder / "7").write_text("y")
    assert folder() == ["7"]
    assert bench.contents("songs")["7"] == "y"


def test_a_link_is_read_each_time(folder, bench):
    elsewhere = bench.folder / "elsewhere"
    elsewhere.write_text("linked")
    (folder.folder / "c").symlink_to(elsewhere)
    folder()
    elsewhere.write_text("anew")
    assert folder() == ["elsewhere"]
    assert bench.contents("songs")["c"] == "anew"


def forbidden(*whatever):
    raise AssertionError("datums were enumerated")


def test_a_job_that_reads_what_the_last_one_read_has_its_output_without_looking_at_datums(bench, monkeypatch):
    bench.repo("songs")
    bench.put("songs", {"a": "1", "b": "2"})
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.run()
    first = bench.job("p")
    bench.put("songs", {"a": "1"})
    with monkeypatch.context() as patch:
        patch.setattr(job_run, "plan_datums", forbidden)
        assert not bench.run().failed
    job = bench.job("p")
    assert (job.total, job.processed, job.skipped, job.datums) == (2, 0, 2, first.datums)
    assert bench.contents("p") == {"a": "1", "b": "2"}
    bench.put("songs", {"c": "3"})
    assert not bench.run().failed
    assert (bench.job("p").processed, bench.job("p").skipped) == (1, 2)
    assert bench.contents("p") == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    "change",
    [
        {"cmd": shell('cp "$songs" /pfs/out/; true')},
        {"glob": "/a"},
        {"reprocess_spec": "every_job"},
        {"salt": "another"},
    ],
)
def test_a_changed_pipeline_is_looked_at(bench, change):
    bench.repo("songs")
    bench.put("songs", {"a": "1", "b": "2"})
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.run()
    cmd, glob = change.pop("cmd", shell('cp "$songs" /pfs/out/')), change.pop("glob", "/*")
    bench.pipeline("p", cmd, "songs", glob, update=True, **change)
    bench.run()
    job = bench.job("p")
    assert (job.total, job.processed) == ((1, 0) if glob == "/a" else (2, 2))
    assert sorted(bench.contents("p")) == (["a"] if glob == "/a" else ["a", "b"])


def test_a_recovered_datum_is_tried_in_the_next_job(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell("exit 1"), "songs", transform={"err_cmd": ["true"]})
    bench.run()
    bench.put("songs", {"a": "1"})
    bench.run()
    assert (bench.job("p").recovered, bench.job("p").skipped) == (1, 0)
