"""A whole training, small: it learns, and goes on after being killed as if nothing had happened."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import AeolianError
from aeolian.music.notes import Notes
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.training.takes import Take, find_take, write_take

pytestmark = pytest.mark.heavy
# Compile quickly rather than well. Read by XLA when a backend first loads.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

MODEL = ModelConfig(
    **{"conv_filters": (4,), "conv_pools": (4,), "conv_dropouts": (0.1,), "dense_units": 16, "dense_dropout": 0.0},
    **{"onset_units": 8, "offset_units": 4, "combined_units": 8, "norm_momentum": 0.9},
    **{"velocity_scale": 127.0, "velocity_bias": 0.0},
)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """Two keys in turn, as decaying sines."""
    folder = tmp_path_factory.mktemp("takes")
    t = np.arange(round(0.25 * 16_000)) / 16_000
    for number in range(3):
        rows, sound = [], []
        for i in range(16):
            pitch = 60 if (i + number) % 3 else 72
            rows.append((i * 0.25, i * 0.25 + 0.2, pitch, 64))
            sound.append(np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t) * np.exp(-12 * t))
        write_take(folder, str(number), np.concatenate(sound).astype(np.float32), Notes.of(rows), {})
    return [take for number in range(3) if (take := find_take(folder, str(number)))]


def training(takes: list[Take], folder: Path | None = None, **changes: object):
    from aeolian.transcription.onsets_and_frames.decoding import Thresholds, decode
    from aeolian.transcription.onsets_and_frames.heard import Heard
    from aeolian.transcription.training.recording import Studio
    from aeolian.transcription.training.training import Training, TrainingConfig
    from aeolian.transcription.training.validation import Validation

    def decoded(said, onset, frame):
        heard = Heard(said["onset"], said["offset"], said["frame"], said["velocity"])
        return decode(iter([heard]), MODEL, Thresholds(onset, frame))

    def score(reference: Notes, estimated: Notes) -> dict[str, float]:
        right = len(set(reference.pitch.tolist()) & set(estimated.pitch.tolist()))
        return dict.fromkeys(("onset", "onset_offset", "frame"), right / 2)

    studio = Studio(room_share=0.2, colour_share=0.2, noise_share=0.2, dull_share=0, clip_share=0, quietest_db=-3.0)
    small = {"steps": 12, "batch_size": 2, "segment_frames": 24, "peak_learning_rate": 0.02, "warmup_steps": 2}
    config = TrainingConfig(**{**small, "average_decay": 0.5, "validate_every": 5, "studio": studio, **changes})
    validation = Validation(takes[:1], frames=60, size=2, seed=1, decode=decoded, score=score)
    return Training(lambda: takes[1:], validation, MODEL, config, fingerprint="one", state_folder=folder)


def silent(done: int, total: int, note: str) -> None:
    """Tells nobody."""


def test_the_loss_falls_and_a_killed_run_goes_on_to_the_same_end(takes: list[Take], tmp_path: Path) -> None:
    first = training(takes, tmp_path / "state")
    first.seconds_between_saves = 0.0  # saves after each step

    def kill(done: int, total: int, note: str) -> None:
        if done == 8:  # what a killed run leaves is what it saved last, after step 7
            shutil.copytree(tmp_path / "state", tmp_path / "left")

    whole = first.run(kill)
    assert [row["step"] for row in whole.history] == [5, 10, 12]
    assert whole.history[-1]["train_loss"] < 0.7 * whole.history[0]["train_loss"]
    assert {"onset_f1", "validation_loss", "train_onset", "learning_rate"} <= set(whole.history[0])

    second = training(takes, tmp_path / "left")
    result = second.run(silent)
    assert second.first_step == 7
    assert result.history == whole.history
    assert sorted(result.weights) == sorted(whole.weights)
    for name, weight in whole.weights.items():
        assert np.array_equal(result.weights[name], weight), name
    second.forget()
    assert not (tmp_path / "left").exists()


def test_a_loss_that_is_no_number_ends_the_run_with_a_remedy(takes: list[Take]) -> None:
    run = training(takes)
    run._pending.append(np.full(4, np.nan, np.float32))
    with pytest.raises(AeolianError, match=r"not finite near step \d+.*lower --l_r"):
        run._collect(0)


def test_the_learning_rate_rises_and_falls_over_the_steps_or_the_time(takes: list[Take]) -> None:
    run = training(takes, steps=100, warmup_steps=10, peak_learning_rate=1.0)
    rates = []
    for step in range(100):
        run.step = step
        rates.append(run.rate())
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3], abs=0.01)
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.01)
    run.config = dataclasses.replace(run.config, minutes=2.0)
    run._began_s -= 60.0
    run.step = 50
    assert run.progress() == pytest.approx(0.5, abs=0.01)
