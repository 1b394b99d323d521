"""How every picture of ours looks, and how it is written: dark, quiet, and the same bytes each time."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

GROUND = "#0e1220"  # behind everything
PANEL = "#141a2b"  # behind the data
BLACK_KEY = "#101524"  # rows of the black keys, a shade darker than the panel
LINE = "#2a3350"  # rules and grids
TEXT = "#dfe4f2"
QUIET_TEXT = "#8d97b5"
ACCENT = "#7fd6c2"
SECOND = "#f2b880"

# Soft to loud: lightness rises evenly from deep violet to pale gold, so that the order survives in grey too.
VELOCITY_COLOURS = LinearSegmentedColormap.from_list(
    "aeolian", ["#4a3f8c", "#5560b8", "#4f8fc4", "#55bdb5", "#a3dba0", "#f6edb0"]
)

DOTS_PER_INCH = 120


def figure(width_inches: float, height_inches: float) -> Figure:
    """An empty dark figure of its own, apart from pyplot's global state."""
    made = Figure(figsize=(width_inches, height_inches), dpi=DOTS_PER_INCH, facecolor=GROUND)
    FigureCanvasAgg(made)
    return made


def dress(axes: Axes) -> None:
    """Gives `axes` the theme's colours and takes away what carries no information."""
    axes.set_facecolor(PANEL)
    axes.tick_params(colors=QUIET_TEXT, labelsize=9, length=0, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def save_png(made: Figure, path: Path) -> None:
    """Writes `made` as PNG to `path`, with neither time stamp nor software version: equal data, equal bytes."""
    _save(made, path, "png", {"Software": None})


def save(made: Figure, path: Path) -> None:
    """Writes `made` as SVG where `path` is named so, else as PNG; equal data, equal bytes."""
    if path.suffix != ".svg":
        save_png(made, path)
        return
    with matplotlib.rc_context({"svg.hashsalt": "aeolian"}):
        _save(made, path, "svg", {"Date": None, "Creator": None})


def _save(made: Figure, path: Path, kind: str, metadata: dict[str, Any]) -> None:
    """Characters that the bundled font lacks (a title in Japanese) come out as boxes; that is no reason to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        made.savefig(path, format=kind, facecolor=GROUND, metadata=metadata)
