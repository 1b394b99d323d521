"""How loud a recording is, and the gain that makes it neither whisper nor clip.

Loudness is measured as broadcasters do, in spirit (ITU-R BS.1770-4, section 2.8): the mean power of 400 ms
windows, of which the silent ones, and then those far below the rest, do not count. There is no K-weighting:
the piano's spectrum lies where that filter is flat.
"""

import math

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

TARGET_RMS = 10 ** (-20 / 20)  # -20 dBFS over what sounds
HIGHEST_LIMITED_PEAK = 1.3  # a peak past full scale by 2.3 dB is still limited without being heard
MAX_GAIN = 10 ** (40 / 20)  # no more than 40 dB, or the soundfont's own noise comes up
LINEAR_UP_TO = 0.7  # below this the limiter changes nothing
CEILING = 0.98

WINDOW_S = 0.4
ABSOLUTE_GATE = 1e-7  # mean square: -70 dBFS
RELATIVE_GATE = 0.1  # -10 dB below the mean of what passed the absolute gate


class Meter:
    """Measures a recording block by block: its gated loudness and its peak."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._window_frames = max(1, round(WINDOW_S * sample_rate_hz))
        self._powers: list[float] = []
        self._sum, self._frames = 0.0, 0
        self.peak = 0.0

    def measure(self, block: Samples) -> None:
        """Takes the next float32[frames, channels] of the recording."""
        if not len(block):
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        power = np.mean(np.square(block, dtype=np.float64), axis=1)
        start = 0
        while start < len(power):
            taken = power[start : start + self._window_frames - self._frames]
            self._sum += float(taken.sum())
            self._frames += len(taken)
            start += len(taken)
            if self._frames == self._window_frames:
                self._powers.append(self._sum / self._frames)
                self._sum, self._frames = 0.0, 0

    @property
    def rms(self) -> float:
        """The gated root mean square; 0 for silence."""
        rest = [self._sum / self._frames] if self._frames else []
        powers = np.array(self._powers + rest)
        powers = powers[powers > ABSOLUTE_GATE]
        if not len(powers):
            return 0.0
        return math.sqrt(float(powers[powers >= RELATIVE_GATE * powers.mean()].mean()))

    @property
    def gain(self) -> float:
        """The factor that makes it as loud as -20 dBFS, or less where peaks would suffer; 1 for silence."""
        if self.rms == 0.0:
            return 1.0
        return min(TARGET_RMS / self.rms, HIGHEST_LIMITED_PEAK / self.peak, MAX_GAIN)


def limited(samples: Samples) -> Samples:
    """`samples` unchanged up to ±0.7; beyond, bent smoothly so that nothing passes ±0.98."""
    magnitude = np.abs(samples)
    over = magnitude > LINEAR_UP_TO
    if not over.any():
        return samples
    room = CEILING - LINEAR_UP_TO
    bent = LINEAR_UP_TO + room * np.tanh((magnitude - LINEAR_UP_TO) / room)
    return np.where(over, np.copysign(bent, samples), samples).astype(np.float32)
