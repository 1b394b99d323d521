"""A piano roll: what was played and when, how loud, and where the seed ends and the model goes on.

Time runs from left to right and, in longer pieces, on from line to line as in a score. Colour is velocity on
one fixed scale, so that two pictures can be compared. Under each line stands every note's velocity once more.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from aeolian.music.notes import Notes
from aeolian.rendering import theme

WIDTH_INCHES = 12.5
LEFT, RIGHT = 0.062, 0.982  # of the width: what the lines fill
KEYBOARD = 0.012
HEADER_INCHES, FOOTER_INCHES = 0.95, 0.05
STRIP_INCHES, GAP_INCHES = 0.42, 0.5

LINE_S = 75.0  # a piece up to this long gets one line
MAX_LINES = 8
SHORTEST_S = 5.0
ROLL_INCHES_ALONE, ROLL_INCHES = 4.4, 2.3
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 14

FEWEST_PITCHES = 30
BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
VELOCITY_SCALE = Normalize(vmin=15, vmax=110, clip=True)
BAR_HEIGHT = 0.82
MAX_TITLE_CHARACTERS = 72


@dataclass(frozen=True)
class _Layout:
    """How the piece is laid out: `lines` lines of `line_s` seconds each, over pitches low…high inclusive."""

    total_s: float
    lines: int
    line_s: float
    low: int
    high: int

    @property
    def roll_inches(self) -> float:
        return ROLL_INCHES_ALONE if self.lines == 1 else ROLL_INCHES

    @property
    def height_inches(self) -> float:
        return HEADER_INCHES + FOOTER_INCHES + self.lines * (self.roll_inches + STRIP_INCHES + GAP_INCHES)


def draw(path: Path, notes: Notes, *, title: str = "", seed_end_s: float | None = None) -> None:
    """Draws `notes` as a PNG or, by its name, SVG at `path`; equal arguments give equal bytes.

    With `seed_end_s`, what lies before that second is marked as the seed. Any number of notes will do, none too.
    """
    notes = notes.sorted()
    layout = _layout(notes)
    made = theme.figure(WIDTH_INCHES, layout.height_inches)
    _header(made, layout, notes, title)
    for line in range(layout.lines):
        _line(made, layout, notes, line, seed_end_s)
    if not len(notes):
        made.text(0.5, 0.5, "no notes", color=theme.QUIET_TEXT, fontsize=13, ha="center")
    theme.save(made, path)


def clock(seconds: float) -> str:
    """`seconds` as people write it: 0:07, 12:30, 1:05:00."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


def pitch_name(pitch: int) -> str:
    """Scientific pitch notation: 60 is C4."""
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _layout(notes: Notes) -> _Layout:
    total_s = max(notes.end_s, SHORTEST_S)
    lines = min(max(1, math.ceil(total_s / LINE_S)), MAX_LINES)
    low = int(notes.pitch.min()) - 2 if len(notes) else 45
    high = int(notes.pitch.max()) + 2 if len(notes) else 75
    missing = max(0, FEWEST_PITCHES - (high - low))
    low, high = low - missing // 2, high + (missing + 1) // 2
    return _Layout(total_s, lines, total_s / lines, max(low, -1), min(high, 128))


def _header(made: Figure, layout: _Layout, notes: Notes, title: str) -> None:
    height = layout.height_inches
    shown = title if len(title) <= MAX_TITLE_CHARACTERS else title[: MAX_TITLE_CHARACTERS - 1] + "…"
    made.text(LEFT, 1 - 0.44 / height, shown, color=theme.TEXT, fontsize=16, parse_math=False)
    made.text(LEFT, 1 - 0.72 / height, _summary(notes), color=theme.QUIET_TEXT, fontsize=9.5)

    scale = made.add_axes((RIGHT - 0.13, 1 - 0.56 / height, 0.13, 0.09 / height))
    made.colorbar(ScalarMappable(VELOCITY_SCALE, theme.VELOCITY_COLOURS), cax=scale, orientation="horizontal", ticks=[])
    scale.set_frame_on(False)
    for x, label, side in ((0.0, "soft", "left"), (1.0, "loud", "right")):
        scale.text(x, -0.9, label, color=theme.QUIET_TEXT, fontsize=8.5, ha=side, va="top", transform=scale.transAxes)


