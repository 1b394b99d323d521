"""How inputs are cut into datums, told by `list datum -f` before any pipeline exists."""

import json

import pytest
from contract import cross, differs, group, join, pachyderm, pfs, spec, union

FOO = {f"foo{number}": "input" for number in range(50)}


def foos(*numbers):
    return [f"in:/foo{number}" for number in numbers]


@pytest.fixture(scope="module")
def fifty(shared_engine):
    """A repo of fifty files, which can be globbed in many ways."""
    shared_engine.repo("in")
    shared_engine.put_tree("in@master:/", FOO)
    return shared_engine


ONES = pfs("in", "/foo?1", name="ones")
TWOS = pfs("in", "/foo*2", name="twos")
NONE = pfs("in", "!(**)", name="none")


@pachyderm("datum.TestIterators", "pps/server.TestCreateDatum")
def test_a_glob_cuts_a_repo(fifty):
    assert fifty.cut(NONE) == []
    assert fifty.cut(ONES) == [foos(number) for number in (11, 21, 31, 41)]
    assert fifty.cut(TWOS) == [foos(number) for number in (12, 2, 22, 32, 42)]
    assert fifty.cut(pfs("in", "/")) == [["in:/"]]


@pachyderm("datum.TestIterators", "server.TestUnionInput")
def test_a_union_is_one_after_the_other(fifty):
    assert fifty.cut(union(ONES, TWOS)) == [foos(number) for number in (11, 12, 2, 21, 22, 31, 32, 41, 42)]
    assert len(fifty.cut(union(ONES, ONES))) == 4


@pachyderm("datum.TestIterators", "pps/server.TestCreateDatum")
def test_a_cross_is_every_pair(fifty):
    pairs = [sorted(foos(one, two)) for one in (11, 21, 31, 41) for two in (12, 2, 22, 32, 42)]
    assert fifty.cut(cross(ONES, TWOS)) == sorted(pairs)


@pachyderm("datum.TestIterators")
def test_a_cross_with_nothing_is_nothing(fifty):
    assert fifty.cut(cross(ONES, NONE, TWOS)) == []
    assert fifty.cut(cross(cross(ONES, NONE), TWOS)) == []


@pachyderm("datum.TestIterators", "server.TestUnionInput")
def test_a_union_of_crosses_and_a_cross_of_unions(fifty):
    low, high = pfs("in", "/foo1?", name="low"), pfs("in", "/foo4?", name="high")
    assert len(fifty.cut(union(cross(ONES, TWOS), cross(low, high)))) == 20 + 100
    assert len(fifty.cut(cross(union(ONES, pfs("in", "/foo1?", name="ones")), TWOS))) == (4 + 10 - 1) * 5


@pachyderm("datum.TestIterators", "server.TestJoinInput")
def test_a_join_pairs_equal_keys(fifty):
    left = pfs("in", "/foo(?)(?)", name="left", join_on="$1$2")
    right = pfs("in", "/foo(?)(?)", name="right", join_on="$2$1")
    wanted = [sorted(foos(f"{a}{b}", f"{b}{a}")) for a in "1234" for b in "1234"]
    assert fifty.cut(join(left, right)) == sorted(wanted)


@pachyderm("datum.TestIterators", "server.TestJoinInput")
def test_an_outer_join_keeps_what_has_no_partner(fifty):
    left = pfs("in", "/foo1(?)", name="left", join_on="$1", outer_join=True)
    right = pfs("in", "/foo(?)1", name="right", join_on="$1", outer_join=True)
    pairs = [sorted(foos(f"1{key}", f"{key}1")) for key in "1234"]
    assert fifty.cut(join(left, right)) == sorted([*pairs, *[foos(f"1{key}") for key in "056789"]])


@pachyderm("datum.TestIterators", "server.TestGroupInput")
def test_a_group_is_all_of_a_key(fifty):
    found = fifty.cut(group(pfs("in", "/foo(?)(?)", group_by="$1")))
    assert found == [foos(*range(10 * ten, 10 * ten + 10)) for ten in (1, 2, 3, 4)]


