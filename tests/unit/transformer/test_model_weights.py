from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.weights import (
    WEIGHTS_NAME,
    Weights,
    expected_shapes,
    read_weights,
    with_convolution,
    write_weights,
)

Make = Callable[..., Weights]


def test_weights_come_back_and_their_bytes_depend_on_them_alone(
    tmp_path: Path, small: Callable[..., ModelConfig], random_weights: Make
) -> None:
    weights = random_weights(small())
    write_weights(tmp_path / WEIGHTS_NAME, weights)
    write_weights(tmp_path / "again", dict(reversed(weights.items())))
    assert (tmp_path / WEIGHTS_NAME).read_bytes() == (tmp_path / "again").read_bytes()
    back = read_weights(tmp_path, small())
    assert back.keys() == weights.keys()
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_half_the_bytes_are_enough_for_a_model_that_travels(
    tmp_path: Path, small: Callable[..., ModelConfig], random_weights: Make
) -> None:
    weights = random_weights(small())
    write_weights(tmp_path / WEIGHTS_NAME, weights, "float16")
    numbers = sum(w.size for w in weights.values())
    assert 2 * numbers < (tmp_path / WEIGHTS_NAME).stat().st_size < 2 * numbers + 5000
    for name, w in read_weights(tmp_path, small()).items():
        assert w.dtype == np.float32
        np.testing.assert_allclose(w, weights[name], atol=5e-4)


def test_a_transposed_view_is_written_as_it_reads(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    matrix = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_weights(tmp_path / "w", {"a": matrix})
    assert np.array_equal(load_file(tmp_path / "w")["a"], matrix)


def test_what_does_not_fit_is_named(tmp_path: Path, small: Callable[..., ModelConfig], random_weights: Make) -> None:
    with pytest.raises(UsageError, match=r"has no model\.safetensors"):
        read_weights(tmp_path, small())
    (tmp_path / WEIGHTS_NAME).write_bytes(b"these are no weights")
    with pytest.raises(UsageError, match="is damaged"):
        read_weights(tmp_path, small())
    weights = random_weights(small())
    write_weights(tmp_path / WEIGHTS_NAME, weights)
    with pytest.raises(
        UsageError, match=r"embedding.embeddings has the shape \[391, 32\], config.json wants \[391, 64\]"
    ):
        read_weights(tmp_path, small(d_model=64))
    with pytest.raises(
        UsageError, match=r"lacks 14 of the configured weights, such as block_2\.attention\.convolution"
    ):
        read_weights(tmp_path, small(num_layers=3))
    with pytest.raises(UsageError, match=r"knows nothing of, such as block_1\.attention"):
        read_weights(tmp_path, small(num_layers=1))
    weights["final_norm.beta"][3] = np.nan
    write_weights(tmp_path / WEIGHTS_NAME, weights)
    with pytest.raises(UsageError, match=r"final_norm\.beta has values that are not finite"):
        read_weights(tmp_path, small())


def test_a_file_cut_short_is_refused(tmp_path: Path, small: Callable[..., ModelConfig], random_weights: Make) -> None:
    write_weights(tmp_path / WEIGHTS_NAME, random_weights(small()))
    whole = (tmp_path / WEIGHTS_NAME).read_bytes()
    (tmp_path / WEIGHTS_NAME).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="is damaged"):
        read_weights(tmp_path, small())


def test_a_model_is_given_a_convolution_that_as_yet_changes_nothing(
    small: Callable[..., ModelConfig], random_weights: Make
) -> None:
    without = small(convolution=1)
    weights, tokens = random_weights(without), np.random.default_rng(1).integers(0, 388, (1, 20))
    grown = with_convolution(weights, small(convolution=3))
    assert {name: w.shape for name, w in grown.items()} == expected_shapes(small(convolution=3))
    expected = Decoder(without, weights).read_each(tokens)
    np.testing.assert_allclose(Decoder(small(convolution=3), grown).read_each(tokens), expected, atol=1e-5)
    own = random_weights(small(convolution=3))
    kept = with_convolution(own, small(convolution=3))
    assert all(kept[name] is own[name] for name in own)
