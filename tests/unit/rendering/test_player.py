"""The dry player: notes when and as high as asked for, as loud as they are struck."""

from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.music.notes import Notes
from aeolian.rendering.player import play, programs
from aeolian.rendering.synthesis import default_soundfont

RATE_HZ = 32_000


def played(*rows: tuple[float, float, int, int], **options: float) -> np.ndarray:
    return play(Notes.of(rows), 2.0, soundfont=default_soundfont(), sample_rate_hz=RATE_HZ, **options)


def loudest_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    return float(np.argmax(spectrum) * RATE_HZ / (8 * len(sound)))


def test_a_note_sounds_when_and_as_high_as_asked_for_and_the_same_each_time() -> None:
    sound = played((0.5, 1.5, 69, 100))
    assert sound.shape == (2 * RATE_HZ,)
    assert sound.dtype == np.float32
    assert np.abs(sound[: RATE_HZ // 2]).max() == 0.0
    assert np.abs(sound[RATE_HZ // 2 :][: RATE_HZ // 50]).max() > 0.01
    assert loudest_hz(sound) == pytest.approx(440, abs=2)
    assert np.array_equal(sound, played((0.5, 1.5, 69, 100)))
    assert loudest_hz(played((0.5, 1.5, 69, 100), tuning_cents=50)) == pytest.approx(440 * 2 ** (0.5 / 12), abs=2)


def test_loudness_follows_velocity_and_a_release_ends_the_note() -> None:
    soft, loud = (np.abs(played((0.0, 1.0, 60, v))).max() for v in (30, 120))
    assert loud > 2 * soft
    tail = slice(round(1.6 * RATE_HZ), None)
    held, released = played((0.0, 2.0, 60, 100)), played((0.0, 0.5, 60, 100))
    assert np.abs(released[tail]).max() < 0.1 * np.abs(held[tail]).max()


def test_what_is_no_soundfont_or_lacks_the_program_is_refused(tmp_path: Path) -> None:
    assert set(range(8)) <= set(programs(default_soundfont()))
    path = tmp_path / "broken.sf2"
    path.write_bytes(b"RIFFxxxx")
    with pytest.raises(UsageError, match="cannot be read: it is not a soundfont"):
        programs(path)
    with pytest.raises(UsageError, match="has no program 500"):
        played((0.0, 1.0, 60, 64), program=500)
