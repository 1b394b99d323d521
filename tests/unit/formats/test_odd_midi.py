"""MIDI files that few programs write: what is right comes from the specification, from mido where it reads them."""

import io
from pathlib import Path
from random import Random

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_midi import END, Row, chunk, header, length, odd_file, riff, smf

from aeolian.errors import InputError
from aeolian.formats import midi
from aeolian.formats.midi import read_score
from aeolian.formats.smf_chunks import find_chunks
from aeolian.formats.smf_scan import is_plain

HALF = length(480)


def note(pitch: int, delta: bytes = b"\0", duration: bytes = HALF) -> bytes:
    """A note of half a second after `delta`, by default."""
    return delta + bytes([0x90, pitch, 80]) + duration + bytes([0x80, pitch, 64])


SCALE = b"".join(map(note, (60, 62, 64, 65)))
SCALE_ROWS = [(0.0, 0.5, 60, 80), (0.5, 1.0, 62, 80), (1.0, 1.5, 64, 80), (1.5, 2.0, 65, 80)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "song.mid"


def read(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(content)
    return read_score(path).notes().rows()


def remarks(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return read_score(path).remarks


def test_a_plain_file_is_read_by_symusic(path: Path) -> None:
    content = smf(b"", b"\0\xf0\5\x7e\x7f\x09\1\xf7" + SCALE)
    assert is_plain(find_chunks(content))
    assert midi._read_fast(find_chunks(content)) is not None
    assert read(path, content) == SCALE_ROWS


@pytest.mark.parametrize(
    "track",
    [
        b"\0\xf0\3\x43\x12\0" + length(40) + b"\xf7\6\x43\x12\0\x43\x12\0" + length(80) + b"\xf7\4\x43\x12\0\xf7"
        # 120 ticks so far; then an escape, a packet without an end, and real-time messages in packets.
        + length(120) + b"\xf7\2\xf3\1" + length(0) + b"\xf0\1\x41" + length(0) + b"\xf7\1\xf8",
        length(240) + b"\xf7\0",
        length(240) + b"\xff\1" + length(9, padding=3) + b"\xf0\x90\x3c\x40\xff\x2f\0\xc0\5",
    ],
)  # fmt: skip
def test_a_system_message_in_several_packets_takes_the_time_that_it_takes(path: Path, track: bytes) -> None:
    content = smf(track + SCALE)
    assert read(path, content) == [(on + 0.25, off + 0.25, pitch, 80) for on, off, pitch, _ in SCALE_ROWS]
    if b"\xf7\1\xf8" not in track:  # mido refuses bytes of more than seven bits in packets
        assert mido.MidiFile(file=io.BytesIO(content)).length == 2.25


@pytest.mark.parametrize(
    "between", [b"\0\xf0\5\x7e\x7f\x09\1\xf7", b"\0\xff\1\2la", b"\0\xf0\2\1\2\0\xf7\2\3\xf7", b"\0\xf8"]
)
def test_running_status_goes_on_after_system_and_meta_events(path: Path, between: bytes) -> None:
    first = b"\0\x90\x3c\x50" + HALF + b"\x3c\0" + b"\0\x3e\x50" + HALF + b"\x3e\0"
    second = b"\0\x40\x50" + HALF + b"\x40\0" + b"\0\x41\x50" + HALF + b"\x41\0"
    assert read(path, smf(first + between + second)) == SCALE_ROWS


def test_a_padded_length_is_the_length(path: Path) -> None:
    assert read(path, smf(note(60, length(0, padding=4)) + note(62, duration=length(480, padding=6)))) == SCALE_ROWS[:2]
    assert read(path, smf(b"\0\xff\1" + length(2, padding=7) + b"la" + SCALE)) == SCALE_ROWS


@pytest.mark.parametrize(("division", "notes"), [(480, 2), (32767, 10)])
def test_ticks_of_hours_do_not_overflow(path: Path, division: int, notes: int) -> None:
    """Ten delta times of 28 bits are more than 31 bits."""
    content = smf(b"".join(note(60 + n, length(0x0FFFFFFF), length(division)) for n in range(notes)), division=division)
    gap_s = 0x0FFFFFFF / division / 2
    rows = read(path, content)
    assert [row[0] for row in rows] == pytest.approx([(n + 1) * gap_s + n * 0.5 for n in range(notes)])
    assert [row[1] - row[0] for row in rows] == pytest.approx([0.5] * notes, abs=1e-6)


def test_an_event_after_years_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="an event after 37,283 hours"):
        read(path, smf(note(60, length(0x0FFFFFFF)), division=1))


def test_a_score_of_many_ticks_a_quarter_is_as_long_as_mido_has_it(path: Path) -> None:
    """32767 ticks a quarter note, as in MAPS: 160 s are ten million ticks."""
    tick = length(32767)
    content = smf(note(60, b"\0", tick) + note(72, length(32767 * 319), tick), file_format=0, division=32767)
    assert read(path, content) == [(0.0, 0.5, 60, 80), (160.0, 160.5, 72, 80)]
    assert mido.MidiFile(file=io.BytesIO(content)).length == 160.5


def test_patterns_of_format_2_follow_one_another_each_with_its_own_tempo_and_pedal(path: Path) -> None:
    slow = b"\0\xff\x51\3\x0f\x42\x40"
    pedal = b"\0\xb0\x40\x7f"
    content = smf(slow + pedal + note(60), b"", note(62) + HALF + b"\xff\1\0", note(64), file_format=2)
    assert read(path, content) == [(0.0, 1.0, 60, 80), (1.0, 1.5, 62, 80), (2.0, 2.5, 64, 80)]
    assert remarks(path, content) == ["its 4 patterns (MIDI format 2) follow one another"]
    assert remarks(path, smf(SCALE, file_format=2)) == []


@pytest.mark.parametrize(("division", "tick_s"), [(0xE728, 1 / 1000), (0xE250, 1 / 2400), (0xE364, 1001 / 3_000_000)])
def test_time_code_counts_seconds_and_no_tempos(path: Path, division: int, tick_s: float) -> None:
    content = smf(b"\0\xff\x51\3\1\2\3" + note(60, length(1000), length(2000)), division=division)
    (row,) = read(path, content)
    assert row == (pytest.approx(1000 * tick_s), pytest.approx(3000 * tick_s), 60, 80)


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (header(0, 1, 480, b"\1\2\3\4") + chunk(b"MTrk", SCALE + END), None),
        (header(0, 1, 480) + chunk(b"XFKM", b"MTrk\0\0\0\4") + chunk(b"MTrk", SCALE + END) + b"*", None),
        (header(0, 1, 480) + chunk(b"MTrk", SCALE), None),
        (header(0, 1, 480) + chunk(b"MTrk", SCALE + END + b"\0\0\0\0"), None),
        (header(1, 2, 480) + chunk(b"MTrk", END) + b"\0" + chunk(b"MTrk", SCALE + END), "1 bytes at byte 26"),
        (header(1, 2, 480) + chunk(b"MTrk", END) + b"gar bage!" + chunk(b"MTrk", SCALE + END), "9 bytes at byte 26"),
        (header(1, 1, 480) + chunk(b"MTrk", END) + chunk(b"MTrk", SCALE + END), "names 1 tracks, and 2 are there"),
        (header(1, 9, 480) + chunk(b"MTrk", END) + chunk(b"MTrk", SCALE + END), "names 9 tracks, and 2 are there"),
        (header(7, 1, 480) + chunk(b"MTrk", SCALE + END), "there is no MIDI format 7"),
        (smf(SCALE) * 2, "another MIDI file, from byte 62 on, is left out"),
    ],
)  # fmt: skip
def test_what_stands_around_the_tracks_may_be_out_of_order(path: Path, content: bytes, remark: str | None) -> None:
    assert read(path, content) == SCALE_ROWS
    assert [remark in said for said in remarks(path, content)] == ([] if remark is None else [True])


