"""Whatever ffmpeg decodes, and why it does not decode the rest."""

import subprocess
import textwrap

import numpy as np
import pytest
import soundfile

from aeolian.errors import InputError
from aeolian.formats import ffmpeg
from aeolian.formats.audio_probe import Probe, parse_probe, parse_tags, probe
from aeolian.formats.decoding import Wanted, decode
from aeolian.formats.ffmpeg import executable

RATE = 32_000


def tone(seconds=1.0, channels=2, rate=RATE):
    t = np.arange(int(seconds * rate)) / rate
    waves = [0.5 * np.sin(2 * np.pi * 440 * (i + 1) * t) for i in range(channels)]
    return np.stack(waves, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    path = tmp_path_factory.mktemp("wav") / "tone.wav"
    soundfile.write(path, tone(), RATE, subtype="PCM_16")
    return path


def encode(source, target, *arguments):
    argv = [executable(), "-v", "error", "-y", "-i", str(source), *arguments, str(target)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return target


def decoded(path, wanted=None, **options):
    with decode(path, wanted, **options) as decoding:
        samples = np.frombuffer(b"".join(decoding.blocks(0.25)), "<i2")
        return decoding, samples.reshape(-1, decoding.channels)


@pytest.mark.parametrize(
    ("encoder", "muxer", "rate"),
    [
        ("libmp3lame", "mp3", RATE),
        ("aac", "ipod", RATE),
        ("flac", "flac", RATE),
        ("libvorbis", "ogg", RATE),
        ("libopus", "ogg", 48_000),
        ("wmav2", "asf", RATE),
        ("pcm_s24le", "wav", RATE),
        ("alac", "ipod", RATE),
        ("pcm_s16be", "aiff", RATE),
    ],
)
def test_each_codec_is_decoded_whatever_the_file_is_called(wav, tmp_path, encoder, muxer, rate):
    path = encode(wav, tmp_path / "-no audio%d.txt", "-c:a", encoder, "-f", muxer)
    decoding, samples = decoded(path)
    assert (decoding.sample_rate_hz, decoding.channels) == (rate, 2)
    assert abs(decoding.frames / rate - 1) < 0.1
    middle = samples[len(samples) // 4 : len(samples) // 2].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))[:, np.newaxis], axis=0))
    frequencies_hz = spectrum.argmax(axis=0) * rate / len(middle)
    np.testing.assert_allclose(frequencies_hz, [440, 880], atol=8)


def test_lossless_sound_comes_out_bit_for_bit(wav):
    _, samples = decoded(wav)
    assert np.array_equal(samples, soundfile.read(wav, dtype="int16")[0])


@pytest.mark.parametrize(
    ("own", "asked", "given"),
    [(1, None, 1), (2, None, 2), (6, None, 2), (2, 1, 1), (1, 2, 2)],
)
def test_channels(tmp_path, own, asked, given):
    soundfile.write(tmp_path / "a.flac", tone(0.2, own), RATE)
    assert decoded(tmp_path / "a.flac", Wanted(channels=asked))[0].channels == given


def test_sample_rate(wav):
    decoding, samples = decoded(wav, Wanted(sample_rate_hz=16_000))
    assert decoding.sample_rate_hz == 16_000
    assert abs(len(samples) - 16_000) <= 16


def test_blocks_are_of_the_length_asked_for(wav):
    with decode(wav) as decoding:
        assert [len(block) // 4 for block in decoding.blocks(0.3)] == [9600, 9600, 9600, 3200]


def test_what_a_truncated_file_holds_is_kept_with_the_complaint(wav, tmp_path):
    path = encode(wav, tmp_path / "a.flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    decoding, samples = decoded(path)
    assert 0.3 * RATE < len(samples) < RATE
    assert decoding.complaints


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty (0 bytes)"),
        (b"these are the titles of some songs\n" * 30, "is a text file, not a recording"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a picture, not a recording"),
        (b"MThd" + bytes(40), "is a MIDI file, not a recording"),
        (b"#EXTM3U\n/etc/passwd\n", "is a playlist, not a recording"),
        (bytes(range(256)) * 8, "is not a recording that ffmpeg can decode"),
    ],
)
def test_what_is_no_recording_is_told(tmp_path, content, reason):
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        decoded(path)
    assert str(caught.value).startswith(reason)
    assert str(tmp_path) not in str(caught.value)


def test_a_film_without_sound_has_no_audio_stream(tmp_path):
    video = ["-f", "lavfi", "-i", "color=size=32x32:duration=0.2", "-c:v", "mpeg4"]
    subprocess.run([executable(), "-v", "error", *video, str(tmp_path / "a.mp4")], check=True)
    with pytest.raises(InputError, match="has no audio stream"):
        decoded(tmp_path / "a.mp4")


def test_a_wav_without_samples_holds_no_sound(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 1)), RATE)
    with pytest.raises(InputError, match="holds no sound"):
        decoded(tmp_path / "a.wav")


def test_a_file_that_may_not_be_read_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be opened"):
        decoded(tmp_path / "gone.mp3")


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile '{}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_script_cannot_read_another_file(wav, tmp_path, script):
    path = tmp_path / "song.m3u8"
    path.write_text(script.format(wav))
    with pytest.raises(InputError):
        decoded(path)


def test_the_decoder_is_stopped_when_nothing_comes_out(wav, monkeypatch, tmp_path):
    sleeper = tmp_path / "ffmpeg"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "executable", lambda: str(sleeper))
    with pytest.raises(InputError, match=r"hang: nothing came out of it for 0.2 s"):
        decoded(wav, stall_s=0.2)
    with pytest.raises(InputError, match="hang"):
        probe(wav, timeout_s=0.2)


def test_leaving_early_ends_the_process(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.flac", tone(60), RATE)
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    with decode(tmp_path / "long.flac") as decoding:
        next(decoding.blocks(0.1))
        assert started[0].poll() is None
    assert started[0].poll() is not None


def test_probe_reads_format_and_tags(wav, tmp_path):
    tags = ["-metadata", "title=Märchen; = #1\nzweite Zeile", "-metadata", "artist=Дети"]
    path = encode(wav, tmp_path / "a.mp3", *tags)
    found = probe(path)
    assert (found.container, found.codec, found.sample_rate_hz, found.layout) == ("mp3", "mp3", RATE, "stereo")
    assert found.duration_s == pytest.approx(1.0, abs=0.1)
    assert found.tags == {"artist": "Дети", "title": "Märchen; = #1\nzweite Zeile"}


def test_probe_of_an_old_tag_takes_it_for_windows_1252(wav, tmp_path):
    path = encode(wav, tmp_path / "a.mp3", "-write_xing", "0", "-id3v2_version", "0")
    path.write_bytes(path.read_bytes() + b"TAG" + "Märchen “I”".encode("cp1252").ljust(30, b"\0") + bytes(95))
    assert probe(path).tags["title"] == "Märchen “I”"


def test_probe_of_no_audio_is_blank(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"no audio at all")
    assert probe(tmp_path / "a.mp3") == Probe()


def test_tags_of_a_name_are_joined_and_chapters_left_out():
    metadata = b";FFMETADATA1\ntitle=A\n[STREAM]\ntitle=A\nartist=B\nartist=C\nencoder=Lavf1\n[CHAPTER]\ntitle=D\n"
    assert parse_tags(metadata) == {"title": "A", "artist": "B; C"}


def test_what_tags_pretend_is_not_taken_for_the_format():
    told = textwrap.dedent(
        """\
        Input #0, flac, from 'fd:':
          Metadata:
            comment         : x
                            : Stream #0:0: Audio: evil, 1 Hz, mono
          Duration: 01:02:03.50, start: 0.000000, bitrate: 700 kb/s
          Stream #0:0(eng): Audio: flac, 44100 Hz, 5.1(side), s16
        Output #0, ffmetadata, to 'pipe:':
          Stream #0:0: Audio: other, 8000 Hz
        """
    )
    assert parse_probe(told.encode(), b"") == Probe("flac", "flac", 44100, "5.1(side)", 3723.5, {}, declared_s=3723.5)
