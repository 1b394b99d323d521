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
from aeolian.transcription.basic_pitch import BasicPitch, frame_count, frame_times_s, timed, weights_path
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
    monkeypatch.setattr(basic_pitch, "frame_count", lambda samples: samples * 86 // 22_050)  # as the package counts
    expected = [tuple(note) for note in GOLDENS[name]["notes"]]
    matched = [
        note
        for note in model.transcribe(recording).rows()
        if any(np.allclose(note, golden, rtol=0, atol=TOLERANCES) for golden in expected)
    ]
    # Equal on the machine of the goldens; on another, rounding may turn a note that is on the threshold.
    assert 2 * len(matched) / (len(model.transcribe(recording)) + len(expected)) >= 0.95


def test_what_the_package_drops_changes_only_the_notes_that_reach_into_it(model, recording, monkeypatch):
    whole = model.transcribe(recording).rows()
    monkeypatch.setattr(basic_pitch, "frame_count", lambda samples: samples * 86 // 22_050)
    cut = model.transcribe(recording).rows()
    end_s = frame_times_s(np.array([688]))[0]
    assert [note for note in whole if note[1] < end_s - 0.2] == [note for note in cut if note[1] < end_s - 0.2]
    assert len(whole) == len(cut)


def test_threads_do_not_change_the_notes(model, recording):
    assert BasicPitch(threads=1).transcribe(recording).rows() == model.transcribe(recording).rows()


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(1, 1), (256, 1), (257, 2), (36_164 - 3840, 127), (36_164, 142), (36_165, 143), (80_000, 2 * 142 + 30)],
)
def test_as_many_frames_as_the_recording_has(model, samples, frames):
    with Posteriors() as posteriors:
        model.listen(ArrayRecording(np.zeros(samples, np.float32), 22_050), posteriors)
        assert posteriors.frames == frames == frame_count(samples)


@pytest.mark.parametrize("seconds", [1, 7.9, 60, 240, 3600, 36_000, 86_400])
def test_the_last_frame_of_a_recording_of_any_length_is_at_its_end(seconds):
    samples = round(seconds * 22_050)
    end_s = frame_times_s(np.array([frame_count(samples)]))[0]
    # The correction comes in steps of 10 ms, and a frame is 12 ms long.
    assert end_s == pytest.approx(seconds, abs=0.022)


def struck(length_s, onsets_s, rate=22_050):
    """A C major chord at each of the onsets, which rings until the next, or the end."""
    t = np.arange(round(length_s * rate)) / rate
    wave = np.zeros(len(t))
    for onset_s, end_s in zip(onsets_s, [*onsets_s[1:], length_s], strict=True):
        inside = slice(round(onset_s * rate), round(end_s * rate))
        since = t[inside] - onset_s
        for f0_hz in (261.63, 329.63, 392.0):
            wave[inside] += (
                0.15 * np.exp(-0.7 * since) * sum(np.sin(2 * np.pi * f0_hz * k * since) / k**2 for k in (1, 2, 3))
            )
    return ArrayRecording(wave.astype(np.float32), rate)


@pytest.mark.parametrize("length_s", [6.0, 30.0, 61.7])
def test_a_chord_at_the_end_of_a_recording_is_heard_to_its_end(model, length_s):
    notes = model.transcribe(struck(length_s, [0.5, length_s - 2.0]))
    for pitch in (60, 64, 67):
        # Where a window begins, the model may take a note that sounds on for two.
        heard = [(onset_s, offset_s) for onset_s, offset_s, heard, _ in notes.rows() if heard == pitch]
        assert any(onset_s == pytest.approx(length_s - 2.0, abs=0.05) for onset_s, _ in heard)
        assert max(offset_s for _, offset_s in heard) > length_s - 0.15


def test_a_note_in_the_last_hundredth_of_a_long_recording_is_heard(model):
    # The package drops 0.67 %: of two minutes 0.8 s.
    notes = model.transcribe(struck(120.0, [1.0, 119.3]))
    assert {60, 64, 67} <= set(notes.take(abs(notes.onset_s - 119.3) < 0.05).pitch.tolist())


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
    # The package's, and the length of 172 frames as the windows have them: the same to a millionth of a second.
    lag = step * (172 - 43_844 / 256) + 0.0018
    np.testing.assert_allclose(times, [0, step, 171 * step, 172 * step - lag, 344 * step - 2 * lag], atol=3e-6)
    np.testing.assert_allclose(times[3], 172 * 36_164 / 142 / 22_050, atol=1e-12)


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
