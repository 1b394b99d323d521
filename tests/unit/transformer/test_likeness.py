"""Guides that stay like the seed, each by itself, on logits that prefer nothing."""

import numpy as np
import pytest

from aeolian.music.codec import decode, encode
from aeolian.music.notes import Notes
from aeolian.transformer.guides import Wishes
from aeolian.transformer.likeness import Density, Loudness, Pitches, Polyphony, Returns, manner_of

SHIFT, OFF, VELOCITY = 255, 128, 355  # plus steps, plus pitch, plus bin
NOTHING = np.empty(0, np.int16)
SEED = Notes.of([(0.5 * n, 0.5 * n + 1.0, (60, 64, 67, 72)[n % 4], 41) for n in range(16)])


def lean(guide, *tokens: int) -> np.ndarray:
    for token in tokens:
        guide.follow(token)
    logits = np.zeros(391, np.float32)
    guide.lean(logits)
    return logits


def struck(*pitches: int) -> np.ndarray:
    return np.bincount(np.array(pitches), minlength=128).astype(np.float32)


def test_what_a_seed_is_like() -> None:
    found = manner_of(encode(SEED))
    assert found is not None
    assert found.density == pytest.approx(16 / 8.5)
    assert found.polyphony == pytest.approx(16 / 8.5)  # each note lasts a second
    assert (found.loudness, found.loudness_spread) == (11.0, 0.0)
    assert found.pitches[[60, 64, 67, 72]].tolist() == [4.0] * 4
    assert set(found.lengths.tolist()) == {100}
    assert found.longest_rest_s == pytest.approx(0.5)
    assert manner_of(encode(SEED.take(np.arange(7)))) is None
    assert manner_of(NOTHING) is None


def test_too_few_notes_make_onsets_likelier_and_shifts_shorter_and_too_many_the_reverse() -> None:
    few = lean(Density(4.0), *[SHIFT + 100] * 8)
    assert few[60] == few[VELOCITY + 1] > 2
    assert few[SHIFT + 10] > few[SHIFT + 50]
    many = lean(Density(4.0), *[token for _ in range(80) for token in (60, SHIFT + 5)])
    assert many[60] < -2
    assert many[SHIFT + 10] < many[SHIFT + 50]
    assert not many[OFF:256].any()
    # Whether time passes at all is as likely as before.
    assert np.exp(many[256:356]).sum() == pytest.approx(100, rel=1e-3)


def test_what_lacks_for_long_is_asked_for_more() -> None:
    guide = Density(4.0)
    at_once = lean(guide, *[SHIFT + 100] * 4)[60]
    assert lean(guide, *[SHIFT + 100] * 8)[60] > at_once


def test_notes_end_sooner_where_too_many_sound_and_later_where_too_few() -> None:
    many = lean(Polyphony(2.0), *range(60, 68), *[SHIFT + 100] * 4)
    few = lean(Polyphony(6.0), 60, *[SHIFT + 100] * 4)
    assert many[OFF + 60] > 1 and few[OFF + 60] < -0.8
    assert not many[:OFF].any() and not many[256:].any()


def test_notes_end_at_ages_at_which_the_seed_s_do() -> None:
    guide = Polyphony(2.0, np.full(20, 100))  # all of a second
    logits = lean(guide, 60, SHIFT + 100, 64, SHIFT + 30)
    assert logits[OFF + 60] > 0 > logits[OFF + 64]
    assert not logits[OFF + 62]


def test_pitches_of_the_seed_that_were_not_struck_are_wanted_and_foreign_ones_are_not() -> None:
    guide = Pitches(struck(60, 64, 67, 72), 1.0, 1.0)
    logits = lean(guide, *[60, 60, 60, 60] * 8)
    assert logits[67] > logits[60]  # struck too often
    assert logits[67] > logits[66]  # in no way of the seed
    assert logits[67] > logits[103]  # of its pitch classes, but too high
    assert np.exp(logits[:128]).sum() == pytest.approx(128, rel=1e-3)
    assert not logits[128:].any()


def test_velocities_near_the_seed_s_are_wanted_and_louder_ones_after_soft_notes() -> None:
    logits = lean(Loudness(11.0, 2.0))
    assert logits[VELOCITY + 11] == 0 > logits[VELOCITY + 8] > logits[VELOCITY + 2]
    after_soft = lean(Loudness(11.0, 2.0), VELOCITY + 5, *[60] * 30)
    assert after_soft[VELOCITY + 14] > logits[VELOCITY + 14]
    assert after_soft[60] == after_soft[VELOCITY + 5] < 0  # one more note as soft as the last


def test_a_theme_may_return_but_not_go_on_returning() -> None:
    theme = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79]
    guide = Returns(10.0)
    assert not lean(guide, *theme, 50, 51, *theme[:7]).any()  # a first return
    endless = lean(guide, *theme[7:], *theme, *theme, *theme, *theme[:7])
    assert endless.nonzero()[0].tolist() == [72]
    assert endless[72] < -2
    fresh = Returns(10.0)
    lean(fresh, *theme * 5)
    fresh.begin()
    assert not lean(fresh, 50, 51, *theme[:7]).any()  # what the seed repeats is no debt


def test_what_the_user_says_beats_what_the_seed_says() -> None:
    prime = encode(SEED)
    by_seed = {type(guide).__name__ for guide in Wishes(density=None, polyphony=None, loudness=None).guides(prime)}
    assert {"Density", "Polyphony", "Loudness"} <= by_seed
    assert len(Wishes(density=0.0, polyphony=0.0, loudness=0.0).guides(prime)) == 2
    seed_s, asked = (Wishes(density=value).guides(prime)[-1] for value in (None, 20.0))
    assert lean(asked)[60] > lean(seed_s)[60] + 1
    assert len(Wishes(density=None, register=1.0).guides(NOTHING)) == 2  # there is no seed to be like


def test_a_seed_like_what_comes_is_hardly_touched() -> None:
    guides = Wishes(density=None, polyphony=None).guides(encode(SEED))[2:]
    for guide in guides:
        assert abs(lean(guide)[60]) < 0.7
    assert len(decode(encode(SEED))) == 16
