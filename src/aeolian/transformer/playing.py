"""Playing on from a beginning: one event after another, or a beam of the likeliest sequences."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import START
from aeolian.transformer.anchoring import Anchored
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.grammar import Grammar
from aeolian.transformer.guides import Wishes
from aeolian.transformer.sampling import Sampling, Steering, draw, log_probabilities
from aeolian.transformer.weights import Floats

Report = Callable[[int, int, str], None]
Chosen = npt.NDArray[np.int64]
NO_WISHES = Wishes()


def play_on(
    decoder: Decoder,
    prime: Tokens,
    length: int,
    how: Sampling,
    randoms: Sequence[np.random.Generator],
    report: Report,
    *,
    wishes: Wishes = NO_WISHES,
    longest_rest_s: int = 1,
    heard: Callable[[Chosen], None] | None = None,
    until_s: float = math.inf,
) -> list[tuple[Tokens, Tokens]]:
    """`length` new events for each sequence of a fresh `decoder`, and apart from them those that end what still sounds.

    `prime`: the events [n] to go on from; with none, the music starts from nothing. `randoms`: one generator for each
    sequence, so that a sequence is the same whatever is played beside it. `report(done, length, "")`.
    `heard`: gets the token of each sequence, [batch], as it is played. `until_s`: fewer events will do once each
    sequence has gone on for so many seconds.
    """
    grammars = [_read(prime, longest_rest_s) for _ in range(decoder.batch)]
    guides = [wishes.guides(prime) for _ in range(decoder.batch)]
    steering = [Steering(how) for _ in range(decoder.batch)]
    anchored = Anchored(decoder)
    logits = anchored.begin(_beginning(decoder, prime)) if length else None
    played = np.zeros((decoder.batch, length), dtype=np.int16)
    chosen = np.zeros(decoder.batch, dtype=np.int64)
    enough = [grammar.seconds + until_s for grammar in grammars]
    for done in range(length):
        for row, (grammar, leaning, rng) in enumerate(zip(grammars, guides, randoms, strict=True)):
            here: Floats = logits[row]  # type: ignore[index]
            for guide in leaning:
                guide.lean(here)
            grammar.restrict(here)
            token = draw(here, how, rng, steering[row].temperature)
            steering[row].follow(here, token)
            for guide in leaning:
                guide.follow(token)
            grammar.follow(token)
            chosen[row] = token
        played[:, done] = chosen
        if heard is not None:
            heard(chosen)
        report(done + 1, length, "")
        if all(grammar.seconds >= end_s for grammar, end_s in zip(grammars, enough, strict=True)):
            played = played[:, : done + 1]
            break
        if done + 1 < length:
            logits = anchored.step(chosen)
    return [(row, grammar.closing()) for row, grammar in zip(played, grammars, strict=True)]


def beam_search(decoder: Decoder, prime: Tokens, length: int, report: Report, *, longest_rest_s: int = 1) -> Tokens:
    """The likeliest `length` events that a beam as wide as the decoder's batch finds, and those that end the piece."""
    width = decoder.batch
    grammars = [_read(prime, longest_rest_s)] * width
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


def fit(decoder: Decoder, played: Sequence[Tokens], goal: Tokens) -> Floats:
    """How likely the events [n] of `goal` are after each sequence that `decoder` has just played: nats [batch].

    The model hears from left to right, so what must come is not known while it plays: many bridges are tried instead.
    """
    totals = np.zeros(decoder.batch, np.float32)
    logits = decoder.step(np.array([tokens[-1] for tokens in played]))
    for token in goal.tolist():
        totals += log_probabilities(logits)[:, token]
        logits = decoder.step(np.full(decoder.batch, token))
    return totals


def _read(prime: Tokens, longest_rest_s: int) -> Grammar:
    grammar = Grammar(longest_rest_s)
    for token in prime.tolist():
        grammar.follow(token)
    return grammar


def _beginning(decoder: Decoder, prime: Tokens) -> Tokens:
    """START, unless the model does not know it and there is a prime, and the prime, for each sequence: [batch, n]."""
    start = [START] if decoder.config.start_token or not len(prime) else []
    return np.tile(np.concatenate([start, prime]).astype(np.int64), (decoder.batch, 1))
