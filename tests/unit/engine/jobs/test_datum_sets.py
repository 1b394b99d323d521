"""`datum_set_spec`: what goes to one worker together."""

import pytest
from engine_bench import shell

from aeolian.engine.jobs.datum_sets import datum_sets
from aeolian.engine.jobs.inputs import Datum, DatumInput
from aeolian.engine.storage.trees import Entry
from aeolian.platform.specs.spec import DatumSetSpec, Pfs

SONGS = Pfs("songs", "songs", "master", "/*")


def datum(name, size):
    entry = Entry(f"/{name}", "hash", size)
    return Datum((DatumInput(SONGS, "commit", entry.path, (entry,), "hash"),))


@pytest.mark.parametrize(
    ("wanted", "sizes"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"number": 2}, [2, 2, 1]),
        ({"number": 9}, [5]),
        ({"size_bytes": 30}, [2, 1, 2]),
        ({"size_bytes": 30, "number": 1}, [1, 1, 1, 1, 1]),
        ({"per_worker": 1}, [3, 2]),
        ({"per_worker": 2}, [2, 2, 1]),
        ({"per_worker": 1, "number": 4}, [4, 1]),
    ],
)
def test_datums_are_cut_into_sets_in_their_order(wanted, sizes):
    todo = [datum(name, size) for name, size in zip("abcde", (10, 20, 40, 0, 0), strict=True)]
    found = datum_sets(todo, DatumSetSpec(**wanted), workers=2)
    assert [len(each) for each in found] == sizes
    assert [each for part in found for each in part] == todo


def test_a_set_is_done_by_one_worker_one_datum_after_another(bench):
    bench.repo("songs")
    bench.put("songs", dict.fromkeys("abcdef", ""))
    # Of each set of three, the second finds what the first left, and nothing of it runs at the same time.
    turn = "f=$(basename $songs); case $f in a|b|c) s=1;; *) s=2;; esac; mkdir {0}/$s; sleep 0.02; rmdir {0}/$s"
    bench.pipeline("p", shell(turn.format(bench.folder)), "songs", datum_set_spec={"number": "3"})
    assert not bench.run(cores=4).failed
    assert bench.job("p").processed == 6
