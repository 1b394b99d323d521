"""Songs to batches of token windows; which, in what order and how augmented depends on (seed, epoch, index) only.

So a run that was killed goes on with exactly the batches that an uninterrupted one would have seen.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aeolian.formats.song_example import SPLITS, SongExample
from aeolian.music.codec import Tokens, onsets
from aeolian.music.melodies import near_duplicates, symbols
from aeolian.music.vocabulary import END, PAD, START
from aeolian.transformer.augmentation import NONE, Augmentation, augment

Batch = npt.NDArray[np.int32]
_ORDER, _CUT = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class Split:
    """Songs by use. `held_out`: the training song that had to serve as validation; `note`: why, in a sentence."""

    train: list[SongExample]
    validation: list[SongExample] = field(default_factory=list)
    test: list[SongExample] = field(default_factory=list)
    held_out: str = ""
    note: str = ""


def content_hash(song: SongExample) -> str:
    """A digest of the song's tokens, whatever its name."""
    return hashlib.sha256(song.tokens.astype("<i2").tobytes()).hexdigest()


def split_songs(songs: Sequence[SongExample]) -> Split:
    """Songs by their recorded split; where that leaves nothing to train on or to validate with, the least harm.

    Near-duplicates (versions of one piece, in whatever key and tempo) all go where the one with the smallest content
    hash is: no validation or test song has a version of it among the training songs. Without a training song every
    song trains. Without a validation song, a training song is held out: of those without near-duplicates, if there
    are any, the one with the smallest content hash; a single song trains alone.
    """
    ordered = sorted(songs, key=lambda song: (content_hash(song), song.name))
    family = near_duplicates([symbols(*onsets(song.tokens)) for song in ordered])
    place = [ordered[first].split for first in family]
    by = {name: [s for s, its in zip(ordered, place, strict=True) if its == name] for name in SPLITS}
    notes = []
    moved = sum(song.split != its for song, its in zip(ordered, place, strict=True))
    if moved:
        notes.append(f"{moved} songs follow a near-duplicate into its split.")
    if not by["train"]:
        notes.append("No song fell into the training split, so all songs are used for training.")
        by = {"train": ordered, "validation": [], "test": []}
    if by["validation"]:
        return Split(by["train"], by["validation"], by["test"], note=" ".join(notes))
    if len(by["train"]) < 2:
        notes.append("There is one song to train on, so nothing is validated.")
        return Split(by["train"], [], by["test"], note=" ".join(notes))
    of_its_own = [song for song, its in zip(ordered, family, strict=True) if (family == its).sum() == 1]
    held_out = next((song for song in by["train"] if song in of_its_own), by["train"][0])
    train = [song for song in by["train"] if song is not held_out]
    notes.append(f"No song fell into the validation split, so {held_out.name} is held out.")
    return Split(train, [held_out], by["test"], held_out=held_out.name, note=" ".join(notes))


def count_windows(num_tokens: int, max_seq: int) -> int:
    """How many windows cover a song of `num_tokens` events, its start and its end."""
    return -(-(num_tokens + 1) // max_seq)


class Windows:
    """The training windows of some songs: each epoch every song is cut anew, and every window augmented."""

    def __init__(
        self,
        songs: Sequence[SongExample],
        *,
        max_seq: int,
        batch_size: int,
        seed: int,
        augmentation: Augmentation = NONE,
    ) -> None:
        self.songs = [song.tokens for song in songs]
        self.max_seq, self.batch_size, self.seed, self.augmentation = max_seq, batch_size, seed, augmentation
        self.index = [
            (number, part, parts)
            for number, tokens in enumerate(self.songs)
            for parts in (count_windows(len(tokens), max_seq),)
            for part in range(parts)
        ]

    @property
    def batches_per_epoch(self) -> int:
        """Batches in which every window comes once; the last is filled up with padding."""
        return -(-len(self.index) // self.batch_size)

    def batch(self, epoch: int, number: int, moved: bool = True) -> Batch:
        """Batch `number` (0…batches_per_epoch-1) of `epoch`: [batch_size, max_seq + 1], augmented if `moved`."""
        augmentation = self.augmentation if moved else NONE
        order = np.random.default_rng([self.seed, epoch, _ORDER]).permutation(len(self.index))
        chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
        rows = np.full((self.batch_size, self.max_seq + 1), PAD, dtype=np.int32)
        for row, which in zip(rows, chosen, strict=False):
            window = self._window(epoch, int(which), augmentation)
            row[: len(window)] = window
        return rows

    def _window(self, epoch: int, which: int, augmentation: Augmentation) -> Tokens:
        """Window `which` of the index: near its place in the song, by a random amount of up to half a window."""
        song, part, parts = self.index[which]
        tokens = self.songs[song]
        rng = np.random.default_rng([self.seed, epoch, _CUT, which])
        last = len(tokens) + 1 - self.max_seq  # where the last window starts; START counts as position 0
        spacing = last / (parts - 1) if parts > 1 else 0.0
        start = round(float(np.clip((part + rng.uniform(-0.5, 0.5)) * spacing, 0, max(0, last))))
        room = self.max_seq + self.max_seq // 8 + 1  # faster tempi leave fewer tokens, so take some more
        cut = augment(tokens[max(0, start - 1) : start + room], augmentation, rng)
        reaches_end = start + room >= len(tokens)
        return framed(cut, first=start == 0, last=reaches_end)[: self.max_seq + 1]


def framed(tokens: Tokens, *, first: bool, last: bool) -> Tokens:
    """`tokens` with START before and END after, where they are the song's first or last."""
    parts = ([START] if first else [], tokens, [END] if last else [])
    return np.concatenate([np.asarray(part, dtype=np.int16) for part in parts])


def whole_songs(songs: Sequence[SongExample], *, max_seq: int, batch_size: int) -> Iterator[Batch]:
    """Batches [batch_size, max_seq + 1] in which each token of each song is to be predicted exactly once."""
    rows = []
    for song in songs:
        tokens = framed(song.tokens, first=True, last=True)
        rows += [tokens[start : start + max_seq + 1] for start in range(0, len(tokens) - 1, max_seq)]
    for start in range(0, len(rows), batch_size):
        batch = np.full((batch_size, max_seq + 1), PAD, dtype=np.int32)
        for target, row in zip(batch, rows[start : start + batch_size], strict=False):
            target[: len(row)] = row
        yield batch


def count_targets(batch: Batch) -> int:
    """How many tokens of a batch are to be predicted."""
    return int((batch[:, 1:] != PAD).sum())
