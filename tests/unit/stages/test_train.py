"""train: TFRecords in, a model folder out; what cannot be used is named."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.song_example import SongExample, write_song
from aeolian.music import vocabulary
from aeolian.stages import train
from aeolian.stages.checkpoints import state_folder
from aeolian.stages.train import Config, run
from aeolian.transformer.config import ModelConfig, preset, read_config
from aeolian.transformer.weights import read_weights

SMALL = {"epochs": 2, "batch_size": 2, "max_seq": 32, "num_layers": 1, "d_model": 16, "num_heads": 2, "d_ff": 16}
FILES = [
    "README.md",
    "config.json",
    "history.jsonl",
    "loss.png",
    "metrics.json",
    "model.safetensors",
    "vocabulary.json",
]


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("one", "two", "more/three")):
        tune = [token for pitch in range(60, 72) for token in (pitch + number, 280, 128 + pitch + number)]
        write_song(folder / f"{name}.tfrecord", SongExample(Path(name).name, "train", np.array(tune * 2, np.int16)))
    return folder


@pytest.mark.heavy
def test_songs_become_a_model_folder_and_its_bytes_depend_on_songs_and_settings_alone(
    songs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (songs / "one.tfrecord").read_bytes()
    (songs / "broken.tfrecord").write_bytes(whole[:-7])
    (songs / "empty.tfrecord").write_bytes(b"")
    (songs / "notes.txt").write_text("not a song")
    for out in ("a", "b"):
        run(Config(songs, tmp_path / out, **SMALL))
    assert "broken.tfrecord" in caplog.text
    assert "notes.txt: skipped: not a .tfrecord file" in caplog.text
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert (report["ok"], report["failed"], report["skipped"]) == (3, 2, 1)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted([*FILES, "report.json"])

    metrics, other = (json.loads((tmp_path / out / "metrics.json").read_text()) for out in ("a", "b"))
    assert metrics.pop("tokens_per_second") > 0
    other.pop("tokens_per_second")
    assert metrics == other
    assert metrics["songs"] == {"train": 2, "validation": 1, "test": 0}
    assert metrics["held_out"] in ("one", "two", "three")
    assert 4 < metrics["validation_nll"] < 7
    for name in set(FILES) - {"metrics.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
        assert str(tmp_path).encode() not in (tmp_path / "a" / name).read_bytes(), name

    model = read_config(tmp_path / "a")
    assert model == preset("aeolian", d_model=16, num_layers=1, num_heads=2, d_ff=16, max_seq=32, dropout=0.15)
    assert read_weights(tmp_path / "a", model)
    assert json.loads((tmp_path / "a" / "vocabulary.json").read_text()) == vocabulary.as_dict()
    rows = [json.loads(line) for line in (tmp_path / "a" / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "step", "learning_rate", "train_nll", "validation_nll"}
    card = (tmp_path / "a" / "README.md").read_text()
    assert f"so {metrics['held_out']} is held out" in card
    assert re.search(r"\| train \| 2 \| 144 \| \d\.\d{3} \|", card)


@pytest.mark.heavy
def test_a_worker_leaves_nothing_but_the_model_and_keeps_its_state_elsewhere(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PACH_DATUM_ID", "d1")
    monkeypatch.setenv("AEOLIAN_CHECKPOINTS", str(tmp_path / "kept"))
    config = Config(songs, tmp_path / "out", **{**SMALL, "epochs": 1})
    folder = state_folder(tmp_path, None, "fingerprint")
    assert folder.parent == tmp_path / "kept"
    assert folder != state_folder(tmp_path, None, "another")
    assert state_folder(tmp_path, tmp_path / "c", "f") == tmp_path / "c"
    run(config)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert json.loads(capsys.readouterr().out)["ok"] == 3
    monkeypatch.delenv("PACH_DATUM_ID")
    assert state_folder(tmp_path, None, "f") == tmp_path / ".training"


@pytest.mark.heavy
def test_a_loaded_model_is_trained_on_with_its_own_shape(songs: Path, tmp_path: Path) -> None:
    run(Config(songs, tmp_path / "first", **{**SMALL, "epochs": 1, "convolution": 1}))
    shorter = {"load_path": tmp_path / "first", "epochs": 1, "max_seq": 16, "convolution": 3}
    run(Config(songs, tmp_path / "second", **shorter))
    expected = preset("aeolian", d_model=16, num_layers=1, num_heads=2, d_ff=16, max_seq=16)
    assert read_config(tmp_path / "second") == expected
    assert "Training started from the weights of another model" in (tmp_path / "second" / "README.md").read_text()
    with pytest.raises(UsageError, match="--num_layers is 3, but the loaded model's is 1"):
        run(Config(songs, tmp_path / "third", load_path=tmp_path / "first", num_layers=3))
    with pytest.raises(UsageError, match="--max_seq 64 is more than the loaded model's 32"):
        run(Config(songs, tmp_path / "third", load_path=tmp_path / "first", max_seq=64))
    with pytest.raises(UsageError, match="--convolution is 2, but the loaded model's is 3"):
        run(Config(songs, tmp_path / "third", load_path=tmp_path / "second", convolution=2))


def test_without_a_readable_song_the_reason_is_one_sentence(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    with pytest.raises(UsageError, match="does not exist"):
        run(Config(songs, tmp_path / "out"))
    songs.mkdir()
    with pytest.raises(UsageError, match="is empty"):
        run(Config(songs, tmp_path / "out"))
    (songs / "a.tfrecord").write_bytes(b"nothing of the kind")
    write_song(songs / "b.tfrecord", SongExample("b", "train", np.empty(0, np.int16)))
    with pytest.raises(AeolianError, match=r"No song in .* can be read"):
        run(Config(songs, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_shapes_come_from_the_flags_or_the_architecture() -> None:
    here = Path()
    assert train._model_config(Config(here, here)) == ModelConfig(activation="squared_relu", convolution=3)
    ancestor = train._model_config(Config(here, here, architecture="ancestor"))
    assert (ancestor.architecture, ancestor.d_ff, ancestor.dropout) == ("ancestor", 128, 0.2)
    with pytest.raises(UsageError, match="d_model 250 cannot be shared among 4 heads"):
        train._model_config(Config(here, here, d_model=250))


def test_the_rate_falls_to_the_clock_s_end_where_there_is_one() -> None:
    here = Path()

    def schedule(**flags: object) -> str:
        config = Config(here, here, **flags)  # type: ignore[arg-type]
        return train._training_config(config, train._model_config(config)).schedule

    assert (
        schedule() == schedule(architecture="ancestor", minutes=1.0) == schedule(minutes=1.0, schedule="noam") == "noam"
    )
    assert schedule(minutes=1.0) == schedule(schedule="cosine") == "cosine"
