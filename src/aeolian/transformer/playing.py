"""Playing on from a beginning: one event after another, or a beam of the likeliest sequences."""

from collections.abc import Callable

import numpy as np

from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import START
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.grammar import Grammar
from aeolian.transformer.sampling import Sampling, draw, log_probabilities

Report = Callable[[int, int, str], None]


def play_on(
    decoder: Decoder, prime: Tokens, length: int, how: Sampling, rng: np.random.Generator, report: Report
) -> list[Tokens]:
    """`length` new events, and then those that end what still sounds, for each sequence of a fresh `decoder`.

    `prime`: the events [n] to go on from; with none, the music starts from nothing. `report(done, length, "")`.
    """
    grammars = [_read(prime) for _ in range(decoder.batch)]
    logits = decoder.read(_beginning(decoder, prime)) if length else None
    played = np.zeros((decoder.batch, length), dtype=np.int16)
    chosen = np.zeros(decoder.batch, dtype=np.int64)
    for done in range(length):
        for row, grammar in enumerate(grammars):
            grammar.restrict(logits[row])  # type: ignore[index]
            chosen[row] = draw(logits[row], how, rng)  # type: ignore[index]
            grammar.follow(int(chosen[row]))
        played[:, done] = chosen
        report(done + 1, length, "")
        if done + 1 < length:
            logits = decoder.step(chosen)
    return [np.concatenate([row, grammar.closing()]) for row, grammar in zip(played, grammars, strict=True)]


def beam_search(decoder: Decoder, prime: Tokens, length: int, report: Report) -> Tokens:
    """The likeliest `length` events that a beam as wide as the decoder's batch finds, and those that end the piece."""
    width = decoder.batch
    grammars = [_read(prime)] * width
    scores = np.full(width, -np.inf)
    scores[0] = 0.0  # all start alike: only the first may branch
    played = np.zeros((width, length), dtype=np.int16)
    logits = decoder.read(_beginning(decoder, prime)) if length else None
    for done in range(length):
        for row, grammar in enumerate(grammars):
            grammar.restrict(logits[row])  # type: ignore[index]
        totals = (scores[:, None] + log_probabilities(logits)).ravel()  # type: ignore[arg-type]
        best = np.argsort(-totals, kind="stable")[:width]
        parents, chosen = np.divmod(best, decoder.config.vocabulary_size)
        scores, played = totals[best], played[parents]
        played[:, done] = chosen
        grammars = [grammars[parent].copy() for parent in parents]
        for grammar, token in zip(grammars, chosen, strict=True):
            grammar.follow(int(token))
        report(done + 1, length, "")
        if done + 1 < length:
            decoder.reorder(parents)
            logits = decoder.step(chosen)
    return np.concatenate([played[0], grammars[0].closing()])


def _read(prime: Tokens) -> Grammar:
    grammar = Grammar()
    for token in prime.tolist():
        grammar.follow(token)
    return grammar


def _beginning(decoder: Decoder, prime: Tokens) -> Tokens:
    """START, unless the model does not know it and there is a prime, and the prime, for each sequence: [batch, n]."""
    start = [START] if decoder.config.start_token or not len(prime) else []
    return np.tile(np.concatenate([start, prime]).astype(np.int64), (decoder.batch, 1))
