import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from aeolian.errors import AeolianError
from aeolian.formats.song_example import SongExample
from aeolian.music.vocabulary import PAD
from aeolian.transformer.augmentation import NONE
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import split_songs
from aeolian.transformer.decoding import Decoder

if TYPE_CHECKING:
    from aeolian.transformer.training import Training

pytestmark = pytest.mark.heavy
SETTINGS = {"epochs": 3, "batch_size": 2, "peak_learning_rate": 3e-3, "patience": 0}


def prepare(songs: list[SongExample], model: ModelConfig, *, changes: dict | None = None, **options: Any) -> "Training":
    from aeolian.transformer.optimization import TrainingConfig
    from aeolian.transformer.training import Training

    return Training(split_songs(songs), model, TrainingConfig(**SETTINGS | (changes or {})), **options)


def silent(done: int, total: int, note: str) -> None:
    pass


@pytest.fixture(scope="module")
def tiny() -> ModelConfig:
    return ModelConfig(d_model=16, num_layers=1, num_heads=2, d_ff=32, max_seq=32, dropout=0.1)


@pytest.fixture(scope="module")
def uninterrupted(tiny: ModelConfig, songs: list[SongExample]):
    return prepare(songs, tiny).run(silent)


def test_one_schedule_is_noam_s() -> None:
    from aeolian.transformer.optimization import Schedule, noam_peak

    noam = Schedule("noam", noam_peak(256), 4000)
    for step in (1, 77, 3999, 4000, 4001, 100_000):
        expected = 256**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert noam.rate(step, 0.5) == pytest.approx(expected, rel=1e-12)


def test_the_other_rises_and_then_falls_by_half_a_cosine_to_a_twentieth() -> None:
    from aeolian.transformer.optimization import Schedule

    cosine = Schedule("cosine", 2.0, 100)
    assert cosine.rate(50, 0.0) == 1.0
    assert cosine.rate(100, 0.0) == 2.0
    assert cosine.rate(500, 0.5) == pytest.approx(2.0 * (0.05 + 0.95 / 2))
    assert cosine.rate(999, 1.0) == cosine.rate(9999, 7.0) == pytest.approx(0.1)


def test_a_model_learns_and_says_how_well(uninterrupted, songs: list[SongExample]) -> None:
    history, metrics = uninterrupted.history, uninterrupted.metrics
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[0]["train_nll"] == pytest.approx(np.log(391), abs=0.5)
    assert history[-1]["validation_nll"] < history[0]["validation_nll"] - 0.3
    assert metrics["best_epoch"] == 3
    assert metrics["validation_nll"] == min(row["validation_nll"] for row in history)
    assert metrics["songs"] == {"train": 4, "validation": 1, "test": 0}
    assert metrics["tokens"] == {"train": 4 * 121, "validation": 121, "test": 0}
    assert metrics["tokens_per_second"] > 0


def test_the_nll_said_is_the_decoder_s_own(
    uninterrupted,
    tiny: ModelConfig,
    songs: list[SongExample],
) -> None:
    tokens = np.array([389, *songs[4].tokens.tolist(), 390])
    total = 0.0
    for start in range(0, len(tokens) - 1, 32):
        decoder = Decoder(tiny, uninterrupted.weights)
        for here, following in zip(tokens[start : start + 32], tokens[start + 1 :], strict=False):
            logits = decoder.step(np.array([here]))[0].astype(np.float64)
            total += np.log(np.exp(logits).sum()) - logits[following]
    assert uninterrupted.metrics["validation_nll"] == pytest.approx(total / 122, abs=1e-4)


def test_the_same_seed_gives_the_same_weights(
    uninterrupted,
    tiny: ModelConfig,
    songs: list[SongExample],
) -> None:
    again = prepare(songs[::-1], tiny).run(silent)
    assert again.history == uninterrupted.history
    assert all(np.array_equal(again.weights[name], w) for name, w in uninterrupted.weights.items())


