"""MAPS, MAESTRO, MIDI: found in folders, read, split."""

from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import InputError
from aeolian.formats.midi import write_midi
from aeolian.music.notes import Notes
from aeolian.transcription.training import corpus

TUNE = Notes.of([(i * 0.5, i * 0.5 + 0.4, 60 + i % 12, 70) for i in range(40)])


def test_recordings_are_paired_with_the_notes_beside_them_and_other_midi_is_songs(tmp_path: Path) -> None:
    (tmp_path / "2018").mkdir()
    for name in ("2018/a.wav", "2018/a.midi", "b.flac", "b.tsv", "c.wav", "c.txt", "c.mid", "alone.mid", "lone.wav"):
        (tmp_path / name).touch()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    pairs = [(a.name, n.name) for a, n in corpus.paired_files(files)]
    assert pairs == [("a.wav", "a.midi"), ("b.flac", "b.tsv"), ("c.wav", "c.mid")]
    assert [path.name for path in corpus.midi_files(files)] == ["alone.mid"]


def test_the_tables_of_maps_are_read_and_damage_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("OnsetTime\tOffsetTime\tMidiPitch\n0.5\t1.0\t60\n0.25\t0.75\t40\n\n")
    assert corpus.read_truth(path).rows() == [(0.25, 0.75, 40, 64), (0.5, 1.0, 60, 64)]
    path = tmp_path / "x.tsv"
    path.write_text("# onset,offset,note,velocity\n0.500000\t1.000000\t60.000000\t50.000000\n")
    assert corpus.read_truth(path).rows() == [(0.5, 1.0, 60, 50)]
    for line, words in (("0.5\tone\t60", "line 2 is not onset, offset"), ("2.0\t1.0\t60", "line 2 is no note")):
        path.write_text(f"title\n{line}\n")
        with pytest.raises(InputError, match=words):
            corpus.read_truth(path)


def test_a_song_is_all_parts_as_one_piano(tmp_path: Path) -> None:
    write_midi(tmp_path / "tune.mid", TUNE)
    song = corpus.read_song(tmp_path / "tune.mid", "tune")
    assert song.notes.pitch.tolist() == TUNE.pitch.tolist()
    assert len(song.pedal.time_s) == 0
    write_midi(tmp_path / "short.mid", TUNE.take(np.arange(5)))
    with pytest.raises(InputError, match="fewer than 30 notes"):
        corpus.read_song(tmp_path / "short.mid", "short")


def test_one_song_in_twenty_is_held_out_whatever_its_tempo_and_touch(tmp_path: Path) -> None:
    songs = [
        corpus.Song(str(i), Notes(TUNE.onset_s, TUNE.offset_s, (TUNE.pitch + i * i) % 100, TUNE.velocity), None)
        for i in range(300)
    ]
    training, validation = corpus.split_songs(songs)
    assert len(training) + len(validation) == 300
    assert 3 <= len(validation) <= 40
    held = validation[0].notes
    assert corpus.is_validation(Notes(held.onset_s * 1.3, held.offset_s * 1.3, held.pitch, held.velocity // 2))


def test_maestro_says_which_recordings_are_for_what(tmp_path: Path) -> None:
    rows = [
        "title,split,midi_filename,audio_filename",
        "A,train,2018/a.midi,2018/a.wav",
        "B,test,2018/b.midi,2018/b.wav",
    ]
    (tmp_path / "maestro-v3.0.0.csv").write_text("\n".join(rows) + "\n")
    assert corpus.maestro_splits([tmp_path / "maestro-v3.0.0.csv"]) == {"2018/a.wav": "train", "2018/b.wav": "test"}
