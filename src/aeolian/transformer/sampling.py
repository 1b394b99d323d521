"""From logits to a token: temperature, then the k likeliest, then the likeliest that hold a share p of probability
(Holtzman et al. 2020), then those at least `min_p` times as likely as the likeliest (Nguyen et al. 2024).
"""

from dataclasses import dataclass

import numpy as np

from aeolian.transformer.weights import Floats


@dataclass(frozen=True)
class Sampling:
    """`temperature`: 0 takes the likeliest token, 1 the model's own distribution. `top_k` 0, `top_p` 1, `min_p` 0: no
    limit."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    min_p: float = 0.0


def draw(logits: Floats, how: Sampling, rng: np.random.Generator) -> int:
    """A token drawn from logits [vocabulary], where minus infinity means never; one number of `rng` for each call."""
    chance = rng.random()
    if how.temperature == 0:
        return int(logits.argmax())
    scaled = (logits - logits.max()).astype(np.float64) / how.temperature
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
