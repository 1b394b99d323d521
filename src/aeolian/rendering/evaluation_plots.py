"""Pictures of an evaluation: pieces beside a corpus, along their course, and against themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aeolian.rendering import theme

Floats = npt.NDArray[np.float64]

COLUMNS = 4
PANEL_INCHES = (3.0, 1.9)
BINS = 30
MOST_PIECES = 12


@dataclass(frozen=True, eq=False)
class Panel:
    """A statistic's values of the pieces [n] and the corpus [m]; NaN is left out."""

    name: str
    unit: str
    values: Floats
    corpus: Floats


@dataclass(frozen=True, eq=False)
class Line:
    """A statistic along the pieces, [parts], and the corpus' range."""

    name: str
    unit: str
    means: Floats
    low: float
    high: float


def distributions(path: Path, panels: Sequence[Panel]) -> None:
    """A panel for each statistic: how its values are spread in the corpus and among the pieces."""
    figure, axes = _grid(len(panels), "Pieces beside the corpus")
    for panel, one in zip(panels, axes, strict=True):
        _title(one, panel.name, panel.unit)
        sets = [values[np.isfinite(values)] for values in (panel.corpus, panel.values)]
        every = np.concatenate(sets)
        if not len(every):
            one.set_yticks([])
            continue
        low, high = np.percentile(every, (0.5, 99.5))
        edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
        for values, colour, alpha in zip(sets, (theme.QUIET_TEXT, theme.ACCENT), (0.55, 0.75), strict=True):
            if len(values):
                weights = np.full(len(values), 1 / len(values))
                one.hist(np.clip(values, low, high), edges.tolist(), weights=weights, color=colour, alpha=alpha)
        one.set_yticks([])
    _legend(figure, [("corpus", theme.QUIET_TEXT), ("pieces", theme.ACCENT)])
    theme.save_png(figure, path)


def courses(path: Path, lines: Sequence[Line]) -> None:
    """A panel for each statistic: its mean in each part of the pieces, over the corpus' range."""
    figure, axes = _grid(len(lines), "From beginning to end")
    for line, one in zip(lines, axes, strict=True):
        _title(one, line.name, line.unit)
        parts = np.arange(1, len(line.means) + 1)
        if math.isfinite(line.low):
            one.axhspan(line.low, line.high, color=theme.QUIET_TEXT, alpha=0.25, linewidth=0)
        one.plot(parts, line.means, color=theme.ACCENT, linewidth=2)
        one.set_xlim(1, max(2, len(parts)))
    _legend(figure, [("nine tenths of the corpus", theme.QUIET_TEXT), ("pieces, mean", theme.ACCENT)])
    theme.save_png(figure, path)


def shared(path: Path, pieces: Sequence[int], songs: Sequence[int]) -> None:
    """The longest passage, in notes, that each piece shares with the corpus, and each song with the others; sorted."""
    figure = theme.figure(7.0, 4.0)
    axes = figure.add_axes((0.09, 0.14, 0.87, 0.68))
    theme.dress(axes)
    figure.text(0.09, 0.92, "Longest passage shared with the corpus, in notes", color=theme.TEXT, fontsize=13)
    for values, colour in ((songs, theme.QUIET_TEXT), (pieces, theme.ACCENT)):
        if len(values):
            share = np.linspace(0, 100, len(values)) if len(values) > 1 else np.array([50.0])
            axes.plot(share, np.sort(values), color=colour, linewidth=2, marker="o", markersize=3)
    axes.set_ylim(0, 1.1 * max([1, *pieces, *songs]))
    axes.set_xlabel("per cent of the pieces", color=theme.QUIET_TEXT, fontsize=10)
    axes.grid(axis="y", color=theme.LINE, linewidth=0.8)
    _legend(figure, [("songs of the corpus, with the others", theme.QUIET_TEXT), ("pieces", theme.ACCENT)], row=1)
    theme.save_png(figure, path)


def similarities(path: Path, pieces: Sequence[tuple[str, Floats]]) -> None:
    """The first twelve pieces against themselves: how alike two passages of each are, [p, p], bright where alike."""
    pieces = pieces[:MOST_PIECES]
    figure, axes = _grid(len(pieces), "Pieces against themselves", (2.4, 2.4))
    for (name, matrix), one in zip(pieces, axes, strict=True):
        _title(one, name[:28], "")
        if matrix.size:
            one.imshow(matrix, cmap=theme.VELOCITY_COLOURS, vmin=0, vmax=1, origin="lower", interpolation="nearest")
        one.set_xticks([])
        one.set_yticks([])
    theme.save_png(figure, path)


