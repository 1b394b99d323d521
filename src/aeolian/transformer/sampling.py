"""From logits to a token: temperature, then the k likeliest, then the likeliest that hold a share p of probability
(Holtzman et al. 2020), then those at least `min_p` times as likely as the likeliest (Nguyen et al. 2024).

Long pieces leave the path in one of two ways: they circle among ever fewer notes, ever more certain of each; or they
wander into what the model never heard, and every event is a guess. Both show in how surprising the events are, so
the temperature follows that, as in Mirostat (Basu et al. 2021): a long piece stays as surprising as its beginning.
"""

import math
from dataclasses import dataclass

import numpy as np

from aeolian.transformer.weights import Floats

_STEERING_RATE = 0.004  # of the temperature's logarithm, for each nat and event
_STEERING_LIMIT = math.log(1.6)
_BEGINNING = 1024  # events


@dataclass(frozen=True)
class Sampling:
    """How to choose.

    `temperature`: 0 takes the likeliest token, 1 the model's own distribution. `top_k` 0, `top_p` 1, `min_p` 0: no
    limit. `surprise`: nats an event to stay near, by moving the temperature; None: after 1024 events, as many as those
    had; 0 leaves the temperature.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    min_p: float = 0.0
    surprise: float | None = None


class Steering:
    """The temperature of one sequence, moved so that its events are as surprising as asked for."""

    def __init__(self, how: Sampling) -> None:
        self._how, self._log_factor = how, 0.0
        self._wanted, self._heard = how.surprise or 0.0, 0

    @property
    def temperature(self) -> float:
        """For the next event."""
        return self._how.temperature * math.exp(self._log_factor)

    def follow(self, logits: Floats, token: int) -> None:
        """Takes note of an event drawn from `logits` [vocabulary]."""
        if self._how.surprise == 0:
            return
        shifted = logits - logits.max()
        surprise = math.log(float(np.exp(shifted).sum())) - float(shifted[token])
        if self._how.surprise is None and self._heard < _BEGINNING:
            self._heard += 1
            self._wanted += (surprise - self._wanted) / self._heard
            return
        moved = self._log_factor + _STEERING_RATE * (self._wanted - surprise)
        self._log_factor = max(-_STEERING_LIMIT, min(moved, _STEERING_LIMIT))


def draw(logits: Floats, how: Sampling, rng: np.random.Generator, temperature: float | None = None) -> int:
    """A token drawn from logits [vocabulary], where minus infinity means never; one number of `rng` for each call.

    `temperature`: instead of that of `how`.
    """
    chance = rng.random()
    temperature = how.temperature if temperature is None else temperature
    if temperature == 0:
        return int(logits.argmax())
    scaled = (logits - logits.max()).astype(np.float64) / temperature
    probabilities = np.exp(scaled)
    order = np.argsort(-probabilities, kind="stable")
    if how.top_k:
        order = order[: how.top_k]
    cumulated = np.cumsum(probabilities[order])
    kept = 1 + int(np.searchsorted(cumulated, how.top_p * cumulated[-1])) if how.top_p < 1 else len(order)
    kept = min(kept, len(order))
    if how.min_p:
        likely = probabilities[order[:kept]] >= how.min_p * probabilities[order[0]]
        kept = max(1, int(np.count_nonzero(likely)))
    return int(order[min(int(np.searchsorted(cumulated[:kept], chance * cumulated[kept - 1], side="right")), kept - 1)])


def log_probabilities(logits: Floats) -> Floats:
    """log softmax over the last axis; minus infinity stays."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
