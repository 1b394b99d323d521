"""Floating-point samples that 16-bit PCM cannot hold: what is not a number, and what is beyond full scale.

They are counted by bytes, without NumPy, which would be 56 MB of an image for this alone. A float32 is, from its last
byte to its first: sign and 7 bits of the exponent; its last bit and 7 bits of the mantissa; 16 more bits of that.
"""

from collections.abc import Callable
from pathlib import Path

from aeolian.formats.decoding import Wanted, decode
from aeolian.formats.unfit import Unfit

BLOCK_S = 5.0
# Of |x|: 1 from 1 to 2 or beyond, 2 from 2 on, 4 if the exponent may be that of infinity or of what is not a number.
_TOP = bytes(
    (1 if byte & 0x7F == 0x3F else 0) | (2 if byte & 0x7F >= 0x40 else 0) | (4 if byte & 0x7F == 0x7F else 0)
    for byte in range(256)
)
# The last bit of the exponent, for both; and whether any of the mantissa's bits beside it is set.
_LOW_BIT = bytes(5 if byte & 0x80 else 0 for byte in range(256))
_ANY_OF_SEVEN = bytes(5 if byte & 0x7F else 0 for byte in range(256))
_ANY_OF_EIGHT = bytes(5 if byte else 0 for byte in range(256))


def count_unfit(path: Path, stopped: Callable[[], bool] = lambda: False) -> Unfit:
    """Count the unfit samples of a whole recording, until `stopped`. Raises `InputError` as `decode` does."""
    found = Unfit()
    with decode(path, Wanted(samples="f32", at_most_stereo=False)) as decoding:
        for block in decoding.blocks(BLOCK_S):
            found += unfit_in(block)
            if stopped():
                break
    return found


def unfit_in(samples: bytes) -> Unfit:
    """Count the unfit among little-endian float32 `samples`."""
    top = samples[3::4].translate(_TOP)
    if top.count(0) == len(top):
        return Unfit()
    tops = int.from_bytes(top, "little")
    exponent = int.from_bytes(samples[2::4].translate(_LOW_BIT), "little")
    mantissa = int.from_bytes(samples[2::4].translate(_ANY_OF_SEVEN), "little")
    for first in (0, 1):
        mantissa |= int.from_bytes(samples[first::4].translate(_ANY_OF_EIGHT), "little")
    ones = int.from_bytes(b"\x01" * len(top), "little")
    beyond_one = tops & exponent & mantissa & ones
    far = (tops >> 1) & ones
    not_a_number = (tops >> 2) & (exponent >> 2) & (mantissa >> 2) & ones
    number = not_a_number.bit_count()
    return Unfit(number, (beyond_one | far).bit_count() - number, far != not_a_number)