def _summary(notes: Notes) -> str:
    if not len(notes):
        return "0 notes"
    low, high = pitch_name(int(notes.pitch.min())), pitch_name(int(notes.pitch.max()))
    many = "note" if len(notes) == 1 else "notes"
    soft, loud = int(notes.velocity.min()), int(notes.velocity.max())
    velocity = f"velocity {soft}" if soft == loud else f"velocity {soft} to {loud}"
    pitches = low if low == high else f"{low} to {high}"
    return f"{len(notes):,} {many}   ·   {clock(notes.end_s)}   ·   {pitches}   ·   {velocity}"


def _line(made: Figure, layout: _Layout, notes: Notes, line: int, seed_end_s: float | None) -> None:
    """One line of the score: keyboard, roll, velocities, time."""
    height = layout.height_inches
    start_s = line * layout.line_s
    top = HEADER_INCHES + line * (layout.roll_inches + STRIP_INCHES + GAP_INCHES)
    roll_bottom = 1 - (top + layout.roll_inches) / height
    strip_bottom = 1 - (top + layout.roll_inches + STRIP_INCHES + 0.06) / height
    roll_height = layout.roll_inches / height
    roll = made.add_axes((LEFT, roll_bottom, RIGHT - LEFT, roll_height))
    strip = made.add_axes((LEFT, strip_bottom, RIGHT - LEFT, STRIP_INCHES / height), sharex=roll)
    keyboard = made.add_axes((LEFT - KEYBOARD - 0.002, roll_bottom, KEYBOARD, roll_height))
    for axes in (roll, strip, keyboard):
        theme.dress(axes)
        axes.set(xticks=[], yticks=[])
    roll.set(xlim=(start_s, start_s + layout.line_s), ylim=(layout.low - 0.5, layout.high + 0.5))
    roll.tick_params(labelbottom=False)
    _keys(keyboard, layout)
    _grid(roll, strip, layout, start_s)
    sounding = notes.take((notes.onset_s < start_s + layout.line_s) & (notes.offset_s >= start_s))
    _bars(roll, sounding, layout.line_s)
    _velocities(strip, sounding)
    if seed_end_s is not None:
        _seed(roll, strip, seed_end_s, start_s, start_s + layout.line_s)


