"""A seed's events → the songs that go on from it: decoded side by side, and of several the one nearest to the seed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aeolian.stages.forked import in_processes
from aeolian.stages.progress import Report
from aeolian.transcription.threads import available_threads

if TYPE_CHECKING:
    from aeolian.music.codec import Tokens
    from aeolian.transformer.config import ModelConfig
    from aeolian.transformer.folding import Folded
    from aeolian.transformer.guides import Wishes
    from aeolian.transformer.sampling import Sampling

SONGS_SIDE_BY_SIDE = 4  # in one process; more would hardly be faster, and leave other cores idle
MOST_TOGETHER = 16  # candidates
GOAL_EVENTS = 64


@dataclass(frozen=True)
class Manner:
    """How to go on: `length` events, and for each of `samples` songs the best of `candidates`.

    `goal`: events to lead over to; then the candidate that they fit best is taken, else the one nearest to the seed.
    """

    sampling: "Sampling"
    wishes: "Wishes"
    length: int
    samples: int = 1
    candidates: int = 1
    context: int | None = None
    longest_rest_s: int = 1
    seed: int = 0
    goal: "Tokens | None" = None
    until_s: float = float("inf")  # no need to go on for longer than that
    free: frozenset[str] = frozenset()  # features in which the songs need not be near to the seed


@dataclass(frozen=True, eq=False)
class Take:
    """A song that goes on: its new events, with those that end what sounds, and how far from its seed it stays.

    `distance`: the mean over features, each as a multiple of what is usual (`evaluation.continuation`); NaN if unknown.
    """

    events: "Tokens"
    distance: float


def go_on(
    manner: Manner, model: "ModelConfig", matrices: "Folded", prime: "Tokens", show: Report, *, processes: int = 0
) -> list[Take]:
    """The songs that go on from `prime`, in so many processes; 0: one a core. Company changes none of them."""
    from aeolian.transformer.decoding import Decoder
    from aeolian.transformer.playing import fit, play_on

    def play(numbers: Sequence[int], report: Report) -> "list[tuple[Tokens, float]]":
        decoder = Decoder(model, matrices, batch=len(numbers), context=manner.context)
        randoms = [random_numbers(manner.seed, prime, number) for number in numbers]
        played = play_on(
            decoder,
            prime,
            manner.length,
            manner.sampling,
            randoms,
            report,
            wishes=manner.wishes,
            longest_rest_s=manner.longest_rest_s,
            until_s=manner.until_s,
        )
        misfits = [0.0] * len(numbers)
        if manner.goal is not None:
            misfits = (-fit(decoder, [events for events, _ in played], manner.goal[:GOAL_EVENTS])).tolist()
        return list(zip(map(np.concatenate, played), misfits, strict=True))

    groups = side_by_side(manner.samples, manner.candidates)
    played = [song for group in in_processes(play, groups, processes or available_threads(), show) for song in group]
    takes = [Take(events, distance_from(prime, events, manner.free)) for events, _ in played]
    misfits = [
        misfit if manner.goal is not None else take.distance for take, (_, misfit) in zip(takes, played, strict=True)
    ]
    ranks = np.nan_to_num(np.array(misfits), nan=np.inf).reshape(manner.samples, manner.candidates)
    return [takes[row * manner.candidates + int(best)] for row, best in enumerate(ranks.argmin(axis=1))]


def side_by_side(samples: int, candidates: int) -> list[list[int]]:
    """The numbers of the songs that are played side by side: whatever the machine, since sums round by group.

    The candidates for one song are a batch of their own: eight take little more time than four.
    """
    songs = samples * candidates
    if candidates > 1:
        starts = [
            first for song in range(0, songs, candidates) for first in range(song, song + candidates, MOST_TOGETHER)
        ]
        return [
            list(range(first, min(first + MOST_TOGETHER, first - first % candidates + candidates))) for first in starts
        ]
    count = max(-(-songs // SONGS_SIDE_BY_SIDE), min(2, songs))
    return [list(range(songs))[n * songs // count : (n + 1) * songs // count] for n in range(count)]


def distance_from(prime: "Tokens", events: "Tokens", free: frozenset[str] = frozenset()) -> float:
    """How far from its seed a continuation stays; NaN without a seed."""
    from aeolian.evaluation.continuation import Stretch, cut, score
    from aeolian.music.codec import decode, length_s

    boundary_s, whole = length_s(prime), np.concatenate([prime, events])
    end_s = length_s(whole)
    if not boundary_s or end_s <= boundary_s:
        return float("nan")
    notes = decode(whole)
    seed, made = cut(notes, 0.0, boundary_s), cut(notes, boundary_s, end_s)
    return score(Stretch(seed, boundary_s), Stretch(made, end_s - boundary_s), free)


def random_numbers(seed: int, prime: "Tokens", number: int) -> np.random.Generator:
    """Random numbers that depend on the seed's content and the song's number, not on what is made beside it."""
    digest = hashlib.sha256(prime.tobytes()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big"), *([number] if number else [])])
