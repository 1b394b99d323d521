"""Branches: heads that move, provenance, triggers, ancestry. tests/platform has the same on a real pachd."""

from datetime import UTC, datetime, timedelta

import pytest

from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import branches, commits, references, repos
from aeolian.engine.versions.branch_triggers import fire_due, parse_size
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address, parse_reference
from aeolian.platform.records import BranchTrigger

COPY = ["sh", "-c", "cp -r /pfs/songs/. /pfs/out/"]


def head(bench, repo, branch="master"):
    return branches.inspect_branch(bench.store, repo, branch).head.id


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("b", ("b", 0)),
        ("b^", ("b", 1)),
        ("b~~", ("b", 2)),
        ("b^0", ("b", 0)),
        ("b~12", ("b", 12)),
        ("b.3", ("b", -3)),
        ("b.", ("b", -1)),
    ],
)
def test_ancestry_is_parsed(text, parsed):
    assert parse_reference(text) == parsed


@pytest.mark.parametrize("text", ["b^~", "b^x", "b.1.2", "b~1^"])
def test_signs_of_ancestry_do_not_mix(text):
    with pytest.raises(UsageError, match="names no commit"):
        parse_reference(text)


def test_ancestors_are_counted_from_either_end(bench):
    bench.repo("songs")
    for number in "123":
        bench.put("songs", {"f": number})
    for reference, value in {"^": "2", "~2": "1", ".1": "1", ".3": "3", "^0": "3"}.items():
        assert bench.contents("songs", f"master{reference}") == {"f": value}
    with pytest.raises(UsageError, match=r"commit songs@master\^3 not found\. It has 3 commits"):
        bench.contents("songs", "master^3")


def test_the_parent_of_a_moved_branch_is_that_of_its_head(bench):
    bench.repo("songs")
    for number in "12":
        bench.put("songs", {"f": number}, "dev")
    bench.put("songs", {"f": "old"})
    branches.create_branch(bench.store, "songs", "master", at="dev")
    assert bench.contents("songs") == {"f": "2"}
    assert bench.contents("songs", "master^") == {"f": "1"}
    made = bench.put("songs", {"f": "3"})
    assert [c.id for c in references.list_commits(bench.store, "songs", "master")] == [
        made.id,
        head(bench, "songs", "dev"),
        references.resolve(bench.store, Address("songs", "dev^")).id,
    ]


def test_deferred_processing(bench):
    """As in examples/deferred-processing of Pachyderm: what is downstream runs when the branch is moved, not before."""
    bench.repo("songs")
    bench.pipeline("edges", COPY, "songs", "/", output_branch="dev")
    bench.pipeline("all", ["sh", "-c", "cat /pfs/edges/* > /pfs/out/all"], {"pfs": {"repo": "edges", "glob": "/"}})
    bench.put("songs", {"f": "1"})
    bench.run()
    assert list_jobs(bench.store, pipeline="all") == []
    branches.create_branch(bench.store, "edges", "master", at="dev")
    bench.run()
    assert bench.contents("all") == {"all": "1"}
    job = bench.job("all")
    assert job.id != head(bench, "edges", "dev") == head(bench, "edges")
    bench.put("songs", {"f": "2"})
    bench.run()
    assert bench.contents("all") == {"all": "1"}
    branches.create_branch(bench.store, "edges", "master", at="dev")
    assert not branches.create_branch(bench.store, "edges", "master", at="dev")
    bench.run()
    assert bench.contents("all") == {"all": "2"}
    assert len(list_jobs(bench.store, pipeline="all")) == 2
    assert list(check(bench.store)) == []


def test_a_deleted_branch_leaves_its_commits(bench):
    bench.repo("songs")
    made = bench.put("songs", {"f": "1"}, "dev")
    branches.create_branch(bench.store, "songs", "master", at="dev")
    branches.delete_branch(bench.store, "songs", "dev")
    collect_garbage(bench.store)
    assert bench.contents("songs", made.id) == bench.contents("songs") == {"f": "1"}
    assert repos.inspect_repo(bench.store, "songs").branches == ("master",)
    bench.put("songs", {"f": "2"}, "dev")
    assert branches.inspect_branch(bench.store, "songs", "dev").head.parent is None


