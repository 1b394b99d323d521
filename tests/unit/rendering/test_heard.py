"""The spectrogram with the notes over it: sound and notes where they belong, the same bytes each time."""

import matplotlib.image
import numpy as np
import pytest

from aeolian.music.notes import Notes
from aeolian.rendering.heard import (
    COLUMNS_A_LINE,
    LOWEST_PITCH,
    MAX_LINES,
    ROWS_A_PITCH,
    ColumnCollector,
    Columns,
    _image,
    draw,
)
from aeolian.transcription.mel import FRAMES_PER_S, band_centres_hz, mel_power


def sine_columns(hz, seconds=3.0):
    power = mel_power(np.sin(2 * np.pi * hz * np.arange(int(16_000 * seconds)) / 16_000).astype(np.float32))
    collector = ColumnCollector(len(power))
    collector.push(power)
    return collector.columns(1 / FRAMES_PER_S, band_centres_hz())


@pytest.mark.parametrize("pitch", [57, 69, 81, 100])
def test_a_sine_shines_at_its_pitch(pitch):
    image = _image(sine_columns(440 * 2 ** ((pitch - 69) / 12)))
    row = image[:, image.shape[1] // 2].argmax()
    assert LOWEST_PITCH + row // ROWS_A_PITCH == pytest.approx(pitch, abs=1)
    assert image.min() >= 0
    assert image.max() <= 1


def test_columns_are_the_loudest_of_their_frames():
    frames = np.random.default_rng(0).random((MAX_LINES * COLUMNS_A_LINE * 2 + 7, 5)).astype(np.float32)
    collector = ColumnCollector(len(frames))
    for piece in np.array_split(frames, 11):
        collector.push(piece)
    found = collector.columns(0.1, np.arange(5.0))
    assert found.column_s == pytest.approx(0.3)
    assert len(found.power) == -(-len(frames) // 3)
    assert np.array_equal(found.power[10], frames[30:33].max(axis=0))
    assert np.array_equal(
        found.power[-1], frames[3 * (len(frames) // 3) :].max(axis=0) if len(frames) % 3 else frames[-3:].max(axis=0)
    )


@pytest.mark.parametrize("notes", [Notes.empty(), Notes.of([(0.5, 1.5, 69, 80), (2.0, 2.1, 30, 20)])])
def test_equal_pictures_have_equal_bytes(tmp_path, notes):
    for name in ("one.png", "two.png"):
        draw(tmp_path / name, sine_columns(440), notes, title="$x$ song", source="onsets-frames")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "one.png").shape[1] == 1500


def test_notes_change_the_picture_and_no_sound_is_no_trouble(tmp_path):
    silent = Columns(np.zeros((0, 229), np.float32), 0.032, band_centres_hz())
    draw(tmp_path / "none.png", silent, Notes.empty())
    draw(tmp_path / "some.png", silent, Notes.of([(0.1, 0.9, 60, 80)]))
    none, some = (matplotlib.image.imread(tmp_path / name) for name in ("none.png", "some.png"))
    changed = np.argwhere(np.abs(none - some).max(axis=2) > 0.1)
    rows = changed[:, 0]
    # The note, and the number of notes in the header.
    assert len(changed) > 300
    assert rows.min() < 0.2 * none.shape[0] < rows.max()


def test_hours_fit_into_a_picture(tmp_path):
    collector = ColumnCollector(3 * 3600 * 31)
    collector.push(np.ones((3 * 3600 * 31, 3), np.float32))
    sound = collector.columns(0.032, np.array([50.0, 500.0, 5000.0]))
    assert len(sound.power) <= MAX_LINES * COLUMNS_A_LINE
    draw(tmp_path / "long.png", sound, Notes.of([(9_000.0, 9_001.0, 60, 80)]))
    assert matplotlib.image.imread(tmp_path / "long.png").shape[0] < 4_000
