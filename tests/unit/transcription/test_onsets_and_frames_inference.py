"""A recording in parts: the same as at once; what is no music; and what a folder's model says."""

import tracemalloc

import numpy as np
import pytest
from golden_clip import RATE_HZ, clip
from small_model import TINY, drawn_weights

from aeolian.errors import InputError, UsageError
from aeolian.transcription.mel import log_mel
from aeolian.transcription.onsets_and_frames import inference
from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.onsets_and_frames.inference import listen
from aeolian.transcription.onsets_and_frames.network import Network
from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
from aeolian.transcription.onsets_and_frames.weights import write_model
from aeolian.transcription.transcriber import ArrayRecording


@pytest.fixture(scope="module")
def network():
    return Network(TINY, drawn_weights(TINY))


def sound(seconds, seed=0):
    """Noise that is struck three times a second, at 16 kHz."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.3 * noise * np.exp(-12 * (t % (1 / 3)))).astype(np.float32)


def together(blocks):
    return Heard(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


@pytest.mark.parametrize("frames", [1, 3, 249, 250, 251, 1875, 1876, 4000])
def test_in_parts_it_is_the_same_as_at_once(network, frames):
    samples = sound((frames * 512 + 100) / 16_000)
    blocks = list(listen(ArrayRecording(samples, 16_000), network, threads=2))
    whole = network.hear(log_mel(samples))
    for name, found, expected in zip(Heard._fields, together(blocks), whole, strict=True):
        assert found.shape == (frames, 88)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=name)


def test_little_context_is_noticed(network, monkeypatch):
    """So that the test above can fail: with one frame around each part of the memory's, the outputs differ."""
    monkeypatch.setattr(inference, "CONTEXT_FRAMES", 1)
    monkeypatch.setattr(inference, "CORE_FRAMES", 100)
    samples = sound(20)
    found = together(listen(ArrayRecording(samples, 16_000), network))
    assert np.abs(found.onset - network.hear(log_mel(samples)).onset).max() > 1e-3


def test_threads_make_no_difference(network):
    recording = ArrayRecording(sound(100), 16_000)
    one, four = (together(listen(recording, network, threads=threads)) for threads in (1, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, four, strict=True))


def test_the_memory_does_not_grow_with_the_recording(network, monkeypatch):
    monkeypatch.setattr(inference, "_BYTES_IN_MEMORY", 1 << 20)
    peaks = []
    for seconds in (150, 450):
        samples = sound(seconds)
        tracemalloc.start()
        for _ in listen(ArrayRecording(samples, 16_000), network):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (2 << 20)


def test_progress_goes_from_the_beginning_to_the_end(network):
    told = []
    recording = ArrayRecording(sound(130), 16_000)
    list(listen(recording, network, report=lambda done, total, note="": told.append((done, total))))
    assert told == sorted(told)
    assert told[-1] == (130, 130)
    assert all(done < 130 for done, _ in told[:-1])


def test_a_recording_without_samples_is_an_input_error(network):
    with pytest.raises(InputError, match="holds no samples"):
        list(listen(ArrayRecording(np.zeros((0, 2), np.float32), 44_100), network))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    write_model(path, TINY, drawn_weights(TINY), half=True)
    return path


def test_a_folder_is_a_transcriber(folder):
    model = OnsetsFrames(folder, threads=2)
    assert (model.name, model.sample_rate_hz) == ("onsets-frames", 16_000)
    assert model.version.startswith("model.safetensors sha256 ")
    stereo = ArrayRecording(clip(), RATE_HZ)
    notes = model.transcribe(stereo)
    assert len(notes)
    assert notes.rows() == OnsetsFrames(folder, threads=1).transcribe(stereo).rows()
    assert set(notes.pitch) <= set(range(21, 109))
    assert notes.velocity.min() >= 1
    assert notes.velocity.max() <= 127


def test_no_model_is_told(tmp_path):
    with pytest.raises(UsageError, match="no Onsets and Frames model"):
        OnsetsFrames(tmp_path)
