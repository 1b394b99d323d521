"""Lineage."""

from xml.etree import ElementTree

import pytest
from engine_bench import shell

from aeolian.engine.graphs.dag_svg import svg
from aeolian.engine.graphs.lineage import lineage
from aeolian.engine.graphs.lineage_graph import lineage_graph
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address


def test_a_file_is_traced_to_what_it_was_made_from(bench):
    bench.repo("songs")
    bench.pipeline("a", shell('cp "$songs" /pfs/out/'), "songs")
    bench.pipeline("b", shell("cat /pfs/a/* > /pfs/out/all"), "a", "/")
    first = bench.put("songs", {"x": "1", "y": "2"})
    bench.run()
    bench.put("songs", {"z": "3"})
    bench.run()
    origin = lineage(bench.store, parse_address("b@master:/all"))
    assert (origin.pipeline, origin.command[0]) == ("b", "/bin/sh")
    assert [part.path for part in origin.inputs] == ["/x", "/y", "/z"]
    assert [part.pipeline for part in origin.inputs] == ["a", "a", "a"]
    (source,) = origin.inputs[0].inputs
    assert (source.repo, source.path, source.commit, source.pipeline) == ("songs", "/x", first.id, "")
    with pytest.raises(UsageError):
        lineage(bench.store, parse_address("b@master:/nothing"))


def test_lineage_as_a_graph_and_a_picture(bench):
    bench.repo("songs")
    bench.pipeline("a", shell('cp "$songs" /pfs/out/'), "songs")
    bench.pipeline("b", shell("cat /pfs/a/* > /pfs/out/all"), "a", "/")
    bench.put("songs", {f"{number:02}": f"<{number}>" for number in range(20)})
    bench.run()
    origin = lineage(bench.store, parse_address("b@master:/all"))
    graph = lineage_graph(origin)
    shown = [f"a:/{number:02}" for number in range(11)]
    assert list(graph.nodes) == ["b:/all", *(n for a in shown for n in (a, a.replace("a", "songs", 1))), "9 more of a"]
    edges = {(edge.source, edge.target) for edge in graph.edges}
    assert edges == {(a.replace("a", "songs", 1), a) for a in shown} | {(a, "b:/all") for a in (*shown, "9 more of a")}
    drawn = ElementTree.fromstring(svg(graph, "What it was made from"))
    titles = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "What it was made from"
    told = next(title for title in titles if title.startswith("b:/all"))
    assert f"sha256 {origin.sha256}" in told
    assert "by b: /bin/sh -ec 'cat /pfs/a/* > /pfs/out/all'" in told
    assert f"program {origin.program}" in told
    assert all(any(part.sha256 in title for title in titles) for part in origin.inputs)
