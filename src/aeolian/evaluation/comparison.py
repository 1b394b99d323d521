"""Generated pieces beside a corpus: every statistic's values, how many lie where the corpus' do, and the overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.evaluation.distributions import overlap
from aeolian.evaluation.statistics import STATISTICS, Statistic, by_position, measure
from aeolian.music.notes import Notes

Floats = npt.NDArray[np.float64]

RANGE_PERCENT = (5.0, 95.0)
CUT_TO_SIZE = frozenset({"notes"})  # the corpus is cut to it, so that it says nothing of the corpus


@dataclass(frozen=True, eq=False)
class Comparison:
    """One statistic of the pieces, `values` [n], and of the corpus, `corpus` [m], which may be empty; NaN for none.

    `low`…`high`: within it lie nine tenths of the corpus. `inside`: the share of the pieces within it too.
    `overlap` and `divergence`: as in `distributions.overlap`.
    """

    statistic: Statistic
    values: Floats
    corpus: Floats
    low: float
    high: float
    inside: float
    overlap: float
    divergence: float


def compare(pieces: Sequence[Notes], corpus: Sequence[Notes]) -> list[Comparison]:
    """Every statistic of the pieces, beside that of a corpus of stretches of their size, which may be empty."""
    ours, theirs = _table(pieces), _table(corpus)
    theirs[:, [statistic.name in CUT_TO_SIZE for statistic in STATISTICS]] = np.nan
    return [_compared(s, ours[:, column], theirs[:, column]) for column, s in enumerate(STATISTICS)]


def excerpts(songs: Sequence[Notes], notes: int) -> list[Notes]:
    """Stretches of `notes` notes, side by side, of every song that has so many; other songs as they are."""
    cut = []
    for song in songs:
        ordered = song.sorted()
        starts = range(0, len(ordered) - notes + 1, notes) if notes else ()
        cut += [ordered.take(np.arange(start, start + notes)) for start in starts] or [song]
    return cut


@dataclass(frozen=True, eq=False)
class Course:
    """One statistic along the pieces: its mean over the pieces in each part [parts], and the corpus' range."""

    statistic: Statistic
    means: Floats
    low: float
    high: float


def course(pieces: Sequence[Notes], corpus: Sequence[Notes], parts: int) -> list[Course]:
    """The statistics in each of `parts` parts of equal length; the corpus is cut into stretches of their notes."""
    table = np.array([[list(part.values()) for part in by_position(piece, parts)] for piece in pieces])
    part_notes = max(2, int(np.median([len(piece) for piece in pieces])) // parts)
    # Of each song one stretch will do, from its middle.
    stretches = [found[len(found) // 2] for found in (excerpts([song], part_notes) for song in corpus)]
    theirs = _table(stretches)
    result = []
    for column, statistic in enumerate(STATISTICS):
        if statistic.name in CUT_TO_SIZE:
            continue
        low, high = _range(theirs[:, column])
        values = table[:, :, column]
        counts = np.isfinite(values).sum(axis=0)
        sums = np.nansum(values, axis=0)
        means = np.divide(sums, counts, out=np.full(parts, np.nan), where=counts > 0)
        result.append(Course(statistic, means, low, high))
    return result


def _table(pieces: Sequence[Notes]) -> Floats:
    rows = [list(measure(piece).values()) for piece in pieces]
    return np.array(rows, dtype=np.float64).reshape(-1, len(STATISTICS))


def _compared(statistic: Statistic, values: Floats, corpus: Floats) -> Comparison:
    low, high = _range(corpus)
    finite = values[np.isfinite(values)]
    is_inside = (finite >= low) & (finite <= high)
    inside = float(is_inside.mean()) if len(finite) and np.isfinite(low) else float("nan")
    return Comparison(statistic, values, corpus, low, high, inside, *overlap(values, corpus))


def _range(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.percentile(finite, RANGE_PERCENT)
    return float(low), float(high)
