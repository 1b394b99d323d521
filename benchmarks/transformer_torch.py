"""Training the Music Transformer: our Keras model (on JAX) beside the same model in PyTorch, on this machine's device.

The peer is the model as one writes it in PyTorch: whole logits [batch, heads, length, length], skewed as in the paper,
under autocast to bfloat16 and fused AdamW; then the same under torch.compile. Same sizes, same batch, same random
tokens; the best of some steps, each waited for. The limit is a large bfloat16 (on a CPU: float32) matrix product,
measured in the same run. Needs PyTorch, which Aeolian itself does not.

    python benchmarks/transformer_torch.py [--batch 16] [--steps 10] [--length 2048] [--blocks 256,512]
"""

import argparse
import importlib.util
import math
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np

from aeolian.transformer.config import ARCHITECTURES, ModelConfig, preset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="ancestor")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--d_ff", type=int)
    parser.add_argument("--blocks", default="")
    arguments = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed here; to compare with it: pip install torch, and run this again.")
        return
    import torch

    on_gpu = torch.cuda.is_available()
    batch, steps = arguments.batch or (16 if on_gpu else 2), arguments.steps or (10 if on_gpu else 2)
    config = preset(arguments.architecture, d_model=256, d_ff=arguments.d_ff, max_seq=arguments.length, dropout=0.1)
    windows = np.random.default_rng(0).integers(0, 388, (batch, config.max_seq + 1)).astype(np.int32)
    limit = matmul_flops(on_gpu) / flops_per_token(config)
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    print(
        f"{device}, {config.architecture}, length {config.max_seq}, batch {batch}: "
        f"at the speed of a matrix product {limit:,.0f} tokens/s"
    )
    tokens = batch * config.max_seq
    blocks = [int(block) for block in arguments.blocks.split(",") if block] or [512 if on_gpu else 256]
    best = 0.0
    for block in blocks:
        step = ours(config, windows, on_gpu, block)
        best = max(best, rate_of(f"ours, {block} queries at once", step, steps, tokens, limit))
    for name, compiled in (("PyTorch", False), ("PyTorch, torch.compile", True)):
        theirs = rate_of(name, peer(config, windows, on_gpu, compiled=compiled), steps, tokens, limit)
        print(f"ours / {name}: {best / theirs:.2f}", flush=True)


def rate_of(name: str, step: Callable[[], float], steps: int, tokens: int, limit: float) -> float:
    started_s = time.perf_counter()
    first = step()
    compiling_s = time.perf_counter() - started_s
    step()
    durations_s = []
    for _ in range(steps):
        started_s = time.perf_counter()
        last = step()
        durations_s.append(time.perf_counter() - started_s)
    rate = tokens / float(np.median(durations_s))
    print(
        f"{name}: {rate:,.0f} tokens/s, {rate / limit:.1%} of the limit; NLL {first:.3f} → {last:.3f}; "
        f"first step {compiling_s:.1f} s",
        flush=True,
    )
    return rate


def flops_per_token(config: ModelConfig) -> float:
    """Of a training step; causal attention counts the half that it sees."""
    d, half = config.d_model, config.max_seq / 2
    block = 2 * (4 * d * d + 2 * d * config.d_ff) + 3 * 2 * d * half
    return 3 * (config.num_layers * block + 2 * d * config.vocabulary_size)


def matmul_flops(on_gpu: bool) -> float:
    import torch

    size = 8192 if on_gpu else 2048
    options = {"device": "cuda", "dtype": torch.bfloat16} if on_gpu else {}
    a = torch.randn(size, size, **options)
    durations_s = []
    for _ in range(8):
        started_s = time.perf_counter()
        b = a @ a
        if on_gpu:
            torch.cuda.synchronize()
        durations_s.append(time.perf_counter() - started_s)
    assert b.shape == a.shape
    return 2 * size**3 / min(durations_s)


def ours(config: ModelConfig, windows: Any, on_gpu: bool, block: int) -> Callable[[], float]:
    from aeolian.transformer.model import MusicTransformer
    from aeolian.transformer.optimization import TrainingConfig, optimizer
    from aeolian.transformer.steps import compiled_steps

    precision = "mixed_bfloat16" if on_gpu else "float32"
    model = MusicTransformer(config, query_block=block, dtype=precision)
    train, _ = compiled_steps(model, adam := optimizer(TrainingConfig()))
    adam.learning_rate.assign(1e-4)
    targets = windows.shape[0] * config.max_seq
    return lambda: float(train(windows)) / targets


def peer(config: ModelConfig, windows: Any, on_gpu: bool, *, compiled: bool) -> Callable[[], float]:
    import torch
    from torch import nn
    from torch.nn import functional

    device = "cuda" if on_gpu else "cpu"
    d, heads, length = config.d_model, config.num_heads, config.max_seq

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.relative = nn.Parameter(torch.randn(length, d // heads) * (d // heads) ** -0.5)
            mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
            self.register_buffer("mask", mask, persistent=False)

        def forward(self, x: Any) -> Any:
            batch = x.shape[0]
            q, k, v = self.qkv(x).view(batch, length, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
            skewed = functional.pad(q @ self.relative.to(q.dtype).T, (1, 0))
            skewed = skewed.view(batch, heads, length + 1, length)[:, :, 1:]
            logits = (q @ k.transpose(-1, -2) + skewed) / math.sqrt(d // heads)
            weights = logits.masked_fill(self.mask, float("-inf")).softmax(-1)
            return self.out((weights.to(v.dtype) @ v).transpose(1, 2).reshape(batch, length, d))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.inner, self.outer = Attention(), nn.Linear(d, config.d_ff), nn.Linear(config.d_ff, d)
            self.norms = nn.ModuleList([nn.LayerNorm(d, eps=config.norm_epsilon) for _ in range(2)])
            self.drop = nn.Dropout(config.dropout)

        def forward(self, x: Any) -> Any:
            if config.norm == "pre":
                x = x + self.drop(self.attention(self.norms[0](x)))
                return x + self.drop(self.outer(self.inner(self.norms[1](x)).relu()))
            x = self.norms[0](x + self.drop(self.attention(x)))
            return self.norms[1](x + self.drop(self.outer(self.inner(x).relu())))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(config.vocabulary_size, d)
            nn.init.normal_(self.embedding.weight, std=0.02)
            self.drop = nn.Dropout(config.dropout)
            self.blocks = nn.ModuleList([Block() for _ in range(config.num_layers)])
            self.norm = nn.LayerNorm(d) if config.norm == "pre" else nn.Identity()
            self.out = nn.Linear(d, config.vocabulary_size)
            if config.tied_output:
                self.out.weight = self.embedding.weight

        def forward(self, tokens: Any, targets: Any) -> Any:
            x = self.drop(self.embedding(tokens) * math.sqrt(d))
            for block in self.blocks:
                x = block(x)
            logits = self.out(self.norm(x)).float()
            return functional.cross_entropy(logits.view(-1, config.vocabulary_size), targets.reshape(-1))

    torch.manual_seed(0)
    model = Model().to(device)
    adam = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0, fused=True)
    tokens = torch.from_numpy(windows.astype(np.int64)).to(device)
    forward = torch.compile(model) if compiled else model

    def step() -> float:
        adam.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
            loss = forward(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main()
