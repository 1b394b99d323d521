"""Writes tests/unit/transcription/onsets_and_frames_goldens.npz: what Magenta's own code makes of our golden clip.

Magenta cannot live in our environment. Run this in one of its own, from the root of the repository:

    uv venv --python 3.11 /tmp/magenta-env
    uv pip install -p /tmp/magenta-env/bin/python tensorflow-cpu==2.21.0 tf_keras tf_slim note-seq librosa mir_eval
    uv pip install -p /tmp/magenta-env/bin/python --no-deps magenta==2.1.4
    /tmp/magenta-env/bin/python scripts/make_onsets_and_frames_goldens.py [--checkpoint FOLDER]

What Magenta needs and nothing has any more is stood in for: `tf.estimator` by a namespace, tensorflow_probability and
sox, which transcription does not use, by mocks, and librosa 0.7.2's `melspectrogram` by today's with the padding of
that day. The weights are drawn by `golden_weights.py`. `--checkpoint` also keeps the checkpoint of a training that is
about to begin (270 MB), for `aeolian import-checkpoint` to read.
"""

import argparse
import importlib
import json
import os
import runpy
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}

import librosa
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
FOLDER = Path(__file__).resolve().parents[1] / "tests" / "unit" / "transcription"
RATE_HZ = 16_000
SECONDS = 2.0


def main() -> None:
    """Runs Magenta's front end, its network, and one step of its training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="keep the checkpoint in this folder")
    options = parser.parse_args()
    model, data, hparams = magenta()
    samples = golden_samples()
    spectrogram = data.wav_to_spec(samples, hparams)[
        : int(len(samples) / RATE_HZ * data.hparams_frames_per_second(hparams))
    ]
    outputs = heard(model, hparams, spectrogram)
    variables = trained_checkpoint(model, hparams, len(spectrogram), options.checkpoint)
    arrays = {name: np.round(array, 6).astype(np.float32) for name, array in outputs.items()}
    arrays["mel"] = np.round(spectrogram, 4).astype(np.float32)
    names = np.frombuffer(json.dumps(variables, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(FOLDER / "onsets_and_frames_goldens.npz", variables=names, **arrays)


def magenta() -> tuple[Any, Any, Any]:
    """Magenta's modules `model` and `data`, and the hyper-parameters of its piano model."""
    estimator = types.ModuleType("estimator")
    estimator.ModeKeys = types.SimpleNamespace(TRAIN="train", EVAL="eval", PREDICT="infer")
    estimator.EstimatorSpec = types.SimpleNamespace
    tf.estimator = estimator
    sys.modules |= {name: MagicMock() for name in ("tensorflow_probability", "sox")}
    # TensorFlow looks for tf_keras's old layers where they no longer are.
    for name in ("legacy_tf_layers", "legacy_tf_layers.base"):
        sys.modules[f"tf_keras.{name}"] = importlib.import_module(f"tf_keras.src.{name}")
    from tensorflow.python.framework import ops

    ops.Tensor, ops.IndexedSlices = tf.Tensor, tf.IndexedSlices  # tf_slim 1.1.0 looks for them there
    from magenta.models.onsets_frames_transcription import configs, data, model

    modern = librosa.feature.melspectrogram
    librosa.feature.melspectrogram = lambda y, sr, **more: modern(y=y, sr=sr, pad_mode="reflect", **more)
    data.audio_io = types.SimpleNamespace(wav_data_to_samples=lambda samples, rate_hz: samples)
    return model, data, configs.CONFIG_MAP["onsets_frames"].hparams


def golden_samples() -> np.ndarray:
    """The first seconds of the golden clip: mono, 16 kHz, scaled to a peak of 1 as `process_record` does."""
    clip = runpy.run_path(str(FOLDER / "golden_clip.py"))
    samples = clip["clip"]().mean(axis=1)[:: clip["RATE_HZ"] // RATE_HZ][: int(SECONDS * RATE_HZ)]
    return librosa.util.normalize(samples, norm=np.inf)


def heard(model: Any, hparams: Any, spectrogram: np.ndarray) -> dict[str, np.ndarray]:
    """The four outputs of `model_fn`, each [frames, 88], with drawn weights."""
    drawn = runpy.run_path(str(FOLDER / "golden_weights.py"))["drawn"]
    with tf.Graph().as_default(), tf.Session() as session:
        spec = model_fn(model, hparams, tf.constant(spectrogram[np.newaxis, :, :, np.newaxis]), "infer")
        for variable in tf.global_variables():
            variable.load(drawn(variable.op.name, tuple(variable.shape.as_list())), session)
        wanted = {name: spec.predictions[f"{name}_probs"][0] for name in ("onset", "frame")}
        wanted["velocity"] = spec.predictions["velocity_values"][0]
        graph = tf.get_default_graph()
        wanted["offset"] = graph.get_tensor_by_name("offsets/offset_probs/Sigmoid:0")[0]
        wanted["activation"] = graph.get_tensor_by_name("frame/activation_probs/Sigmoid:0")[0]
        return session.run(wanted)


def trained_checkpoint(model: Any, hparams: Any, frames: int, folder: Path | None) -> dict[str, list[int]]:
    """Names and shapes of what Magenta's training saves; with `folder`, they are saved there with drawn values."""
    drawn = runpy.run_path(str(FOLDER / "golden_weights.py"))["drawn"]
    with tf.Graph().as_default(), tf.Session() as session:
        model_fn(model, hparams, tf.zeros([1, frames, 229, 1]), "train")
        variables = tf.global_variables()
        session.run(tf.global_variables_initializer())
        if folder:
            for variable in variables:
                if variable.dtype.base_dtype == tf.float32:
                    variable.load(drawn(variable.op.name, tuple(variable.shape.as_list())), session)
            folder.mkdir(parents=True, exist_ok=True)
            tf.train.Saver(variables).save(session, str(folder / "model.ckpt"))
        return {variable.op.name: variable.shape.as_list() for variable in variables}


def model_fn(model: Any, hparams: Any, spec: Any, mode: str) -> Any:
    """Magenta's `model_fn` over a spectrogram [1, frames, 229, 1], without labels' meaning."""
    frames = int(spec.shape[1])
    roll = tf.zeros([1, frames, 88])
    features = types.SimpleNamespace(spec=spec, length=tf.constant([frames]), sequence_id=tf.constant(["clip"]))
    labels = types.SimpleNamespace(
        labels=roll, label_weights=roll, onsets=roll, offsets=roll, velocities=roll, note_sequence=tf.constant([""])
    )
    model.metrics = MagicMock(define_metrics=lambda **values: {})
    return model.model_fn(features, labels, mode, hparams, None)


if __name__ == "__main__":
    main()
