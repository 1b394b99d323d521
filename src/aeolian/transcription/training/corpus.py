"""What there is to learn from: recordings with their notes in the layouts of MAPS and MAESTRO, and MIDI files alone.

MAPS: `NAME.wav` beside `NAME.txt` (OnsetTime, OffsetTime, MidiPitch) or `NAME.mid`; a `NAME.tsv` (onset, offset, note,
velocity) is read too. MAESTRO: `NAME.wav` beside `NAME.midi`, and a `maestro-*.csv` that says which files are for
validation and for test. Anything without such a table is split by the content of its notes, so that a song never moves.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aeolian.errors import InputError
from aeolian.formats.midi import read_midi, read_score
from aeolian.music.notes import Notes
from aeolian.music.pedal import PedalEvents
from aeolian.names import MIDI_EXTENSIONS
from aeolian.transcription.training.performance import separated

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
MIDI_SUFFIXES = tuple(f".{extension}" for extension in sorted(MIDI_EXTENSIONS))
TABLE_SUFFIXES = (".tsv", ".txt")
VALIDATION_ONE_IN = 20
SHORTEST_SONG_NOTES = 30
DEFAULT_VELOCITY = 64


@dataclass(frozen=True, eq=False)
class Song:
    """MIDI alone, to be rendered: notes as struck, and the pedal."""

    name: str
    notes: Notes
    pedal: PedalEvents


@dataclass(frozen=True, eq=False)
class Pair:
    """A recording and its notes, ends as heard."""

    name: str
    audio: Path
    notes: Notes


def paired_files(files: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Find the (audio, notes) among `files`, sorted: each audio file with a file of notes of its name beside it."""
    there, found = set(files), []
    for audio in sorted(path for path in files if path.suffix.lower() in AUDIO_SUFFIXES):
        for suffix in (*MIDI_SUFFIXES, *TABLE_SUFFIXES):
            if (truth := audio.with_suffix(suffix)) in there:
                found.append((audio, truth))
                break
    return found


def midi_files(files: Sequence[Path]) -> list[Path]:
    """Find the MIDI files among `files` without a recording beside them, sorted."""
    taken = {truth for _, truth in paired_files(files)}
    return sorted(path for path in files if path.suffix.lower() in MIDI_SUFFIXES and path not in taken)


def read_truth(path: Path) -> Notes:
    """The notes of a recording, sorted, ends with the pedal where the file has one. Raises InputError."""
    if path.suffix.lower() in MIDI_SUFFIXES:
        return separated(read_midi(path))
    return separated(_table(path))


def _table(path: Path) -> Notes:
    """Columns onset, offset, pitch and, if there is a fourth, velocity, below one line of titles."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}.") from error
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        if not words:
            continue
        try:
            onset_s, offset_s, pitch, *rest = (float(word) for word in words)
        except ValueError:
            raise InputError(f"line {number} is not onset, offset, pitch and velocity in numbers: {line!r}.") from None
        if not (0 <= onset_s <= offset_s and 0 <= pitch <= 127):
            raise InputError(f"line {number} is no note: {line!r}.")
        rows.append((onset_s, offset_s, round(pitch), int(rest[0]) if rest else DEFAULT_VELOCITY))
    return Notes.of(rows)


def read_song(path: Path, name: str) -> Song:
    """All parts of a MIDI file but drums, as one piano. Raises InputError for a file that is none, or nearly empty."""
    parts = [part for part in read_score(path).parts if not part.is_drum]
    if sum(len(part.notes) for part in parts) < SHORTEST_SONG_NOTES:
        raise InputError(f"has fewer than {SHORTEST_SONG_NOTES} notes.")
    notes = Notes.joined([part.notes for part in parts]).sorted()
    times_s = np.concatenate([part.pedal.time_s for part in parts])
    values = np.concatenate([part.pedal.value for part in parts])
    order = np.argsort(times_s, kind="stable")
    return Song(name, notes, PedalEvents(times_s[order], values[order]))


def maestro_splits(files: Sequence[Path]) -> dict[str, str]:
    """Read audio file name → train, validation or test from every `maestro-*.csv` among `files`; empty without one."""
    splits: dict[str, str] = {}
    for path in sorted(path for path in files if path.match("maestro-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("audio_filename") and row.get("split"):
                    splits[row["audio_filename"]] = row["split"]
    return splits


def is_validation(notes: Notes) -> bool:
    """Whether these notes are held out: one song in twenty, by a hash of its pitches in order."""
    digest = hashlib.sha256(notes.sorted().pitch.astype(np.uint8).tobytes()).digest()
    return int.from_bytes(digest[:8], "big") % VALIDATION_ONE_IN == 0


def split_songs(songs: Iterable[Song]) -> tuple[list[Song], list[Song]]:
    """(training, validation)."""
    training: list[Song] = []
    validation: list[Song] = []
    for song in songs:
        (validation if is_validation(song.notes) else training).append(song)
    return training, validation
