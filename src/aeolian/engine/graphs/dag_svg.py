"""The graph of a store as an SVG picture: boxes in rows, curves between them. The same graph gives the same bytes."""

from collections import defaultdict
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from aeolian.engine.graphs.dag import Edge, Graph, Node
from aeolian.engine.graphs.dag_text import files_text

_BOX_HEIGHT, _ROW_HEIGHT, _GAP, _MARGIN = 54, 116, 36, 28
_LETTER_WIDTH, _PADDING, _LEAST_WIDTH, _PASSING_WIDTH = 8.2, 44, 150, 24
_SWEEPS = 24
_COLOURS = {
    "success": "#2e9e6b",
    "failure": "#d1495b",
    "unrunnable": "#e09f3e",
    "killed": "#d1495b",
    "running": "#3a7ca5",
    "created": "#3a7ca5",
    "": "#9aa5b1",
}
_REPO_COLOUR = "#6c5b9e"
_STYLE = """
text { font-family: ui-sans-serif, system-ui, "Helvetica Neue", Arial, sans-serif; }
.paper { fill: #fbfbf9; } .box { fill: #ffffff; stroke: #d8dce2; }
.name { font-size: 14px; font-weight: 600; fill: #1f2933; } .fact { font-size: 11.5px; fill: #616e7c; }
.edge { fill: none; stroke: #b3bcc7; stroke-width: 1.6; } .quiet { stroke-dasharray: 5 4; }
.glob { font-size: 11px; fill: #7b8794; paint-order: stroke; stroke: #fbfbf9; stroke-width: 4px; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #15191e; } .box { fill: #1f252c; stroke: #39424d; } .name { fill: #e8ecf0; } .fact { fill: #9fb0c0; }
  .edge { stroke: #55626f; } .glob { fill: #9fb0c0; stroke: #15191e; }
}"""

_Item = str | Edge
_Spot = tuple[int, _Item]


@dataclass(frozen=True)
class _Layout:
    """The middle of each item, in pixels, by row; and the size of the whole."""

    x: dict[_Spot, float]
    widths: dict[_Spot, float]
    width: float
    height: float


def svg(graph: Graph, title: str = "") -> str:
    """The picture, as the text of an SVG file."""
    layout = _lay_out(graph)
    row_of = {item: row for row, items in enumerate(graph.rows) for item in items if isinstance(item, str)}
    body = [_edge(layout, edge, row_of[edge.source], row_of[edge.target]) for edge in graph.edges]
    body += [_node(layout, graph.nodes[name], row) for name, row in row_of.items()]
    size = (
        f'width="{layout.width:.0f}" height="{layout.height:.0f}" viewBox="0 0 {layout.width:.0f} {layout.height:.0f}"'
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(title or f'{len(graph.nodes)} repos and pipelines')}</title>",
            f"<style>{_STYLE}\n</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *body,
            "</svg>\n",
        ]
    )


def _lay_out(graph: Graph) -> _Layout:
    """Places items side by side in their rows, each as near above or below its neighbours as the others allow."""
    spots = [[(row, item) for item in items] for row, items in enumerate(graph.rows)]
    widths = {spot: _width(spot[1]) for row in spots for spot in row}
    near = _neighbours(graph)
    x: dict[_Spot, float] = {}
    for row in spots:
        start = -(sum(widths[spot] for spot in row) + _GAP * (len(row) - 1)) / 2
        for spot in row:
            x[spot] = start + widths[spot] / 2
            start += widths[spot] + _GAP
    for sweep in range(_SWEEPS):
        for row in spots if sweep % 2 == 0 else reversed(spots):
            wanted = [
                _mean([x[other] for other in near[spot] for _ in range(_pull(spot, other))], x[spot]) for spot in row
            ]
            for spot, place in zip(row, _apart(wanted, [widths[spot] for spot in row]), strict=True):
                x[spot] = place
    left = min((x[spot] - widths[spot] / 2 for spot in x), default=0.0)
    right = max((x[spot] + widths[spot] / 2 for spot in x), default=0.0)
    x = {spot: place - left + _MARGIN for spot, place in x.items()}
    height = 2 * _MARGIN + _BOX_HEIGHT + _ROW_HEIGHT * max(len(spots) - 1, 0)
    return _Layout(x, widths, right - left + 2 * _MARGIN, height)


