"""The lineage of a file as a graph, to be drawn: a node a file, an edge from what was read to what was made."""

import shlex

from aeolian.engine.graphs.dag import Edge, Graph, Node, rows_of
from aeolian.engine.graphs.lineage import Origin

# Of files read by one run more than so many are drawn as one node that counts them.
_MOST_INPUTS = 12


def lineage_graph(origin: Origin) -> Graph:
    """The graph of `origin` and all that it was made from, down to what users put."""
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    _add(origin, nodes, edges)
    return Graph(nodes, tuple(edges), rows_of(nodes, tuple(edges)))


def _add(origin: Origin, nodes: dict[str, Node], edges: dict[Edge, None]) -> str:
    name = f"{origin.repo}:{origin.path}"
    if name in nodes and f"sha256 {origin.sha256}" not in nodes[name].note:
        name = f"{origin.repo}@{origin.commit[:8]}:{origin.path}"
    if name in nodes:
        return name
    kind = "pipeline" if origin.pipeline else "repo"
    fact = f"sha256 {origin.sha256[:12]}" + (f" · by {origin.pipeline}" if origin.pipeline else "")
    was = f"\nwas {origin.original}" if origin.original else ""
    made = f"\nby {origin.pipeline}: {shlex.join(origin.command)}\nprogram {origin.program}" if origin.pipeline else ""
    note = f"{name}\ncommit {origin.commit}\nsha256 {origin.sha256}\n{origin.size:,} bytes{was}{made}"
    nodes[name] = Node(name, kind, "success", 1, origin.size, fact, note)
    shown = origin.inputs[: _MOST_INPUTS - (len(origin.inputs) > _MOST_INPUTS)]
    for part in shown:
        edges[Edge(_add(part, nodes, edges), name, "", False)] = None
    if rest := origin.inputs[len(shown) :]:
        more = f"{len(rest)} more of {rest[0].repo}"
        names = "\n".join(f"{part.repo}:{part.path}  sha256 {part.sha256}" for part in rest)
        nodes[more] = Node(more, "repo", "", len(rest), sum(part.size for part in rest), f"read by {name}", names)
        edges[Edge(more, name, "", False)] = None
    return name
