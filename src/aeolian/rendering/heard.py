"""What was heard in a recording: its spectrogram, with the notes that were found drawn over it.

Time runs from left to right and, in longer recordings, on from line to line. The vertical axis is pitch, so that a note
lies on its fundamental and below its overtones: a note without light under it is one that the model made up, light with
notes neither on it nor an octave, a twelfth… below it is one that was missed.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from aeolian.music.notes import Notes
from aeolian.rendering import theme
from aeolian.rendering.piano_roll import clock, pitch_name

Floats = npt.NDArray[np.float32]

WIDTH_INCHES, LINE_INCHES = 12.5, 2.6
LEFT, RIGHT = 0.062, 0.982
HEADER_INCHES, GAP_INCHES = 0.85, 0.42
LINE_S = 40.0
MAX_LINES = 8
COLUMNS_A_LINE = 1_380
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
ROWS_A_PITCH = 3
RANGE_DB = 60.0
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 14
MAX_TITLE_CHARACTERS = 72
SOUND_COLOURS = LinearSegmentedColormap.from_list("sound", ["#0e1220", "#232b52", "#44467f", "#7a6a97", "#b79a9c"])


@dataclass(frozen=True)
class Columns:
    """A spectrogram as a picture needs it: `power` float32[columns, bins], each `column_s` long; `bins_hz` [bins]."""

    power: Floats
    column_s: float
    bins_hz: npt.NDArray[np.float64]


class ColumnCollector:
    """Makes the frames of a spectrogram that come bit by bit as few as a picture has columns: the loudest of each."""

    def __init__(self, expected_frames: int) -> None:
        self.frames_a_column = max(1, math.ceil(expected_frames / (MAX_LINES * COLUMNS_A_LINE)))
        self._left: Floats | None = None
        self._columns: list[Floats] = []

    def push(self, frames: Floats) -> None:
        """The next frames, float32[n, bins]."""
        held = frames if self._left is None else np.concatenate([self._left, frames])
        whole = len(held) // self.frames_a_column
        cut = whole * self.frames_a_column
        if whole:
            self._columns.append(held[:cut].reshape(whole, self.frames_a_column, -1).max(axis=1))
        self._left = held[cut:]

    def columns(self, frame_s: float, bins_hz: npt.NDArray[np.float64]) -> Columns:
        """All columns, the last of what frames are left."""
        if self._left is not None and len(self._left):
            self._columns.append(self._left.max(axis=0, keepdims=True))
            self._left = self._left[:0]
        power = np.concatenate(self._columns) if self._columns else np.zeros((0, len(bins_hz)), np.float32)
        return Columns(power, frame_s * self.frames_a_column, bins_hz)


def draw(path: Path, sound: Columns, notes: Notes, *, title: str = "", source: str = "") -> None:
    """Draws `notes` over `sound` as a PNG; equal arguments give equal bytes. `source`: who found the notes."""
    total_s = max(len(sound.power) * sound.column_s, notes.end_s, 1.0)
    lines = min(MAX_LINES, max(1, math.ceil(total_s / LINE_S)))
    height = HEADER_INCHES + lines * (LINE_INCHES + GAP_INCHES)
    made = theme.figure(WIDTH_INCHES, height)
    shown = title if len(title) <= MAX_TITLE_CHARACTERS else title[: MAX_TITLE_CHARACTERS - 1] + "…"
    made.text(LEFT, 1 - 0.42 / height, shown, color=theme.TEXT, fontsize=16, parse_math=False)
    words = f"{len(notes):,} notes   ·   {clock(total_s)}" + (f"   ·   {source}" if source else "")
    made.text(LEFT, 1 - 0.68 / height, words, color=theme.QUIET_TEXT, fontsize=9.5, parse_math=False)
    image = _image(sound)
    for line in range(lines):
        bottom = 1 - (HEADER_INCHES + line * (LINE_INCHES + GAP_INCHES) + LINE_INCHES) / height
        _line(made, (LEFT, bottom, RIGHT - LEFT, LINE_INCHES / height), sound, image, notes, total_s / lines, line)
    theme.save_png(made, path)


def _image(sound: Columns) -> Floats:
    """Levels in [0, 1], float32[rows, columns], ROWS_A_PITCH rows a semitone, the lowest pitch first."""
    count = (HIGHEST_PITCH - LOWEST_PITCH + 1) * ROWS_A_PITCH
    pitches = LOWEST_PITCH - 0.5 + (np.arange(count) + 0.5) / ROWS_A_PITCH
    hz = 440.0 * 2 ** ((pitches - 69) / 12)
    place = np.interp(hz, sound.bins_hz, np.arange(len(sound.bins_hz)))
    below = np.minimum(place.astype(int), len(sound.bins_hz) - 2)
    share = (place - below).astype(np.float32)[:, np.newaxis]
    level = 10 * np.log10(np.maximum(sound.power.T, 1e-10))
    level = level - (level.max() if level.size else 0)
    rows: Floats = (1 - share) * level[below] + share * level[below + 1]
    levels: Floats = np.clip(rows / np.float32(RANGE_DB) + 1, 0, 1)
    return levels


def _line(
    made: Figure,
    place: tuple[float, float, float, float],
    sound: Columns,
    image: Floats,
    notes: Notes,
    line_s: float,
    line: int,
) -> None:
    axes = made.add_axes(place)
    theme.dress(axes)
    start_s, end_s = line * line_s, (line + 1) * line_s
    axes.set(xlim=(start_s, end_s), ylim=(LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5))
    first, last = int(start_s / sound.column_s), math.ceil(end_s / sound.column_s) + 1
    part = image[:, first:last]
    if part.size:
        # Frame i is centred on its time, so its column reaches half a column to each side.
        left_s = (first - 0.5) * sound.column_s
        extent = (left_s, left_s + part.shape[1] * sound.column_s, LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5)
        axes.imshow(
            part, origin="lower", aspect="auto", extent=extent, cmap=SOUND_COLOURS, vmin=0, vmax=1, interpolation="none"
        )
        axes.set(xlim=(start_s, end_s))
    _time(axes, start_s, end_s)
    names = range(24, HIGHEST_PITCH + 1, 12)
    axes.set_yticks(list(names), [pitch_name(pitch) for pitch in names])
    _bars(axes, notes.take((notes.onset_s < end_s) & (notes.offset_s >= start_s)), line_s)


def _time(axes: Axes, start_s: float, end_s: float) -> None:
    step_s = next((s for s in TICK_STEPS_S if (end_s - start_s) / s <= MAX_TICKS), TICK_STEPS_S[-1])
    first, last = math.ceil(start_s / step_s - 1e-9), math.floor(end_s / step_s + 1e-9)
    ticks = [float(n * step_s) for n in range(first, last + 1)]
    axes.set_xticks(ticks, [clock(tick) for tick in ticks])


def _bars(axes: Axes, notes: Notes, line_s: float) -> None:
    """Each note a line at its pitch, and a bright point where it begins."""
    if not len(notes):
        return
    offset_s = np.maximum(notes.offset_s, notes.onset_s + line_s / 600)
    ends = np.stack([np.stack([notes.onset_s, notes.pitch], 1), np.stack([offset_s, notes.pitch], 1)], axis=1)
    axes.add_collection(LineCollection(list(ends), colors=theme.ACCENT, linewidths=1.3, alpha=0.9), autolim=False)
    axes.scatter(notes.onset_s, notes.pitch, s=7, color="#f6edb0", linewidths=0, zorder=3)
