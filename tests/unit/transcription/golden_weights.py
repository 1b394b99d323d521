"""Weights without a download: drawn by a rule from the name and the shape, the same numbers everywhere.

Used by `scripts/make_onsets_and_frames_goldens.py` too, in an environment without aeolian: numpy only. Names are those
of Magenta's variables.
"""

import zlib

import numpy as np


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of `shape`: of a size that keeps what flows through the network neither constant nor saturated."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    if name.endswith("moving_variance"):
        scale = 300.0 if "conv0" in name else 1.0
        return (scale * generator.uniform(0.5, 2.0, shape)).astype(np.float32)
    if len(shape) < 2:
        return generator.normal(0, 0.1, shape).astype(np.float32)
    deviation = (2.0 / np.prod(shape[:-1])) ** 0.5
    return generator.normal(0, deviation, shape).astype(np.float32)
