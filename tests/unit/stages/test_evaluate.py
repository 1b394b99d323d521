"""aeolian evaluate, typed: tables, JSON, pictures, bad files, and the splits of training."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from with_drums import write_with_drums

from aeolian.cli.main import main
from aeolian.formats.midi import read_midi, write_midi
from aeolian.formats.song_example import SongExample, write_song
from aeolian.music.codec import encode
from aeolian.music.notes import Notes
from aeolian.stages.model_folder import write_model
from aeolian.stages.pieces import read_pieces
from aeolian.transformer.config import preset
from aeolian.transformer.weights import expected_shapes


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Three pieces, one of which repeats a whole song of the corpus in another key; and six songs."""
    folder = tmp_path_factory.mktemp("music")
    for name in ("pieces", "songs"):
        (folder / name).mkdir()
    seeds = [read_midi(root / "samples" / "midi" / f"{n}.mid") for n in range(1, 8)]
    for number, notes in enumerate(seeds[:6]):
        tokens = encode(notes)
        write_song(folder / "songs" / f"{number}.tfrecord", SongExample(f"song-{number}", "train", tokens))
    write_midi(folder / "pieces" / "new.mid", seeds[6])
    stolen = seeds[2]
    write_midi(
        folder / "pieces" / "stolen.mid",
        Notes(stolen.onset_s, stolen.offset_s, stolen.pitch + 2, stolen.velocity),
    )
    (folder / "pieces" / "broken.mid").write_bytes(b"MThd")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that foresees nothing."""
    folder = tmp_path_factory.mktemp("model")
    config = preset("aeolian", d_model=16, num_layers=1, num_heads=2, max_seq=64)
    nothing = {name: np.zeros(shape, np.float32) for name, shape in expected_shapes(config).items()}
    write_model(folder, config, nothing, about={}, texts={})
    return folder


def test_drums_of_a_piece_are_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "pieces").mkdir()
    tune = Notes.of([(0.4 * n, 0.4 * n + 0.3, 60 + n % 7, 64) for n in range(20)])
    write_with_drums(tmp_path / "pieces" / "band.mid", tune, drums=4)
    write_with_drums(tmp_path / "pieces" / "drums.mid", Notes.empty(), drums=2)
    (piece,) = read_pieces(tmp_path / "pieces", "evaluate", lambda *_: None)
    assert piece.tokens.tolist() == encode(tune).tolist()
    assert "evaluate: band.mid: 4 drum notes (channel 10) left out" in caplog.text
    assert "evaluate: drums.mid: no notes in it; 2 drum notes (channel 10) left out." in caplog.text


def test_music_as_a_table(music: Path, caplog: pytest.LogCaptureFixture) -> None:
    done = evaluate("music", music / "pieces", "--corpus", music / "songs")
    assert done.exit_code == 0, done.output
    assert "broken.mid: damaged MIDI file" in caplog.text
    rows = {line.split()[0]: line.split() for line in reversed(done.stdout.splitlines()) if line.strip()}
    assert rows["pieces:"] == ["pieces:", "2"]
    assert rows["corpus:"][1:3] == ["6", "songs,"]
    assert rows["pitch_class_entropy"][1] == "bits"
    assert rows["stolen"][-2:] == ["song-2", "100.0%"]
    assert rows["stolen"][1].endswith("!")
    assert not rows["new"][1].endswith("!")


def test_music_as_json_with_pictures(music: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    arguments = (
        "music",
        music / "pieces",
        "--corpus",
        music / "songs",
        "--plots",
        pictures,
        "-o",
        "json",
        "--parts",
        "4",
    )
    done = evaluate(*arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["pieces"], document["corpus_songs"]) == (2, 6)
    by_name = {row["name"]: row for row in document["shared"]}
    assert by_name["stolen"]["covered"] == 1.0
    assert by_name["stolen"]["longest_notes"] == len(read_midi(music / "pieces" / "stolen.mid"))
    assert by_name["new"]["longest_notes"] < 12
    assert len(document["by_part"]["polyphony"]) == 4
    assert document["statistics"]["velocity_mean"]["inside"] is not None
    names = ["parts.png", "shared.png", "similarity.png", "statistics.png"]
    assert sorted(path.name for path in pictures.iterdir()) == names
    before = {name: (pictures / name).read_bytes() for name in names}
    for content in before.values():
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert min(struct.unpack(">II", content[16:24])) > 300
    evaluate(*arguments)
    assert {name: (pictures / name).read_bytes() for name in names} == before


def test_music_without_a_corpus(root: Path) -> None:
    done = evaluate("music", root / "samples" / "midi" / "1.mid", "--parts", "1")
    assert done.exit_code == 0, done.output
    assert "corpus: none" in done.stdout
    assert "PART BY PART" not in done.stdout
    assert "SHARED" not in done.stdout


def test_nothing_to_measure_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cover.jpg").write_bytes(b"x")
    done = evaluate("music", tmp_path)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("error: There is no piece in")
    done = evaluate("music", tmp_path / "absent")
    assert "does not exist" in done.stderr


def test_likelihood_by_song_kind_and_second(model: Path, music: Path) -> None:
    done = evaluate("likelihood", "--load_path", model, "--input", music / "songs", "-o", "json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["songs"], document["stride"], document["context"]) == (6, 32, 64)
    assert document["nats_per_token"] == pytest.approx(np.log(391), abs=1e-6)
    assert document["nats_per_second"] == pytest.approx(
        np.log(391) * document["tokens"] / document["seconds"], rel=1e-4
    )
    assert sum(kind["tokens"] for kind in document["by_kind"].values()) == document["tokens"]
    assert document["by_kind"]["end"]["tokens"] == 6
    assert [song["name"] for song in document["by_song"]] == [f"song-{n}" for n in range(6)]
    table = evaluate("likelihood", "--load_path", model, "--input", music / "pieces")
    assert table.exit_code == 0
    assert "NLL:    5.9687 nats a token" in table.stdout


def test_what_has_no_length_is_null_and_a_dash(model: Path, tmp_path: Path) -> None:
    write_song(tmp_path / "a.tfrecord", SongExample("a", "train", np.array([370], np.int16)))
    arguments = ("likelihood", "--load_path", model, "--input", tmp_path)
    assert json.loads(evaluate(*arguments, "-o", "json").stdout)["nats_per_second"] is None
    assert "NLL:    5.9687 nats a token, - nats a second" in evaluate(*arguments).stdout
    document = json.loads(evaluate("music", tmp_path, "-o", "json").stdout)
    assert document["by_piece"][0]["polyphony"] is None


def test_likelihood_of_some_songs(model: Path, music: Path) -> None:
    chosen = evaluate("likelihood", "--load_path", model, "--input", music / "songs", "--songs", "2", "-o", "json")
    assert len(json.loads(chosen.stdout)["by_song"]) == 2
    held = evaluate(
        "likelihood", "--load_path", model, "--input", music / "songs", "--split", "validation", "-o", "json"
    )
    assert len(json.loads(held.stdout)["by_song"]) == 1  # the song that training would hold out
    none = evaluate("likelihood", "--load_path", model, "--input", music / "songs", "--split", "test")
    assert (none.exit_code, "No song of" in none.stderr) == (2, True)
    far = evaluate("likelihood", "--load_path", model, "--input", music / "songs", "--stride", "65")
    assert "--stride 65 is more than the model's context of 64 tokens" in far.stderr
