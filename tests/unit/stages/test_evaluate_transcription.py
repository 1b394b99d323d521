"""aeolian evaluate transcription: folders of truth and transcriptions scored; recordings transcribed on the way."""

import json
from pathlib import Path

import numpy as np
import pytest
import symusic
from click.testing import CliRunner
from with_drums import write_with_drums

from aeolian.cli.main import main
from aeolian.errors import UsageError
from aeolian.formats.midi import write_midi
from aeolian.formats.wav import write_wav
from aeolian.music.notes import Notes
from aeolian.rendering.player import play
from aeolian.rendering.synthesis import default_soundfont
from aeolian.stages.evaluate_transcription import Config, as_dict, evaluate

TUNE = Notes.of([(i * 0.4, i * 0.4 + 0.35, 60 + 2 * (i % 6), 60 + i) for i in range(10)])


def with_pedal(path: Path) -> None:
    """A key let go after half a second, the pedal after two."""
    score = symusic.Score(480)
    score.tempos.append(symusic.Tempo(0, 120))
    track = symusic.Track(name="", program=0, is_drum=False)
    track.notes.append(symusic.Note(0, 480, 60, 64))
    track.controls.append(symusic.ControlChange(0, 64, 127))
    track.controls.append(symusic.ControlChange(1920, 64, 0))
    score.tracks.append(track)
    path.write_bytes(score.dumps_midi())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    truth, found = tmp_path / "truth", tmp_path / "found"
    truth.mkdir()
    found.mkdir()
    write_midi(truth / "tune.mid", TUNE)
    with_pedal(truth / "pedal.midi")
    (truth / "broken.mid").write_bytes(b"MThd\0\0")
    write_midi(found / "tune.mid", TUNE.take(np.arange(8)))
    write_midi(found / "pedal.mid", Notes.of([(0.0, 0.5, 60, 64)]))
    write_midi(found / "other.mid", TUNE)
    return truth, found


def test_drums_are_no_notes_of_either_side_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "found").mkdir()
    write_with_drums(tmp_path / "truth" / "tune.mid", TUNE, drums=4)
    write_with_drums(tmp_path / "truth" / "drums.mid", Notes.empty(), drums=2)
    write_with_drums(tmp_path / "found" / "tune.mid", TUNE, drums=3)
    (system,) = as_dict(evaluate(Config(tmp_path / "truth", tmp_path / "found"))).values()
    assert system["by_piece"].keys() == {"tune"}
    assert system["by_piece"]["tune"]["reference_notes"] == system["by_piece"]["tune"]["estimated_notes"] == len(TUNE)
    for said in ("tune.mid: 4 drum", "drums.mid: 2 drum", "tune.mid: 3 drum"):
        assert said in caplog.text


def test_scores_of_a_folder_with_the_pedal_and_without(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    truth, found = folders
    (system,) = as_dict(evaluate(Config(truth, found))).values()
    tune, pedal = system["by_piece"]["tune"], system["by_piece"]["pedal"]
    assert tune["onset"] == {"precision": 1.0, "recall": 0.8, "f1": pytest.approx(0.88889)}
    assert (pedal["onset"]["f1"], pedal["onset_offset"]["f1"]) == (1.0, 0.0)
    assert system["onset_offset_f1_by_keys"] == 1.0
    assert system["means"]["onset"]["f1"] == pytest.approx((1 + 0.88889) / 2, abs=1e-5)
    assert "broken.mid: damaged MIDI file" in caplog.text
    assert "other.mid: no reference has this name" in caplog.text
    (found / "tune.mid").unlink()
    (system,) = as_dict(evaluate(Config(truth, found))).values()
    assert system["by_piece"]["tune"]["onset"]["f1"] == 0.0
    assert "tune: there is no transcription; it counts as empty" in caplog.text


def test_what_is_typed_and_what_comes_out(folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = (str(folder) for folder in folders)
    plots = tmp_path / "plots"
    table = CliRunner().invoke(
        main, ["evaluate", "transcription", truth, "--input", found, "--plots", str(plots)], catch_exceptions=False
    )
    assert table.exit_code == 0
    (mean,) = [line.split() for line in table.stdout.splitlines() if line.startswith("mean")]
    assert mean[:3] == ["mean", "94.4", "44.4"]
    assert "+OFFSET without the pedal: 100.0" in table.stdout
    assert (plots / "errors.png").read_bytes().startswith(b"\x89PNG")
    told = CliRunner().invoke(main, ["evaluate", "transcription", truth, "--input", found, "-o", "json"])
    assert json.loads(told.stdout)[found]["pieces"] == 2


def test_recordings_are_transcribed_on_the_way(tmp_path: Path) -> None:
    sound = play(TUNE, 5.0, soundfont=default_soundfont(), sample_rate_hz=22_050)
    write_wav(tmp_path / "tune.wav", sound, 22_050)
    (tmp_path / "tune.tsv").write_text("# onset\n" + "".join(f"{a}\t{b}\t{p}\t{v}\n" for a, b, p, v in TUNE.rows()))
    (system,) = evaluate(Config(tmp_path, backend="basic-pitch"))
    assert system.version.startswith("basic-pitch 0.4.0")
    assert system.pieces[0].scores["onset"].f1 > 0.8


def test_folders_with_nothing_to_compare_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, _ = folders
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="holds no true notes"):
        evaluate(Config(empty))
    with pytest.raises(UsageError, match="holds no transcription of any reference"):
        evaluate(Config(truth, empty))
    with pytest.raises(UsageError, match="holds no recordings"):
        evaluate(Config(truth))
    with pytest.raises(UsageError, match="does not exist"):
        evaluate(Config(tmp_path / "nowhere"))
