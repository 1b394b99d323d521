import hashlib
import os
from io import BytesIO

import pytest

from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.errors import StorageError

SIZES = [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3 * 1024 * 1024 + 5]


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(bench, size):
    data = os.urandom(size)
    source = bench.folder / "x"
    source.write_bytes(data)
    objects = bench.store.objects
    with objects.intake() as intake:
        assert intake.add(source) == (hashlib.sha256(data).hexdigest(), size)
        assert intake.add_stream(BytesIO(data)) == (hashlib.sha256(data).hexdigest(), size)
    name = hashlib.sha256(data).hexdigest()
    assert b"".join(objects.read(name)) == data
    objects.write_to(name, size, bench.folder / "copy")
    assert (bench.folder / "copy").read_bytes() == data
    assert source.read_bytes() == data


def test_equal_contents_are_kept_once(bench):
    data = b"x" * (SMALL_BYTES + 1)
    for name in ("a", "b"):
        (bench.folder / name).write_bytes(data)
    with bench.store.objects.intake() as intake:
        assert intake.add(bench.folder / "a") == intake.add(bench.folder / "b")
    assert len([p for p in bench.store.objects.folder.rglob("*") if p.is_file() and p.name != "lock"]) == 1


def test_a_taken_file_becomes_the_object_without_a_copy(bench):
    source = bench.store.scratch / "big"
    source.write_bytes(b"y" * (SMALL_BYTES + 1))
    inode = source.stat().st_ino
    with bench.store.objects.intake() as intake:
        name, _ = intake.add(source, take=True)
    assert not source.exists()
    assert bench.store.objects.path(name).stat().st_ino == inode
    assert bench.store.objects.path(name).stat().st_mode & 0o222 == 0


def test_a_file_with_a_second_name_is_copied_not_taken(bench):
    source = bench.store.scratch / "big"
    source.write_bytes(b"y" * (SMALL_BYTES + 1))
    os.link(source, bench.store.scratch / "second")
    with bench.store.objects.intake() as intake:
        name, _ = intake.add(source, take=True)
    assert bench.store.objects.path(name).stat().st_nlink == 1


def test_a_failed_intake_leaves_nothing_small(bench):
    with pytest.raises(RuntimeError), bench.store.objects.intake() as intake:
        name, _ = intake.add_stream(BytesIO(b"small"))
        raise RuntimeError
    with pytest.raises(StorageError):
        list(bench.store.objects.read(name))
    assert not list(bench.store.objects.folder.glob("new-*"))


def test_a_link_is_not_followed(bench):
    (bench.folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError), bench.store.objects.intake() as intake:
        intake.add(bench.folder / "link")
