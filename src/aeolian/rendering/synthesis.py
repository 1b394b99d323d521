"""Notes to sound with a soundfont: each note starts and ends on its own sample, in memory that does not grow.

The synthesiser is TinySoundFont. The default soundfont is TimGM6mb by Tim Brechbill, which lies in the wheel
of pretty_midi and is licensed under the GNU GPL version 2: it is read where pip put it and is no part of this
project. Give another with `soundfont`. (The recordings in `samples/` are made without it, see
`scripts/compose_samples.py`.)

Rendering goes over the notes twice: once to measure the loudness, once with the gain that follows from it.
"""

import importlib.util
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tinysoundfont

from aeolian.errors import AeolianError, InputError, UsageError
from aeolian.music.notes import Notes
from aeolian.rendering.level import Meter, limited

Samples = npt.NDArray[np.float32]
Report = Callable[[int, int, str], None]

SAMPLE_RATE_HZ = 44_100
MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 8_000, 192_000
TAIL_S = 3.0
MAX_DURATION_S = 24 * 3600.0
BLOCK_FRAMES = 1 << 16
FADE_S = 0.5  # at the very end, in case something rings longer than the tail

_CHANNEL = 0
_MAX_VOICES = 256
_SOUNDFONT_PACKAGE, _SOUNDFONT_NAME = "pretty_midi", "TimGM6mb.sf2"
_OFF, _ON = 0, 1


def default_soundfont() -> Path:
    """The soundfont in pretty_midi's wheel, found without importing it. Raises AeolianError if absent."""
    package = importlib.util.find_spec(_SOUNDFONT_PACKAGE)
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder, _SOUNDFONT_NAME)
        if path.is_file():
            return path
    raise AeolianError(
        f"No soundfont: {_SOUNDFONT_NAME} of the package {_SOUNDFONT_PACKAGE} is not installed.",
        remedy="Install requirements/generate.txt, or name an .sf2 file with --soundfont.",
    )


def synthesise(
    notes: Notes,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    soundfont: Path | None = None,
    program: int = 0,
    tail_s: float = TAIL_S,
    report: Report | None = None,
) -> Samples:
    """The whole recording at once, float32[frames, 2] within ±0.98. For long pieces take `blocks`."""
    pieces = blocks(
        notes,
        sample_rate_hz=sample_rate_hz,
        soundfont=soundfont,
        program=program,
        tail_s=tail_s,
        report=report,
    )
    return np.concatenate([np.zeros((0, 2), np.float32), *pieces])


def blocks(
    notes: Notes,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    soundfont: Path | None = None,
    program: int = 0,
    tail_s: float = TAIL_S,
    report: Report | None = None,
) -> Iterator[Samples]:
    """The recording of `notes` in blocks, float32[≤ 65536, 2], stereo, levelled, within ±0.98.

    `program` is a General MIDI program of the soundfont's bank 0, counted from 0 (a grand piano). The
    recording lasts until `tail_s` seconds after the last note's end; without notes there is none. `report`
    gets the frames done, of both passes. Equal arguments give equal samples.

    Raises UsageError for a sample rate outside 8–192 kHz, a soundfont that cannot be read, and a program that
    it lacks; InputError for notes that go on for more than a day.
    """
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        limits = f"{MIN_SAMPLE_RATE_HZ}…{MAX_SAMPLE_RATE_HZ}"
        raise UsageError(f"A sample rate of {sample_rate_hz} Hz is not possible; {limits} are.")
    if notes.end_s > MAX_DURATION_S:
        hours, limit = notes.end_s / 3600, MAX_DURATION_S / 3600
        raise InputError(f"goes on for {hours:,.0f} hours; at most {limit:.0f} can be rendered.")
    path = soundfont or default_soundfont()
    frames = total_frames(notes, sample_rate_hz=sample_rate_hz, tail_s=tail_s)
    tell = report or (lambda done, total, note: None)

    meter = Meter(sample_rate_hz)
    for done, block in _played(notes, frames, path, program, sample_rate_hz):
        meter.measure(block)
        tell(done, 2 * frames, "listening")
    gain = np.float32(meter.gain)
    fade = _fade(frames, round(min(tail_s, FADE_S) * sample_rate_hz))
    for done, block in _played(notes, frames, path, program, sample_rate_hz):
        yield limited(block * gain * fade(done - len(block), done))
        tell(frames + done, 2 * frames, "playing")


