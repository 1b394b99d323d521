"""The curves of a transcriber's training: what it gets wrong, and what it finds in held-out pieces, step by step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from aeolian.rendering import theme

WIDTH_INCHES, HEIGHT_INCHES = 10.0, 4.6
_LOSSES = {"train_loss": ("train", theme.ACCENT), "validation_loss": ("validation", theme.SECOND)}
_FOUND = {
    "onset_f1": ("onsets", theme.ACCENT),
    "onset_offset_f1": ("and offsets", theme.SECOND),
    "frame_f1": ("frames", theme.QUIET_TEXT),
}


def training_curves(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draws the history as a PNG at `path`: losses, and F1 of held-out pieces. Equal rows, equal bytes.

    `history`: one row a validation with `step`, the losses, and where there was any validation `onset_f1`,
    `onset_offset_f1` and `frame_f1`.
    """
    made = theme.figure(WIDTH_INCHES, HEIGHT_INCHES)
    left, right = made.add_axes((0.06, 0.13, 0.36, 0.7)), made.add_axes((0.54, 0.13, 0.34, 0.7))
    _panel(left, history, _LOSSES, "Loss", log=True)
    _panel(right, history, _FOUND, "F1 on held-out pieces, thresholds at 0.5", log=False)
    theme.save_png(made, path)


def _panel(
    axes: Axes, history: Sequence[Mapping[str, Any]], columns: Mapping[str, tuple[str, str]], title: str, *, log: bool
) -> None:
    theme.dress(axes)
    axes.grid(axis="y", color=theme.LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("step", color=theme.QUIET_TEXT, fontsize=10)
    axes.set_title(title, color=theme.TEXT, fontsize=12, loc="left")
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1)
    for column, (name, colour) in columns.items():
        points = [(row["step"], row[column]) for row in history if row.get(column) is not None]
        if points:
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, color=colour, linewidth=2, marker="o", markersize=3)
            axes.annotate(
                f" {name} {values[-1]:.3g}",
                (steps[-1], values[-1]),
                color=colour,
                fontsize=9,
                va="center",
                clip_on=False,
            )
