"""The model in plain numpy, for playing: the same logits as the Keras model, token after token, without TensorFlow.

Keys and values of past tokens are kept, so a token costs what it adds; those of a beginning that all sequences have in
common are kept and read once. Most of layer normalisation is folded into the matrices (`folding.py`).

A full window can be cut back to a mark, after which something else is then read (`anchoring.py`). Where it is not,
the decoder takes its second half as the start of a new one and reads that in one pass. So the logits are always exactly
those of the model for the window, a piece may be of any length, and memory stays constant.
"""

import numpy as np
import numpy.typing as npt

from aeolian.errors import UsageError
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.folding import Folded, Layer, folded
from aeolian.transformer.weights import Floats, Weights

Ids = npt.NDArray[np.integer]
READ_BLOCK = 256  # tokens that attend at once when many are read
_SMALL_PRODUCT = 1_000_000  # multiplications up to which OpenBLAS does not copy a matrix before it uses it
_FEW_SEQUENCES = 16  # up to so many, that copy costs more than it brings


class Decoder:
    """`batch` sequences played side by side, all of one length.

    `context`: the window in tokens, at most (and by default) the model's max_seq.
    """

    def __init__(
        self, config: ModelConfig, weights: Weights | Folded, *, batch: int = 1, context: int | None = None
    ) -> None:
        self.config, self.batch, self.context = config, batch, context or config.max_seq
        if not 2 <= self.context <= config.max_seq:
            raise UsageError(f"A context of {self.context} tokens is not within 2…{config.max_seq}, the model's own.")
        self.pre_norm = config.norm == "pre"
        matrices = weights if isinstance(weights, Folded) else folded(weights, config)
        self._embedding, self._positions = matrices.embedding, matrices.positions
        self._layers, self._output = matrices.layers, matrices.output
        shape = (config.num_layers, batch, config.num_heads, self.context, config.head_dim)
        self._keys, self._values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._tokens = np.zeros((batch, self.context), np.int64)
        # What the convolutions still need of the last tokens: queries, keys and values as they were before.
        self._recent = np.zeros((config.num_layers, config.convolution - 1, 3 * config.d_model, batch), np.float32)
        self._length = self._shared = 0  # of the window; of its beginning that all sequences have in common
        self._marked: tuple[int, Floats] = 0, self._recent.copy()
        self._make_buffers()

    @property
    def length(self) -> int:
        """How many tokens the present window holds."""
        return self._length

    @property
    def tokens(self) -> Ids:
        """The present window's [batch, length]."""
        return self._tokens[:, : self._length].copy()

    def read(self, tokens: Ids) -> Floats:
        """Appends tokens [batch, n], n ≥ 1, in few passes; logits [batch, vocabulary] of what follows the last."""
        appended = np.asarray(tokens, dtype=np.int64)
        first = self._length + appended.shape[1] - self.context
        if first > 0:  # anchor the window where token-by-token reading would have anchored it
            half = self.context // 2
            start = -(-first // half) * half
            appended = np.concatenate([self._tokens[:, : self._length], appended], axis=1)[:, start:]
            self._restart()
        alike = self._length == self._shared and self.batch > 1 and bool((appended == appended[0]).all())
        if not alike:
            self._spread()
        for start in range(0, appended.shape[1], READ_BLOCK):
            hidden = self._read_block(appended[:, start : start + READ_BLOCK], rows=1 if alike else self.batch)
        if alike:
            self._shared = self._length
            self._recent[..., 1:] = self._recent[..., :1]
            hidden = np.broadcast_to(hidden, (self.batch, *hidden.shape[1:]))
        return _times(self._scaled(hidden[:, -1]), self._output)

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
        return _times(self._scaled(hidden), self._output)

    def mark(self) -> None:
        """Remembers where the window ends now, so that it can be cut there."""
        self._marked = self._length, self._recent.copy()

    def cut(self) -> None:
        """Forgets what came after the mark; without one, everything."""
        self._length, recent = self._marked
        self._shared = min(self._shared, self._length)
        self._recent[:] = recent

    def _restart(self) -> None:
        """Empties the window."""
        self._length = self._shared = 0
        self._recent[:] = 0.0
        self.mark()

    def _spread(self) -> None:
        """Writes the beginning that all sequences have in common to each, for `_read_block`."""
        for cache in (self._keys, self._values):
            cache[:, 1:, :, : self._shared] = cache[:, :1, :, : self._shared]

    def step(self, tokens: Ids) -> Floats:
        """Appends one token [batch] to each sequence; logits [batch, vocabulary], valid until the next call."""
        if self._length == self.context:
            return self.read(np.asarray(tokens)[:, None])
        at, x = self._length, self._x
        self._tokens[:, at] = tokens
        x[...] = self._embedding.take(tokens, axis=0, mode="clip").T
        if self._positions is not None:
            x += self._positions[at, :, None]
        self._length = at + 1
        for n, layer in enumerate(self._layers):
            self._attend_one(n, layer)
            if not self.pre_norm:
                self._normalise_columns(layer.norms[0], layer.norms[1])
            inner = _product(layer.inner, self._scaled_columns(), self._inner[:-1])
            _activated(inner, self.config.activation)
            x += _product(layer.outer, self._inner, self._added)
            if not self.pre_norm:
                self._normalise_columns(layer.norms[2], layer.norms[3])
        self._result[...] = _product(self._output, self._scaled_columns(), self._columns).T
        return self._result

    def reorder(self, parents: Ids) -> None:
        """Makes sequence i the continuation of what sequence `parents[i]` was, for beam search."""
        self._tokens, self._recent = self._tokens[parents], self._recent[..., parents]
        own = slice(self._shared, self._length)
        self._keys[:, :, :, own] = self._keys[:, parents, :, own]
        self._values[:, :, :, own] = self._values[:, parents, :, own]

    def _make_buffers(self) -> None:
        """What a step writes into. Tokens are columns, and stand above a row of ones that takes up the biases."""
        c, b = self.config, self.batch
        stream = np.ones((c.d_model + 1, b), np.float32)
        self._stream, self._x = stream, stream[:-1]
        self._normed, self._heard, self._inner = (
            np.ones((n + 1, b), np.float32) for n in (c.d_model, c.d_model, c.d_ff)
        )
        self._qkv, self._added = np.empty((3 * c.d_model, b), np.float32), np.empty((c.d_model, b), np.float32)
        self._convolved, self._tap = np.empty_like(self._qkv), np.empty_like(self._qkv)
        self._kernels = [np.repeat(layer.convolution[:, :, None], b, axis=2) for layer in self._layers]
        self._query = np.empty((b, c.num_heads, c.head_dim), np.float32)
        self._mixed = np.empty((b, c.num_heads, 1, c.head_dim), np.float32)
        self._scores, self._distances = (np.empty(b * c.num_heads * self.context, np.float32) for _ in range(2))
        self._columns = np.empty((c.vocabulary_size, b), np.float32)
        self._result = np.empty((b, c.vocabulary_size), np.float32)

    def _scaled_columns(self) -> Floats:
        """What a matrix is multiplied with: the stream [d_model + 1, batch], with what is left of a norm done."""
        if not self.pre_norm:
            return self._stream
        np.divide(self._x, self._root(), out=self._normed[:-1])
        return self._normed

    def _normalise_columns(self, gamma: Floats, beta: Floats) -> None:
        """Layer normalisation of the stream, in place."""
        mean: Floats = np.add.reduce(self._x, axis=0)
        mean /= self.config.d_model
        self._x -= mean
        self._x /= self._root()
        self._x *= gamma[:, None]
        self._x += beta[:, None]

    def _root(self) -> Floats:
        """sqrt(mean square + ε) of each column of the stream: [batch]."""
        root: Floats = np.vecdot(self._x.T, self._x.T)
        root /= self.config.d_model
        root += np.float32(self.config.norm_epsilon)
        return np.sqrt(root, out=root)

    def _attend_one(self, n: int, layer: Layer) -> None:
        """Attention of the newest token to itself and all before it, added to the stream."""
        c, at = self.config, self._length - 1
        qkv = _product(layer.qkv, self._scaled_columns(), self._qkv)
        if c.convolution > 1:
            qkv = self._convolve_one(n, qkv)
        query, key, value = qkv.reshape(3, c.num_heads, c.head_dim, self.batch).transpose(0, 3, 1, 2)
        self._query[...], self._keys[n, :, :, at], self._values[n, :, :, at] = query, key, value
        self._mix(n, layer)
        self._heard[:-1] = self._mixed.reshape(self.batch, -1).T
        self._x += _product(layer.output, self._heard, self._added)

    def _convolve_one(self, n: int, qkv: Floats) -> Floats:
        """The newest token's qkv [3·d_model, batch] with those of the tokens before it, which it then joins."""
        recent, kernel = self._recent[n], self._kernels[n]
        done: Floats = np.multiply(qkv, kernel[-1], out=self._convolved)
        for before, tap in zip(recent, kernel, strict=False):
            done += np.multiply(before, tap, out=self._tap)
        recent[:-1] = recent[1:]
        recent[-1] = qkv
        return done

    def _mix(self, n: int, layer: Layer) -> None:
        """What the newest tokens hear, to `_mixed`."""
        heads, head_dim, end, shared = self.config.num_heads, self.config.head_dim, self._length, self._shared
        size = self.batch * heads * end
        scores, distances = self._scores[:size].reshape(-1, heads, end), self._distances[:size].reshape(-1, end)
        query, mixed = self._query, self._mixed
        np.matmul(self._keys[n, :, :, shared:end], query[..., None], out=scores[:, :, shared:, None])
        if shared:  # these keys are read once for all sequences
            by_head = self._keys[n, 0, :, :shared] @ query.transpose(1, 2, 0)
            scores[:, :, :shared] = by_head.transpose(2, 0, 1)
        np.matmul(query.reshape(-1, head_dim), layer.relative[:, layer.relative.shape[1] - end :], out=distances)
        scores += distances.reshape(scores.shape)
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        np.matmul(scores[:, :, None, shared:], self._values[n, :, :, shared:end], out=mixed)
        if shared:
            by_head = scores[:, :, :shared].transpose(1, 0, 2) @ self._values[n, 0, :, :shared]
            mixed[:, :, 0] += by_head.transpose(1, 0, 2)
        mixed /= np.add.reduce(scores, axis=-1)[..., None, None]

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
            qkv = _times(self._scaled(x), layer.qkv)
            if self.config.convolution > 1:
                qkv = _convolved(self._recent[n, :, :, :rows].transpose(2, 0, 1), layer.convolution, qkv)
            x += _times(self._attend_many(n, layer, qkv, future), layer.output)
            if not self.pre_norm:
                _normalise(x, layer.norms[0], layer.norms[1], epsilon)
            x += _times(_activated(_times(self._scaled(x), layer.inner), self.config.activation), layer.outer)
            if not self.pre_norm:
                _normalise(x, layer.norms[2], layer.norms[3], epsilon)
        return x

    def _scaled(self, x: Floats) -> Floats:
        """What a matrix is multiplied with: the stream [..., d_model], with what is left of a norm done."""
        return x * _inverse_roots(x, self.config.norm_epsilon) if self.pre_norm else x

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


def _convolved(recent: Floats, kernel: Floats, qkv: Floats) -> Floats:
    """The causal convolution of qkv [rows, m, channels] after `recent` [rows, width - 1, channels], renewed."""
    whole = np.concatenate([recent, qkv], axis=1)
    recent[:] = whole[:, len(whole[0]) - len(recent[0]) :]
    done: Floats = sum(whole[:, tap : tap + qkv.shape[1]] * row for tap, row in enumerate(kernel))
    return done


def _times(x: Floats, matrix: Floats) -> Floats:
    """x [..., n] through a matrix [m, n + 1]: [..., m]."""
    product: Floats = x @ matrix[:, :-1].T
    product += matrix[:, -1]
    return product


def _product(matrix: Floats, columns: Floats, out: Floats) -> Floats:
    """A matrix [m, n] times a few columns [n, batch], a part of its rows at a time."""
    rows = max(1, _SMALL_PRODUCT // columns.size)
    if rows >= len(matrix) or columns.shape[1] > _FEW_SEQUENCES:
        return np.matmul(matrix, columns, out=out)
    for start in range(0, len(matrix), rows):
        np.matmul(matrix[start : start + rows], columns, out=out[start : start + rows])
    return out


def _activated(inner: Floats, kind: str) -> Floats:
    """`inner` [..., d_ff] through the activation, in place."""
    np.maximum(inner, 0.0, out=inner)
    if kind == "squared_relu":
        np.square(inner, out=inner)
    return inner