def _neighbours(graph: Graph) -> dict[_Spot, list[_Spot]]:
    row_of = {item: row for row, items in enumerate(graph.rows) for item in items if isinstance(item, str)}
    near: dict[_Spot, list[_Spot]] = defaultdict(list)
    for edge in graph.edges:
        path = _path(edge, row_of[edge.source], row_of[edge.target])
        for upper, lower in pairwise(path):
            near[upper].append(lower)
            near[lower].append(upper)
    return near


def _pull(spot: _Spot, other: _Spot) -> int:
    """How strongly two neighbours want to be in line: most where one edge passes two rows, so that it runs straight."""
    return 8 if isinstance(spot[1], Edge) and isinstance(other[1], Edge) else 1


def _path(edge: Edge, top: int, bottom: int) -> list[_Spot]:
    return [(top, edge.source), *((row, edge) for row in range(top + 1, bottom)), (bottom, edge.target)]


def _apart(wanted: list[float], widths: list[float]) -> list[float]:
    """Middles in the given order that do not overlap, as near to where they are wanted as that allows.

    Least squares under an order: the pool-adjacent-violators algorithm (Ayer and others 1955), each gap taken out.
    """
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + _GAP)
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, many = blocks.pop()
            total, count = total + before, count + many
        blocks.append((total, count))
    level = [total / count for total, count in blocks for _ in range(count)]
    return [place + offset for place, offset in zip(level, offsets, strict=True)]


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _width(item: _Item) -> float:
    return max(_LEAST_WIDTH, len(item) * _LETTER_WIDTH + _PADDING) if isinstance(item, str) else _PASSING_WIDTH


def _top(row: int) -> float:
    return _MARGIN + row * _ROW_HEIGHT


def _node(layout: _Layout, node: Node, row: int) -> str:
    spot = (row, node.name)
    left, top, width = layout.x[spot] - layout.widths[spot] / 2, _top(row), layout.widths[spot]
    is_pipeline = node.kind == "pipeline"
    colour = _COLOURS.get(node.state, _COLOURS[""]) if is_pipeline else _REPO_COLOUR
    state = (node.state or "no job yet") if is_pipeline else node.kind
    fact = node.fact or f"{state} · {files_text(node)}"
    radius = 8 if is_pipeline else _BOX_HEIGHT / 2
    dot_x, text_x = left + 18, left + 32
    name = escape(node.name)
    return (
        f'<g class="{node.kind}" data-name="{name}" data-state="{node.state}">'
        f"<title>{escape(node.note) or f'{name}: {escape(fact)}, {node.size:,} bytes'}</title>"
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_BOX_HEIGHT}" rx="{radius:g}"/>'
        f'<circle cx="{dot_x:.1f}" cy="{top + 19:.1f}" r="4.5" fill="{colour}"/>'
        f'<text class="name" x="{text_x:.1f}" y="{top + 24:.1f}">{name}</text>'
        f'<text class="fact" x="{text_x:.1f}" y="{top + 42:.1f}">{escape(fact)}</text></g>'
    )


def _edge(layout: _Layout, edge: Edge, top: int, bottom: int) -> str:
    path = _path(edge, top, bottom)
    x = [layout.x[spot] for spot in path]
    y = _top(top) + _BOX_HEIGHT
    drawn = f"M{x[0]:.1f} {y:.1f}"
    for row, (start, end) in enumerate(pairwise(x), top + 1):
        upper, lower = _top(row - 1) + _BOX_HEIGHT, _top(row)
        middle = (upper + lower) / 2
        drawn += f" C{start:.1f} {middle:.1f} {end:.1f} {middle:.1f} {end:.1f} {lower:.1f}"
        if row < bottom:
            drawn += f" V{lower + _BOX_HEIGHT:.1f}"
    label_y = _top(bottom) - 12
    kind = "edge quiet" if edge.quiet else "edge"
    return (
        f'<g data-from="{escape(edge.source)}" data-to="{escape(edge.target)}"><path class="{kind}" d="{drawn}"/>'
        f'<text class="glob" x="{(x[-1] * 3 + x[-2]) / 4 + 6:.1f}" y="{label_y:.1f}">{escape(edge.label)}</text></g>'
    )
