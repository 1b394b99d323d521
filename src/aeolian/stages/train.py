"""TFRecords of songs → a model folder: a Music Transformer, trained, validated, described."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import AeolianError, InputError, UsageError
from aeolian.formats.song_example import SongExample, read_songs
from aeolian.stages.checkpoints import state_folder
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.model_folder import as_json, write_model
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import StageReport
from aeolian.stages.shipped_models import find_model
from aeolian.transformer.config import ACTIVATIONS, ARCHITECTURES, ModelConfig, preset
from aeolian.transformer.loading import load_config

if TYPE_CHECKING:
    from aeolian.transformer.optimization import Schedule, TrainingConfig
    from aeolian.transformer.training import Result
    from aeolian.transformer.weights import Weights

log = logging.getLogger(__name__)
SCHEDULES = ("cosine", "noam")
OPTIMIZERS = ("muon", "adam")
# What is measured to serve each architecture (docs/training.md); the ancestor's is that of 2020.
RECIPES: dict[str, dict[str, Any]] = {
    "aeolian": {
        "dropout": 0.15,
        "optimizer": "muon",
        "schedule": None,  # cosine where the end is known, by the clock; else noam
        "weight_decay": 0.1,
        "label_smoothing": 0.0,
        "ema": 0.0,
        "transpose": 6,
        "stretch": 0.08,
        "velocity_bins": 2,
        "plain_share": 0.05,
    },
    "ancestor": {
        "dropout": 0.2,
        "optimizer": "adam",
        "schedule": "noam",
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "ema": 0.0,
        "transpose": 0,
        "stretch": 0.0,
        "velocity_bins": 0,
        "plain_share": 0.0,
    },
}


@dataclass(frozen=True)
class Config:
    """Trains a Music Transformer on the songs of a folder of TFRecords."""

    input_path: Path = option(help="Folder of TFRecord files, one song each, as preprocess.py writes them.")
    save_path: Path = option(help="The model folder to write.")
    epochs: int = option(500, help="At most so many passes over the songs.", minimum=1)
    batch_size: int = option(2, help="Windows in a step.", minimum=1)
    max_seq: int | None = option(None, help="Context in tokens; by default 2048, or the loaded model's.", minimum=2)
    l_r: float | None = option(
        None,
        help="Peak learning rate; by default Noam's for this width, 4 times it with muon, a tenth for a loaded model.",
        minimum=0.0,
    )
    num_layers: int | None = option(None, help="Layers; by default 6, or the loaded model's.", minimum=1)
    load_path: Path | None = option(None, help="A model folder to start from, instead of random weights.")
    d_model: int | None = option(None, help="Width; by default 256, or the loaded model's.", minimum=1)
    num_heads: int | None = option(None, help="Attention heads; by default 4, or the loaded model's.", minimum=1)
    d_ff: int | None = option(None, help="Inner width of the feed-forward layers; by default in proportion.", minimum=1)
    activation: str | None = option(
        None, help="Of the feed-forward layers; by default squared_relu (ancestor: relu).", choices=ACTIVATIONS
    )
    convolution: int | None = option(
        None,
        help="Tokens that the convolution on queries, keys and values sees; 1 for none; by default 3 (ancestor: 1).",
        minimum=1,
        maximum=16,
    )
    architecture: str | None = option(None, help="By default aeolian; ancestor is that of 2020.", choices=ARCHITECTURES)
    minutes: float | None = option(None, help="Train for so long; the schedule follows the clock.", minimum=0.01)
    seed: int = option(0, help="Of weights, order, augmentation and dropout.", minimum=0)
    patience: int = option(20, help="Stop after so many epochs without a better validation NLL; 0 never.", minimum=0)
    steps_per_epoch: int | None = option(None, help="By default as many as show every window once.", minimum=1)
    accumulation: int = option(
        1, help="Steps whose gradients make one update: large batches in little memory.", minimum=1
    )
    precision: str = option(
        "float32", help="Of the arithmetic, on hardware that has it.", choices=("float32", "mixed_bfloat16")
    )
    storage: str = option("float32", help="Of the weights that are written.", choices=("float32", "float16"))
    optimizer: str | None = option(None, help="By default muon (ancestor: adam).", choices=OPTIMIZERS)
    schedule: str | None = option(
        None,
        help="How the learning rate falls after its warm-up; by default noam, with --minutes cosine (ancestor: noam).",
        choices=SCHEDULES,
    )
    warmup_steps: int | None = option(None, help="By default a tenth of all steps, at most 4000.", minimum=1)
    dropout: float | None = option(None, help="Share of activations dropped in training.", minimum=0.0, maximum=0.99)
    weight_decay: float | None = option(None, help="Decoupled, on matrices only.", minimum=0.0)
    label_smoothing: float | None = option(
        None, help="Share of the target given to all tokens.", minimum=0.0, maximum=0.9
    )
    ema: float | None = option(
        None, help="Decay of the moving average of the weights that is kept; 0 for none.", minimum=0.0, maximum=0.99999
    )
    transpose: int | None = option(None, help="Augmentation: semitones up or down, at most.", minimum=0, maximum=12)
    stretch: float | None = option(None, help="Augmentation: share of faster or slower.", minimum=0.0, maximum=0.5)
    velocity_bins: int | None = option(None, help="Augmentation: velocity bins up or down.", minimum=0, maximum=16)
    plain_share: float | None = option(
        None, help="Share of the training, its end, in which nothing is augmented.", minimum=0.0, maximum=1.0
    )
    checkpoint_path: Path | None = option(
        None, help="Where a killed run's state is kept; by default .training in the model folder."
    )


def run(config: Config) -> None:
    """Trains, or goes on with a run that was killed, and writes the model folder."""
    if config.load_path is not None:
        config = dataclasses.replace(config, load_path=find_model(config.load_path))
    model_config = _model_config(config)
    report = StageReport("train")
    songs = _songs(config.input_path, report)
    output_folder(config.save_path)

    from aeolian.transformer.dataset import split_songs
    from aeolian.transformer.training import Training, fingerprint

    split = split_songs(songs)
    if split.note:
        log.info("train: %s", split.note)
    start_from = _loaded_weights(config.load_path, model_config) if config.load_path else None
    training_config = _training_config(config, model_config)
    folder = state_folder(
        config.save_path, config.checkpoint_path, fingerprint(split, model_config, training_config, start_from)
    )
    training = Training(split, model_config, training_config, state_folder=folder, start_from=start_from)
    described = _described(training_config, training.schedule, start_from is not None)
    log.info("train: %d songs, %d steps an epoch, the first step compiles", len(split.train), training.steps_per_epoch)
    with progress("training") as show:
        result = training.run(show)
    _write_model(config, model_config, described, result)
    training.forget()
    report.close(config.save_path)


def _songs(folder: Path, report: StageReport) -> list[SongExample]:
    """The songs of every TFRecord file below `folder`; unusable files are told and left out."""
    songs: list[SongExample] = []
    for path in input_files(folder, report):
        name = path.name if path == folder else path.relative_to(folder).as_posix()
        if path.suffix != ".tfrecord":
            report.skip(name, "not a .tfrecord file")
            continue
        with report.entry(name) as entry:
            found = [song for song in read_songs(path) if len(song.tokens)]
            if not found:
                raise InputError("no song with any event in it.")
            songs += found
            entry.details = {"songs": len(found), "tokens": sum(len(song.tokens) for song in found)}
    if songs:
        return songs
    if not report.entries:
        raise UsageError(f"{folder} is empty.", remedy="Fill it with preprocess.py.")
    raise AeolianError(
        f"No song in {folder} can be read.", remedy="The lines above say why; preprocess.py makes such files."
    )


def _model_config(config: Config) -> ModelConfig:
    """The shape to train: the loaded model's, where one is loaded, else what the flags say."""
    sizes = ("num_layers", "d_model", "num_heads", "d_ff")
    if config.load_path is None:
        architecture = config.architecture or ARCHITECTURES[0]
        return preset(
            architecture,
            d_model=config.d_model or 256,
            d_ff=config.d_ff,
            num_layers=config.num_layers or 6,
            num_heads=config.num_heads or 4,
            max_seq=config.max_seq or 2048,
            dropout=_chosen(config, "dropout", architecture),
            **{name: getattr(config, name) for name in ("activation", "convolution") if getattr(config, name)},
        )
    loaded = load_config(config.load_path)
    for name in (*sizes, "architecture", "activation"):
        wanted, there = getattr(config, name), getattr(loaded, name)
        if wanted is not None and wanted != there:
            raise UsageError(
                f"--{name} is {wanted}, but the loaded model's is {there}.", remedy=f"Leave --{name} away."
            )
    convolution = config.convolution or loaded.convolution
    if loaded.convolution not in (1, convolution):
        raise UsageError(
            f"--convolution is {convolution}, but the loaded model's is {loaded.convolution}.",
            remedy="Leave --convolution away; only a model without one can be given one.",
        )
    if config.max_seq is not None and config.max_seq > loaded.max_seq:
        raise UsageError(
            f"--max_seq {config.max_seq} is more than the loaded model's {loaded.max_seq}.",
            remedy="Choose at most that.",
        )
    dropout = loaded.dropout if config.dropout is None else config.dropout
    # Whatever the loaded model knew, training shows it START.
    max_seq = config.max_seq or loaded.max_seq
    return dataclasses.replace(loaded, max_seq=max_seq, dropout=dropout, convolution=convolution, start_token=True)


