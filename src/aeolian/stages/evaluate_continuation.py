"""Songs and a model → how near to their seeds its continuations stay, beside what truly follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aeolian.errors import UsageError
from aeolian.stages.options import option
from aeolian.stages.pieces import finite, of_split, read_pieces
from aeolian.stages.progress import Report, progress
from aeolian.stages.shipped_models import find_model

if TYPE_CHECKING:
    from aeolian.evaluation.continuation import Answers, Estimate, Stretch
    from aeolian.formats.song_example import SongExample
    from aeolian.music.codec import Tokens

TRUTH, MADE = "true", "made"
SHORTEST_S = 5.0


@dataclass(frozen=True)
class Config:
    """Measures how near to their seeds continuations stay, beside what truly follows in the songs.

    The seed is a song's beginning, and what is made of it is compared with the song's own next stretch of that length.
    A song shorter than two stretches is cut in its middle.
    """

    input: Path = option(positional=True, help="The songs: a folder of MIDI files or of preprocess.py's TFRecords.")
    load_path: Path = option(help="A model folder, or the name of a shipped model.")
    seconds: float = option(30.0, help="How long a seed is, and what is compared.", minimum=SHORTEST_S)
    length: int = option(1024, help="Events to add to each seed, at most.", minimum=1)
    split: str = option("all", help="Which songs.", choices=("all", "train", "validation", "test"))
    songs: int = option(0, help="At most so many songs, chosen by their content; 0 for all.", minimum=0)
    temperature: float = option(1.0, help="Below 1 safer, above 1 wilder; 0 the likeliest.", minimum=0.0, maximum=10.0)
    seed: int = option(0, help="Of the random numbers.", minimum=0)
    candidates: int | None = option(None, help="As of `aeolian generate`.", minimum=1, maximum=64)
    steer: bool = option(True, help="As of `aeolian generate`.")
    baselines: bool = option(
        True, help="Also another song's continuation, the seed repeated, and the model without steering."
    )
    plots: Path | None = option(None, help="A folder for a picture.")
    output: str = option("table", flag="-o", help="Shape of the output.", choices=("table", "json"))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found: `answers` begins with the truth; the rest are what was made, and the baselines."""

    songs: list[str]
    seconds: float
    answers: "list[Answers]"


def evaluate(config: Config) -> Evaluation:
    """Reads the songs, goes on from each, and measures it all. Raises UsageError if no song is long enough."""
    from aeolian.evaluation.continuation import measure
    from aeolian.music.codec import decode
    from aeolian.transformer.dataset import content_hash

    with progress("reading") as show:
        found = of_split(read_pieces(config.input, "evaluate", show), config.split, config.input)
    found = [song for song in found if decode(song.tokens).end_s >= 2 * SHORTEST_S]
    if not found:
        raise UsageError(f"No song of {config.input} lasts {2 * SHORTEST_S:.0f} seconds, half of which are its seed.")
    if config.songs:
        found = sorted(found, key=content_hash)[: config.songs]
    found = sorted(found, key=lambda song: song.name)
    halves = [half for song in found if (half := split_song(song, config.seconds))]
    if not halves:
        raise UsageError(f"No song of {config.input} goes on after its seed.")
    names, seeds, truths = zip(*halves, strict=True)
    answers = [measure(TRUTH, seeds, truths), measure(MADE, seeds, make(config, seeds))]
    if config.baselines:
        if len(seeds) > 1:
            answers.append(measure("another song", seeds, [*truths[1:], truths[0]]))
        answers.append(measure("seed repeated", seeds, seeds))
        if config.steer:
            plain = replace(config, steer=False, candidates=1)
            answers.append(measure("not steered", seeds, make(plain, seeds)))
    evaluation = Evaluation(list(names), config.seconds, answers)
    if config.plots is not None:
        draw(config.plots, evaluation)
    return evaluation


def split_song(song: "SongExample", seconds: float) -> "tuple[str, Stretch, Stretch] | None":
    """A song's name, its seed, and what follows for as long; None if nothing does."""
    from aeolian.evaluation.continuation import Stretch, cut
    from aeolian.music.codec import decode

    notes = decode(song.tokens)
    notes = notes.shifted(-float(notes.onset_s.min()))
    boundary_s = min(seconds, round(float(notes.end_s) / 2, 2))
    end_s = min(2 * boundary_s, float(notes.end_s))
    seed, truth = cut(notes, 0.0, boundary_s), cut(notes, boundary_s, end_s)
    if not len(seed) or not len(truth):
        return None
    return song.name, Stretch(seed, boundary_s), Stretch(truth, end_s - boundary_s)


