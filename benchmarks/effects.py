"""Effects beside pedalboard: the same effect on the same sound, in times real time; and the loudness beside pyloudnorm.

    .venv/bin/python benchmarks/effects.py [--seconds 20] [--rounds 5]

pedalboard (GPL) and pyloudnorm get an environment of their own, from requirements/peers/pedalboard.txt; where it cannot
be had, that is said, and ours are measured alone. Stereo noise at 44.1 kHz in float32, in memory; one thread of one
process each, warm, in turn; by the processor's own clock, so that other work here does not count; best of the rounds.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from support.peers import environment

from aeolian.effects import Chain, parse_chain

RATE_HZ = 44_100
# Our chain, and what of pedalboard or pyloudnorm is the same or the nearest.
PAIRS = [
    ("gain -6", "Gain(-6)"),
    ("distort 12", "Distortion(12)"),
    ("highpass 300", "HighpassFilter(300)"),
    ("lowpass 3000", "LowpassFilter(3000)"),
    ("lowshelf 300 6", "LowShelfFilter(300, 6)"),
    ("highshelf 3000 -6", "HighShelfFilter(3000, -6)"),
    ("bell 1000 6 2", "PeakFilter(1000, 6, 2)"),
    ("delay 0.25 0.8 0.3", "Delay(0.25, 0.3, 0.8)"),
    ("chorus", "Chorus()"),
    ("compress -20 3", "Compressor(-20, 3)"),
    ("limit", "Limiter(-1)"),
    ("reverb", "Reverb()"),
    ("pitch 7", "PitchShift(7)"),
    (
        "compress | mix(gain 1, delay 0.25 1 | pitch 7 | gain -3) | reverb",
        "Pedalboard([Compressor(-20, 3), Mix([Gain(1), Pedalboard([Delay(0.25, 0, 1), PitchShift(7), Gain(-3)])]),"
        " Reverb()])",
    ),
    ("stretch 1.25", "time_stretch"),
    ("loudness -23", "pyloudnorm"),
    ("peak -1 no", ""),
    ("harmonic", ""),
    ("fade 1 1", ""),
]
SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PEER = """
import sys, time
import numpy as np
import pedalboard, pyloudnorm
from pedalboard import *

path, rate = sys.argv[1], int(sys.argv[2])
sound = np.ascontiguousarray(np.load(path).T)

def loudness():
    meter = pyloudnorm.Meter(rate)
    return pyloudnorm.normalize.loudness(sound.T, meter.integrated_loudness(sound.T), -23.0)

print("ready", flush=True)
for expression in map(str.strip, sys.stdin):
    if expression == "time_stretch":
        work = lambda: pedalboard.time_stretch(sound, rate, 1 / 1.25)
    elif expression == "pyloudnorm":
        work = loudness
    else:
        board = eval(expression)
        work = lambda: board(sound, rate, reset=True)
    start_s = time.process_time()
    work()
    print(time.process_time() - start_s, flush=True)
"""


class Peer:
    """pedalboard and pyloudnorm in a process of their own, asked for one run at a time."""

    def __init__(self, home: Path, sound: np.ndarray, folder: Path) -> None:
        np.save(folder / "sound.npy", sound)
        command = [str(home / "python"), "-c", PEER, str(folder / "sound.npy"), str(RATE_HZ)]
        self._process = subprocess.Popen(
            command, env=os.environ | SINGLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process.stdout.readline()

    def run_s(self, expression: str) -> float:
        self._process.stdin.write(f"{expression}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def run_s(chain: Chain, sound: np.ndarray) -> float:
    start_s = time.process_time()
    chain.process(sound, RATE_HZ)
    return time.process_time() - start_s


def measure(sound: np.ndarray, duration_s: int, rounds: int, peer: Peer | None) -> None:
    for text, expression in PAIRS:
        chain, ours, theirs = parse_chain(text), [], []
        for _ in range(rounds + 1):  # the first warms up
            ours.append(run_s(chain, sound))
            theirs.append(peer.run_s(expression) if peer and expression else math.inf)
        mine, other = duration_s / min(ours[1:]), duration_s / min(theirs[1:])
        print(f"{text:<68} {mine:>8,.0f} " + (f"{other:>8,.0f} {mine / other:>6.2f}" if other else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    shape = (RATE_HZ * options.seconds, 2)
    sound = (np.random.default_rng(0).standard_normal(shape) * 0.1).astype(np.float32)
    home = environment("pedalboard")
    print(f"{options.seconds} s of stereo at {RATE_HZ} Hz, times real time (of one core), best of {options.rounds}")
    print(f"{'chain':<68} {'aeolian':>8} {'peer':>8} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(home, sound, Path(folder)) if home else None
        measure(sound, options.seconds, options.rounds, peer)
        if peer:
            peer.close()


if __name__ == "__main__":
    if SINGLE.items() - os.environ.items():  # the libraries read it when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SINGLE)
    main()
