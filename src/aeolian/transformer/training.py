"""Training: epochs over windows, validation after each, the best weights kept, stopped when it helps no more."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.run_state import State, read_state, remove_state, write_state
from aeolian.keras_backend import keras, share_among_devices
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import Batch, Split, Windows, content_hash, count_targets, whole_songs
from aeolian.transformer.model import MusicTransformer
from aeolian.transformer.optimization import TrainingConfig, optimizer, schedule
from aeolian.transformer.prefetching import prefetched
from aeolian.transformer.steps import compiled_steps
from aeolian.transformer.weights import Weights

SECONDS_BETWEEN_SAVES = 15.0
Report = Callable[[int, int, str], None]
Row = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """`weights` of the best epoch; `history`, one row an epoch; `metrics` for `metrics.json`."""

    weights: Weights
    history: list[Row]
    metrics: dict[str, Any]


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
        steps, warm = self.steps_per_epoch * config.epochs, start_from is not None
        self.schedule = schedule(config, model_config.d_model, steps, warm_start=warm)
        self.fingerprint = fingerprint(split, model_config, config, start_from)

        keras.utils.set_random_seed(config.seed)
        devices = share_among_devices()
        if config.batch_size % devices:
            raise UsageError(
                f"A batch of {config.batch_size} cannot be shared among {devices} devices.",
                remedy=f"Make --batch_size a multiple of {devices}, or hide some devices.",
            )
        self.model = MusicTransformer(model_config, dtype=config.precision)
        if start_from is not None:
            self.model.put_in(start_from)
        self.optimizer = optimizer(config)
        self.train_step, self.measure_step = compiled_steps(self.model, self.optimizer, config.label_smoothing)

        self.history: list[Row] = []
        self.best: Weights = {}
        self.epoch, self.step, self.step_in_epoch, self.sum_nll, self.sum_tokens = 0, 0, 0, 0.0, 0
        self.rate = 0.0
        self.elapsed_s, self.clock_s = 0.0, time.monotonic()
        self.pending: deque[tuple[int, Any, int]] = deque()
        self.trained_tokens, self.trained_s = 0, 0.0
        self.saved_at_s = time.monotonic()

    def run(self, report: Report) -> Result:
        """Trains to the end. `report(done, total, note)` counts steps. Raises AeolianError if the loss diverges."""
        self._resume()
        self.clock_s = time.monotonic()
        while self.epoch < self.config.epochs and not self._out_of_patience() and self._share() < 1:
            self._epoch(report)
        return Result(self.best, self.history, self._metrics())

    def _epoch(self, report: Report) -> None:
        first = self.step
        batches = prefetched(self._batch, range(first, first + self.steps_per_epoch - self.step_in_epoch))
        started_s, counted = time.monotonic(), self.sum_tokens
        with contextlib.closing(batches):
            for batch in batches:
                self._step(batch)
                if self.step == first + 1:
                    self._settle()
                    started_s, counted = time.monotonic(), self.sum_tokens
                    if not self.trained_s:  # compiling is not training
                        self.clock_s = started_s
                report(*self._progress())
                self._save()
                if self._share() >= 1:
                    break
        self._settle()
        self.trained_s, self.trained_tokens = (
            self.trained_s + time.monotonic() - started_s,
            self.trained_tokens + self.sum_tokens - counted,
        )
        self._finish_epoch()

    def _finish_epoch(self) -> None:
        """Validates, and keeps the weights if they are the best so far."""
        raw = None
        if self.config.ema:
            raw = self.model.read_out()
            self.optimizer.finalize_variable_values(self.model.trainable_variables)
        row = {
            "epoch": self.epoch + 1,
            "step": self.step,
            "learning_rate": self.rate,
            "train_nll": self.sum_nll / self.sum_tokens,
            "validation_nll": self.nll(self.split.validation) if self.split.validation else None,
        }
        if not self.best or _score(row) < min(map(_score, self.history)):
            self.best = self.model.read_out()
        if raw is not None:
            self.model.put_in(raw)
        self.history.append(row)
        self.epoch, self.step_in_epoch, self.sum_nll, self.sum_tokens = self.epoch + 1, 0, 0.0, 0
        self._save()

    def _batch(self, number: int) -> Batch:
        moved = self._share(number) < 1.0 - self.config.plain_share
        return self.windows.batch(*divmod(number, self.windows.batches_per_epoch), moved=moved)

    def _step(self, batch: Batch) -> None:
        self.rate = self.schedule.rate(self.step + 1, self._share())
        self.optimizer.learning_rate.assign(self.rate)
        self.step, self.step_in_epoch = self.step + 1, self.step_in_epoch + 1
        self.pending.append((self.step, self.train_step(batch), count_targets(batch)))
        self._settle(1)  # an accelerator works on the newest while the one before is looked at

    def _settle(self, left: int = 0) -> None:
        """Adds up the figures of all steps but the newest `left`."""
        while len(self.pending) > left:
            step, total, tokens = self.pending.popleft()
            nll = float(total)
            if not math.isfinite(nll):
                raise AeolianError(
                    f"The loss is not finite at step {step}.",
                    remedy="Train with a lower --l_r or more --warmup_steps.",
                )
            self.sum_nll, self.sum_tokens = self.sum_nll + nll, self.sum_tokens + tokens

    def nll(self, songs: Any) -> float:
        """Mean NLL in nats a token over whole songs, cut into windows of max_seq, without dropout or augmentation."""
        batches = whole_songs(songs, max_seq=self.model_config.max_seq, batch_size=self.config.batch_size)
        totals = [(self.measure_step(batch), count_targets(batch)) for batch in batches]
        return sum(float(nll) for nll, _ in totals) / sum(tokens for _, tokens in totals)

    def _seconds(self) -> float:
        """Trained so far, in this process and those before it."""
        return self.elapsed_s + time.monotonic() - self.clock_s

    def _share(self, step: int | None = None) -> float:
        """How much of the training is behind (at `step`), 0 to 1: by steps, or by the clock where that is ahead."""
        by_steps = (self.step if step is None else step) / (self.steps_per_epoch * self.config.epochs)
        return by_steps if self.config.minutes is None else max(by_steps, self._seconds() / 60 / self.config.minutes)

    def _progress(self) -> tuple[int, int, str]:
        words = f"epoch {self.epoch + 1}/{self.config.epochs}, {self._scores()}"
        if self.config.minutes is not None and self._share() * self.steps_per_epoch * self.config.epochs > self.step:
            return round(min(1.0, self._share()) * 1000), 1000, words
        return self.step, self.steps_per_epoch * self.config.epochs, words

    def _scores(self) -> str:
        words = [f"NLL {self.sum_nll / self.sum_tokens:.3f}"] if self.sum_tokens else []
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
            "steps": self.step,
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
        self._settle()
        started_s = time.monotonic()
        arrays = {f"model/{name}": value for name, value in self.model.read_out().items()}
        arrays |= {f"best/{name}": value for name, value in self.best.items()}
        arrays |= {f"other/{i:04d}": np.array(v.value) for i, v in enumerate(self._other_variables())}
        progress = {name: getattr(self, name) for name in _PROGRESS} | {"elapsed_s": self._seconds()}
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
        for name in (*_PROGRESS, "elapsed_s"):
            setattr(self, name, state.progress[name])
        log.info("resumed at epoch %d, step %d of it", self.epoch + 1, self.step_in_epoch)

    def _other_variables(self) -> list[Any]:
        """What the course of training depends on beside the weights: the optimizer's state and dropout's seeds."""
        return [*self.optimizer.variables, *self.model.non_trainable_variables]


_PROGRESS = ("history", "epoch", "step", "step_in_epoch", "rate", "sum_nll", "sum_tokens")


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
