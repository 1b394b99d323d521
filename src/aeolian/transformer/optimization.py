"""The optimizer and its learning rate.

Two optimizers. `adam` as Vaswani et al. 2017 set it. `muon` (Jordan et al. 2024): for matrices that mix features the
momentum is made nearly orthogonal, so that a step moves all directions alike, by as much as Adam's would on average
(Liu et al. 2025); Adam for everything else.

Two schedules. `cosine`: linear warm-up, then half a cosine down to a twentieth of the peak (Loshchilov and Hutter
2017), over steps or over a time budget, whichever ends first. `noam`: linear warm-up, then falling with the square
root of the step (Vaswani et al. 2017), as the ancestor had it with 4000 steps of warm-up.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from aeolian.keras_backend import keras
from aeolian.transformer.augmentation import Augmentation

NOAM_WARMUP_STEPS = 4000
LOWEST_SHARE = 0.05
MUON_TO_ADAM = 4.0  # learning rates, at their best
WARM_SHARE = 0.1  # of the rate of new weights, for weights that have learnt already
# Matrices by their shape that mix no features, and the untied output, which Muon leaves to Adam like embeddings.
_NOT_ORTHOGONAL = ["relative$", "convolution$", "transformer/output/kernel$"]
# Weight decay is for what mixes features; the rest has a scale of its own.
_NOT_DECAYED = ["bias", "gamma", "beta", "embeddings", "relative"]


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. `peak_learning_rate` None: 1e-3 under cosine, Noam's for this width under noam; four times that
    with muon, a tenth for weights that have learnt already.

    `warmup_steps` None: a tenth, at most 4000 (noam) or 500 (cosine). `minutes`: a time budget, None for none, counted
    from the first step, which compiles; with one the schedule follows the clock, and two runs differ. `patience`:
    epochs without a better validation NLL after which training stops; 0 for never. `steps_per_epoch` None: as many as
    it takes to see every window once. `accumulation`: batches whose gradients make one update. `ema`: decay of the
    moving average of the weights that is validated and kept; 0 keeps the weights themselves. `precision`:
    `float32` or `mixed_bfloat16`. `plain_share`: of the training, its end, in which nothing is augmented.
    """

    epochs: int = 500
    minutes: float | None = None
    batch_size: int = 2
    accumulation: int = 1
    optimizer: str = "adam"
    schedule: str = "cosine"
    peak_learning_rate: float | None = None
    warmup_steps: int | None = None
    steps_per_epoch: int | None = None
    patience: int = 20
    seed: int = 0
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    precision: str = "float32"
    augmentation: Augmentation = field(default_factory=Augmentation)
    plain_share: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """The learning rate by step, from 1, and by the share of the whole training that is done."""

    kind: str
    peak: float
    warmup_steps: int

    def rate(self, step: int, share: float) -> float:
        """Of `step` 1, 2, … when `share` (0 to 1) of the training is behind."""
        warm = min(1.0, step / self.warmup_steps)
        if self.kind == "noam":
            return float(self.peak * min(warm, (self.warmup_steps / step) ** 0.5))
        fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
        return float(self.peak * warm * (LOWEST_SHARE + (1.0 - LOWEST_SHARE) * fall))


def schedule(config: TrainingConfig, d_model: int, total_steps: int, *, warm_start: bool = False) -> Schedule:
    """The schedule that `config` asks for, its blanks filled in."""
    longest = NOAM_WARMUP_STEPS if config.schedule == "noam" else 500
    warmup_steps = config.warmup_steps or max(1, min(longest, total_steps // 10))
    default = noam_peak(d_model) if config.schedule == "noam" else 1e-3
    if config.optimizer == "muon":
        default *= MUON_TO_ADAM
    if warm_start:
        default *= WARM_SHARE
    return Schedule(config.schedule, config.peak_learning_rate or default, warmup_steps)


def noam_peak(d_model: int) -> float:
    """The highest rate of Noam's schedule with 4000 steps of warm-up: 9.9e-4 for d_model 256."""
    return float(d_model**-0.5 * NOAM_WARMUP_STEPS**-0.5)


def optimizer(config: TrainingConfig) -> Any:
    """The optimizer that `config` names, with decoupled weight decay, clipping by the global norm, averaging."""
    options: dict[str, Any] = {"weight_decay": config.weight_decay, "global_clipnorm": config.clip_norm}
    if config.accumulation > 1:
        options["gradient_accumulation_steps"] = config.accumulation
    if config.ema:
        options |= {"use_ema": True, "ema_momentum": config.ema}
    if config.optimizer == "muon":
        made = keras.optimizers.Muon(
            1.0,
            adam_beta_1=0.9,
            adam_beta_2=0.98,
            adam_weight_decay=config.weight_decay,
            epsilon=1e-9,
            exclude_layers=_NOT_ORTHOGONAL,
            **options,
        )
    else:
        made = keras.optimizers.AdamW(1.0, beta_1=0.9, beta_2=0.98, epsilon=1e-9, **options)
    made.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return made
