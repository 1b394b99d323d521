"""How much of a piece was heard before: its longest passage that a song of the corpus has too, and its nearest song.

Passages are compared as strings of intervals (`music.melodies`): in any key, at any tempo. Music shares passages anyway
(a scale, a broken chord), so what is found is to be read beside what songs of the corpus share with the other songs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aeolian.evaluation.passages import PassageIndex
from aeolian.music.melodies import Passages, in_order, passages, symbols
from aeolian.music.notes import Floats, Ints, Notes

LONG_NOTES = 24


@dataclass(frozen=True)
class Shared:
    """What a piece shares with a corpus.

    `longest_notes`: the longest passage, in notes (0 if it shares none), from `at_s` seconds for `lasts_s`; `song`
    has it, from `song_at_s`. `covered`: the share of the piece's notes within passages of 24 notes or more.
    `nearest`: the song that has most of the piece's passages of 9 notes, and `nearest_share` of them it has.
    """

    longest_notes: int
    at_s: float
    lasts_s: float
    song: str
    song_at_s: float
    covered: float
    nearest: str
    nearest_share: float


def shared_passages(pieces: Sequence[Notes], corpus: Sequence[Notes], names: Sequence[str]) -> list[Shared]:
    """What each piece shares with the songs of the corpus, which `names` names. Raises ValueError without a song."""
    if not corpus:
        raise ValueError("a corpus of no songs")
    strings, songs = ([symbols(n.onset_s, n.pitch) for n in some] for some in (pieces, corpus))
    matches = PassageIndex(songs, strings).matches()
    shares = _shares([passages(string) for string in strings], [passages(song) for song in songs])
    result = []
    for number, piece in enumerate(pieces):
        part = slice(int(matches.starts[number]), int(matches.starts[number + 1]) - 1)
        nearest = int(shares[number].argmax())
        nearest_share = float(shares[number, nearest])
        lengths = matches.length[part]
        longest = int(lengths.max()) if len(lengths) else 0
        if not longest:
            result.append(Shared(0, 0.0, 0.0, "", 0.0, 0.0, "", 0.0))
            continue
        at = int(lengths.argmax())
        song = int(matches.song[part][at])
        onset_s = _onsets_in_order(piece)
        song_onset_s = _onsets_in_order(corpus[song])
        result.append(
            Shared(
                longest + 1,
                float(onset_s[at]),
                float(onset_s[at + longest] - onset_s[at]),
                names[song],
                float(song_onset_s[int(matches.at[part][at])]),
                _covered(lengths, len(piece)),
                names[nearest] if nearest_share else "",
                nearest_share,
            )
        )
    return result


def _shares(pieces: Sequence[Passages], songs: Sequence[Passages]) -> Floats:
    """[pieces, songs]: the share of a piece's different passages of nine notes that the song has too."""
    every = np.concatenate(songs)
    owner = np.repeat(np.arange(len(songs)), [len(song) for song in songs])
    shares = np.zeros((len(pieces), len(songs)))
    for row, piece in zip(shares, pieces, strict=True):
        if len(piece):
            row[:] = np.bincount(owner[np.isin(every, piece)], minlength=len(songs)) / len(piece)
    return shares


def _onsets_in_order(notes: Notes) -> Floats:
    in_passages: Floats = notes.onset_s[in_order(notes.onset_s, notes.pitch)]
    return in_passages


def _covered(lengths: Ints, notes: int) -> float:
    """The share of a piece's notes within shared passages of at least LONG_NOTES, from the lengths in symbols."""
    long = np.flatnonzero(lengths >= LONG_NOTES - 1)
    changes = np.zeros(notes + 1, np.int64)
    np.add.at(changes, long, 1)
    np.add.at(changes, long + lengths[long] + 1, -1)
    return float((np.cumsum(changes)[:notes] > 0).mean())
