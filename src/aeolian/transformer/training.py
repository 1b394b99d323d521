"""Training: epochs over windows, validation after each, the best weights kept, stopped when it helps no more.

Optimizer and schedule after Vaswani et al. 2017: Adam with β 0.9 and 0.98, ε 1e-9; the learning rate rises linearly,
then falls with the square root of the step. With 4000 steps of warm-up this is Noam's schedule to the digit.
"""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aeolian.errors import AeolianError
from aeolian.transformer.augmentation import Augmentation
from aeolian.transformer.backend import keras
from aeolian.transformer.checkpoint import State, read_state, remove_state, write_state
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import Split, Windows, content_hash, count_targets, whole_songs
from aeolian.transformer.model import MusicTransformer
from aeolian.transformer.steps import compiled_steps
from aeolian.transformer.weights import Weights

NOAM_WARMUP_STEPS = 4000
SECONDS_BETWEEN_SAVES = 15.0
Report = Callable[[int, int, str], None]
Row = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. `peak_learning_rate` None: Noam's for this width. `warmup_steps` None: a tenth, at most 4000.

    `patience`: epochs without a better validation NLL after which training stops; 0 for never. `steps_per_epoch`
    None: as many as it takes to see every window once. `precision`: `float32`, `mixed_bfloat16` or `mixed_float16`.
    """

    epochs: int = 500
    batch_size: int = 2
    peak_learning_rate: float | None = None
    warmup_steps: int | None = None
    steps_per_epoch: int | None = None
    patience: int = 20
    seed: int = 0
    clip_norm: float = 1.0
    precision: str = "float32"
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Result:
    """`weights` of the best epoch; `history`, one row an epoch; `metrics` for `metrics.json`."""

    weights: Weights
    history: list[Row]
    metrics: dict[str, Any]


def learning_rate(step: int, peak: float, warmup_steps: int) -> float:
    """Of step 1, 2, …: linear up to `peak` at `warmup_steps`, then peak·sqrt(warmup_steps/step)."""
    return float(peak * min(step / warmup_steps, (warmup_steps / step) ** 0.5))


def noam_peak(d_model: int) -> float:
    """The highest rate of Noam's schedule with 4000 steps of warm-up: 9.9e-4 for d_model 256."""
    return float(d_model**-0.5 * NOAM_WARMUP_STEPS**-0.5)


