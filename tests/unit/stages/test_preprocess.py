"""preprocess: MIDI folders in, one TFRecord a song out, bad files named."""

import json
from pathlib import Path

import pytest
from with_drums import write_with_drums

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.midi import write_midi
from aeolian.formats.song_example import read_songs
from aeolian.music.notes import Notes
from aeolian.stages.preprocess import Config, run, split_of


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "midi"
    (folder / "album").mkdir(parents=True)
    write_midi(folder / "one.mid", Notes.of([(0.0, 0.5, 60, 64)]))
    write_midi(folder / "album" / "Twö.MID", Notes.of([(0.0, 0.5, 62, 64)]))
    return folder


def test_each_song_becomes_one_record_of_its_tokens(songs: Path, tmp_path: Path) -> None:
    run(Config(songs, tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tfrecord")) == ["album-two.tfrecord", "one.tfrecord"]
    (song,) = read_songs(tmp_path / "out" / "one.tfrecord")
    assert (song.name, song.tokens.tolist()) == ("one", [371, 60, 305, 188])
    assert song.split == split_of(song.tokens.tobytes(), 10, 10)


def test_bad_files_are_named_with_the_reason_and_stop_nothing(
    songs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (songs / "broken.mid").write_bytes(b"MThd\0\0")
    (songs / "empty.mid").write_bytes(b"")
    (songs / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    write_midi(songs / "silence.mid", Notes.empty())
    run(Config(songs, tmp_path / "out"))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    reasons = {entry["input"]: entry["reason"] for entry in report["inputs"] if entry["status"] == "failed"}
    assert (report["ok"], report["failed"]) == (2, 4)
    assert "within its header" in reasons["broken.mid"]
    assert reasons["empty.mid"] == "empty file (0 bytes)."
    assert "not a MIDI file" in reasons["cover.jpg"]
    assert reasons["silence.mid"] == "no notes in it."
    assert all(name in caplog.text for name in reasons)
    assert len(list((tmp_path / "out").glob("*.tfrecord"))) == 2


def test_drums_are_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "midi").mkdir()
    write_with_drums(tmp_path / "midi" / "band.mid", Notes.of([(0.0, 0.5, 60, 64)]), drums=3)
    write_with_drums(tmp_path / "midi" / "drums.mid", Notes.empty(), drums=1)
    run(Config(tmp_path / "midi", tmp_path / "out"))
    (song,) = read_songs(tmp_path / "out" / "band.tfrecord")
    assert song.tokens.tolist() == [371, 60, 305, 188]
    band, drums = json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]
    assert (band["details"]["notes"], band["details"]["remarks"]) == (1, ["3 drum notes (channel 10) left out"])
    assert (drums["status"], drums["reason"]) == ("failed", "no notes in it; 1 drum note (channel 10) left out.")
    assert "preprocess: band.mid: 3 drum notes (channel 10) left out" in caplog.text


def test_a_worker_reports_on_stdout_and_never_fails_for_a_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "broken.mid").write_bytes(b"no")
    monkeypatch.setenv("PACH_DATUM_ID", "d1")
    run(Config(tmp_path / "midi", tmp_path / "out"))
    assert json.loads(capsys.readouterr().out)["failed"] == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_by_hand_nothing_usable_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "broken.mid").write_bytes(b"no")
    with pytest.raises(AeolianError, match="none of the 1 inputs"):
        run(Config(tmp_path / "midi", tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AeolianError, match="no input was found"):
        run(Config(tmp_path / "empty", tmp_path / "out"))
    with pytest.raises(UsageError, match="does not exist"):
        run(Config(tmp_path / "absent", tmp_path / "out"))


def test_the_same_input_gives_the_same_bytes(songs: Path, tmp_path: Path) -> None:
    run(Config(songs, tmp_path / "a"))
    run(Config(songs, tmp_path / "b"))
    assert [(p.name, p.read_bytes()) for p in sorted((tmp_path / "a").iterdir())] == [
        (p.name, p.read_bytes()) for p in sorted((tmp_path / "b").iterdir())
    ]


def test_the_split_follows_the_content_and_the_shares() -> None:
    contents = [str(i).encode() for i in range(2000)]
    splits = [split_of(content, 10, 10) for content in contents]
    assert splits == [split_of(content, 10, 10) for content in contents]
    assert 150 < splits.count("validation") < 250
    assert 150 < splits.count("test") < 250
    assert {split_of(content, 0, 0) for content in contents} == {"train"}
    # A song held out for validation stays there when the test share grows.
    assert all(split_of(c, 10, 40) == "validation" for c, s in zip(contents, splits, strict=True) if s == "validation")
