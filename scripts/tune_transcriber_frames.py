"""Teaches the frames of a trained transcriber anew, its ears as they are: minutes on two cores, where all takes a GPU.

    python scripts/tune_transcriber_frames.py MODEL CORPUS VALIDATION OUT --soundfonts FOLDER --hours 1.2

The stacks of convolutions listen to every take once; then only the LSTM that makes frames of their three opinions is
trained, on those opinions, and the thresholds are chosen on the held-out songs. Needs requirements/dev.txt.
"""

import argparse
import dataclasses
import functools
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aeolian.music.notes import Notes
    from aeolian.transcription.onsets_and_frames.config import ModelConfig
    from aeolian.transcription.onsets_and_frames.heard import Heard
    from aeolian.transcription.onsets_and_frames.network import Network
    from aeolian.transcription.onsets_and_frames.weights import Weights
    from aeolian.transcription.training.takes import Take

SEGMENT_FRAMES, BATCH = 320, 16
PIECE_FRAMES = 937  # half a minute; one length, so that it is compiled once


@functools.cache
def studio() -> Any:
    """Sound recorded in some room: int16[1, samples] and seeds to float32[1, samples]."""
    import jax

    from aeolian.transcription.training.recording import Studio, sounds

    return jax.jit(lambda pcm, seeds: sounds(pcm, seeds, Studio()))


def opinions(take: "Take", start: int, network: "Network", seed: int) -> tuple[Any, Any, "Heard"]:
    """What the ears say of half a minute recorded in some room: float16[frames, 264], and the labels' flags."""
    from aeolian.transcription import mel
    from aeolian.transcription.onsets_and_frames.config import PITCHES
    from aeolian.transcription.training.steps import seeds_of

    pcm, labels = take.cut(start, PIECE_FRAMES)
    sound = np.asarray(studio()(pcm[np.newaxis], seeds_of(seed + start, int(take.name))))[0]
    features = network.features(mel.log_mel(sound))
    heard = network.remember(features)
    activation = 1 / (1 + np.exp(-features[:, -PITCHES:]))
    said = np.concatenate([heard.onset, activation, heard.offset], axis=1).astype(np.float16)
    return said, labels[..., 0], heard


