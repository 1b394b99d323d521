"""A model and seeds → new music: each seed is played on, event by event, and written as MIDI."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aeolian import names
from aeolian.errors import InputError, UsageError
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import Entry, StageReport, in_worker
from aeolian.stages.shipped_models import find_model

if TYPE_CHECKING:
    from aeolian.music.codec import Tokens
    from aeolian.music.notes import Notes
    from aeolian.transformer.config import ModelConfig
    from aeolian.transformer.playing import Report
    from aeolian.transformer.weights import Weights

log = logging.getLogger(__name__)
EXTENSIONS = frozenset({".mid", ".midi"})


@dataclass(frozen=True)
class Config:
    """Continues seeds: a MIDI file to a MIDI file, or a folder of seeds to a folder of songs."""

    load_path: Path = option(help="A model folder, of train.py or the ancestor's; or the name of a shipped model.")
    inputs: Path = option(help="The seed, a MIDI file, or a folder of seeds.")
    save_path: Path = option(help="The MIDI file to write, or the folder, if the seeds come from a folder.")
    length: int = option(2048, help="Events to add to each seed.", minimum=1)
    max_seq: int | None = option(None, help="Context in tokens, at most (and by default) the model's.", minimum=2)
    beam: int = option(0, help="Width of a beam search instead of sampling; 0 or 1 samples.", minimum=0, maximum=64)
    mode: str = option("dec", help="How to generate; there is one way, dec, decoding.", choices=("dec",))
    prime: int = option(0, help="How many of the seed's events to go on from; 0 for all.", minimum=0)
    temperature: float = option(1.0, help="Below 1 safer, above 1 wilder; 0 the likeliest.", minimum=0.0, maximum=10.0)
    top_k: int = option(0, help="Draw from the k likeliest events only; 0 from all.", minimum=0)
    top_p: float = option(0.95, help="Draw from the likeliest events that hold this share.", minimum=0.0, maximum=1.0)
    seed: int = option(0, help="Of the random numbers: the same seed gives the same music.", minimum=0)
    continuation_only: bool = option(False, help="Leave the seed's own notes out of what is written.")


def run(config: Config) -> None:
    """Plays every seed on. Raises UsageError for a model or arguments that cannot be used."""
    from aeolian.transformer.loading import load_config, load_model

    folder = find_model(config.load_path)
    model = load_config(folder)
    if config.max_seq is not None and config.max_seq > model.max_seq:
        raise UsageError(
            f"--max_seq {config.max_seq} is more than the model's context of {model.max_seq} tokens.",
            remedy="Choose at most that; a piece may be longer than the context.",
        )
    model, weights = load_model(folder)
    if config.inputs.is_dir():
        _run_folder(config, model, weights)
    else:
        _run_file(config, model, weights)


def _run_file(config: Config, model: "ModelConfig", weights: "Weights") -> None:
    """One seed to one file; whatever is wrong with it ends the command."""
    if not config.inputs.exists():
        raise UsageError(f"There is no seed {config.inputs}.", remedy="--inputs takes a MIDI file or a folder of them.")
    target = config.save_path / f"{config.inputs.stem}.mid" if config.save_path.is_dir() else config.save_path
    output_folder(target.parent)
    with progress("generating") as show:
        _generate(config, model, weights, config.inputs, target, show)
    log.info("generate: %s", target)


def _run_folder(config: Config, model: "ModelConfig", weights: "Weights") -> None:
    """Each seed of a folder to `<its standard name>.mid`; a broken one is named, the others go on."""
    found = input_files(config.inputs)
    relative = {path: path.relative_to(config.inputs).as_posix() for path in found}
    seeds = [path for path in found if path.suffix.lower() in EXTENSIONS]
    if not seeds and not in_worker():
        raise UsageError(f"No MIDI file (.mid, .midi) in {config.inputs}.", remedy="Name a folder that holds seeds.")
    output = output_folder(config.save_path)
    report = StageReport("generate")
    for path in found:
        if path not in seeds:
            report.skip(relative[path], "not a MIDI file by its name")
    stems = names.assign_stems([relative[path] for path in seeds], alone=in_worker(), plain_extension="mid")
    with progress("generating") as show:
        for number, path in enumerate(seeds):

            def advance(done: int, total: int, note: str = "", *, number: int = number, path: Path = path) -> None:
                words = f"{relative[path]} {note}".strip() if len(seeds) > 1 else note
                show(number * total + done, len(seeds) * total, words)

            with report.entry(relative[path]) as entry:
                target = output / f"{stems[relative[path]]}.mid"
                _generate(config, model, weights, path, target, advance, entry)
            if entry.status != "ok":
                advance(config.length, config.length)
    report.close(output)


def _generate(
    config: Config,
    model: "ModelConfig",
    weights: "Weights",
    source: Path,
    target: Path,
    show: "Report",
    entry: Entry | None = None,
) -> None:
    """One seed, played on and written to `target`. Raises InputError if it cannot be read."""
    from aeolian.formats.midi import read_midi, write_midi
    from aeolian.music.codec import decode, encode

    seed_events = encode(read_midi(source))
    prime = seed_events[: config.prime or None]
    if not len(prime):
        log.info("generate: %s has no notes: the music starts from nothing", source.name)
    added = _continuation(config, model, weights, prime, show)
    notes = decode(np.concatenate([prime, added]))
    if config.continuation_only:
        notes = _from(notes, prime)
    if not len(notes):
        raise InputError("nothing was played: the model wrote no complete note.")
    with whole_file(target) as partial:
        write_midi(partial, notes)
    if entry is not None:
        entry.outputs = [target.name]
        entry.details = {
            "seed_events": len(prime),
            "new_events": config.length,
            "notes": len(notes),
            "seconds": round(notes.end_s, 2),
        }


def _continuation(
    config: Config, model: "ModelConfig", weights: "Weights", prime: "Tokens", show: "Report"
) -> "Tokens":
    from aeolian.transformer.decoding import Decoder
    from aeolian.transformer.playing import beam_search, play_on
    from aeolian.transformer.sampling import Sampling

    decoder = Decoder(model, weights, batch=max(1, config.beam), context=config.max_seq)
    if config.beam > 1:
        return beam_search(decoder, prime, config.length, show)
    how = Sampling(config.temperature, config.top_k, config.top_p)
    return play_on(decoder, prime, config.length, how, _random_numbers(config.seed, prime), show)[0]


def _random_numbers(seed: int, prime: "Tokens") -> np.random.Generator:
    """Random numbers that depend on the seed's content, not on its name or on how many seeds there are."""
    digest = hashlib.sha256(prime.tobytes()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def _from(notes: "Notes", prime: "Tokens") -> "Notes":
    """The notes that start where the prime ends or later, moved to start at 0."""
    from aeolian.music.vocabulary import STEPS_PER_SECOND, TIME_SHIFT

    shifts = prime[(prime >= TIME_SHIFT.first_token) & (prime < TIME_SHIFT.end_token)].astype(np.int64)
    steps = int((shifts - TIME_SHIFT.first_token + TIME_SHIFT.first_value).sum())
    end_s = steps / STEPS_PER_SECOND
    return notes.take(notes.onset_s >= end_s - 1e-6).shifted(-end_s)
