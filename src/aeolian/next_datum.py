"""The call by which a program asks Pachyderm's worker for its next datum: names, and its messages as bytes.

`NextDatumRequest{string error = 1}` and `NextDatumResponse{repeated string env = 1}` (worker.proto of Pachyderm
2.12) are both texts in field 1; that much of protobuf's encoding is all there is here. The engine's side of the
call is `engine.batch_server`, a stage's is `stages.batching`.
"""

from collections.abc import Iterable

SERVICE = "pachyderm.worker.Worker"
METHOD = "NextDatum"
PORT_VARIABLE = "PPS_WORKER_GRPC_PORT"
NOT_BATCHED = "datum batching not enabled"  # what a worker answers where the spec has no datum_batching

_TEXT_IN_FIELD_1 = 0x0A
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def encode(texts: Iterable[str]) -> bytes:
    """The message whose field 1 holds `texts`. Bytes that are no UTF-8 (of a file's name) become `?`."""
    message = bytearray()
    for text in texts:
        content = text.encode("utf-8", "replace")
        message.append(_TEXT_IN_FIELD_1)
        message += _varint(len(content)) + content
    return bytes(message)


def decode(message: bytes) -> list[str]:
    """The texts in field 1; other fields are passed over. Raises `ValueError` if this is no message."""
    texts, place = [], 0
    while place < len(message):
        key, place = _read_varint(message, place)
        kind = key & 7
        if kind == _LENGTH:
            length, place = _read_varint(message, place)
            if key == _TEXT_IN_FIELD_1:
                texts.append(message[place : place + length].decode())
            place += length
        elif kind == _VARINT:
            _, place = _read_varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"field of kind {kind} at byte {place}; legal are 0, 1, 2 and 5")
    if place != len(message):
        raise ValueError(f"the message ends at byte {len(message)}, amid a field")
    return texts


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(message):
        digit = message[place]
        place += 1
        number |= (digit & 0x7F) << shift
        if digit < 0x80:
            return number, place
        shift += 7
    raise ValueError(f"the message ends at byte {place}, amid a number")
