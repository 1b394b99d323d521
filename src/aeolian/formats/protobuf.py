"""Protocol Buffers' wire format, as far as the files of TensorFlow need it, without any library.

Source: Protocol Buffers, "Encoding". A damaged message raises ValueError or IndexError; who reads it says which file.
"""

Fields = dict[int, list[bytes]]
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The unsigned number at `position` and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def varint(value: int) -> bytes:
    """An unsigned number as it is written."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(payload)) + payload


def fields(message: bytes) -> Fields:
    """The fields of a message, by number, each as its bytes: without the length, where it has one."""
    found: Fields = {}
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        kind = key & 7
        if kind == _LENGTH_DELIMITED:
            length, position = read_varint(message, position)
            end = position + length
        elif kind == _VARINT:
            _, end = read_varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            end = position + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {kind}")
        if end > len(message):
            raise ValueError("a field that ends after its message")
        found.setdefault(key >> 3, []).append(message[position:end])
        position = end
    return found


def one(found: Fields, number: int) -> bytes:
    """The last field of this number, which is the one that counts. Raises KeyError without one."""
    return found[number][-1]


def number(found: Fields, which: int, default: int = 0) -> int:
    """The value of a varint field."""
    return read_varint(found[which][-1], 0)[0] if which in found else default
