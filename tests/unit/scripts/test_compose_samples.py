"""The samples are what the script composes, and sound music: measured, since a test cannot listen."""

import io
import re
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from aeolian.formats.midi import read_midi

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"
sys.path.insert(0, str(ROOT / "scripts"))

from composer import felt, files  # noqa: E402
from composer.catalogue import CLIPS, LATER, SEEDS, Clip, Seed  # noqa: E402
from composer.measures import clashes_s, measure  # noqa: E402
from composer.piece import Note, Piece, clean_pedal, released, single_strings  # noqa: E402
from composer.theory import MODES, Key, chords, voicing  # noqa: E402

PIECES = [pytest.param(seed.piece, id=f"{seed.number}.mid") for seed in SEEDS]
PIECES += [pytest.param(clip.piece, id=clip.name) for clip in CLIPS + LATER]


def sample_path(clip: Clip) -> Path:
    return SAMPLES / "audio" / ("later" if clip in LATER else "") / clip.name


def seconds_rms(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    seconds = [sound[i : i + rate_hz] for i in range(0, len(sound), rate_hz)]
    return np.sqrt([np.mean(second**2) for second in seconds])


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.number}.mid")
def test_the_seeds_are_what_the_script_composes_byte_for_byte(seed: Seed) -> None:
    assert (SAMPLES / "midi" / f"{seed.number}.mid").read_bytes() == seed.piece().midi_bytes()


def test_the_folder_holds_what_the_catalogue_names_and_nothing_else() -> None:
    assert sorted(path.name for path in (SAMPLES / "midi").iterdir()) == [f"{i}.mid" for i in range(1, 8)]
    assert set((SAMPLES / "audio").rglob("*.*")) == {sample_path(clip) for clip in CLIPS + LATER}
    assert (len(CLIPS), len(LATER)) == (8, 1)


def test_all_samples_are_small_together() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 8_000_000


def test_the_names_are_such_as_songs_have() -> None:
    names = [clip.name for clip in CLIPS]
    assert any(" " in name for name in names)
    assert any(name != name.lower() for name in names)
    assert any(not name.isascii() for name in names)
    assert any("(" in name for name in names)


@pytest.mark.parametrize("compose", PIECES)
def test_a_piece_keeps_to_its_key_breathes_and_does_not_grate(compose: object) -> None:
    piece = compose()
    found = measure(files.rung_notes(piece), piece.key)
    assert found.in_key >= 0.97
    assert 0.6 <= found.notes_per_s <= 7
    assert found.most_at_once <= 12
    assert 2.5 <= found.mean_at_once <= 8
    assert found.velocity_range >= 25
    assert found.longest_silence_s <= 4.0
    assert found.longest_clash_s <= 1.0


def test_the_seeds_differ_in_key_density_and_length_and_each_has_pedal_and_title() -> None:
    measured = [measure(read_midi(SAMPLES / "midi" / f"{seed.number}.mid"), seed.piece().key) for seed in SEEDS]
    assert all(30 <= found.duration_s <= 240 for found in measured)
    assert max(found.duration_s for found in measured) > 180
    assert max(found.notes_per_s for found in measured) > 5 * min(found.notes_per_s for found in measured)
    assert len({seed.piece().key for seed in SEEDS}) == 7
    tempi = set()
    for seed in SEEDS:
        midi = mido.MidiFile(SAMPLES / "midi" / f"{seed.number}.mid", charset="utf-8")
        assert midi.tracks[0].name == seed.piece().title
        messages = [message for track in midi.tracks for message in track]
        pedal = [message.value for message in messages if message.is_cc(64)]
        assert len(pedal) > 10
        assert pedal[-1] == 0
        tempi.add(next(message.tempo for message in messages if message.type == "set_tempo"))
        assert {message.program for message in messages if message.type == "program_change"} == {0}
    assert len(tempi) >= 5
    assert mido.bpm2tempo(120) not in tempi


@pytest.mark.parametrize("clip", CLIPS + LATER, ids=lambda clip: clip.name)
def test_a_recording_decodes_and_is_neither_clipped_nor_too_quiet(clip: Clip) -> None:
    with soundfile.SoundFile(sample_path(clip)) as file:
        sound = file.read(dtype="float32", always_2d=True)
        assert (file.samplerate, file.channels) == (clip.sample_rate_hz, clip.channels)
    assert 20 <= len(sound) / clip.sample_rate_hz <= 60
    assert 0.3 < np.abs(sound).max() < 1.0
    assert -26 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -17
    assert seconds_rms(sound, clip.sample_rate_hz)[:-6].min() > 0.002


def test_the_recordings_are_stereo_and_mono_at_two_rates() -> None:
    assert {clip.channels for clip in CLIPS} == {1, 2}
    assert {clip.sample_rate_hz for clip in CLIPS} == {44_100, 48_000}


