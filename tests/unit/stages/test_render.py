import json
from pathlib import Path

import pytest
import soundfile
from with_drums import write_with_drums

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.midi import write_midi
from aeolian.music.notes import Notes
from aeolian.stages.render import Config, run

TUNE = Notes.of([(0.2 * i, 0.2 * i + 0.3, 60 + i, 50 + i) for i in range(5)])
FRAMES = round((1.1 + 3.0) * 8_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    songs = tmp_path / "in"
    (songs / "sub").mkdir(parents=True)
    write_midi(songs / "My Tune.mid", TUNE)
    write_midi(songs / "sub" / "Été.MID", TUNE)
    write_midi(songs / "silent.mid", Notes.empty())
    (songs / "broken.mid").write_bytes(b"MThd\x00\x00")
    (songs / "cover.jpg").write_bytes(b"\xff\xd8")
    return songs


def test_good_files_are_rendered_and_bad_ones_are_named(folder: Path, tmp_path: Path) -> None:
    run(Config(folder, tmp_path / "out", sample_rate=8_000))
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["mytune.png", "mytune.wav", "report.json", "sub-ete.png", "sub-ete.wav"]
    sound = soundfile.info(tmp_path / "out" / "mytune.wav")
    assert (sound.samplerate, sound.channels, sound.frames, sound.subtype) == (8_000, 2, FRAMES, "PCM_16")
    assert (tmp_path / "out" / "mytune.png").read_bytes().startswith(b"\x89PNG")

    report = json.loads((tmp_path / "out" / "report.json").read_text())
    entries = {entry["input"]: entry for entry in report["inputs"]}
    assert (report["ok"], report["failed"], report["skipped"]) == (2, 2, 1)
    assert entries["My Tune.mid"]["outputs"] == ["mytune.wav", "mytune.png"]
    assert entries["My Tune.mid"]["details"] == {
        "notes": 5,
        "duration_s": 4.1,
        "sample_rate_hz": 8_000,
        "remarks": [],
    }
    assert "no notes" in entries["silent.mid"]["reason"]
    assert "damaged MIDI" in entries["broken.mid"]["reason"]
    assert entries["cover.jpg"]["status"] == "skipped"


def test_drums_are_not_played_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "midi").mkdir()
    write_midi(tmp_path / "midi" / "alone.mid", TUNE)
    write_with_drums(tmp_path / "midi" / "band.kar", TUNE, drums=2)
    write_with_drums(tmp_path / "midi" / "drums.mid", Notes.empty(), drums=2)
    run(Config(tmp_path / "midi", tmp_path / "out", sample_rate=8_000))
    assert (tmp_path / "out" / "band.wav").read_bytes() == (tmp_path / "out" / "alone.wav").read_bytes()
    _, band, drums = json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]
    assert band["details"]["remarks"] == ["2 drum notes (channel 10) left out"]
    assert drums["reason"] == "has no notes, so there is nothing to play; 2 drum notes (channel 10) left out."
    assert "render: band.kar: 2 drum notes (channel 10) left out" in caplog.text


def test_equal_input_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        run(Config(folder, tmp_path / out, sample_rate=8_000))
    for name in ("mytune.wav", "mytune.png", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_file_without_a_picture(folder: Path, tmp_path: Path) -> None:
    run(Config(folder / "My Tune.mid", tmp_path / "out", sample_rate=8_000, picture=False))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mytune.wav", "report.json"]


def test_a_worker_writes_names_that_no_other_datum_can_write(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PACH_DATUM_ID", "1")
    for name in ("silent.mid", "broken.mid", "cover.jpg", "sub/Été.MID"):
        (folder / name).unlink()
    run(Config(folder, tmp_path / "out", sample_rate=8_000))
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [Path(name).suffix for name in made] == [".png", ".wav"]
    assert all(name.startswith("mytune-") for name in made)
    assert json.loads(capsys.readouterr().out)["inputs"][0]["outputs"] == made[::-1]


def test_when_nothing_can_be_done_the_stage_fails(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AeolianError, match="none of the 1 inputs"):
        run(Config(folder / "broken.mid", tmp_path / "out"))
    with pytest.raises(UsageError, match="No MIDI file"):
        run(Config(folder / "cover.jpg", tmp_path / "out"))
    with pytest.raises(UsageError, match="does not exist"):
        run(Config(folder / "missing", tmp_path / "out"))


def test_an_unusable_soundfont_ends_the_stage_and_leaves_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.sf2"):
        run(Config(folder, tmp_path / "out", soundfont=Path("missing.sf2")))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failing_picture_leaves_neither_picture_nor_sound(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aeolian.rendering.piano_roll.draw", fail)
    with pytest.raises(OSError, match="No space"):
        run(Config(folder, tmp_path / "out", sample_rate=8_000))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_piece_of_days_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    write_midi(tmp_path / "midi" / "endless.mid", Notes.of([(0.0, 5 * 3600.0, 60, 64)]), bpm=6)
    write_midi(tmp_path / "midi" / "short.mid", Notes.of([(0.0, 0.2, 60, 64)]))
    run(Config(tmp_path / "midi", tmp_path / "out", picture=False))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [(e["input"], e["reason"][:20]) for e in report["inputs"] if e["status"] == "failed"] == [
        ("endless.mid", "lasts 5.0 hours, whi")
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "short.wav"]
