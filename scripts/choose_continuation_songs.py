#!/usr/bin/env python3
"""Chooses the songs that continuations are measured on: three sets without a song in common, of three kinds each.

    python scripts/choose_continuation_songs.py [--output build/continuation] [--data ../shared/data/midi]

Settings are chosen on `tune/` alone, `check/` says whether they hold, and `final/` is looked at once, at the end. Songs
are taken in the order of a hash of their content, so that the sets do not move:

- `pop909`: the 97 songs that training held out (5 % validation, 5 % test): 16, then 32, then the others.
- `asap`: of each piece of a minute or more one performance, that with the smallest hash: 16, then 24, then 40.
- `sparse`, calm and slow music: the nine clips of `scripts/composer`; our own seven seeds; then of the pieces of ASAP
  that the other sets leave those with fewer than two and a half notes a second in their first minute.
"""

import argparse
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from composer.catalogue import CLIPS, LATER, SEEDS

from aeolian.errors import InputError
from aeolian.formats.midi import read_midi
from aeolian.music.codec import Tokens, encode
from aeolian.stages.preprocess import split_of

HELD_OUT_PERCENT = 5  # validation, and as much again test: as aeolian-piano-v1 was trained
SHORTEST_S = 60.0
SPARSE_NOTES_A_SECOND = 2.5
SETS = ("tune", "check", "final")
POP909, ASAP = (16, 32, 49), (16, 24, 40)


def main() -> None:
    """Writes the sets below `--output`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("build/continuation"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/midi"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder)
        for name in ("pop909", "asap"):
            with tarfile.open(arguments.data / f"{name}.tar.xz") as archive:
                archive.extractall(unpacked, filter="data")
        write_sets(arguments.output, "pop909", held_out(unpacked / "pop909"), POP909)
        pieces = performances(unpacked / "asap")
        write_sets(arguments.output, "asap", pieces, ASAP)
        sparse = [path for path in pieces[sum(ASAP) :] if is_sparse(path)]
        write_sets(arguments.output, "sparse", sparse, (0, 0, len(sparse)))
    for kind, composed in (("tune", [*CLIPS, *LATER]), ("check", SEEDS)):
        for number, one in enumerate(composed, start=1):
            (arguments.output / kind / "sparse" / f"{number}.mid").write_bytes(one.piece().midi_bytes())
    for folder_ in sorted(path for path in arguments.output.glob("*/*") if path.is_dir()):
        print(folder_, len(list(folder_.iterdir())))


def held_out(folder: Path) -> list[Path]:
    """The songs that training does not see, in the order of their hashes."""
    found = []
    for path, tokens in readable(folder):
        if split_of(tokens.tobytes(), HELD_OUT_PERCENT, HELD_OUT_PERCENT) != "train":
            found.append((digest(tokens), path))
    return [path for _, path in sorted(found)]


def performances(folder: Path) -> list[Path]:
    """One performance of each piece (`<piece>__<player>.mid`) that lasts a minute, in the order of their hashes."""
    by_piece: dict[str, list[tuple[str, Path]]] = {}
    for path, tokens in readable(folder):
        piece, _, _ = path.stem.rpartition("__")
        by_piece.setdefault(piece, []).append((digest(tokens), path))
    chosen = sorted(min(each) for each in by_piece.values())
    return [path for _, path in chosen if read_midi(path).end_s >= SHORTEST_S]


def readable(folder: Path) -> Iterator[tuple[Path, Tokens]]:
    """Every MIDI file below `folder` that can be read, and its events."""
    for path in sorted(folder.rglob("*.mid")):
        try:
            yield path, encode(read_midi(path))
        except InputError as error:
            print(f"{path.name} is left out: {error}")


def is_sparse(path: Path) -> bool:
    """Whether its first minute has few notes."""
    onset_s = read_midi(path).onset_s
    return float(((onset_s - onset_s.min()) < SHORTEST_S).sum()) < SPARSE_NOTES_A_SECOND * SHORTEST_S


def digest(tokens: Tokens) -> str:
    """The SHA-256 of a song's events, as preprocess takes it for the split."""
    return hashlib.sha256(tokens.tobytes()).hexdigest()


def write_sets(output: Path, kind: str, songs: list[Path], sizes: tuple[int, ...]) -> None:
    """The first so many songs into the first set, the next into the second, and so on."""
    start = 0
    for name, size in zip(SETS, sizes, strict=True):
        folder = output / name / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in songs[start : start + size]:
            shutil.copyfile(path, folder / path.name)
        start += size


if __name__ == "__main__":
    main()
