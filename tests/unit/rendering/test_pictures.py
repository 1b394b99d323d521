from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from aeolian.music.notes import Notes
from aeolian.rendering import piano_roll, theme
from aeolian.rendering.piano_roll import clock, draw, pitch_name
from aeolian.rendering.plots import loss_curve

HISTORY = [{"epoch": i, "train_nll": 2 + 3 / i, "validation_nll": 2.5 + 3 / i} for i in range(1, 12)]
BUSY = Notes.of([(i * 0.3, i * 0.3 + 1, 40 + (7 * i) % 45, 30 + i % 60) for i in range(400)])


def pixels(path: Path) -> np.ndarray:
    return np.rint(imread(path)[:, :, :3] * 255).astype(int)


def has_colour(picture: np.ndarray, colour: str) -> bool:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((np.abs(picture - wanted).max(axis=2) <= 3).any())


def test_a_loss_curve_shows_both_losses(tmp_path: Path) -> None:
    loss_curve(tmp_path / "loss.png", HISTORY)
    picture = pixels(tmp_path / "loss.png")
    assert has_colour(picture, theme.ACCENT)
    assert has_colour(picture, theme.SECOND)
    loss_curve(tmp_path / "train.png", [{"epoch": 1, "train_nll": 3.0, "validation_nll": None}])
    assert not has_colour(pixels(tmp_path / "train.png"), theme.SECOND)


@pytest.mark.parametrize(
    "history",
    [[], HISTORY[:1], [{"epoch": 1, "train_nll": float("nan")}], [{"epoch": 2, "train_nll": 0.0}], HISTORY * 40],
)
def test_any_history_makes_a_picture(tmp_path: Path, history: list[dict[str, float]]) -> None:
    loss_curve(tmp_path / "loss.png", history)
    assert pixels(tmp_path / "loss.png").shape == (600, 1080, 3)


def test_equal_data_makes_equal_bytes_and_no_trace_of_when_or_with_what(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        loss_curve(tmp_path / f"loss-{name}", HISTORY)
        draw(tmp_path / name, BUSY, title="Twice", seed_end_s=30.0)
    for stem in ("", "loss-"):
        first = (tmp_path / f"{stem}a.png").read_bytes()
        assert first == (tmp_path / f"{stem}b.png").read_bytes()
        assert b"tEXt" not in first
        assert b"tIME" not in first


def test_long_pieces_get_more_lines_and_no_more_than_fit(tmp_path: Path) -> None:
    heights = []
    for end_s in (10.0, 74.0, 200.0, 1200.0, 36_000.0):
        draw(tmp_path / "roll.png", Notes.of([(0, 1, 60, 70), (end_s - 1, end_s, 62, 70)]))
        heights.append(pixels(tmp_path / "roll.png").shape[0])
    assert heights[0] == heights[1] < heights[2] < heights[3] == heights[4]


def test_none_and_one_and_the_outermost_notes_can_be_drawn(tmp_path: Path) -> None:
    for notes in (Notes.empty(), Notes.of([(0, 0, 60, 1)]), Notes.of([(0, 1, 0, 127), (0, 1, 127, 1)])):
        draw(tmp_path / "roll.png", notes, title="$not maths_{")
        assert pixels(tmp_path / "roll.png").shape[1] == 1500


def test_the_seed_is_marked_only_where_there_is_one(tmp_path: Path) -> None:
    draw(tmp_path / "with.png", BUSY, seed_end_s=30.0)
    draw(tmp_path / "without.png", BUSY)
    assert has_colour(pixels(tmp_path / "with.png"), theme.SECOND)
    assert not has_colour(pixels(tmp_path / "without.png"), theme.SECOND)


def test_titles_in_any_alphabet_do_not_warn(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    draw(tmp_path / "roll.png", BUSY, title="静かな水 – Été ☃ " * 9)
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3900, "1:05:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_pitch_names() -> None:
    assert [pitch_name(p) for p in (0, 21, 60, 66, 108, 127)] == ["C-1", "A0", "C4", "F♯4", "C8", "G9"]


def test_velocity_colours_rise_evenly_in_lightness() -> None:
    red, green, blue = theme.VELOCITY_COLOURS(np.linspace(0, 1, 32))[:, :3].T
    lightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(lightness) > 0).all()
    assert piano_roll.VELOCITY_SCALE(127) == 1.0
