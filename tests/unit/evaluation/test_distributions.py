"""Overlap of distributions: by hand where it can be, and against scipy's kernel estimate."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from aeolian.evaluation.distributions import _density, _scott, overlap


def test_the_smoothed_density_is_scipys() -> None:
    values = np.abs(np.random.default_rng(0).normal(size=300))
    grid = np.linspace(-3, 7, 1000)
    theirs = gaussian_kde(values)
    assert _scott(values) == pytest.approx(float(theirs.factor * values.std(ddof=1)))
    np.testing.assert_allclose(_density(values, grid, _scott(values)), theirs(grid), atol=2e-3)


def test_pieces_from_the_corpus_itself_overlap_with_it_and_strangers_do_not() -> None:
    rng = np.random.default_rng(1)
    corpus = rng.normal(size=300)
    area, divergence = overlap(rng.normal(size=200), corpus)
    assert area > 0.95
    assert divergence < 0.02
    area, divergence = overlap(rng.normal(size=200) + 20, corpus)
    assert area < 0.01
    assert divergence > 5


def test_pieces_that_are_all_alike_are_nearer_to_the_corpus_than_its_songs_to_each_other() -> None:
    corpus = np.random.default_rng(2).normal(size=300)
    alike, _ = overlap(np.zeros(50), corpus)
    assert alike < 0.85


def test_without_spread_or_values() -> None:
    assert overlap([1.0, 1.0], [1.0, 1.0, 1.0]) == (pytest.approx(1.0, abs=1e-6), pytest.approx(0.0, abs=1e-6))
    for ours, theirs in (([], [1.0, 2.0]), ([1.0], [2.0]), ([np.nan], [1.0, 2.0])):
        assert all(np.isnan(overlap(ours, theirs)))
    assert overlap([1.0, np.nan], [1.0, 2.0, np.nan]) == overlap([1.0], [1.0, 2.0])
