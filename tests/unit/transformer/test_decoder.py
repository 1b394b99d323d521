"""The decoder against itself; `test_model_parity.py` holds it to the Keras model."""

from collections.abc import Callable

import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.transformer.config import ARCHITECTURES, ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.weights import Weights

Small, Make = Callable[..., ModelConfig], Callable[..., Weights]
TOKENS = np.random.default_rng(1).integers(0, 391, (3, 700))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 96, 97, 200])
def test_reading_at_once_and_token_by_token_agree_within_and_beyond_the_context(
    architecture: str, n: int, small: Small, random_weights: Make
) -> None:
    config = small(architecture)
    weights = random_weights(config)
    slow, fast, mixed = (Decoder(config, weights, batch=3) for _ in range(3))
    for column in range(n):
        stepped = slow.step(TOKENS[:, column])
    np.testing.assert_allclose(fast.read(TOKENS[:, :n]), stepped, atol=2e-5)
    assert fast.length == slow.length
    if n > 1:
        mixed.read(TOKENS[:, : n // 2])
        np.testing.assert_allclose(mixed.read(TOKENS[:, n // 2 : n]), stepped, atol=2e-5)
        assert mixed.length == slow.length


def test_long_primes_are_read_in_blocks(small: Small, random_weights: Make) -> None:
    config = small(max_seq=640)
    weights = random_weights(config)
    whole, halves = Decoder(config, weights), Decoder(config, weights)
    first = whole.read(TOKENS[:1, :600])
    for start in range(0, 600, 100):
        second = halves.read(TOKENS[:1, start : start + 100])
    np.testing.assert_allclose(first, second, atol=2e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_logits_after_each_token_come_at_once_too(architecture: str, small: Small, random_weights: Make) -> None:
    config = small(architecture, max_seq=300)
    weights = random_weights(config)
    stepping, reading = Decoder(config, weights, batch=3), Decoder(config, weights, batch=3)
    reading.step(TOKENS[:, 5])  # forgotten: each reading has a window of its own
    each = reading.read_each(TOKENS[:, :290])
    stepped = [stepping.step(TOKENS[:, column]).copy() for column in range(290)]
    np.testing.assert_allclose(each, np.stack(stepped, axis=1), atol=2e-5)
    with pytest.raises(ValueError, match="301 tokens do not fit into a context of 300"):
        reading.read_each(TOKENS[:, :301])


def test_sequences_of_a_batch_do_not_mix(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    together, alone = Decoder(config, weights, batch=3), Decoder(config, weights)
    together.read(TOKENS[:, :40])
    alone.read(TOKENS[1:2, :40])
    np.testing.assert_allclose(together.step(TOKENS[:, 40])[1], alone.step(TOKENS[1:2, 40])[0], atol=2e-5)


def test_reordered_sequences_go_on_from_their_parents(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    beam, plain = Decoder(config, weights, batch=3), Decoder(config, weights, batch=3)
    beam.read(TOKENS[:, :40])
    beam.reorder(np.array([2, 2, 0]))
    plain.read(TOKENS[[2, 2, 0], :40])
    for column in range(40, 80):  # over the edge of the context, where the tokens are read again
        left, right = beam.step(TOKENS[:, column]), plain.step(TOKENS[:, column])
        np.testing.assert_allclose(left, right, atol=2e-5)


def test_memory_stays_the_same_for_ever(small: Small, random_weights: Make) -> None:
    config = small()
    decoder = Decoder(config, random_weights(config), context=16)
    sizes = []
    for column in range(600):
        assert np.isfinite(decoder.step(TOKENS[:1, column])).all()
        sizes.append(sum(a.nbytes for a in vars(decoder).values() if isinstance(a, np.ndarray)))
        assert 8 < decoder.length <= 16 or column < 8
    assert len(set(sizes)) == 1


def test_a_shorter_context_is_the_model_s_own_logits_of_a_shorter_window(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    short, fresh = Decoder(config, weights, context=16), Decoder(config, weights)
    logits = short.read(TOKENS[:1, :30])
    np.testing.assert_allclose(logits, fresh.read(TOKENS[:1, 30 - short.length : 30]), atol=2e-5)
    assert short.length == 14


@pytest.mark.parametrize("context", [1, 65])
def test_an_impossible_context_is_refused(context: int, small: Small, random_weights: Make) -> None:
    config = small()
    with pytest.raises(UsageError, match="not within 2…64"):
        Decoder(config, random_weights(config), context=context)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_common_beginning_is_read_and_kept_once_and_changes_nothing(
    architecture: str, small: Small, random_weights: Make
) -> None:
    config = small(architecture, max_seq=160)  # long enough for the second thread to help
    weights = random_weights(config)
    together, alone = Decoder(config, weights, batch=3), [Decoder(config, weights) for _ in range(3)]
    prime = np.repeat(TOKENS[:1, :100], 3, axis=0)
    logits = together.read(prime)
    for row, decoder in enumerate(alone):
        np.testing.assert_allclose(logits[row], decoder.read(prime[:1])[0], atol=2e-5)
    assert not together._keys[:, 1:].any()
    for column in range(100, 190):  # within the context, to its edge, and beyond
        stepped = together.step(TOKENS[:, column])
        for row, decoder in enumerate(alone):
            np.testing.assert_allclose(stepped[row], decoder.step(TOKENS[row : row + 1, column])[0], atol=2e-5)


def test_what_follows_a_common_beginning_may_be_read_at_once_or_reordered(small: Small, random_weights: Make) -> None:
    config = small(max_seq=160)
    weights = random_weights(config)
    once, stepwise, beam = (Decoder(config, weights, batch=3) for _ in range(3))
    for decoder in (once, stepwise, beam):
        decoder.read(np.repeat(TOKENS[:1, :100], 3, axis=0))
    for column in range(100, 130):
        stepped = stepwise.step(TOKENS[:, column])
        beam.step(TOKENS[[1, 2, 2], column])
    np.testing.assert_allclose(once.read(TOKENS[:, 100:130]), stepped, atol=2e-5)
    beam.reorder(np.array([0, 0, 1]))
    stepwise.reorder(np.array([1, 1, 2]))
    after = beam.step(TOKENS[:, 130])
    np.testing.assert_allclose(after, stepwise.step(TOKENS[:, 130]), atol=2e-5)