def test_a_branch_with_provenance_gets_commits_to_fill(bench):
    bench.repo("songs", "notes")
    branches.create_branch(bench.store, "notes", "master", provenance=[("songs", "master")])
    commits.finish_commit(bench.store, "notes", "master")
    bench.pipeline("p", ["sh", "-c", "cat /pfs/notes/* > /pfs/out/x"], {"pfs": {"repo": "notes", "glob": "/"}})
    bench.run()
    put = bench.put("songs", {"f": "1"})
    assert head(bench, "notes") == put.id
    assert len(list_jobs(bench.store, pipeline="p")) == 1, "it waits until the commit is filled"
    bench.put("notes", {"n": "of f"})
    commits.finish_commit(bench.store, "notes", put.id)
    bench.run()
    assert bench.job("p").id == put.id
    assert bench.contents("p") == {"x": "of f"}
    assert bench.contents("songs", bench.job("p").id) == {"f": "1"}
    with pytest.raises(UsageError, match="made from other branches"):
        bench.put("notes", {"n": "no"})


def test_an_id_names_what_was_read_under_it(bench):
    bench.repo("songs", "seeds")
    bench.pipeline("p", ["true"], {"cross": [{"pfs": {"repo": r, "glob": "/"}} for r in ("songs", "seeds")]})
    bench.put("seeds", {"s": "old"})
    put = bench.put("songs", {"f": "1"})
    bench.run()
    bench.put("seeds", {"s": "new"})
    assert bench.contents("seeds", put.id) == {"s": "old"}


def test_what_was_put_while_a_commit_was_open_is_not_lost_downstream(bench):
    """The commit that is finished last is the newest: its job reads what came into other repos meanwhile."""
    bench.repo("songs", "seeds")
    both = {"cross": [{"pfs": {"repo": r, "glob": "/"}} for r in ("songs", "seeds")]}
    bench.pipeline("p", ["sh", "-c", "cat /pfs/songs/* /pfs/seeds/* > /pfs/out/x"], both)
    bench.put("seeds", {"s": "1"})
    opened = commits.start_commit(bench.store, "songs", "master")
    bench.put("songs", {"f": "a"})
    bench.put("seeds", {"s": "2"})
    bench.run()
    commits.finish_commit(bench.store, "songs", "master")
    bench.run()
    assert bench.contents("p") == {"x": "a2"}
    assert bench.job("p").id == opened.id


@pytest.mark.parametrize(
    ("rule", "fires_at"),
    [
        (BranchTrigger("master", commits=2), [2, 4]),
        (BranchTrigger("master", size="25"), [3]),
        (BranchTrigger("master", size="25", commits=1), [1, 2, 3, 4]),
        (BranchTrigger("master", size="15", commits=3, all=True), [3]),
        (BranchTrigger("master"), []),
    ],
)
def test_a_trigger_moves_a_branch_when_enough_has_come(bench, rule, fires_at):
    bench.repo("songs")
    branches.create_branch(bench.store, "songs", "staged", rule=rule)
    fired = []
    for number in range(1, 5):
        made = bench.put("songs", {str(number): "x" * 10})
        if head(bench, "songs", "staged") == made.id:
            fired.append(number)
    assert fired == fires_at


def test_triggers_in_a_row_fire_together_and_downstream_runs_once(bench):
    bench.repo("songs")
    bench.put("songs", {"f": "0"})
    branches.create_branch(bench.store, "songs", "a", rule=BranchTrigger("master", commits=1))
    branches.create_branch(bench.store, "songs", "b", rule=BranchTrigger("a", commits=1))
    bench.pipeline("p", COPY, {"pfs": {"repo": "songs", "branch": "b", "glob": "/"}})
    bench.run()
    put = bench.put("songs", {"f": "1"})
    assert head(bench, "songs", "a") == head(bench, "songs", "b") == put.id
    bench.run()
    assert bench.contents("p") == {"f": "1"}
    assert bench.job("p").id != put.id
    assert len(list_jobs(bench.store, pipeline="p")) == 2


