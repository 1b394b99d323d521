"""Bytes that come in blocks, to be read as a file."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


class _Blocks(io.RawIOBase):
    """Blocks of bytes, to be read as a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._rest = iter(blocks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: "Buffer") -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        view = memoryview(target).cast("B")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def as_file(blocks: Iterable[bytes]) -> BinaryIO:
    """Return blocks of bytes as a file that is read once, from its beginning."""
    return io.BufferedReader(_Blocks(blocks))
