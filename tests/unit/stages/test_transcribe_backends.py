"""transcribe: which model listens, what the report says of it, and the picture."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1] / "transcription"))
from golden_clip import RATE_HZ, clip
from small_model import TINY, drawn_weights

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.midi import read_midi
from aeolian.stages import shipped_models
from aeolian.stages.report import REPORT_NAME
from aeolian.stages.transcribe import Config, run
from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
from aeolian.transcription.onsets_and_frames.weights import write_model


@pytest.fixture
def wavs(tmp_path):
    folder = tmp_path / "wav"
    folder.mkdir()
    soundfile.write(folder / "song.wav", clip(), RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_model(folder, TINY, drawn_weights(TINY), half=True)
    return folder


@pytest.fixture
def no_shipped_models(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped_models, "_BESIDE_THE_CODE", tmp_path / "none")
    monkeypatch.delenv("AEOLIAN_MODELS", raising=False)
    monkeypatch.delenv("AEOLIAN_TRANSCRIBER", raising=False)


def entry_of(output, name="song.wav"):
    report = json.loads((output / REPORT_NAME).read_text(encoding="utf-8"))
    return {entry["input"]: entry for entry in report["inputs"]}[name]


def test_onsets_and_frames_from_a_folder(wavs, tmp_path, model):
    run(Config(wavs, tmp_path / "out", "onsets-frames", load_path=model))
    details = entry_of(tmp_path / "out")["details"]
    assert details["backend"] == "onsets-frames"
    assert details["backend_version"].startswith("model.safetensors sha256 ")
    notes = read_midi(tmp_path / "out" / "song.mid")
    assert len(notes) == details["notes"] > 0
    # Frames are 32 ms; a MIDI tick is finer.
    np.testing.assert_allclose(notes.onset_s / 0.032, np.rint(notes.onset_s / 0.032), atol=0.05)
    run(Config(wavs, tmp_path / "again", "onsets-frames", load_path=model))
    assert (tmp_path / "out" / "song.mid").read_bytes() == (tmp_path / "again" / "song.mid").read_bytes()


def test_thresholds_and_lengths_are_those_that_were_told(wavs, tmp_path, model):
    counts = {}
    for name, options in {
        "own": {},
        "more": {"onset_threshold": 0.3},
        "fewer": {"onset_threshold": 0.7},
        "long": {"minimum_note_length": 320.0},
    }.items():
        run(Config(wavs, tmp_path / name, "onsets-frames", load_path=model, **options))
        notes = read_midi(tmp_path / name / "song.mid")
        counts[name] = len(notes)
        if name == "long":
            assert (notes.offset_s - notes.onset_s).min() > 0.31
    assert counts["fewer"] < counts["own"] < counts["more"]
    assert counts["long"] < counts["own"]


def test_a_model_by_name(wavs, tmp_path, model, monkeypatch):
    monkeypatch.setenv("AEOLIAN_MODELS", str(model.parent))
    run(Config(wavs, tmp_path / "out", "onsets-frames", load_path=Path("tiny")))
    assert entry_of(tmp_path / "out")["status"] == "ok"


@pytest.mark.usefixtures("no_shipped_models")
def test_an_image_names_its_model_in_the_environment(wavs, tmp_path, model, monkeypatch):
    monkeypatch.setenv("AEOLIAN_TRANSCRIBER", str(model))
    run(Config(wavs, tmp_path / "out", "onsets-frames"))
    assert entry_of(tmp_path / "out")["details"]["backend"] == "onsets-frames"


@pytest.mark.usefixtures("no_shipped_models")
def test_no_model_to_be_had_is_told(wavs, tmp_path):
    with pytest.raises(AeolianError, match="There is no Onsets and Frames model"):
        run(Config(wavs, tmp_path / "out", "onsets-frames"))
    with pytest.raises(UsageError, match="no model folder nowhere"):
        run(Config(wavs, tmp_path / "out", "onsets-frames", load_path=Path("nowhere")))
    with pytest.raises(UsageError, match=r"no Onsets and Frames model in .*: config.json is missing"):
        run(Config(wavs, tmp_path / "out", "onsets-frames", load_path=tmp_path))


@pytest.mark.usefixtures("no_shipped_models")
def test_auto_is_basic_pitch_where_there_is_no_other(wavs, tmp_path):
    run(Config(wavs, tmp_path / "out"))
    details = entry_of(tmp_path / "out")["details"]
    assert (details["backend"], details["chosen"]) == ("basic-pitch", "there is no Onsets and Frames model")


def test_auto_says_what_it_heard(wavs, tmp_path, model):
    run(Config(wavs, tmp_path / "out", "auto", load_path=model))
    details = entry_of(tmp_path / "out")["details"]
    share = re.fullmatch(r"Onsets and Frames is sure of (\d+)% of \d+ possible onsets", details["chosen"])[1]
    assert details["backend"] == ("onsets-frames" if int(share) >= 25 else "basic-pitch")


def test_one_model_does_all_recordings(wavs, tmp_path, model, monkeypatch):
    loaded = []
    original = OnsetsFrames.__init__
    monkeypatch.setattr(OnsetsFrames, "__init__", lambda self, *given: loaded.append(given) or original(self, *given))
    for name in ("second", "third"):
        (wavs / f"{name}.wav").write_bytes((wavs / "song.wav").read_bytes())
    for backend in ("onsets-frames", "auto"):
        run(Config(wavs, tmp_path / backend, backend, load_path=model))
    assert loaded == [(model,), (model,)]


@pytest.mark.parametrize("backend", ["onsets-frames", "basic-pitch"])
def test_a_picture_on_request(wavs, tmp_path, model, backend):
    run(Config(wavs, tmp_path / "out", backend, load_path=model, picture=True))
    assert entry_of(tmp_path / "out")["outputs"] == ["song.mid", "song.png"]
    assert (tmp_path / "out" / "song.png").read_bytes().startswith(b"\x89PNG")
    soundfile.write(wavs / "silence.wav", np.zeros(RATE_HZ), RATE_HZ)
    run(Config(wavs, tmp_path / "two", "basic-pitch", picture=True))
    assert not (tmp_path / "two" / "silence.png").exists()
