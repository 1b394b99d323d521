"""Recordings with their notes, or MIDI and soundfonts → a model folder: Onsets and Frames, trained and validated."""

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import AeolianError, UsageError
from aeolian.stages.folders import output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import StageReport, in_worker

if TYPE_CHECKING:
    from aeolian.music.notes import Notes
    from aeolian.stages.takes import Renderer
    from aeolian.transcription.onsets_and_frames.config import ModelConfig
    from aeolian.transcription.training.corpus import Song
    from aeolian.transcription.training.takes import Take
    from aeolian.transcription.training.training import Result, TrainingConfig
    from aeolian.transcription.training.validation import Validation

log = logging.getLogger(__name__)
CHECKPOINTS_VARIABLE = "AEOLIAN_CHECKPOINTS"
SOUNDFONT_SUFFIXES = (".sf2", ".sf3")
SECONDS_OF_VALIDATION = 30.0
VALIDATION_SEED = 1_000_003
FIRST_TAKES = 60  # with --minutes, training begins when so many are there


@dataclass(frozen=True)
class Config:
    """Trains an Onsets and Frames model, the transcriber of piano music.

    The input folder holds recordings with their notes beside them (NAME.wav and NAME.midi, .mid, .tsv or .txt, as in
    MAESTRO and MAPS), MIDI files alone, which are performed anew and rendered with soundfonts, or both. One song in
    twenty is held out for validation, or those that a maestro-*.csv or --validation_path names. Killed, it goes on
    where it was.
    """

    input: Path = option(help="Folder of recordings with their notes, of MIDI files, or of both.")
    save_path: Path = option(help="The model folder to write.")
    size: str = option("small", help="Of the model; full has Magenta's.", choices=("small", "full"))
    steps: int = option(20_000, help="Optimizer steps.", minimum=1)
    minutes: float | None = option(
        None, help="Train for so long in all, in place of --steps; then the result depends on speed.", minimum=0.1
    )
    batch_size: int = option(16, help="Segments in a step.", minimum=1)
    segment_s: float = option(10.24, help="Length of a segment in seconds.", minimum=0.32, maximum=120.0)
    hours: float = option(20.0, help="How much sound to render from MIDI files.", minimum=0.01)
    soundfonts: Path | None = option(
        None, help="Folder of .sf2 and .sf3 files, or one; by default those in --input, or else pretty_midi's."
    )
    validation_path: Path | None = option(None, help="Folder like --input; all of it is held out.")
    validation_soundfonts: Path | None = option(None, help="What validation is rendered with; by default --soundfonts.")
    validation_takes: int = option(32, help="At most so many.", minimum=1)
    validate_every: int = option(500, help="Steps between validations.", minimum=1)
    l_r: float = option(6e-4, help="Peak learning rate.", minimum=0.0)
    warmup_steps: int = option(200, help="Steps until the peak.", minimum=1)
    average_decay: float = option(0.995, help="Of the moving average of the weights.", minimum=0.0, maximum=0.9999)
    dropout: float | None = option(
        None, help="Share dropped after convolutions and dense layers; by default the size's.", minimum=0.0, maximum=0.9
    )
    load_path: Path | None = option(None, help="A model folder to start from, instead of random weights.")
    seed: int = option(0, help="Of weights, performances, rooms and order.", minimum=0)
    workers: int | None = option(None, help="Processes that render; by default one a core.", minimum=1)
    precision: str = option(
        "float32", help="Of the arithmetic, on hardware that has it.", choices=("float32", "mixed_bfloat16")
    )
    checkpoint_path: Path | None = option(
        None, help="Where takes and a killed run's state are kept; by default .training in the model folder."
    )


