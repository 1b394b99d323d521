"""Pieces beside a corpus: ranges, stretches of one size, and the course of a piece."""

import numpy as np
import pytest

from aeolian.evaluation.comparison import compare, course, excerpts
from aeolian.evaluation.statistics import STATISTICS
from aeolian.music.notes import Notes


def steady(notes: int, every_s: float, pitch: int = 60) -> Notes:
    """One note after another, a scale up and down."""
    return Notes.of([(n * every_s, (n + 1) * every_s, pitch + n % 5, 64) for n in range(notes)])


def test_a_song_is_cut_into_whole_stretches_and_a_short_one_left() -> None:
    cut = excerpts([steady(25, 0.5), steady(7, 0.5)], 10)
    assert [len(piece) for piece in cut] == [10, 10, 7]
    assert cut[1].onset_s[0] == 5.0


def test_the_range_is_the_corpus_and_the_share_that_of_the_pieces() -> None:
    corpus = [steady(10, 1 / density) for density in np.linspace(1, 5, 41)]
    pieces = [steady(10, 1 / density) for density in (3, 4, 9)]
    found = {c.statistic.name: c for c in compare(pieces, corpus)}
    density = found["note_density"]
    assert density.values.tolist() == pytest.approx([3, 4, 9])
    assert (density.low, density.high) == (pytest.approx(1.2), pytest.approx(4.8))
    assert density.inside == pytest.approx(2 / 3)
    assert (found["pitch_range"].inside, found["pitch_range"].overlap) == (1.0, pytest.approx(1.0, abs=1e-6))
    assert np.isnan(found["notes"].low)  # to which the corpus was cut


def test_without_a_corpus_there_are_the_values_alone() -> None:
    found = compare([steady(10, 0.5)], [])
    assert [c.statistic for c in found] == list(STATISTICS)
    density = next(c for c in found if c.statistic.name == "note_density")
    assert (density.values.tolist(), len(density.corpus)) == ([2.0], 0)
    assert all(np.isnan([density.low, density.high, density.inside, density.overlap, density.divergence]))


def test_the_course_of_pieces_is_the_mean_of_each_part() -> None:
    slower = Notes.of(steady(40, 0.25).rows() + steady(10, 1.0).shifted(10.0).rows())
    even = steady(40, 0.5)
    found = {c.statistic.name: c for c in course([slower, even], [steady(400, 0.4)], 2)}
    assert "notes" not in found
    assert found["note_density"].means.tolist() == pytest.approx([(4 + 2) / 2, (1 + 2) / 2], rel=0.08)
    assert (found["note_density"].low, found["note_density"].high) == (pytest.approx(2.5), pytest.approx(2.5))
