"""MIDI files made event by event with mido, and what comes out."""

from pathlib import Path

import mido
import pretty_midi
import pytest

from aeolian.errors import InputError
from aeolian.formats import smf
from aeolian.formats.midi import read_midi, read_score, write_midi
from aeolian.music.notes import Notes

Events = list[tuple[int, mido.Message | mido.MetaMessage]]


def on(pitch: int, velocity: int = 64, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, channel=channel)


def tempo(microseconds: int) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=microseconds)


def save(path: Path, *tracks: Events, file_type: int = 1) -> Path:
    midi = mido.MidiFile(type=file_type, ticks_per_beat=480)
    for events in tracks:
        track, last = mido.MidiTrack(), 0
        for tick, message in events:
            track.append(message.copy(time=tick - last))
            last = tick
        midi.tracks.append(track)
    midi.save(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "song.mid"


def test_ticks_become_seconds_by_the_tempo_map(path: Path) -> None:
    save(path, [(960, tempo(1_000_000))], [(0, on(60)), (480, off(60)), (1440, on(62)), (1920, off(62))])
    assert read_midi(path).rows() == [(0.0, 0.5, 60, 64), (2.0, 3.0, 62, 64)]


def test_one_note_off_ends_every_earlier_note_of_its_pitch(path: Path) -> None:
    save(path, [(0, on(60, 50)), (240, on(60, 70)), (480, off(60)), (960, off(60))])
    assert read_midi(path).rows() == [(0.0, 0.5, 60, 50), (0.25, 0.5, 60, 70)]


def test_notes_for_which_no_note_off_is_left_end_with_the_others_of_their_pitch(path: Path) -> None:
    save(path, [(0, on(60, 50)), (240, on(60, 70)), (480, off(60)), (480, on(62)), (960, on(64)), (1200, off(64))])
    assert read_midi(path).rows() == [(0.0, 0.5, 60, 50), (0.25, 0.5, 60, 70), (1.0, 1.25, 64, 64)]


def test_tempos_count_for_all_tracks_wherever_they_stand(path: Path) -> None:
    notes: Events = [(0, on(60)), (480, off(60)), (960, on(62)), (1440, off(62))]
    for tracks in ([notes, [(480, tempo(1_000_000))]], [[], [(480, tempo(1_000_000))], notes]):
        save(path, *tracks)
        assert read_midi(path).rows() == [(0.0, 0.5, 60, 64), (1.5, 2.5, 62, 64)]
        assert mido.MidiFile(path).length == 2.5
    save(path, [(0, tempo(1_000_000)), (0, on(60)), (480, off(60))], file_type=0)
    assert read_midi(path).rows() == [(0.0, 1.0, 60, 64)]


def test_of_tempos_at_one_tick_the_last_counts_that_of_the_last_track_if_several_have_one(path: Path) -> None:
    notes: Events = [(480, on(60)), (960, off(60))]
    many: Events = [(480, tempo(100_000 + n)) for n in range(40)]
    save(path, [*many, (480, tempo(250_000))], [*notes[:1], (480, tempo(1_000_000)), *notes[1:]])
    assert read_midi(path).rows() == [(0.5, 1.5, 60, 64)]
    assert mido.MidiFile(path).length == 1.5


def test_a_tempo_of_zero_is_left_out_and_said(path: Path) -> None:
    save(path, [(0, tempo(250_000)), (0, on(60)), (240, tempo(0)), (480, off(60))])
    assert read_midi(path).rows() == [(0.0, 0.25, 60, 64)]
    assert read_score(path).remarks == ["1 tempo of 0 left out"]


def test_a_note_ended_as_it_starts_is_forgotten(path: Path) -> None:
    save(path, [(0, on(60)), (0, off(60)), (480, on(60)), (960, off(60))])
    assert read_midi(path).rows() == [(0.5, 1.0, 60, 64)]


def test_the_pedal_is_applied_unless_declined(path: Path) -> None:
    def pedal(value: int) -> mido.Message:
        return mido.Message("control_change", control=64, value=value)

    save(path, [(0, on(60)), (100, pedal(127)), (480, off(60)), (1920, pedal(0))])
    assert read_midi(path).rows() == [(0.0, 2.0, 60, 64)]
    assert read_midi(path, sustain=False).rows() == [(0.0, 0.5, 60, 64)]


@pytest.mark.parametrize("file_type", [0, 1])
def test_drums_are_a_part_without_a_pedal_and_no_notes_of_the_piano(path: Path, file_type: int) -> None:
    down = mido.Message("control_change", control=64, value=127, channel=9)
    drums: Events = [(0, down), (0, on(36, channel=9)), (480, off(36, 9)), (960, on(38, channel=9)), (1440, off(38, 9))]
    violin: Events = [(0, mido.Message("program_change", program=40)), (0, on(60)), (960, off(60))]
    both = [sorted([*drums, *violin], key=lambda event: event[0])] if file_type == 0 else [[], violin, drums]
    save(path, *both, file_type=file_type)
    score = read_score(path)
    (part,) = (part for part in score.parts if part.is_drum)
    assert part.notes.rows() == [(0.0, 0.5, 36, 64), (1.0, 1.5, 38, 64)]
    assert score.remarks == ["2 drum notes (channel 10) left out"]
    assert read_midi(path).rows() == read_midi(path, sustain=False).rows() == [(0.0, 1.0, 60, 64)]
    save(path, drums)
    assert len(read_midi(path)) == 0


def test_a_pedal_after_a_change_of_program_holds_the_note(path: Path) -> None:
    def pedal(value: int) -> mido.Message:
        return mido.Message("control_change", control=64, value=value)

    change = mido.Message("program_change", program=5)
    save(path, [(0, on(60)), (100, change), (200, pedal(127)), (480, off(60)), (1920, pedal(0))])
    assert read_midi(path).rows() == [(0.0, 2.0, 60, 64)]


def test_programs_that_share_a_track_are_parts_of_their_own(path: Path) -> None:
    events = [(0, mido.Message("program_change", program=5)), (0, on(60)), (480, off(60)),
              (480, mido.Message("program_change", program=40)), (480, on(61)), (960, off(61))]  # fmt: skip
    save(path, events, file_type=0)
    assert [(part.program, part.notes.rows()) for part in read_score(path).parts] == [
        (5, [(0.0, 0.5, 60, 64)]),
        (40, [(0.5, 1.0, 61, 64)]),
    ]


def test_a_file_without_notes_has_none(path: Path) -> None:
    assert len(read_midi(save(path, [(0, mido.MetaMessage("track_name", name="silence"))]))) == 0


def test_written_notes_are_read_back_here_and_by_pretty_midi(path: Path) -> None:
    notes = Notes.of([(0.0, 1.25, 60, 64), (0.5, 0.75, 67, 100), (2.0, 2.0001, 21, 1)])
    write_midi(path, notes)
    assert read_midi(path).sorted().onset_s == pytest.approx([0, 0.5, 2.0], abs=1e-3)
    read = sorted((n.start, n.end, n.pitch, n.velocity) for n in pretty_midi.PrettyMIDI(str(path)).instruments[0].notes)
    assert read[0] == pytest.approx((0.0, 1.25, 60, 64), abs=1e-3)
    assert read[1] == pytest.approx((0.5, 0.75, 67, 100), abs=1e-3)
    assert read[2][1] - read[2][0] > 0


def test_writing_is_deterministic_and_works_without_notes(path: Path) -> None:
    write_midi(path, Notes.empty())
    first = path.read_bytes()
    write_midi(path, Notes.empty())
    assert path.read_bytes() == first
    assert len(read_midi(path)) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"ID3\x03 not midi at all", "not a MIDI file"),
        (b"MThd", "within its header"),
        (b"MThd\0\0\0\6\0\1\0\1\0\0", "0 ticks a quarter"),
        (b"MThd\0\0\0\6\0\1\0\1\xe7\x28", "no track in it"),
        (b"MThd\0\0\0\6\0\1\0\1\xe6\x28MTrk\0\0\0\4\0\xff\x2f\0", "SMPTE time code of 26 frames"),
        (b"RIFF\4\0\0\0WAVE", "RIFF file of the kind b'WAVE'"),
        (b"RIFF\4\0\0\0RMID", "RMID without a MIDI file in it"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\x90\x3c\xa8", "0xa8 at byte 25, where a message of status 0x90"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\3\0\x90\x3c", "its track ends at byte 25, within an event"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xf0\x7f\1", "its track ends at byte 26, within an event"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\2\0\x3c", "data byte 0x3c at byte 23 without a status"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\x10\0" + b"\xff" * 4096, "a length of more than 35 bits"),
        (
            b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\xff\0\x90\x3c",
            "should hold 255 bytes, but the file ends after 3",
        ),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\2\0\xf5", "undefined status 0xf5 at byte 23"),
    ],
)
def test_damage_is_named_with_its_place(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_midi(path)


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.mid", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_midi(path)


def test_every_prefix_of_a_file_is_read_or_refused(path: Path) -> None:
    """A file cut anywhere gives notes or an InputError; nothing else escapes."""
    whole = save(path, [(0, on(60)), (100, on(64)), (200, off(60)), (4000, off(64))]).read_bytes()
    outcomes = set()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        try:
            read_midi(path)
            outcomes.add("read")
        except InputError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_notes_of_hours_are_written_and_read_back(path: Path) -> None:
    """From 77 hours on a delta time of milliseconds has more than 28 bits: the ticks become fewer."""
    for hours in (3, 30, 76, 80, 160):
        late_s = hours * 3600.0
        notes = Notes.of([(0.0, 1.0, 60, 64), (late_s, late_s + 2.0, 62, 64)])
        write_midi(path, notes)
        read = read_midi(path)
        assert read.onset_s.tolist() == pytest.approx([0, late_s], abs=3e-3)
        assert read.offset_s.tolist() == pytest.approx([1, late_s + 2], abs=3e-3)
        assert mido.MidiFile(path).length == pytest.approx(late_s + 2, abs=0.01)
        assert read_score(path).remarks == []


def test_a_file_of_weeks_is_refused(path: Path) -> None:
    write_midi(path, Notes.of([(0.0, 200 * 3600.0, 60, 64)]))
    with pytest.raises(InputError, match="an event after 200 hours; 168 are the most"):
        read_midi(path)


def test_the_event_reader_knows_running_status_meta_and_sysex() -> None:
    track = bytes([0, 0x90, 60, 64, 10, 62, 64, 0, 0xF0, 2, 1, 0xF7, 0, 0xFF, 0x51, 3, 7, 0xA1, 0x20, 5, 0x80, 60, 0])
    midi = smf.parse(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track)
    assert midi.tracks[0].events == [(0, 0x90, 0, 60, 64), (10, 0x90, 0, 62, 64), (15, 0x80, 0, 60, 0)]
    assert midi.tracks[0].tempos == [(10, 500_000)]
