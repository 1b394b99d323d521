"""The Music Transformer's speed at the ancestor's size, as ratios to limits measured in the same run.

Training: tokens/s beside what the arithmetic would allow at the speed of a large matrix product on this machine.
Decoding: tokens/s with the key/value cache, beside one sequence, beside the speed at which memory can be read, and
beside reading the whole past for every token.

    python benchmarks/transformer.py [--steps 3] [--batch 2] [--length 2048] [--architecture ancestor] [--d_ff 128]
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from aeolian.stages.forked import in_processes
from aeolian.stages.progress import Report
from aeolian.transformer.config import ARCHITECTURES, ModelConfig, preset
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.folding import folded
from aeolian.transformer.weights import Weights, expected_shapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="ancestor")
    parser.add_argument("--d_ff", type=int, help="inner width  [default: the architecture's]")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--length", type=int, default=2048)
    arguments = parser.parse_args()
    config = preset(arguments.architecture, d_model=256, d_ff=arguments.d_ff, max_seq=arguments.length, dropout=0.1)
    decoding(config, arguments.length)
    if arguments.steps:
        training(config, arguments.batch, arguments.steps)


def seconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def sgemm_flops(size: int = 2048) -> float:
    """Floating-point operations a second in the best of some large float32 matrix products."""
    a = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    return float(2 * size**3 / min(seconds(lambda: a @ a) for _ in range(4)))


def flops_per_token(config: ModelConfig) -> float:
    """Of a training step: forward and, twice that, backward; causal attention counts the half that it sees."""
    d, half = config.d_model, config.max_seq / 2
    block = 2 * (4 * d * d + 2 * d * config.d_ff) + 3 * 2 * d * half
    return 3 * (config.num_layers * block + 2 * d * config.vocabulary_size)


def decoding(config: ModelConfig, length: int) -> None:
    """As `generate` decodes: one BLAS thread a process, four sequences of `--samples` in each."""
    rng = np.random.default_rng(0)
    shapes = expected_shapes(config)
    weights = {name: (0.05 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    with threadpool_limits(1, "blas"):
        past = np.zeros((1, length // 2), np.int64)
        without = 1.0 / seconds(lambda: Decoder(config, weights).read(past))
        for beginning in (0, 512):
            alone: dict[int, float] = {}
            for groups in ([[0]], [[0, 1, 2, 3], [4, 5, 6, 7]]):
                for done, rate in rates(config, weights, groups, beginning, length).items():
                    first = alone.setdefault(done, rate)
                    limit = memory_limit(config, weights, groups, beginning, done)
                    print(
                        f"decoding, {sum(map(len, groups))} after {beginning:3d} in common, first {done:4d}: "
                        f"{rate:5.0f} tokens/s, {rate / first:.1f} times one; {rate / limit:3.0%} of what reading "
                        f"weights, keys and values allows; {rate / without:4.0f} times no cache at half the context",
                        flush=True,
                    )


def rates(
    config: ModelConfig, weights: Weights, groups: list[list[int]], beginning: int, length: int
) -> dict[int, float]:
    """Tokens/s of all groups, each in a process, over the first so many tokens after a beginning in common."""

    def play(group: list[int], report: Report) -> dict[int, float]:
        decoder = Decoder(config, matrices, batch=len(group))
        if beginning:
            decoder.read(np.zeros((decoder.batch, beginning), np.int64))
        found, tokens, started_s = {}, np.array(group), time.perf_counter()
        for done in range(1, min(length, config.max_seq - beginning) + 1):
            tokens[:] = decoder.step(tokens).argmax(axis=-1)
            if done in (256, 768, config.max_seq - beginning):
                found[done] = time.perf_counter() - started_s
        return found

    matrices = folded(weights, config)
    spent_s = in_processes(play, groups, len(groups), lambda done, total, note="": None)
    return {done: sum(map(len, groups)) * done / max(each[done] for each in spent_s) for done in spent_s[0]}


def memory_limit(config: ModelConfig, weights: Weights, groups: list[list[int]], beginning: int, done: int) -> float:
    """Tokens/s if each process did nothing but read what a step needs, of the mean length, all at the same time."""
    numbers = sum(weight.size for weight in weights.values())
    songs = max(map(len, groups))
    numbers += 2 * config.num_layers * config.d_model * (beginning + songs * done // 2)

    def read(_: int, report: Report) -> float:
        everything = np.ones(numbers, np.float32)
        return sorted(seconds(everything.max) for _ in range(9))[4]

    return sum(map(len, groups)) / max(in_processes(read, range(len(groups)), len(groups), lambda *_: None))


def training(config: ModelConfig, batch: int, steps: int) -> None:
    from aeolian.stages.train import RECIPES
    from aeolian.transformer.model import MusicTransformer
    from aeolian.transformer.optimization import TrainingConfig, optimizer
    from aeolian.transformer.steps import compiled_steps

    recipe = TrainingConfig(optimizer=RECIPES[config.architecture]["optimizer"])
    limit = sgemm_flops() / flops_per_token(config)
    model = MusicTransformer(config)
    train, _ = compiled_steps(model, made := optimizer(recipe))
    made.learning_rate.assign(1e-4)
    windows = np.random.default_rng(0).integers(0, 388, (batch, config.max_seq + 1)).astype(np.int32)
    compile_s = seconds(lambda: float(train(windows)))
    step_s = min(seconds(lambda: float(train(windows))) for _ in range(steps))
    rate = batch * config.max_seq / step_s
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"training, {config.architecture}, {recipe.optimizer}, length {config.max_seq}, batch {batch}: "
        f"{rate:.0f} tokens/s, {rate / limit:.0%} of what SGEMM would allow ({limit:.0f} tokens/s); "
        f"compiling and first step {compile_s:.1f} s; peak memory {peak_gib:.2f} GiB"
    )


if __name__ == "__main__":
    main()
