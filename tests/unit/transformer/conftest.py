"""Models and songs of a size for tests."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aeolian.formats.song_example import SongExample
from aeolian.transformer.config import ModelConfig, preset
from aeolian.transformer.weights import Weights, expected_shapes

# Compile quickly rather than well: these models run for a moment. Read by XLA when a backend first loads.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")


@pytest.fixture(scope="session")
def random_weights() -> Callable[[ModelConfig], Weights]:
    """Weights far from any special case: biases, gains and shifts are random too."""

    def make(config: ModelConfig, seed: int = 0) -> Weights:
        rng = np.random.default_rng(seed)
        shapes = expected_shapes(config)
        made = {name: (0.15 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
        return {name: w + 1 if name.endswith(".gamma") else w for name, w in made.items()}

    return make


@pytest.fixture(scope="session")
def small() -> Callable[..., ModelConfig]:
    def make(architecture: str = "aeolian", max_seq: int = 64, **sizes: Any) -> ModelConfig:
        sizes = {"d_model": 32, "num_layers": 2, "num_heads": 4, **sizes}
        return preset(architecture, max_seq=max_seq, **sizes)

    return make


@pytest.fixture(scope="session")
def songs() -> list[SongExample]:
    """Five songs of a simple tune, so that a small model learns something of it."""
    made = []
    for number in range(5):
        pitches = 60 + (np.arange(40) * (number + 1)) % 12
        events = [token for pitch in pitches.tolist() for token in (pitch, 256 + 24, 128 + pitch)]
        tokens = np.array([370, *events], dtype=np.int16)
        made.append(SongExample(f"song-{number}", "validation" if number == 4 else "train", tokens))
    return made
