"""Our tokens are note-seq's, token for token: over the samples, and over hundreds of real files where they are.

note-seq is the oracle: pretty_midi's reading of the file, `apply_sustain_control_changes`,
`quantize_note_sequence_absolute(…, 100)`, `Performance`, `PerformanceOneHotEncoding`. In two things we differ on
purpose, and the oracle is told: tempos count in whatever track they stand, and drums are left out.
"""

import io
import random
import tarfile
import tempfile
from pathlib import Path

import mido
import note_seq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import midi_io, sequences_lib
from note_seq.performance_encoder_decoder import PerformanceOneHotEncoding
from note_seq.performance_lib import Performance

from aeolian.errors import InputError
from aeolian.formats.midi import read_midi
from aeolian.music.codec import decode, encode

ENCODING = PerformanceOneHotEncoding(num_velocity_bins=32, max_shift_steps=100)


def note_seq_tokens(path: Path) -> list[int]:
    sequence = sequences_lib.apply_sustain_control_changes(midi_io.midi_to_note_sequence(with_tempos_first(path)))
    piano = [note for note in sequence.notes if not note.is_drum]
    del sequence.notes[:]
    sequence.notes.extend(piano)
    quantised = sequences_lib.quantize_note_sequence_absolute(sequence, 100)
    return [ENCODING.encode_event(e) for e in Performance(quantised, num_velocity_bins=32, max_shift_steps=100)]


def with_tempos_first(path: Path) -> bytes:
    """The file's bytes; if any track but the first has tempos, with all of them in a track of their own before it."""
    content = path.read_bytes()
    try:
        midi = mido.MidiFile(file=io.BytesIO(content))
    except (OSError, EOFError, ValueError, KeyError, IndexError):
        return content
    if not any(message.type == "set_tempo" for track in midi.tracks[1:] for message in track):
        return content
    tempos = []
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempos.append((tick, message))
    first, last = mido.MidiTrack(), 0
    for tick, message in sorted(tempos, key=lambda tempo: tempo[0]):
        first.append(message.copy(time=tick - last))
        last = tick
    midi.tracks.insert(0, first)
    midi.type = 1
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def check(paths: list[Path]) -> tuple[int, list[str]]:
    """How many files gave equal tokens, and which did not."""
    equal, different = 0, []
    for path in paths:
        try:
            expected = note_seq_tokens(path)
        except (midi_io.MIDIConversionError, ValueError, OverflowError):
            continue
        if encode(read_midi(path)).tolist() == expected:
            equal += 1
        else:
            different.append(path.name)
    return equal, different


def test_the_seven_seeds(root: Path) -> None:
    assert check(sorted((root / "samples" / "midi").glob("*.mid"))) == (7, [])


def messages(tick: int, kind: str, channel: int, pitch: int, value: int) -> tuple[int, mido.Message | mido.MetaMessage]:
    made = {
        "on": lambda: mido.Message("note_on", channel=channel, note=pitch, velocity=value),
        "off": lambda: mido.Message("note_off", channel=channel, note=pitch),
        "pedal": lambda: mido.Message("control_change", channel=channel, control=64, value=value),
        "program": lambda: mido.Message("program_change", channel=channel, program=pitch - 60),
        "tempo": lambda: mido.MetaMessage("set_tempo", tempo=200_000 + 5_000 * value),
    }
    return tick, made[kind]()


EVENTS = st.builds(
    messages,
    st.integers(0, 12).map(lambda n: 120 * n),
    st.sampled_from(["on", "on", "on", "off", "off", "off", "pedal", "program", "tempo"]),
    st.sampled_from([0, 0, 1, 9]),
    st.integers(60, 62),
    st.sampled_from([0, 1, 40, 64, 127]),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=16), min_size=1, max_size=3), st.sampled_from([0, 1]))
def test_whatever_a_file_does(tracks: list[list[tuple[int, mido.Message]]], file_type: int) -> None:
    """Notes struck twice, never ended, ended twice, pedals, programs and tempos anywhere: still note-seq's tokens."""
    midi = mido.MidiFile(type=file_type, ticks_per_beat=480)
    for events in tracks[:1] if file_type == 0 else tracks:
        track, last = mido.MidiTrack(), 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - last))
            last = tick
        midi.tracks.append(track)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "song.mid")
        midi.save(path)
        assert encode(read_midi(path)).tolist() == note_seq_tokens(path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("archive", "count", "otherwise"),
    [
        ("midi/pop909", 150, []),
        ("midi/giantmidi-eval", 15, []),
        ("midi/asap", 15, []),
        ("nasty/midi-jazz_soft-miditok", 110, ["test-2-tracks-type-2.mid"]),  # pretty_midi plays patterns together
    ],
)
def test_real_files(shared_data: Path, tmp_path: Path, archive: str, count: int, otherwise: list[str]) -> None:
    with tarfile.open(shared_data / f"{archive}.tar.xz") as tar:
        members = sorted((m for m in tar.getmembers() if m.name.endswith(".mid")), key=lambda m: m.name)
        chosen = random.Random(7).sample(members, min(count, len(members)))
        tar.extractall(tmp_path, members=chosen, filter="data")
    equal, different = check(sorted(tmp_path.rglob("*.mid")))
    assert different == otherwise
    assert equal >= count * 0.7


def test_decoding_gives_note_seqs_notes(root: Path) -> None:
    tokens = encode(read_midi(root / "samples" / "midi" / "1.mid")).tolist()
    performance = Performance(steps_per_second=100, num_velocity_bins=32, max_shift_steps=100)
    for token in tokens:
        performance.append(ENCODING.decode_event(token))
    expected = [(n.start_time, n.end_time, n.pitch, n.velocity) for n in performance.to_sequence().notes]
    assert decode(tokens).rows() == expected


@pytest.mark.data
def test_broken_midi_is_refused_or_read_and_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "nasty" / "midi-jazz_soft-miditok.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    refused = []
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file()):
        try:
            encode(read_midi(path))
        except InputError:
            refused.append(path.name)
    assert "test-not-a-midi-file.mid" in refused
    assert "test-empty-file.mid" in refused
    assert note_seq.__version__ == "0.0.5"
