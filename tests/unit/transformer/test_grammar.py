import numpy as np
import pytest

from aeolian.music.codec import decode
from aeolian.transformer.grammar import Grammar

ON, OFF, SHIFT, VELOCITY = 0, 128, 256, 356


def legal(*tokens: int, longest_rest_s: int = 1) -> set[int]:
    grammar = Grammar(longest_rest_s)
    for token in tokens:
        grammar.follow(token)
    logits = np.zeros(391, np.float32)
    grammar.restrict(logits)
    return set(np.flatnonzero(logits == 0).tolist())


ONS, OFFS, SHIFTS, VELOCITIES = (set(range(a, b)) for a, b in ((0, 128), (128, 256), (256, 356), (356, 388)))


def test_at_first_everything_but_note_offs() -> None:
    assert legal() == ONS | SHIFTS | VELOCITIES


def test_a_sounding_pitch_may_end_once_it_has_length_and_may_not_start_again() -> None:
    assert legal(60) == (ONS - {60}) | SHIFTS | VELOCITIES
    assert legal(60, SHIFT + 5) == (ONS - {60}) | {OFF + 60} | VELOCITIES
    assert legal(60, SHIFT + 5, OFF + 60) == ONS | SHIFTS | VELOCITIES


def test_shifts_follow_only_whole_seconds_and_no_more_of_them_than_is_asked_for() -> None:
    assert SHIFTS.isdisjoint(legal(SHIFT + 98, longest_rest_s=3))
    assert SHIFTS.isdisjoint(legal(SHIFT + 99))
    assert legal(SHIFT + 99, SHIFT + 99, longest_rest_s=3) >= SHIFTS
    assert SHIFTS.isdisjoint(legal(SHIFT + 99, SHIFT + 99, SHIFT + 99, longest_rest_s=3))
    assert legal(SHIFT + 99, 60) >= SHIFTS


def test_a_note_of_ten_seconds_is_ended_and_nothing_else() -> None:
    long = [token for _ in range(10) for token in (SHIFT + 99, 62, SHIFT, OFF + 62)]
    assert legal(60, *long[:-8]) > {OFF + 60}
    assert legal(60, *long) == {OFF + 60}
    assert legal(60, *long, OFF + 60) == ONS | SHIFTS | VELOCITIES
    assert legal(60, *long, VELOCITY + 3) == ONS - {60}


def test_a_velocity_is_for_an_onset_and_changes_something() -> None:
    assert legal(60, SHIFT, VELOCITY + 9) == ONS - {60}
    assert legal(VELOCITY + 9, 60, SHIFT) & VELOCITIES == VELOCITIES - {VELOCITY + 9}


def test_a_pitch_struck_twice_in_a_seed_needs_two_note_offs() -> None:
    assert OFF + 60 in legal(60, SHIFT, 60, SHIFT, OFF + 60)
    assert OFF + 60 not in legal(60, SHIFT, 60, SHIFT, OFF + 60, OFF + 60)


def test_a_note_off_without_its_note_in_a_seed_changes_nothing() -> None:
    assert legal(OFF + 60) == legal()


def test_with_all_pitches_sounding_only_time_and_releases_are_left() -> None:
    assert legal(*range(128)) == SHIFTS
    assert legal(*range(128), SHIFT) == OFFS
    assert legal(*range(128), SHIFT + 99) == OFFS


def test_closing_releases_what_sounds_a_second_later() -> None:
    grammar = Grammar()
    for token in (60, SHIFT, 60, 64, SHIFT, OFF + 64, 67):
        grammar.follow(token)
    assert grammar.closing().tolist() == [SHIFT + 99, OFF + 60, OFF + 60, OFF + 67]
    assert Grammar().closing().tolist() == []


def test_a_copy_goes_its_own_way() -> None:
    grammar = Grammar()
    grammar.follow(60)
    other = grammar.copy()
    other.follow(SHIFT)
    other.follow(OFF + 60)
    assert grammar.closing().tolist() == [SHIFT + 99, OFF + 60]
    assert other.closing().tolist() == []


@pytest.mark.parametrize("seed", range(5))
def test_no_random_walk_decodes_badly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grammar, tokens = Grammar(), []
    bias = rng.normal(0, 4, 391).astype(np.float32)  # so that some walks are crowded, others bare
    for _ in range(3000):
        logits = bias + rng.gumbel(size=391).astype(np.float32)
        grammar.restrict(logits)
        assert np.isfinite(logits.max())
        tokens.append(int(logits.argmax()))
        grammar.follow(tokens[-1])
    played = len(tokens)
    tokens += grammar.closing().tolist()
    sounding: dict[int, int] = {}
    step = 0
    for place, (before, token) in enumerate(zip([-1, *tokens], tokens, strict=False)):
        if token < 128:
            assert token not in sounding
            sounding[token] = step
        elif token < 256:
            assert step > sounding.pop(token - 128)
        elif token < 356:
            assert before < 256 or before >= 355 or place >= played
            step += token - 255
        else:
            assert token < 388
        assert before < 356 or token < 128 or place >= played
    assert not sounding
    assert len(decode(tokens)) == sum(token < 128 for token in tokens)
