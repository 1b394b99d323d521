"""How well a model foresees songs: negative log-likelihood in nats, by token, by second, and by kind of event.

A song is START, its events, END; each token but START is foreseen once, from those before it in a window of the
model's context. `stride` says how far the window moves on: by the whole context, windows lie side by side, as in
training's own figures, and the tokens at a window's start are foreseen from little; by half of it, every token has
half a context before it or the song's beginning, as in playing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from aeolian.music.codec import Tokens, decode
from aeolian.music.vocabulary import END, RANGES, START
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.weights import Weights

Nats = npt.NDArray[np.float64]
Report = Callable[[int, int, str], None]

KINDS = (*(r.name for r in RANGES), "end")
_FIRST_TOKENS = np.array([*(r.first_token for r in RANGES), END])


@dataclass(frozen=True)
class Likelihood:
    """The NLL of a song, or of several: in all, in nats; of how many tokens, of how many seconds; by kind of event."""

    nats: float
    tokens: int
    seconds: float
    nats_by_kind: Mapping[str, float]
    tokens_by_kind: Mapping[str, int]

    @property
    def nats_per_token(self) -> float:
        """NaN without a token."""
        return self.nats / self.tokens if self.tokens else float("nan")

    @property
    def nats_per_second(self) -> float:
        """NaN for a song of no length."""
        return self.nats / self.seconds if self.seconds else float("nan")


def score(
    model: ModelConfig,
    weights: Weights,
    songs: Sequence[Tokens],
    *,
    stride: int | None = None,
    threads: int = 1,
    report: Report = lambda done, total, note: None,
) -> list[Likelihood]:
    """The likelihood of each song (event tokens, int16 [n]), without Keras. The result does not depend on `threads`.

    `stride`: in tokens, at most (and by default) the model's context. Raises ValueError for another.
    """
    stride = model.max_seq if stride is None else stride
    if not 1 <= stride <= model.max_seq:
        raise ValueError(f"a stride of {stride} tokens is not within 1…{model.max_seq}, the model's context")
    order = sorted(range(len(songs)), key=lambda index: -len(songs[index]))  # the longest first: no thread waits long
    total, done = sum(len(song) for song in songs), 0
    results: dict[int, Likelihood] = {}
    decoders = [Decoder(model, weights) for _ in range(threads)]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for index, likelihood in pool.map(lambda index: (index, _with_one(decoders, songs[index], stride)), order):
            results[index] = likelihood
            done += len(songs[index])
            report(done, total, "")
    return [results[index] for index in range(len(songs))]


def together(likelihoods: Sequence[Likelihood]) -> Likelihood:
    """The likelihood of several songs as one: every token, and every second, counts alike."""
    return Likelihood(
        sum(each.nats for each in likelihoods),
        sum(each.tokens for each in likelihoods),
        sum(each.seconds for each in likelihoods),
        {kind: sum(each.nats_by_kind[kind] for each in likelihoods) for kind in KINDS},
        {kind: sum(each.tokens_by_kind[kind] for each in likelihoods) for kind in KINDS},
    )


def token_nats(decoder: Decoder, framed: Tokens, stride: int) -> Nats:
    """The NLL of each token of `framed` [n] but the first, from those before it: [n - 1]."""
    nats = np.zeros(len(framed) - 1)
    for start, scored in _windows(len(nats), decoder.context, stride):
        window = framed[start : start + decoder.context + 1].astype(np.int64)
        logits = decoder.read_each(window[None, :-1])[0, scored - start :].astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = logits[np.arange(len(logits)), window[scored - start + 1 :]]
        nats[scored : scored + len(logits)] = np.log(np.exp(logits).sum(axis=-1)) - chosen
    return nats


def _windows(targets: int, context: int, stride: int) -> Iterator[tuple[int, int]]:
    """(where a window starts, the first target that it scores), until each of `targets` is scored once."""
    start = scored = 0
    while scored < targets:
        yield start, scored
        scored = start + context
        start += stride


def _with_one(decoders: list[Decoder], song: Tokens, stride: int) -> Likelihood:
    decoder = decoders.pop()
    try:
        return _of_song(decoder, song, stride)
    finally:
        decoders.append(decoder)


def _of_song(decoder: Decoder, song: Tokens, stride: int) -> Likelihood:
    # A model that never saw START never saw END either: it foresees all events but the first.
    framed = np.concatenate([[START], song, [END]]).astype(np.int16) if decoder.config.start_token else song
    if len(framed) < 2:
        return Likelihood(0.0, 0, 0.0, dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0))
    nats = token_nats(decoder, framed, stride)
    kind = np.searchsorted(_FIRST_TOKENS, framed[1:], side="right") - 1
    by_kind = np.bincount(kind, nats, minlength=len(KINDS))
    counts = np.bincount(kind, minlength=len(KINDS))
    return Likelihood(
        float(nats.sum()),
        len(nats),
        decode(song).end_s,
        dict(zip(KINDS, by_kind.tolist(), strict=True)),
        dict(zip(KINDS, counts.tolist(), strict=True)),
    )