INFO, DISP = (b"LIST", b"INFOINAM\4\0\0\0MThd"), (b"DISP", b"\1\0\0\0odd")


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("before", [(), (INFO,), (DISP,), (DISP, INFO), (INFO, DISP)])
@pytest.mark.parametrize("after", [(), (INFO,), ((b"RIFF", b"DLS MTrk\0\0\0\1"),)])
def test_a_riff_file_is_read_whatever_the_order_of_its_chunks(
    path: Path, padded: bool, before: tuple[tuple[bytes, bytes], ...], after: tuple[tuple[bytes, bytes], ...]
) -> None:
    content = riff(*before, (b"data", smf(SCALE)), *after, padded=padded)
    assert read(path, content) == SCALE_ROWS
    assert remarks(path, content) == []


def test_a_riff_file_without_the_length_of_its_data_is_read(path: Path) -> None:
    content = smf(SCALE)
    for size in (0, 0xFFFFFFFF):
        assert read(path, b"RIFF\0\0\0\0RMIDdata" + size.to_bytes(4, "little") + content) == SCALE_ROWS


def test_meta_events_that_hold_too_little_end_nothing(path: Path) -> None:
    for meta in (
        b"\xff\x51\1\7",
        b"\xff\x58\1\4",
        b"\xff\x59\0",
        b"\xff\x54\1\0",
        b"\xff\x20\0",
        b"\xff\5\4\xf0\x80\xff\x2f",
    ):
        assert read(path, smf(b"\0" + meta + SCALE)) == SCALE_ROWS


