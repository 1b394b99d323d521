"""`effects`: sound through a chain of effects; `novice_dj`: one such chain, with the inputs that its clients send."""

from typing import Any

import numpy as np

from aeolian.effects import PRESETS, Chain, parse_chain
from aeolian.errors import InputError
from aeolian.serving.models.inputs import MAX_SAMPLES
from aeolian.serving.models.sound import Samples, as_channels, check_duration, read_sound
from aeolian.serving.registry import Emit, Function, Values


def make() -> Function:
    """The function."""
    return apply


def apply(values: Values, emit: Emit) -> Values:
    """The sound of a request through its `chain`."""
    chain: Any = values["chain"]
    samples, rate_hz = read_sound(values)
    return {"samples": _process(parse_chain(chain), samples, rate_hz), "sample_rate": rate_hz}


def make_novice_dj() -> Function:
    """The function, with its chain."""
    chain = parse_chain(PRESETS["novice-dj"])

    def mix(values: Values, emit: Emit) -> Values:
        rate_hz: Any = values["sample_rate"]
        samples = as_channels(values["song"])
        check_duration(samples.shape[1] / rate_hz)
        return {"output-0": _process(chain, samples, rate_hz)}

    return mix


def _process(chain: Chain, samples: Samples, rate_hz: int) -> Samples:
    stream = chain.stream(rate_hz, len(samples))
    made, size = [], 0
    for block in stream.through(np.ascontiguousarray(samples[:, at : at + (1 << 16)].T) for at in _starts(samples)):
        size += block.size
        if size > MAX_SAMPLES:  # `stretch` and `tail` may make much of little
            raise InputError(f"the chain makes more than {MAX_SAMPLES:,} samples of it, which are the most.")
        made.append(block)
    sound = np.concatenate(made) if made else np.zeros((0, len(samples)), np.float32)
    return np.ascontiguousarray(sound.T)


def _starts(samples: Samples) -> range:
    return range(0, samples.shape[1], 1 << 16)
