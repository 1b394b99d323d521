"""What a model says of a recording: between the network and the decoding of notes, and loading neither."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Heard(NamedTuple):
    """What a model makes of n frames, float32[n, 88] each: probabilities, and velocities before they are scaled."""

    onset: Floats
    offset: Floats
    frame: Floats
    velocity: Floats