class Training:
    """One run; `run()` goes on from the state in `state_folder` if it is of the same songs and settings."""

    def __init__(
        self,
        split: Split,
        model_config: ModelConfig,
        config: TrainingConfig,
        *,
        state_folder: Path | None = None,
        start_from: Weights | None = None,
        seconds_between_saves: float = SECONDS_BETWEEN_SAVES,
    ) -> None:
        self.split, self.model_config, self.config = split, model_config, config
        self.state_folder, self.seconds_between_saves = state_folder, seconds_between_saves
        self.windows = Windows(
            split.train,
            max_seq=model_config.max_seq,
            batch_size=config.batch_size,
            seed=config.seed,
            augmentation=config.augmentation,
        )
        self.steps_per_epoch = config.steps_per_epoch or self.windows.batches_per_epoch
        total_steps = self.steps_per_epoch * config.epochs
        self.warmup_steps = config.warmup_steps or max(1, min(NOAM_WARMUP_STEPS, total_steps // 10))
        self.peak = config.peak_learning_rate or noam_peak(model_config.d_model)
        self.fingerprint = fingerprint(split, model_config, config, start_from)

        keras.utils.set_random_seed(config.seed)
        self.model = MusicTransformer(model_config, dtype=config.precision)
        if start_from is not None:
            self.model.put_in(start_from)
        self.optimizer = _optimizer(config)
        self.train_step, self.measure_step = compiled_steps(self.model, self.optimizer)

        self.history: list[Row] = []
        self.best: Weights = {}
        self.epoch, self.step_in_epoch, self.sum_nll, self.sum_tokens = 0, 0, 0.0, 0
        self.trained_tokens, self.trained_s = 0, 0.0
        self.saved_at_s = time.monotonic()

    def run(self, report: Report) -> Result:
        """Trains to the end. `report(done, total, note)` counts steps. Raises AeolianError if the loss diverges."""
        self._resume()
        while self.epoch < self.config.epochs and not self._out_of_patience():
            self._epoch(report)
        return Result(self.best, self.history, self._metrics())

    def _epoch(self, report: Report) -> None:
        total_steps = self.steps_per_epoch * self.config.epochs
        while self.step_in_epoch < self.steps_per_epoch:
            self._step()
            done = self.epoch * self.steps_per_epoch + self.step_in_epoch
            report(done, total_steps, f"epoch {self.epoch + 1}/{self.config.epochs}, {self._scores()}")
            self._save()
        row = {
            "epoch": self.epoch + 1,
            "step": (self.epoch + 1) * self.steps_per_epoch,
            "learning_rate": self._rate((self.epoch + 1) * self.steps_per_epoch),
            "train_nll": self.sum_nll / self.sum_tokens,
            "validation_nll": self.nll(self.split.validation) if self.split.validation else None,
        }
        if not self.best or _score(row) < min(map(_score, self.history)):
            self.best = self.model.read_out()
        self.history.append(row)
        self.epoch, self.step_in_epoch, self.sum_nll, self.sum_tokens = self.epoch + 1, 0, 0.0, 0
        self._save()

    def _step(self) -> None:
        number = self.epoch * self.steps_per_epoch + self.step_in_epoch
        pass_over, which = divmod(number, self.windows.batches_per_epoch)
        batch = self.windows.batch(pass_over, which)
        self.optimizer.learning_rate.assign(self._rate(number + 1))
        started_s, first = time.monotonic(), not self.trained_tokens and not self.trained_s
        total = self.train_step(batch)
        if not np.isfinite(total):
            raise AeolianError(
                f"The loss is not finite at step {number + 1}.",
                remedy="Train with a lower --l_r or more --warmup_steps.",
            )
        tokens = count_targets(batch)
        if first:  # compiling
            self.trained_s = 1e-9
        else:
            self.trained_s += time.monotonic() - started_s
            self.trained_tokens += tokens
        self.sum_nll, self.sum_tokens, self.step_in_epoch = (
            self.sum_nll + total,
            self.sum_tokens + tokens,
            self.step_in_epoch + 1,
        )

    def nll(self, songs: Any) -> float:
        """Mean NLL in nats a token over whole songs, cut into windows of max_seq, without dropout or augmentation."""
        nll, tokens = 0.0, 0
        for batch in whole_songs(songs, max_seq=self.model_config.max_seq, batch_size=self.config.batch_size):
            nll, tokens = nll + self.measure_step(batch), tokens + count_targets(batch)
        return nll / tokens

    def _rate(self, step: int) -> float:
        return learning_rate(step, self.peak, self.warmup_steps)

    def _scores(self) -> str:
        words = [f"NLL {self.sum_nll / self.sum_tokens:.3f}"]
        if self.history and self.history[-1]["validation_nll"] is not None:
            words.append(f"validation {self.history[-1]['validation_nll']:.3f}")
        return ", ".join(words)

    def _out_of_patience(self) -> bool:
        if not self.config.patience or not self.split.validation or not self.history:
            return False
        return len(self.history) - int(_best_row(self.history)["epoch"]) >= self.config.patience

    def _metrics(self) -> dict[str, Any]:
        best = _best_row(self.history)
        self.model.put_in(self.best)
        test_nll = self.nll(self.split.test) if self.split.test else None
        counts = {name: getattr(self.split, name) for name in ("train", "validation", "test")}
        return {
            "best_epoch": best["epoch"],
            "epochs": len(self.history),
            "steps": len(self.history) * self.steps_per_epoch,
            "train_nll": best["train_nll"],
            "validation_nll": best["validation_nll"],
            "test_nll": test_nll,
            "songs": {name: len(songs) for name, songs in counts.items()},
            "tokens": {name: sum(len(song.tokens) for song in songs) for name, songs in counts.items()},
            "held_out": self.split.held_out,
            "note": self.split.note,
            "tokens_per_second": round(self.trained_tokens / self.trained_s, 1) if self.trained_tokens else None,
        }

    def _save(self) -> None:
        """Writes the state if the last one is old enough; saving takes at most a twentieth of the time."""
        if self.state_folder is None or time.monotonic() - self.saved_at_s < self.seconds_between_saves:
            return
        started_s = time.monotonic()
        arrays = {f"model/{name}": value for name, value in self.model.read_out().items()}
        arrays |= {f"best/{name}": value for name, value in self.best.items()}
        arrays |= {f"other/{i:04d}": np.array(v.value) for i, v in enumerate(self._other_variables())}
        progress = {name: getattr(self, name) for name in _PROGRESS}
        write_state(self.state_folder, State(arrays, progress), self.fingerprint)
        self.saved_at_s = time.monotonic()
        if self.seconds_between_saves:
            self.seconds_between_saves = max(self.seconds_between_saves, 20 * (self.saved_at_s - started_s))

    def forget(self) -> None:
        """Removes the state that was kept for a killed run: call it once the result is safe."""
        if self.state_folder is not None:
            remove_state(self.state_folder)

    def _resume(self) -> None:
        state = read_state(self.state_folder, self.fingerprint) if self.state_folder else None
        if state is None:
            return
        self.model.put_in({n.removeprefix("model/"): a for n, a in state.arrays.items() if n.startswith("model/")})
        self.best = {n.removeprefix("best/"): a for n, a in state.arrays.items() if n.startswith("best/")}
        for i, variable in enumerate(self._other_variables()):
            variable.assign(state.arrays[f"other/{i:04d}"])
        for name in _PROGRESS:
            setattr(self, name, state.progress[name])
        log.info("resumed at epoch %d, step %d of it", self.epoch + 1, self.step_in_epoch)

    def _other_variables(self) -> list[Any]:
        """What the course of training depends on beside the weights: the optimizer's state and dropout's seeds."""
        return [*self.optimizer.variables, *self.model.non_trainable_variables]


_PROGRESS = ("history", "epoch", "step_in_epoch", "sum_nll", "sum_tokens")


def _optimizer(config: TrainingConfig) -> Any:
    adam = keras.optimizers.Adam(1.0, beta_1=0.9, beta_2=0.98, epsilon=1e-9, global_clipnorm=config.clip_norm)
    return keras.optimizers.LossScaleOptimizer(adam) if config.precision == "mixed_float16" else adam


def _score(row: Mapping[str, Any]) -> float:
    return float(row["train_nll"] if row["validation_nll"] is None else row["validation_nll"])


def _best_row(history: list[Row]) -> Row:
    return min(history, key=lambda row: (_score(row), row["epoch"]))


def fingerprint(split: Split, model: ModelConfig, config: TrainingConfig, start_from: Weights | None) -> str:
    """A digest of all that the course of training depends on."""
    digest = hashlib.sha256()
    songs = [[content_hash(song) for song in songs] for songs in (split.train, split.validation)]
    parts = [songs, model.as_dict(), dataclasses.asdict(config), keras.backend.backend(), keras.__version__]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    for name, array in sorted((start_from or {}).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()
