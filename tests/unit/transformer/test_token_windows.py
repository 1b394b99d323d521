import numpy as np
import pytest

from aeolian.formats.song_example import SongExample
from aeolian.music.vocabulary import END, PAD, START
from aeolian.transformer.augmentation import Augmentation
from aeolian.transformer.dataset import Windows, count_targets, count_windows, split_songs, whole_songs


def song(name: str, length: int, split: str = "train", first: int = 0) -> SongExample:
    return SongExample(name, split, ((np.arange(length) + first) % 388).astype(np.int16))


def windows(songs: list[SongExample], **options: object) -> Windows:
    return Windows(songs, **{"max_seq": 8, "batch_size": 2, "seed": 0, **options})  # type: ignore[arg-type]


def test_a_short_song_is_one_padded_window() -> None:
    made = windows([song("a", 5)])
    assert made.batches_per_epoch == 1
    assert made.batch(0, 0).tolist() == [[START, 0, 1, 2, 3, 4, END, PAD, PAD], [PAD] * 9]
    assert count_targets(made.batch(0, 0)) == 6


@pytest.mark.parametrize(("events", "expected"), [(1, 1), (7, 1), (8, 2), (15, 2), (16, 3)])
def test_windows_cover_start_to_end(events: int, expected: int) -> None:
    assert count_windows(events, 8) == expected


def test_every_window_is_a_piece_of_the_song_and_all_pieces_come() -> None:
    made = windows([song("a", 100)], batch_size=4)
    whole = [START, *range(100), END]
    seen = set()
    for epoch in range(30):
        for number in range(made.batches_per_epoch):
            for row in made.batch(epoch, number):
                real = row[row != PAD].tolist()
                if real:
                    start = whole.index(real[0])
                    assert real == whole[start : start + 9]
                    seen.update(range(start + 1, start + len(real)))
    assert seen == set(range(1, 102))


def test_epochs_differ_and_every_batch_is_a_function_of_its_numbers() -> None:
    songs = [song("a", 100), song("b", 57, first=200)]
    augmentation = Augmentation()
    first, second = (windows(songs, augmentation=augmentation) for _ in range(2))
    assert np.array_equal(first.batch(7, 3), second.batch(7, 3))
    assert not np.array_equal(first.batch(7, 3), first.batch(8, 3))
    assert not np.array_equal(first.batch(7, 3), windows(songs, augmentation=augmentation, seed=1).batch(7, 3))


def test_an_epoch_has_every_window_once() -> None:
    songs = [song(f"s{n}", 3, first=10 * n) for n in range(7)]
    made = windows(songs)
    firsts = [row[1] for number in range(made.batches_per_epoch) for row in made.batch(4, number) if row[0] == START]
    assert sorted(firsts) == [0, 10, 20, 30, 40, 50, 60]


def test_measuring_asks_for_every_token_exactly_once() -> None:
    songs = [song("a", 20), song("b", 7), song("c", 8)]
    batches = list(whole_songs(songs, max_seq=8, batch_size=2))
    assert sum(map(count_targets, batches)) == 21 + 8 + 9
    assert batches[0][0].tolist() == [START, *range(8)]
    assert batches[0][1].tolist() == [7, *range(8, 16)]
    assert batches[1][0].tolist() == [15, 16, 17, 18, 19, END, PAD, PAD, PAD]


def version(name: str, split: str, melody: int, *, semitones: int = 0, first: int = 0) -> SongExample:
    """Melody number `melody`, in another key, from its note `first` on."""
    steps = np.random.default_rng(melody).integers(-5, 6, 120)
    pitch = (60 + np.cumsum(steps) % 30 + semitones)[first:]
    tokens = np.stack([pitch, np.full(len(pitch), 280), 128 + pitch], axis=1).ravel()
    return SongExample(name, split, tokens.astype(np.int16))


def test_near_duplicates_are_of_one_split() -> None:
    songs = [
        version("a", "train", 1),
        version("a in d", "validation", 1, semitones=2),
        version("a, the end", "test", 1, first=40),
        version("b", "validation", 2),
        version("c", "test", 3),
        version("c in e", "train", 3, semitones=4),
        version("d", "train", 4),
    ]
    made = split_songs(songs)
    where = {s.name: part for part in ("train", "validation", "test") for s in getattr(made, part)}
    assert len(where) == 7
    assert len({where["a"], where["a in d"], where["a, the end"]}) == 1
    assert where["c"] == where["c in e"]
    assert (where["b"], where["d"]) == ("validation", "train")
    assert made.note == "3 songs follow a near-duplicate into its split."
    assert {s.name for s in split_songs(songs[::-1]).train} == {s.name for s in made.train}


def test_what_is_held_out_has_no_version_left_to_train_on() -> None:
    for melody in range(5):
        versions = [version(f"{n}", "train", melody, semitones=n) for n in range(4)]
        made = split_songs([*versions, version("other", "train", 9)])
        assert made.held_out == "other"


def test_songs_are_used_as_their_split_says() -> None:
    made = split_songs([song("a", 5), song("b", 6, "validation"), song("c", 7, "test")])
    assert [[s.name for s in part] for part in (made.train, made.validation, made.test)] == [["a"], ["b"], ["c"]]
    assert (made.held_out, made.note) == ("", "")


def test_without_validation_one_song_is_held_out_whatever_the_order() -> None:
    songs = [song(name, length) for name, length in (("a", 5), ("b", 6), ("c", 7))]
    made = split_songs(songs)
    assert len(made.train) == 2
    assert [s.name for s in made.validation] == [made.held_out]
    assert made.note == f"No song fell into the validation split, so {made.held_out} is held out."
    assert split_songs(songs[::-1]).held_out == made.held_out


def test_one_song_trains_alone_and_a_lone_test_song_trains_too() -> None:
    alone = split_songs([song("a", 5)])
    assert ([s.name for s in alone.train], alone.validation) == (["a"], [])
    assert "nothing is validated" in alone.note
    pressed = split_songs([song("a", 5, "test")])
    assert ([s.name for s in pressed.train], pressed.test) == (["a"], [])
    assert "all songs are used for training" in pressed.note
