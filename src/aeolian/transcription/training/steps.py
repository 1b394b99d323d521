"""One optimizer step, and the answers to a batch, compiled by XLA on whichever backend Keras runs.

The state (weights, batch statistics, dropout's seeds, optimizer, moving average) lives here, as arrays; `export` gives
the weights by name. Under JAX nothing waits for a step's end until a figure is asked for, so that the next batch is
made meanwhile.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.keras_backend import keras
from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames
from aeolian.transcription.onsets_and_frames.weights import Weights
from aeolian.transcription.training import chance
from aeolian.transcription.training.features import log_mels
from aeolian.transcription.training.losses import PARTS, losses
from aeolian.transcription.training.recording import Studio, sounds
from aeolian.transcription.training.takes import Batch

ops = keras.ops
Arrays = dict[str, npt.NDArray[Any]]
Answers = Mapping[str, npt.NDArray[np.float32]]

CLIP_NORM = 3.0  # Magenta's `clip_norm`
_HEADROOM_DB = 12.0


def seeds_of(seed: int, step: int) -> npt.NDArray[np.uint32]:
    """What the augmentation of a step is drawn from, uint32[2]."""
    return np.random.SeedSequence([seed, step]).generate_state(2).astype(np.uint32)


class Steps:
    """Trains `model` in place: `train` on a batch; `answers` is the opinion of the model with averaged weights."""

    def __init__(self, model: OnsetsAndFrames, studio: Studio, *, average_decay: float) -> None:
        self.model, self.studio, self.average_decay = model, studio, average_decay
        self.optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=CLIP_NORM)
        self.optimizer.build(model.trainable_variables)
        # Of the moving average: a copy of every trainable variable, and how often it was updated.
        self.average = [
            keras.Variable(np.array(v.value), trainable=False, name="average") for v in model.trainable_variables
        ]
        self.updates = keras.Variable(0.0, trainable=False, name="updates")
        self._train, self._answer = _jax(self) if keras.backend.backend() == "jax" else _tensorflow(self)

    def train(self, batch: Batch, seeds: npt.NDArray[np.uint32], learning_rate: float) -> Any:
        """One step; the four losses as something that becomes float32[4] when it is looked at."""
        return self._train(batch, seeds, np.float32(learning_rate))

    def answers(self, batch: Batch, seeds: npt.NDArray[np.uint32] | None) -> Answers:
        """Onset, offset and frame probabilities and velocities, float32[batch, frames, 88], and `loss`, float32[4].

        The sound is heard as it is, or, with `seeds`, recorded in some way.
        """
        found = self._answer(batch, np.zeros(2, np.uint32) if seeds is None else seeds, seeds is not None)
        return {name: np.asarray(value) for name, value in found.items()}

    def variables(self) -> list[Any]:
        """All that the course of training depends on."""
        return [*self.model.variables, *self.optimizer.variables, *self.average, self.updates]

    def arrays(self) -> Arrays:
        """The state, to be stored."""
        return {f"{i:04d}": np.asarray(v.value) for i, v in enumerate(self.variables())}

    def put_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """The state, as stored."""
        for i, variable in enumerate(self.variables()):
            variable.assign(arrays[f"{i:04d}"])

    def export(self) -> Weights:
        """The averaged weights, and the batch statistics as they are, by name."""
        averaged = {v.path: a for v, a in zip(self.model.trainable_variables, self.average, strict=True)}
        named = self.model.named_variables()
        return {name: np.array(averaged.get(v.path, v).value, dtype=np.float32) for name, v in named.items()}

    def heard(self, pcm: Any, seeds: Any, augmented: bool) -> Any:
        """int16 sound to the model's input."""
        if not augmented:
            return log_mels(ops.cast(pcm, "float32") / 32768.0)
        headroom = chance.uniform((pcm.shape[0], 1, 1), 0.0, _HEADROOM_DB, seeds)
        return log_mels(sounds(pcm, seeds, self.studio), headroom)

    def averaged(self, old: Any, new: Any, updates: Any) -> Any:
        """The moving average after one more update; the first ones count more."""
        decay = ops.minimum(self.average_decay, (1.0 + updates) / (10.0 + updates))
        return old * decay + new * (1.0 - decay)