def make(config: Config, seeds: "Sequence[Stretch]") -> "list[Stretch]":
    """What the model makes of each seed, as `aeolian generate` would, on all cores: its first so many seconds."""
    from threadpoolctl import threadpool_limits

    from aeolian.music.codec import encode
    from aeolian.stages import generate
    from aeolian.stages.forked import in_processes
    from aeolian.transcription.threads import available_threads
    from aeolian.transformer.folding import folded
    from aeolian.transformer.loading import load_model

    model, weights = load_model(find_model(config.load_path))
    matrices = folded(weights, model)
    options = generate.Config(
        load_path=config.load_path,
        length=config.length,
        temperature=config.temperature,
        seed=config.seed,
        steer=config.steer,
        candidates=config.candidates,
    )

    def play(seed: "Stretch", show: Report) -> "Stretch":
        prime = encode(seed.notes)
        [take] = generate.continuations(options, model, matrices, prime, show, processes=1)
        return stretch_after(prime, take.events, seed.seconds)

    with threadpool_limits(1, "blas"), progress("generating") as show:
        return in_processes(play, list(seeds), available_threads(), show)


def stretch_after(prime: "Tokens", added: "Tokens", seconds: float) -> "Stretch":
    """The first `seconds` of what was added to `prime`, or all of it if it is shorter."""
    from aeolian.evaluation.continuation import Stretch, cut
    from aeolian.music.codec import decode, length_s

    start_s, whole = length_s(prime), np.concatenate([prime, added])
    end_s = min(start_s + seconds, max(length_s(whole), start_s + 0.01))
    return Stretch(cut(decode(whole), start_s, end_s), end_s - start_s)


def as_dict(found: Evaluation) -> dict[str, Any]:
    """All figures, for JSON; NaN becomes null."""
    from aeolian.evaluation.continuation import FEATURES, LOOPING, ratios, share, worst

    truth = found.answers[0]
    table = {}
    for answers in found.answers:
        by_feature = ratios(truth, answers)
        table[answers.name] = {
            "ratios": {name: _estimate(each) for name, each in zip(FEATURES, by_feature, strict=True)},
            "worst_ratio": finite(worst(by_feature)),
            "heard_before": _estimate(share(answers.loops)),
            "from_the_seed": _estimate(share(answers.copies)),
            "looping_songs": int((answers.loops > LOOPING).sum()),
        }
    by_song = [
        {
            "name": name,
            **{
                answers.name: {
                    **{f: finite(v) for f, v in zip(FEATURES, answers.distances[row].tolist(), strict=True)},
                    "heard_before": float(answers.loops[row]),
                    "from_the_seed": float(answers.copies[row]),
                }
                for answers in found.answers
            },
        }
        for row, name in enumerate(found.songs)
    ]
    return {"songs": len(found.songs), "seconds": found.seconds, "answers": table, "by_song": by_song}


def draw(folder: Path, found: Evaluation) -> None:
    """`continuation.png`: every feature's ratio with its range, and the shares heard before, into `folder`."""
    from aeolian.evaluation.continuation import FEATURES, ratios, share
    from aeolian.rendering import evaluation_plots as plots
    from aeolian.stages.folders import output_folder, whole_file

    output_folder(folder)
    truth, *others = found.answers
    rows = [(each.name, [(e.value, e.low, e.high) for e in ratios(truth, each)]) for each in others]
    of: list[tuple[str, Callable[[Answers], Estimate]]] = [
        ("heard before", lambda answers: share(answers.loops)),
        ("from the seed", lambda answers: share(answers.copies)),
    ]
    shares = [(each.name, [of_share(each).value for _, of_share in of]) for each in found.answers]
    with whole_file(folder / "continuation.png") as path:
        plots.ratios(path, FEATURES, rows, [name for name, _ in of], shares)


def _estimate(estimate: "Estimate") -> dict[str, float | None]:
    return {name: finite(getattr(estimate, name)) for name in ("value", "low", "high")}
