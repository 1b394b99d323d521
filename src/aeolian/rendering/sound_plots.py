"""Pictures of sound: its waveform and its spectrogram, each channel on axes of its own, time in minutes and seconds."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from aeolian.rendering import theme
from aeolian.rendering.piano_roll import MAX_TITLE_CHARACTERS, TICK_STEPS_S, clock

Samples = npt.NDArray[np.float32]
Drawer = Callable[[Axes, Samples, float], None]

WIDTH_INCHES, CHANNEL_INCHES, HEADER_INCHES, FOOTER_INCHES, GAP_INCHES = 12.5, 2.4, 0.6, 0.55, 0.35
LEFT, RIGHT = 0.07, 0.985
COLUMNS = 1_400
MAX_DRAWN_CHANNELS = 8
MAX_TICKS = 14
WINDOW = 2048
RANGE_DB = 90.0
_COLOURS = LinearSegmentedColormap.from_list(
    "spectrogram", [theme.GROUND, "#4a3f8c", "#4f8fc4", "#55bdb5", "#a3dba0", "#f6edb0"]
)


def draw_waveform(path: Path, samples: Samples, sample_rate_hz: int, *, title: str = "") -> None:
    """Draw float32[channels, n] in [-1, 1] as PNG or, by the name of `path`, SVG; equal arguments give equal bytes.

    Each column shows the least and the greatest sample of its time, so that no peak is lost.
    """

    def draw(axes: Axes, channel: Samples, seconds: float) -> None:
        edges = np.linspace(0, len(channel), min(COLUMNS, len(channel)) + 1).astype(np.int64)
        low, high = (reduce.reduceat(channel, edges[:-1]) for reduce in (np.minimum, np.maximum))
        middle_s = (edges[:-1] + edges[1:]) / 2 / sample_rate_hz
        axes.fill_between(middle_s, low, high, color=theme.ACCENT, linewidth=0.5)
        axes.axhline(0, color=theme.LINE, linewidth=0.6)
        most = max(1.0, float(np.abs(channel).max()))
        axes.set(ylim=(-most, most), ylabel="amplitude")

    _draw(path, samples, sample_rate_hz, title, draw)


def draw_spectrogram(path: Path, samples: Samples, sample_rate_hz: int, *, title: str = "") -> None:
    """Draw the levels of float32[channels, n], 90 dB below the loudest on, over time and frequency in Hz.

    As PNG or, by the name of `path`, SVG. Hann windows of 2,048 samples; each column is the loudest of its time.
    """

    def draw(axes: Axes, channel: Samples, seconds: float) -> None:
        level = 10 * np.log10(np.maximum(measure_power(channel), 1e-12))
        extent = (0.0, seconds, 0.0, sample_rate_hz / 2)
        top = float(level.max())
        axes.imshow(level.T, origin="lower", aspect="auto", extent=extent, cmap=_COLOURS, vmin=top - RANGE_DB, vmax=top)
        axes.set(ylim=(0, sample_rate_hz / 2), ylabel="frequency, Hz")

    _draw(path, samples, sample_rate_hz, title, draw)


def measure_power(channel: Samples) -> npt.NDArray[np.float32]:
    """Power of float32[n] by time and frequency, float32[≤ COLUMNS, WINDOW / 2 + 1]: the loudest window a column.

    Windows lie half over one another, as far as the memory of all of them allows: at most four a column.
    """
    padded = np.concatenate([channel, np.zeros(max(0, WINDOW - len(channel)), np.float32)])
    spare = len(padded) - WINDOW
    count = min(spare // (WINDOW // 2) + 1, 4 * COLUMNS)
    starts = np.linspace(0, spare, count).astype(np.int64)
    window = np.hanning(WINDOW).astype(np.float32)
    columns = []
    for group in np.array_split(starts, min(COLUMNS, count)):
        spectra = np.abs(np.fft.rfft(padded[group[:, np.newaxis] + np.arange(WINDOW)] * window)) ** 2
        columns.append(spectra.max(axis=0).astype(np.float32))
    return np.stack(columns)


def _draw(path: Path, samples: Samples, sample_rate_hz: int, title: str, draw: Drawer) -> None:
    shown = samples[:MAX_DRAWN_CHANNELS]
    seconds = samples.shape[1] / sample_rate_hz
    height = HEADER_INCHES + len(shown) * (CHANNEL_INCHES + GAP_INCHES) + FOOTER_INCHES
    made = theme.figure(WIDTH_INCHES, height)
    name = title if len(title) <= MAX_TITLE_CHARACTERS else title[: MAX_TITLE_CHARACTERS - 1] + "…"
    made.text(LEFT, 1 - 0.38 / height, name, color=theme.TEXT, fontsize=14, parse_math=False)
    for number, channel in enumerate(shown):
        bottom = 1 - (HEADER_INCHES + number * (CHANNEL_INCHES + GAP_INCHES) + CHANNEL_INCHES) / height
        axes = made.add_axes((LEFT, bottom, RIGHT - LEFT, CHANNEL_INCHES / height))
        theme.dress(axes)
        draw(axes, channel, seconds)
        axes.yaxis.label.set(color=theme.QUIET_TEXT, fontsize=9)
        axes.set_xlim(0, seconds)
        _mark_time(axes, seconds)
    axes.set_xlabel("time", color=theme.QUIET_TEXT, fontsize=9)
    theme.save(made, path)


def _mark_time(axes: Axes, seconds: float) -> None:
    if seconds < 2:
        return  # matplotlib's own ticks: fractions of a second
    step_s = next((s for s in TICK_STEPS_S if seconds / s <= MAX_TICKS), TICK_STEPS_S[-1])
    ticks = [float(n * step_s) for n in range(math.floor(seconds / step_s) + 1)]
    axes.set_xticks(ticks, [clock(tick) for tick in ticks])
