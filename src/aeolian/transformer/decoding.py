"""The model in plain numpy, for playing: the same logits as the Keras model, token after token, without TensorFlow.

Keys and values of past tokens are kept, so a token costs what it adds; those of a beginning that all sequences have in
common are kept and read once. Most of layer normalisation is folded into the matrices (`folding.py`).

Beyond the context the decoder re-anchors: it takes the second half of its window as the start of a new one and reads
it in one pass. So the logits are always exactly those of the model for the last max_seq/2 … max_seq tokens, a piece
may be of any length, and memory stays constant.
"""

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from aeolian.errors import UsageError
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.folding import Layer, centred, folded, output
from aeolian.transformer.positions import sinusoids
from aeolian.transformer.weights import Floats, Weights

Ids = npt.NDArray[np.integer]
READ_BLOCK = 256  # tokens that attend at once when many are read
_WORTH_A_THREAD = 64  # tokens in the window from which on a second thread pays
_ROWS_AT_ONCE = 4


class Decoder:
    """`batch` sequences played side by side, all of one length.

    `context`: the window in tokens, at most (and by default) the model's max_seq.
    """

    def __init__(self, config: ModelConfig, weights: Weights, *, batch: int = 1, context: int | None = None) -> None:
        self.config, self.batch, self.context = config, batch, context or config.max_seq
        if not 2 <= self.context <= config.max_seq:
            raise UsageError(f"A context of {self.context} tokens is not within 2…{config.max_seq}, the model's own.")
        self.pre_norm = config.norm == "pre"
        table = weights["embedding.embeddings"] * np.float32(config.d_model**0.5)
        self._embedding = centred(table) if self.pre_norm else table
        self._positions = sinusoids(config.max_seq, config.d_model) if config.positions == "sinusoid" else None
        if self._positions is not None and self.pre_norm:
            self._positions = centred(self._positions)
        self._layers = [folded(weights, f"block_{n}", config) for n in range(config.num_layers)]
        self._output, self._output_bias = output(weights, config)
        shape = (config.num_layers, batch, config.num_heads, self.context, config.head_dim)
        self._keys, self._values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._tokens = np.zeros((batch, self.context), np.int64)
        # What the convolutions still need of the last tokens: queries, keys and values as they were before.
        self._recent = np.zeros((config.num_layers, batch, config.convolution - 1, 3 * config.d_model), np.float32)
        self._length = self._shared = 0  # of the window; of its beginning that all sequences have in common
        self._half = -(-batch // 2) if batch > 1 and (os.cpu_count() or 1) > 1 else 0
        self._make_buffers()

    @property
    def length(self) -> int:
        """How many tokens the present window holds."""
        return self._length

    def read(self, tokens: Ids) -> Floats:
        """Appends tokens [batch, n], n ≥ 1, in few passes; logits [batch, vocabulary] of what follows the last."""
        appended = np.asarray(tokens, dtype=np.int64)
        first = self._length + appended.shape[1] - self.context
        if first > 0:  # anchor the window where token-by-token reading would have anchored it
            half = self.context // 2
            start = -(-first // half) * half
            appended = np.concatenate([self._tokens[:, : self._length], appended], axis=1)[:, start:]
            self._restart()
        alike = self._length == 0 and self.batch > 1 and bool((appended == appended[0]).all())
        if not alike:
            self._part()
        for start in range(0, appended.shape[1], READ_BLOCK):
            hidden = self._read_block(appended[:, start : start + READ_BLOCK], rows=1 if alike else self.batch)
        if alike:
            self._shared = self._length
            self._recent[:, 1:] = self._recent[:, :1]
            hidden = np.broadcast_to(hidden, (self.batch, *hidden.shape[1:]))
        return self._logits(hidden[:, -1])

    def read_each(self, tokens: Ids) -> Floats:
        """The logits [batch, n, vocabulary] of what follows each of tokens [batch, n], read in a window of their own.

        n is at most the context. Raises ValueError if it is more.
        """
        window = np.asarray(tokens, dtype=np.int64)
        length = window.shape[1]
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit into a context of {self.context}")
        self._restart()
        starts = range(0, length, READ_BLOCK)
        blocks = [self._read_block(window[:, start : start + READ_BLOCK], self.batch) for start in starts]
        hidden = np.concatenate(blocks, axis=1)
        logits: Floats = hidden @ self._output
        if self.pre_norm:
            logits *= _inverse_roots(hidden, self.config.norm_epsilon)
        logits += self._output_bias
        return logits

    def _restart(self) -> None:
        """Empties the window."""
        self._length = self._shared = 0
        self._recent[:] = 0.0

    def _part(self) -> None:
        """Gives every sequence its own copy of the beginning that all had in common."""
        if self._shared:
            for cache in (self._keys, self._values):
                cache[:, 1:, :, : self._shared] = cache[:, :1, :, : self._shared]
            self._shared = 0

    def step(self, tokens: Ids) -> Floats:
        """Appends one token [batch] to each sequence; logits [batch, vocabulary], valid until the next call."""
        if self._length == self.context:
            return self.read(np.asarray(tokens)[:, None])
        at, d = self._length, self.config.d_model
        self._tokens[:, at] = tokens
        x = self._embedding.take(tokens, axis=0, out=self._x, mode="clip")
        if self._positions is not None:
            x += self._positions[at]
        self._length = at + 1
        for n, layer in enumerate(self._layers):
            self._attend_one(n, layer, x)
            if not self.pre_norm:
                _normalise(x, layer.norms[0], layer.norms[1], self.config.norm_epsilon)
            inner = _product(x, layer.inner, self._inner)
            if self.pre_norm:
                inner *= self._inverse_root(x, d)
            inner += layer.inner_bias
            x += _product(_activated(inner, self.config.activation), layer.outer, self._added)
            x += layer.outer_bias
            if not self.pre_norm:
                _normalise(x, layer.norms[2], layer.norms[3], self.config.norm_epsilon)
        return self._logits(x)

    def reorder(self, parents: Ids) -> None:
        """Makes sequence i the continuation of what sequence `parents[i]` was, for beam search."""
        self._tokens, self._recent = self._tokens[parents], self._recent[:, parents]
        own = slice(self._shared, self._length)
        self._keys[:, :, :, own] = self._keys[:, parents, :, own]
        self._values[:, :, :, own] = self._values[:, parents, :, own]

    def _make_buffers(self) -> None:
        c, b = self.config, self.batch
        self._x, self._added = np.empty((b, c.d_model), np.float32), np.empty((b, c.d_model), np.float32)
        self._qkv, self._inner = np.empty((b, 3 * c.d_model), np.float32), np.empty((b, c.d_ff), np.float32)
        self._before = np.empty((b, 3 * c.d_model), np.float32)
        self._mixed = np.empty((b, c.num_heads, 1, c.head_dim), np.float32)
        self._result = np.empty((b, c.vocabulary_size), np.float32)
        self._split = self._qkv.reshape(b, 3, c.num_heads, c.head_dim)
        self._query = self._split[:, 0]
        self._scores = np.empty(b * c.num_heads * self.context, np.float32)
        self._distances = np.empty(b * c.num_heads * self.context, np.float32)

    def _inverse_root(self, x: Floats, d: int) -> Floats:
        """1 / sqrt(mean square + ε) of each row, as a column: what is left of a folded layer normalisation."""
        if self.batch == 1:
            row = x[0]
            return np.float32(1.0 / math.sqrt(float(row.dot(row)) / d + self.config.norm_epsilon))  # type: ignore[return-value]
        return _inverse_roots(x, self.config.norm_epsilon)

    def _attend_one(self, n: int, layer: Layer, x: Floats) -> None:
        """Attention of the newest token to itself and all before it, added to x [batch, d_model]."""
        qkv = _product(x, layer.qkv, self._qkv)
        if self.pre_norm:
            qkv *= self._inverse_root(x, self.config.d_model)
        qkv += layer.qkv_bias
        if self.config.convolution > 1:
            self._convolve_one(self._recent[n], layer.convolution, qkv)
        self._keys[n, :, :, self._length - 1] = self._split[:, 1]
        self._values[n, :, :, self._length - 1] = self._split[:, 2]
        if self._half and self._length > _WORTH_A_THREAD:
            other = _helper().submit(self._mix, n, layer, slice(self._half, self.batch))
            self._mix(n, layer, slice(0, self._half))
            other.result()
        else:
            self._mix(n, layer, slice(0, self.batch))
        x += _product(self._mixed.reshape(self.batch, -1), layer.output, self._added)
        x += layer.output_bias

    def _convolve_one(self, recent: Floats, kernel: Floats, qkv: Floats) -> None:
        """The newest token's qkv [batch, 3·d_model], in place, with `recent` [batch, convolution - 1, 3·d_model]."""
        before = self._before
        np.einsum("btc,tc->bc", recent, kernel[:-1], out=before)
        recent[:, :-1] = recent[:, 1:]
        recent[:, -1] = qkv
        qkv *= kernel[-1]
        qkv += before

    def _mix(self, n: int, layer: Layer, rows: slice) -> None:
        """What the newest tokens of some of the sequences hear, to `_mixed`."""
        heads, head_dim, end = self.config.num_heads, self.config.head_dim, self._length
        size, first = (rows.stop - rows.start) * heads * end, rows.start * heads * self.context
        scores = self._scores[first : first + size].reshape(-1, heads, end)
        distances = self._distances[first : first + size].reshape(-1, end)
        query = self._query[rows]
        shared = self._shared
        np.matmul(self._keys[n, rows, :, shared:end], query[..., None], out=scores[:, :, shared:, None])
        if shared:  # [heads, rows, shared]: these keys are read once for all rows
            by_head = query.transpose(1, 0, 2) @ self._keys[n, 0, :, :shared].transpose(0, 2, 1)
            scores[:, :, :shared] = by_head.transpose(1, 0, 2)
        np.matmul(query.reshape(-1, head_dim), layer.relative[:, layer.relative.shape[1] - end :], out=distances)
        scores += distances.reshape(scores.shape)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        mixed = self._mixed[rows]
        np.matmul(scores[:, :, None, shared:], self._values[n, rows, :, shared:end], out=mixed)
        if shared:
            by_head = scores[:, :, :shared].transpose(1, 0, 2) @ self._values[n, 0, :, :shared]
            mixed[:, :, 0] += by_head.transpose(1, 0, 2)
        mixed /= scores.sum(axis=-1)[..., None, None]

    def _read_block(self, tokens: npt.NDArray[np.int64], rows: int) -> Floats:
        """Appends tokens [batch, m] that fit in the window; hidden states [rows, m, d_model] of the first `rows`."""
        start, m = self._length, tokens.shape[1]
        end = start + m
        self._tokens[:, start:end] = tokens
        x: Floats = self._embedding[tokens[:rows]]
        if self._positions is not None:
            x += self._positions[start:end]
        self._length = end
        future = np.triu(np.full((m, end), -np.inf, np.float32), k=start + 1)
        epsilon = self.config.norm_epsilon
        for n, layer in enumerate(self._layers):
            qkv: Floats = x @ layer.qkv
            if self.pre_norm:
                qkv *= _inverse_roots(x, epsilon)
            qkv += layer.qkv_bias
            if self.config.convolution > 1:
                qkv = _convolved(self._recent[n, :rows], layer.convolution, qkv)
            x += self._attend_many(n, layer, qkv, future) @ layer.output + layer.output_bias
            if not self.pre_norm:
                _normalise(x, layer.norms[0], layer.norms[1], epsilon)
            inner = x @ layer.inner
            if self.pre_norm:
                inner *= _inverse_roots(x, epsilon)
            inner += layer.inner_bias
            x += _activated(inner, self.config.activation) @ layer.outer + layer.outer_bias
            if not self.pre_norm:
                _normalise(x, layer.norms[2], layer.norms[3], epsilon)
        return x

    def _attend_many(self, n: int, layer: Layer, qkv: Floats, future: Floats) -> Floats:
        """Attention of m tokens, qkv [rows, m, 3·d_model], to all up to themselves: [rows, m, d_model]."""
        c, b, m, end = self.config, *qkv.shape[:2], self._length
        split = qkv.reshape(b, m, 3, c.num_heads, c.head_dim).transpose(2, 0, 3, 1, 4)
        self._keys[n, :b, :, end - m : end], self._values[n, :b, :, end - m : end] = split[1], split[2]
        query = np.ascontiguousarray(split[0])
        scores = query @ self._keys[n, :b, :, :end].swapaxes(-1, -2)
        # Skewing, as in layers.skew: row r of Q Eᵀ moves left by m - 1 - r, which is a view with another stride.
        distances = np.zeros((b, c.num_heads, m * end + m), np.float32)
        rows = distances[..., : m * end].reshape(b, c.num_heads, m, end)
        np.matmul(query, layer.relative[:, layer.relative.shape[1] - end :], out=rows)
        shape, (outer, middle, item) = scores.shape, distances.strides
        scores += np.lib.stride_tricks.as_strided(
            distances[..., m - 1 :], shape, (outer, middle, (end - 1) * item, item), writeable=False
        )
        scores += future
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = scores @ self._values[n, :b, :, :end]
        return mixed.transpose(0, 2, 1, 3).reshape(b, m, c.d_model)

    def _logits(self, x: Floats) -> Floats:
        logits = np.matmul(x, self._output, out=self._result)
        if self.pre_norm:
            logits *= _inverse_roots(x, self.config.norm_epsilon)
        logits += self._output_bias
        return logits


def _inverse_roots(x: Floats, epsilon: float) -> Floats:
    """1 / sqrt(mean square + ε) over the last axis, kept."""
    roots: Floats = 1.0 / np.sqrt(np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1] + np.float32(epsilon))
    return roots


def _normalise(x: Floats, gamma: Floats, beta: Floats, epsilon: float) -> None:
    """Layer normalisation of the last axis, in place."""
    x -= x.mean(axis=-1, keepdims=True)
    x *= _inverse_roots(x, epsilon)
    x *= gamma
    x += beta


@functools.cache
def _helper() -> ThreadPoolExecutor:
    """The second thread, which attends for half of a batch."""
    return ThreadPoolExecutor(1, thread_name_prefix="attention")


def _convolved(recent: Floats, kernel: Floats, qkv: Floats) -> Floats:
    """The causal convolution of qkv [rows, m, channels] after `recent` [rows, width - 1, channels], renewed."""
    whole = np.concatenate([recent, qkv], axis=1)
    recent[:] = whole[:, len(whole[0]) - len(recent[0]) :]
    done: Floats = sum(whole[:, tap : tap + qkv.shape[1]] * row for tap, row in enumerate(kernel))
    return done


def _product(x: Floats, matrix: Floats, out: Floats) -> Floats:
    """x [rows, n] times a matrix, a few rows at a time: OpenBLAS has fast kernels for small products only."""
    for start in range(0, len(x), _ROWS_AT_ONCE):
        np.matmul(x[start : start + _ROWS_AT_ONCE], matrix, out=out[start : start + _ROWS_AT_ONCE])
    return out


def _activated(inner: Floats, kind: str) -> Floats:
    """`inner` [..., d_ff] through the activation, in place."""
    np.maximum(inner, 0.0, out=inner)
    if kind == "squared_relu":
        np.square(inner, out=inner)
    return inner
