"""A soundfont played dry and fast: one channel, no levelling, one pass. What a transcriber is trained on.

For listeners there is `synthesis`. Here the notes' own loudness is kept, and a soundfont stays loaded for the next
piece.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tinysoundfont

from aeolian.errors import UsageError
from aeolian.music.notes import Notes

Samples = npt.NDArray[np.float32]

_CHANNEL, _BANK, _MAX_VOICES = 0, 0, 192
_LOADED_FONTS = 8
_FLOAT_BYTES = 4


@lru_cache(maxsize=_LOADED_FONTS)
def _font(path: Path) -> tinysoundfont._tinysoundfont.SoundFont:
    try:
        return tinysoundfont._tinysoundfont.SoundFont(path.read_bytes())
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a soundfont"
        raise UsageError(
            f"The soundfont {path} cannot be read: {reason}.", remedy="Give an .sf2 or .sf3 file."
        ) from error


def programs(soundfont: Path) -> list[int]:
    """The programs of a soundfont's bank 0, counted from 0. Raises UsageError for a file that is no soundfont."""
    font = _font(soundfont)
    return [number for number in range(128) if font.get_preset_index(_BANK, number) >= 0]


def play(
    notes: Notes,
    duration_s: float,
    *,
    soundfont: Path,
    sample_rate_hz: int,
    program: int = 0,
    tuning_cents: float = 0.0,
) -> Samples:
    """The first `duration_s` of `notes` as float32[duration_s · sample_rate_hz], as loud as the soundfont is.

    Notes of one pitch must not overlap: a release ends whichever of them began first. Equal arguments give equal
    samples. Raises UsageError for a soundfont that cannot be read or lacks the program.
    """
    # A copy shares the samples and begins in silence; after `reset` the last piece still dies away.
    font = tinysoundfont._tinysoundfont.SoundFont(_font(soundfont))
    font.set_output(tinysoundfont._tinysoundfont.OutputMode.Mono, sample_rate_hz, 0.0)
    font.set_max_voices(_MAX_VOICES)
    try:
        font.channel_set_bank(_CHANNEL, _BANK)
        font.channel_set_preset_number(_CHANNEL, program, False)
    except RuntimeError as error:
        raise UsageError(f"The soundfont {soundfont.name} has no program {program}.") from error
    font.channel_set_tuning(_CHANNEL, tuning_cents / 100)
    sound = np.zeros(round(duration_s * sample_rate_hz), np.float32)
    buffer, at = sound.view(np.uint8).data, 0
    for when, pitch, velocity in _events(notes, sample_rate_hz, len(sound)):
        if when > at:
            font.render(buffer[at * _FLOAT_BYTES : when * _FLOAT_BYTES])
            at = when
        if velocity:
            font.channel_note_on(_CHANNEL, pitch, velocity / 127)
        else:
            font.channel_note_off(_CHANNEL, pitch)
    if at < len(sound):
        font.render(buffer[at * _FLOAT_BYTES :])
    return sound


def _events(notes: Notes, sample_rate_hz: int, frames: int) -> list[tuple[int, int, int]]:
    """(sample, pitch, velocity; 0 for a release) in playing order; at one sample releases come first."""
    on = np.rint(notes.onset_s * sample_rate_hz).astype(np.int64)
    off = np.maximum(np.rint(notes.offset_s * sample_rate_hz).astype(np.int64), on + 1)
    pitch, velocity = np.clip(notes.pitch, 0, 127), np.clip(notes.velocity, 1, 127)
    rows = np.concatenate(
        [np.stack([off, pitch, np.zeros_like(pitch)], axis=1), np.stack([on, pitch, velocity], axis=1)]
    )
    rows = rows[rows[:, 0] < frames]
    order = np.lexsort((rows[:, 1], rows[:, 2] > 0, rows[:, 0]))
    return [(row[0], row[1], row[2]) for row in rows[order].tolist()]
