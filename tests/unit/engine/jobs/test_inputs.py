"""Datums, by hand: which files one run of the program sees."""

import pytest
from engine_bench import spec_of

from aeolian.engine.jobs.inputs import Source, datums
from aeolian.engine.storage.trees import EMPTY, Entry

FILES = {
    "a": ["/1-x.mid", "/2-y.mid", "/sub/3.mid"],
    "b": ["/1-p.txt", "/2-q.txt", "/9-r.txt"],
}


def pfs(repo="a", glob="/*", **more):
    return {"pfs": {"repo": repo, "glob": glob, **more}}


@pytest.fixture
def found(bench):
    trees = bench.store.trees
    sources = {
        repo: Source(trees.build(Entry(path, repo * 64, 1) for path in paths), f"commit-{repo}")
        for repo, paths in FILES.items()
    }

    def of(node):
        spec = spec_of({"pipeline": {"name": "p"}, "transform": {"cmd": ["x"]}, "input": node})
        return datums(spec.input, lambda part: sources.get(part.repo, Source()), trees)

    return of


def paths(result):
    return [[part.path for part in datum.inputs] for datum in result]


def test_a_slash_is_one_datum_with_everything(found):
    (datum,) = found(pfs(glob="/"))
    assert [entry.path for entry in datum.inputs[0].entries] == FILES["a"]


def test_a_star_is_one_datum_a_top_level_entry_a_folder_with_all_it_holds(found):
    result = found(pfs())
    assert paths(result) == [["/1-x.mid"], ["/2-y.mid"], ["/sub"]]
    assert [entry.path for entry in result[2].inputs[0].entries] == ["/sub/3.mid"]
    assert [datum.inputs[0].is_file for datum in result] == [True, True, False]


def test_nothing_is_no_datum(found):
    assert found(pfs("empty", "/")) == []
    assert found(pfs(glob="/*.wav")) == []


def test_cross_multiplies(found):
    assert paths(found({"cross": [pfs(glob="/*.mid"), pfs("b", "/1*")]})) == [
        ["/1-x.mid", "/1-p.txt"],
        ["/2-y.mid", "/1-p.txt"],
    ]
    assert found({"cross": [pfs(), pfs("empty")]}) == []


def test_union_concatenates(found):
    assert len(found({"union": [pfs(), pfs("b")]})) == 6


def test_join_crosses_equal_keys_and_drops_the_rest(found):
    node = {"join": [pfs("a", "/(*)-*.mid", join_on="$1"), pfs("b", "/(*)-*.txt", join_on="$1")]}
    result = found(node)
    assert paths(result) == [["/1-x.mid", "/1-p.txt"], ["/2-y.mid", "/2-q.txt"]]
    assert result[0].inputs[0].join_on == "1"


def test_outer_join_keeps_what_has_no_match(found):
    left, right = pfs("a", "/(*)-*.mid", join_on="$1"), pfs("b", "/(*)-*.txt", join_on="$1", outer_join=True)
    assert paths(found({"join": [left, right]}))[2:] == [["/9-r.txt"]]


def test_group_puts_all_of_a_key_together(found):
    node = {"group": [pfs("a", "/(*)-*.mid", group_by="$1"), pfs("b", "/(*)-*.txt", group_by="$1")]}
    assert paths(found(node)) == [["/1-x.mid", "/1-p.txt"], ["/2-y.mid", "/2-q.txt"], ["/9-r.txt"]]


def test_inputs_nest(found):
    node = {"cross": [{"union": [pfs(glob="/1*"), pfs("b", "/9*", name="c")]}, pfs("b", "/2*")]}
    assert paths(found(node)) == [["/1-x.mid", "/2-q.txt"], ["/9-r.txt", "/2-q.txt"]]


def test_an_id_names_paths_and_a_hash_names_contents_and_program(bench, found):
    (one, two, _), again = found(pfs()), found(pfs())
    assert one.id == again[0].id != two.id
    assert one.hash("program") == again[0].hash("program") != one.hash("another")
    assert found(pfs(name="other"))[0].id != one.id
    old = bench.store.trees.build([Entry("/1-x.mid", "f" * 64, 1)])
    spec = spec_of({"pipeline": {"name": "p"}, "transform": {"cmd": ["x"]}, "input": pfs()})
    (changed,) = datums(spec.input, lambda part: Source(old), bench.store.trees)
    assert changed.id == one.id
    assert changed.hash("program") != one.hash("program")


def test_a_references_content_does_not_count(bench):
    spec = spec_of({"pipeline": {"name": "p"}, "transform": {"cmd": ["x"]}, "input": pfs(reference=True)})
    trees = [bench.store.trees.build([Entry("/a", c * 64, 1)]) for c in "12"]
    one, two = (datums(spec.input, lambda part, t=tree: Source(t), bench.store.trees)[0] for tree in trees)
    assert one.hash("p") == two.hash("p")
    assert EMPTY not in trees
