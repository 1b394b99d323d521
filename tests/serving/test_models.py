"""What the models of `aeolian serve` answer: the same as the stages, in the clients' forms."""

import base64
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from servers import REAL, Server, read_events, tensor

from aeolian.formats.midi import read_midi
from aeolian.music.notes import Notes
from aeolian.stages import convert as convert_stage
from aeolian.stages import render as render_stage

pytestmark = [pytest.mark.xdist_group("serving-models"), pytest.mark.heavy]
ROOT = Path(__file__).resolve().parents[2]
SEED = (ROOT / "samples" / "midi" / "1.mid").read_bytes()
SONG = (ROOT / "samples" / "audio" / "still water.mp3").read_bytes()
RATE_HZ = 22_050


def file(name: str, raw: bytes) -> dict:
    return tensor(name, "BYTES", [base64.b64encode(raw).decode()], content_type="base64")


def number(name: str, value: float, datatype: str = "INT64") -> dict:
    return tensor(name, datatype, [value])


def text(name: str, value: str) -> dict:
    return tensor(name, "BYTES", [value])


def outputs(answer) -> dict:
    status, told = answer
    assert status == 200, told
    read = {}
    for output in told["outputs"]:
        parameters = output.get("parameters", {})
        is_base64 = parameters.get("content_type") == "base64"
        read[output["name"]] = [base64.b64decode(data) for data in output["data"]] if is_base64 else output["data"]
    return read


def notes_of(midi: bytes, folder: Path) -> Notes:
    path = folder / "read.mid"
    path.write_bytes(midi)
    return read_midi(path)


def chord(seconds: float = 2.0, channels: int = 1) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.tile(0.4 * np.sin(2 * np.pi * 440 * time_s).astype(np.float32), (channels, 1))


def test_convert_gives_the_bytes_of_the_stage(real, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "recording.mp3").write_bytes(SONG)
    convert_stage.run(convert_stage.Config(tmp_path / "in", tmp_path / "out", 16_000, 1))
    told = outputs(real.infer("convert", file("audio", SONG), number("sample_rate", 16_000), number("channels", 1)))
    assert told["wav"][0] == (tmp_path / "out" / "recording.wav").read_bytes()
    assert told["sample_rate"] == [16_000]
    status, answer = real.infer("convert", file("audio", b"This is a text, and no sound is in it."))
    assert (status, answer["error"]) == (400, "model 'convert': is a text file, not a recording.")


def test_render_gives_the_bytes_of_the_stage(real, tmp_path):
    source = tmp_path / "song.mid"
    source.write_bytes(SEED)
    config = render_stage.Config(source, tmp_path, 22_050, None, 4, False)
    render_stage.render_file(config, source, tmp_path / "song", lambda *_: None)
    told = outputs(real.infer("render", file("midi", SEED), number("sample_rate", 22_050), number("program", 4)))
    assert told["wav"][0] == (tmp_path / "song.wav").read_bytes()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "samples"])
def test_transcribe_hears_a_rendered_piece_in_any_form(real, kind, tmp_path):
    wav = outputs(real.infer("render", file("midi", SEED), number("sample_rate", 16_000)))["wav"][0]
    sound, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float32", frames=16_000 * 12)
    written = io.BytesIO()
    if kind == "samples":
        mono = sound.mean(axis=1)
        sent = [tensor("samples", "FP32", mono.tolist(), [1, len(mono)]), number("sample_rate", rate_hz)]
    else:
        soundfile.write(written, sound, rate_hz, format=kind)
        sent = [file("audio", written.getvalue())]
    told = outputs(real.infer("transcribe", *sent, text("backend", "onsets-frames")))
    heard = notes_of(told["midi"][0], tmp_path)
    assert told["backend"] == ["onsets-frames"]
    assert len(told["pitch"]) == len(heard) > 10
    assert sorted(told["pitch"]) == sorted(heard.pitch.tolist())
    played = notes_of(SEED, tmp_path)
    true = {(round(on, 1), pitch) for on, _, pitch, _ in played.rows() if on < 11}
    near = {
        (round(on + shift, 1), pitch)
        for on, pitch in zip(told["onset_s"], told["pitch"], strict=True)
        for shift in (-0.1, 0, 0.1)
    }
    assert len(true & near) > 0.7 * len(true)


def test_generate_is_streamed_event_by_event_and_then_is_the_midi_file(real, tmp_path):
    sent = {"inputs": [file("midi", SEED), number("length", 60), number("seed", 3)]}
    status, _, body = real.call("POST", "/v2/models/generate/generate_stream", sent)
    assert status == 200
    *events, last = [{out["name"]: out["data"][0] for out in event["outputs"]} for event in read_events(body)]
    assert len(events) >= 60
    assert {event["event"] for event in events} <= {"note_on", "note_off", "time_shift", "velocity"}
    assert all(0 <= one["time_s"] <= two["time_s"] for one, two in itertools.pairwise(events))
    whole = outputs(real.infer("generate", *sent["inputs"]))
    assert whole["token"] == [event["token"] for event in events]
    assert whole["midi"][0] == base64.b64decode(last["midi"])
    more, seed = notes_of(whole["midi"][0], tmp_path), notes_of(SEED, tmp_path)
    assert len(more) > len(seed)
    only = outputs(real.infer("generate", *sent["inputs"], tensor("continuation_only", "BOOL", [True])))
    assert len(notes_of(only["midi"][0], tmp_path)) == sum(event["event"] == "note_on" for event in events)
    assert outputs(real.infer("generate", *sent["inputs"], outputs=[{"name": "midi"}])).keys() == {"midi"}


