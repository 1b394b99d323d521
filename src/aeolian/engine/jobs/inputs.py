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

from aeolian.engine.specs.globs import Glob, compile_glob, expand
from aeolian.engine.specs.spec import Input, Many, Pfs
from aeolian.engine.storage.trees import EMPTY, Entry, Trees, encode_entries


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
    matches = _Matches(sources, trees)
    unique = {datum.id: datum for datum in map(Datum, matches.of(node))}
    return list(unique.values())


Combination = tuple[DatumInput, ...]


class _Matches:
    def __init__(self, sources: Sources, trees: Trees) -> None:
        self._sources = sources
        self._trees = trees

    def of(self, node: Input) -> list[Combination]:
        if isinstance(node, Pfs):
            return [(match,) for match in self._glob(node)]
        parts = [self.of(part) for part in node.inputs]
        if node.kind == "union":
            return list(itertools.chain.from_iterable(parts))
        if node.kind == "cross":
            return list(map(_joined, itertools.product(*parts)))
        if node.kind == "join":
            return list(_join(node, parts))
        return list(_group(parts))

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
            captures = glob.match(path) or ()
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


def _key(combination: Combination) -> str:
    return next((part.join_on for part in combination if part.join_on), "")


def _join(node: Many, parts: list[list[Combination]]) -> Iterator[Combination]:
    """Crosses what has one key. A key that some input lacks survives in the inputs with `outer_join`."""
    by_key: dict[str, list[list[Combination]]] = defaultdict(lambda: [[] for _ in parts])
    for place, combinations in enumerate(parts):
        for combination in combinations:
            by_key[_key(combination)][place].append(combination)
    for key in sorted(by_key):
        sides = by_key[key]
        if not all(sides):
            sides = [side for side in sides if side and any(part.input.outer_join for part in side[0])]
            if not sides:
                continue
        yield from map(_joined, itertools.product(*sides))


def _group(parts: list[list[Combination]]) -> Iterator[Combination]:
    """All inputs of one key in one datum."""
    by_key: dict[str, list[DatumInput]] = defaultdict(list)
    for combination in itertools.chain.from_iterable(parts):
        key = next((part.group_by for part in combination if part.group_by), "")
        by_key[key].extend(combination)
    for key in sorted(by_key):
        yield tuple(by_key[key])
