"""Recordings with their true notes, and what a transcriber makes of them → scores, and where the errors are."""

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import InputError, UsageError
from aeolian.names import named_as_midi
from aeolian.stages.folders import input_files
from aeolian.stages.options import option
from aeolian.stages.progress import Report, progress
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.report import StageReport
from aeolian.stages.transcribers import BACKENDS, BASIC_PITCH, ONSETS_FRAMES, Options, Transcribers

if TYPE_CHECKING:
    from aeolian.evaluation.transcription import Errors, Piece
    from aeolian.music.notes import Notes

log = logging.getLogger(__name__)
ALL = "all"


@dataclass(frozen=True)
class Config:
    """Scores transcriptions as mir_eval does: onsets to 50 ms, offsets to 50 ms or 20 %, velocities, frames.

    The reference folder holds NAME.mid, .midi, .tsv or .txt with the true notes, as in MAESTRO and MAPS. Without
    --input the recordings beside them are transcribed here. A note ends where its reference says; in a reference in
    MIDI that has the pedal in it, where the pedal lets it, and offsets are then scored as the keys have them as well.
    """

    reference: Path = option(positional=True, help="Folder of true notes, with or without the recordings.")
    input: Path | None = option(None, help="Folder of transcriptions, NAME.mid for each reference.")
    backend: str = option(ONSETS_FRAMES, help="What transcribes without --input.", choices=(*BACKENDS, ALL))
    load_path: Path | None = option(None, help="An Onsets and Frames model other than the one shipped.")
    plots: Path | None = option(None, help="A folder for a picture of the errors.")
    output: str = option("table", flag="-o", help="Shape of the output.", choices=("table", "json"))


@dataclass(frozen=True, eq=False)
class Reference:
    """One piece: the truth as heard, as the keys have it where that differs, and the recording if there is one."""

    name: str
    notes: "Notes"
    keys: "Notes | None"
    audio: Path | None


@dataclass(frozen=True, eq=False)
class System:
    """What was scored, piece by piece. `keys`: F1 of onsets and offsets against the ends of the keys, one a piece."""

    name: str
    version: str
    pieces: "list[Piece]"
    keys: list[float]
    errors: "Errors"


def evaluate(config: Config) -> list[System]:
    """Scores --input, or each backend asked for. Raises UsageError if there is nothing to compare."""
    references = _references(config.reference)
    with progress("transcribing" if config.input is None else "scoring") as show:
        if config.input is not None:
            systems = [_scored(str(config.input), "", references, _given(config.input, references))]
        else:
            backends = (ONSETS_FRAMES, BASIC_PITCH) if config.backend == ALL else (config.backend,)
            systems = [_heard(backend, config, references, show) for backend in backends]
    if config.plots is not None:
        draw(config.plots, systems)
    return systems


def _references(folder: Path) -> list[Reference]:
    from aeolian.transcription.training.corpus import TABLE_SUFFIXES, paired_files, read_truth

    everything = _files(folder)
    audio_of = {truth: audio for audio, truth in paired_files(everything)}
    files = sorted(path for path in everything if named_as_midi(path.name) or path.suffix.lower() in TABLE_SUFFIXES)
    stems = {truth.with_suffix("") for truth in audio_of}
    found = []
    for path in files:
        if path not in audio_of and path.with_suffix("") in stems:
            continue  # the same notes once more, in another format
        try:
            notes, keys = read_truth(path), _keys(path)
        except InputError as error:
            log.warning("evaluate: %s: %s", path.name, error)
            continue
        if len(notes):
            name = path.relative_to(folder).with_suffix("").as_posix()
            found.append(Reference(name, notes, keys, audio_of.get(path)))
    if not found:
        raise UsageError(f"{folder} holds no true notes.", remedy="NAME.mid, .midi, .tsv or .txt, as in MAPS.")
    return found


def _files(folder: Path) -> list[Path]:
    """List the files below `folder`; those that cannot be read are named on stderr."""
    if folder.is_file():
        raise UsageError(f"{folder} is a file.", remedy="Give the folder that it lies in.")
    return input_files(folder, StageReport("evaluate"))


