"""TensorFlow's checkpoints, read without TensorFlow: variables by name, as numpy arrays.

A checkpoint `ckpt` is `ckpt.index`, a table of name → BundleEntryProto, and data shards `ckpt.data-00000-of-00002`…
that hold the variables' bytes one after another. Both TensorFlow 1's `Saver` and Keras' `save_weights` write it.
Sources: TensorFlow, `core/util/tensor_bundle/tensor_bundle.cc` and `core/protobuf/tensor_bundle.proto`.

Strings (the object graph of Keras) are listed and not read. A variable stored in slices is refused.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.errors import InputError
from aeolian.formats.protobuf import fields, number, one
from aeolian.formats.sstable import read_table
from aeolian.formats.tfrecord import masked_crc

Array = npt.NDArray[Any]

_STRING, _BFLOAT16 = 7, 14
# core/framework/types.proto; what has no place here (complex and quantised numbers) no weight is stored as.
_DTYPES = {
    **{1: "f4", 2: "f8", 3: "i4", 4: "u1", 5: "i2", 6: "i1", 9: "i8", 10: "?"},
    **{_BFLOAT16: "u2", 17: "u2", 19: "f2", 22: "u4", 23: "u8"},
}
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CRC, _SLICES = range(1, 8)
_NUM_SHARDS, _ENDIANNESS = 1, 2


@dataclass(frozen=True)
class Variable:
    """What the index says of a variable: its type's number, shape, shard, the place of its bytes, their checksum."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    is_sliced: bool

    @property
    def is_string(self) -> bool:
        """Whether it holds text, which is no weight."""
        return self.dtype == _STRING


class Checkpoint:
    """An open checkpoint: `variables` by name; `array(name)` reads one.

    `prefix` is the path that its files share: `folder/ckpt` for `folder/ckpt.index`. Raises InputError if the index
    cannot be read or a data shard is missing.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        try:
            table = read_table(_content(_sibling(prefix, "index")))
        except InputError as error:
            raise InputError(f"{prefix.name}.index: {error}") from None
        try:
            header = fields(table.pop(b""))
            self._shards = number(header, _NUM_SHARDS)
            self._order = ">" if number(header, _ENDIANNESS) else "<"
            # The bytes of slices have keys of their own, which begin with a zero.
            whole = {key: value for key, value in table.items() if not key.startswith(b"\0")}
            self.variables = {key.decode(): _variable(value) for key, value in whole.items()}
        except (KeyError, IndexError, ValueError, struct.error) as error:
            raise InputError(f"{prefix.name}.index: damaged: an entry cannot be read ({error}).") from error
        used = {v.shard for v in self.variables.values()}
        missing = [self._shard(n).name for n in range(self._shards) if not self._shard(n).is_file()]
        if missing:
            raise InputError(
                f"{len(missing)} of the checkpoint's {self._shards} data files are missing: {', '.join(missing)}.",
                remedy="Copy every file of the checkpoint's folder.",
            )
        if used and max(used) >= self._shards:
            raise InputError(f"{prefix.name}.index: damaged: it names data file {max(used)} of {self._shards}.")

    def array(self, name: str) -> Array:
        """The variable `name`, of its own shape; bfloat16 as float32.

        Raises InputError, naming it, if its bytes are not there or do not match their checksum, or if it is stored
        in a way that this module does not read; KeyError if there is none of the name.
        """
        variable = self.variables[name]
        if variable.is_sliced or variable.dtype not in _DTYPES:
            how = "is stored in slices" if variable.is_sliced else f"is of TensorFlow's type {variable.dtype}"
            raise InputError(
                f"the variable {name} {how}, which cannot be read here.",
                remedy="Load the checkpoint with TensorFlow and save it anew.",
            )
        dtype = np.dtype(self._order + _DTYPES[variable.dtype])
        if variable.size != math.prod(variable.shape) * dtype.itemsize:
            raise InputError(
                f"{self.prefix.name}.index: damaged: {name} {list(variable.shape)} in {variable.size} bytes."
            )
        data = self._bytes(name, variable)
        values = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(variable.shape)
        if variable.dtype == _BFLOAT16:
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values

    def arrays(self) -> dict[str, Array]:
        """Every variable but strings, by name. Raises InputError as `array` does."""
        return {name: self.array(name) for name, variable in self.variables.items() if not variable.is_string}

    def _bytes(self, name: str, variable: Variable) -> bytes:
        path = self._shard(variable.shard)
        try:
            held = path.stat().st_size - variable.offset
            data = b""
            if held >= variable.size:
                with path.open("rb") as file:
                    file.seek(variable.offset)
                    data = file.read(variable.size)
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error
        if len(data) < variable.size:
            raise InputError(
                f"{path.name} is cut short: {name} should be at the bytes "
                f"{variable.offset:,}…{variable.offset + variable.size:,}.",
                remedy="Copy the checkpoint again.",
            )
        if masked_crc(data) != variable.crc:
            raise InputError(
                f"{path.name} is damaged: wrong checksum of {name}, at byte {variable.offset:,}.",
                remedy="Copy the checkpoint again; its files must be of one and the same saving.",
            )
        return data

    def _shard(self, which: int) -> Path:
        return _sibling(self.prefix, f"data-{which:05d}-of-{self._shards:05d}")


def find_prefix(folder: Path) -> Path | None:
    """The prefix of the one checkpoint in a folder, or None. Raises InputError if there are several."""
    found = sorted(folder.glob("*.index"))
    if len(found) > 1:
        raise InputError(
            f"{len(found)} checkpoints are in {folder}: {', '.join(path.stem for path in found[:4])}.",
            remedy="Keep one of them in a folder.",
        )
    return found[0].with_name(found[0].name.removesuffix(".index")) if found else None


def _sibling(prefix: Path, ending: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{ending}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.") from error


def _variable(value: bytes) -> Variable:
    entry = fields(value)
    shape = []
    for dimension in fields(entry[_SHAPE][-1]).get(2, []) if _SHAPE in entry else []:
        size = number(fields(dimension), 1)
        if size >> 63:
            raise ValueError("a negative dimension")
        shape.append(size)
    (crc,) = struct.unpack("<I", one(entry, _CRC)) if _CRC in entry else (0,)
    place = (number(entry, _SHARD), number(entry, _OFFSET), number(entry, _SIZE))
    return Variable(number(entry, _DTYPE), tuple(shape), *place, crc, _SLICES in entry)