def _opinion(found: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    opinion = {name: ops.sigmoid(found[name]) for name in ("onset", "offset", "frame")}
    return {**opinion, "velocity": found["velocity"], "loss": ops.stack([parts[name] for name in PARTS])}


def _jax(steps: Steps) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import jax  # noqa: PLC0415  (the one of two backends that is installed)

    model, optimizer, config = steps.model, steps.optimizer, steps.model.config
    rate_index = [v is optimizer._learning_rate for v in optimizer.variables].index(True)

    def loss(trainable: Any, other: Any, mels: Any, labels: Any) -> Any:
        found, other = model.stateless_call(trainable, other, mels, training=True)
        parts = losses(found, labels, config)
        return sum(parts.values()), (ops.stack([parts[name] for name in PARTS]), other)

    def update(state: Any, audio: Any, labels: Any, seeds: Any, rate: Any) -> Any:
        trainable, other, slots, average, updates = state
        mels = steps.heard(audio, seeds, True)
        (_, (parts, other)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, mels, labels)
        slots = [rate if i == rate_index else slot for i, slot in enumerate(slots)]
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        average = [steps.averaged(a, t, updates) for a, t in zip(average, trainable, strict=True)]
        return (trainable, other, slots, average, updates + 1), parts

    def answer(average: Any, other: Any, audio: Any, labels: Any, seeds: Any, augmented: bool) -> Any:
        mels = steps.heard(audio, seeds, augmented)
        found, _ = model.stateless_call(average, other, mels, training=False)
        return _opinion(found, losses(found, labels, config))

    update_compiled = jax.jit(update, donate_argnums=0)
    answer_compiled = jax.jit(answer, static_argnums=5)
    groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, steps.average)

    def train(batch: Batch, seeds: Any, rate: Any) -> Any:
        state = tuple([v.value for v in group] for group in groups)
        (*updated, updates), parts = update_compiled(
            (*state, steps.updates.value), batch.audio, batch.labels, seeds, rate
        )
        for group, values in zip(groups, updated, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable._value = value
        steps.updates._value = updates
        return parts

    def look(batch: Batch, seeds: Any, augmented: bool) -> Any:
        average, other = ([v.value for v in group] for group in (steps.average, model.non_trainable_variables))
        return answer_compiled(average, other, batch.audio, batch.labels, seeds, augmented)

    return train, look


def _tensorflow(steps: Steps) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import tensorflow as tf  # noqa: PLC0415  (the one of two backends that is installed)

    tf.config.experimental.enable_op_determinism()
    model, optimizer, config = steps.model, steps.optimizer, steps.model.config

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def update(audio: Any, labels: Any, seeds: Any, rate: Any) -> Any:
        mels = steps.heard(audio, seeds, True)
        with tf.GradientTape() as tape:
            parts = losses(model(mels, training=True), labels, config)
            total = sum(parts.values())
        variables = model.trainable_variables
        optimizer.learning_rate.assign(rate)
        optimizer.apply(tape.gradient(total, variables), variables)
        for average, variable in zip(steps.average, variables, strict=True):
            average.assign(steps.averaged(average, variable, steps.updates))
        steps.updates.assign(steps.updates + 1)
        return ops.stack([parts[name] for name in PARTS])

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def answer(audio: Any, labels: Any, seeds: Any, augmented: bool) -> Any:
        found = model(steps.heard(audio, seeds, augmented), training=False)
        return _opinion(found, losses(found, labels, config))

    def train(batch: Batch, seeds: Any, rate: Any) -> Any:
        return update(tf.constant(batch.audio), tf.constant(batch.labels), tf.constant(seeds), tf.constant(rate))

    def look(batch: Batch, seeds: Any, augmented: bool) -> Any:
        kept = [v.numpy() for v in model.trainable_variables]
        for variable, average in zip(model.trainable_variables, steps.average, strict=True):
            variable.assign(average)
        found = answer(tf.constant(batch.audio), tf.constant(batch.labels), tf.constant(seeds), augmented)
        for variable, value in zip(model.trainable_variables, kept, strict=True):
            variable.assign(value)
        return found

    return train, look
