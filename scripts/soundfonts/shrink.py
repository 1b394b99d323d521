"""A soundfont's samples made mono, resampled and compressed, so that its pianos fit in a few megabytes."""

import io

import numpy as np
import soundfile
import soxr

from soundfonts.riff import MONO, VORBIS, Instrument, Preset, Sample, SoundFont, pcm

RATE_HZ = 32_000
_RIGHT, _PAN, _INSTRUMENT, _SAMPLE, _KEYS, _VELOCITIES, _RELEASE, _ROOT = 2, 17, 41, 53, 43, 44, 38, 58
_RELEASE_TIMECENTS = -2000  # 1200·log2(0.315 s)


def shrunk(font: SoundFont, *, quality: float) -> SoundFont:
    """`font` with the left channel of each stereo sample alone, at most 32 kHz, in Vorbis of `quality` 0–1."""
    for instrument in font.instruments:
        instrument.zones = [
            [(kind, value) for kind, value in zone if kind != _PAN]
            for zone in instrument.zones
            if not _is_right(font, zone)
        ]
    samples = [_compressed(sample, quality) for sample in font.samples]
    kept = sorted({zone[-1][1] for i in font.instruments for zone in i.zones if zone and zone[-1][0] == _SAMPLE})
    for instrument in font.instruments:
        for zone in instrument.zones:
            if zone and zone[-1][0] == _SAMPLE:
                zone[-1] = (_SAMPLE, kept.index(zone[-1][1]))
    return SoundFont(font.presets, font.instruments, [samples[i] for i in kept])


def _is_right(font: SoundFont, zone: list[tuple[int, int]]) -> bool:
    return bool(zone) and zone[-1][0] == _SAMPLE and font.samples[zone[-1][1]].kind & 0xF == _RIGHT


def _compressed(sample: Sample, quality: float) -> Sample:
    if sample.kind & VORBIS:
        audio, rate_hz = soundfile.read(io.BytesIO(sample.content), dtype="float32")
    else:
        audio, rate_hz = pcm(sample).astype(np.float32) / 32768, sample.rate_hz
    return vorbis(sample, audio, rate_hz, quality)


def vorbis(sample: Sample, audio: np.ndarray, rate_hz: int, quality: float) -> Sample:
    """`sample` with `audio`, float32[n] at `rate_hz`, for its sound; its loop moves along."""
    new_hz, loop = rate_hz, sample.loop
    if rate_hz > RATE_HZ:
        audio = soxr.resample(audio, rate_hz, RATE_HZ, quality="VHQ")
        loop = tuple(round(at * RATE_HZ / rate_hz) for at in loop)
        new_hz = RATE_HZ
    stream = io.BytesIO()
    with soundfile.SoundFile(
        stream, "w", new_hz, 1, format="OGG", subtype="VORBIS", compression_level=1.0 - quality
    ) as file:
        for start in range(0, len(audio), 8192):
            file.write(audio[start : start + 8192])
    content = stream.getvalue()
    content += bytes(len(content) % 2)  # readers of SF3 disagree about the padding of an odd chunk
    return Sample(sample.name, content, loop, new_hz, sample.root, sample.correction_cents, MONO | VORBIS)


def from_layers(
    name: bytes, layers: dict[int, dict[int, tuple[np.ndarray, int]]], *, longest_s: float, quality: float
) -> SoundFont:
    """One piano from recordings: velocity → pitch → (float32[n], rate in Hz). Each serves the pitches nearest to it.

    A player of soundfonts makes a note as loud as its velocity; the recordings already are. So each layer is
    raised by as much as that takes away, all by one common factor such that nothing clips.
    """
    velocities = sorted(layers)
    peaks = [np.abs(audio).max() * 127 / v for v in velocities for audio, _ in layers[v].values()]
    common = 0.98 / max(peaks)
    instrument, samples = Instrument(name[:19]), []
    for which, velocity in enumerate(velocities):
        low = 0 if which == 0 else (velocities[which - 1] + velocity) // 2 + 1
        high = 127 if which == len(velocities) - 1 else (velocity + velocities[which + 1]) // 2
        pitches = sorted(layers[velocity])
        for at, pitch in enumerate(pitches):
            first = 0 if at == 0 else (pitches[at - 1] + pitch) // 2 + 1
            last = 127 if at == len(pitches) - 1 else (pitch + pitches[at + 1]) // 2
            audio, rate_hz = layers[velocity][pitch]
            audio = audio[_attack(audio, rate_hz) :][: round(longest_s * rate_hz)] * np.float32(common * 127 / velocity)
            fade = min(len(audio), rate_hz // 2)
            audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
            empty = Sample(b"%s %d %d" % (name[:8], pitch, velocity), b"", (0, len(audio)), rate_hz, pitch, 0)
            samples.append(vorbis(empty, audio, rate_hz, quality))
            instrument.zones.append(
                [
                    (_KEYS, first | last << 8),
                    (_VELOCITIES, low | high << 8),
                    (_RELEASE, _RELEASE_TIMECENTS & 0xFFFF),
                    (_ROOT, pitch),
                    (_SAMPLE, len(samples) - 1),
                ]
            )
    return SoundFont([Preset(name[:19], 0, 0, [[(_INSTRUMENT, 0)]])], [instrument], samples)


def _attack(audio: np.ndarray, rate_hz: int) -> int:
    """Where the sound begins, less 2 ms: notes are to begin when they are struck, not when the hammer gets there."""
    envelope = np.convolve(np.abs(audio[: rate_hz // 2]), np.ones(32) / 32, "same")
    return max(0, int(np.argmax(envelope > 0.1 * envelope.max())) - rate_hz // 500)
