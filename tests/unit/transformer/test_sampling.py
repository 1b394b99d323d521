import numpy as np
import pytest

from aeolian.transformer.sampling import Sampling, Steering, draw, log_probabilities

LOGITS = np.log(np.array([0.1, 0.5, 0.0, 0.3, 0.1]) + 1e-30).astype(np.float32)
LOGITS[2] = -np.inf


def frequencies(how: Sampling, n: int = 20_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.bincount([draw(LOGITS, how, rng) for _ in range(n)], minlength=5) / n


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Sampling(1.0, 0, 1.0), [0.1, 0.5, 0, 0.3, 0.1]),
        (Sampling(0.5, 0, 1.0), [0.01 / 0.36, 0.25 / 0.36, 0, 0.09 / 0.36, 0.01 / 0.36]),
        (Sampling(1.0, 2, 1.0), [0, 0.625, 0, 0.375, 0]),
        (Sampling(1.0, 0, 0.7), [0, 0.625, 0, 0.375, 0]),
        (Sampling(1.0, 0, 0.85), [1 / 9, 5 / 9, 0, 3 / 9, 0]),
        (Sampling(1.0, 0, 0.0), [0, 1, 0, 0, 0]),
        (Sampling(0.0, 0, 1.0), [0, 1, 0, 0, 0]),
        (Sampling(1.0, 1, 1.0), [0, 1, 0, 0, 0]),
        (Sampling(1.0, 99, 1.0), [0.1, 0.5, 0, 0.3, 0.1]),
        (Sampling(1.0, 0, 1.0, 0.5), [0, 0.625, 0, 0.375, 0]),
        (Sampling(1.0, 0, 1.0, 1.0), [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_come_as_often_as_they_should(how: Sampling, expected: list[float]) -> None:
    np.testing.assert_allclose(frequencies(how), expected, atol=0.012)


def test_what_is_forbidden_never_comes_even_when_hot() -> None:
    assert frequencies(Sampling(10.0, 0, 1.0))[2] == 0


def test_every_draw_takes_one_number() -> None:
    for how in (Sampling(0.0), Sampling(1.0, 3, 0.5)):
        rng = np.random.default_rng(5)
        draw(LOGITS, how, rng)
        assert rng.random() == np.random.default_rng(5).random(2)[1]


def test_log_probabilities_sum_to_one() -> None:
    assert np.exp(log_probabilities(LOGITS[None])).sum() == pytest.approx(1)
    assert np.isneginf(log_probabilities(LOGITS)[2])


def test_the_temperature_follows_the_surprise_and_stays_within_limits() -> None:
    certain = np.array([0.0, -30.0, -30.0], np.float32)
    steering = Steering(Sampling(0.9, surprise=1.5))
    assert steering.temperature == 0.9
    steering.follow(certain, 0)  # no surprise at all, where 1.5 nats are wanted
    assert steering.temperature == pytest.approx(0.9 * np.exp(0.004 * 1.5))
    for _ in range(1000):
        steering.follow(certain, 0)
    assert steering.temperature == pytest.approx(0.9 * 1.6)
    for _ in range(1000):
        steering.follow(certain, 1)
    assert steering.temperature == pytest.approx(0.9 / 1.6)
    still = Steering(Sampling(0.9, surprise=0.0))
    still.follow(certain, 1)
    assert still.temperature == 0.9


def test_by_default_a_long_piece_stays_as_surprising_as_its_beginning() -> None:
    certain, even = np.array([0.0, -30.0], np.float32), np.zeros(2, np.float32)
    steering = Steering(Sampling(0.9))
    for _ in range(512):
        steering.follow(certain, 0)
        steering.follow(even, 1)
    assert steering.temperature == 0.9
    steering.follow(certain, 0)  # ln 2 and nothing in turn: half of that is wanted now
    assert steering.temperature == pytest.approx(0.9 * np.exp(0.004 * np.log(2) / 2))
    steering.follow(even, 0)
    assert steering.temperature == pytest.approx(0.9)


def test_events_become_as_surprising_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    logits = (2.5 * rng.standard_normal(388)).astype(np.float32)
    seen = []
    how = Sampling(1.0, 0, 1.0, surprise=3.5)
    steering = Steering(how)
    for _ in range(3000):
        token = draw(logits, how, rng, steering.temperature)
        steering.follow(logits, token)
        shifted = logits - logits.max()
        seen.append(np.log(np.exp(shifted).sum()) - shifted[token])
    assert np.mean(seen[500:]) == pytest.approx(3.5, abs=0.05)
    assert 1.0 < steering.temperature < 1.2  # left alone, these events are worth 3.28 nats
