"""How long pieces hold out: held-out songs are played on for many events, and each part is laid beside the songs.

    python scripts/measure_long_pieces.py --model aeolian-piano-v1 --songs held-out/ [--pieces 8] [--events 20000]

`--songs`: TFRecords or MIDI files that the model never saw. The range of a statistic holds nine tenths of them, cut to
as many notes as a part has. Options of playing are `aeolian generate`'s defaults.
"""

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from aeolian.evaluation.comparison import RANGE_PERCENT, excerpts
from aeolian.evaluation.statistics import by_position, measure
from aeolian.music.codec import Tokens, decode
from aeolian.music.notes import Notes
from aeolian.stages.forked import in_processes
from aeolian.stages.generate import Config
from aeolian.stages.pieces import read_pieces
from aeolian.stages.progress import Report, progress
from aeolian.stages.shipped_models import find_model
from aeolian.transcription.threads import available_threads
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.folding import folded
from aeolian.transformer.loading import load_model
from aeolian.transformer.playing import play_on
from aeolian.transformer.sampling import Sampling

STATISTICS = (
    "note_density",
    "polyphony",
    "pitches",
    "pitch_class_entropy",
    "scale_consistency",
    "groove_consistency",
    "self_similarity",
    "note_length",
    "longest_repeat",
    "longest_silence",
)
PARTS = 10
RUN_NOTES = 24


def main() -> None:
    """Plays, and prints the table that docs/training.md shows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("aeolian-piano-v1"))
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--prime", type=int, default=512, help="events of each song to go on from")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with progress("reading") as show:
        songs = sorted(read_pieces(arguments.songs, "measure_long_pieces", show), key=lambda song: song.name)
    long_enough = [song.tokens[: arguments.prime] for song in songs if len(song.tokens) > arguments.prime]
    chosen = long_enough[:: max(1, len(long_enough) // arguments.pieces)][: arguments.pieces]
    played = play(arguments.model, chosen, arguments.events, arguments.seed)
    print(table([decode(piece) for piece in played], [decode(song.tokens) for song in songs]))
    print(f"\nruns of {RUN_NOTES} notes that were heard before, in % of the notes, by part:")
    for piece in played:
        print(" ".join(f"{share:4.0%}" for share in repeats(piece)))


def play(model: Path, primes: list[Tokens], events: int, seed: int) -> list[Tokens]:
    """Each prime and what is played after it, as `generate` does by default."""
    config, weights = load_model(find_model(model))
    matrices, how = folded(weights, config), Sampling(Config.temperature, Config.top_k, Config.top_p)

    def one(number: int, report: Report) -> Tokens:
        rng = [np.random.default_rng([seed, number])]
        [parts] = play_on(Decoder(config, matrices), primes[number], events, how, rng, report)
        return np.concatenate([primes[number], *parts])

    with threadpool_limits(1, "blas"), progress("playing") as show:
        return in_processes(one, range(len(primes)), available_threads(), show)


def table(pieces: list[Notes], songs: list[Notes]) -> str:
    """Markdown: of each statistic the songs' range, and by part its mean and the share of the pieces within."""
    notes = int(np.median([len(piece) for piece in pieces])) // PARTS
    middles = [stretches[len(stretches) // 2] for stretches in (excerpts([song], notes) for song in songs)]
    theirs = np.array([[measure(song)[name] for name in STATISTICS] for song in middles])
    low, high = np.nanpercentile(theirs, RANGE_PERCENT, axis=0)
    ours = np.array([[[part[name] for name in STATISTICS] for part in by_position(piece, PARTS)] for piece in pieces])
    inside = (ours >= low) & (ours <= high)
    rows = [f"| {notes} notes | songs |" + "".join(f" {part} |" for part in range(1, PARTS + 1)), "|---" * 12 + "|"]
    for column, name in enumerate(STATISTICS):
        cells = "".join(
            f" {mean:.3g} ({share:.0%}) |"
            for mean, share in zip(
                np.nanmean(ours[:, :, column], axis=0), inside[:, :, column].mean(axis=0), strict=True
            )
        )
        rows.append(f"| {name} | {low[column]:.3g}…{high[column]:.3g} |{cells}")
    rows.append("| all | |" + "".join(f" {share:.0%} |" for share in inside.mean(axis=(0, 2))))
    return "\n".join(rows)


def repeats(piece: Tokens) -> list[float]:
    """By part, the share of the notes that end a run of pitches that the piece had before."""
    pitches = piece[piece < 128].tolist()
    seen, again = set(), []
    for end in range(RUN_NOTES, len(pitches) + 1):
        run = tuple(pitches[end - RUN_NOTES : end])
        again.append(run in seen)
        seen.add(run)
    return [float(part.mean()) for part in np.array_split(np.array(again, float), PARTS)]


if __name__ == "__main__":
    main()
