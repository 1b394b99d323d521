"""The curve of a training run: how surprised the model still is, epoch by epoch."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from aeolian.rendering import theme

WIDTH_INCHES, HEIGHT_INCHES = 9.0, 5.0
LABEL_GAP = 0.055  # least distance of two end labels, as a part of the axis' height

Curve = list[tuple[float, float]]


def loss_curve(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draws the training history as a PNG at `path`; equal histories give equal bytes.

    `history`: one row an epoch with `epoch`, `train_nll` and, where it was measured, `validation_nll`, both
    in nats a token. Missing, null and non-finite values leave a gap. An empty history gives an empty picture.
    """
    train, validation = _curve(history, "train_nll"), _curve(history, "validation_nll")
    made = theme.figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = made.add_axes((0.085, 0.125, 0.75, 0.735))
    theme.dress(axes)
    axes.grid(axis="y", color=theme.LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel("epoch", color=theme.QUIET_TEXT, fontsize=10)
    made.text(0.085, 0.93, "Training", color=theme.TEXT, fontsize=15)
    made.text(0.085, 0.885, "negative log-likelihood, nats a token", color=theme.QUIET_TEXT, fontsize=9.5)

    _draw(axes, train, theme.ACCENT, fill=True)
    _draw(axes, validation, theme.SECOND, fill=False)
    _frame(axes, train + validation)
    _mark_best(axes, validation or train, theme.SECOND if validation else theme.ACCENT)
    _name_ends(axes, [(train, "train", theme.ACCENT), (validation, "validation", theme.SECOND)])
    if not train and not validation:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no epoch yet", color=theme.QUIET_TEXT, ha="center", transform=axes.transAxes)
    theme.save_png(made, path)


def _curve(history: Sequence[Mapping[str, Any]], key: str) -> Curve:
    """The finite (epoch, value) pairs of one column, by epoch."""
    pairs = [(float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None]
    return sorted((epoch, value) for epoch, value in pairs if math.isfinite(value))


def _draw(axes: Axes, curve: Curve, colour: str, *, fill: bool) -> None:
    if not curve:
        return
    epochs, values = zip(*curve, strict=True)
    marker = "o" if len(curve) <= 25 else None
    axes.plot(epochs, values, color=colour, linewidth=2, marker=marker, markersize=4, solid_capstyle="round")
    if fill:
        axes.fill_between(epochs, values, -1e6, color=colour, alpha=0.07, linewidth=0)


def _frame(axes: Axes, points: Curve) -> None:
    if not points:
        return
    epochs, values = [e for e, _ in points], [v for _, v in points]
    low, high = min(values), max(values)
    room = max(high - low, 0.02 * abs(high), 1e-3)
    axes.set_ylim(low - 0.12 * room, high + 0.08 * room)
    first, last = min(epochs), max(epochs)
    pad = 0.5 if first == last else 0.02 * (last - first)
    axes.set_xlim(first - pad, last + pad)


def _mark_best(axes: Axes, curve: Curve, colour: str) -> None:
    if not curve:
        return
    epoch, value = min(curve, key=lambda pair: (pair[1], pair[0]))
    axes.plot([epoch], [value], "o", markersize=11, markerfacecolor="none", markeredgecolor=colour, clip_on=False)
    axes.axvline(epoch, color=colour, linewidth=0.8, linestyle=(0, (2, 4)), alpha=0.6)
    label = f"best {value:.3f}, epoch {epoch:g}"
    axes.text(1.0, 1.02, label, color=colour, fontsize=9.5, transform=axes.transAxes, ha="right", va="bottom")


def _name_ends(axes: Axes, curves: list[tuple[Curve, str, str]]) -> None:
    """Writes each curve's name and last value at its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    named = sorted(
        ((curve[-1][1] - low) / (high - low), curve[-1][1], name, colour) for curve, name, colour in curves if curve
    )
    floor = -1.0
    for height, value, name, colour in named:
        height = max(height, floor)
        floor = height + 2 * LABEL_GAP
        axes.text(1.02, height, name, color=colour, fontsize=10, transform=axes.transAxes, va="bottom")
        axes.text(1.02, height, f"{value:.3f}", color=theme.TEXT, fontsize=10, transform=axes.transAxes, va="top")
