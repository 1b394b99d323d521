#!/usr/bin/env python3
"""Composes `samples/`: seven seeds as MIDI and nine short recordings as MP3. Seeded: the same music every time.

    python scripts/compose_samples.py [--output samples] [--only midi|audio]

The MIDI files are the same bytes anywhere; the MP3s are on one machine (numerical libraries and ffmpeg differ in the
last bit elsewhere). The music is CC0. Sound and score come from `scripts/composer/` alone.
"""

import argparse
from pathlib import Path

from composer.catalogue import CLIPS, LATER, SEEDS
from composer.files import record, write_mp3


def main() -> None:
    """Writes the samples below `--output`."""
    parser = argparse.ArgumentParser(description="Composes the seeds and the recordings in samples/.")
    parser.add_argument("--output", type=Path, default=Path("samples"), help="folder [default: %(default)s]")
    parser.add_argument("--only", choices=("midi", "audio"), help="write one kind only")
    arguments = parser.parse_args()
    if arguments.only != "audio":
        write_seeds(arguments.output / "midi")
    if arguments.only != "midi":
        write_recordings(arguments.output / "audio")


def write_seeds(folder: Path) -> None:
    """`1.mid` … `7.mid`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        path = folder / f"{seed.number}.mid"
        path.write_bytes(seed.piece().midi_bytes())
        print(path)


def write_recordings(folder: Path) -> None:
    """Eight MP3s, and in `later/` the one that the demo adds afterwards."""
    for place, clips in ((folder, CLIPS), (folder / "later", LATER)):
        place.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            write_mp3(place / clip.name, clip, record(clip))
            print(place / clip.name)


if __name__ == "__main__":
    main()
