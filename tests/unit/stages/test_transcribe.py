"""WAV to MIDI: what was played, one model for all, every bad file named."""

import json

import numpy as np
import pytest
import soundfile

from aeolian.errors import AeolianError, UsageError
from aeolian.formats.midi import read_midi
from aeolian.music.notes import Notes
from aeolian.stages.report import REPORT_NAME
from aeolian.stages.transcribe import Config, run
from aeolian.transcription import basic_pitch

RATE = 22_050
MELODY = [(0.3, 60), (0.9, 64), (1.5, 67), (2.1, 72)]


def melody(channels=1, rate=RATE):
    t = np.arange(int(3.0 * rate)) / rate
    wave = np.zeros_like(t)
    for onset_s, pitch in MELODY:
        f0_hz = 440 * 2 ** ((pitch - 69) / 12)
        since = t - onset_s
        tone = sum(np.sin(2 * np.pi * f0_hz * k * t) / k**2 for k in range(1, 4))
        wave += 0.3 * ((since > 0) & (since < 0.5)) * np.exp(-3 * since.clip(0)) * tone
    return np.repeat(wave[:, np.newaxis], channels, axis=1)


@pytest.fixture
def wavs(tmp_path):
    folder = tmp_path / "wav"
    folder.mkdir()
    return folder


def transcribed(wavs, output, backend="basic-pitch", **options):
    run(Config(wavs, output, backend, **options))
    report = json.loads((output / REPORT_NAME).read_text(encoding="utf-8"))
    return report, {entry["input"]: entry for entry in report["inputs"]}


def test_the_melody_comes_out_as_midi(wavs, tmp_path):
    soundfile.write(wavs / "song.wav", melody(2, 44_100), 44_100)
    _, entries = transcribed(wavs, tmp_path / "out")
    notes = read_midi(tmp_path / "out" / "song.mid")
    assert notes.pitch.tolist() == [pitch for _, pitch in MELODY]
    np.testing.assert_allclose(notes.onset_s, [onset_s for onset_s, _ in MELODY], atol=0.05)
    assert (notes.velocity > 40).all()
    entry = entries["song.wav"]
    assert entry["outputs"] == ["song.mid"]
    assert entry["details"].pop("backend_version").startswith("0.4.0 (nmp.onnx sha256 ")
    assert entry["details"] == {
        "backend": "basic-pitch",
        "duration_s": 3.0,
        "notes": 4,
        "notes_per_s": 1.33,
        "pitch_range": [60, 72],
        "remarks": [],
        "sample_rate_hz": 44_100,
    }


def test_bad_files_are_named_and_stop_nothing(wavs, tmp_path):
    soundfile.write(wavs / "good.flac", melody(), RATE)
    soundfile.write(wavs / "silence.wav", np.zeros(RATE), RATE)
    soundfile.write(wavs / "nothing.wav", np.zeros((0, 1)), RATE)
    soundfile.write(wavs / "blink.wav", np.zeros(10), RATE)
    (wavs / "broken.wav").write_bytes(b"RIFF....")
    (wavs / "notes.txt").write_text("titles")
    report, entries = transcribed(wavs, tmp_path / "out")
    assert (report["ok"], report["failed"], report["skipped"]) == (1, 4, 1)
    assert entries["silence.wav"]["reason"].startswith("no notes found")
    assert entries["blink.wav"]["reason"].startswith("no notes found")
    assert entries["nothing.wav"]["reason"] == "holds no sound: its audio is empty"
    assert entries["broken.wav"]["reason"] == "is a text file, not a recording"
    assert entries["notes.txt"]["status"] == "skipped"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.mid", REPORT_NAME]


def test_one_model_hears_all_files(wavs, tmp_path, monkeypatch):
    made = []

    class Counted:
        name, version, sample_rate_hz = "basic-pitch", "test", RATE

        def __init__(self, thresholds):
            made.append(thresholds)

        def transcribe(self, recording, report):
            assert sum(map(len, recording.blocks(1000))) == 3 * RATE
            return Notes.of([(0.0, 1.0, 60, 64)])

    monkeypatch.setattr(basic_pitch, "BasicPitch", Counted)
    for name in ("a", "b", "c"):
        soundfile.write(wavs / f"{name}.wav", melody(), RATE)
    report, _ = transcribed(wavs, tmp_path / "out", onset_threshold=0.4, minimum_note_length=58.0, melodia=False)
    assert report["ok"] == 3
    (thresholds,) = made
    assert (thresholds.onset, thresholds.sounding, thresholds.shortest_frames) == (0.4, 0.3, 5)
    assert thresholds.without_onset is False


