from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeolian.engine.storage.database import Database
from aeolian.engine.storage.trees import (
    EMPTY,
    DatumRun,
    DatumTrees,
    Entry,
    Trees,
    decode_entries,
    encode_entries,
)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(Database(tmp_path / "t.db"))


def entry(path: str, content: str = "a") -> Entry:
    return Entry(path, content * 64, len(content))


def test_no_files_make_the_empty_tree(trees):
    assert trees.build([]) == EMPTY
    assert trees.edit(trees.build([entry("/a")]), {"/a": None}) == EMPTY
    assert list(trees.entries(EMPTY)) == []


def test_entries_survive_their_text():
    entries = [entry("/a b  c"), entry("/d")]
    assert decode_entries(encode_entries(entries)) == entries
    assert decode_entries(encode_entries([])) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 700), st.sampled_from(["a", "b", None])), max_size=400),
    st.integers(1, 40),
)
def test_a_tree_depends_on_its_files_and_not_on_the_way_to_it(trees, steps, batch):
    tree, files = EMPTY, {}
    for start in range(0, len(steps), batch):
        changes = {f"/{n}": entry(f"/{n}", c) if c else None for n, c in steps[start : start + batch]}
        files.update(changes)
        tree = trees.edit(tree, changes)
    left = [e for e in files.values() if e]
    assert tree == trees.build(left)
    assert list(trees.entries(tree)) == sorted(left)
    assert trees.totals(tree) == (len(left), sum(e.size for e in left))
    for path, kept in files.items():
        assert trees.get(tree, path) == kept


def test_one_file_more_writes_one_leaf_and_one_root(trees):
    tree = trees.build(entry(f"/{n:05d}") for n in range(5000))
    before = set(trees.nodes(tree))
    after = set(trees.nodes(trees.edit(tree, {"/02500x": entry("/02500x")})))
    assert len(before) > 20
    assert len(after - before) <= 3


def test_difference_is_what_differs(trees):
    old = trees.build(entry(f"/{n}") for n in range(1000))
    new = trees.edit(old, {"/5": None, "/7": entry("/7", "b"), "/new": entry("/new")})
    gone, come = trees.difference(old, new)
    assert gone == {"/5": entry("/5"), "/7": entry("/7")}
    assert come == {"/7": entry("/7", "b"), "/new": entry("/new")}


def test_folders(trees):
    tree = trees.build([entry("/a-b"), entry("/a/b"), entry("/a/c/d"), entry("/ab")])
    assert [e.path for e in trees.entries(tree, "/a/")] == ["/a/b", "/a/c/d"]
    assert trees.has_folder(tree, "/a/c")
    assert not trees.has_folder(tree, "/ab")


def test_a_tree_of_datums_says_which_run_made_what(tmp_path):
    trees = DatumTrees(Database(tmp_path / "d.db"))
    runs = [DatumRun(f"{n:064x}", "a" * 64, n) for n in range(200)]
    tree = trees.edit(trees.build(runs), {runs[7].datum: None, runs[8].datum: DatumRun(runs[8].datum, "b" * 64, 900)})
    assert trees.count(tree) == 199
    assert trees.get(tree, runs[7].datum) is None
    assert trees.get(tree, runs[8].datum) == DatumRun(f"{8:064x}", "b" * 64, 900)
    roots = Trees(Database(tmp_path / "d.db"))
    assert roots.totals(tree) == (199, 0), "numbers of runs are not sizes, and are not added up"