def _keys(path: Path) -> "Notes | None":
    """The notes as the keys have them, if the file has a pedal. Says what is to be said of the file."""
    from aeolian.formats.midi import read_score
    from aeolian.transcription.training.performance import separated

    if not named_as_midi(path.name):
        return None
    score = read_score(path)
    for remark in score.remarks:
        log.warning("evaluate: %s: %s", path.name, remark)
    if not any(len(part.pedal.time_s) for part in score.parts if not part.is_drum):
        return None
    return separated(score.notes(sustain=False))


def _given(folder: Path, references: list[Reference]) -> Iterator["Notes"]:
    """The transcription of each reference; one that is not there, or cannot be read, found nothing."""
    from aeolian.formats.midi import read_score
    from aeolian.music.notes import Notes

    files = {path.stem: path for path in sorted(_files(folder)) if named_as_midi(path.name)}
    known = {Path(reference.name).name for reference in references}
    if not known & set(files):
        raise UsageError(f"{folder} holds no transcription of any reference.", remedy="Name them NAME.mid.")
    for stem in sorted(set(files) - known):
        log.warning("evaluate: %s: no reference has this name", files[stem].name)
    for reference in references:
        path = files.get(Path(reference.name).name)
        if path is None:
            log.warning("evaluate: %s: there is no transcription; it counts as empty", reference.name)
            yield Notes.empty()
            continue
        try:
            score = read_score(path)
        except InputError as error:
            log.warning("evaluate: %s: %s; it counts as empty", path.name, error)
            yield Notes.empty()
            continue
        for remark in score.remarks:
            log.warning("evaluate: %s: %s", path.name, remark)
        yield score.notes()


def _heard(backend: str, config: Config, references: list[Reference], show: Report) -> System:
    """A backend's transcriptions of the recordings, scored."""

    references = [reference for reference in references if reference.audio is not None]
    if not references:
        raise UsageError(
            f"{config.reference} holds no recordings.", remedy="Give the transcriptions with --input, or recordings."
        )
    models = Transcribers(Options(backend, config.load_path, None, None, None, True))
    versions: set[str] = set()

    def transcriptions() -> Iterator["Notes"]:
        for number, reference in enumerate(references):
            assert reference.audio is not None
            show(number, len(references), f"{backend}: {reference.name}")
            model, _ = models.choose(reference.audio)
            versions.add(f"{model.name} {model.version}")
            with open_recording(reference.audio) as recording:
                yield model.transcribe(recording)
        show(len(references), len(references))

    system = _scored(backend, "", references, transcriptions())
    return dataclasses.replace(system, version="; ".join(sorted(versions)))


def _scored(name: str, version: str, references: list[Reference], found: Iterator["Notes"]) -> System:
    from aeolian.evaluation.note_matching import scores
    from aeolian.evaluation.transcription import errors, piece

    pairs = [(reference, estimated) for reference, estimated in zip(references, found, strict=True)]
    pieces = [piece(reference.name, reference.notes, estimated) for reference, estimated in pairs]
    keys = [scores(r.keys, estimated)["onset_offset"].f1 for r, estimated in pairs if r.keys is not None]
    return System(name, version, pieces, keys, errors([(r.notes, estimated) for r, estimated in pairs]))


def as_dict(systems: list[System]) -> dict[str, Any]:
    """All figures, for JSON."""
    from aeolian.evaluation.transcription import means

    def plain(score: Any) -> dict[str, float]:
        return {name: round(value, 5) for name, value in dataclasses.asdict(score).items()}

    return {
        system.name: {
            "version": system.version,
            "pieces": len(system.pieces),
            "means": {name: plain(score) for name, score in means(system.pieces).items()},
            "onset_offset_f1_by_keys": round(sum(system.keys) / len(system.keys), 5) if system.keys else None,
            "by_piece": {
                each.name: {
                    "reference_notes": each.reference_notes,
                    "estimated_notes": each.estimated_notes,
                    **{name: plain(score) for name, score in each.scores.items()},
                }
                for each in system.pieces
            },
            "errors": system.errors.as_dict(),
        }
        for system in systems
    }


def draw(folder: Path, systems: list[System]) -> None:
    """The picture of the errors, into `folder`."""
    from aeolian.rendering.transcription_plots import error_picture
    from aeolian.stages.folders import output_folder, whole_file

    output_folder(folder)
    recall = {
        system.name: {kind: [(s.name, s.share) for s in shares] for kind, shares in system.errors.recall_by.items()}
        for system in systems
    }
    with whole_file(folder / "errors.png") as path:
        error_picture(path, recall, {system.name: system.errors.timing_s for system in systems})
