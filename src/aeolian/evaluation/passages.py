"""The longest passages that pieces share with a corpus, all at once.

Passages are compared by prefix doubling (Manber and Myers 1990, "Suffix arrays"): for every k the passages of 2^k
symbols are numbered in order, which sorts all passages and tells the length that any two share in k steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aeolian.music.melodies import Symbols
from aeolian.music.notes import Ints

MAX_LEVELS = 13  # passages of up to 8,191 symbols
_SYMBOLS = 256  # above every symbol


@dataclass(frozen=True, eq=False)
class Matches:
    """For each position of each piece, the longest passage that it shares with the corpus.

    `length` [n], in symbols; `song` [n], the index of a song that has it, and `at` [n], where. Positions of all
    pieces follow one another; `starts` [pieces + 1] says where each begins.
    """

    length: Ints
    song: Ints
    at: Ints
    starts: Ints


class PassageIndex:
    """The passages of a corpus and of some pieces, numbered together: strings of symbols in, matches out."""

    def __init__(self, corpus: Sequence[Symbols], pieces: Sequence[Symbols]) -> None:
        strings = [*corpus, *pieces]
        lengths = np.array([len(string) for string in strings], dtype=np.int64)
        # After each string a symbol of its own, so that no shared passage reaches beyond one.
        parts = [np.append(string.astype(np.int64), _SYMBOLS + number) for number, string in enumerate(strings)]
        text = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        self._starts = np.concatenate([[0], np.cumsum(lengths + 1)])
        self._owner = np.repeat(np.arange(len(strings)), lengths + 1)
        self._first_piece = int(self._starts[len(corpus)])
        self._num_songs = len(corpus)
        self._levels = _levels(text, self._first_piece)

    def matches(self) -> Matches:
        """The longest passage that each position of the pieces shares with the corpus."""
        ranks, first = self._levels[-1], self._first_piece
        order = np.argsort(ranks, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        positions = np.arange(first, len(ranks))
        is_song = order < first
        index = np.arange(len(order))
        before = np.maximum.accumulate(np.where(is_song, index, -1))[place[positions]]
        after = np.minimum.accumulate(np.where(is_song, index, len(order))[::-1])[::-1][place[positions]]
        best, where = np.zeros(len(positions), np.int64), np.zeros(len(positions), np.int64)
        for neighbour, exists in ((before, before >= 0), (after, after < len(order))):
            other = order[np.where(exists, neighbour, 0)]
            length = np.where(exists, self._shared(positions, other), 0)
            where = np.where(length > best, other, where)
            best = np.maximum(length, best)
        song = self._owner[where]
        starts = self._starts[self._num_songs :] - first
        return Matches(best, song, where - self._starts[song], starts)

    def _shared(self, here: Ints, there: Ints) -> Ints:
        """How many symbols the passages at `here` [n] and `there` [n] share, at most 2^levels - 1."""
        length = np.zeros(len(here), np.int64)
        for level in range(len(self._levels) - 1, -1, -1):
            ranks = self._levels[level]
            a, b = here + length, there + length
            inside = np.maximum(a, b) < len(ranks)
            equal = inside & (ranks[np.where(inside, a, 0)] == ranks[np.where(inside, b, 0)])
            length += equal.astype(np.int64) << level
        return length


def _levels(text: Ints, first_piece: int) -> list[Ints]:
    """The numbers of the passages of 1, 2, 4… symbols at each position, until no piece shares one with a song."""
    levels = [np.unique(text, return_inverse=True)[1]]
    while len(levels) < MAX_LEVELS:
        ranks = levels[-1]
        if not len(ranks) or not np.isin(ranks[first_piece:], ranks[:first_piece]).any():
            break
        levels.append(_doubled(ranks, 1 << (len(levels) - 1)))
    return levels


def _doubled(ranks: Ints, size: int) -> Ints:
    """From the numbers of passages of `size` symbols those of twice as many."""
    following = np.append(ranks[size:], np.full(min(size, len(ranks)), -1))
    return np.unique(ranks * (len(ranks) + 1) + following + 1, return_inverse=True)[1]