@pytest.mark.parametrize(("kind", "shows"), [("waveform", b"amplitude"), ("spectrogram", b"frequency, Hz")])
def test_plot_draws_sound_with_its_axes(real, kind, shows):
    sound = chord(channels=2)
    sent = [tensor("samples", "FP32", sound.ravel().tolist(), list(sound.shape)), number("sample_rate", RATE_HZ)]
    told = outputs(real.infer("plot", *sent, text("kind", kind), text("title", "A <chord>")))
    assert told["picture"][0].startswith(b"\x89PNG")
    svg = [outputs(real.infer("plot", *sent, text("kind", kind), text("format", "svg")))["picture"][0] for _ in "ab"]
    assert svg[0] == svg[1]
    raw = svg[0].encode() if isinstance(svg[0], str) else svg[0]
    assert raw.startswith(b"<?xml")
    assert b"<!-- " + shows in raw
    assert b"<!-- time -->" in raw


def test_plot_draws_a_piano_roll(real):
    told = outputs(real.infer("plot", file("midi", SEED), text("kind", "piano-roll")))
    assert told["picture"][0].startswith(b"\x89PNG")
    assert real.infer("plot", text("kind", "piano-roll"))[0] == 400


def test_effects_go_through_the_chain_that_is_asked_for(real):
    sound = chord()
    sent = [tensor("samples", "FP32", sound.ravel().tolist(), list(sound.shape)), number("sample_rate", RATE_HZ)]
    told = outputs(real.infer("effects", *sent, text("chain", "gain -6.0206")))
    assert np.allclose(told["samples"], sound[0] / 2, atol=1e-6)
    assert told["sample_rate"] == [RATE_HZ]
    status, answer = real.infer("effects", *sent, text("chain", "no-such-effect"))
    assert status == 400
    assert "no-such-effect" in answer["error"]


@pytest.mark.parametrize("shape", [[1, -1], [-1, 1], [-1]], ids=str)
def test_novice_dj_mixes_what_it_gets_with_itself_later_and_higher(real, shape):
    sound = chord(3.0)
    sizes = [sound.size if size == -1 else size for size in shape]
    sent = tensor("song", "FP32", sound.ravel().tolist(), sizes)
    status, told = real.infer("novice_dj", sent, tensor("sample_rate", "INT64", [RATE_HZ], [1, 1]))
    assert status == 200
    output = told["outputs"][0]
    mixed = np.array(output["data"], np.float32)
    assert (output["name"], output["shape"]) == ("output-0", [1, sound.size])
    power = np.abs(np.fft.rfft(mixed[RATE_HZ : 3 * RATE_HZ] * np.hanning(2 * RATE_HZ)))
    low, fifth = power[2 * 440], power[2 * 659 - 4 : 2 * 659 + 5].max()
    assert fifth > 0.05 * low
    assert fifth > 20 * np.median(power)


def test_a_model_of_later_says_what_it_waits_for(real):
    rows = {row["name"]: row for row in real.post("/v2/repository/index")[1]}
    for name, extra in (("embed", "similar"), ("similar", "similar"), ("musicgen_model", "musicgen")):
        assert rows[name]["state"] == "UNAVAILABLE"
        assert f"aeolian[{extra}]" in rows[name]["reason"]


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("transcribe", []),
        ("transcribe", [file("audio", b"")]),
        ("transcribe", [file("audio", b"RIFF" + bytes(100))]),
        ("transcribe", [file("audio", SONG), number("sample_rate", 16_000), tensor("samples", "FP32", [0.0], [1, 1])]),
        ("transcribe", [tensor("samples", "FP32", [0.1], [1, 1])]),
        ("transcribe", [tensor("samples", "FP32", [], [1, 0]), number("sample_rate", 16_000)]),
        ("transcribe", [tensor("samples", "FP32", [0.0] * 66, [33, 2]), number("sample_rate", 16_000)]),
        ("transcribe", [tensor("samples", "FP32", [0.0], [1, 1]), number("sample_rate", 0)]),
        ("generate", [file("midi", b"MThd")]),
        ("generate", [number("length", 10**9)]),
        ("render", [file("midi", b"no MIDI")]),
        ("render", [file("midi", SEED), number("program", 128)]),
        ("plot", [file("audio", SONG), text("kind", "/etc/passwd")]),
        ("effects", [file("audio", SONG), text("chain", "")]),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(real, model, sent):
    status, told = real.infer(model, *sent)
    assert status == 400, told
    assert 15 < len(told["error"]) < 500
    assert "/tmp" not in told["error"]


def test_the_preset_has_its_model_alone_on_its_ports():
    with Server([*REAL[:2], "--preset", "novice-dj"]) as server:
        assert server.url == "http://127.0.0.1:7050"
        assert server.grpc == "127.0.0.1:7060"
        assert server.metrics == "http://127.0.0.1:6050"
        assert server.get("/v2/models") == (200, {"models": ["novice_dj"]})
        assert json.dumps(server.get("/v2/models/novice_dj/ready")[1]) == '{"name": "novice_dj", "ready": true}'