@pachyderm("datum.TestIterators", "server.TestGroupInput")
def test_a_group_of_two_inputs(fifty):
    first = pfs("in", "/foo(?)(?)", name="first", group_by="$1")
    second = pfs("in", "/foo(?)(?)", name="second", group_by="$2")
    wanted = [
        sorted(foos(*[f"{key}{other}" for other in range(10) if key], *[f"{ten}{key}" for ten in (1, 2, 3, 4)]))
        if key in (1, 2, 3, 4)
        else foos(*[f"{ten}{key}" for ten in (1, 2, 3, 4)])
        for key in range(10)
    ]
    assert fifty.cut(group(first, second)) == sorted(wanted)


@pachyderm("datum.TestIterators", "server.TestGroupInput")
def test_a_group_of_a_join(fifty):
    left = pfs("in", "/foo(?)(?)", name="left", join_on="$1$2", group_by="$1")
    right = pfs("in", "/foo(?)(?)", name="right", join_on="$2$1", group_by="$2")
    wanted = [
        sorted(foos(*[f"{key}{other}" for other in (1, 2, 3, 4)], *[f"{other}{key}" for other in (1, 2, 3, 4)]))
        for key in (1, 2, 3, 4)
    ]
    assert fifty.cut(group(join(left, right))) == sorted(wanted)


@pachyderm("datum.TestIterators")
def test_a_union_of_files_and_groups(fifty):
    single = pfs("in", "/foo(?)(?)")
    grouped = group(pfs("in", "/foo(?)(?)", group_by="$2"))
    groups = [foos(*[f"{ten}{key}" for ten in (1, 2, 3, 4)]) for key in range(10)]
    assert fifty.cut(union(single, grouped)) == sorted([*groups, *[foos(number) for number in range(10, 50)]])


@pachyderm("datum.TestJoinTrailingSlash")
@pytest.mark.parametrize("glob", ["/(*)", "/(*)/"])
def test_a_join_of_files_whose_glob_ends_in_a_slash(engine, glob):
    engine.repo("a", "b")
    for repo in ("a", "b"):
        engine.put_tree(f"{repo}@master:/", {f"foo-{number}": "bar" for number in range(3)})
    found = engine.cut(join(pfs("a", glob, join_on="$1"), pfs("b", glob, join_on="$1")))
    assert found == [[f"a:/foo-{number}", f"b:/foo-{number}"] for number in range(3)]


@pachyderm("pps/cmds.TestListDatumFromFile", "pps/server.TestListDatum")
def test_a_spec_from_standard_input_with_commas_too_many(engine):
    engine.repo("a", "b")
    engine.put("a@master:/foo", "foo")
    engine.put("b@master:/foo", "foo")
    text = """{"pipeline": {"name": "does-not-matter"}, "input": {"cross": [
        {"pfs": {"repo": "a", "glob": "/*",}}, {"pfs": {"repo": "b", "glob": "/*",}},],},
        "transform": {"cmd": ["does", "not", "matter"]}}"""
    assert "/foo" in engine.do("list datum", "-f", "-", input=text)


# Keys


@pytest.fixture(scope="module")
def pairs(shared_engine):
    """Two repos with one path in common."""
    shared_engine.repo("a", "b")
    shared_engine.put_tree("a@master:/", {"x": "1", "y": "1"})
    shared_engine.put_tree("b@master:/", {"x": "1", "z": "1"})
    return shared_engine


@pytest.mark.parametrize("template", ["$0", "${0}"])
def test_dollar_zero_is_the_whole_path(pairs, template):
    found = pairs.cut(join(pfs("a", "/*", join_on=template), pfs("b", "/*", join_on=template)))
    assert found == [["a:/x", "b:/x"]]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("$$", "$", True),
        ("a$$b", "a$b", True),
        ("$$1", "$1", False),
        ("$$1", "$$1", True),
        ("$1$", "x$", True),
        ("$2", "", True),
        ("$10", "", True),
        ("$1b", "xb", True),
        ("${1}", "x", True),
    ],
)
def test_what_templates_mean(pairs, left, right, same):
    """`same`: whether the keys of /x in a and of /z in b are one text."""
    found = pairs.cut(join(pfs("a", "/(x)", join_on=left), pfs("b", "/(z)", join_on=right)))
    assert found == ([["a:/x", "b:/z"]] if same else [])


