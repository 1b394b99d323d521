"""Recordings with their notes, or MIDI and soundfonts → a model folder: Onsets and Frames, trained and validated."""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.stages.checkpoints import state_folder
from aeolian.stages.folders import output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import StageReport
from aeolian.stages.transcriber_corpus import VALIDATION_SEED, Corpus

if TYPE_CHECKING:
    from aeolian.music.notes import Notes
    from aeolian.transcription.onsets_and_frames.config import ModelConfig
    from aeolian.transcription.training.takes import Take
    from aeolian.transcription.training.training import Result, TrainingConfig
    from aeolian.transcription.training.validation import Validation

log = logging.getLogger(__name__)
SECONDS_OF_VALIDATION = 30.0
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
    corpus = Corpus.read(config.input, config.validation_path, config.soundfonts, config.validation_soundfonts, report)
    output_folder(config.save_path)
    fingerprint = _fingerprint(config, corpus, model_config)
    folder = state_folder(config.save_path, config.checkpoint_path, fingerprint)
    with ExitStack() as stack:
        workers = config.workers or len(os.sched_getaffinity(0))
        held_out = stack.enter_context(
            corpus.validation_renderer(folder, count=config.validation_takes, workers=workers)
        )
        renderer = stack.enter_context(corpus.renderer(folder, hours=config.hours, seed=config.seed, workers=workers))
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
        told = {**described(training_config), **corpus.described(config.hours)}
        with progress("training") as show:
            result = training.run(show)
        told["takes"] = len(recorded + renderer.ready())
    _write_model(config.save_path, model_config, told, result)
    training.forget()
    if config.checkpoint_path is None:
        shutil.rmtree(folder, ignore_errors=True)
    report.close(config.save_path)


def _model(config: Config) -> "tuple[ModelConfig, Any]":
    from aeolian.transcription.onsets_and_frames.config import PRESETS
    from aeolian.transcription.onsets_and_frames.weights import read_model

    model, weights = read_model(config.load_path) if config.load_path is not None else (PRESETS[config.size], None)
    if config.dropout is not None:
        dropouts = tuple(config.dropout if n else 0.0 for n in range(len(model.conv_dropouts)))
        model = dataclasses.replace(model, conv_dropouts=dropouts, dense_dropout=config.dropout)
    return model, weights


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


def _fingerprint(config: Config, corpus: Corpus, model: "ModelConfig") -> str:
    """A digest of all that the course of training depends on."""
    from aeolian.keras_backend import keras

    settings = dataclasses.asdict(config)
    for name in ("input", "save_path", "validation_path", "workers", "checkpoint_path", "load_path"):
        del settings[name]
    for name in ("soundfonts", "validation_soundfonts"):
        del settings[name]
    parts = [settings, dataclasses.asdict(model), corpus.digest(), keras.backend.backend(), keras.__version__]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    if config.load_path is not None:
        for path in sorted(config.load_path.glob("*.safetensors")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _write_model(folder: Path, model: "ModelConfig", training: Mapping[str, Any], result: "Result") -> None:
    """The model folder; its config.json comes last, so that a folder with one is complete."""
    from aeolian.rendering.training_curves import training_curves
    from aeolian.transcription.onsets_and_frames.weights import CONFIG_NAME, write_model
    from aeolian.transcription.training.card import model_card

    chosen = result.thresholds
    model = dataclasses.replace(model, onset_threshold=chosen.onset, frame_threshold=chosen.frame)
    texts = {
        "metrics.json": _json(result.metrics),
        "history.jsonl": "".join(json.dumps(row, sort_keys=True) + "\n" for row in result.history),
        "README.md": model_card(model, training, result.metrics),
    }
    (folder / CONFIG_NAME).unlink(missing_ok=True)
    for name, text in texts.items():
        with whole_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    with whole_file(folder / "training.png") as path:
        training_curves(path, result.history)
    write_model(folder, model, result.weights, half=True, training=dict(training))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