def _chosen(config: Config, name: str, architecture: str) -> Any:
    """The option's value, or the recipe's for this architecture where the option is not given."""
    given = getattr(config, name)
    return RECIPES.get(architecture, RECIPES[ARCHITECTURES[0]])[name] if given is None else given


def _training_config(config: Config, model: ModelConfig) -> "TrainingConfig":
    from aeolian.transformer.augmentation import Augmentation
    from aeolian.transformer.optimization import TrainingConfig

    def chosen(name: str) -> Any:
        return _chosen(config, name, model.architecture)

    return TrainingConfig(
        epochs=config.epochs,
        minutes=config.minutes,
        batch_size=config.batch_size,
        accumulation=config.accumulation,
        optimizer=chosen("optimizer"),
        schedule=chosen("schedule") or ("noam" if config.minutes is None else "cosine"),
        peak_learning_rate=config.l_r or None,
        warmup_steps=config.warmup_steps,
        steps_per_epoch=config.steps_per_epoch,
        patience=config.patience,
        seed=config.seed,
        weight_decay=chosen("weight_decay"),
        label_smoothing=chosen("label_smoothing"),
        ema=chosen("ema"),
        precision=config.precision,
        augmentation=Augmentation(chosen("transpose"), chosen("stretch"), chosen("velocity_bins")),
        plain_share=chosen("plain_share"),
    )


