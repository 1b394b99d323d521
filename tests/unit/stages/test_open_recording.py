"""Recordings of every kind, read for a model: to their end, the sound that convert makes of them, and what is said."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aeolian.errors import InputError
from aeolian.formats.audio_probe import probe
from aeolian.formats.decoding import decode
from aeolian.formats.ffmpeg import executable
from aeolian.formats.sizes import cut_off_remark
from aeolian.stages import convert
from aeolian.stages.recording_readers import NEEDS_FFMPEG, open_recording
from aeolian.stages.report import REPORT_NAME
from aeolian.transcription.basic_pitch import BasicPitch
from aeolian.transcription.choice import EXCERPT_S, EXCERPTS, excerpts
from aeolian.transcription.downmix import Mono

RATE = 16_000
CODECS = {"vorbis": ("libvorbis", "ogg"), "opus": ("libopus", "ogg"), "flac": ("flac", "ogg")}


def tone(seconds=1.0, f0_hz=440.0, rate=RATE, channels=1):
    t = np.arange(round(seconds * rate)) / rate
    return np.repeat((0.3 * np.sin(2 * np.pi * f0_hz * t))[:, np.newaxis], channels, axis=1)


def ffmpeg(*arguments: object, stdin: bytes | None = None) -> bytes:
    argv = [executable(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(argv, check=True, input=stdin or b"", capture_output=True).stdout


def encoded(
    folder: Path, codec: str, seconds=1.0, f0_hz=440.0, rate=RATE, channels=1, muxer: str = "", *more: str
) -> bytes:
    soundfile.write(folder / "plain.wav", tone(seconds, f0_hz, rate, channels), rate)
    encoder, container = CODECS.get(codec, (codec, muxer))
    ffmpeg("-i", folder / "plain.wav", "-c:a", encoder, *more, "-f", container, folder / "made")
    return (folder / "made").read_bytes()


def read_directly(path: Path) -> tuple[np.ndarray, int, list[str]]:
    with open_recording(path) as recording:
        samples = np.concatenate(list(recording.blocks(10_000)))
        assert recording.read_frames == len(samples)
        return samples, recording.sample_rate_hz, recording.remarks()


def converted(path: Path) -> tuple[np.ndarray, int, list[str]]:
    with decode(path) as decoding:
        samples = np.frombuffer(b"".join(decoding.blocks(0.7)), "<i2").reshape(-1, decoding.channels)
        return samples / 32768, decoding.sample_rate_hz, decoding.complaints


def pitches_hz(samples: np.ndarray, rate: int, parts: int) -> list[float]:
    """The loudest frequency in the middle of each of so many equal parts."""
    found = []
    for part in np.array_split(samples.mean(axis=1), parts):
        middle = part[len(part) // 4 : -len(part) // 4]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        found.append(float(spectrum.argmax() * rate / len(middle)))
    return found


# Chained Ogg: whole files, one behind the other.


@pytest.mark.parametrize(
    "links",
    [
        [("vorbis", RATE, 1)] * 3,
        [("opus", 48_000, 1)] * 3,
        [("flac", RATE, 1)] * 3,
        [("vorbis", RATE, 1), ("vorbis", 44_100, 2), ("vorbis", 48_000, 1)],
        [("opus", 48_000, 2), ("opus", 48_000, 1), ("opus", 48_000, 2)],
        [("flac", 44_100, 2), ("flac", RATE, 1), ("flac", 8_000, 2)],
        [("vorbis", RATE, 1), ("opus", 48_000, 2), ("flac", 22_050, 1)],
    ],
    ids=lambda links: "+".join(f"{codec}{rate // 1000}x{channels}" for codec, rate, channels in links),
)
def test_every_link_of_a_chained_ogg_is_heard(tmp_path, links):
    notes_hz = [440.0, 880.0, 660.0]
    whole = b"".join(
        encoded(tmp_path, codec, 1.0, f0_hz, rate, channels)
        for (codec, rate, channels), f0_hz in zip(links, notes_hz, strict=True)
    )
    (tmp_path / "chained.ogg").write_bytes(whole)
    for samples, rate, remarks in (read_directly(tmp_path / "chained.ogg"), converted(tmp_path / "chained.ogg")):
        assert (rate, samples.shape[1], remarks) == (*links[0][1:], [])
        assert len(samples) / rate == pytest.approx(3.0, abs=0.02)
        np.testing.assert_allclose(pitches_hz(samples, rate, 3), notes_hz, atol=5)
    with open_recording(tmp_path / "chained.ogg") as recording:
        assert recording.frames / recording.sample_rate_hz == pytest.approx(3.0, abs=0.1)


def test_a_link_that_is_broken_is_named_and_the_others_are_heard(tmp_path):
    link = encoded(tmp_path, "vorbis")
    (tmp_path / "chained.ogg").write_bytes(link + link[:58] + bytes(3000) + link)
    samples, rate, remarks = read_directly(tmp_path / "chained.ogg")
    assert len(samples) / rate == pytest.approx(2.0, abs=0.02)
    assert any(remark.startswith("decoder: part 2 of 3 ") for remark in remarks)


# Lengths that a header guesses, or leaves open.


def test_a_flac_from_a_pipe_is_heard_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(5.5), RATE, subtype="PCM_16")
    (tmp_path / "a.flac").write_bytes(ffmpeg("-i", tmp_path / "a.wav", "-f", "flac", "-"))
    assert int.from_bytes((tmp_path / "a.flac").read_bytes()[21:26], "big") & ((1 << 36) - 1) == 0  # of STREAMINFO
    samples, rate, remarks = read_directly(tmp_path / "a.flac")
    assert (rate, remarks) == (RATE, [])
    np.testing.assert_array_equal(samples, soundfile.read(tmp_path / "a.wav", always_2d=True, dtype="float32")[0])


def mp3_without_length(folder: Path, loudness: list[float], bitrate: str = "") -> bytes:
    """Variable bitrate and no Xing frame: the guess by the first frames is far off, one way or the other."""
    rng = np.random.default_rng(1)
    parts = [level * rng.standard_normal((2 * RATE, 1)) for level in loudness]
    soundfile.write(folder / "plain.wav", np.concatenate(parts), RATE)
    rate = ["-b:a", bitrate] if bitrate else ["-q:a", "4"]
    more = ["-write_xing", "0", "-id3v2_version", "0"]
    ffmpeg("-i", folder / "plain.wav", "-c:a", "libmp3lame", *rate, *more, "-f", "mp3", folder / "made")
    return (folder / "made").read_bytes()


@pytest.mark.parametrize("loudness", [[0.3, 1e-4, 1e-4, 1e-4], [1e-4, 1e-4, 0.3, 0.3]])
def test_an_mp3_without_a_length_is_heard_whole(tmp_path, loudness):
    (tmp_path / "a.mp3").write_bytes(mp3_without_length(tmp_path, loudness))
    samples, rate, remarks = read_directly(tmp_path / "a.mp3")
    assert len(samples) / rate == pytest.approx(2.0 * len(loudness), abs=0.1)
    assert remarks == []
    np.testing.assert_allclose(samples, converted(tmp_path / "a.mp3")[0], atol=1.01 / 32768)


def test_mp3s_one_behind_the_other_are_heard_to_the_end(tmp_path):
    songs = [encoded(tmp_path, "libmp3lame", 2.0, f0_hz, muxer="mp3") for f0_hz in (440.0, 880.0, 660.0)]
    assert all(song.startswith(b"ID3") for song in songs)
    (tmp_path / "a.mp3").write_bytes(b"".join(songs))
    samples, rate, _ = read_directly(tmp_path / "a.mp3")
    assert len(samples) / rate == pytest.approx(6.0, abs=0.3)
    np.testing.assert_allclose(pitches_hz(samples, rate, 3), [440, 880, 660], atol=5)


PCM = (tone()[:, 0] * 32767).astype("<i2").tobytes()


def wav(riff_bytes: int, data_bytes: int, samples: bytes = PCM) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + fmt + struct.pack("<4sI", b"data", data_bytes) + samples
    )


def piped(folder: Path, muxer: str, *more: str) -> bytes:
    (folder / "plain.wav").write_bytes(wav(36 + len(PCM), len(PCM)))
    return ffmpeg("-i", folder / "plain.wav", *more, "-f", muxer, "-")


def aiff(frames: int, size: int) -> bytes:
    common = struct.pack(">4sIHIHHQ", b"COMM", 18, 1, frames, 16, 16383 + 13, RATE << 50)
    sound = struct.pack(">4sIII", b"SSND", size, 0, 0) + np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    return struct.pack(">4sI4s", b"FORM", size, b"AIFF") + common + sound


OPEN_ENDED = {
    "wav 0": lambda folder: wav(0, 0),
    "wav 0xFFFFFFFF": lambda folder: wav(0xFFFFFFFF, 0xFFFFFFFF),
    "wav of sox": lambda folder: wav(0x7FFFF024, 0x7FFFF000),
    "wav 0x7FFFFFFF": lambda folder: wav(0x7FFFFFFF, 0x7FFFFFDB),
    "wav of ffmpeg": lambda folder: piped(folder, "wav"),
    "rf64 of ffmpeg": lambda folder: piped(folder, "wav", "-rf64", "always"),
    "w64 of ffmpeg": lambda folder: piped(folder, "w64"),
    "aiff of ffmpeg": lambda folder: piped(folder, "aiff"),
    "aiff 0": lambda folder: aiff(0, 0),
    "aiff 0xFFFFFFFF": lambda folder: aiff(0xFFFFFFFF, 0xFFFFFFFF),
    "caf of ffmpeg": lambda folder: piped(folder, "caf"),
    "au of ffmpeg": lambda folder: piped(folder, "au"),
}


@pytest.mark.parametrize("kind", OPEN_ENDED)
def test_what_came_from_a_pipe_without_a_length_is_heard_whole(tmp_path, kind):
    (tmp_path / "a").write_bytes(OPEN_ENDED[kind](tmp_path))
    expected = np.frombuffer(PCM, "<i2")[:, np.newaxis] / 32768
    for samples, rate, remarks in (read_directly(tmp_path / "a"), converted(tmp_path / "a")):
        assert (rate, remarks) == (RATE, [])
        np.testing.assert_array_equal(samples, expected)
    assert probe(tmp_path / "a").declared_s is None


def test_a_recording_of_unknown_length_is_judged_by_excerpts_from_all_of_it(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(90.0, rate=8000), 8000, subtype="PCM_16")
    (tmp_path / "a.flac").write_bytes(ffmpeg("-i", tmp_path / "a.wav", "-f", "flac", "-"))
    taken = {}
    for name in ("a.wav", "a.flac"):
        with open_recording(tmp_path / name) as recording:
            taken[name] = list(excerpts(recording))
    assert [len(excerpt.samples) for excerpt in taken["a.flac"]] == [round(EXCERPT_S * 8000)] * EXCERPTS
    for one, other in zip(*taken.values(), strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


# Without ffmpeg, as in the image of the transcribers.


def test_without_ffmpeg_wav_and_flac_are_read_and_what_may_be_cut_is_marked(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    soundfile.write(tmp_path / "a.flac", tone(), RATE)
    soundfile.write(tmp_path / "a.ogg", tone(), RATE)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    monkeypatch.setitem(sys.modules, "aeolian.formats.ffmpeg_reader", None)
    for name, expected in (("a.wav", []), ("a.flac", []), ("a.ogg", [NEEDS_FFMPEG])):
        samples, _, remarks = read_directly(tmp_path / name)
        assert (len(samples), remarks) == (RATE, expected)
    with pytest.raises(InputError, match="cannot be read as audio"):
        open_recording(tmp_path / "b.wav")


# Samples that no sound has.


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("muxer", ["wav", "w64", "aiff", "caf"])
def test_what_is_not_a_number_is_silence_and_what_is_beyond_full_scale_is_clipped(tmp_path, subtype, muxer):
    samples = tone()[:, 0]
    samples[100:103], samples[200], samples[201], samples[300:302], samples[302] = np.nan, np.inf, -np.inf, 1e30, -1.5
    soundfile.write(tmp_path / "a", samples, RATE, subtype=subtype, format=muxer.upper())
    found, _, remarks = read_directly(tmp_path / "a")
    expected = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)
    assert remarks == ["not a number: 3 samples, taken for silence", "beyond full scale: 5 samples, clipped"]


# Cut off: only where a length is declared.


def said(path: Path) -> list[str]:
    """What is said of a recording that ends early, read directly and by convert."""
    samples, rate, _ = converted(path)
    direct = [remark for remark in read_directly(path)[2] if remark.startswith("cut off")]
    by_convert = [remark for remark in [cut_off_remark(len(samples) / rate, probe(path).declared_s)] if remark]
    assert direct == by_convert
    return direct


@pytest.mark.parametrize(
    ("codec", "muxer", "more"),
    [
        ("pcm_s16le", "wav", []),
        ("pcm_s16be", "aiff", []),
        ("pcm_s16le", "w64", []),
        ("pcm_f32le", "wav", []),
        ("flac", "flac", []),
        ("libmp3lame", "mp3", []),
        ("aac", "ipod", ["-movflags", "faststart"]),
        ("alac", "ipod", ["-movflags", "faststart"]),
    ],
)
def test_a_file_that_declares_more_than_it_holds_is_cut_off(tmp_path, codec, muxer, more):
    soundfile.write(tmp_path / "plain.wav", np.random.default_rng(0).uniform(-0.5, 0.5, (10 * RATE, 1)), RATE)
    ffmpeg("-i", tmp_path / "plain.wav", "-c:a", codec, *more, "-f", muxer, tmp_path / "a")
    assert said(tmp_path / "a") == []
    os.truncate(tmp_path / "a", (tmp_path / "a").stat().st_size * 6 // 10)
    (remark,) = said(tmp_path / "a")
    assert re.fullmatch(r"cut off: [3-7]\.\d s of the (9\.9|10\.0|10\.1) s that its header names", remark)


NOT_CUT_OFF = {
    "an estimate": lambda folder: mp3_without_length(folder, [1e-4, 1e-4, 0.3, 0.3]),
    "raw aac": lambda folder: encoded(folder, "aac", 10.0, muxer="adts"),
    "sound that starts late, mka": lambda folder: delayed(folder, "libopus", "matroska"),
    "sound that starts late, m4a": lambda folder: delayed(folder, "aac", "ipod"),
    "ogg that starts late": lambda folder: delayed(folder, "libopus", "ogg"),
    "a film that outlasts its sound, mp4": lambda folder: film(folder, "mp4"),
    "a film that outlasts its sound, mkv": lambda folder: film(folder, "matroska"),
    "an edit that leaves out the beginning": lambda folder: edited(folder),
}


def delayed(folder: Path, codec: str, muxer: str) -> bytes:
    soundfile.write(folder / "plain.wav", tone(4.0, rate=48_000), 48_000)
    ffmpeg("-itsoffset", "5", "-i", folder / "plain.wav", "-c:a", codec, "-copyts", "-f", muxer, folder / "made")
    return (folder / "made").read_bytes()


def film(folder: Path, muxer: str) -> bytes:
    soundfile.write(folder / "plain.wav", tone(2.0), RATE)
    picture = ["-f", "lavfi", "-i", "color=size=32x32:duration=10:rate=5", "-c:v", "mpeg4"]
    ffmpeg("-i", folder / "plain.wav", *picture, "-c:a", "aac", "-f", muxer, folder / "made")
    return (folder / "made").read_bytes()


def edited(folder: Path) -> bytes:
    soundfile.write(folder / "plain.wav", tone(8.0), RATE)
    ffmpeg("-i", folder / "plain.wav", "-c:a", "aac", "-f", "ipod", folder / "whole.m4a")
    ffmpeg("-ss", "4", "-i", folder / "whole.m4a", "-c", "copy", "-f", "ipod", folder / "made")
    return (folder / "made").read_bytes()


@pytest.mark.parametrize("kind", NOT_CUT_OFF)
def test_nothing_is_called_cut_off_of_which_nothing_is_missing(tmp_path, kind):
    (tmp_path / "a").write_bytes(NOT_CUT_OFF[kind](tmp_path))
    assert said(tmp_path / "a") == []


# The files that were found in the field, where they are at hand.


@pytest.fixture(scope="module")
def field() -> Path:
    folder = Path(__file__).resolve().parents[4] / "shared" / "cases" / "field"
    if not folder.is_dir():
        pytest.skip("needs shared/cases/field beside the project; the tests above make such files themselves")
    return folder


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("direct-chained-ogg/three-links.ogg", 16.5),
        ("direct-flac-unknown-length/piped.flac", 5.5),
        ("direct-mp3-truncated/loud-then-quiet-noxing.mp3", 24.588),
        ("false-cut-off/quiet-intro-noxing.mp3", 19.08),
    ],
)
def test_the_files_of_the_field_are_heard_whole_and_nothing_is_said_of_them(field, name, seconds):
    samples, rate, remarks = read_directly(field / name)
    assert (round(len(samples) / rate, 3), remarks) == (seconds, [])
    assert probe(field / name).declared_s is None


@pytest.mark.data
def test_what_is_not_a_number_in_the_field_is_silence(field, tmp_path):
    path = field / "convert-nan" / "ten-nan-at-0.5s.wav"
    convert.run(convert.Config(path, tmp_path))
    (entry,) = json.loads((tmp_path / REPORT_NAME).read_text())["inputs"]
    assert entry["details"]["remarks"] == ["not a number: 10 samples, taken for silence"]
    samples = np.nan_to_num(soundfile.read(path)[0])
    assert np.array_equal(soundfile.read(next(tmp_path.glob("*.wav")), dtype="int16")[0], np.rint(samples * 32768))


@pytest.mark.data
def test_the_end_of_four_minutes_in_the_field_is_heard(field):
    with open_recording(field / "basicpitch-tail" / "ends-240s.flac") as recording:
        notes = BasicPitch().transcribe(recording)
    last = notes.take(notes.onset_s > 237.9)
    assert {60, 64, 67} <= set(last.take(abs(last.onset_s - 238.0) < 0.05).pitch.tolist())
    assert last.offset_s.max() > 239.85


@pytest.mark.data
def test_the_inverted_channel_of_the_field_is_heard_as_the_other_alone(field, tmp_path):
    samples, rate = soundfile.read(field / "antiphase" / "inverted-right.flac", dtype="float32")
    with open_recording(field / "antiphase" / "inverted-right.flac") as recording:
        mono = Mono(recording)
        np.testing.assert_array_equal(np.concatenate(list(mono.blocks(10 * rate)))[:, 0], samples[:, 0])
    assert mono.remarks() == ["the channels cancel each other: for 4.0 s the louder one was heard alone"]