def run(config: Config) -> None:
    """Makes the takes, trains (or goes on with a run that was killed), and writes the model folder."""
    started_s = time.monotonic()
    model_config, start_from = _model(config)
    report = StageReport("train-transcriber")
    corpus = _Corpus.read(config, report)
    output_folder(config.save_path)
    fingerprint = _fingerprint(config, corpus, model_config)
    folder = _state_folder(config, fingerprint)
    with ExitStack() as stack:
        workers = config.workers or len(os.sched_getaffinity(0))
        held_out = stack.enter_context(corpus.validation_renderer(config, folder, workers))
        renderer = stack.enter_context(corpus.renderer(config, folder, workers))
        recorded, recorded_held_out = corpus.recorded(folder, report)
        with progress("rendering") as show:
            held_out.wait_for(held_out.total, show)
            renderer.wait_for(FIRST_TAKES if config.minutes else renderer.total, show)

        from aeolian.transcription.training.training import Training, described

        training_config = _training_config(config)
        validation = _validation(held_out.ready() + recorded_held_out, config, model_config)
        training = Training(
            lambda: recorded + renderer.ready(),
            validation,
            model_config,
            training_config,
            fingerprint=fingerprint,
            state_folder=folder,
            start_from=start_from,
            started_s=started_s,
            keep=lambda result: _write_model(config.save_path, model_config, told, result),
        )
        told = {**described(training_config), **corpus.described(config)}
        with progress("training") as show:
            result = training.run(show)
        told["takes"] = len(recorded + renderer.ready())
    _write_model(config.save_path, model_config, told, result)
    training.forget()
    report.close(config.save_path)


def _model(config: Config) -> "tuple[ModelConfig, Any]":
    from aeolian.transcription.onsets_and_frames.config import PRESETS
    from aeolian.transcription.onsets_and_frames.weights import read_model

    model, weights = read_model(config.load_path) if config.load_path is not None else (PRESETS[config.size], None)
    if config.dropout is not None:
        dropouts = tuple(config.dropout if n else 0.0 for n in range(len(model.conv_dropouts)))
        model = dataclasses.replace(model, conv_dropouts=dropouts, dense_dropout=config.dropout)
    return model, weights


@dataclass(frozen=True, eq=False)
class _Corpus:
    """Songs and (name, audio, notes) pairs, for training and held out, and the soundfonts."""

    songs: "list[Song]"
    held_out_songs: "list[Song]"
    pairs: list[tuple[str, Path, Path]]
    held_out_pairs: list[tuple[str, Path, Path]]
    soundfonts: list[Path]
    validation_soundfonts: list[Path]

    @staticmethod
    def read(config: Config, report: StageReport) -> "_Corpus":
        """What the folders hold. Raises UsageError if there is nothing to learn from."""
        from aeolian.transcription.training.corpus import split_songs

        songs, pairs = _found(config.input, report)
        if config.validation_path is not None:
            held_out_songs, held_out_pairs = _found(config.validation_path, report)
        else:
            songs, held_out_songs = split_songs(songs)
            pairs, held_out_pairs = _split_pairs(config.input, pairs)
        if not songs and not pairs:
            raise UsageError(
                f"{config.input} holds nothing to learn from: no recording with its notes, and no MIDI file.",
                remedy="A recording NAME.wav needs NAME.midi, NAME.mid, NAME.tsv or NAME.txt beside it.",
            )
        if not held_out_songs and not held_out_pairs:
            log.info("train-transcriber: too few songs to hold any out; there is no validation")
        fonts = _soundfonts(config.soundfonts, config.input) if songs or held_out_songs else []
        other = _soundfonts(config.validation_soundfonts, config.input) if config.validation_soundfonts else fonts
        return _Corpus(songs, held_out_songs, pairs, held_out_pairs, fonts, other)

    def renderer(self, config: Config, folder: Path, workers: int) -> "Renderer":
        """Of the training songs."""
        from aeolian.stages.takes import MEAN_TAKE_S, Renderer, renderings

        count = max(1, round(config.hours * 3600 / MEAN_TAKE_S)) if self.songs else 0
        return Renderer(
            renderings(folder / "takes", self.songs, self.soundfonts, count=count, seed=config.seed), workers
        )

    def validation_renderer(self, config: Config, folder: Path, workers: int) -> "Renderer":
        """Of the songs held out."""
        from aeolian.stages.takes import Renderer, renderings

        jobs = renderings(
            folder / "validation",
            self.held_out_songs,
            self.validation_soundfonts,
            count=config.validation_takes if self.held_out_songs else 0,
            seed=VALIDATION_SEED,
            textures=False,
        )
        return Renderer(jobs, workers)

    def recorded(self, folder: Path, report: StageReport) -> "tuple[list[Take], list[Take]]":
        """The recordings as takes, for training and held out."""
        from aeolian.stages.takes import recorded

        sides = []
        for kind, pairs in (("recorded", self.pairs), ("recorded-validation", self.held_out_pairs)):
            takes: list[Take] = []
            for name, audio, notes in pairs:
                takes += recorded(folder / kind, name, audio, notes, report)
            sides.append(takes)
        return sides[0], sides[1]

    def described(self, config: Config) -> dict[str, Any]:
        """For `config.json`."""
        return {
            "songs": len(self.songs),
            "validation_songs": len(self.held_out_songs),
            "recordings": len(self.pairs),
            "validation_recordings": len(self.held_out_pairs),
            "hours_to_render": config.hours if self.songs else 0.0,
            "soundfonts": [path.name for path in self.soundfonts],
            "validation_soundfonts": [path.name for path in self.validation_soundfonts],
        }