def test_an_output_commit_sets_a_trigger_off(bench):
    bench.repo("songs")
    bench.pipeline("p", COPY, "songs", "/", output_branch="dev")
    branches.create_branch(bench.store, "p", "master", rule=BranchTrigger("dev", commits=1))
    bench.put("songs", {"f": "1"})
    bench.run()
    put = bench.put("songs", {"f": "2"})
    bench.run()
    assert head(bench, "p") == put.id


def test_a_schedule_moves_a_branch_and_commits_do_not(bench):
    bench.repo("songs")
    branches.create_branch(bench.store, "songs", "nightly", rule=BranchTrigger("master", cron_spec="0 3 * * *"))
    made = bench.put("songs", {"f": "1"})
    assert head(bench, "songs", "nightly") != made.id
    fire_due(bench.store, datetime.now(UTC) + timedelta(days=1, seconds=1))
    assert head(bench, "songs", "nightly") == made.id


SIZES = [("512", 512), ("10K", 10_000), ("1.5GB", 1_500_000_000), ("2 MiB", 2_000_000)]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_of_triggers(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a", {"rule": BranchTrigger("a")}, "loop"),
        ("a", {"rule": BranchTrigger("b", size="much")}, "no size"),
        ("a", {"rule": BranchTrigger("b", commits=-1)}, "cannot be waited for"),
        ("a", {"rule": BranchTrigger("b", cron_spec="daily")}, "has 1 fields"),
        ("a", {"rule": BranchTrigger("b"), "provenance": [("seeds", "master")]}, "both provenance and a trigger"),
        ("a", {"provenance": [("songs", "b")]}, "of its own branch"),
        ("a", {"at": "none"}, "not found"),
        ("a^", {}, "cannot be a branch"),
        ("0123456789abcdef0123456789abcdef", {}, "cannot be a branch"),
        ("a b", {}, "cannot name a branch"),
    ],
)
def test_branches_that_cannot_be(bench, name, options, said):
    bench.repo("songs", "seeds")
    with pytest.raises(UsageError, match=said):
        branches.create_branch(bench.store, "songs", name, **options)
    assert repos.inspect_repo(bench.store, "songs").branches == ()


def test_a_ring_and_an_open_head_are_refused(bench):
    bench.repo("songs", "seeds")
    branches.create_branch(bench.store, "songs", "master", provenance=[("seeds", "master")])
    with pytest.raises(UsageError, match="feed themselves"):
        branches.create_branch(bench.store, "seeds", "master", provenance=[("songs", "master")])
    with pytest.raises(UsageError, match="direct provenance of songs@master"):
        branches.delete_branch(bench.store, "seeds", "master")
    bench.put("seeds", {"f": "1"}, "dev")
    commits.start_commit(bench.store, "seeds", "master")
    with pytest.raises(UsageError, match="has not been finished"):
        branches.create_branch(bench.store, "seeds", "master", at="dev")


def test_the_history_of_a_commit_that_goes_is_mended(bench):
    bench.repo("songs")
    made = [bench.put("songs", {"f": str(number)}) for number in range(3)]
    branches.create_branch(bench.store, "songs", "tag", at=made[1].id)
    bench.store.db.run("DELETE FROM revision WHERE row = ?", made[1].row)
    assert references.find_commit(bench.store, made[2].row).parent == made[0].row
    assert head(bench, "songs", "tag") == made[0].id
    bench.store.db.run("DELETE FROM revision WHERE row = ?", made[0].row)
    assert branches.inspect_branch(bench.store, "songs", "tag").head is None
