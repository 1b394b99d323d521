"""Training: steps over segments of takes, validation now and then, a state from which a killed run goes on.

The learning rate rises linearly and falls as half a cosine, over all steps or over the time there is. With a number of
steps, the history depends on takes, configuration and seed alone; with a time, on how fast the machine is too.
"""

import dataclasses
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aeolian.errors import AeolianError
from aeolian.formats.run_state import State, read_state, remove_state, write_state
from aeolian.keras_backend import keras
from aeolian.transcription.onsets_and_frames.config import PITCHES, ModelConfig
from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames
from aeolian.transcription.onsets_and_frames.weights import Weights
from aeolian.transcription.training.losses import PARTS
from aeolian.transcription.training.recording import Studio
from aeolian.transcription.training.steps import Steps, seeds_of
from aeolian.transcription.training.takes import Batch, Take, batch_of
from aeolian.transcription.training.validation import Thresholds, Validation

SECONDS_BETWEEN_SAVES = 30.0
_BATCHES_AHEAD = 4
_STEPS_IN_FLIGHT = 3
_LOWEST_RATE_SHARE = 0.01
Report = Callable[[int, int, str], None]
Row = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. `minutes`: end after so many, however many steps that is; None: after `steps`."""

    steps: int = 20_000
    minutes: float | None = None
    batch_size: int = 16
    segment_frames: int = 320
    peak_learning_rate: float = 6e-4  # Magenta's `learning_rate`
    warmup_steps: int = 200
    average_decay: float = 0.995
    validate_every: int = 500
    seed: int = 0
    precision: str = "float32"
    studio: Studio = field(default_factory=Studio)


@dataclass(frozen=True)
class Result:
    """Averaged `weights` at the end, the thresholds that suit them, `history`, and `metrics` for `metrics.json`."""

    weights: Weights
    thresholds: Thresholds
    history: list[Row]
    metrics: dict[str, Any]


class Training:
    """One run; `run` goes on from the state in `state_folder` if its fingerprint is the same.

    `takes` is asked for what there is to learn from, again and again while more may come. `keep` is given what there is
    after each validation but the last.
    """

    def __init__(
        self,
        takes: Callable[[], Sequence[Take]],
        validation: Validation | None,
        model_config: ModelConfig,
        config: TrainingConfig,
        *,
        fingerprint: str,
        state_folder: Path | None = None,
        start_from: Weights | None = None,
        started_s: float | None = None,
        keep: Callable[["Result"], None] | None = None,
    ) -> None:
        self.keep = keep
        self.takes, self.validation, self.config = takes, validation, config
        self.state_folder, self.fingerprint = state_folder, fingerprint
        keras.utils.set_random_seed(config.seed)
        model = OnsetsAndFrames(model_config, dtype=config.precision)
        if start_from is None:
            _expect_silence(model)
        else:
            model.put_in(start_from)
        self.steps = Steps(model, config.studio, average_decay=config.average_decay)
        self.history: list[Row] = []
        self.step, self.elapsed_s, self._sums, self._count = 0, 0.0, np.zeros(len(PARTS)), 0
        self._pending: list[Any] = []
        self._began_s = time.monotonic() if started_s is None else started_s
        self._first_step_s, self._saved_s = 0.0, time.monotonic()
        self.seconds_between_saves, self.first_step = SECONDS_BETWEEN_SAVES, 0

    def run(self, report: Report) -> Result:
        """Trains to the end. `report(done, total, note)`. Raises AeolianError if the loss diverges."""
        self._resume()
        self._began_s -= self.elapsed_s
        self.first_step = self.step
        self._first_step_s = self._now_s()
        with _Ahead(self._batch, self.step) as batches:
            while not self._is_over():
                self._one_step(batches.next())
                self._tell(report)
                if self.step % self.config.validate_every == 0 and not self._is_over():
                    self._row()
                    if self.keep is not None:
                        self.keep(Result(self.steps.export(), Thresholds(), self.history, self._metrics()))
                self._save()
        self._collect(0)
        if not self.history or self.history[-1]["step"] < self.step:
            self._row()
        return self._result()

    def forget(self) -> None:
        """Removes the stored state, when what it led to is safe."""
        if self.state_folder is not None:
            remove_state(self.state_folder)

    def _batch(self, step: int) -> Batch:
        rng = np.random.default_rng([self.config.seed, step])
        return batch_of(self.takes(), self.config.batch_size, self.config.segment_frames, rng)

    def _one_step(self, batch: Batch) -> None:
        rate = self.rate()
        self._pending.append(self.steps.train(batch, seeds_of(self.config.seed, self.step), rate))
        self.step += 1
        self._collect(_STEPS_IN_FLIGHT)
        if self.step == 1:
            self._collect(0)
            self._first_step_s = self._now_s()  # what came before was compiling
            log.info("the first step is done after %.0f s", self._first_step_s)

    def _collect(self, left: int) -> None:
        """Looks at the losses of all steps but the last `left`; waits for them."""
        while len(self._pending) > left:
            losses = np.asarray(self._pending.pop(0))
            if not np.isfinite(losses).all():
                raise AeolianError(f"The loss is not finite near step {self.step}.", remedy="Train with a lower --l_r.")
            self._sums += losses
            self._count += 1

    def progress(self) -> float:
        """From 0 to 1: how much of the run is done."""
        if self.config.minutes is None:
            return min(1.0, self.step / self.config.steps)
        end_s = 60 * self.config.minutes
        return min(1.0, max(0.0, (self._now_s() - self._first_step_s) / max(1e-9, end_s - self._first_step_s)))

    def rate(self) -> float:
        """The learning rate of the next step."""
        rise = min(1.0, (self.step + 1) / self.config.warmup_steps)
        fall = 0.5 * (1 + np.cos(np.pi * self.progress()))
        return float(self.config.peak_learning_rate * rise * max(fall, _LOWEST_RATE_SHARE))

    def _is_over(self) -> bool:
        return self.step > 0 and self.progress() >= 1.0

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s

    def _tell(self, report: Report) -> None:
        note = f"loss {self._sums.sum() / self._count:.3f}" if self._count else ""
        if self.history and "onset_f1" in self.history[-1]:
            note += (
                f", onset F1 {self.history[-1]['onset_f1']:.3f}, with offset {self.history[-1]['onset_offset_f1']:.3f}"
            )
        if self.config.minutes is None:
            report(self.step, self.config.steps, note)
        else:
            report(min(round(self._now_s()), round(60 * self.config.minutes)), round(60 * self.config.minutes), note)

    def _row(self) -> None:
        """Validates and appends to the history."""
        self._collect(0)
        means = self._sums / max(1, self._count)
        row: Row = {"step": self.step, "learning_rate": self.rate(), "train_loss": float(means.sum())}
        row |= {f"train_{name}": float(mean) for name, mean in zip(PARTS, means, strict=True)}
        if self.config.minutes is not None:
            row |= {"elapsed_s": round(self._now_s(), 1), "takes": len(self.takes())}
        if self.validation is not None:
            hearings, losses = self.validation.listen(self.steps)
            row |= {f"validation_{name}": loss for name, loss in losses.items()}
            row["validation_loss"] = sum(losses.values())
            row |= {f"{name}_f1": f1 for name, f1 in self.validation.means(hearings, Thresholds()).items()}
        self.history.append(row)
        log.info("%s", json.dumps(row, sort_keys=True))
        self._sums, self._count = np.zeros(len(PARTS)), 0

    def _result(self) -> Result:
        metrics, thresholds = self._metrics(), Thresholds()
        if self.validation is not None:
            hearings, losses = self.validation.listen(self.steps)
            thresholds = self.validation.best_thresholds(
                hearings, lambda f1: f1["onset"] + f1["onset_offset"] + 0.25 * f1["frame"]
            )
            metrics["validation_loss"] = sum(losses.values())
            metrics["validation"] = self.validation.means(hearings, thresholds)
            metrics["validation_takes"] = len(self.validation)
        return Result(self.steps.export(), thresholds, self.history, metrics)

    def _metrics(self) -> dict[str, Any]:
        return {"steps": self.step, "train_loss": self.history[-1]["train_loss"]}

    def _save(self) -> None:
        if self.state_folder is None or time.monotonic() - self._saved_s < self.seconds_between_saves:
            return
        self._collect(0)
        progress = {"history": self.history, "step": self.step, "elapsed_s": self._now_s(), "count": self._count}
        arrays = {"sums": self._sums, **{f"steps/{name}": array for name, array in self.steps.arrays().items()}}
        write_state(self.state_folder, State(arrays, progress), self.fingerprint)
        self._saved_s = time.monotonic()

    def _resume(self) -> None:
        state = read_state(self.state_folder, self.fingerprint) if self.state_folder is not None else None
        if state is None:
            return
        self.steps.put_arrays({n.removeprefix("steps/"): a for n, a in state.arrays.items() if n.startswith("steps/")})
        self._sums = state.arrays["sums"].copy()
        self.history, self.step = list(state.progress["history"]), int(state.progress["step"])
        self.elapsed_s, self._count = float(state.progress["elapsed_s"]), int(state.progress["count"])
        log.info("resumed at step %d", self.step)


def _expect_silence(model: OnsetsAndFrames) -> None:
    """Sets the outputs' biases to how rare things are, which saves the first hundred steps from learning just that."""
    for stack, share in (("onset", 0.004), ("offset", 0.004)):
        model.stacks[stack].head.bias.assign(np.full(PITCHES, np.log(share), np.float32))
    model.combined_output.bias.assign(np.full(PITCHES, np.log(0.05), np.float32))
    model.stacks["frame"].head.bias.assign(np.full(PITCHES, np.log(0.05), np.float32))


class _Ahead:
    """Makes batches in a thread, a few ahead of their use. A context manager."""

    def __init__(self, make: Callable[[int], Batch], first: int) -> None:
        self._make, self._next = make, first
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(_BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)

    def __enter__(self) -> "_Ahead":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.05)
            except queue.Empty:
                continue

    def next(self) -> Batch:
        """The next batch. Raises what went wrong in making it."""
        item = self._ready.get()
        if isinstance(item, Exception):
            raise item
        return item

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                item: Batch | Exception = self._make(self._next)
            except Exception as error:  # handed to the thread that trains
                item = error
            self._next += 1
            self._ready.put(item)
            if isinstance(item, Exception):
                return


def described(config: TrainingConfig) -> Mapping[str, Any]:
    """The configuration for `config.json`."""
    return dataclasses.asdict(config)
