import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import InputError, UsageError
from aeolian.music.notes import Notes
from aeolian.rendering import synthesis
from aeolian.rendering.synthesis import BLOCK_FRAMES, blocks, synthesise, total_frames

RATE_HZ = 22_050


def loudest_hz(sound: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound.mean(axis=1) * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / rate_hz)[spectrum.argmax()])


@pytest.mark.parametrize("onset_s", [0.0, 0.1, 3.0, 3.7])
def test_a_note_starts_on_its_sample_and_not_before(onset_s: float) -> None:
    sound = synthesise(Notes.of([(onset_s, onset_s + 1, 60, 90)]), sample_rate_hz=RATE_HZ)
    first = int(np.nonzero(np.abs(sound).sum(axis=1))[0][0])
    assert 0 <= first - round(onset_s * RATE_HZ) <= 2


def test_a_note_has_its_pitch_and_stops_when_released() -> None:
    sound = synthesise(Notes.of([(0, 0.5, 69, 90)]), sample_rate_hz=RATE_HZ)
    assert loudest_hz(sound[: RATE_HZ // 2], RATE_HZ) == pytest.approx(440, abs=4)
    assert np.abs(sound[: RATE_HZ // 2]).max() > 50 * np.abs(sound[-RATE_HZ // 2 :]).max()
    assert sound.shape == (total_frames(Notes.of([(0, 0.5, 69, 90)]), sample_rate_hz=RATE_HZ), 2)
    assert len(sound) == round(3.5 * RATE_HZ)


def test_louder_notes_are_louder() -> None:
    sound = synthesise(Notes.of([(0, 1, 60, 30), (4, 5, 60, 110)]), sample_rate_hz=RATE_HZ)
    assert np.abs(sound[4 * RATE_HZ :]).max() > 2.5 * np.abs(sound[: 2 * RATE_HZ]).max()


def test_a_note_struck_again_before_its_release_and_one_without_length_both_end() -> None:
    notes = Notes.of([(0, 2, 60, 80), (1, 1.5, 60, 80), (2, 2, 64, 80)])
    sound = synthesise(notes, sample_rate_hz=RATE_HZ, tail_s=2.0)
    assert np.abs(sound[-RATE_HZ // 2 :]).max() < 0.02 * np.abs(sound).max()


@pytest.mark.parametrize("velocity", [3, 40, 127])
def test_the_level_neither_clips_nor_whispers(velocity: int) -> None:
    chord = [(t, t + 1.5, pitch, velocity) for t in range(4) for pitch in (36, 48, 55, 60, 64, 67, 72, 76)]
    sound = synthesise(Notes.of(chord), sample_rate_hz=RATE_HZ)
    assert 0.2 < np.abs(sound).max() <= 0.99
    assert 0.04 < np.sqrt(np.mean(sound[: 4 * RATE_HZ] ** 2)) < 0.2


def test_equal_notes_give_equal_samples_in_blocks_of_bounded_size() -> None:
    notes = Notes.of([(i * 0.11, i * 0.11 + 0.7, 40 + i % 40, 30 + i) for i in range(60)])
    pieces = list(blocks(notes, sample_rate_hz=RATE_HZ))
    assert {len(piece) for piece in pieces[:-1]} == {BLOCK_FRAMES}
    assert 0 < len(pieces[-1]) <= BLOCK_FRAMES
    assert all(piece.dtype == np.float32 for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), synthesise(notes, sample_rate_hz=RATE_HZ))


def test_no_notes_no_sound() -> None:
    assert synthesise(Notes.empty()).shape == (0, 2)


def test_progress_ends_at_its_total() -> None:
    told: list[tuple[int, int, str]] = []
    synthesise(Notes.of([(0, 4, 60, 80)]), sample_rate_hz=RATE_HZ, report=lambda *news: told.append(news))
    frames = 7 * RATE_HZ
    assert told[-1] == (2 * frames, 2 * frames, "playing")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_what_cannot_be_rendered_is_said() -> None:
    note = Notes.of([(0, 1, 60, 80)])
    with pytest.raises(UsageError, match="8000…192000"):
        synthesise(note, sample_rate_hz=4_000)
    with pytest.raises(UsageError, match="no program 128"):
        synthesise(note, program=128)
    with pytest.raises(UsageError, match="No such file"):
        synthesise(note, soundfont=Path("missing.sf2"))
    with pytest.raises(UsageError, match="not a soundfont"):
        synthesise(note, soundfont=Path(__file__))
    with pytest.raises(InputError, match="100 hours; at most 24"):
        synthesise(Notes.of([(0, 360_000, 60, 80)]))


def test_the_soundfont_is_found_without_importing_its_package() -> None:
    assert synthesis.default_soundfont().name == "TimGM6mb.sf2"
    program = (
        "import sys; from aeolian.rendering.synthesis import default_soundfont; default_soundfont();"
        "sys.exit('pretty_midi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
