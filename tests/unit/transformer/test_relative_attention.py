"""The layers against the definitions of the paper, written out naively here."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from aeolian.transformer.positions import sinusoids

if TYPE_CHECKING:
    from aeolian.transformer.layers import RelativeAttention

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")]

D, HEADS, MAX_SEQ = 24, 3, 40
HEAD = D // HEADS


def naive(layer: "RelativeAttention", x: np.ndarray) -> np.ndarray:
    """Equation 3 of Huang et al. 2018, with the O(L² d) tensor R of gathered embeddings."""
    qkv_kernel, qkv_bias, out_kernel, out_bias = (
        np.array(v.value, np.float64)
        for v in (layer.qkv.kernel, layer.qkv.bias, layer.output_layer.kernel, layer.output_layer.bias)
    )
    relative = np.array(layer.relative.value, np.float64)
    batch, length, _ = x.shape
    query, key, value = np.split(x @ qkv_kernel + qkv_bias, 3, axis=-1)
    out = np.zeros((batch, length, D))
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    gathered = relative[MAX_SEQ - 1 - np.maximum(distance, 0)]  # [L, L, head_dim]
    for b in range(batch):
        for h in range(HEADS):
            q, k, v = (part[b, :, h * HEAD : (h + 1) * HEAD] for part in (query, key, value))
            logits = (q @ k.T + np.einsum("id,ijd->ij", q, gathered)) / np.sqrt(HEAD)
            logits[distance < 0] = -np.inf
            weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
            out[b, :, h * HEAD : (h + 1) * HEAD] = weights / weights.sum(axis=-1, keepdims=True) @ v
    return out @ out_kernel + out_bias


@pytest.mark.parametrize("query_block", [1, 7, 16, 64])
@pytest.mark.parametrize("length", [1, 16, 33, 40])
def test_attention_is_the_paper_s(length: int, query_block: int) -> None:
    from aeolian.transformer.layers import RelativeAttention

    rng = np.random.default_rng(length)
    layer = RelativeAttention(D, HEADS, MAX_SEQ, query_block)
    layer.build((None, None, D))
    for variable in layer.trainable_variables:
        variable.assign(rng.standard_normal(variable.shape))
    x = rng.standard_normal((2, length, D)).astype(np.float32)
    np.testing.assert_allclose(np.array(layer(x)), naive(layer, x), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 5), (4, 4), (3, 9)])
def test_skewing_puts_every_distance_in_its_column(m: int, n: int) -> None:
    from aeolian.transformer.layers import skew

    distances = np.tile(np.arange(n - 1, -1, -1.0, dtype=np.float32), (m, 1))  # what column c stands for
    skewed = np.array(skew(distances[None, None]))[0, 0]
    for row in range(m):
        for column in range(n - m + row + 1):
            assert skewed[row, column] == n - m + row - column


def test_positions_are_the_ancestor_s() -> None:
    table = sinusoids(50, 16)
    for position in (0, 1, 7, 49):
        for i in range(16):
            rate = np.exp(-np.log(10000) * i / 16) * np.exp(np.log(10000) / 16 * (i % 2))
            assert table[position, i] == pytest.approx(np.sin(position * rate + np.pi / 2 * (i % 2)), abs=1e-5)
    assert table[0].tolist() == pytest.approx([0.0, 1.0] * 8)
