"""From the trees of the input branches to datums: which files one run of the program sees.

Identity follows Pachyderm's: a datum's id is a hash over name, repo, branch and path of each of its inputs; its
hash adds the content of each input that is not a `reference`.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from aeolian.engine.storage.trees import EMPTY, Entry, Trees, encode_entries
from aeolian.platform.specs.globs import Glob, compile_glob, expand
from aeolian.platform.specs.spec import Input, Pfs


@dataclass(frozen=True)
class Source:
    """What an input reads: the tree of its branch, and the id of the commit that has it ("" before the first)."""

    tree: str = EMPTY
    commit: str = ""


@dataclass(frozen=True)
class DatumInput:
    """One match of one input's glob: a file, or a folder with all of its files."""

    input: Pfs
    commit: str
    path: str
    entries: tuple[Entry, ...] = field(repr=False)
    content: str
    join_on: str = ""
    group_by: str = ""

    @property
    def is_file(self) -> bool:
        """Whether the match is a file."""
        return len(self.entries) == 1 and self.entries[0].path == self.path


@dataclass(frozen=True)
class Datum:
    """The inputs of one run of the program."""

    inputs: tuple[DatumInput, ...]

    @cached_property
    def id(self) -> str:
        """64 hexadecimal digits, the same for the same inputs' names and paths whatever they contain."""
        digest = hashlib.sha256()
        for part in self.inputs:
            digest.update(f"{part.input.name}\n{part.input.repo}\n{part.input.branch}\n{part.path}\n".encode())
        return digest.hexdigest()

    def hash(self, program: str) -> str:
        """Names this datum, its content and the `program` (a hash): equal means that the output may be kept."""
        digest = hashlib.sha256(f"{program}\n{self.id}\n".encode())
        for part in self.inputs:
            digest.update(b"reference\n" if part.input.reference else part.content.encode())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """What a person calls it: `songs:/a.mp3`, several joined by ` × `."""
        return " × ".join(f"{part.input.repo}:{part.path}" for part in self.inputs)


Sources = Callable[[Pfs], Source]


def datums(node: Input, sources: Sources, trees: Trees) -> list[Datum]:
    """Every datum of an input, in a fixed order."""
    return list(map(Datum, _Matches(sources, trees).of(node)))


Combination = tuple[DatumInput, ...]


class _Matches:
    def __init__(self, sources: Sources, trees: Trees) -> None:
        self._sources = sources
        self._trees = trees

    def of(self, node: Input) -> list[Combination]:
        """The combinations of an input, each once."""
        if isinstance(node, Pfs):
            return [(match,) for match in self._glob(node)]
        parts = [self.of(part) for part in node.inputs]
        if node.kind == "union":
            return _distinct(itertools.chain.from_iterable(parts))
        if node.kind == "cross":
            return _distinct(map(_joined, itertools.product(*parts)))
        return _distinct(_join(parts) if node.kind == "join" else _group(parts))

    def _glob(self, node: Pfs) -> Iterator[DatumInput]:
        source = self._sources(node)
        if source.tree == EMPTY:
            return
        glob = compile_glob(node.glob)
        entries = list(self._trees.entries(source.tree))
        if glob.is_root:
            yield _match(node, source, "/", tuple(entries), source.tree, ())
            return
        for path, group in _matching(glob, entries):
            captures = (path, *(glob.match(path) or ()))
            if len(group) == 1 and group[0].path == path:
                content = group[0].object
            else:
                content = hashlib.sha256(encode_entries(group).encode()).hexdigest()
            yield _match(node, source, path, tuple(group), content, captures)


def _match(
    node: Pfs, source: Source, path: str, entries: tuple[Entry, ...], content: str, captures: tuple[str, ...]
) -> DatumInput:
    join_on, group_by = expand(node.join_on, captures), expand(node.group_by, captures)
    return DatumInput(node, source.commit, path, entries, content, join_on, group_by)


def _matching(glob: Glob, entries: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Each file or folder that `glob` matches, with its files, by path."""
    found: dict[str, list[Entry]] = defaultdict(list)
    verdicts: dict[str, bool] = {}
    for entry in entries:
        end = entry.path.find("/", 1)
        while end > 0:
            folder = entry.path[:end]
            if folder not in verdicts:
                verdicts[folder] = glob.match(folder) is not None
            if verdicts[folder]:
                found[folder].append(entry)
            end = entry.path.find("/", end + 1)
        if glob.match(entry.path) is not None:
            found[entry.path].append(entry)
    yield from sorted(found.items())


def _joined(parts: Iterable[Combination]) -> Combination:
    return tuple(itertools.chain.from_iterable(parts))


def _distinct(combinations: Iterable[Combination]) -> list[Combination]:
    """The first of those that name the same files in the same order."""
    return list({tuple(map(_identity, combination)): combination for combination in combinations}.values())


def _identity(part: DatumInput) -> tuple[str, str, str, str]:
    return part.input.name, part.input.repo, part.input.branch, part.path


Keyed = dict[str, dict[tuple[str, str, str, str], DatumInput]]


def _by_key(combinations: Iterable[Combination], key: Callable[[DatumInput], str]) -> Keyed:
    """Each input of the combinations under its own key: nested combinations come apart, as on a cluster."""
    keyed: Keyed = defaultdict(dict)
    for part in itertools.chain.from_iterable(combinations):
        keyed[key(part)].setdefault(_identity(part), part)
    return keyed


def _join(parts: list[list[Combination]]) -> Iterator[Combination]:
    """Crosses what has one key. Where a side lacks the key, what the others mark as `outer_join` remains."""
    sides = [_by_key(combinations, lambda part: part.join_on) for combinations in parts]
    for key in sorted(set().union(*sides)):
        present = [list(side[key].values()) for side in sides if key in side]
        if len(present) == len(sides):
            yield from itertools.product(*present)
            continue
        for chosen in itertools.product(*map(_outer, present)):
            if kept := tuple(part for part in chosen if part is not None):
                yield kept


def _outer(side: list[DatumInput]) -> list[DatumInput | None]:
    """What a side adds to a key that another side lacks: None stands for all that is not `outer_join`."""
    outer: list[DatumInput | None] = [part for part in side if part.input.outer_join]
    return outer if len(outer) == len(side) else [*outer, None]


def _group(parts: list[list[Combination]]) -> Iterator[Combination]:
    """All inputs of one key in one datum."""
    sides = [_by_key(combinations, lambda part: part.group_by) for combinations in parts]
    for key in sorted(set().union(*sides)):
        yield tuple(itertools.chain.from_iterable(side[key].values() for side in sides if key in side))
