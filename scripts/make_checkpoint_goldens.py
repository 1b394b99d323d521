"""Writes tests/unit/formats/tf_checkpoint/: a checkpoint of TensorFlow's in two data files, a few hundred bytes.

.venv/bin/python scripts/make_checkpoint_goldens.py
"""

import tempfile
from pathlib import Path

import tensorflow as tf

TARGET = Path(__file__).resolve().parents[1] / "tests" / "unit" / "formats" / "tf_checkpoint"
FIRST = {
    "layer/kernel": tf.reshape(tf.range(6, dtype=tf.float32) / 4, (2, 3)),
    "layer/kernel_2": tf.constant([1.5, -2.0], tf.float64),
    "half": tf.constant([[0.5], [-1.0]], tf.float16),
    "brain": tf.constant([1.0, -3.25], tf.bfloat16),
    "step": tf.constant(7_000_000_000, tf.int64),
}
SECOND = {
    "counts": tf.constant([3, -1], tf.int32),
    "flags": tf.constant([True, False, True]),
    "nothing": tf.zeros((0, 4), tf.float32),
    "title": tf.constant("a string, not a weight"),
}


def main() -> None:
    """Two checkpoints of one file each, merged into one of two."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for number, variables in enumerate((FIRST, SECOND)):
            parts.append(str(Path(folder, f"part{number}")))
            names, slices, tensors = list(variables), [""] * len(variables), list(variables.values())
            if number:
                names, slices, tensors = [*names, "cut"], [*slices, "4 2 0,2:0,2"], [*tensors, tf.ones((2, 2))]
            tf.raw_ops.SaveV2(prefix=parts[-1], tensor_names=names, shape_and_slices=slices, tensors=tensors)
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(TARGET / "ckpt"))


if __name__ == "__main__":
    main()
