"""The ancestor's absolute positions."""

import math

import numpy as np
import numpy.typing as npt


def sinusoids(length: int, d_model: int) -> npt.NDArray[np.float32]:
    """[length, d_model]: sin(pos · 10000^(-i/d) · 10000^((i mod 2)/d) + π/2 · (i mod 2)), as the ancestor has it."""
    position = np.arange(length, dtype=np.float64)[:, None]
    i = np.arange(d_model, dtype=np.float64)[None]
    rate = np.exp(-math.log(10000) * i / d_model) * np.exp(math.log(10000) / d_model * (i % 2))
    table: npt.NDArray[np.float32] = np.sin(position * rate + 0.5 * math.pi * (i % 2)).astype(np.float32)
    return table
