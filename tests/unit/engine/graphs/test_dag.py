"""The picture of what feeds what: rows, order, text and SVG, each by its structure."""

import itertools
from xml.etree import ElementTree

import pytest
from engine_bench import shell

from aeolian.engine.graphs import dag_svg
from aeolian.engine.graphs.dag import Edge, Graph, graph
from aeolian.engine.graphs.dag_text import lines

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def music(bench):
    """Songs to a model, the model and seeds to music, a nightly report of songs and music."""
    bench.repo("songs", "seeds", "spare")
    bench.pipeline("midi", shell('cp "$songs" /pfs/out/'), "songs")
    bench.pipeline("model", shell("exit 3"), "midi", "/")
    cross = [
        {"pfs": {"repo": "model", "glob": "/", "propagation_spec": {"never": True}}},
        {"pfs": {"repo": "seeds", "glob": "/{a,b}*"}},
    ]
    bench.pipeline("music", ["true"], {"cross": cross})
    both = [{"pfs": {"repo": repo, "glob": "/"}} for repo in ("songs", "music")]
    bench.pipeline("report", ["true"], {"cross": [*both, {"cron": {"name": "tick", "spec": "@daily"}}]})
    bench.put("songs", {"a": "12345", "b": "1"})
    bench.run()
    return bench


def test_rows_stand_below_what_they_read(music):
    found = graph(music.store)
    level = {item: row for row, items in enumerate(found.rows) for item in items if isinstance(item, str)}
    assert level == {
        "spare": 0, "songs": 0, "midi": 1, "model": 2, "seeds": 2, "music": 3, "report_tick": 3, "report": 4,
    }  # fmt: skip
    (long,) = [edge for edge in found.edges if (edge.source, edge.target) == ("songs", "report")]
    assert [long in row for row in found.rows] == [False, True, True, True, False]


def test_nodes_tell_state_and_files(music):
    nodes = graph(music.store).nodes
    assert (nodes["songs"].kind, nodes["songs"].state, nodes["songs"].files, nodes["songs"].size) == ("repo", "", 2, 6)
    assert (nodes["midi"].kind, nodes["midi"].state, nodes["midi"].files) == ("pipeline", "success", 2)
    assert (nodes["model"].state, nodes["music"].state, nodes["report"].state) == ("failure", "", "success")
    assert nodes["report_tick"].kind == "cron"


def test_edges_tell_globs_and_quiet_ones(music):
    edges = {(edge.source, edge.target): edge for edge in graph(music.store).edges}
    assert len(edges) == 7
    assert edges["model", "music"].quiet and not edges["seeds", "music"].quiet
    assert edges["seeds", "music"].label == "/{a,b}*"


def test_text_names_each_part_once_and_the_rest_by_reference(music):
    assert lines(graph(music.store)) == [
        ("report_tick", "cron", "0 files"),
        ("└─ report", "(see below music)", ""),
        ("seeds", "repo", "0 files"),
        ("└─ music", "(see below model)", ""),
        ("songs", "repo", "2 files"),
        ("├─ midi", "success", "2 files"),
        ("│  └─ model", "failure", "0 files"),
        ("│     └─ music", "no job yet", "0 files"),
        ("│        └─ report", "success", "0 files"),
        ("└─ report", "(see below music)", ""),
        ("spare", "repo", "0 files"),
    ]


def test_the_svg_has_every_part_and_edge_and_no_box_touches_another(music):
    found = graph(music.store)
    text = dag_svg.svg(found)
    assert text == dag_svg.svg(graph(music.store)), "the same bytes for the same store"
    root = ElementTree.fromstring(text)
    groups = {g.get("data-name"): g for g in root.iter(f"{SVG}g") if g.get("data-name")}
    assert set(groups) == set(found.nodes)
    assert {name: g.get("data-state") for name, g in groups.items() if g.get("data-state")} == {
        "midi": "success",
        "model": "failure",
        "report": "success",
    }
    assert "".join(groups["songs"].itertext()).count("2 files") == 2
    drawn = {(g.get("data-from"), g.get("data-to")) for g in root.iter(f"{SVG}g") if g.get("data-from")}
    assert drawn == {(edge.source, edge.target) for edge in found.edges}
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [[float(g.find(f"{SVG}rect").get(side)) for side in ("x", "y", "width", "height")] for g in groups.values()]
    for x, y, w, h in boxes:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    quiet = [
        g
        for g in root.iter(f"{SVG}g")
        if g.find(f"{SVG}path") is not None and "quiet" in g.find(f"{SVG}path").get("class")
    ]
    assert [(g.get("data-from"), g.get("data-to")) for g in quiet] == [("model", "music")]


def test_crossings_are_undone(bench):
    """Four chains whose names would cross if rows went by name."""
    bench.repo(*"abcd")
    for source, target in zip("abcd", "zyxw", strict=True):
        bench.pipeline(target, ["true"], source)
    found = graph(bench.store)
    where = {item: place for row in found.rows for place, item in enumerate(row)}
    pairs = sorted((where[edge.source], where[edge.target]) for edge in found.edges)
    assert pairs == [(n, n) for n in range(4)]


def test_an_empty_store_is_an_empty_picture(bench):
    empty = graph(bench.store)
    assert empty == Graph({}, (), ())
    assert lines(empty) == []
    assert ElementTree.fromstring(dag_svg.svg(empty)).get("width") == "56"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [([0, 300], [0, 300]), ([0, 0], [-68, 68]), ([0, 0, 500], [-68, 68, 500]), ([100, 0, 500], [-18, 118, 500])],
)
def test_boxes_move_apart_as_little_as_they_must(wanted, expected):
    assert dag_svg._apart(wanted, [100.0] * len(wanted)) == expected


def test_text_is_escaped():
    edge = Edge("a", "b", "/<&>*", quiet=False)
    layout = dag_svg._Layout({(0, "a"): 50.0, (1, "b"): 50.0}, {}, 100.0, 100.0)
    assert "/&lt;&amp;&gt;*" in dag_svg._edge(layout, edge, 0, 1)
