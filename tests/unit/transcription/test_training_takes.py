"""Takes on disk, and the segments cut from them."""

from pathlib import Path

import numpy as np

from aeolian.music.notes import Notes
from aeolian.transcription.training.labels import ONSET, WEIGHT
from aeolian.transcription.training.takes import batch_of, find_take, write_take

NOTES = Notes.of([(0.32, 0.64, 60, 80)])


def ramp(frames: int) -> np.ndarray:
    return np.linspace(-0.25, 0.5, frames * 512 + 100, dtype=np.float32)


def test_a_take_comes_back_levelled_and_is_not_there_until_it_is_whole(tmp_path: Path) -> None:
    write_take(tmp_path, "one", ramp(30), NOTES, {"source": "a song"})
    take = find_take(tmp_path, "one")
    assert take is not None
    assert (take.frames, take.source, take.duration_s) == (30, "a song", 0.96)
    assert take.notes().rows() == NOTES.rows()
    audio, labels = take.cut(8, 4)
    assert audio.dtype == np.int16
    assert audio[0] == np.rint(ramp(30)[8 * 512] * 0.9 * 32767 / 0.5)
    assert (labels[:, 60 - 21, 0] // ONSET % 2).tolist() == [0, 0, 1, 0]
    (tmp_path / "one.json").unlink()
    assert find_take(tmp_path, "one") is None


def test_past_the_end_there_is_silence(tmp_path: Path) -> None:
    write_take(tmp_path, "one", ramp(10), NOTES, {})
    take = find_take(tmp_path, "one")
    assert take is not None
    audio, labels = take.cut(8, 4)
    assert (audio[2 * 512 :][100:] == 0).all()
    assert (labels[2:, :, 0] == WEIGHT).all()
    assert (labels[2:, :, 1] == 0).all()


def test_batches_follow_from_the_seed_and_longer_takes_come_more_often(tmp_path: Path) -> None:
    for name, frames, pitch in (("long", 400, 50), ("short", 40, 70)):
        tune = Notes.of([(i * 0.32, i * 0.32 + 0.2, pitch, 64) for i in range(frames // 10)])
        write_take(tmp_path, name, ramp(frames), tune, {})
    takes = [take for name in ("long", "short") if (take := find_take(tmp_path, name))]
    first, again, other = (batch_of(takes, 64, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.audio.shape == (64, 20 * 512)
    assert first.labels.shape == (64, 20, 88, 2)
    assert np.array_equal(first.audio, again.audio)
    assert not np.array_equal(first.audio, other.audio)
    of_long = np.mean([labels[:, 50 - 21, 1].any() for labels in first.labels])
    assert of_long > 0.8
