"""TFRecord files, written and read without TensorFlow, in the bytes that TensorFlow writes and reads.

A record is: length (uint64), masked CRC-32C of those eight bytes (uint32), the data, masked CRC-32C of the data
(uint32); all little-endian. The mask is `(crc >> 15 | crc << 17) + 0xa282ead8` modulo 2³². Source: TensorFlow,
`tensorflow/core/lib/io/record_writer.h` and `tensorflow/core/lib/hash/crc32c.h`.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import google_crc32c

from aeolian.errors import InputError

MAX_RECORD_BYTES = 1 << 30
_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C of `data`, a uint32."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Writes the records, one after another, over what `path` may have held."""
    with path.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + _CRC.pack(masked_crc(length)) + record + _CRC.pack(masked_crc(record)))


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file. Raises InputError, naming the byte, where it is cut short or a checksum does not match."""
    position = 0
    try:
        with path.open("rb") as file:
            while head := file.read(_HEADER.size):
                if len(head) < _HEADER.size:
                    raise InputError(f"TFRecord cut short at byte {position + len(head):,}, within a record's header.")
                length, crc = _HEADER.unpack(head)
                if crc != masked_crc(head[:8]) or length > MAX_RECORD_BYTES:
                    raise InputError(
                        f"not a TFRecord, or a damaged one: wrong checksum of the length at byte {position:,}."
                    )
                body = file.read(length + _CRC.size)
                if len(body) < length + _CRC.size:
                    raise InputError(
                        f"TFRecord cut short: the record at byte {position:,} should hold {length:,} bytes."
                    )
                record = body[:length]
                if _CRC.unpack(body[length:])[0] != masked_crc(record):
                    raise InputError(f"damaged TFRecord: wrong checksum of the record at byte {position:,}.")
                yield record
                position += _HEADER.size + len(body)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.") from error