KILLED = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from aeolian.formats.song_example import read_songs
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import split_songs
from aeolian.transformer.optimization import TrainingConfig
from aeolian.transformer.training import Training
folder, model, config, steps = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
songs = [song for path in sorted(folder.glob("*.tfrecord")) for song in read_songs(path)]
options = {"state_folder": folder / "state", "seconds_between_saves": 0}
run = Training(split_songs(songs), ModelConfig(**model), TrainingConfig(**config), **options)
def report(done, total, note):
    if done == steps:
        os.kill(os.getpid(), signal.SIGKILL)
run.run(report)
"""


def test_a_run_killed_in_mid_epoch_goes_on_as_if_nothing_had_happened(
    uninterrupted,
    tiny: ModelConfig,
    songs: list[SongExample],
    tmp_path: Path,
) -> None:
    from aeolian.formats.song_example import write_song

    for song in songs:
        write_song(tmp_path / f"{song.name}.tfrecord", song)
    steps = uninterrupted.metrics["steps"] // 3 + 3  # in the second epoch
    arguments = [str(tmp_path), json.dumps(tiny.as_dict()), json.dumps(SETTINGS), str(steps)]
    died = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr

    resumed = prepare(songs, tiny, state_folder=tmp_path / "state")
    done: list[int] = []
    result = resumed.run(lambda now, total, note: done.append(now))
    assert done[0] == steps  # the state of the step before was saved; not one more was lost
    assert result.history == uninterrupted.history
    assert all(np.array_equal(result.weights[name], w) for name, w in uninterrupted.weights.items())
    resumed.forget()
    assert not (tmp_path / "state").exists()


def test_training_stops_when_it_helps_no_more_and_keeps_the_best(tiny: ModelConfig, songs: list[SongExample]) -> None:
    stuck = {"epochs": 30, "patience": 2, "peak_learning_rate": 0.5, "warmup_steps": 1}
    result = prepare(songs, tiny, changes=stuck).run(silent)
    best = result.metrics["best_epoch"]
    assert len(result.history) == best + 2 < 30
    assert result.metrics["validation_nll"] == result.history[best - 1]["validation_nll"]


def test_a_warm_start_begins_where_the_other_ended(
    uninterrupted,
    tiny: ModelConfig,
    songs: list[SongExample],
) -> None:
    warm = prepare(songs, tiny, start_from=uninterrupted.weights)
    assert warm.nll(split_songs(songs).validation) == pytest.approx(uninterrupted.metrics["validation_nll"], abs=1e-5)
    assert warm.fingerprint != prepare(songs, tiny).fingerprint


RECIPE = {"schedule": "noam", "weight_decay": 0.1, "label_smoothing": 0.1, "ema": 0.9, "accumulation": 2}
RECIPE |= {"optimizer": "muon", "plain_share": 0.5}


def test_every_part_of_the_recipe_survives_a_pause(tiny: ModelConfig, songs: list[SongExample], tmp_path: Path) -> None:
    whole = prepare(songs, tiny, changes=RECIPE).run(silent)

    class Killed(Exception):
        pass

    def die(done: int, total: int, note: str) -> None:
        if done == 11:
            raise Killed

    options = {"state_folder": tmp_path / "state", "seconds_between_saves": 0}
    with pytest.raises(Killed):
        prepare(songs, tiny, changes=RECIPE, **options).run(die)
    resumed = prepare(songs, tiny, changes=RECIPE, **options).run(silent)
    assert resumed.history == whole.history
    assert all(np.array_equal(resumed.weights[name], w) for name, w in whole.weights.items())


def test_the_moving_average_is_what_is_validated_and_kept(tiny: ModelConfig, songs: list[SongExample]) -> None:
    run = prepare(songs, tiny, changes={"ema": 0.5, "epochs": 1, "steps_per_epoch": 3})
    seen = [run.model.read_out()]
    result = run.run(lambda *_: seen.append(run.model.read_out()))
    name = "block_0.attention.qkv.kernel"
    expected = 0.5 * (0.5 * seen[1][name] + 0.5 * seen[2][name]) + 0.5 * seen[3][name]
    np.testing.assert_allclose(result.weights[name], expected, atol=1e-6)
    assert np.abs(seen[3][name] - expected).max() > 1e-5
    run.model.put_in(result.weights)
    assert run.nll(run.split.validation) == pytest.approx(result.metrics["validation_nll"], rel=1e-6)


def test_accumulated_gradients_are_those_of_the_larger_batch(tiny: ModelConfig, songs: list[SongExample]) -> None:
    still = {"augmentation": NONE, "clip_norm": 1e9}
    calm = dataclasses.replace(tiny, dropout=0.0)
    small = prepare(songs, calm, changes={"accumulation": 2, **still})
    large = prepare(songs, calm, changes={"batch_size": 4, **still})
    rows = small.windows.batch(0, 0)
    rows = np.concatenate([rows, rows[::-1]])
    rows[rows == PAD] = 60  # so that both halves have as many targets as each other
    for run, batches in ((small, (rows[:2], rows[2:])), (large, (rows,))):
        run.optimizer.learning_rate.assign(1e-2)
        for batch in batches:
            run.train_step(batch)
    for name, w in large.model.read_out().items():
        if name.endswith("qkv.bias"):  # the keys' part changes no logit: its gradient is rounding, which Adam blows up
            continue
        np.testing.assert_allclose(small.model.read_out()[name], w, atol=2e-4, err_msg=name)


def test_muon_turns_matrices_evenly_and_leaves_the_rest_to_adam(tiny: ModelConfig, songs: list[SongExample]) -> None:
    untied = dataclasses.replace(tiny, convolution=3, tied_output=False, dropout=0.0)
    run = prepare(songs, untied, changes={"optimizer": "muon", "clip_norm": 1e9})
    before = run.model.read_out()
    run.optimizer.learning_rate.assign(1e-3)
    run.train_step(run.windows.batch(0, 0))
    for name, after in run.model.read_out().items():
        step = (after - before[name]) / 1e-3
        if name.startswith("block") and name.endswith("kernel"):  # 0.2: as large as Adam's on average (Liu et al.)
            turned = np.linalg.svd(step / (0.2 * max(step.shape) ** 0.5), compute_uv=False)
            assert 0.6 < np.median(turned) <= turned[0] < 1.3, name
        else:
            assert np.abs(step).max() == pytest.approx(1.0, abs=1e-2), name


def test_at_the_end_songs_are_trained_on_as_they_are(tiny: ModelConfig, songs: list[SongExample]) -> None:
    run = prepare(songs, tiny, changes={"plain_share": 0.34})
    plain = prepare(songs, tiny, changes={"augmentation": NONE})
    steps = 3 * run.windows.batches_per_epoch
    alike = [np.array_equal(run._batch(number), plain._batch(number)) for number in range(steps)]
    assert alike == [number / steps >= 0.66 for number in range(steps)]


def test_a_smoothed_target_costs_what_all_tokens_cost_on_average() -> None:
    from aeolian.transformer.steps import _losses

    logits = np.log(np.array([[[0.7, 0.1, 0.1, 0.1]]], np.float32))
    windows = np.array([[1, 0]], np.int32)
    loss, total = _losses(logits, windows, 0.2)
    assert float(total) == pytest.approx(-np.log(0.7), rel=1e-5)
    assert float(loss) == pytest.approx(0.8 * -np.log(0.7) + 0.2 * -np.log([0.7, 0.1, 0.1, 0.1]).mean(), rel=1e-5)


def test_minutes_end_the_training_and_bring_the_rate_down(tiny: ModelConfig, songs: list[SongExample]) -> None:
    limits = {"schedule": "cosine", "minutes": 0.02, "epochs": 10**9}
    result = prepare(songs, tiny, changes=limits).run(silent)
    last = result.history[-1]
    assert last["learning_rate"] < 0.1 * SETTINGS["peak_learning_rate"]
    assert last["step"] == result.metrics["steps"] > 3


def test_a_loss_that_is_not_finite_ends_with_a_sentence(tiny: ModelConfig, songs: list[SongExample]) -> None:
    run = prepare(songs, tiny)
    broken = run.model.read_out()
    run.model.named_variables()["block_0.inner.bias"].assign(np.full_like(broken["block_0.inner.bias"], np.inf))
    with pytest.raises(AeolianError, match="not finite at step 1"):
        run.run(silent)


def test_padding_is_predicted_by_nobody(tiny: ModelConfig, songs: list[SongExample]) -> None:
    run = prepare(songs, tiny)
    batch = run.windows.batch(0, 0)
    padded = batch.copy()
    padded[1] = PAD
    alone = batch.copy()
    alone[0] = PAD
    parts = float(run.measure_step(padded)) + float(run.measure_step(alone))
    assert float(run.measure_step(batch)) == pytest.approx(parts, rel=1e-5)


JAX = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
from aeolian.formats.song_example import SongExample
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import split_songs
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.optimization import TrainingConfig
from aeolian.transformer.training import Training, keras
assert keras.backend.backend() == "jax"
tune = [token for pitch in range(60, 72) for token in (pitch, 280, 128 + pitch)] * 3
splits = ("train", "train", "validation")
songs = [SongExample(f"s{n}", split, np.array(tune[n:], np.int16)) for n, split in enumerate(splits)]
model = ModelConfig(d_model=16, num_layers=1, num_heads=2, d_ff=32, max_seq=32)
run = Training(split_songs(songs), model, TrainingConfig(epochs=2, optimizer="muon", peak_learning_rate=3e-3))
result = run.run(lambda *_: None)
assert result.history[1]["validation_nll"] < result.history[0]["validation_nll"] < 6.1, result.history
tokens = np.array([tune[:32]])
np.testing.assert_allclose(Decoder(model, result.weights).read(tokens), np.array(run.model(tokens))[:, -1], atol=1e-4)
seeds = [np.array(v.value) for v in run.model.non_trainable_variables]
assert any(seed.any() for seed in seeds)
print("trained")
"""