def ratios(
    path: Path,
    features: Sequence[str],
    rows: Sequence[tuple[str, Sequence[tuple[float, float, float]]]],
    shares_of: Sequence[str],
    shares: Sequence[tuple[str, Sequence[float]]],
) -> None:
    """Distances from the seed, 1 where composers stay, for each way to go on; and beside them shares, 0…1.

    `rows`: a name, and for each feature a ratio with the range it lies in. `shares`: a name, and each of `shares_of`.
    """
    figure = theme.figure(11.0, 4.6)
    wide, narrow = figure.add_axes((0.055, 0.12, 0.64, 0.68)), figure.add_axes((0.76, 0.12, 0.22, 0.68))
    figure.text(0.055, 0.93, "How near to their seeds continuations stay", color=theme.TEXT, fontsize=13)
    colours = [theme.ACCENT, theme.SECOND, theme.QUIET_TEXT, "#9a86d8", "#d88686"]
    for number, ((name, values), colour) in enumerate(zip(rows, colours, strict=False)):
        places = np.arange(len(features)) + (number - (len(rows) - 1) / 2) * 0.8 / max(len(rows), 1)
        middle, low, high = (np.array([each[part] for each in values]) for part in range(3))
        wide.vlines(places, low, high, color=colour, linewidth=2, alpha=0.6)
        wide.plot(places, middle, "o", color=colour, markersize=5, label=name)
    wide.axhline(1.0, color=theme.LINE, linewidth=1.2)
    wide.set_xticks(range(len(features)), [name.replace(" ", "\n") for name in features])
    wide.set_ylim(bottom=0)
    wide.set_title("distance from the seed, as a multiple of the true one", color=theme.TEXT, fontsize=9, loc="left")
    for number, ((name, parts), colour) in enumerate(zip(shares, [theme.TEXT, *colours], strict=False)):
        places = np.arange(len(shares_of)) + (number - (len(shares) - 1) / 2) * 0.8 / max(len(shares), 1)
        narrow.bar(places, parts, width=0.7 / max(len(shares), 1), color=colour, label=name)
    narrow.set_xticks(range(len(shares_of)), list(shares_of))
    narrow.set_title("share of the notes", color=theme.TEXT, fontsize=9, loc="left")
    narrow.legend(frameon=False, labelcolor=theme.QUIET_TEXT, fontsize=8)
    for axes in (wide, narrow):
        theme.dress(axes)
        axes.grid(axis="y", color=theme.LINE, linewidth=0.6)
    theme.save_png(figure, path)


def _grid(count: int, title: str, panel: tuple[float, float] = PANEL_INCHES) -> tuple[Figure, list[Axes]]:
    columns = min(COLUMNS, max(count, 1))
    rows = math.ceil(max(count, 1) / columns)
    width, height = panel[0] * columns, panel[1] * rows + 0.7
    figure = theme.figure(max(width, 5.0), height)
    figure.text(0.02, 1 - 0.36 / height, title, color=theme.TEXT, fontsize=14)
    axes = []
    for number in range(count):
        row, column = divmod(number, columns)
        left, bottom = (column + 0.12) / columns, (height - 0.6 - (row + 0.86) * panel[1]) / height
        one = figure.add_axes((left, bottom, 0.82 / columns, 0.6 * panel[1] / height))
        theme.dress(one)
        one.tick_params(labelsize=7)
        axes.append(one)
    return figure, axes


def _title(axes: Axes, name: str, unit: str) -> None:
    text = name.replace("_", " ") + (f", {unit}" if unit else "")
    axes.set_title(text, color=theme.TEXT, fontsize=9, loc="left", pad=4)


def _legend(figure: Figure, entries: Sequence[tuple[str, str]], row: int = 0) -> None:
    at = 0.98
    height = figure.get_figheight()
    for text, colour in reversed(entries):
        figure.text(at, 1 - (0.34 + 0.28 * row) / height, text, color=colour, fontsize=10, ha="right")
        at -= (0.085 * len(text) + 0.3) / figure.get_figwidth()