def main() -> None:
    """Renders, listens, trains, chooses, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "corpus", "validation", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--soundfonts", type=Path, required=True)
    parser.add_argument("--validation_soundfonts", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=1.2)
    parser.add_argument("--validation_takes", type=int, default=40)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="where takes are kept")
    given = parser.parse_args()

    from aeolian.stages.report import StageReport
    from aeolian.stages.takes import performed
    from aeolian.stages.transcriber_corpus import Corpus
    from aeolian.transcription.onsets_and_frames.network import Network
    from aeolian.transcription.onsets_and_frames.weights import read_model
    from aeolian.transcription.training.performance import separated

    began_s = time.monotonic()
    config, weights = read_model(given.model)
    network = Network(config, weights)
    corpus = Corpus.read(
        given.corpus, given.validation, given.soundfonts, given.validation_soundfonts, StageReport("tune")
    )
    heard = {}
    threads = len(os.sched_getaffinity(0))
    with (
        corpus.renderer(given.work, hours=given.hours, seed=given.seed, workers=threads) as training,
        corpus.validation_renderer(given.work, count=given.validation_takes, workers=threads) as validation,
        ThreadPoolExecutor(threads) as pool,
    ):
        for kind, renderer in (("train", training), ("validation", validation)):
            renderer.wait_for(renderer.total, lambda done, total, note: None)
            takes = renderer.ready()
            last = {take: 1 if kind == "validation" else take.frames - PIECE_FRAMES // 2 for take in takes}
            work = [(take, start) for take in takes for start in range(0, max(1, last[take]), PIECE_FRAMES)]
            heard[kind] = list(pool.map(lambda job: opinions(*job, network, given.seed), work))
            print(f"{kind}: {len(takes)} takes heard after {time.monotonic() - began_s:.0f} s", flush=True)
            if kind == "validation":
                held_out = [take.notes() for take in takes]
                keys = [
                    separated(performed(job, np.random.default_rng([job.seed, job.number]))[0])
                    for job in validation.jobs
                ]

    if given.steps:
        weights |= trained(config, weights, heard["train"], given.steps, given.seed)
    print(f"trained after {time.monotonic() - began_s:.0f} s", flush=True)
    from aeolian.transcription.onsets_and_frames.weights import write_model

    settled, means = chosen(config, weights, heard["validation"], held_out, keys)
    config = dataclasses.replace(config, **settled)
    told = json.loads((given.model / "config.json").read_text())["training"]
    about = {"hours": given.hours, "steps": given.steps, "seed": given.seed, "validation": means}
    write_model(given.output, config, weights, half=True, training={**told, "frames_tuned": about})
    print(settled, means)


def trained(config: "ModelConfig", weights: "Weights", takes: list[Any], steps: int, seed: int) -> "Weights":
    """The weights of the frames' LSTM and output after `steps` steps on the ears' opinions."""
    from aeolian.keras_backend import keras
    from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames
    from aeolian.transcription.training.labels import FRAME, WEIGHT

    ops = keras.ops
    model = OnsetsAndFrames(config)
    model.put_in(weights)
    inputs = keras.Input((SEGMENT_FRAMES, takes[0][0].shape[1]))
    head = keras.Model(inputs, model.combined_output(model.combined_lstm(inputs)))

    def loss(flags: Any, logits: Any) -> Any:
        truth = ops.cast(flags // FRAME % 2, "float32")
        weight = ops.cast(flags // WEIGHT, "float32")
        entropy = ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
        return ops.mean(weight * entropy) * 88

    rng = np.random.default_rng(seed)
    starts = np.array([max(1, len(said) - SEGMENT_FRAMES) for said, _, _ in takes])

    def batches() -> Iterator[tuple[Any, Any]]:
        for _ in range(steps):
            chosen = rng.choice(len(takes), BATCH, p=starts / starts.sum())
            at = [(which, int(rng.integers(starts[which]))) for which in chosen]
            yield tuple(
                np.stack([takes[which][part][start : start + SEGMENT_FRAMES] for which, start in at]).astype(kind)
                for part, kind in ((0, np.float32), (1, np.int32))
            )

    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=1e-3, warmup_steps=20)
    head.compile(keras.optimizers.Adam(rate, global_clipnorm=3.0), loss=loss)
    head.fit(batches(), steps_per_epoch=steps, verbose=2)
    return {name: value for name, value in model.read_out().items() if name.startswith("combined.")}


def chosen(
    config: "ModelConfig", weights: "Weights", takes: list[Any], rung: "list[Notes]", keys: "list[Notes]"
) -> tuple[dict[str, float], dict[str, float]]:
    """Latency and thresholds that serve the held-out takes best, and the mean F1s there.

    Ends are scored both ways, as the pedal lets notes ring and as the keys have them: references come in both.
    """
    from aeolian.evaluation.note_matching import match, scores
    from aeolian.keras_backend import keras
    from aeolian.transcription.onsets_and_frames.decoding import Thresholds, decode
    from aeolian.transcription.onsets_and_frames.heard import Heard
    from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames

    config = dataclasses.replace(config, latency_s=0.0, release_latency_s=0.0)
    model = OnsetsAndFrames(config)
    model.put_in(weights)
    said = np.stack([take[0] for take in takes]).astype(np.float32)
    frames = np.asarray(keras.ops.sigmoid(model.combined_output(model.combined_lstm(said))))
    heard = [Heard(h.onset, h.offset, row, h.velocity) for (_, _, h), row in zip(takes, frames, strict=True)]
    rung, keys = [within(n) for n in rung], [within(n) for n in keys]

    def found(config: "ModelConfig", onset: float, frame: float) -> "list[Notes]":
        return [decode(iter([each]), config, Thresholds(onset, frame)) for each in heard]

    late_s = []
    for truth, notes in zip(rung, found(config, 0.4, 0.3), strict=True):
        pairs = match(truth, notes, onset_tolerance_s=0.1)
        late_s.append(notes.onset_s[pairs[:, 1]] - truth.onset_s[pairs[:, 0]])
    settled = {"latency_s": round(float(np.median(np.concatenate(late_s))), 3)}
    config = dataclasses.replace(config, **settled)

    def late_ends(onset: float, frame: float) -> float:
        errors = []
        for truth, notes in zip(rung, found(config, onset, frame), strict=True):
            pairs = match(truth, notes)
            errors.append(notes.offset_s[pairs[:, 1]] - truth.offset_s[pairs[:, 0]])
        return round(float(np.median(np.concatenate(errors))), 3)

    def means(onset: float, frame: float) -> dict[str, float]:
        notes = found(dataclasses.replace(config, release_latency_s=late_ends(onset, frame)), onset, frame)
        rows = [
            {name: score.f1 for name, score in scores(truth, each).items()}
            | {"onset_offset_keys": scores(struck, each)["onset_offset"].f1}
            for truth, struck, each in zip(rung, keys, notes, strict=True)
        ]
        return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}

    grid = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
    onset = max(grid, key=lambda t: means(t, 0.3)["onset"])
    tried = {frame: means(onset, frame) for frame in grid}
    for frame, row in tried.items():
        print(settled, onset, frame, late_ends(onset, frame), row, flush=True)
    best = max(tried, key=lambda frame: tried[frame]["onset_offset"] + tried[frame]["onset_offset_keys"])
    settled |= {"release_latency_s": late_ends(onset, best), "onset_threshold": onset, "frame_threshold": best}
    return settled, tried[best]


def within(notes: "Notes") -> "Notes":
    """The notes that begin in the first half minute, ended there."""
    from aeolian.music.notes import Notes

    end_s = PIECE_FRAMES * 512 / 16_000
    kept = notes.take(notes.onset_s < end_s - 0.05)
    return Notes(kept.onset_s, np.minimum(kept.offset_s, end_s), kept.pitch, kept.velocity)


if __name__ == "__main__":
    main()
