"""The Music Transformer's speed at the ancestor's size, as ratios to limits measured in the same run.

Training: tokens/s beside what the arithmetic would allow at the speed of a large matrix product on this machine.
Decoding: tokens/s with the key/value cache, beside one sequence and beside reading the whole past for every token.

    python benchmarks/transformer.py [--steps 3] [--batch 2] [--length 2048] [--architecture ancestor]
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from aeolian.transformer.config import ARCHITECTURES, ModelConfig, preset
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.weights import expected_shapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="ancestor")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--length", type=int, default=2048)
    arguments = parser.parse_args()
    config = preset(arguments.architecture, d_model=256, max_seq=arguments.length, dropout=0.1)
    decoding(config, arguments.length)
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
    """As `generate` decodes: one BLAS thread; several sequences after a common beginning, as of `--samples`."""
    rng = np.random.default_rng(0)
    shapes = expected_shapes(config)
    weights = {name: (0.05 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    with threadpool_limits(1, "blas"):
        past = np.zeros((1, length // 2), np.int64)
        without = 1.0 / seconds(lambda: Decoder(config, weights).read(past))
        alone: dict[int, float] = {}
        for batch, beginning in ((1, 0), (8, 0), (8, 512)):
            for done, rate in rates(Decoder(config, weights, batch=batch), beginning, length).items():
                first = alone.setdefault(done, rate)
                print(
                    f"decoding, batch {batch}, after {beginning:3d} in common, first {done:4d}: {rate:6.0f} tokens/s, "
                    f"{rate / first:.1f} times batch 1, {rate / without:4.0f} times no cache at half the context"
                )


def rates(decoder: Decoder, beginning: int, length: int) -> dict[int, float]:
    """Tokens/s over the first so many tokens after a beginning that all sequences have in common."""
    if beginning:
        decoder.read(np.zeros((decoder.batch, beginning), np.int64))
    found, spent_s = {}, 0.0
    tokens = np.arange(decoder.batch)
    for done in range(1, length + 1):
        started_s = time.perf_counter()
        tokens[:] = decoder.step(tokens).argmax(axis=-1)
        spent_s += time.perf_counter() - started_s
        if done in (256, 768, length):
            found[done] = decoder.batch * done / spent_s
    return found


def training(config: ModelConfig, batch: int, steps: int) -> None:
    from aeolian.transformer.model import MusicTransformer
    from aeolian.transformer.optimization import TrainingConfig, optimizer
    from aeolian.transformer.steps import compiled_steps

    limit = sgemm_flops() / flops_per_token(config)
    model = MusicTransformer(config)
    train, _ = compiled_steps(model, adam := optimizer(TrainingConfig()))
    adam.learning_rate.assign(1e-4)
    windows = np.random.default_rng(0).integers(0, 388, (batch, config.max_seq + 1)).astype(np.int32)
    compile_s = seconds(lambda: float(train(windows)))
    step_s = min(seconds(lambda: float(train(windows))) for _ in range(steps))
    rate = batch * config.max_seq / step_s
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"training, {config.architecture}, length {config.max_seq}, batch {batch}: {rate:.0f} tokens/s, "
        f"{rate / limit:.0%} of what SGEMM would allow ({limit:.0f} tokens/s); "
        f"compiling and first step {compile_s:.1f} s; peak memory {peak_gib:.2f} GiB"
    )


if __name__ == "__main__":
    main()