def test_it_trains_on_jax_without_tensorflow() -> None:
    pytest.importorskip("jax", reason="needs the packages of requirements/dev.txt")
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run([sys.executable, "-c", JAX], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


TWO_DEVICES = """
import json, sys
sys.modules["tensorflow"] = None
import numpy as np
from aeolian.formats.song_example import SongExample
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.dataset import split_songs
from aeolian.transformer.optimization import TrainingConfig
from aeolian.transformer.training import Training
tune = [token for pitch in range(60, 72) for token in (pitch, 280, 128 + pitch)] * 3
songs = [SongExample(f"s{n}", "train", np.array(tune[n:], np.int16)) for n in range(4)]
model = ModelConfig(d_model=16, num_layers=1, num_heads=2, d_ff=32, max_seq=32, dropout=0.0)
run = Training(split_songs(songs), model, TrainingConfig(epochs=2, optimizer="muon", peak_learning_rate=3e-3))
history = run.run(lambda *_: None).history
devices = len(run.model.trainable_variables[0].value.devices())
print(json.dumps([devices, [row["validation_nll"] for row in history]]))
"""


def test_on_jax_a_batch_is_shared_among_all_devices() -> None:
    pytest.importorskip("jax", reason="needs the packages of requirements/dev.txt")

    def run(flags: str) -> Any:
        environment = os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags}
        done = subprocess.run(
            [sys.executable, "-c", TWO_DEVICES], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (one, alone), (two, shared) = run(""), run("--xla_force_host_platform_device_count=2")
    assert (one, two) == (1, 2)
    assert shared == pytest.approx(alone, abs=1e-4)


def test_the_backend_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeolian import keras_backend

    choose: Callable[[], None] = keras_backend._choose
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    choose()
    assert os.environ["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    choose()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delenv("KERAS_BACKEND")
    choose()
    assert os.environ["KERAS_BACKEND"] == "jax"
