"""train-transcriber: MIDI and recordings in, a model folder out; what cannot be used is named."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.formats.midi import write_midi
from aeolian.formats.wav import write_wav
from aeolian.music.notes import Notes
from aeolian.rendering.player import play
from aeolian.rendering.synthesis import default_soundfont
from aeolian.stages import train_transcriber
from aeolian.stages.report import StageReport
from aeolian.stages.takes import recorded, render, renderings
from aeolian.stages.train_transcriber import Config, run
from aeolian.stages.transcriber_corpus import Corpus
from aeolian.transcription.onsets_and_frames import config as models
from aeolian.transcription.training.corpus import read_song
from aeolian.transcription.training.takes import find_take

# Compile quickly rather than well. Read by XLA when a backend first loads.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

TINY = models.ModelConfig(
    **{"conv_filters": (4,), "conv_pools": (4,), "conv_dropouts": (0.1,), "dense_units": 8, "dense_dropout": 0.0},
    **{"onset_units": 4, "offset_units": 4, "combined_units": 4, "velocity_scale": 127.0, "velocity_bias": 0.0},
)
FILES = [
    "README.md",
    "config.json",
    "history.jsonl",
    "metrics.json",
    "model.safetensors",
    "report.json",
    "training.png",
]


def tune(number: int) -> Notes:
    return Notes.of([(i * 0.2, i * 0.2 + 0.15, 50 + (i * (number + 2)) % 30, 40 + i) for i in range(40)])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(3):
        write_midi(folder / f"song-{number}.mid", tune(number))
    write_midi(folder / "short.mid", tune(0).take(np.arange(4)))
    (folder / "broken.mid").write_bytes(b"MThd")
    sound = play(tune(7), 9.0, soundfont=default_soundfont(), sample_rate_hz=22_050)
    write_wav(folder / "recording.wav", sound, 22_050)
    write_midi(folder / "recording.mid", tune(7))
    (folder / "noise.wav").write_bytes(b"RIFF")
    write_midi(folder / "noise.mid", tune(3))
    return folder


@pytest.mark.heavy
def test_midi_and_recordings_become_a_model(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(models.PRESETS, "small", TINY)
    monkeypatch.setattr(train_transcriber, "SECONDS_OF_VALIDATION", 3.0)
    validation = tmp_path / "held-out"
    validation.mkdir()
    write_midi(validation / "other.mid", tune(5))
    small = {"steps": 3, "batch_size": 2, "segment_s": 0.64, "hours": 0.04, "validation_takes": 1, "workers": 1}
    run(Config(corpus, tmp_path / "a", validation_path=validation, l_r=0.01, **small))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == FILES
    for name in FILES:
        assert str(tmp_path).encode() not in (tmp_path / "a" / name).read_bytes(), name
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    failed = {entry["input"]: entry["reason"] for entry in report["inputs"] if entry["status"] == "failed"}
    assert sorted(failed) == ["broken.mid", "noise.wav", "short.mid"]
    assert "fewer than 30 notes" in caplog.text
    told = json.loads((tmp_path / "a" / "config.json").read_text())["training"]
    assert (told["songs"], told["recordings"], told["takes"], told["steps"]) == (3, 2, 3, 3)
    rows = [json.loads(line) for line in (tmp_path / "a" / "history.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3]
    assert np.isfinite(rows[0]["validation_loss"])
    assert "3 songs in MIDI, 1 more held out" in (tmp_path / "a" / "README.md").read_text()


def test_a_rendering_follows_from_seed_and_number_alone(corpus: Path, tmp_path: Path) -> None:
    songs = [read_song(corpus / f"song-{n}.mid", str(n)) for n in range(3)]
    made = []
    for out, count in (("a", 2), ("b", 5)):
        folder = tmp_path / out
        folder.mkdir()
        jobs = renderings(folder, songs, [default_soundfont()], count=count, seed=4)
        assert render(jobs[1]) == "000001"
        made.append([(folder / f"000001.{part}").read_bytes() for part in ("audio.npy", "notes.npy", "json")])
    assert made[0] == made[1]
    take = find_take(tmp_path / "a", "000001")
    assert take is not None
    notes = take.notes()
    assert len(notes) > 0
    assert notes.end_s < take.duration_s
    audio, _ = take.cut(0, take.frames)
    first = round(notes.onset_s[0] * 16_000)
    assert np.abs(audio[: max(0, first - 20)]).max(initial=0) < 100 < np.abs(audio[first:][:800]).max()
    before = (tmp_path / "a" / "000001.json").stat().st_mtime_ns
    render(renderings(tmp_path / "a", songs, [default_soundfont()], count=2, seed=4)[1])
    assert (tmp_path / "a" / "000001.json").stat().st_mtime_ns == before, "what is there is not made again"


def test_a_long_recording_is_cut_and_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Path) -> None:
    monkeypatch.setattr("aeolian.stages.takes.PIECE_S", 4.0)
    report = StageReport("test")
    takes = recorded(tmp_path / "takes", "recording.wav", corpus / "recording.wav", corpus / "recording.mid", report)
    assert [round(take.duration_s, 2) for take in takes] == [4.0, 4.0, 0.99]
    assert [len(take.notes()) for take in takes] == [20, 20, 0]
    assert takes[1].notes().onset_s[0] == pytest.approx(0.0)

    def unread(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("aeolian.formats.wav.WavReader.blocks", unread)
    again = recorded(tmp_path / "takes", "recording.wav", corpus / "recording.wav", corpus / "recording.mid", report)
    assert again == takes


def test_a_corpus_without_music_or_soundfont_is_refused(tmp_path: Path, corpus: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    report = StageReport("test")
    with pytest.raises(UsageError, match=r"holds nothing to learn from.*needs NAME\.midi"):
        Corpus.read(empty, None, None, None, report)
    with pytest.raises(UsageError, match="does not exist"):
        Corpus.read(tmp_path / "nowhere", None, None, None, report)
    with pytest.raises(UsageError, match="holds no soundfont"):
        Corpus.read(corpus, None, empty, None, report)
    (corpus / "own.sf2").write_bytes(b"not a soundfont")
    with pytest.raises(UsageError, match=r"own\.sf2 cannot be read: it is not a soundfont"):
        Corpus.read(corpus, None, None, None, report)


def test_test_recordings_of_maestro_teach_nothing(corpus: Path) -> None:
    (corpus / "noise.wav").unlink()
    rows = "audio_filename,split\nrecording.wav,test\n"
    (corpus / "maestro-v3.0.0.csv").write_text(rows)
    found = Corpus.read(corpus, None, None, None, StageReport("test"))
    assert (found.pairs, found.held_out_pairs) == ([], [])
