"""The log-mel spectrogram that Onsets and Frames hears, equal to Magenta's, with numpy alone.

Source: `magenta.models.onsets_frames_transcription`: `configs.DEFAULT_HPARAMS` for the constants, `data.wav_to_spec`
for the steps, and `audio_label_data_utils.process_record`, which scales a recording to a peak of 1 beforehand. The
steps are those of librosa 0.7.2, which Magenta pins: `feature.melspectrogram` with its defaults (a periodic Hann window
of 2,048 samples, frames centred, the ends reflected, power; HTK's mel scale, triangles of equal area) and
`power_to_db` with its defaults (at least 1e-10, and at most 80 dB below the loudest cell). Of librosa's rows the last
is dropped, as Magenta does (`data.wav_to_num_frames`): frame i is centred on sample 512 i.
"""

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 512
WINDOW_SAMPLES = 2_048
MEL_BINS = 229
LOWEST_HZ = 30.0
HIGHEST_HZ = SAMPLE_RATE_HZ / 2
FRAMES_PER_S = SAMPLE_RATE_HZ / HOP_SAMPLES
# librosa.power_to_db: `amin` and `top_db`.
LEAST_POWER = 1e-10
RANGE_DB = 80.0

_HALF = WINDOW_SAMPLES // 2
# Below every bit of 24-bit sound; beyond, powers would leave the range of float32 (Magenta divides by any peak but 0).
_SILENT_PEAK = 1e-9
_FRAMES_A_BLOCK = 256

Floats = NDArray[np.float32]


def log_mel(samples: Floats, *, normalise: bool = True) -> Floats:
    """The spectrogram of float32[n] at 16 kHz, n ≥ 1: float32[max(1, n // 512), 229] in dB.

    `normalise` scales the samples to a peak of 1 first. Digital silence is -100 dB everywhere.
    """
    power = mel_power(samples)
    peak = float(np.abs(samples).max()) if normalise else 1.0
    return decibels(power, power_gain(peak), float(power.max()))[: frame_count(len(samples))]


def frame_count(samples: int) -> int:
    """How many frames a recording of `samples` at 16 kHz has."""
    return max(1, samples // HOP_SAMPLES)


def power_gain(peak: float) -> float:
    """What powers are multiplied by when a recording whose samples reach `peak` is scaled to reach 1; 1 for silence."""
    return 1.0 / peak**2 if peak > _SILENT_PEAK else 1.0


def decibels(power: Floats, gain: float, highest_power: float) -> Floats:
    """10 log10(gain · power), float32 of the same shape, at most 80 dB below that of `highest_power`."""
    floor = max(LEAST_POWER, highest_power * gain * 10 ** (-RANGE_DB / 10))
    scaled = np.maximum(power * np.float32(gain), np.float32(floor))
    level: Floats = np.float32(10.0) * np.log10(scaled)
    return level


def mel_power(samples: Floats) -> Floats:
    """Powers in the mel bands, as librosa gives them: float32[n] at 16 kHz, n ≥ 1, to float32[1 + n // 512, 229]."""
    stream = MelPower()
    return np.concatenate([*stream.push(samples), *stream.finish()])


class MelPower:
    """`mel_power` of samples that come bit by bit: `push` them, then `finish`; both give rows as they are known."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.float32)
        self._begun = False
        self.samples = 0
        self.peak = 0.0

    def push(self, samples: Floats) -> Iterator[Floats]:
        """Rows float32[n, 229] that follow from more samples, float32[n]."""
        if len(samples):
            self.samples += len(samples)
            self.peak = max(self.peak, float(np.abs(samples).max()))
            self._held = np.concatenate([self._held, samples.astype(np.float32, copy=False)])
        if not self._begun:
            if len(self._held) <= _HALF:
                return
            self._held = np.concatenate([self._held[_HALF:0:-1], self._held])
            self._begun = True
        # As many samples stay as the reflection at the end will want.
        yield from self._take((len(self._held) - WINDOW_SAMPLES) // HOP_SAMPLES)

    def finish(self) -> Iterator[Floats]:
        """The last rows. Raises `ValueError` if there was no sample."""
        if not self.samples:
            raise ValueError("a spectrogram needs at least one sample")
        if self._begun:
            self._held = np.pad(self._held, (0, _HALF), mode="reflect")
        else:
            self._held = np.pad(self._held, _HALF, mode="reflect")
        yield from self._take((len(self._held) - WINDOW_SAMPLES) // HOP_SAMPLES + 1)

    def _take(self, frames: int) -> Iterator[Floats]:
        for start in range(0, max(0, frames), _FRAMES_A_BLOCK):
            count = min(_FRAMES_A_BLOCK, frames - start)
            begin = start * HOP_SAMPLES
            span = self._held[begin : begin + (count - 1) * HOP_SAMPLES + WINDOW_SAMPLES]
            windows = np.lib.stride_tricks.sliding_window_view(span, WINDOW_SAMPLES)[::HOP_SAMPLES]
            spectrum = np.fft.rfft(windows * hann_window(), axis=1)
            power = spectrum.real**2 + spectrum.imag**2
            yield (power @ mel_filters()).astype(np.float32, copy=False)
        if frames > 0:
            self._held = self._held[frames * HOP_SAMPLES :].copy()


@functools.cache
def hann_window() -> Floats:
    """The periodic Hann window, float32[2048]."""
    turn = 2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    window: Floats = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    return window


@functools.cache
def mel_filters() -> Floats:
    """Triangles over the bins of the FFT, float32[1025, 229], each of area 1 over frequency in Hz.

    HTK's scale: mel = 2595 log10(1 + Hz / 700).
    """
    corners_hz = _corners_hz()
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, 1 + WINDOW_SAMPLES // 2)[:, np.newaxis]
    left, middle, right = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    rising, falling = (bins_hz - left) / (middle - left), (right - bins_hz) / (right - middle)
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2.0 / (right - left))
    return np.ascontiguousarray(triangles, dtype=np.float32)


def band_centres_hz() -> NDArray[np.float64]:
    """Where the triangles of `mel_filters` are highest, float64[229]."""
    return _corners_hz()[1:-1]


def _corners_hz() -> NDArray[np.float64]:
    mels = np.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), MEL_BINS + 2)
    corners_hz: NDArray[np.float64] = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    return corners_hz


def _hz_to_mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))
