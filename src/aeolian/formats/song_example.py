"""One song as a `tf.train.Example`, in a TFRecord file of its own.

    features: {
        tokens: int64_list   event ids 0…387 in time order, without start, end and padding
        name:   bytes_list   the song's standard name, UTF-8
        split:  bytes_list   b"train", b"validation" or b"test"
    }

With TensorFlow, `tf.io.parse_single_example(record, {"tokens": tf.io.VarLenFeature(tf.int64), …})` reads it; here
`formats.protobuf` does, so that nothing heavy is needed. Sources: TensorFlow,
`tensorflow/core/example/example.proto` and `feature.proto`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aeolian.errors import InputError
from aeolian.formats.protobuf import field, fields, one
from aeolian.formats.tfrecord import read_records, write_records
from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import NUM_EVENTS

SPLITS = ("train", "validation", "test")
_BYTES_LIST, _INT64_LIST = 1, 3


@dataclass(frozen=True, eq=False)
class SongExample:
    """A song: its standard `name`, its `split`, and its `tokens` (event ids 0…387, int16, shape [n])."""

    name: str
    split: str
    tokens: Tokens


def write_song(path: Path, song: SongExample) -> None:
    """Writes a TFRecord file with this one song."""
    write_records(path, [serialise(song)])


def read_songs(path: Path) -> Iterator[SongExample]:
    """The songs of a TFRecord file. Raises InputError for a damaged file or records that are not songs."""
    for record in read_records(path):
        yield parse(record)


def serialise(song: SongExample) -> bytes:
    """The song as a serialised `tf.train.Example`: the same bytes as TensorFlow's with sorted keys."""
    tokens = _varints(song.tokens)
    features = {
        "name": field(_BYTES_LIST, field(1, song.name.encode())),
        "split": field(_BYTES_LIST, field(1, song.split.encode())),
        "tokens": field(_INT64_LIST, field(1, tokens)),
    }
    entries = (field(1, field(1, key.encode()) + field(2, value)) for key, value in sorted(features.items()))
    return field(1, b"".join(entries))


def parse(record: bytes) -> SongExample:
    """The song in a serialised `tf.train.Example`. Raises InputError if it is none."""
    try:
        features: dict[str, bytes] = {}
        for entry in fields(one(fields(record), 1)).get(1, []):
            pair = fields(entry)
            features[one(pair, 1).decode()] = one(pair, 2)
        tokens = _int64s(fields(one(fields(features["tokens"]), _INT64_LIST)).get(1, []))
        name = one(fields(one(fields(features["name"]), _BYTES_LIST)), 1).decode()
        split = one(fields(one(fields(features["split"]), _BYTES_LIST)), 1).decode()
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"a record that is no song: its tokens, name or split cannot be read ({error}).") from error
    if split not in SPLITS:
        raise InputError(f"song {name!r} is in the split {split!r}; there are {', '.join(SPLITS)}.")
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < NUM_EVENTS:
        raise InputError(f"song {name!r} has tokens outside 0…{NUM_EVENTS - 1}; preprocess it again.")
    return SongExample(name, split, tokens.astype(np.int16))


def _varints(tokens: Tokens) -> bytes:
    """Tokens, all below 2¹⁴, as varints one after another."""
    pairs = np.stack([tokens & 0x7F | np.where(tokens > 0x7F, 0x80, 0), tokens >> 7], axis=1).astype(np.uint8)
    return bytes(pairs[np.stack([np.ones_like(tokens, dtype=bool), tokens > 0x7F], axis=1)])


def _int64s(chunks: list[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Varints of 64 bits, packed or not, decoded all at once."""
    data = np.frombuffer(b"".join(chunks), dtype=np.uint8)
    if not len(data):
        return np.empty(0, np.int64)
    ends = data < 0x80
    if not ends[-1]:
        raise ValueError("a number cut short")
    index = np.concatenate([[0], np.cumsum(ends)[:-1]])
    starts = np.concatenate([[0], np.flatnonzero(ends)[:-1] + 1])
    shift = 7 * (np.arange(len(data)) - starts[index])
    if shift.max() > 63:
        raise ValueError("a number of more than 64 bits")
    values = np.zeros(int(ends.sum()), dtype=np.uint64)
    np.add.at(values, index, (data & 0x7F).astype(np.uint64) << shift.astype(np.uint64))
    return values.astype(np.int64)
