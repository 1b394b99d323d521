"""Sorted string tables, read whole: the format of LevelDB's tables, in which TensorFlow keeps a checkpoint's index.

A file is blocks, then a footer of 48 bytes that says where the index block is; the index block holds the place of
every data block. A key is stored as what it does not share with the key before it. Each block ends with a byte for
its compression (0 none, 1 Snappy) and a masked CRC-32C. Sources: TensorFlow, `tsl/lib/io/format.h` and `block.cc`;
LevelDB, `doc/table_format.md`; Snappy, `format_description.txt`.
"""

import struct

from aeolian.errors import InputError
from aeolian.formats.protobuf import read_varint
from aeolian.formats.tfrecord import masked_crc

MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES, _TRAILER_BYTES = 48, 5
_SNAPPY = 1
MAX_BLOCK_BYTES = 1 << 28


def read_table(content: bytes) -> dict[bytes, bytes]:
    """Every key and value of a table. Raises InputError, saying where, if it is none, is cut short or is damaged."""
    if len(content) < _FOOTER_BYTES or struct.unpack("<Q", content[-8:])[0] != MAGIC:
        raise InputError("not a table of TensorFlow's, or one cut short: its last eight bytes are others.")
    footer = content[-_FOOTER_BYTES:]
    try:
        _, position = _handle(footer, 0)  # the metaindex, which is empty
        index, _ = _handle(footer, position)
        table: dict[bytes, bytes] = {}
        for place in _entries(_block(content, index)).values():
            table.update(_entries(_block(content, _handle(place, 0)[0])))
    except (IndexError, ValueError, struct.error) as error:
        raise InputError(f"damaged table: {error}.") from error
    return table


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """((offset, size) of a block, position after it)."""
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _block(content: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    end = offset + size
    if end + _TRAILER_BYTES > len(content):
        raise InputError(f"table cut short: its block at byte {offset:,} should hold {size:,} bytes.")
    (crc,) = struct.unpack_from("<I", content, end + 1)
    if crc != masked_crc(content[offset : end + 1]):
        raise InputError(f"damaged table: wrong checksum of the block at byte {offset:,}.")
    compression = content[end]
    if compression not in (0, _SNAPPY):
        raise InputError(
            f"the table's block at byte {offset:,} is compressed by method {compression}; 0 and 1 are known."
        )
    return uncompress(content[offset:end]) if compression == _SNAPPY else content[offset:end]


def _entries(block: bytes) -> dict[bytes, bytes]:
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise ValueError("a block with more restarts than bytes")
    found: dict[bytes, bytes] = {}
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position)
        unshared, position = read_varint(block, position)
        length, position = read_varint(block, position)
        value = position + unshared
        if shared > len(key) or value + length > end:
            raise ValueError("an entry that ends after its block")
        key = key[:shared] + block[position:value]
        found[key] = block[value : value + length]
        position = value + length
    return found


def uncompress(data: bytes) -> bytes:
    """A Snappy stream, unpacked. Raises ValueError or IndexError for a damaged one."""
    size, position = read_varint(data, 0)
    if size > MAX_BLOCK_BYTES:
        raise ValueError(f"a block of {size:,} bytes")
    result = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        kind, upper = tag & 3, tag >> 2
        if kind == 0:
            extra = max(0, upper - 59)
            length = int.from_bytes(data[position : position + extra], "little") + 1 if extra else upper + 1
            position += extra + length
            if position > len(data):
                raise ValueError("a literal that ends after its block")
            result += data[position - length : position]
            continue
        if kind == 1:
            length, width = (upper & 7) + 4, 1
            offset = (tag >> 5) << 8 | data[position]
        else:
            length, width = upper + 1, 2 if kind == 2 else 4
            offset = int.from_bytes(data[position : position + width], "little")
        position += width
        if not 0 < offset <= len(result) or len(result) + length > size:
            raise ValueError("a copy from outside the block")
        for _ in range(length):  # a copy may overlap what it writes
            result.append(result[-offset])
    if len(result) != size:
        raise ValueError(f"a block of {len(result):,} bytes instead of {size:,}")
    return bytes(result)
