"""`datum_set_spec`: which datums go to one worker together, one after another."""

from collections.abc import Iterator, Sequence

from aeolian.engine.jobs.inputs import Datum
from aeolian.platform.specs.spec import DatumSetSpec


def datum_sets(todo: Sequence[Datum], wanted: DatumSetSpec, workers: int) -> list[list[Datum]]:
    """`todo` in its order, cut into sets; without a wish, each datum is a set of its own.

    A set is full at `number` datums, or when its inputs have `size_bytes`, whichever comes first. `per_worker` cuts
    into as many sets for each of the `workers`, where neither of the others is given.
    """
    number = wanted.number
    if wanted.per_worker and not (wanted.number or wanted.size_bytes):
        number = -(-len(todo) // (wanted.per_worker * workers))
    if not (number or wanted.size_bytes):
        return [[datum] for datum in todo]
    return list(_cut(todo, number or len(todo), wanted.size_bytes))


def _cut(todo: Sequence[Datum], number: int, size_bytes: int) -> Iterator[list[Datum]]:
    together: list[Datum] = []
    held_bytes = 0
    for datum in todo:
        together.append(datum)
        held_bytes += sum(entry.size for part in datum.inputs for entry in part.entries)
        if len(together) >= number or 0 < size_bytes <= held_bytes:
            yield together
            together, held_bytes = [], 0
    if together:
        yield together
