"""What training makes small: the sum of the losses of onsets, offsets, frames and velocities.

"Onsets and Frames" (2018), sections 3.2 and 3.3: cross-entropies, the frames' weighted (`labels`), and velocity's
squared error where there is an onset, over the number of onsets, as the others are over the number of frames and keys.
"""

from typing import Any

from aeolian.keras_backend import keras
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.training.labels import FRAME, OFFSET, ONSET, WEIGHT

ops = keras.ops
PARTS = ("onset", "offset", "frame", "velocity")
_VELOCITY_SHARE = 1.0


def losses(answers: Any, labels: Any, config: ModelConfig) -> dict[str, Any]:
    """The four losses, means over [batch, frames, 88] times 88 (a frame's), from a model's answers and uint8 labels."""
    flags = ops.cast(labels[..., 0], "int32")
    weight = ops.cast(flags // WEIGHT, "float32")

    def of(part: str, bit: int, factor: Any = 1.0) -> Any:
        truth = ops.cast(flags // bit % 2, "float32")
        return ops.mean(factor * _cross_entropy(answers[part], truth)) * labels.shape[2]

    velocity = ops.cast(labels[..., 1], "float32")
    there = ops.cast(velocity > 0, "float32")
    wanted = (velocity - config.velocity_bias) / config.velocity_scale
    error = ops.square(answers["velocity"] - wanted) * there
    return {
        "onset": of("onset", ONSET),
        "offset": of("offset", OFFSET),
        "frame": of("frame", FRAME, weight),
        "velocity": _VELOCITY_SHARE * ops.sum(error) / (ops.sum(there) + 1.0),
    }


def _cross_entropy(logits: Any, truth: Any) -> Any:
    return ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