def _found(folder: Path, report: StageReport) -> "tuple[list[Song], list[tuple[str, Path, Path]]]":
    from aeolian.transcription.training.corpus import midi_files, paired_files, read_song

    if not folder.is_dir():
        raise UsageError(f"The input folder {folder} does not exist.", remedy="Give a folder that holds the files.")
    songs: list[Song] = []
    for path in midi_files(folder):
        name = path.relative_to(folder).as_posix()
        with report.entry(name) as entry:
            songs.append(read_song(path, name))
            entry.details = {"notes": len(songs[-1].notes)}
    return songs, [(a.relative_to(folder).as_posix(), a, n) for a, n in paired_files(folder)]


def _split_pairs(
    folder: Path, pairs: list[tuple[str, Path, Path]]
) -> tuple[list[tuple[str, Path, Path]], list[tuple[str, Path, Path]]]:
    """By the table of MAESTRO where there is one (its test files are left out), else by a hash of the notes."""
    from aeolian.transcription.training.corpus import VALIDATION_ONE_IN, maestro_splits

    table = maestro_splits(folder)
    sides: dict[str, list[tuple[str, Path, Path]]] = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        name, _, notes = pair
        split = next((side for listed, side in table.items() if name.endswith(listed)), "train" if table else None)
        if split is None:
            drawn = int.from_bytes(hashlib.sha256(notes.read_bytes()).digest()[:8], "big")
            split = "validation" if drawn % VALIDATION_ONE_IN == 0 else "train"
        sides.setdefault(split, []).append(pair)
    return sides["train"], sides["validation"]


def _soundfonts(path: Path | None, folder: Path) -> list[Path]:
    """The soundfonts to play with. Raises UsageError if there is none, or one cannot be read."""
    from aeolian.rendering.player import programs
    from aeolian.rendering.synthesis import default_soundfont

    found = [path] if path is not None and path.is_file() else []
    if not found:
        inside = (path or folder).rglob("*")
        found = sorted(file for file in inside if file.suffix.lower() in SOUNDFONT_SUFFIXES)
    if not found and path is not None:
        raise UsageError(f"{path} holds no soundfont.", remedy="Give a folder of .sf2 or .sf3 files, or one file.")
    found = found or [default_soundfont()]
    for font in found:
        programs(font)
    return found


