"""WAV files, written and read."""

import struct
import wave

import numpy as np
import pytest
import soundfile

from aeolian.errors import InputError
from aeolian.formats import pcm_wav
from aeolian.formats.wav import WavReader, WavWriter, write_wav


def noise(frames, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def test_header_and_samples_are_those_of_a_canonical_wav(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, np.array([[0.0, 0.5], [-1.0, 1.0]], np.float32), 22050)
    expected = b"RIFF" + struct.pack("<I", 44) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 22050, 88200, 4, 16)
    expected += b"data" + struct.pack("<I", 8) + struct.pack("<4h", 0, 16384, -32768, 32767)
    assert path.read_bytes() == expected


def test_what_was_written_in_blocks_is_read_by_others(tmp_path):
    samples = noise(10_000, 2)
    with WavWriter(tmp_path / "a.wav", 44100, 2) as writer:
        for start in range(0, 10_000, 777):
            writer.write(samples[start : start + 777])
    read, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate == 44100
    np.testing.assert_allclose(read, samples, atol=1.01 / 32768)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnframes(), file.getnchannels(), file.getsampwidth()) == (10_000, 2, 2)


def test_sixteen_bit_samples_survive_reading_and_writing_bit_for_bit(tmp_path):
    pcm = np.arange(-32768, 32768, dtype=np.int16)[:, np.newaxis]
    with WavWriter(tmp_path / "a.wav", 8000, 1) as writer:
        writer.write(pcm)
    with WavReader(tmp_path / "a.wav") as reader:
        samples = np.concatenate(list(reader.blocks(1000)))
    write_wav(tmp_path / "b.wav", samples, 8000)
    assert np.array_equal(soundfile.read(tmp_path / "b.wav", dtype="int16")[0], pcm[:, 0])


def test_beyond_the_riff_limit_the_file_becomes_rf64(tmp_path, monkeypatch):
    samples = noise(5000, 1)
    monkeypatch.setattr(pcm_wav, "MAX_RIFF_BYTES", 4000)
    monkeypatch.setattr(pcm_wav, "_MOVED_BYTES", 3000)
    with WavWriter(tmp_path / "a.wav", 16000, 1) as writer:
        writer.write(samples)
    data = (tmp_path / "a.wav").read_bytes()
    assert data[:4] == b"RF64"
    assert struct.unpack_from("<4sIQQQI", data, 12) == (b"ds64", 28, 72 + 10_000, 10_000, 5000, 0)
    with WavReader(tmp_path / "a.wav") as reader:
        assert reader.format == "RF64"
        read = np.concatenate(list(reader.blocks(512)))
    np.testing.assert_allclose(read, samples, atol=1.01 / 32768)


def test_out_of_range_and_not_a_number_are_clipped(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([2.0, -2.0, np.nan, np.inf], np.float32), 8000)
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [32767, -32768, 0, 32767]


def test_bytes_depend_on_the_samples_alone(tmp_path):
    write_wav(tmp_path / "a.wav", noise(1000, 2), 44100)
    with WavWriter(tmp_path / "b.wav", 44100, 2) as writer:
        writer.write(noise(1000, 2)[:10])
        writer.write(noise(1000, 2)[10:])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_wrong_shape_is_refused(tmp_path):
    with WavWriter(tmp_path / "a.wav", 8000, 2) as writer, pytest.raises(ValueError, match=r"\[frames, 2\]"):
        writer.write(noise(10, 3))


@pytest.mark.parametrize("content", [b"RIFF", b"hello, this is text" * 50])
def test_what_is_no_audio_is_an_input_error_without_a_path(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as audio") as caught:
        WavReader(tmp_path / "a.wav")
    assert str(tmp_path) not in str(caught.value)


def test_blocks_of_a_truncated_file_give_what_is_there(tmp_path):
    write_wav(tmp_path / "a.wav", noise(1000, 1), 8000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: 44 + 1000])
    with WavReader(tmp_path / "a.wav") as reader:
        assert [len(block) for block in reader.blocks(300)] == [300, 200]


def test_bytes_that_are_no_whole_frames_are_refused(tmp_path):
    with pcm_wav.PcmWriter(tmp_path / "a.wav", 8000, 2) as writer:
        writer.write_pcm(bytes(8))
        with pytest.raises(ValueError, match="6 bytes are no whole frames of 2 channels"):
            writer.write_pcm(bytes(6))
    assert (tmp_path / "a.wav").stat().st_size == 44 + 8
