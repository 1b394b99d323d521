"""Pieces, and the corpus a model learnt from → what they are like, beside it, and what of it they repeat."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aeolian.stages.options import option
from aeolian.stages.pieces import finite, of_split, read_pieces
from aeolian.stages.progress import progress

if TYPE_CHECKING:
    from aeolian.evaluation.comparison import Comparison, Course
    from aeolian.evaluation.memorisation import Shared
    from aeolian.formats.song_example import SongExample
    from aeolian.music.notes import Notes

BASELINE_SONGS = 40


@dataclass(frozen=True)
class Config:
    """Measures pieces: statistics, how they lie beside a corpus, what of it they repeat, how they hold out to the end.

    The corpus is cut into stretches of as many notes as half of the pieces have, so that like is compared with like.
    What the pieces share with it is shown beside what songs of the corpus share with the others.
    """

    input: Path = option(positional=True, help="The pieces: a MIDI file, a folder of them, or of TFRecords.")
    corpus: Path | None = option(None, help="The songs that the model learnt from: MIDI files or TFRecords.")
    split: str = option("all", help="Which songs of the corpus.", choices=("all", "train", "validation", "test"))
    parts: int = option(10, help="Into how many parts a piece is cut to follow it to its end; 1 for none.", minimum=1)
    plots: Path | None = option(None, help="A folder for pictures of it all.")
    output: str = option("table", flag="-o", help="Shape of the output.", choices=("table", "json"))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found. `shared`, one a piece, and `usual`, one a baseline song, are empty without a corpus."""

    names: list[str]
    songs: int
    excerpt_notes: int
    comparisons: "list[Comparison]"
    courses: "list[Course]"
    shared: "list[Shared]"
    usual: "list[Shared]"


def evaluate(config: Config) -> Evaluation:
    """Reads and measures everything, and draws the pictures. Raises UsageError if there is nothing to measure."""
    from aeolian.evaluation.comparison import compare, course, excerpts
    from aeolian.evaluation.memorisation import shared_passages
    from aeolian.music.codec import decode

    with progress("reading") as show:
        pieces = read_pieces(config.input, "evaluate", show)
        corpus = read_pieces(config.corpus, "evaluate", show) if config.corpus else []
    if config.corpus:
        corpus = of_split(corpus, config.split, config.corpus)
    with progress("measuring") as show:
        ours, theirs = ([decode(piece.tokens) for piece in some] for some in (pieces, corpus))
        show(1, 5, "statistics")
        notes = int(np.median([len(piece) for piece in ours]))
        comparisons = compare(ours, excerpts(theirs, notes))
        show(2, 5, "to the end")
        courses = course(ours, theirs, config.parts) if config.parts > 1 else []
        show(3, 5, "passages shared with the corpus")
        shared = shared_passages(ours, theirs, [song.name for song in corpus]) if corpus else []
        show(4, 5, "passages that songs share")
        usual = _usually_shared(corpus, theirs, notes)
        show(5, 5)
    found = Evaluation([piece.name for piece in pieces], len(corpus), notes, comparisons, courses, shared, usual)
    if config.plots is not None:
        draw(config.plots, found, ours)
    return found


def as_dict(found: Evaluation) -> dict[str, Any]:
    """All figures, for JSON; NaN becomes null."""
    shared = [dataclasses.asdict(each) for each in found.shared]
    return {
        "pieces": len(found.names),
        "corpus_songs": found.songs,
        "excerpt_notes": found.excerpt_notes,
        "statistics": {c.statistic.name: _comparison(c) for c in found.comparisons},
        "by_piece": [
            {"name": name, **{c.statistic.name: finite(c.values[i]) for c in found.comparisons}}
            for i, name in enumerate(found.names)
        ],
        "by_part": {c.statistic.name: [finite(mean) for mean in c.means] for c in found.courses},
        "shared": [{"name": name, **each} for name, each in zip(found.names, shared, strict=False)],
        "usually_shared_notes": [each.longest_notes for each in found.usual],
    }


def draw(folder: Path, found: Evaluation, pieces: "Sequence[Notes]") -> None:
    """The pictures of an evaluation, into `folder`."""
    from aeolian.evaluation.statistics import similarity
    from aeolian.rendering import evaluation_plots as plots
    from aeolian.stages.folders import output_folder, whole_file

    output_folder(folder)
    panels = [plots.Panel(c.statistic.name, c.statistic.unit, c.values, c.corpus) for c in found.comparisons]
    with whole_file(folder / "statistics.png") as path:
        plots.distributions(path, panels)
    if found.courses:
        lines = [plots.Line(c.statistic.name, c.statistic.unit, c.means, c.low, c.high) for c in found.courses]
        with whole_file(folder / "parts.png") as path:
            plots.courses(path, lines)
    if found.shared:
        longest, usual = ([each.longest_notes for each in some] for some in (found.shared, found.usual))
        with whole_file(folder / "shared.png") as path:
            plots.shared(path, longest, usual)
    with whole_file(folder / "similarity.png") as path:
        plots.similarities(path, [(name, similarity(piece)) for name, piece in zip(found.names, pieces, strict=True)])


def _usually_shared(corpus: "Sequence[SongExample]", songs: "Sequence[Notes]", notes: int) -> "list[Shared]":
    """What some songs, cut to `notes` notes, share with the others: those that have no near-duplicate in the corpus."""
    from aeolian.evaluation.comparison import excerpts
    from aeolian.evaluation.memorisation import shared_passages
    from aeolian.music.melodies import near_duplicates, symbols
    from aeolian.transformer.dataset import content_hash

    family = near_duplicates([symbols(song.onset_s, song.pitch) for song in songs])
    single = np.flatnonzero(np.bincount(family, minlength=len(songs)) == 1).tolist()
    chosen = set(sorted(single, key=lambda i: content_hash(corpus[i]))[: min(BASELINE_SONGS, len(songs) // 2)])
    rest = [i for i in range(len(songs)) if i not in chosen]
    if not chosen or not rest:
        return []
    cut = [found[len(found) // 2] for found in (excerpts([songs[i]], notes) for i in sorted(chosen))]
    return shared_passages(cut, [songs[i] for i in rest], [corpus[i].name for i in rest])


def _comparison(comparison: "Comparison") -> dict[str, Any]:
    sets = {"": comparison.values, "corpus_": comparison.corpus}
    numbers = {
        f"{name}{of.__name__[3:]}": _safely(of, values)
        for name, values in sets.items()
        for of in (np.nanmean, np.nanstd)
    }
    names = ("low", "high", "inside", "overlap", "divergence")
    return {
        "unit": comparison.statistic.unit,
        "meaning": comparison.statistic.meaning,
        **numbers,
        **{name: finite(getattr(comparison, name)) for name in names},
    }


def _safely(of: Any, values: Any) -> float | None:
    return finite(float(of(values))) if np.isfinite(values).any() else None
