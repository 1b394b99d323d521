"""Tones apart from strokes: harmonic and percussive separation by median filters.

Derry FitzGerald, "Harmonic/Percussive Separation using Median Filtering", DAFx 2010, with its soft masks, squared. In a
spectrogram a tone is a line along time, a stroke one along frequency: the median along either keeps the one and loses
the other. The two parts add up to the sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.fft import irfft, rfft
from scipy.ndimage import median_filter
from scipy.signal.windows import hann

from aeolian.effects.effect import Effect, Processor, Whole
from aeolian.effects.samples import Planar, cut, join

WINDOW_S = 0.0464  # 2,048 frames at 44.1 kHz
OVERLAP = 4
MEDIAN = 31
SEGMENT_HOPS = 1024
_TINY = np.float32(1e-20)


@dataclass(frozen=True)
class _Part(Effect):
    whole: ClassVar[bool] = True
    percussive: ClassVar[bool] = False

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        size = max(64, 1 << round(np.log2(WINDOW_S * sample_rate_hz)))

        def separate(blocks: list[Planar]) -> Iterator[Planar]:
            sound = join(blocks, channels)
            blocks.clear()
            return cut(np.stack([_separate(row, size, self.percussive) for row in sound]))

        return Whole(separate)


@dataclass(frozen=True)
class Harmonic(_Part):
    """Keep the tones, leave out the strokes."""

    word: ClassVar[str] = "harmonic"


@dataclass(frozen=True)
class Percussive(_Part):
    """Keep the strokes, leave out the tones."""

    word: ClassVar[str] = "percussive"
    percussive: ClassVar[bool] = True


def _separate(row: Planar, size: int, percussive: bool) -> Planar:
    """Give one part of one channel. Segments of the spectrogram see as much of their neighbours as the median needs."""
    hop, reach = size // OVERLAP, MEDIAN // 2
    window = hann(size, sym=False).astype(np.float32)
    padded = np.pad(row, (size, size + hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    made = np.zeros(len(padded), np.float32)
    for first in range(0, len(windows), SEGMENT_HOPS):
        before, last = max(0, first - reach), min(first + SEGMENT_HOPS, len(windows))
        spectrum = rfft(windows[before : last + reach] * window, axis=1)
        masked = (spectrum * _mask(np.abs(spectrum), percussive))[first - before : last - before]
        # The squares of four overlapping Hann windows add up to 1.5 everywhere.
        for i, piece in enumerate(irfft(masked, size, axis=1) * (window / np.float32(1.5)), first):
            made[i * hop : i * hop + size] += piece
    return made[size : size + len(row)]


def _mask(magnitudes: Planar, percussive: bool) -> Planar:
    tones = np.square(_medians(np.ascontiguousarray(magnitudes.T)).T)
    strokes = np.square(_medians(magnitudes))
    wanted = strokes if percussive else tones
    # Where there is neither, each part gets half.
    return np.asarray((wanted + _TINY) / (tones + strokes + 2 * _TINY), np.float32)


def _medians(rows: Planar) -> Planar:
    """Give running medians along each row, mirrored at its ends; joined to one row, SciPy is nine times as fast."""
    reach = MEDIAN // 2
    padded = np.pad(rows, ((0, 0), (reach, reach)), mode="symmetric")
    medians: Planar = median_filter(padded.ravel(), MEDIAN).reshape(padded.shape)[:, reach:-reach]
    return medians
