"""What the model hears when its context is full."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.music.vocabulary import NUM_EVENTS, START
from aeolian.transformer.anchoring import Anchored, joined
from aeolian.transformer.config import ARCHITECTURES, ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.grammar import Grammar
from aeolian.transformer.weights import Weights

Small, Make = Callable[..., ModelConfig], Callable[..., Weights]
TOKENS = np.random.default_rng(1).integers(0, NUM_EVENTS, (3, 700))


def some_music(n: int, seed: int) -> np.ndarray:
    """Events of no meaning, but in an order that is legal: [n]."""
    rng, grammar, tokens = np.random.default_rng(seed), Grammar(), []
    for _ in range(n):
        logits = rng.standard_normal(391).astype(np.float32)
        logits[:128] -= 0.1 * len(tokens and sounding(np.array(tokens)))  # a few notes at once
        grammar.restrict(logits)
        tokens.append(int(logits.argmax()))
        grammar.follow(tokens[-1])
    return np.array(tokens)


def sounding(tokens: np.ndarray) -> set[int]:
    """The pitches that sound after these tokens. Fails for an end without a note, or a second onset."""
    pitches: set[int] = set()
    for token in tokens.tolist():
        if token < 128:
            assert token not in pitches
            pitches.add(token)
        elif token < 256:
            pitches.remove(token - 128)
    return pitches


def test_what_is_kept_is_released_and_what_goes_on_is_struck_again() -> None:
    kept = [START, 370, 60, 64, 300, 128 + 60]  # 64 sounds
    rest = [280, 128 + 64, 380, 67, 72, 290, 128 + 67, 290, 74, 299]
    #                                                  ^ the end, in which 72 sounds
    assert joined(np.array(kept + rest), len(kept), 7).tolist() == [355, 128 + 64, 380, 72, 290, 74, 299]
    # One more would begin with the end of 67: the rest is a second longer instead.
    assert joined(np.array(kept + rest), len(kept), 8).tolist() == [355, 355, 128 + 64, 380, 72, 290, 74, 299]
    assert joined(np.array(kept + rest), len(kept), 9).tolist() == [355, 192, 380, 67, 72, 195, 290, 74, 299]


@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(300, 500), st.integers(60, 100))
def test_a_join_leaves_no_note_hanging_and_what_sounds_at_the_end_is_what_sounded(
    seed: int, kept: int, n: int, size: int
) -> None:
    window = some_music(n, seed)
    new = joined(window, kept, size)
    assert len(new) == size
    assert sounding(np.concatenate([window[:kept], new])) == sounding(window)
    same = int(np.argmin(np.append(new[::-1] == window[::-1][:size], False)))
    assert same >= size - 2 - len(sounding(window[:kept])) - len(sounding(window[: n - same])) - 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("convolution", [1, 3])
def test_the_logits_are_the_model_s_for_the_beginning_the_join_and_the_end(
    architecture: str, convolution: int, small: Small, random_weights: Make
) -> None:
    config = small(architecture, max_seq=320, convolution=convolution)
    weights = random_weights(config)
    decoder, alone = Decoder(config, weights, batch=2), Decoder(config, weights)
    music = np.stack([some_music(700, 0), some_music(700, 1)])
    heard = Anchored(decoder)
    heard.begin(music[:, :100])  # shorter than what is kept: its continuation is kept with it
    lengths = []
    for column in range(100, 700):
        before = decoder.tokens
        logits = heard.step(music[:, column])
        if decoder.length < before.shape[1]:
            lengths.append(before.shape[1])
            assert decoder.length == 160 + 10
            for row in range(2):
                new = joined(np.append(before[row], music[row, column]), 160, 10)
                expected = np.concatenate([music[row, :160], new])
                assert decoder.tokens[row].tolist() == expected.tolist()
                alone.cut()
                np.testing.assert_allclose(logits[row], alone.read(expected[None])[0], atol=2e-5)
    assert lengths == [320, *[240] * 5]  # the first window is filled, the others to three quarters
    alone.cut()  # nothing was marked: it is empty again
    np.testing.assert_allclose(logits[1], alone.read(decoder.tokens[1:])[0], atol=2e-5)


def test_the_beginning_stays_for_ever_in_the_same_memory(small: Small, random_weights: Make) -> None:
    config = small()
    decoder = Decoder(config, random_weights(config))
    heard = Anchored(decoder)
    heard.begin(TOKENS[:1, :50])
    sizes = set()
    for column in range(50, 700):
        assert np.isfinite(heard.step(TOKENS[:1, column])).all()
        assert decoder.tokens[0, :32].tolist() == TOKENS[0, :32].tolist()
        sizes.add(sum(a.nbytes for a in vars(decoder).values() if isinstance(a, np.ndarray)))
    assert len(sizes) == 1


def test_of_a_beginning_longer_than_the_context_the_end_is_heard(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    decoder, fresh = Decoder(config, weights), Decoder(config, weights)
    logits = Anchored(decoder).begin(TOKENS[:1, :65])
    np.testing.assert_allclose(logits, fresh.read(TOKENS[:1, 33:65]), atol=2e-5)
    decoder.step(TOKENS[:1, 65])
    decoder.cut()
    assert decoder.tokens.tolist() == TOKENS[:1, 33:65].tolist()


def test_a_beginning_that_all_have_in_common_stays_common(small: Small, random_weights: Make) -> None:
    config = small(max_seq=320)
    weights = random_weights(config)
    together, *alone = (Anchored(Decoder(config, weights, batch=batch)) for batch in (3, 1, 1, 1))
    for heard in (together, *alone):
        heard.begin(np.repeat(TOKENS[:1, :200], heard.decoder.batch, axis=0))
    for column in range(200, 500):
        logits = together.step(TOKENS[:, column])
        for row, heard in enumerate(alone):
            np.testing.assert_allclose(logits[row], heard.step(TOKENS[row : row + 1, column])[0], atol=2e-5)
    assert together.decoder._shared == 160


@pytest.mark.parametrize("context", [2, 3, 5, 8, 13, 21])
def test_a_handful_of_tokens_is_a_context_too(context: int, small: Small, random_weights: Make) -> None:
    config = small()
    heard = Anchored(Decoder(config, random_weights(config), context=context))
    heard.begin(TOKENS[:1, :1])
    for column in range(1, 120):
        assert np.isfinite(heard.step(TOKENS[:1, column])).all()
        assert heard.decoder.length <= context