def test_a_join_without_keys_is_a_cross(pairs):
    assert len(pairs.cut(join(pfs("a"), pfs("b")))) == 4


def test_a_group_without_keys_is_one_datum(pairs):
    assert pairs.cut(group(pfs("a"))) == [["a:/x", "a:/y"]]


def test_each_input_of_a_cross_goes_to_the_group_of_its_own_key(engine):
    engine.repo("a", "b")
    engine.put("a@master:/x-1", "")
    engine.put("b@master:/y-2", "")
    parts = pfs("a", "/(*)-*", group_by="$1"), pfs("b", "/(*)-*", group_by="$1")
    assert engine.cut(group(cross(*parts))) == [["a:/x-1"], ["b:/y-2"]]


# Globs


@pytest.fixture(scope="module")
def tree(shared_engine):
    """The files of the glob cases."""
    shared_engine.repo("tree")
    shared_engine.put_tree("tree@master:/", {"a.txt": "1", "ab.txt": "1", "b.txt": "1", "1x": "1", "a/b": "1"})
    return shared_engine


ALL = ["/1x", "/a.txt", "/a/", "/ab.txt", "/b.txt"]


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("/*", ALL),
        ("./*", ALL),
        ("[[:digit:]]*", ["/1x"]),
        ("/!(a).txt", ["/b.txt"]),
        ("/(!(a)).txt", ["/b.txt"]),
        ("/*(*.csv|!(*.txt))", ["/1x", "/a/"]),
        ("/*[!x]*", [*ALL[:3], "/a/b", *ALL[3:]]),
        ("/a/../b.txt", ["/b.txt"]),
        ("/(a", ["/a/"]),
        ("/{a", ["/a/"]),
        ("**", [*ALL[:3], "/a/b", *ALL[3:]]),
        ("/**", [*ALL[:3], "/a/b", *ALL[3:]]),
        ("/*/", ALL),
        ("/*/*", ["/a/b"]),
        ("a", ["/a/"]),
        ("/a/", ["/a/"]),
        ("//a", ["/a/"]),
        ("/?.txt", ["/a.txt", "/b.txt"]),
        ("/{a,b}.txt", ["/a.txt", "/b.txt"]),
        ("/[a-b].txt", ["/a.txt", "/b.txt"]),
        ("/[^a]*", ["/1x", "/b.txt"]),
        ("/@(a|b).txt", ["/a.txt", "/b.txt"]),
        ("/+(a|b).txt", ["/a.txt", "/ab.txt", "/b.txt"]),
        ("/**/b", ["/a/b"]),
        ("/**.txt", ["/a.txt", "/ab.txt", "/b.txt"]),
        ("/none", []),
    ],
)
@pachyderm("pfs.TestGlobFile3", "datum.TestIterators")
def test_globs(tree, glob, paths):
    assert tree.cut(pfs("tree", glob)) == sorted([f"tree:{path}"] for path in paths)


@differs("a glob whose `[` is never closed is refused")
def test_an_unclosed_bracket(engine):
    wrong = spec("p", pfs("in", "/[a"), "true")
    engine.repo("in")
    engine.put("in@master:/a", "1")
    if engine.name == "local":
        assert "/[a" in engine.refuse("create pipeline", "-f", engine.text_file(json.dumps(wrong)))
    else:
        engine.create(wrong)
        engine.wait(lambda: int(engine.raw("list job -p p")[0].get("restart", 0)) >= 2, "a job that restarts for ever")
        assert engine.raw("list job -p p")[0]["state"] not in {"JOB_SUCCESS", "JOB_FAILURE"}
