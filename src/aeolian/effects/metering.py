"""How loud a sound is: integrated loudness and true peak, after ITU-R BS.1770-4, block by block.

The K-weighting is given by the standard at 48 kHz; at other rates its two filters are made anew from the frequency, Q
and gain that they have there, as libebur128 does it. Channels in the orders of WAV: of five, the last two are behind
the listener and count 1.41 times; of six, the fourth is the LFE and does not count; all others count once.
"""

import math

import numpy as np
from scipy.signal import firwin, sosfilt

from aeolian.effects.samples import Numbers, Planar

HOPS_A_SECOND, HOPS_A_WINDOW = 10, 4
MIN_DURATION_S = HOPS_A_WINDOW / HOPS_A_SECOND
OFFSET_DB = -0.691
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_DB = -70.0, -10.0
BEHIND = 1.41
_TAPS = 24


def weighting(sample_rate_hz: int) -> Numbers:
    """Make the K-weighting as two sections of second order: the head's shelf, and the high-pass."""
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle, a0 = high**0.4996667741545416, 1 + k / q + k * k
    b = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]
    shelf = [value / a0 for value in [*b, a0, 2 * (k * k - 1), 1 - k / q + k * k]]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.array([shelf, [1, -2, 1, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]])


def channel_weights(channels: int) -> Numbers:
    """Give what each channel counts."""
    weights = {5: [1, 1, 1, BEHIND, BEHIND], 6: [1, 1, 1, 0, BEHIND, BEHIND]}
    return np.array(weights.get(channels, [1] * channels), np.float64)


class LoudnessMeter:
    """Measures integrated loudness."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._sections = weighting(sample_rate_hz)
        self._state = np.zeros((2, channels, 2))
        self._weights = channel_weights(channels)
        self._hops: list[float] = [0.0]
        self._frames = 0

    def measure(self, block: Planar) -> None:
        """Take the next planar block into account."""
        heard, self._state = sosfilt(self._sections, block, axis=1, zi=self._state)
        power = self._weights @ np.square(heard)
        start = 0
        while start < len(power):
            end = min(len(power), start + self._hop_end() - self._frames)
            self._hops[-1] += float(power[start:end].sum())
            self._frames += end - start
            if self._frames == self._hop_end():
                self._hops.append(0.0)
            start = end

    def _hop_end(self) -> int:
        return len(self._hops) * self._rate_hz // HOPS_A_SECOND

    @property
    def duration_s(self) -> float:
        """How long it has been, in seconds."""
        return self._frames / self._rate_hz

    @property
    def integrated_lufs(self) -> float:
        """Loudness of all but the silent and the soft windows of 400 ms; -inf if there is no other."""
        hops = np.array(self._hops[:-1])
        if len(hops) < HOPS_A_WINDOW:
            return -math.inf
        ends = np.arange(len(hops) + 1) * self._rate_hz // HOPS_A_SECOND
        sums = np.lib.stride_tricks.sliding_window_view(hops, HOPS_A_WINDOW).sum(axis=1)
        powers = sums / (ends[HOPS_A_WINDOW:] - ends[:-HOPS_A_WINDOW])
        powers = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
        if not len(powers):
            return -math.inf
        powers = powers[powers > powers.mean() * 10 ** (RELATIVE_GATE_DB / 10)]
        return OFFSET_DB + 10 * math.log10(powers.mean())


def _power(loudness_lufs: float) -> float:
    return float(10 ** ((loudness_lufs - OFFSET_DB) / 10))


class PeakMeter:
    """Measures the sample peak, and if `between`, the true peak: at four times the rate, or twice above 80 kHz."""

    def __init__(self, sample_rate_hz: int, channels: int, *, between: bool) -> None:
        factor = 1 if not between or sample_rate_hz > 160_000 else 2 if sample_rate_hz > 80_000 else 4
        # Every `factor`th tap, from each of the first ones, interpolates at one place between two samples.
        taps = firwin(factor * _TAPS + 1, 1 / factor, window=("kaiser", 6.0)) * factor if factor > 1 else np.empty(0)
        self._phases = [taps[phase:][::factor][:_TAPS].astype(np.float32) for phase in range(1, factor)]
        self._most = max((float(np.abs(phase).sum()) for phase in self._phases), default=1.0)
        self._past = np.zeros((channels, _TAPS), np.float32)
        self._peak = 0.0

    def measure(self, block: Planar) -> None:
        """Take the next planar block into account."""
        self._take(block)

    def _take(self, block: Planar) -> None:
        self._peak = max(self._peak, float(np.abs(block).max(initial=0)))
        if not self._phases:
            return
        line = np.concatenate([self._past, block], axis=1)
        self._past = line[:, -_TAPS:]
        for row in line:
            if float(np.abs(row).max()) * self._most <= self._peak:
                continue  # no sum of these samples can be higher
            for phase in self._phases:
                self._peak = max(self._peak, float(np.abs(np.convolve(row, phase, "valid")).max()))

    @property
    def peak(self) -> float:
        """The highest magnitude; 0 for silence."""
        if self._phases:
            self._take(np.zeros((len(self._past), _TAPS), np.float32))
        return self._peak
