"""A model and seeds → new music: each seed is played on, event by event, and written as MIDI."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aeolian import names
from aeolian.errors import InputError, UsageError
from aeolian.stages.continuing import Manner, Take, distance_from, go_on
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.forked import in_processes
from aeolian.stages.options import option
from aeolian.stages.primes import beginning, read_amount, read_goal
from aeolian.stages.progress import Report, progress
from aeolian.stages.report import StageReport, in_worker
from aeolian.stages.shipped_models import find_model
from aeolian.stages.songs import faded, notes_after, remarks_of, write_page
from aeolian.transcription.threads import available_threads

if TYPE_CHECKING:
    from aeolian.music.codec import Tokens
    from aeolian.transformer.config import ModelConfig
    from aeolian.transformer.folding import Folded
    from aeolian.transformer.guides import Wishes

log = logging.getLogger(__name__)
DEFAULT_MODEL = "aeolian-piano-v1"
DEFAULT_FOLDER = Path("generated-music")
BRIDGES = 8
CANDIDATES = 8
REGISTER, PITCH_CLASSES, RETURNS = 1.0, 1.0, 40.0  # nats for each e-fold lacking, and for all notes heard before


@dataclass(frozen=True)
class Config:
    """Plays on from seeds: a MIDI file to a MIDI file, or a folder of seeds to a folder of songs.

    Without a seed the music starts from nothing.
    """

    load_path: Path = option(
        Path(DEFAULT_MODEL), help="A model folder, of train.py or the ancestor's; or the name of a shipped model."
    )
    inputs: Path | None = option(None, help="The seed, a MIDI file, or a folder of seeds.")
    save_path: Path | None = option(
        None, help="The MIDI file to write, or the folder, if the seeds come from one  [default: in generated-music/]."
    )
    length: int = option(2048, help="Events to add to each seed.", minimum=1)
    samples: int = option(1, help="How many songs to make of each seed, side by side.", minimum=1, maximum=256)
    render: bool = option(False, help="Also write each song as WAV and as a picture.")
    max_seq: int | None = option(None, help="Context in tokens, at most (and by default) the model's.", minimum=2)
    beam: int = option(0, help="Width of a beam search instead of sampling; 0 or 1 samples.", minimum=0, maximum=64)
    mode: str = option("dec", help="How to generate; there is one way, dec, decoding.", choices=("dec",))
    prime: str = option("0", help="How much of the seed to go on from: events, or 30s, or 8bars; 0 for all.")
    temperature: float = option(1.0, help="Below 1 safer, above 1 wilder; 0 the likeliest.", minimum=0.0, maximum=10.0)
    top_k: int = option(0, help="Draw from the k likeliest events only; 0 from all.", minimum=0)
    top_p: float = option(0.95, help="Draw from the likeliest events that hold this share.", minimum=0.0, maximum=1.0)
    min_p: float = option(
        0.0, help="Draw only what is at least so many times as likely as the likeliest.", minimum=0.0, maximum=1.0
    )
    surprise: float | None = option(
        None,
        help="Stay near so many nats an event by moving the temperature; 0: leave it  [default: the beginning's].",
        minimum=0.0,
        maximum=6.0,
    )
    no_repeat: int = option(0, help="No run of so many pitches comes twice; 0: it may, a few times. Try 24.", minimum=0)
    longest_rest: int | None = option(
        None,
        help="Most whole seconds in which nothing begins or ends  [default: the seed's, 1 at least].",
        minimum=1,
        maximum=60,
    )
    steer: bool = option(True, help="Stay like the seed in all that follows, unless told otherwise.")
    candidates: int | None = option(
        None,
        help=f"Of so many, played side by side, take the one most like the seed  [default: {CANDIDATES}].",
        minimum=1,
        maximum=64,
    )
    density: float | None = option(
        None, help="Notes a second to stay near; 0: as the model likes  [default: the seed's].", minimum=0.0
    )
    polyphony: float | None = option(
        None, help="Notes at once to stay near; 0: as the model likes  [default: the seed's].", minimum=0.0
    )
    loudness: float | None = option(
        None,
        help="Mean velocity, 1 to 127, to stay near; 0: as the model likes  [default: the seed's].",
        minimum=0.0,
        maximum=127.0,
    )
    register: bool = option(True, help="Stay as high and as low as the seed.")
    key: str = option(
        "",
        help="Lean towards a key, such as 'F# minor' or 'Bb dorian', or seed for the seed's own; none for no key.",
    )
    key_strength: float = option(3.0, help="How much, in nats for each note outside it.", minimum=0.0, maximum=50.0)
    pulse: float = option(
        0.0, help="Keep the seed's pulse, with so many nats; 0: as the model likes. Try 2.", minimum=0.0, maximum=50.0
    )
    returns: bool = option(True, help="Let what was heard before come again, but not for long.")
    bridge_to: Path | None = option(
        None, help="A MIDI file to lead over to: of some bridges (--samples, or 8) the one that fits it best is taken."
    )
    seed: int = option(0, help="Of the random numbers: the same seed gives the same music.", minimum=0)
    continuation_only: bool = option(False, help="Leave the seed's own notes out of what is written.")
    fade_in: float = option(0.0, help="Seconds over which the continuation grows to its loudness.", minimum=0.0)


def run(config: Config) -> None:
    """Plays every seed on. Raises UsageError for a model or arguments that cannot be used."""
    from threadpoolctl import threadpool_limits

    from aeolian.transformer.folding import folded
    from aeolian.transformer.loading import load_config, load_model

    folder = find_model(config.load_path)
    model = load_config(folder)
    if config.max_seq is not None and config.max_seq > model.max_seq:
        raise UsageError(
            f"--max_seq {config.max_seq} is more than the model's context of {model.max_seq} tokens.",
            remedy="Choose at most that; a piece may be longer than the context.",
        )
    _check(config)
    model, weights = load_model(folder)
    matrices = folded(weights, model)  # here, so that all processes read the same memory
    # Small products gain nothing from more threads, lose much on a busy machine, and would round otherwise on another.
    with threadpool_limits(1, "blas"):
        if config.inputs is not None and config.inputs.is_dir():
            _run_folder(config, config.inputs, model, matrices)
        else:
            _run_file(config, model, matrices)


def _check(config: Config) -> None:
    """Raises UsageError for options that do not go together, or a key that there is not."""
    leaning = [name for name in ("key", "density", "pulse", "no_repeat", "bridge_to") if getattr(config, name)]
    if config.beam > 1 and (config.samples > 1 or leaning):
        other = f"--{leaning[0]}" if leaning else "--samples"
        raise UsageError(f"--beam and {other} do not go together.", remedy="A beam finds one song; leave one away.")
    read_amount(config.prime)
    wishes_of(config).guides(np.empty(0, np.int16))


def _run_file(config: Config, model: "ModelConfig", matrices: "Folded") -> None:
    """One seed, or nothing, to one file or more; whatever is wrong with it ends the command."""
    if config.inputs is not None and not config.inputs.exists():
        raise UsageError(f"There is no seed {config.inputs}.", remedy="--inputs takes a MIDI file or a folder of them.")
    name = f"{config.inputs.stem if config.inputs else 'from-nothing'}.mid"
    target = config.save_path or DEFAULT_FOLDER / name
    target = target / name if target.is_dir() else target
    output_folder(target.parent)
    with progress("generating") as show:
        written, details = _generate(config, model, matrices, config.inputs, target, show)
    for remark in details["remarks"]:
        log.warning("generate: %s: %s", config.inputs, remark)
    for path in written:
        log.info("generate: %s", path)


def _run_folder(config: Config, inputs: Path, model: "ModelConfig", matrices: "Folded") -> None:
    """Each seed of a folder to `<its standard name>.mid`, on all cores; a broken one is named, the others go on."""
    report = StageReport("generate")
    found = input_files(inputs, report)
    relative = {path: path.relative_to(inputs).as_posix() for path in found}
    seeds = [path for path in found if names.named_as_midi(path.name)]
    if not seeds and not report.count("failed") and not in_worker():
        raise UsageError(
            f"No MIDI file (.mid, .midi, .kar, .rmi) in {inputs}.", remedy="Name a folder that holds seeds."
        )
    output = output_folder(config.save_path or DEFAULT_FOLDER)
    for path in found:
        if path not in seeds:
            report.skip(relative[path], "not a MIDI file by its name")
    stems = names.assign_stems([relative[path] for path in seeds], alone=in_worker(), plain_extension="mid")

    # The songs of one seed share the cores themselves.
    together = config.samples > 1 or config.bridge_to is not None

    def play(path: Path, show: Report) -> "tuple[list[str], dict[str, Any]] | InputError":
        def advance(done: int, total: int, note: str = "") -> None:
            show(done, total, f"{relative[path]} {note}".strip() if len(seeds) > 1 else note)

        target = output / f"{stems[relative[path]]}.mid"
        try:
            written, details = _generate(config, model, matrices, path, target, advance, 0 if together else 1)
        except InputError as error:
            return error
        return [path.name for path in written], details

    with progress("generating") as show:
        played = in_processes(play, seeds, 1 if together else available_threads(), show)
    for path, outcome in zip(seeds, played, strict=True):
        with report.entry(relative[path]) as entry:
            if isinstance(outcome, InputError):
                raise outcome
            entry.outputs, entry.details = outcome
            report.say_remarks(entry)
    report.close(output)


def _generate(
    config: Config,
    model: "ModelConfig",
    matrices: "Folded",
    source: Path | None,
    target: Path,
    show: Report,
    processes: int = 0,
) -> tuple[list[Path], dict[str, Any]]:
    """One seed, played on and written to `target`, or to files numbered after it; what was written, and of what kind.

    Raises InputError if the seed cannot be read.
    """
    from aeolian.formats.midi import Score, read_score, write_midi
    from aeolian.formats.song_midi import write_song
    from aeolian.music.codec import decode, encode, length_s

    score = read_score(source) if source else Score([])
    seed_events = encode(score.notes())
    prime = beginning(config.prime, seed_events, score.meter)
    if source and not len(prime):
        log.info("generate: %s has no notes: the music starts from nothing", source.name)
    takes = continuations(config, model, matrices, prime, show, processes)
    boundary_s = length_s(prime)
    songs = [faded(decode(np.concatenate([prime, take.events])), boundary_s, config.fade_in) for take in takes]
    if not all(len(notes) for notes in (notes_after(song, prime) for song in songs)):
        raise InputError("nothing was played: the model wrote no complete note.")
    written: list[Path] = []
    for number, notes in enumerate(songs, start=1):
        path = target if len(songs) == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
        with whole_file(path) as partial:
            if config.continuation_only or not len(prime):
                write_midi(partial, notes_after(notes, prime))
            else:
                write_song(partial, score, boundary_s, notes)
        written += [path, *_rendered(config, path)]
    if len(songs) > 1 and not in_worker():
        written.append(write_page(target, prime, songs, takes, is_alone=config.continuation_only))
    return written, {
        "seed_events": len(prime),
        "new_events": config.length,
        "notes": sum(map(len, songs)),
        "seconds": round(sum(notes.end_s for notes in songs), 2),
        "boundary_s": 0.0 if config.continuation_only else round(boundary_s, 2),
        "distances": [round(take.distance, 3) if np.isfinite(take.distance) else None for take in takes],
        "remarks": remarks_of(score, config.continuation_only or not len(prime)),
    }


def _rendered(config: Config, song: Path) -> list[Path]:
    """The song as sound and as a picture, beside it, if that is asked for."""
    if not config.render:
        return []
    from aeolian.stages import render

    made, _ = render.render_file(render.Config(song, song.parent), song, song.with_suffix(""), lambda *_: None)
    return [song.with_name(name) for name in made]


def continuations(
    config: Config, model: "ModelConfig", matrices: "Folded", prime: "Tokens", show: Report, processes: int = 0
) -> list[Take]:
    """What follows `prime` in each song that the options ask for, made in so many processes; 0: one a core."""
    from aeolian.transformer.decoding import Decoder
    from aeolian.transformer.playing import beam_search

    manner = manner_of(config, prime)
    if config.beam > 1:
        decoder = Decoder(model, matrices, batch=config.beam, context=config.max_seq)
        events = beam_search(decoder, prime, config.length, show, longest_rest_s=manner.longest_rest_s)
        return [Take(events, distance_from(prime, events))]
    takes = go_on(manner, model, matrices, prime, show, processes=processes)
    if manner.goal is None:
        return takes
    return [replace(take, events=np.concatenate([take.events, manner.goal])) for take in takes]


def manner_of(config: Config, prime: "Tokens") -> Manner:
    """What the options, and the seed where they leave it open, say of how to go on."""
    from aeolian.transformer.likeness import manner_of as like
    from aeolian.transformer.sampling import Sampling

    seed = like(prime)
    rest_s = max(1, min(int(seed.longest_rest_s + 0.999), 10)) if seed and config.steer else 1
    candidates = config.candidates or (CANDIDATES if config.steer and seed and config.temperature else 1)
    goal = read_goal(config.bridge_to) if config.bridge_to else None
    if goal is not None:
        candidates = config.samples if config.samples > 1 else BRIDGES
    return Manner(
        Sampling(config.temperature, config.top_k, config.top_p, config.min_p, config.surprise),
        wishes_of(config),
        config.length,
        samples=1 if goal is not None else config.samples,
        candidates=candidates,
        context=config.max_seq,
        longest_rest_s=config.longest_rest or rest_s,
        seed=config.seed,
        goal=goal,
        free=_told(config),
    )


def _told(config: Config) -> frozenset[str]:
    """The features in which the user decides, so that being near to the seed there counts for nothing."""
    decided = {
        "density": (config.density is not None, ("density", "gaps", "polyphony")),
        "polyphony": (config.polyphony is not None, ("polyphony",)),
        "loudness": (config.loudness is not None, ("velocity",)),
        "register": (not config.register, ("mean pitch", "spread", "register")),
        "key": (bool(config.key), ("pitch classes",)),
    }
    return frozenset(feature for is_told, features in decided.values() if is_told for feature in features)


def wishes_of(config: Config) -> "Wishes":
    """What leans on the model's choice."""
    from aeolian.transformer.guides import Wishes

    steer = config.steer
    key = "" if config.key == "none" else config.key

    def asked(value: float | None) -> float | None:
        return value if value is not None or steer else 0.0

    return Wishes(
        key,
        config.key_strength,
        asked(config.density),
        config.pulse,
        config.no_repeat,
        polyphony=asked(config.polyphony),
        loudness=asked(config.loudness),
        register=REGISTER if steer and config.register else 0.0,
        pitch_classes=PITCH_CLASSES if steer and not config.key else 0.0,
        returns=RETURNS if steer and config.returns else 0.0,
    )
