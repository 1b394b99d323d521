from collections.abc import Callable

import numpy as np

from aeolian.music.codec import decode
from aeolian.music.vocabulary import NOTE_ON, START
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.grammar import Grammar
from aeolian.transformer.playing import beam_search, fit, play_on
from aeolian.transformer.sampling import Sampling, log_probabilities
from aeolian.transformer.weights import Weights

Small, Make = Callable[..., ModelConfig], Callable[..., Weights]
PRIME = np.array([370, 60, 300, 128 + 60, 64], dtype=np.int16)


def silent(done: int, total: int, note: str) -> None:
    pass


def randoms(n: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, number]) for number in range(n)]


def play(config: ModelConfig, weights: Weights, length: int = 150, seed: int = 0, **how: float) -> list[np.ndarray]:
    played = play_on(Decoder(config, weights), PRIME, length, Sampling(**how), randoms(1, seed), silent)  # type: ignore[arg-type]
    return [np.concatenate(parts) for parts in played]


def test_the_same_seed_plays_the_same_and_another_something_else(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    first = play(config, weights)[0]
    assert np.array_equal(first, play(config, weights)[0])
    assert not np.array_equal(first, play(config, weights, seed=1)[0])


def test_what_is_played_is_long_as_asked_and_whole(small: Small, random_weights: Make) -> None:
    config = small()
    steps: list[tuple[int, int]] = []
    decoder = Decoder(config, random_weights(config))
    report = lambda done, total, note: steps.append((done, total))  # noqa: E731
    [(played, closing)] = play_on(decoder, PRIME, 150, Sampling(), randoms(1), report)
    assert steps == [(n, 150) for n in range(1, 151)]
    assert len(played) == 150
    assert (closing >= 128).all()  # after the last event only what ends it
    everything = np.concatenate([PRIME, played, closing])
    assert len(decode(everything)) == (everything < NOTE_ON.end_token).sum()


def test_each_sequence_of_a_batch_is_its_own(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    three = play_on(Decoder(config, weights, batch=3), PRIME, 100, Sampling(), randoms(3), silent)
    assert len({tuple(played.tolist()) for played, _ in three}) == 3
    for number, (played, _) in enumerate(three):
        [(alone, _)] = play_on(Decoder(config, weights), PRIME, 100, Sampling(), [randoms(3)[number]], silent)
        assert np.array_equal(played, alone)


def test_music_may_start_from_nothing(small: Small, random_weights: Make) -> None:
    config = small()
    nothing = np.empty(0, np.int16)
    [(played, _)] = play_on(Decoder(config, random_weights(config)), nothing, 40, Sampling(), randoms(1), silent)
    assert len(played) == 40


def test_a_beam_of_one_takes_the_likeliest_event_each_time(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    beam = beam_search(Decoder(config, weights), PRIME, 40, silent)
    assert np.array_equal(beam, play(config, weights, length=40, temperature=0.0)[0])


def score(config: ModelConfig, weights: Weights, tokens: np.ndarray) -> float:
    """Log probability of tokens after the prime, under the model and the grammar."""
    decoder, grammar = Decoder(config, weights), Grammar()
    for token in PRIME.tolist():
        grammar.follow(token)
    logits, total = decoder.read(np.concatenate([[START], PRIME])[None]), 0.0
    for token in tokens.tolist():
        grammar.restrict(logits[0])
        total += float(log_probabilities(logits)[0, token])
        grammar.follow(token)
        logits = decoder.step(np.array([token]))
    return total


def test_a_wide_beam_finds_something_likelier(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    narrow = beam_search(Decoder(config, weights), PRIME, 12, silent)[:12]
    wide = beam_search(Decoder(config, weights, batch=16), PRIME, 12, silent)[:12]
    assert score(config, weights, wide) > score(config, weights, narrow)


def test_a_bridge_fits_as_well_as_the_goal_is_likely_after_it(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    goal = np.array([72, 300, 128 + 72], dtype=np.int16)
    decoder = Decoder(config, weights, batch=5)
    bridges = [played for played, _ in play_on(decoder, PRIME, 12, Sampling(), randoms(5), silent)]
    fits = fit(decoder, bridges, goal)
    chances = []
    for bridge in bridges:
        alone, total = Decoder(config, weights), 0.0
        logits = alone.read(np.concatenate([[START], PRIME, bridge])[None])
        for token in goal.tolist():
            total += float(log_probabilities(logits)[0, token])
            logits = alone.step(np.array([token]))
        chances.append(total)
    np.testing.assert_allclose(fits, chances, atol=1e-4)
    assert max(chances) > min(chances) + 0.5
