"""A store that cannot be used says so, with what to do."""

import pytest
from capabilities import permissions_count

from aeolian.engine.storage.store import Store
from aeolian.errors import StorageError


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    home = tmp_path / "home"
    Store(home).close()
    home.chmod(0o555)
    with permissions_count(), pytest.raises(StorageError, match=f"store.db cannot be used.*Make {home} one"):
        Store(home)
    home.chmod(0o755)
    Store(home).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    tmp_path.chmod(0o555)
    with permissions_count(), pytest.raises(StorageError, match="home cannot be made: Permission denied"):
        Store(tmp_path / "home")
