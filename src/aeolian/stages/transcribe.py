"""WAV to MIDI: the notes in each recording, one model for all of them, in constant memory."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aeolian.errors import InputError
from aeolian.names import assign_stems
from aeolian.stages.batching import each_datum
from aeolian.stages.folders import output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import Report, progress
from aeolian.stages.recordings import record, sources
from aeolian.stages.report import StageReport, in_worker

if TYPE_CHECKING:
    from aeolian.transcription.transcriber import Transcriber

BACKENDS = ("auto", "basic-pitch")
FRAMES_PER_S = 22_050 / 256
PERCENT = 100


@dataclass(frozen=True)
class Config:
    """Recordings (WAV, as convert writes them, or FLAC, OGG, MP3) to MIDI: the notes that were played."""

    input: Path = option(help="Folder of recordings (or one file).")
    output: Path = option(help="Folder for the MIDI files.")
    backend: str = option("auto", choices=BACKENDS, help="The model that listens. auto: the best one at hand.")
    onset_threshold: float = option(
        0.5, minimum=0.05, maximum=0.95, help="Probability from which a note is taken to begin; lower finds more."
    )
    frame_threshold: float = option(
        0.3, minimum=0.05, maximum=0.95, help="Probability from which a note is taken to sound; lower holds longer."
    )
    minimum_note_length: float = option(
        127.7, minimum=0.0, maximum=10_000.0, help="Shorter notes are dropped, in milliseconds."
    )
    melodia: bool = option(True, help="Also take notes that sound without a clear beginning.")


def run(config: Config) -> None:
    """Transcribes every recording below `config.input`. Raises `AeolianError` if there is none that could be.

    In a batch of a pipeline, datum after datum with one model: see `stages.batching`.
    """
    transcriber = functools.cache(lambda: _transcriber(config))
    each_datum(lambda: _transcribe_all(config, transcriber))


def _transcribe_all(config: Config, transcriber: "Callable[[], Transcriber]") -> None:
    output = output_folder(config.output)
    found = sources(config.input, output)
    stems = assign_stems(found, alone=in_worker(), plain_extension="wav")
    report = StageReport("transcribe")
    with progress("transcribing") as tell:
        for number, (name, path) in enumerate(found.items()):

            def advance(done: int, total: int, note: str = "", *, before: int = number, name: str = name) -> None:
                tell(before * PERCENT + PERCENT * done // max(1, total), len(found) * PERCENT, name)

            target = output / f"{stems[name]}.mid"
            record(report, name, target.name, functools.partial(_transcribe, path, target, transcriber(), advance))
        tell(len(found) * PERCENT, len(found) * PERCENT)
    report.close(output)


def _transcriber(config: Config) -> "Transcriber":
    """The model that `config` asks for, loaded. "auto" is Basic Pitch as long as it is the only one."""
    from aeolian.transcription.basic_pitch import BasicPitch
    from aeolian.transcription.note_decoding import Thresholds

    return BasicPitch(
        Thresholds(
            onset=config.onset_threshold,
            sounding=config.frame_threshold,
            shortest_frames=round(config.minimum_note_length / 1000 * FRAMES_PER_S),
            without_onset=config.melodia,
        )
    )


def _transcribe(path: Path, target: Path, transcriber: "Transcriber", tell: Report) -> dict[str, Any]:
    """Writes `target`, returns the details for the report. Raises `InputError` where there are no notes."""
    from aeolian.formats.midi import write_midi
    from aeolian.formats.wav import WavReader

    with WavReader(path) as recording:
        notes = transcriber.transcribe(recording, tell)
        sample_rate_hz, duration_s = recording.sample_rate_hz, recording.read_frames / recording.sample_rate_hz
        complaint = recording.complaint
    if not len(notes):
        raise InputError("no notes found (silence, speech or noise?)", remedy="Lower --onset_threshold to find more.")
    with whole_file(target) as partial:
        write_midi(partial, notes)
    return {
        "backend": transcriber.name,
        "backend_version": transcriber.version,
        "duration_s": round(duration_s, 3),
        "sample_rate_hz": sample_rate_hz,
        "notes": len(notes),
        "notes_per_s": round(len(notes) / duration_s, 2),
        "pitch_range": [int(np.min(notes.pitch)), int(np.max(notes.pitch))],
        "remarks": [f"the recording is damaged: {complaint}"] if complaint else [],
    }
