"""Sound and MIDI as they come in requests: bytes of a file, or numbers; and files of a request's own for the stages.

A file has a name of ours in a folder of ours, which goes when the request has been answered: nothing of a request names
a file of the machine.
"""

import base64
import binascii
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.errors import InputError
from aeolian.formats.audio_probe import measure_s
from aeolian.formats.wav import write_wav
from aeolian.serving.models.inputs import MAX_SAMPLES
from aeolian.serving.registry import Values
from aeolian.stages.recording_readers import open_recording

MAX_S = 1200.0
MAX_CHANNELS = 32
MEASURING_S = 20.0
Samples = npt.NDArray[np.float32]


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of the request's own."""
    with tempfile.TemporaryDirectory(prefix="aeolian-serve-") as name:
        yield Path(name)


def file_bytes(value: Any) -> bytes:
    """The bytes of a file that came as BYTES: as they are, or as base64, as clients of JSON send them."""
    raw: bytes = value[0]
    try:  # no file of sound or MIDI is made of base64's letters alone
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return raw


@contextmanager
def recording_file(values: Values) -> Iterator[Path]:
    """A file with the sound of `audio`, or of `samples` at `sample_rate`. Raises `InputError` if it is too long."""
    with folder() as own:
        path = own / "recording.wav"
        if "audio" in values and "samples" not in values:
            path.write_bytes(file_bytes(values["audio"]))
            check_duration(measure_s(path, timeout_s=MEASURING_S))
        else:
            samples, rate_hz = read_numbers(values)
            write_wav(path, samples.T, rate_hz)
        yield path


def read_numbers(values: Values) -> tuple[Samples, int]:
    """`samples` as float32[channels, n], and their rate. Raises `InputError`."""
    if "samples" not in values or "sample_rate" not in values or "audio" in values:
        raise InputError("takes either `audio`, the bytes of a file, or `samples` and their `sample_rate`.")
    rate_hz: Any = values["sample_rate"]
    samples = as_channels(values["samples"])
    check_duration(samples.shape[1] / rate_hz)
    return samples, rate_hz


def as_channels(samples: Any) -> Samples:
    """Samples of one channel, [n] or [n, 1], or of many, [channels, n], as [channels, n]. Raises `InputError`."""
    if samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] == 1):
        samples = samples.reshape(1, -1)
    if not samples.size:
        raise InputError("there are no samples.")
    if len(samples) > MAX_CHANNELS:
        raise InputError(f"{len(samples)} channels; {MAX_CHANNELS} are the most. The shape is [channels, n].")
    return np.ascontiguousarray(samples, np.float32)


def read_sound(values: Values) -> tuple[Samples, int]:
    """The sound of a request as float32[channels, n] and its rate. Raises `InputError` if it is too long."""
    if "samples" in values:
        return read_numbers(values)
    with recording_file(values) as path, open_recording(path) as recording:
        blocks, count = [], 0
        for block in recording.blocks(1 << 16):
            count += block.size
            if count > MAX_SAMPLES:
                raise InputError(f"unpacks to more than {MAX_SAMPLES:,} samples, which are the most.")
            blocks.append(block)
        sound = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)
        return as_channels(np.ascontiguousarray(sound.T)), recording.sample_rate_hz


def check_duration(seconds: float) -> None:
    """Raises `InputError` for more than MAX_S."""
    if seconds > MAX_S:
        raise InputError(f"lasts {seconds / 60:,.0f} minutes; {MAX_S / 60:g} are the most.")
