"""The pianos of a soundfont, alone in a file of their own, sound as they did."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aeolian.music.notes import Notes
from aeolian.rendering.player import play, programs
from aeolian.rendering.synthesis import default_soundfont

NOTES = Notes.of([(0.0, 0.6, 60, 100), (0.2, 0.9, 40, 60), (0.5, 1.0, 88, 120)])
RATE_HZ = 32_000


def sound(soundfont: Path, program: int = 0) -> np.ndarray:
    return play(NOTES, 1.2, soundfont=soundfont, sample_rate_hz=RATE_HZ, program=program)


def make(root: Path, *arguments: object) -> str:
    script = root / "scripts" / "make_piano_soundfonts.py"
    done = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


def test_two_programs_are_kept_alone(root: Path, tmp_path: Path) -> None:
    told = make(root, tmp_path, "--font", default_soundfont(), "--programs", "0,3", "--name", "small")
    small = tmp_path / "small.sf3"
    assert "2 programs" in told
    assert programs(small) == [0, 3]
    assert small.stat().st_size < 300_000
    for program in (0, 3):
        before, after = sound(default_soundfont(), program), sound(small, program)
        assert np.corrcoef(before, after)[0, 1] > 0.99, "Vorbis changes little"


def test_files_taken_apart_and_put_together_are_the_same_soundfont(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "scripts"))
    from soundfonts import riff

    font = riff.only(riff.read(default_soundfont()), [0])
    riff.write(tmp_path / "pcm.sf2", font)
    assert np.abs(sound(tmp_path / "pcm.sf2") - sound(default_soundfont())).max() < 1e-6
    again = riff.read(tmp_path / "pcm.sf2")
    assert [(s.loop, s.root, s.rate_hz) for s in again.samples] == [(s.loop, s.root, s.rate_hz) for s in font.samples]
    with pytest.raises(ValueError, match="not a soundfont"):
        riff.read(root / "README.md")


def test_a_piano_by_formula_is_in_tune_and_louder_when_struck_harder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "scripts"))
    from soundfonts import strings

    rng = np.random.default_rng(1)
    piano = strings.drawn(rng)
    soft, loud = (strings.key(piano, 69, velocity, rng) for velocity in (28, 116))
    assert np.abs(loud).max() > 3 * np.abs(soft).max()
    spectrum = np.abs(np.fft.rfft(loud[: 2 * strings.RATE_HZ] * np.hanning(2 * strings.RATE_HZ)))
    near = slice(2 * 420, 2 * 460)
    hz = (np.argmax(spectrum[near]) + near.start) / 2
    assert abs(1200 * np.log2(hz / 440)) < 12
