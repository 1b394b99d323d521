"""Where transcribers err: what share of notes they find, by kind, and how early or late."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from aeolian.rendering import theme

WIDTH_INCHES, HEIGHT_INCHES = 11.0, 6.2
COLOURS = (theme.ACCENT, theme.SECOND, theme.QUIET_TEXT)
REACH_MS, BIN_MS = 100, 5
_PLACES = ((0.06, 0.57), (0.38, 0.57), (0.70, 0.57), (0.06, 0.09))
_PANEL = (0.27, 0.3)

# kind of note → (name, share found), of each system
Recall = Mapping[str, Mapping[str, Sequence[tuple[str, float]]]]


def error_picture(path: Path, recall: Recall, timing_s: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Draws recall by kind of note, and the histogram of onset errors, of every system, as a PNG at `path`."""
    made = theme.figure(WIDTH_INCHES, HEIGHT_INCHES)
    kinds = list(next(iter(recall.values())))
    for kind, (left, bottom) in zip(kinds, _PLACES, strict=False):
        axes = made.add_axes((left, bottom, *_PANEL))
        _bars(axes, kind, {name: shares[kind] for name, shares in recall.items()})
    _histogram(made.add_axes((0.38, 0.09, 0.59, 0.3)), timing_s)
    for number, (name, colour) in enumerate(zip(recall, COLOURS, strict=False)):
        made.text(0.06 + 0.2 * number, 0.955, name, color=colour, fontsize=12)
    theme.save_png(made, path)


def _bars(axes: Axes, kind: str, systems: Mapping[str, Sequence[tuple[str, float]]]) -> None:
    theme.dress(axes)
    axes.set_title(f"found, by {kind}", color=theme.TEXT, fontsize=11, loc="left")
    axes.set_ylim(0, 1)
    axes.grid(axis="y", color=theme.LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    width = 0.8 / len(systems)
    for number, (shares, colour) in enumerate(zip(systems.values(), COLOURS, strict=False)):
        places = np.arange(len(shares)) + (number - (len(systems) - 1) / 2) * width
        axes.bar(places, [share for _, share in shares], width * 0.92, color=colour)
        axes.set_xticks(np.arange(len(shares)), [name for name, _ in shares])
    axes.tick_params(axis="x", labelsize=8)


def _histogram(axes: Axes, timing_s: Mapping[str, npt.NDArray[np.float64]]) -> None:
    theme.dress(axes)
    axes.set_title("onsets found, less the true ones, in ms", color=theme.TEXT, fontsize=11, loc="left")
    edges = np.arange(-REACH_MS, REACH_MS + BIN_MS, BIN_MS)
    for times_s, colour in zip(timing_s.values(), COLOURS, strict=False):
        counts, _ = np.histogram(1000 * times_s, edges)
        axes.stairs(counts / max(1, counts.sum()), edges, color=colour, linewidth=2)
    axes.axvline(0, color=theme.LINE, linewidth=1)
    axes.set_yticks([])
