"""Basic Pitch: the notes of the package itself, for our clip and in our code."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from golden_clip import RATE_HZ, clip

from aeolian.errors import AeolianError, InputError
from aeolian.transcription import basic_pitch
from aeolian.transcription.basic_pitch import BasicPitch, frame_times_s, timed, weights_path
from aeolian.transcription.note_decoding import FrameNotes, Thresholds
from aeolian.transcription.posteriors import Posteriors
from aeolian.transcription.threads import available_threads
from aeolian.transcription.transcriber import ArrayRecording

GOLDENS = json.loads(Path(__file__).with_name("goldens.json").read_text())
# onset_s, offset_s, pitch, velocity
TOLERANCES = (0.001, 0.001, 0, 1)


@pytest.fixture(scope="module")
def model():
    return BasicPitch(threads=2)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, clip(), RATE_HZ, subtype="PCM_16")
    return ArrayRecording(soundfile.read(path, dtype="float32")[0], RATE_HZ)


def thresholds_of(settings):
    return Thresholds(
        onset=settings.get("onset_threshold", 0.5),
        sounding=settings.get("frame_threshold", 0.3),
        shortest_frames=round(settings.get("minimum_note_length", 127.7) / 1000 * 22_050 / 256),
        without_onset=settings.get("melodia_trick", True),
    )


@pytest.mark.parametrize("name", GOLDENS)
def test_the_notes_are_those_of_the_package(model, recording, name, monkeypatch):
    monkeypatch.setattr(model, "thresholds", thresholds_of(GOLDENS[name]["settings"]))
    expected = [tuple(note) for note in GOLDENS[name]["notes"]]
    matched = [
        note
        for note in model.transcribe(recording).rows()
        if any(np.allclose(note, golden, rtol=0, atol=TOLERANCES) for golden in expected)
    ]
    # Equal on the machine of the goldens; on another, rounding may turn a note that is on the threshold.
    assert 2 * len(matched) / (len(model.transcribe(recording)) + len(expected)) >= 0.95


def test_threads_do_not_change_the_notes(model, recording):
    assert BasicPitch(threads=1).transcribe(recording).rows() == model.transcribe(recording).rows()


@pytest.mark.parametrize("samples", [1, 36_164 - 3840, 36_164 - 3839, 80_000])
def test_as_many_frames_as_the_recording_has(model, samples):
    with Posteriors() as posteriors:
        model.listen(ArrayRecording(np.zeros(samples, np.float32), 22_050), posteriors)
        assert posteriors.frames == samples * 86 // 22_050


def test_silence_has_no_notes(model):
    assert len(model.transcribe(ArrayRecording(np.zeros(22_050, np.float32), 22_050))) == 0


def test_a_recording_without_samples_is_an_input_error(model):
    with pytest.raises(InputError, match="no samples"):
        model.transcribe(ArrayRecording(np.zeros((0, 1), np.float32), 44_100))


def test_progress_goes_from_the_beginning_to_the_end(model, recording):
    told = []
    model.transcribe(recording, lambda done, total, note="": told.append((done, total)))
    assert told[-1] == (8, 8)
    assert told == sorted(told)
    assert all(done < 8 for done, _ in told[:-1])


def test_frame_times():
    step = 256 / 22_050
    times = frame_times_s(np.array([0, 1, 171, 172, 344]))
    lag = step * (172 - 43_844 / 256) + 0.0018
    np.testing.assert_allclose(times, [0, step, 171 * step, 172 * step - lag, 344 * step - 2 * lag], atol=1e-12)


def test_velocities_are_at_least_one_and_at_most_127():
    frames = np.array([0, 100, 200])
    found = FrameNotes(frames, frames + 50, np.array([60, 61, 62]), np.array([0.001, 0.5, 1.1], np.float32))
    assert timed(found).velocity.tolist() == [1, 64, 127]


@pytest.mark.parametrize(("value", "threads"), [("1", 1), ("3", 3), ("2,1", 2), ("999", 16)])
def test_threads_follow_omp_num_threads(monkeypatch, value, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert available_threads() == threads


def test_missing_weights_are_told(monkeypatch):
    monkeypatch.setattr(basic_pitch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AeolianError, match="weights of Basic Pitch are not installed"):
        weights_path()


def test_the_package_itself_is_never_imported():
    code = (
        "import sys; from aeolian.transcription.basic_pitch import BasicPitch; BasicPitch();"
        "print([m for m in ('basic_pitch', 'tensorflow', 'librosa', 'scipy', 'pretty_midi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
