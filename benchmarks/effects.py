"""Effects beside pedalboard: the same effect on the same sound, in times real time; and the loudness beside pyloudnorm.

    .venv/bin/python benchmarks/effects.py [--seconds 30] [--rounds 3]

pedalboard (GPL) and pyloudnorm get an environment of their own, from requirements/peers/pedalboard.txt; where it cannot
be had, that is said, and ours are measured alone. Stereo noise at 44.1 kHz in float32, in memory; one thread of one
process each, warm; by the processor's own clock, so that other work here does not count; best of the rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from support.peers import environment

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
import json, sys, time
import numpy as np
import pedalboard, pyloudnorm
from pedalboard import *

path, rate, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sound = np.ascontiguousarray(np.load(path).T)

def loudness():
    meter = pyloudnorm.Meter(rate)
    return pyloudnorm.normalize.loudness(sound.T, meter.integrated_loudness(sound.T), -23.0)

for expression in json.loads(sys.argv[4]):
    if expression == "time_stretch":
        work = lambda: pedalboard.time_stretch(sound, rate, 1 / 1.25)
    elif expression == "pyloudnorm":
        work = loudness
    else:
        board = eval(expression)
        work = lambda: board(sound, rate, reset=True)
    work()
    seconds = []
    for _ in range(rounds):
        start_s = time.process_time()
        work()
        seconds.append(time.process_time() - start_s)
    print(expression, min(seconds), sep="\\t", flush=True)
"""


def ours_s(sound: np.ndarray, rounds: int) -> dict[str, float]:
    from aeolian.effects import parse_chain

    best = {}
    for text, _ in PAIRS:
        chain, seconds = parse_chain(text), []
        for _ in range(rounds + 1):
            start_s = time.process_time()
            chain.process(sound, RATE_HZ)
            seconds.append(time.process_time() - start_s)
        best[text] = min(seconds[1:])
    return best


def peers_s(path: Path, rounds: int) -> dict[str, float]:
    peer = environment("pedalboard")
    if peer is None:
        return {}
    wanted = json.dumps([expression for _, expression in PAIRS if expression])
    command = [str(peer / "python"), "-c", PEER, str(path), str(RATE_HZ), str(rounds), wanted]
    done = subprocess.run(command, env=os.environ | SINGLE, capture_output=True, text=True, check=True)
    return {name: float(seconds) for name, seconds in (line.split("\t") for line in done.stdout.splitlines())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shape = (RATE_HZ * options.seconds, 2)
    sound = (np.random.default_rng(0).standard_normal(shape) * 0.1).astype(np.float32)
    ours = ours_s(sound, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.npy"
        np.save(path, sound)
        peers = peers_s(path, options.rounds)
    print(f"{options.seconds} s of stereo at {RATE_HZ} Hz, times real time (of one core), best of {options.rounds}")
    print(f"{'chain':<68} {'aeolian':>8} {'peer':>8} {'ratio':>6}")
    for text, expression in PAIRS:
        mine = options.seconds / ours[text]
        theirs = options.seconds / peers[expression] if expression in peers else None
        shown = f"{theirs:>8,.0f} {mine / theirs:>6.2f}" if theirs else f"{'':>8} {'':>6}"
        print(f"{text:<68} {mine:>8,.0f} {shown}")


if __name__ == "__main__":
    if SINGLE.items() - os.environ.items():  # the libraries read it when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SINGLE)
    main()
