"""A MIDI file with drums in it, as tests of several stages need it."""

from pathlib import Path

import symusic

from aeolian.formats.midi import write_midi
from aeolian.music.notes import Notes

TICKS_PER_S = 960


def write_with_drums(path: Path, notes: Notes, *, drums: int) -> None:
    """Writes `notes`, and in a track of its own so many beats of a bass drum, half a second apart."""
    write_midi(path, notes)
    score = symusic.Score.from_midi(path.read_bytes())
    kit = symusic.Track(name="kit", program=0, is_drum=True)
    for beat in range(drums):
        kit.notes.append(symusic.Note(beat * TICKS_PER_S // 2, TICKS_PER_S // 8, 36, 100))
    score.tracks.append(kit)
    path.write_bytes(score.dumps_midi())
