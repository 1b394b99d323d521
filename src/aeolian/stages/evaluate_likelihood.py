"""A model and songs → how well the model foresees them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeolian.errors import UsageError
from aeolian.stages.options import option
from aeolian.stages.pieces import finite, of_split, read_pieces
from aeolian.stages.progress import progress
from aeolian.stages.shipped_models import find_model


@dataclass(frozen=True)
class Config:
    """Measures how well a model foresees songs: negative log-likelihood in nats, by token, second and kind of event."""

    load_path: Path = option(help="A model folder, or the name of a shipped model.")
    input: Path = option(help="The songs: a folder of MIDI files or of preprocess.py's TFRecords.")
    split: str = option("all", help="Which songs of it.", choices=("all", "train", "validation", "test"))
    stride: int | None = option(
        None, help="How far the window moves, in tokens; by default half the context.", minimum=1
    )
    songs: int = option(0, help="At most so many songs, chosen by their content; 0 for all.", minimum=0)
    output: str = option("table", flag="-o", help="Shape of the output.", choices=("table", "json"))


def evaluate(config: Config) -> dict[str, Any]:
    """The figures: of all songs together, of each, and by kind of event. Raises UsageError."""
    from aeolian.transformer.dataset import content_hash
    from aeolian.transformer.likelihood import KINDS, score, together
    from aeolian.transformer.loading import load_model

    model, weights = load_model(find_model(config.load_path))
    stride = config.stride or model.max_seq // 2
    if stride > model.max_seq:
        raise UsageError(
            f"--stride {stride} is more than the model's context of {model.max_seq} tokens.",
            remedy="Choose at most that.",
        )
    with progress("reading") as show:
        songs = of_split(read_pieces(config.input, "evaluate", show), config.split, config.input)
    if config.songs:
        songs = sorted(songs, key=content_hash)[: config.songs]
    songs = sorted(songs, key=lambda song: song.name)
    threads = min(len(os.sched_getaffinity(0)), len(songs))
    with progress("measuring") as show:
        scores = score(model, weights, [s.tokens for s in songs], stride=stride, threads=threads, report=show)
    total = together(scores)
    return {
        "songs": len(songs),
        "tokens": total.tokens,
        "seconds": round(total.seconds, 2),
        "context": model.max_seq,
        "stride": stride,
        "nats_per_token": finite(total.nats_per_token),
        "nats_per_second": finite(total.nats_per_second),
        "by_kind": {
            kind: {
                "tokens": total.tokens_by_kind[kind],
                "nats_per_token": total.nats_by_kind[kind] / total.tokens_by_kind[kind],
            }
            for kind in KINDS
            if total.tokens_by_kind[kind]
        },
        "by_song": [
            {
                "name": song.name,
                "tokens": each.tokens,
                "nats_per_token": finite(each.nats_per_token),
                "nats_per_second": finite(each.nats_per_second),
            }
            for song, each in zip(songs, scores, strict=True)
        ],
    }