def total_frames(notes: Notes, *, sample_rate_hz: int = SAMPLE_RATE_HZ, tail_s: float = TAIL_S) -> int:
    """How many frames `blocks` gives in all; 0 without notes."""
    return round((notes.end_s + tail_s) * sample_rate_hz) if len(notes) else 0


def _played(
    notes: Notes, frames: int, soundfont: Path, program: int, sample_rate_hz: int
) -> Iterator[tuple[int, Samples]]:
    """Raw blocks as the soundfont gives them, each with the number of frames done at its end."""
    synth = _synth(soundfont, program, sample_rate_hz)
    events = _events(notes, sample_rate_hz)
    next_event = 0
    for start in range(0, frames, BLOCK_FRAMES):
        block = np.zeros((min(BLOCK_FRAMES, frames - start), 2), np.float32)
        at = 0
        while at < len(block):
            while next_event < len(events) and events[next_event][0] <= start + at:
                _, kind, pitch, velocity = events[next_event]
                if kind == _ON:
                    synth.noteon(_CHANNEL, pitch, velocity)
                else:
                    synth.noteoff(_CHANNEL, pitch)
                next_event += 1
            until = events[next_event][0] - start if next_event < len(events) else len(block)
            until = min(until, len(block))
            synth.generate_simple(until - at, block[at:until].data)
            at = until
        yield start + len(block), block


def _events(notes: Notes, sample_rate_hz: int) -> list[tuple[int, int, int, int]]:
    """(frame, off or on, pitch, velocity) in playing order: at one frame, releases come before strikes.

    So no note is shorter than a frame: its release would come before it.
    """
    on = np.rint(notes.onset_s * sample_rate_hz).astype(np.int64)
    off = np.maximum(np.rint(notes.offset_s * sample_rate_hz).astype(np.int64), on + 1)
    pitch, velocity = np.clip(notes.pitch, 0, 127), np.clip(notes.velocity, 1, 127)
    none = np.zeros_like(pitch)
    rows = np.concatenate(
        [
            np.stack([off, np.full_like(off, _OFF), pitch, none], axis=1),
            np.stack([on, np.full_like(on, _ON), pitch, velocity], axis=1),
        ]
    )
    return [(row[0], row[1], row[2], row[3]) for row in sorted(rows.tolist())]


def _synth(soundfont: Path, program: int, sample_rate_hz: int) -> tinysoundfont.Synth:
    synth = tinysoundfont.Synth(samplerate=sample_rate_hz)
    try:
        loaded = synth.sfload(_soundfont_bytes(soundfont), max_voices=_MAX_VOICES)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a soundfont"
        raise UsageError(f"The soundfont {soundfont} cannot be read: {reason}.", remedy="Give an .sf2 file.") from error
    try:
        synth.program_select(_CHANNEL, loaded, 0, program)
    except RuntimeError as error:
        raise UsageError(
            f"The soundfont {soundfont.name} has no program {program}.",
            remedy="Programs are counted from 0; 0 is a grand piano.",
        ) from error
    return synth


@lru_cache(maxsize=1)
def _soundfont_bytes(path: Path) -> bytes:
    return path.read_bytes()


def _fade(frames: int, fade_frames: int) -> Callable[[int, int], npt.NDArray[np.float32]]:
    """From frames [start, stop) to gains float32[stop - start, 1]: 1, and over the last frames down to 0."""

    def gains(start: int, stop: int) -> npt.NDArray[np.float32]:
        remaining = frames - 1 - np.arange(start, stop)
        return np.minimum(1.0, remaining / max(fade_frames, 1))[:, np.newaxis].astype(np.float32)

    return gains
