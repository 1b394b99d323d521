"""`transcribe`: the notes in a recording, and the same as MIDI."""

import functools
from typing import Any

import numpy as np

from aeolian.formats.midi import write_midi
from aeolian.serving.models.sound import check_duration, folder, recording_file
from aeolian.serving.registry import Emit, Function, Values
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.transcribers import AUTO, Options, Transcribers
from aeolian.transcription.downmix import Mono


@functools.cache
def _transcribers(backend: str) -> Transcribers:
    return Transcribers(Options(backend, None, None, None, None, True))


def make() -> Function:
    """The function, its models loaded."""
    transcribers = _transcribers(AUTO)
    _ = transcribers.onsets_frames, transcribers.basic_pitch
    return transcribe


def transcribe(values: Values, emit: Emit) -> Values:
    """The notes of `audio`, or `samples`."""
    backend: Any = values["backend"]
    with recording_file(values) as path:
        transcriber, _ = _transcribers(backend).choose(path)
        with open_recording(path) as recording:
            check_duration(recording.frames / recording.sample_rate_hz)
            notes = transcriber.transcribe(Mono(recording)).sorted()
    with folder() as own:
        write_midi(own / "notes.mid", notes)
        midi = (own / "notes.mid").read_bytes()
    return {
        "onset_s": notes.onset_s,
        "offset_s": notes.offset_s,
        "pitch": notes.pitch.astype(np.int64),
        "velocity": notes.velocity.astype(np.int64),
        "midi": [midi],
        "backend": [transcriber.name.encode()],
    }
