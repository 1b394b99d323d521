"""The tensors of the V2 protocol: datatypes, and values as numpy arrays or, for BYTES, lists of bytes.

Source: the Open Inference Protocol, "Tensor Data" and "Tensor Data Types", and its binary tensor data extension.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.serving.failures import Invalid

BYTES = "BYTES"
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(bool),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES = (*DTYPES, BYTES)
MAX_RANK = 8
_LENGTH_BYTES = 4

Value = npt.NDArray[Any] | list[bytes]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named value: an array of `shape`, or for BYTES a flat list. `parameters` as they were sent."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    value: Value
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """An output that is asked for by name; `binary` None where the request leaves it open."""

    name: str
    binary: bool | None = None


@dataclass(frozen=True)
class Request:
    """An inference request, whichever way it came. `binary_outputs`: outputs come as bytes unless said otherwise."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Wanted, ...] = ()
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    binary_outputs: bool = False


@dataclass(frozen=True)
class Response:
    """An inference response."""

    model: str
    version: str
    outputs: tuple[Tensor, ...]
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def check_shape(name: str, shape: Any) -> tuple[int, ...]:
    """`shape` as a tuple. Raises `Invalid` unless it is a list of at most MAX_RANK non-negative integers."""
    numbers = isinstance(shape, Sequence) and not isinstance(shape, str | bytes)
    if not numbers or len(shape) > MAX_RANK or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise Invalid(f"input {name!r}: shape {str(shape)[:80]} is not a list of at most {MAX_RANK} sizes from 0 on.")
    return tuple(shape)


def check_datatype(name: str, datatype: Any) -> str:
    """`datatype`. Raises `Invalid` unless it is one of the protocol's."""
    if datatype not in DATATYPES:
        raise Invalid(f"input {name!r}: datatype {str(datatype)[:40]!r} is none of {', '.join(DATATYPES)}.")
    return str(datatype)


def count(shape: Sequence[int]) -> int:
    """How many elements a tensor of `shape` has."""
    return math.prod(shape)


def from_raw(name: str, datatype: str, shape: tuple[int, ...], raw: bytes | memoryview) -> Value:
    """The value of a tensor in the binary form. Raises `Invalid` if its size is not that of the shape."""
    if datatype == BYTES:
        values = _split(name, bytes(raw))
        if len(values) != count(shape):
            raise Invalid(f"input {name!r}: {len(values)} byte strings for shape {list(shape)}.")
        return values
    dtype = DTYPES[datatype]
    if len(raw) != count(shape) * dtype.itemsize:
        raise Invalid(
            f"input {name!r}: {len(raw)} bytes; shape {list(shape)} of {datatype} is {count(shape) * dtype.itemsize}."
        )
    return np.frombuffer(raw, dtype).reshape(shape)


def to_raw(tensor: Tensor) -> bytes:
    """The value of a tensor in the binary form."""
    if isinstance(tensor.value, list):
        return b"".join(len(text).to_bytes(_LENGTH_BYTES, "little") + text for text in tensor.value)
    return np.ascontiguousarray(tensor.value, DTYPES[tensor.datatype]).tobytes()


def _split(name: str, raw: bytes) -> list[bytes]:
    values, at = [], 0
    while at < len(raw):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(raw[at:start], "little")
        if start > len(raw) or end > len(raw):
            raise Invalid(f"input {name!r}: the byte string at byte {at} ends beyond the {len(raw)} bytes there are.")
        values.append(raw[start:end])
        at = end
    return values
