"""A seed and what goes on from it in one file: tempos, bars, pedal, instruments and the boundary."""

from pathlib import Path

import mido
import numpy as np
import pytest

from aeolian.formats.meter import Meter
from aeolian.formats.midi import read_score
from aeolian.formats.smf_chunks import Division
from aeolian.formats.song_midi import write_song
from aeolian.music.notes import Notes


def message(kind: str, time: int, **values: int) -> mido.Message:
    return mido.Message(kind, time=time, **values)


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    """Two bars of 3/4 at 90 beats a minute, 96 ticks a quarter: a pedalled piano, a bass and a drum."""
    tempo = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90), time=0)
    signature = mido.MetaMessage("time_signature", numerator=3, denominator=4, time=0)
    piano = [
        message("control_change", 0, control=64, value=100),
        message("note_on", 0, note=60, velocity=70),
        message("note_off", 96, note=60),
        message("note_on", 0, note=64, velocity=71),
        message("note_off", 480, note=64),
    ]
    bass = [message("program_change", 0, program=33, channel=1)]
    bass += [message("note_on", 0, note=36, velocity=80, channel=1), message("note_off", 576, note=36, channel=1)]
    drums = [message("note_on", 0, note=38, velocity=90, channel=9), message("note_off", 48, note=38, channel=9)]
    file = mido.MidiFile(ticks_per_beat=96)
    for events in ([tempo, signature, *piano], bass, drums):
        file.tracks.append(mido.MidiTrack(events))
    file.save(tmp_path / "seed.mid")
    return tmp_path / "seed.mid"


def test_a_band_is_kept_and_the_piano_goes_on_beside_it(seed: Path, tmp_path: Path) -> None:
    score = read_score(seed)
    boundary_s = 4.0
    made = Notes.of([(4.5, 5.0, 72, 50), (5.0, 6.0, 74, 52)])
    whole = Notes.joined([score.notes(), made])
    write_song(tmp_path / "song.mid", score, boundary_s, whole)
    song = read_score(tmp_path / "song.mid")
    assert [(part.program, part.is_drum, len(part.notes)) for part in song.parts] == [
        (0, False, 2), (33, False, 1), (0, True, 1), (0, False, 2),
    ]  # fmt: skip
    assert song.boundary_s == pytest.approx(4.0, abs=0.002)
    assert song.meter.signatures == [(0, 3, 4)]
    assert [tempo for _, tempo in song.meter.tempos] == [round(60e6 / 90)]
    assert song.parts[0].pedal.value.tolist() == [100, 0]  # up at the boundary
    assert song.parts[0].notes.rows()[0][:2] == pytest.approx((0.0, 2 / 3), abs=0.002)  # as struck, not as it rang
    np.testing.assert_allclose(song.parts[3].notes.onset_s, [4.5, 5.0], atol=0.001)


def test_a_piano_alone_goes_on_in_its_own_part(tmp_path: Path) -> None:
    from aeolian.formats.midi import write_midi

    notes = Notes.of([(0.0, 1.0, 60, 64), (1.0, 2.5, 62, 64)])
    write_midi(tmp_path / "seed.mid", notes)
    whole = Notes.joined([notes.take(np.array([0])), Notes.of([(1.0, 3.25, 62, 64), (2.5, 3.0, 65, 40)])])
    write_song(tmp_path / "song.mid", read_score(tmp_path / "seed.mid"), 2.0, whole)
    [part] = read_score(tmp_path / "song.mid").parts
    # What sounds at the boundary ends where the continuation ended it.
    assert sorted(part.notes.rows()) == [
        (0.0, 1.0, 60, 64), (1.0, pytest.approx(3.25, abs=0.002), 62, 64), (2.5, 3.0, 65, 40),
    ]  # fmt: skip
    first, again = (tmp_path / name for name in ("a.mid", "b.mid"))
    for path in (first, again):
        write_song(path, read_score(tmp_path / "seed.mid"), 2.0, whole)
    assert first.read_bytes() == again.read_bytes()


def test_bars_begin_where_signatures_and_tempos_put_them(seed: Path) -> None:
    assert read_score(seed).meter.begin_of_bar(2) == pytest.approx(4.0)
    common = Meter(Division(480), [(0, 500_000), (1920, 1_000_000)])
    assert [common.begin_of_bar(bar) for bar in range(3)] == pytest.approx([0.0, 2.0, 6.0])
    changing = Meter(Division(480), [], [(0, 3, 4), (2 * 1440, 4, 4)])
    assert [changing.begin_of_bar(bar) for bar in range(5)] == pytest.approx([0.0, 1.5, 3.0, 5.0, 7.0])
