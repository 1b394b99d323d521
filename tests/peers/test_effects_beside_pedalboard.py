"""Effects that pedalboard defines too, beside pedalboard; loudness beside pyloudnorm.

pedalboard is GPL, so it lives in an environment of its own (requirements/peers/pedalboard.txt), made once below the
folder for temporary files, and is asked in a process of its own. Where it cannot be had these tests say so and are
skipped.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aeolian.effects import parse_chain
from aeolian.effects.metering import LoudnessMeter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from support.peers import environment  # noqa: E402

RATE_HZ = 32_000
# Ours, pedalboard's, and the largest difference of any sample. Shelves and bells have it from JUCE's single precision.
PAIRS = [
    ("gain -6", "Gain(-6)", 0),
    ("gain 4.5", "Gain(4.5)", 1e-7),
    ("distort 12", "Distortion(12)", 1e-6),
    ("delay 0.25 0.8", "Delay(0.25, 0, 0.8)", 1e-6),
    ("delay 0.1 0.5 0.6", "Delay(0.1, 0.6, 0.5)", 1e-6),
    ("highpass 300", "HighpassFilter(300)", 1e-6),
    ("highpass 5000", "HighpassFilter(5000)", 1e-6),
    ("lowpass 2000", "LowpassFilter(2000)", 1e-6),
    ("highshelf 3000 -9 1.5", "HighShelfFilter(3000, -9, 1.5)", 1e-6),
    ("lowshelf 300 6", "LowShelfFilter(300, 6)", 2e-5),
    ("bell 1000 6 2", "PeakFilter(1000, 6, 2)", 1e-5),
    ("reverb", "Reverb()", 1e-6),
    ("reverb 0.8 0.2 0.5 0.5 0.5", "Reverb(0.8, 0.2, 0.5, 0.5, 0.5)", 1e-6),
    (
        "gain -3 | mix(dry, delay 0.25 1 | distort 6) | reverb",
        "Pedalboard([Gain(-3), Mix([Gain(0), Pedalboard([Delay(0.25, 0, 1), Distortion(6)])]), Reverb()])",
        2e-6,
    ),
]
PEER = """
import json, sys
import numpy as np
import pyloudnorm
from pedalboard import *

sound, rate = np.load(sys.argv[1]), int(sys.argv[2])
for i, expression in enumerate(json.loads(sys.argv[3])):
    np.save(f"{i}.npy", eval(expression)(np.ascontiguousarray(sound.T), rate, reset=True).T)
    np.save(f"{i}-mono.npy", eval(expression)(np.ascontiguousarray(sound.T[:1]), rate, reset=True).T)
levels = np.linspace(0.01, 0.5, 20)[np.arange(len(sound)) * 20 // len(sound)]
print(pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound * levels[:, None]))
"""


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((3 * RATE_HZ, 2)) * 0.3).astype(np.float32)


@pytest.fixture(scope="module")
def peer(sound: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of what pedalboard made, and the loudness that pyloudnorm measured."""
    home = environment("pedalboard")
    if home is None:
        pytest.skip("needs pedalboard in an environment of its own, and its packages cannot be had here")
    folder = tmp_path_factory.mktemp("pedalboard")
    np.save(folder / "sound.npy", sound)
    expressions = json.dumps([expression for _, expression, _ in PAIRS])
    command = [str(home / "python"), "-c", PEER, "sound.npy", str(RATE_HZ), expressions]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return folder, float(done.stdout)


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=[chain for chain, _, _ in PAIRS])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_effect_is_pedalboards(peer: tuple[Path, float], sound: np.ndarray, number: int, channels: int) -> None:
    chain, _, tolerance = PAIRS[number]
    theirs = np.load(peer[0] / f"{number}{'-mono' if channels == 1 else ''}.npy")
    ours = parse_chain(chain).process(sound[:, :channels], RATE_HZ)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance


def test_loudness_is_pyloudnorms(peer: tuple[Path, float], sound: np.ndarray) -> None:
    levels = np.linspace(0.01, 0.5, 20)[np.arange(len(sound)) * 20 // len(sound)]
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.measure(np.ascontiguousarray((sound * levels[:, np.newaxis]).T.astype(np.float32)))
    assert meter.integrated_lufs == pytest.approx(peer[1], abs=0.01)