def _loaded_weights(folder: Path, config: ModelConfig) -> "Weights":
    """The weights of the model in `folder`, cut to the context of `config`, with the convolution that it lacks."""
    from aeolian.transformer.loading import load_model
    from aeolian.transformer.weights import with_convolution

    _, weights = load_model(folder)
    cut = {n: w[-config.max_seq :] if n.endswith(".relative") else w for n, w in weights.items()}
    return with_convolution(cut, config)


def _described(config: "TrainingConfig", schedule: "Schedule", warm_start: bool) -> dict[str, Any]:
    settled = {"peak_learning_rate": schedule.peak, "warmup_steps": schedule.warmup_steps, "warm_start": warm_start}
    return {**dataclasses.asdict(config), **settled}


def _write_model(config: Config, model: ModelConfig, training: Mapping[str, Any], result: "Result") -> None:
    from aeolian.rendering.plots import loss_curve
    from aeolian.transformer.card import model_card

    texts = {
        "metrics.json": as_json(result.metrics),
        "history.jsonl": "".join(json.dumps(row, sort_keys=True) + "\n" for row in result.history),
        "README.md": model_card(model, training, result.metrics),
    }
    with whole_file(config.save_path / "loss.png") as path:
        loss_curve(path, result.history)
    about = {"training": training}
    write_model(config.save_path, model, result.weights, about=about, texts=texts, storage=config.storage)
