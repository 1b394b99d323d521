import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.transformer.guides import InKey, NoRepeat, NoTremolo, Pulse, Wishes, pulse_steps, scale

NOTHING = np.empty(0, np.int16)
SHIFT, VELOCITY = 255, 355  # plus steps, plus bin


def leaning(guide, *tokens: int) -> np.ndarray:
    for token in tokens:
        guide.follow(token)
    logits = np.zeros(391, np.float32)
    guide.lean(logits)
    return logits


@pytest.mark.parametrize(
    ("name", "pitch_classes"),
    [
        ("C", {0, 2, 4, 5, 7, 9, 11}),
        ("a minor", {9, 11, 0, 2, 4, 5, 7, 8}),
        ("F#m", {6, 8, 9, 11, 1, 2, 4, 5}),
        ("Bb dorian", {10, 0, 1, 3, 5, 7, 8}),
        ("b", {11, 1, 3, 4, 6, 8, 10}),
        ("E♭ pentatonic", {3, 5, 7, 10, 0}),
    ],
)
def test_keys_by_name(name: str, pitch_classes: set[int]) -> None:
    assert scale(name, NOTHING) == pitch_classes


@pytest.mark.parametrize("name", ["H", "C locrian", "7", "C # # major"])
def test_there_is_no_such_key(name: str) -> None:
    with pytest.raises(UsageError, match="There is no key"):
        scale(name, NOTHING)


def test_the_seed_s_own_key() -> None:
    tonic = np.array([62, 66, 69, 62, 67, 71, 74, 69, 73, 76, 62], np.int16)  # D G A D
    assert scale("seed", tonic) == scale("D", NOTHING)
    assert scale("seed", np.array([57, 60, 64, 62, 65, 57, 64, 68, 59, 57], np.int16)) == scale("a minor", NOTHING)
    assert scale("seed", NOTHING) == frozenset(range(12))


def test_notes_outside_the_key_lose_what_is_asked_for_and_only_onsets() -> None:
    logits = leaning(InKey(scale("C", NOTHING), 3.0))
    assert logits[60] == 0 and logits[61] == -3 and logits[127] == 0
    assert not logits[128:].any()


def test_the_pulse_is_found_and_kept() -> None:
    beat = np.array([token for n in range(40) for token in (60 + n % 5, SHIFT + 24, 128 + 60 + n % 5)], np.int16)
    assert pulse_steps(beat) == pytest.approx(48, abs=0.2) or pulse_steps(beat) == pytest.approx(24, abs=0.1)
    assert pulse_steps(beat[:12]) == 0
    logits = leaning(Pulse(24.0, 2.0), *beat.tolist())
    assert int(logits[256:356].argmax()) + 1 in (24, 48, 72, 96)
    assert logits[256 + 23] == pytest.approx(2, abs=1e-3)
    assert logits[256 + 11] == pytest.approx(-2, abs=1e-3)
    assert not logits[:256].any()


def test_a_pulse_is_found_in_played_time(rng_seed: int = 3) -> None:
    rng = np.random.default_rng(rng_seed)
    onsets = np.cumsum(rng.choice([30, 30, 60, 15], 120)) + rng.integers(-1, 2, 120)
    shifts = np.diff(onsets, prepend=0)
    tokens = np.array([token for shift in shifts.tolist() for token in (SHIFT + shift, 60)], np.int16)
    period = pulse_steps(tokens)
    assert min(abs(period - whole) for whole in (15, 30)) < 0.3


def test_a_run_of_pitches_does_not_come_twice_whatever_the_time_between() -> None:
    logits = leaning(NoRepeat(3), 60, SHIFT + 20, 62, 64, VELOCITY + 3, 60, SHIFT + 21, 128 + 60, 62, VELOCITY + 9)
    assert logits[64] == -50
    assert np.count_nonzero(logits) == 1
    assert not leaning(NoRepeat(3), 60, 62, 64, 60).any()
    assert leaning(NoRepeat(1), 60).tolist()[60] == -50


def test_a_run_may_come_so_often_within_a_span() -> None:
    twice = [60, 62, 64, 60, 62, 64, 60, 62]
    assert not leaning(NoRepeat(3, 3), *twice).any()
    assert leaning(NoRepeat(3, 2), *twice).nonzero()[0].tolist() == [64]
    # The first of the two is 6 onsets back, of which the run's last counts.
    assert leaning(NoRepeat(3, 2, 6), *twice).nonzero()[0].tolist() == [64]
    assert not leaning(NoRepeat(3, 2, 5), *twice).any()
    remembering = NoRepeat(3, 2, 5)
    for token in np.random.default_rng(0).integers(0, 128, 5000).tolist():
        remembering.follow(token)
    assert len(remembering._seen) <= 5


def test_nothing_goes_round_in_circles_for_ever() -> None:
    circles, _ = Wishes().guides(np.array([60, 64] * 12, np.int16))  # 24 onsets, once
    for pitch in [60, 64] * 5 + [60]:
        assert not leaning(circles).any()
        circles.follow(pitch)
    assert leaning(circles).nonzero()[0].tolist() == [64]


@pytest.mark.parametrize(("figure", "most"), [([60], 12), ([60, 64], 35), ([60, 64, 67], 35), ([60, 64, 60, 67], 35)])
def test_no_figure_goes_on_for_ever(figure: list[int], most: int) -> None:
    ends = NoTremolo()
    played = [72, 74, *figure * 36][: 2 + most]
    for pitch in played:
        assert not leaning(ends).any()
        ends.follow(SHIFT + 5)
        ends.follow(pitch)
        ends.follow(128 + pitch)
    assert leaning(ends).nonzero()[0].tolist() == [figure[most % len(figure)]]
    ends.follow(72)  # something else: it may begin again
    assert not leaning(ends).any()


def test_a_wish_for_nothing_has_no_other_guide() -> None:
    assert [type(guide) for guide in Wishes().guides(NOTHING)] == [NoRepeat, NoTremolo]
    assert len(Wishes("C", 3.0, 5.0, 2.0, 16).guides(NOTHING)) == 5  # no pulse in no music
