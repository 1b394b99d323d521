"""WAV to MIDI: the notes in each recording, one model for all of them, in constant memory."""

import functools
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
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.recordings import record, sources
from aeolian.stages.report import StageReport, in_worker
from aeolian.stages.transcribers import AUTO, BACKENDS, SHIPPED, Options, Transcribers

if TYPE_CHECKING:
    from aeolian.music.notes import Notes

PERCENT = 100


@dataclass(frozen=True)
class Config:
    """Recordings (WAV, as convert writes them, or any other) to MIDI: the notes that were played."""

    input: Path = option(help="Folder of recordings (or one file).")
    output: Path = option(help="Folder for the MIDI files.")
    backend: str = option(
        AUTO,
        choices=BACKENDS,
        help="The model that listens. onsets-frames: pianos; basic-pitch: anything; auto: what suits each recording.",
    )
    load_path: Path | None = option(
        None,
        help="The Onsets and Frames model: a folder, or the name of a model that is shipped. "
        f"Without it, {SHIPPED}. Magenta's maestro_checkpoint will do as well.",
    )
    onset_threshold: float | None = option(
        None,
        minimum=0.05,
        maximum=0.95,
        help="Probability from which a note is taken to begin; lower finds more. Without it, the model's own.",
    )
    frame_threshold: float | None = option(
        None,
        minimum=0.05,
        maximum=0.95,
        help="Probability from which a note is taken to sound; lower holds longer. Without it, the model's own.",
    )
    minimum_note_length: float | None = option(
        None,
        minimum=0.0,
        maximum=10_000.0,
        help="Shorter notes are dropped, in milliseconds. Without it 127.7 for basic-pitch, 0 for onsets-frames.",
    )
    melodia: bool = option(True, help="basic-pitch: also take notes that sound without a clear beginning.")
    picture: bool = option(False, help="Also draw each recording's spectrogram with the notes over it, as PNG.")


def run(config: Config) -> None:
    """Transcribes every recording below `config.input`. Raises `AeolianError` if there is none that could be.

    In a batch of a pipeline, datum after datum with one model: see `stages.batching`.
    """
    transcribers = Transcribers(
        Options(
            config.backend,
            config.load_path,
            config.onset_threshold,
            config.frame_threshold,
            config.minimum_note_length,
            config.melodia,
        )
    )
    each_datum(lambda: _transcribe_all(config, transcribers))


def _transcribe_all(config: Config, transcribers: Transcribers) -> None:
    output = output_folder(config.output)
    report = StageReport("transcribe")
    found = sources(config.input, output, report)
    stems = assign_stems(found, alone=in_worker(), plain_extension="wav")
    with progress("transcribing") as tell:
        for number, (name, path) in enumerate(found.items()):

            def advance(done: int, total: int, note: str = "", *, before: int = number, name: str = name) -> None:
                tell(before * PERCENT + PERCENT * done // max(1, total), len(found) * PERCENT, name)

            target = output / f"{stems[name]}.mid"
            picture = target.with_suffix(".png") if config.picture else None
            work = functools.partial(_transcribe, path, target, picture, transcribers, advance)
            record(report, name, [target.name, *([picture.name] if picture else [])], work)
        tell(len(found) * PERCENT, len(found) * PERCENT)
    report.close(output)


def _transcribe(
    path: Path, target: Path, picture: Path | None, transcribers: Transcribers, tell: Report
) -> dict[str, Any]:
    """Writes `target`, returns the details for the report. Raises `InputError` where there are no notes."""
    from aeolian.formats.midi import write_midi
    from aeolian.transcription.downmix import Mono

    transcriber, why = transcribers.choose(path)
    with open_recording(path) as recording:
        mono = Mono(recording)
        notes = transcriber.transcribe(mono, tell)
        sample_rate_hz, duration_s = recording.sample_rate_hz, recording.read_frames / recording.sample_rate_hz
        remarks = recording.remarks() + mono.remarks()
    if not len(notes):
        raise InputError("no notes found (silence, speech or noise?)", remedy="Lower --onset_threshold to find more.")
    with whole_file(target) as partial:
        write_midi(partial, notes)
    if picture:
        with whole_file(picture) as partial:
            _draw(partial, path, notes, transcriber.name)
    return {
        "backend": transcriber.name,
        "backend_version": transcriber.version,
        **why,
        "duration_s": round(duration_s, 3),
        "sample_rate_hz": sample_rate_hz,
        "notes": len(notes),
        "notes_per_s": round(len(notes) / duration_s, 2),
        "pitch_range": [int(np.min(notes.pitch)), int(np.max(notes.pitch))],
        "remarks": remarks,
    }


def _draw(target: Path, path: Path, notes: "Notes", source: str) -> None:
    from aeolian.rendering.heard import ColumnCollector, draw
    from aeolian.transcription.mel import FRAMES_PER_S, SAMPLE_RATE_HZ, MelPower, band_centres_hz
    from aeolian.transcription.resampling import mono_blocks

    power = MelPower()
    with open_recording(path) as recording:
        collector = ColumnCollector(round(recording.frames / recording.sample_rate_hz * FRAMES_PER_S))
        for block in mono_blocks(recording, SAMPLE_RATE_HZ):
            for rows in power.push(block):
                collector.push(rows)
    for rows in power.finish():
        collector.push(rows)
    draw(target, collector.columns(1 / FRAMES_PER_S, band_centres_hz()), notes, title=path.stem, source=source)
