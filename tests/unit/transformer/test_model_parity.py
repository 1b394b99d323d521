"""Two implementations, one function: the Keras model and the numpy decoder, and what both must never do."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aeolian.transformer.config import ACTIVATIONS, ARCHITECTURES, ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.weights import Weights, expected_shapes

if TYPE_CHECKING:
    from aeolian.transformer.model import MusicTransformer

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")]

Small, Make = Callable[..., ModelConfig], Callable[..., Weights]
TOKENS = np.random.default_rng(2).integers(0, 391, (2, 150))


def model(config: ModelConfig, weights: Weights, **options: int) -> "MusicTransformer":
    from aeolian.transformer.model import MusicTransformer

    made = MusicTransformer(config, **options)
    made.put_in(weights)
    return made


@pytest.mark.parametrize(
    ("architecture", "activation"),
    [*((name, "relu") for name in ARCHITECTURES), *(("aeolian", name) for name in ACTIVATIONS[1:])],
)
def test_decoder_and_model_give_the_same_logits(
    architecture: str, activation: str, small: Small, random_weights: Make
) -> None:
    config = small(architecture, activation=activation)
    weights = random_weights(config)
    keras_model = model(config, weights, query_block=24)
    logits = np.array(keras_model(TOKENS[:, :64]))
    assert logits.std() > 0.5
    np.testing.assert_allclose(Decoder(config, weights, batch=2).read(TOKENS[:, :64]), logits[:, -1], atol=1e-4)
    decoder = Decoder(config, weights, batch=2)
    for column in range(64):
        np.testing.assert_allclose(decoder.step(TOKENS[:, column]), logits[:, column], atol=1e-4)
    single = Decoder(config, weights)
    single.read(TOKENS[:1, :20])
    np.testing.assert_allclose(single.step(TOKENS[:1, 20]), logits[:1, 20], atol=1e-4)
    for column in range(64, 150):  # beyond the context: the model on the decoder's window
        stepped = decoder.step(TOKENS[:, column])
    window = TOKENS[:, 150 - decoder.length :]
    np.testing.assert_allclose(stepped, np.array(keras_model(window))[:, -1], atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_of_a_prefix_do_not_depend_on_what_follows(
    architecture: str, small: Small, random_weights: Make
) -> None:
    config = small(architecture)
    keras_model = model(config, random_weights(config), query_block=24)
    other = TOKENS[:, :64].copy()
    other[:, 30:] = 388  # padding, or anything else
    whole, changed, short = (np.array(keras_model(t)) for t in (TOKENS[:, :64], other, TOKENS[:, :30]))
    np.testing.assert_allclose(changed[:, :30], whole[:, :30], atol=1e-5)
    np.testing.assert_allclose(short, whole[:, :30], atol=1e-5)
    assert np.abs(changed[:, 30:] - whole[:, 30:]).max() > 0.1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_go_out_and_in_by_their_names(architecture: str, small: Small, random_weights: Make) -> None:
    config = small(architecture)
    weights = random_weights(config)
    made = model(config, weights)
    out = made.read_out()
    assert {name: w.shape for name, w in out.items()} == expected_shapes(config)
    assert all(np.array_equal(out[name], weights[name]) for name in weights)
    assert len(made.trainable_variables) == len(weights)


def test_without_absolute_positions_a_window_means_the_same_anywhere(small: Small, random_weights: Make) -> None:
    config = small(num_layers=1, convolution=1)
    keras_model = model(config, random_weights(config))
    alone = np.array(keras_model(TOKENS[:1, 5:6]))
    assert np.array_equal(alone, np.array(keras_model(TOKENS[:1, 5:6])))
    twice = np.array(keras_model(np.repeat(TOKENS[:1, 5:6], 9, axis=1)))
    np.testing.assert_allclose(twice, np.repeat(alone, 9, axis=1), atol=1e-4)  # equal tokens mix to themselves


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="this is the run on JAX")
def test_all_of_this_holds_on_jax_too() -> None:
    pytest.importorskip("jax", reason="needs the packages of requirements/dev.txt")
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed, 1 skipped", done.stdout, re.M), done.stdout
