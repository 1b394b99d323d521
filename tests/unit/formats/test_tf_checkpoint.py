"""TensorFlow's checkpoints without TensorFlow: every type, several data files, and whatever may be damaged."""

import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.errors import InputError
from aeolian.formats.sstable import read_table, uncompress
from aeolian.formats.tf_checkpoint import Checkpoint, find_prefix
from aeolian.formats.tfrecord import masked_crc

GOLDEN = Path(__file__).parent / "tf_checkpoint"  # by scripts/make_checkpoint_goldens.py
SHARDS = [f"ckpt.data-0000{n}-of-00002" for n in range(2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "model"))


def test_every_type_comes_out_as_tensorflow_put_it_in() -> None:
    checkpoint = Checkpoint(GOLDEN / "ckpt")
    values = {name: checkpoint.array(name) for name in checkpoint.variables if name not in ("title", "cut")}
    assert sorted(values) == ["brain", "counts", "flags", "half", "layer/kernel", "layer/kernel_2", "nothing", "step"]
    expected = {
        "layer/kernel": np.array([[0, 0.25, 0.5], [0.75, 1, 1.25]], np.float32),
        "layer/kernel_2": np.array([1.5, -2.0]),
        "half": np.array([[0.5], [-1]], np.float16),
        "brain": np.array([1, -3.25], np.float32),
        "step": np.array(7_000_000_000),
        "counts": np.array([3, -1], np.int32),
        "flags": np.array([True, False, True]),
        "nothing": np.zeros((0, 4), np.float32),
    }
    for name, value in expected.items():
        assert (values[name].dtype, values[name].shape) == (value.dtype, value.shape), name
        np.testing.assert_array_equal(values[name], value)


def test_strings_are_listed_and_slices_refused() -> None:
    checkpoint = Checkpoint(GOLDEN / "ckpt")
    assert checkpoint.variables["title"].is_string
    with pytest.raises(InputError, match="the variable cut is stored in slices"):
        checkpoint.array("cut")


def test_a_missing_data_file_is_named(folder: Path) -> None:
    (folder / SHARDS[1]).unlink()
    with pytest.raises(InputError, match=rf"1 of the checkpoint's 2 data files are missing: {SHARDS[1]}\. Copy every"):
        Checkpoint(folder / "ckpt")


def test_a_short_or_changed_data_file_is_told_with_the_variable(folder: Path) -> None:
    path = folder / SHARDS[0]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    names = [name for name, v in Checkpoint(folder / "ckpt").variables.items() if v.shard == 0]
    last = max(names, key=lambda name: Checkpoint(folder / "ckpt").variables[name].offset)
    with pytest.raises(InputError, match=f"{SHARDS[0]} is cut short: {last} should be at the bytes"):
        Checkpoint(folder / "ckpt").array(last)
    kernel = Checkpoint(folder / "ckpt").variables["layer/kernel"]
    path.write_bytes(content[: kernel.offset] + b"\xff" + content[kernel.offset + 1 :])
    with pytest.raises(InputError, match="wrong checksum of layer/kernel, at byte"):
        Checkpoint(folder / "ckpt").array("layer/kernel")


def test_an_index_that_is_none_is_told(folder: Path) -> None:
    index = folder / "ckpt.index"
    content = index.read_bytes()
    for wrong, reason in [
        (b"", "not a table of TensorFlow's"),
        (content[:-9], "not a table of TensorFlow's"),
        (content[:5] + b"\0" + content[6:], "wrong checksum of the block at byte 0"),
        (b"x" * 200, "not a table of TensorFlow's"),
    ]:
        index.write_bytes(wrong)
        with pytest.raises(InputError, match=re.escape(reason)):
            Checkpoint(folder / "ckpt")
    index.unlink()
    with pytest.raises(InputError, match=r"ckpt\.index: cannot be read: No such file"):
        Checkpoint(folder / "ckpt")


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_damage_of_the_index_is_a_traceback(position: int, value: int) -> None:
    content = bytearray((GOLDEN / "ckpt.index").read_bytes())
    before = content[position % len(content)]
    content[position % len(content)] = value
    if value != before:
        try:
            table = read_table(bytes(content))
        except InputError:
            return
        # Only the padding of the footer is under no checksum, and changes nothing.
        assert table == read_table((GOLDEN / "ckpt.index").read_bytes())


def test_the_prefix_is_found(folder: Path) -> None:
    assert find_prefix(folder) == folder / "ckpt"
    shutil.copy(folder / "ckpt.index", folder / "other.index")
    with pytest.raises(InputError, match=r"2 checkpoints are in .*: ckpt, other"):
        find_prefix(folder)
    assert find_prefix(folder.parent) is None


def test_snappy() -> None:
    # 13 bytes: the literal "abcd", a copy of 4 from 4 back, a copy of 5 from 1 back (which overlaps itself).
    assert uncompress(bytes([13, 3 << 2]) + b"abcd" + bytes([1, 4, 4 << 2 | 2, 1, 0])) == b"abcdabcdddddd"
    long = bytes(range(100))
    assert uncompress(bytes([100, 60 << 2, 99]) + long) == long
    for damaged in (bytes([4, 3 << 2]) + b"abc", bytes([4, 1, 9]), bytes([200])):
        with pytest.raises((ValueError, IndexError), match=r"a (literal|copy)|out of range"):
            uncompress(damaged)


def test_a_compressed_block_is_read() -> None:
    def with_trailer(block: bytes, compression: int) -> bytes:
        return block + bytes([compression]) + struct.pack("<I", masked_crc(block + bytes([compression])))

    restarts = struct.pack("<II", 0, 1)
    plain = b"\0\1\1kv" + restarts
    data = with_trailer(bytes([len(plain), (len(plain) - 1) << 2]) + plain, 1)
    index = with_trailer(b"\0\1\2k" + bytes([0, len(data) - 5]) + restarts, 0)
    footer = bytes([0, 0, len(data), len(index) - 5]).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    assert read_table(data + index + footer) == {b"k": b"v"}


@pytest.mark.heavy
def test_what_tensorflow_writes_is_read_as_tensorflow_reads_it(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow: make setup")
    rng = np.random.default_rng(3)
    arrays = {f"{'deep/' * (n % 9)}variable_{n}/{'x' * 60}": rng.normal(size=n % 7).astype("f4") for n in range(6000)}
    names, tensors = list(arrays), list(arrays.values())
    prefix = str(tmp_path / "ckpt")
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
    assert (tmp_path / "ckpt.index").stat().st_size > 2 * 4096  # several blocks
    read = Checkpoint(tmp_path / "ckpt").arrays()
    reader = tf.train.load_checkpoint(prefix)
    assert set(read) == set(arrays) == set(reader.get_variable_to_shape_map())
    assert all(np.array_equal(read[name], value) for name, value in arrays.items())
    assert np.array_equal(reader.get_tensor(names[13]), read[names[13]])
