"""The graph of a store as lines for a terminal: each part below one that it is made from."""

from collections.abc import Iterator

from aeolian.engine.graphs.dag import Graph, Node


def lines(graph: Graph) -> list[tuple[str, str, str]]:
    """A line for each part: its name with the branches before it, its state, its files.

    A part with several sources stands below the last of them, and is named below the others.
    """
    level = {item: row for row, items in enumerate(graph.rows) for item in items if isinstance(item, str)}
    sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    is_made = {name: node.kind == "pipeline" for name, node in graph.nodes.items()}
    home = {name: max(read, key=lambda it: (is_made[it], level[it], it)) for name, read in sources.items() if read}
    readers = {name: sorted(edge.target for edge in graph.edges if edge.source == name) for name in graph.nodes}

    def walk(name: str, first: str, rest: str) -> Iterator[tuple[str, str, str]]:
        node = graph.nodes[name]
        yield first + name, _state(node), files_text(node)
        for place, reader in enumerate(readers[name]):
            last = place == len(readers[name]) - 1
            branch, further = f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}"
            if home[reader] == name:
                yield from walk(reader, branch, further)
            else:
                yield f"{branch}{reader}", f"(see below {home[reader]})", ""

    return [line for name in sorted(graph.nodes) if not sources[name] for line in walk(name, "", "")]


def files_text(node: Node) -> str:
    """`1 file`, `1,234 files`."""
    return f"{node.files:,} file{'' if node.files == 1 else 's'}"


def _state(node: Node) -> str:
    return (node.state or "no job yet") if node.kind == "pipeline" else node.kind
