#!/usr/bin/env python3
"""What each measure brings that keeps continuations like their seeds: the table of `docs/generation.md`.

    python scripts/ablate_continuation.py [--songs build/continuation/tune] [--only all none …]

Each variant goes on from every song of a set (`scripts/choose_continuation_songs.py`), one candidate unless it says
otherwise, and is measured as `aeolian evaluate continuation` does. `--variant 'name: field=value, …'` adds one by the
fields of `Wishes`, or `candidates`.
"""

import argparse
import ast
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from aeolian.evaluation.continuation import FEATURES, LOOPING, Answers, Stretch, measure, ratios, share, worst
from aeolian.music.codec import encode
from aeolian.stages import generate
from aeolian.stages.continuing import go_on
from aeolian.stages.evaluate_continuation import split_song, stretch_after
from aeolian.stages.forked import in_processes
from aeolian.stages.pieces import read_pieces
from aeolian.stages.shipped_models import find_model
from aeolian.transcription.threads import available_threads
from aeolian.transformer.folding import folded
from aeolian.transformer.loading import load_model

SECONDS = {"sparse": 25.0}
NOTHING: dict[str, Any] = {"steer": False}
VARIANTS: dict[str, dict[str, Any]] = {
    "none": {"steer": False},
    "density": {"steer": False, "density": None},
    "polyphony": {"steer": False, "polyphony": None},
    "loudness": {"steer": False, "loudness": None},
    "register": {"steer": False, "register": generate.REGISTER},
    "pitch classes": {"steer": False, "pitch_classes": generate.PITCH_CLASSES},
    "returns": {"steer": False, "returns": generate.RETURNS},
    "pulse": {"steer": False, "pulse": 2.0},
    "key": {"steer": False, "key": "seed"},
    "all": {},
    "all, 8 candidates": {"candidates": 8},
}


def main() -> None:
    """Prints a line for each variant and kind of song."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=Path, default=Path("build/continuation/tune"))
    parser.add_argument("--load_path", type=Path, default=Path(generate.DEFAULT_MODEL))
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--variant", action="append", default=[])
    parser.add_argument("--kinds", nargs="*", default=["pop909", "asap", "sparse"])
    parser.add_argument("--count", type=int, default=0, help="so many songs of each kind; 0 for all")
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--whole", action="store_true", help="play all events, not only what is compared")
    arguments = parser.parse_args()
    variants = VARIANTS if arguments.only is None else {name: VARIANTS[name] for name in arguments.only}
    for text in arguments.variant:
        name, _, fields = text.partition(":")
        pairs = (each.split("=", 1) for each in fields.split(",") if each.strip())
        variants = {**variants, name: {key.strip(): ast.literal_eval(value) for key, value in pairs}}
    print(
        f"{'':28} {'':7}",
        *(f"{name[:9]:>9}" for name in FEATURES),
        "    worst   loops   seed  >half      s",
        flush=True,
    )
    for kind in arguments.kinds:
        pieces = sorted(read_pieces(arguments.songs / kind, "ablate", lambda *_: None), key=lambda song: song.name)
        halves = [half for piece in pieces if (half := split_song(piece, SECONDS.get(kind, 30.0)))]
        halves = halves[: arguments.count or None]
        seeds, truths = [half[1] for half in halves], [half[2] for half in halves]
        truth = measure("true", seeds, truths)
        say("true", kind, truth, truth, 0.0)
        for name, fields in variants.items():
            started_s = time.perf_counter()
            made = measure(name, seeds, play(arguments, fields, seeds))
            say(name, kind, truth, made, time.perf_counter() - started_s)


def play(arguments: argparse.Namespace, fields: dict[str, Any], seeds: list[Stretch]) -> list[Stretch]:
    """What a variant makes of each seed."""
    model, weights = load_model(find_model(arguments.load_path))
    matrices = folded(weights, model)
    fields = {"candidates": 1, **fields}
    options = generate.Config(
        length=arguments.length, steer=fields.pop("steer", True), candidates=fields.pop("candidates")
    )

    def one(seed: Stretch, show: Any) -> Stretch:
        prime = encode(seed.notes)
        manner = generate.manner_of(options, prime)
        manner = replace(manner, wishes=replace(manner.wishes, **fields))
        if not arguments.whole:
            manner = replace(manner, until_s=seed.seconds)
        [take] = go_on(manner, model, matrices, prime, show, processes=1)
        return stretch_after(prime, take.events, seed.seconds)

    with threadpool_limits(1, "blas"):
        return in_processes(one, seeds, available_threads(), lambda *_: None)


def say(name: str, kind: str, truth: Answers, made: Answers, seconds: float) -> None:
    """One line of the table; for the truth itself its mean distances."""
    found = [each.value for each in ratios(truth, made)] if made is not truth else truth.distances.mean(axis=0).tolist()
    print(
        f"{name[:28]:28} {kind:7}",
        *(f"{value:9.2f}" for value in found),
        f"{worst(ratios(truth, made)):9.2f} {share(made.loops).value:7.1%} {share(made.copies).value:6.1%}",
        f"{int((made.loops > LOOPING).sum()):6d} {seconds:6.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
