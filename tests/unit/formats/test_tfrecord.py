"""TFRecord and song examples: against published checksums, damage, and TensorFlow itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.errors import InputError
from aeolian.formats.song_example import SongExample, parse, read_songs, serialise, write_song
from aeolian.formats.tfrecord import masked_crc, read_records, write_records


def song(tokens: list[int], name: str = "été", split: str = "train") -> SongExample:
    return SongExample(name, split, np.array(tokens, dtype=np.int16))


def test_the_checksum_is_crc32c_masked() -> None:
    # CRC-32C of "123456789" is 0xe3069283 (RFC 3720, B.4 family); the mask is TensorFlow's.
    assert masked_crc(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [b"", b"one", b"x" * 70_000])
    assert list(read_records(path)) == [b"", b"one", b"x" * 70_000]


@pytest.mark.parametrize(("cut", "reason"), [(5, "within a record's header"), (14, "should hold 5 bytes")])
def test_a_cut_file_is_named(tmp_path: Path, cut: int, reason: str) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [b"hello"])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=reason):
        list(read_records(path))


@pytest.mark.parametrize(("byte", "reason"), [(0, "checksum of the length"), (13, "checksum of the record at byte 0")])
def test_a_flipped_bit_is_found(tmp_path: Path, byte: int, reason: str) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [b"hello"])
    damaged = bytearray(path.read_bytes())
    damaged[byte] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=reason):
        list(read_records(path))


@given(
    st.lists(st.integers(0, 387), max_size=300),
    st.text(max_size=20),
    st.sampled_from(["train", "validation", "test"]),
)
def test_a_song_comes_back(tokens: list[int], name: str, split: str) -> None:
    read = parse(serialise(song(tokens, name, split)))
    assert (read.tokens.tolist(), read.name, read.split) == (tokens, name, split)
    assert read.tokens.dtype == np.int16


@given(st.binary(max_size=80))
def test_any_bytes_are_a_song_or_refused(record: bytes) -> None:
    try:
        parse(record)
    except InputError as error:
        assert str(error)


def test_tokens_and_splits_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="tokens outside 0…387"):
        parse(serialise(song([388])))
    with pytest.raises(InputError, match="in the split 'holdout'"):
        parse(serialise(song([1], split="holdout")))


@pytest.mark.heavy
def test_tensorflow_reads_ours_and_writes_the_same_bytes(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / "a.tfrecord"
    ours = song([60, 300, 188, 387], "name")
    write_song(path, ours)
    record = next(iter(tf.data.TFRecordDataset(str(path)))).numpy()
    features = tf.io.parse_single_example(
        record, {"tokens": tf.io.VarLenFeature(tf.int64), "split": tf.io.FixedLenFeature([], tf.string)}
    )
    assert tf.sparse.to_dense(features["tokens"]).numpy().tolist() == [60, 300, 188, 387]
    assert features["split"].numpy() == b"train"

    example = tf.train.Example.FromString(record)
    assert example.SerializeToString(deterministic=True) == serialise(ours)

    theirs = tmp_path / "b.tfrecord"
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        writer.write(example.SerializeToString(deterministic=True))
    assert theirs.read_bytes() == path.read_bytes()
    example.features.feature["tokens"].int64_list.value.append(7)
    assert parse(example.SerializeToString()).tokens.tolist() == [60, 300, 188, 387, 7]


def test_songs_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_song(path, song([1, 2, 300]))
    assert [s.tokens.tolist() for s in read_songs(path)] == [[1, 2, 300]]