def test_a_recording_is_tagged_and_says_nothing_of_when_or_with_what_it_was_made() -> None:
    clip = CLIPS[2]
    data = sample_path(clip).read_bytes()
    head = data[:1000]
    assert data.startswith(b"ID3")
    for tag in (clip.piece().title, "Aeolian", "CC0-1.0"):
        assert tag.encode("utf-16-le") in head or tag.encode("latin-1", "ignore") in head
    assert re.search(rb"Lav[fc]\d|TSSE|TDEN|TDTG", data) is None


def test_the_same_clip_is_encoded_to_the_same_bytes(tmp_path: Path) -> None:
    clip = CLIPS[1]
    for name in ("a.mp3", "b.mp3"):
        files.write_mp3(tmp_path / name, clip, files.record(clip, until_s=2.0))
    assert (tmp_path / "a.mp3").read_bytes() == (tmp_path / "b.mp3").read_bytes()
    shipped, _ = soundfile.read(sample_path(clip), dtype="float32", always_2d=True)
    anew, rate_hz = soundfile.read(io.BytesIO((tmp_path / "a.mp3").read_bytes()), dtype="float32", always_2d=True)
    # The gain follows from the whole piece, so only the shape of the beginning can be compared.
    first, second = shipped[:rate_hz, 0], anew[:rate_hz, 0]
    assert np.corrcoef(first, second)[0, 1] > 0.98


@pytest.mark.parametrize("pitch", [28, 45, 60, 76, 96])
def test_a_struck_string_has_its_pitch_and_dies_away(pitch: int) -> None:
    rate_hz = 22_050
    sound = felt.strike(pitch, 70, 1.5, rate_hz, np.random.default_rng(0)).mean(axis=1)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17))
    hz = np.fft.rfftfreq(1 << 17, 1 / rate_hz)
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    near = np.abs(hz - f0) < 0.03 * f0
    assert hz[near][spectrum[near].argmax()] == pytest.approx(f0, rel=0.01)
    assert spectrum[near].max() > 0.1 * spectrum.max()
    quarter = len(sound) // 4
    assert np.abs(sound[:quarter]).max() > 3 * np.abs(sound[-quarter // 2 :]).max()


def test_soft_notes_are_duller_than_loud_ones() -> None:
    def brightness(velocity: int) -> float:
        sound = felt.strike(60, velocity, 1.0, 22_050, np.random.default_rng(0)).mean(axis=1)
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.fft.rfftfreq(len(sound), 1 / 22_050)).sum() / power.sum())

    assert brightness(110) > 1.3 * brightness(25)


def test_scales_and_chords_by_hand() -> None:
    key = Key("Eb", "lydian")
    assert [key.pitch(degree) for degree in range(-1, 8)] == [62, 63, 65, 67, 69, 70, 72, 74, 75]
    assert key.degree_at_or_above(71) == 5
    assert [len(steps) for steps in MODES.values()] == [7] * 6
    fourth = chords("4:9/1")[0]
    assert (fourth.root, fourth.shape, fourth.bass) == (3, (0, 2, 4, 8), 0)
    with pytest.raises(ValueError, match="no chord"):
        chords("8")


def test_voices_move_little_and_do_not_rub() -> None:
    key = Key("C", "ionian")
    first = voicing(key, chords("1")[0], None, 55, 72, 3)
    second = voicing(key, chords("6")[0], first, 55, 72, 3)
    assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) <= 3
    assert {pitch % 12 for pitch in second} == {9, 0, 4}


def test_a_repeated_string_is_released_first_and_the_pedal_clears_what_grates() -> None:
    once = single_strings([Note(0.0, 60, 4.0, 50), Note(1.0, 60, 1.0, 60)])
    assert [(note.beat, round(note.length, 2)) for note in once] == [(0.0, 0.98), (1.0, 1.0)]
    assert clean_pedal([Note(0.0, 60, 1.0, 50), Note(2.0, 61, 1.0, 50)], [0.0]) == [0.0, 2.0]
    assert clean_pedal([Note(0.0, 60, 1.0, 50), Note(2.0, 64, 1.0, 50)], [0.0]) == [0.0]
    assert released([Note(0.5, 60, 0.9, 50)], [1.0])[0].length == pytest.approx(0.54)


def test_clashes_are_found() -> None:
    piece = Piece("Two", Key("C", "ionian"), 60.0, 4, 1)
    piece.play(0, 60, 3.0, 60, loose=0)
    piece.play(1, 61, 3.0, 60, loose=0)
    assert clashes_s(files.rung_notes(piece)) == [pytest.approx(2.0, abs=0.01)]
    assert measure(files.rung_notes(piece), piece.key).in_key == 0.5
