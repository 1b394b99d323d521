"""The pianos of soundfonts, small enough to carry to a training machine: only the wanted programs, mono, in Vorbis.

    python scripts/make_piano_soundfonts.py OUT/ --font FluidR3_GM.sf2 --programs 0,1,3 --name fluid
    python scripts/make_piano_soundfonts.py OUT/ --samples unpacked/ --name salamander
    python scripts/make_piano_soundfonts.py OUT/ --strings 3 --name strings3

`--samples` takes a folder with files named by pitch and layer as in the Salamander Grand Piano, `D#4v10.ogg`;
`--strings` is the seed of a piano by formula. Needs requirements/dev.txt. Training does not: `train-transcriber` reads
any .sf2 or .sf3 as it is.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import soundfile
from soundfonts import riff, shrink, strings

LAYERS = 16
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def layers_of(folder: Path) -> dict:
    """velocity → pitch → (left channel, rate), of the files below `folder`."""
    found: dict = {}
    for path in sorted(folder.rglob("*v*.ogg")):
        match = re.fullmatch(r"([A-G]#?)(\d)v(\d+)", path.stem)
        if match:
            pitch = NAMES.index(match[1]) + 12 * (int(match[2]) + 1)
            audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            velocity = round((int(match[3]) - 0.5) * 128 / LAYERS)
            found.setdefault(velocity, {})[pitch] = (audio[:, 0], rate_hz)
    return found


def main() -> None:
    """Makes one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--font", type=Path)
    parser.add_argument("--programs", default="0", help="bank 0, counted from 0")
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--strings", type=int)
    parser.add_argument("--name", required=True)
    parser.add_argument("--quality", type=float, default=0.4, help="of Vorbis, 0 to 1")
    parser.add_argument("--longest", type=float, default=10.0, help="seconds of a sample that are kept, with --samples")
    given = parser.parse_args()
    if given.font:
        programs = [int(word) for word in given.programs.split(",")]
        font = shrink.shrunk(riff.only(riff.read(given.font), programs), quality=given.quality)
    else:
        rng = np.random.default_rng(given.strings)
        layers = layers_of(given.samples) if given.samples else strings.layers(strings.drawn(rng), rng)
        font = shrink.from_layers(given.name.encode(), layers, longest_s=given.longest, quality=given.quality)
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / f"{given.name}.sf3"
    riff.write(path, font)
    print(f"{path}: {len(font.presets)} programs, {len(font.samples)} samples, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
