"""The store that the engine's tests work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_bench import Bench

from aeolian.engine.storage.store import Store


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store(tmp_path / "home") as store:
        yield Bench(store, tmp_path)