def _keys(axes: Axes, layout: _Layout) -> None:
    """A strip of piano keys, with each C named beside it."""
    axes.set(xlim=(0, 1), ylim=(layout.low - 0.5, layout.high + 0.5))
    axes.set_facecolor("#aab2cc")
    for pitch in range(layout.low, layout.high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.barh(pitch, 0.62, height=0.9, color=theme.GROUND, linewidth=0)
        elif pitch % 12 in (0, 5):
            axes.axhline(pitch - 0.5, color=theme.GROUND, linewidth=0.6)
    names = [pitch for pitch in range(max(layout.low, 0), min(layout.high, 127) + 1) if pitch % 12 == 0]
    axes.set_yticks(names, [pitch_name(pitch) for pitch in names])


def _grid(roll: Axes, strip: Axes, layout: _Layout, start_s: float) -> None:
    for pitch in range(layout.low, layout.high + 1):
        if pitch % 12 in BLACK_KEYS:
            roll.axhspan(pitch - 0.5, pitch + 0.5, color=theme.BLACK_KEY, linewidth=0, zorder=0)
        if pitch % 12 == 0:
            roll.axhline(pitch - 0.5, color=theme.LINE, linewidth=0.8, zorder=1)
    step_s = next((s for s in TICK_STEPS_S if layout.line_s / s <= MAX_TICKS), TICK_STEPS_S[-1])
    first = math.ceil(start_s / step_s - 1e-9)
    ticks = [float(i * step_s) for i in range(first, int((start_s + layout.line_s) / step_s + 1e-9) + 1)]
    for tick in ticks:
        roll.axvline(tick, color=theme.LINE, linewidth=0.6, zorder=1)
    strip.set_xticks(ticks, [clock(tick) for tick in ticks])


def _bars(axes: Axes, notes: Notes, line_s: float) -> None:
    """The notes: a soft glow, the bar, and a bright edge where the hammer falls."""
    if not len(notes):
        return
    thinnest_s = line_s / 900
    offset_s = np.maximum(notes.offset_s, notes.onset_s + thinnest_s)
    colours = theme.VELOCITY_COLOURS(VELOCITY_SCALE(notes.velocity.astype(float)))
    glow = colours * (1, 1, 1, 0.13)
    edge = np.clip(colours * (0.6, 0.6, 0.6, 1) + (0.4, 0.4, 0.4, 0), 0, 1)
    attack_s = np.minimum(offset_s, notes.onset_s + 2 * thinnest_s)
    layers = (
        (_boxes(notes.onset_s - thinnest_s, offset_s + thinnest_s, notes.pitch, 1.6), glow, 2),
        (_boxes(notes.onset_s, offset_s, notes.pitch, BAR_HEIGHT), colours * (1, 1, 1, 0.86), 3),
        (_boxes(notes.onset_s, attack_s, notes.pitch, BAR_HEIGHT), edge, 4),
    )
    for boxes, face, order in layers:
        axes.add_collection(PolyCollection(list(boxes), facecolors=face, linewidths=0, zorder=order), autolim=False)


def _boxes(
    from_s: npt.NDArray[np.float64],
    to_s: npt.NDArray[np.float64],
    pitch: npt.NDArray[np.int64],
    height: float,
) -> npt.NDArray[np.float64]:
    """Rectangles as corners [n, 4, 2]."""
    low, high = pitch - height / 2, pitch + height / 2
    x = np.stack([from_s, from_s, to_s, to_s], axis=1)
    y = np.stack([low, high, high, low], axis=1)
    return np.stack([x, y], axis=2)


def _velocities(axes: Axes, notes: Notes) -> None:
    axes.set_ylim(0, 127)
    axes.axhline(64, color=theme.LINE, linewidth=0.6)
    if not len(notes):
        return
    x, y = notes.onset_s, notes.velocity.astype(float)
    stems = np.stack([np.stack([x, np.zeros_like(y)], axis=1), np.stack([x, y], axis=1)], axis=1)
    colours = theme.VELOCITY_COLOURS(VELOCITY_SCALE(y))
    axes.add_collection(LineCollection(list(stems), colors=colours, linewidths=1.1, alpha=0.8), autolim=False)


def _seed(roll: Axes, strip: Axes, seed_end_s: float, start_s: float, end_s: float) -> None:
    """Marks the seed's end, where it falls into this line, and shades what lies before."""
    for axes in (roll, strip):
        axes.axvspan(start_s, min(seed_end_s, end_s), color=theme.SECOND, alpha=0.05, linewidth=0, zorder=1)
    if not start_s <= seed_end_s < end_s:
        return
    for axes in (roll, strip):
        axes.axvline(seed_end_s, color=theme.SECOND, linewidth=1.2, linestyle=(0, (4, 3)), zorder=5)
    y = roll.get_ylim()[1] - 0.6
    for text, side in (("seed  ", "right"), ("  generated", "left")):
        roll.text(
            seed_end_s,
            y,
            text,
            color=theme.SECOND,
            fontsize=9,
            ha=side,
            va="top",
            clip_on=True,
            zorder=6,
        )