def in_time(*pitches: int, step_s: float = 0.5, begin_s: float = 0.0) -> list[tuple[float, float, int]]:
    return [(begin_s + n * step_s, begin_s + (n + 1) * step_s, pitch) for n, pitch in enumerate(pitches)]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("drums-become-piano/one-drum.mid", []),
        ("drums-become-piano/violin-and-drums.mid", in_time(60, 64, 67, 72, step_s=1)),
        ("max-tick/maps-like.mid", [*in_time(60, 64, 67), (160.0, 160.5, 72)]),
        ("midi-format2/format2.mid", in_time(60, 62, 64, 65) + in_time(67, 69, 71, 72, step_s=1, begin_s=2)),
        ("midi-refused-own-reader-reads/mthd-long.mid", in_time(60, 62, 64, 65, 67, 69, 71, 72)),
        ("midi-refused-own-reader-reads/vlq-5bytes-padded.mid", in_time(60, 62, 64)),
        ("midi-rmid-info-first/rmid-info-first.mid", in_time(60, 62, 64, 65, 67, 69, 71, 72)),
        ("midi-sysex-divided/split-spec.mid", in_time(60, 62, 64, 65, 67, 69, 71, 72, begin_s=0.3125)),
        ("midi-sysex-running-status/scale-of-four.mid", in_time(60, 62, 64, 65)),
        ("midi-tempo-later-track/tempo-track1.mid", in_time(60, 62, 64, 65, 67, 69, 71, 72, step_s=1)),
    ],
)
def test_the_files_that_people_sent_are_read(
    shared_data: Path, name: str, expected: list[tuple[float, float, int]]
) -> None:
    rows = read_score(shared_data.parent / "cases" / "field" / name).notes().rows()
    assert [pitch for _, _, pitch, _ in rows] == [pitch for _, _, pitch in expected]
    assert [on for on, *_ in rows] == pytest.approx([on for on, *_ in expected], abs=1e-3)
    assert [off for _, off, *_ in rows] == pytest.approx([off for _, off, _ in expected], abs=1e-3)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_both_readers_and_mido_find_the_notes_that_were_written(rng: Random) -> None:
    """Whatever lies between the notes, however lengths are padded and messages divided, in any wrapper."""
    odd = odd_file(rng)
    chunks = find_chunks(odd.content)
    exact = midi.Score(midi._read_exactly(chunks).parts)
    fast = midi._read_fast(chunks)
    for score in (exact, midi.Score(fast.parts)) if fast else (exact,):
        rows = sorted(score.notes().rows())
        assert [row[2:] for row in sorted(rows, key=key)] == [row[2:] for row in sorted(odd.notes, key=key)]
        found, expected = (sorted(some, key=key) for some in (rows, odd.notes))
        assert [row[0] for row in found] == pytest.approx([row[0] for row in expected], abs=1e-6)
        assert [row[1] for row in found] == pytest.approx([row[1] for row in expected], abs=1e-6)
        assert sum(len(part.notes) for part in score.parts if part.is_drum) == odd.drums
    if odd.mido_reads_it:
        assert midos_notes(odd.content) == pytest.approx(sorted(row[0] for row in odd.notes), abs=1e-6)


def key(row: Row) -> tuple[int, int, float]:
    return row[2], row[3], row[0]


def midos_notes(content: bytes) -> list[float]:
    """When notes of all channels but that of drums begin."""
    now_s, found = 0.0, []
    for message in mido.MidiFile(file=io.BytesIO(content)):
        now_s += message.time
        if message.type == "note_on" and message.velocity and message.channel != 9:
            found.append(now_s)
    return sorted(found)
