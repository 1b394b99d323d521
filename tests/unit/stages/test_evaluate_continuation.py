"""aeolian evaluate continuation, typed: the table, JSON, a picture, and songs that will not do."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aeolian.cli.main import main
from aeolian.formats.midi import read_midi, write_midi
from aeolian.music.notes import Notes
from aeolian.stages.evaluate_continuation import Config, split_song
from aeolian.stages.evaluate_continuation import evaluate as find
from aeolian.stages.model_folder import write_model
from aeolian.stages.pieces import SongExample
from aeolian.transformer.config import preset
from aeolian.transformer.weights import expected_shapes


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", "continuation", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for which every event is as likely as the next."""
    folder = tmp_path_factory.mktemp("model")
    config = preset("aeolian", d_model=16, num_layers=1, num_heads=2, max_seq=64)
    nothing = {name: np.zeros(shape, np.float32) for name, shape in expected_shapes(config).items()}
    write_model(folder, config, nothing, about={}, texts={})
    return folder


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for number in (1, 2, 3):
        write_midi(folder / f"{number}.mid", read_midi(root / "samples" / "midi" / f"{number}.mid"))
    write_midi(folder / "short.mid", Notes.of([(0.0, 1.0, 60, 64)]))
    return folder


def test_the_table_has_the_truth_what_was_made_and_the_baselines(model: Path, songs: Path, tmp_path: Path) -> None:
    options = ("--load_path", model, "--seconds", "20", "--length", "60", "--plots", tmp_path / "pictures")
    done = evaluate(songs, *options)
    assert done.exit_code == 0, done.output
    assert "SEED REPEATED" in done.output and "pitch classes" in done.output and "worst" in done.output
    assert (tmp_path / "pictures" / "continuation.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(evaluate(songs, *options[:-2], "-o", "json").stdout)
    assert document["songs"] == 3
    found = document["answers"]
    assert found["true"]["worst_ratio"] == 1.0
    assert found["seed repeated"]["worst_ratio"] == 0.0
    assert found["seed repeated"]["from_the_seed"]["value"] == 1.0
    assert found["made"]["worst_ratio"] > 1.5  # by a model that knows nothing
    assert found["another song"]["ratios"]["pitch classes"]["value"] > 1.5  # three songs in three keys
    assert [song["name"] for song in document["by_song"]] == ["1", "2", "3"]


def test_the_same_songs_give_the_same_figures(model: Path, songs: Path) -> None:
    config = Config(songs, model, seconds=20, length=40, songs=1, baselines=False)
    first, again = find(config), find(config)
    assert np.array_equal(first.answers[1].distances, again.answers[1].distances)
    assert [each.name for each in first.answers] == ["true", "made"]


def test_a_song_shorter_than_two_stretches_is_cut_in_its_middle() -> None:
    from aeolian.music.codec import encode

    notes = Notes.of([(float(n), n + 0.5, 60 + n, 64) for n in range(20)])
    found = split_song(SongExample("s", "train", encode(notes)), 30.0)
    assert found is not None
    _, seed, truth = found
    assert (len(seed.notes), len(truth.notes), seed.seconds) == (10, 10, pytest.approx(9.75))
    assert truth.notes.pitch.tolist() == list(range(70, 80))


def test_songs_that_are_too_short_are_said(model: Path, tmp_path: Path) -> None:
    write_midi(tmp_path / "short.mid", Notes.of([(0.0, 1.0, 60, 64)]))
    done = evaluate(tmp_path, "--load_path", model)
    assert done.exit_code == 2
    assert "lasts 10 seconds" in done.output