def test_two_runs_give_the_same_bytes(wavs, tmp_path):
    soundfile.write(wavs / "song.wav", melody(), RATE)
    for name in ("one", "two"):
        transcribed(wavs, tmp_path / name)
    for file in ("song.mid", REPORT_NAME):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(("name", "stem"), [("song-flac", "song-flac"), ("mysong-d16216", "mysong-d16216")])
def test_in_a_worker_the_name_that_convert_gave_is_kept(wavs, tmp_path, monkeypatch, name, stem):
    soundfile.write(wavs / f"{name}.wav", melody(), RATE)
    monkeypatch.setenv("PACH_DATUM_ID", "d")
    run(Config(wavs, tmp_path / "out", "basic-pitch"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{stem}.mid"]


def test_in_a_worker_silence_makes_no_output_and_no_failure(wavs, tmp_path, monkeypatch, capsys):
    soundfile.write(wavs / "silence.wav", np.zeros(RATE), RATE)
    monkeypatch.setenv("PACH_DATUM_ID", "d")
    run(Config(wavs, tmp_path / "out", "basic-pitch"))
    assert list((tmp_path / "out").iterdir()) == []
    assert json.loads(capsys.readouterr().out)["failed"] == 1


def test_a_damaged_recording_gives_what_it_holds(wavs, tmp_path):
    soundfile.write(wavs / "song.flac", np.concatenate([melody(), melody()]), RATE)
    data = (wavs / "song.flac").read_bytes()
    (wavs / "song.flac").write_bytes(data[: int(len(data) * 0.55)])
    _, entries = transcribed(wavs, tmp_path / "out")
    assert entries["song.flac"]["details"]["notes"] >= 4


@pytest.mark.parametrize("extension", ["wav", "flac", "mp3", "ogg"])
def test_a_recording_with_one_channel_inverted_has_the_notes_of_the_other(wavs, tmp_path, extension):
    wave = melody(2)
    soundfile.write(wavs / f"alone.{extension}", wave[:, :1], RATE)
    wave[:, 1] *= -1
    soundfile.write(wavs / f"inverted.{extension}", wave, RATE)
    _, entries = transcribed(wavs, tmp_path / "out")
    remarks = entries[f"inverted.{extension}"]["details"]["remarks"]
    assert [remark.partition(":")[0] for remark in remarks] == ["the channels cancel each other"]
    alone, inverted = (read_midi(tmp_path / "out" / f"{name}.mid") for name in ("alone", "inverted"))
    assert alone.pitch.tolist() == inverted.pitch.tolist() == [pitch for _, pitch in MELODY]
    np.testing.assert_allclose(alone.onset_s, inverted.onset_s, atol=0.02)


def test_nothing_usable_is_a_failure_of_the_stage(wavs, tmp_path):
    with pytest.raises(AeolianError, match="no input was found"):
        run(Config(wavs, tmp_path / "out", "basic-pitch"))
    with pytest.raises(UsageError, match="does not exist"):
        run(Config(wavs / "nowhere", tmp_path / "out"))


def test_in_a_batch_one_model_does_every_datum(wavs, tmp_path, monkeypatch, capsys):
    """The worker puts another song under the same path before each answer; each has its own report."""
    from aeolian.engine.programs.batch_server import BatchServer
    from aeolian.next_datum import PORT_VARIABLE

    soundfile.write(tmp_path / "melody.wav", melody(), RATE)
    songs, told, loaded = iter(["one", "two", "silent"]), [], []

    def asked(asking):
        told.append((asking.error, sorted(path.name for path in (tmp_path / "out").glob("*"))))
        for path in wavs.iterdir():
            path.unlink()
        if (song := next(songs, None)) is None:
            asking.answer(None)
            return
        if song == "silent":
            soundfile.write(wavs / "silent.wav", np.zeros(RATE), RATE)
        else:
            (wavs / f"{song}.wav").write_bytes((tmp_path / "melody.wav").read_bytes())
        asking.answer([f"PACH_DATUM_ID={song}"])

    original = basic_pitch.BasicPitch.__init__
    monkeypatch.setattr(
        basic_pitch.BasicPitch, "__init__", lambda self, *given: loaded.append(1) or original(self, *given)
    )
    monkeypatch.setenv("PACH_DATUM_ID", "none yet")  # so that it is put back afterwards
    server = BatchServer(asked)
    monkeypatch.setenv(PORT_VARIABLE, str(server.port))
    run(Config(wavs, tmp_path / "out", "basic-pitch"))
    server.close()
    assert told == [("", []), ("", ["one.mid"]), ("", ["one.mid", "two.mid"]), ("", ["one.mid", "two.mid"])]
    assert loaded == [1]
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["inputs"][0]["input"], r["inputs"][0]["status"]) for r in reports] == [
        ("one.wav", "ok"),
        ("two.wav", "ok"),
        ("silent.wav", "failed"),
    ]