def _training_config(config: Config) -> "TrainingConfig":
    from aeolian.transcription.mel import FRAMES_PER_S
    from aeolian.transcription.training.training import TrainingConfig

    return TrainingConfig(
        steps=config.steps,
        minutes=config.minutes,
        batch_size=config.batch_size,
        segment_frames=max(1, round(config.segment_s * FRAMES_PER_S)),
        peak_learning_rate=config.l_r,
        warmup_steps=config.warmup_steps,
        average_decay=config.average_decay,
        validate_every=config.validate_every,
        seed=config.seed,
        precision=config.precision,
    )


def _validation(takes: "Sequence[Take]", config: Config, model: "ModelConfig") -> "Validation | None":
    from aeolian.evaluation.note_matching import scores
    from aeolian.transcription.mel import FRAMES_PER_S
    from aeolian.transcription.training.validation import Validation

    def score(reference: "Notes", estimated: "Notes") -> Mapping[str, float]:
        return {name: value.f1 for name, value in scores(reference, estimated).items()}

    if not takes:
        return None
    return Validation(
        takes[: config.validation_takes],
        frames=round(SECONDS_OF_VALIDATION * FRAMES_PER_S),
        size=min(8, len(takes)),
        seed=VALIDATION_SEED,
        decode=_decoder(model),
        score=score,
    )


def _decoder(model: "ModelConfig") -> "Callable[[Mapping[str, Any], float, float], Notes]":
    from aeolian.transcription.onsets_and_frames.decoding import Thresholds, decode
    from aeolian.transcription.onsets_and_frames.heard import Heard

    def decoded(said: Mapping[str, Any], onset: float, frame: float) -> "Notes":
        heard = Heard(said["onset"], said["offset"], said["frame"], said["velocity"])
        return decode(iter([heard]), model, Thresholds(onset, frame))

    return decoded


def _fingerprint(config: Config, corpus: _Corpus, model: "ModelConfig") -> str:
    """A digest of all that the course of training depends on."""
    digest = hashlib.sha256()
    settings = dataclasses.asdict(config)
    for name in ("input", "save_path", "validation_path", "workers", "checkpoint_path"):
        del settings[name]
    digest.update(json.dumps([settings, dataclasses.asdict(model)], sort_keys=True, default=str).encode())
    for song in (*corpus.songs, *corpus.held_out_songs):
        digest.update(song.name.encode() + song.notes.onset_s.tobytes() + song.notes.pitch.tobytes())
    for name, audio, notes in (*corpus.pairs, *corpus.held_out_pairs):
        digest.update(f"{name} {audio.stat().st_size}".encode() + notes.read_bytes())
    for font in (*corpus.soundfonts, *corpus.validation_soundfonts):
        digest.update(f"{font.name} {font.stat().st_size}".encode())
    if config.load_path is not None:
        for path in sorted(config.load_path.glob("*.safetensors")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _state_folder(config: Config, fingerprint: str) -> Path:
    """Where takes and state are kept until a run ends well; a worker's /pfs/out is lost with a killed datum."""
    if config.checkpoint_path is not None:
        return config.checkpoint_path
    if not in_worker():
        return config.save_path / ".training"
    root = os.environ.get(CHECKPOINTS_VARIABLE) or Path(tempfile.gettempdir(), "aeolian-checkpoints")
    return Path(root, hashlib.sha256(fingerprint.encode()).hexdigest()[:16])


def _write_model(folder: Path, model: "ModelConfig", training: Mapping[str, Any], result: "Result") -> None:
    """The model folder; its config.json comes last, so that a folder with one is complete."""
    from aeolian.transcription.onsets_and_frames.weights import CONFIG_NAME, write_model

    if not result.history:
        raise AeolianError("Nothing was trained.")
    texts = {
        "metrics.json": _json(result.metrics),
        "history.jsonl": "".join(json.dumps(row, sort_keys=True) + "\n" for row in result.history),
    }
    (folder / CONFIG_NAME).unlink(missing_ok=True)
    for name, text in texts.items():
        with whole_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    chosen = result.thresholds
    model = dataclasses.replace(model, onset_threshold=chosen.onset, frame_threshold=chosen.frame)
    write_model(folder, model, result.weights, half=True, training=dict(training))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
