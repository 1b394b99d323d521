"""Recordings to WAV: every good one, under its name; every bad one named, with its reason; nothing lost."""

import errno
import json
import subprocess
import tarfile

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aeolian.errors import AeolianError, UsageError
from aeolian.formats import pcm_wav
from aeolian.formats.ffmpeg import executable
from aeolian.stages.convert import Config, clipped_samples, run
from aeolian.stages.options import command
from aeolian.stages.report import REPORT_NAME

RATE = 22_050


def sound(seconds=0.5, channels=2, amplitude=0.5):
    t = np.arange(int(seconds * RATE)) / RATE
    wave = amplitude * np.sin(2 * np.pi * 440 * t)
    return np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)


@pytest.fixture
def songs(tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    return folder


def converted(songs, output, **options):
    run(Config(songs, output, **options))
    return summary(output)


def summary(output):
    report = json.loads((output / REPORT_NAME).read_text(encoding="utf-8"))
    return report, {entry["input"]: entry for entry in report["inputs"]}


def outputs(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != REPORT_NAME)


def test_a_folder_with_all_sorts_of_files(songs, tmp_path):
    soundfile.write(songs / "My Söng.flac", sound(), RATE)
    soundfile.write(songs / "mono.ogg", sound(channels=1), RATE)
    (songs / "Sub").mkdir()
    soundfile.write(songs / "Sub" / "tune.mp3", sound(), RATE)
    (songs / "Sub" / "tune.mp3").rename(songs / "Sub" / "tune.dat")
    (songs / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    (songs / "broken.mp3").write_bytes(b"ID3 this is no sound")
    (songs / "empty.wav").write_bytes(b"")
    report, entries = converted(songs, tmp_path / "out")
    assert outputs(tmp_path / "out") == ["mono.wav", "mysong.wav", "sub-tune.dat.wav"]
    assert (report["ok"], report["failed"], report["skipped"]) == (3, 2, 1)
    assert entries["empty.wav"]["reason"] == "is empty (0 bytes)"
    assert entries["broken.mp3"]["reason"] == "is a text file, not a recording"
    assert entries["cover.png"] == {
        "details": {},
        "input": "cover.png",
        "outputs": [],
        "reason": "is a picture, not a recording",
        "status": "skipped",
    }
    details = entries["My Söng.flac"]["details"]
    assert (details["sample_rate_hz"], details["channels"], details["duration_s"]) == (RATE, 2, 0.5)
    assert details["source"]["codec"] == "flac"


def test_samples_rate_and_channels_are_the_recordings_own(songs, tmp_path):
    soundfile.write(songs / "a.flac", sound(), RATE)
    converted(songs, tmp_path / "out")
    original = soundfile.read(songs / "a.flac", dtype="int16")
    wav = soundfile.read(tmp_path / "out" / "a.wav", dtype="int16")
    assert wav[1] == original[1]
    assert np.array_equal(wav[0], original[0])


def test_sample_rate_and_channels_can_be_chosen(songs, tmp_path):
    soundfile.write(songs / "a.flac", sound(), RATE)
    converted(songs, tmp_path / "out", sample_rate=16_000, channels=1)
    info = soundfile.info(tmp_path / "out" / "a.wav")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")


@pytest.mark.parametrize(
    ("amplitude", "expected"),
    [
        (0.5, {"peak_dbfs": -6.02, "rms_dbfs": -9.03, "clipped_samples": 0, "silent": False}),
        (0.0, {"peak_dbfs": None, "rms_dbfs": None, "clipped_samples": 0, "silent": True}),
    ],
)
def test_levels(songs, tmp_path, amplitude, expected):
    soundfile.write(songs / "a.wav", sound(amplitude=amplitude), RATE)
    _, entries = converted(songs, tmp_path / "out")
    assert entries["a.wav"]["details"]["levels"] == pytest.approx(expected, abs=0.02)


def test_clipped_samples_are_counted(songs, tmp_path):
    wave = np.clip(4 * sound(channels=1), -1, 1)
    soundfile.write(songs / "a.wav", wave, RATE, subtype="PCM_16")
    pcm = soundfile.read(songs / "a.wav", dtype="int16")[0]
    _, entries = converted(songs, tmp_path / "out")
    assert entries["a.wav"]["details"]["levels"]["clipped_samples"] == np.isin(pcm, [32767, -32768]).sum() > 1000


def test_tags_survive_in_the_report(songs, tmp_path):
    soundfile.write(tmp_path / "a.wav", sound(), RATE)
    argv = [executable(), "-v", "error", "-i", str(tmp_path / "a.wav"), "-metadata", "title=Ветер"]
    subprocess.run([*argv, str(songs / "a.mp3")], check=True)
    _, entries = converted(songs, tmp_path / "out")
    assert entries["a.mp3"]["details"]["tags"] == {"title": "Ветер"}


def test_a_cut_off_file_is_kept_as_far_as_it_goes_with_a_remark(songs, tmp_path):
    soundfile.write(songs / "a.flac", sound(10), RATE)
    data = (songs / "a.flac").read_bytes()
    (songs / "a.flac").write_bytes(data[: len(data) // 2])
    _, entries = converted(songs, tmp_path / "out")
    details = entries["a.flac"]["details"]
    assert 3 < details["duration_s"] < 7
    assert any(remark.startswith("cut off: ") for remark in details["remarks"])


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_not_a_number_is_silence_and_what_is_beyond_full_scale_is_clipped(songs, tmp_path, subtype, channels):
    wave = sound(channels=channels).astype(float)
    wave[100:110, 0], wave[200, 0], wave[201, 0], wave[202, 0], wave[203, 0] = np.nan, np.inf, -np.inf, 1e30, -70_000.0
    wave[300:303, -1] = 1.25
    soundfile.write(songs / "a.wav", wave, RATE, subtype=subtype)
    _, entries = converted(songs, tmp_path / "out")
    pcm = soundfile.read(tmp_path / "out" / "a.wav", dtype="int16", always_2d=True)[0]
    bounded = np.clip(np.nan_to_num(wave, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1).astype(np.float32)
    assert np.array_equal(pcm, np.clip(np.rint(bounded * 32768), -32768, 32767).astype(np.int16))
    assert entries["a.wav"]["details"]["remarks"] == [
        "not a number: 10 samples, taken for silence",
        "beyond full scale: 7 samples, clipped",
    ]
    assert entries["a.wav"]["details"]["levels"]["clipped_samples"] == 7


def test_samples_a_little_beyond_full_scale_are_clipped_and_counted(songs, tmp_path):
    wave = sound(channels=1, amplitude=1.2)
    soundfile.write(songs / "a.wav", wave, RATE, subtype="FLOAT")
    _, entries = converted(songs, tmp_path / "out")
    beyond = int((np.abs(wave) > 1).sum())
    assert entries["a.wav"]["details"]["remarks"] == [f"beyond full scale: {beyond} samples, clipped"]
    pcm = soundfile.read(tmp_path / "out" / "a.wav", dtype="int16")[0]
    assert np.array_equal(pcm, np.clip(np.rint(wave[:, 0] * 32768), -32768, 32767).astype(np.int16))


def test_nothing_is_said_of_good_floating_point_samples(songs, tmp_path):
    soundfile.write(songs / "a.wav", np.array([[0.0], [1.0], [-1.0], [0.5]] * 1000), RATE, subtype="FLOAT")
    _, entries = converted(songs, tmp_path / "out")
    assert entries["a.wav"]["details"]["remarks"] == []


def voices(*gains, seconds=2.0):
    """A tune in each channel, as loud as its gain, the opposite where that is below 0."""
    rng = np.random.default_rng(3)
    wave = 0.4 * rng.uniform(-1, 1, int(seconds * RATE))
    return np.stack([gain * wave for gain in gains], axis=1)


ALONE = "the channels cancel each other: for 2.0 s the louder one was kept alone"
FIVE_ONE = dict(zip(("FL", "FR", "FC", "LFE", "BL", "BR"), range(6), strict=True))


@pytest.mark.parametrize("gains", [(1, -1), (1, -0.9), (-0.6, 0.7)])
@pytest.mark.parametrize("extension", ["wav", "flac", "mp3"])
def test_one_channel_of_two_that_cancel_keeps_the_sound(songs, tmp_path, gains, extension):
    wave = voices(*gains)
    soundfile.write(songs / f"a.{extension}", wave, RATE)
    _, entries = converted(songs, tmp_path / "out", channels=1)
    pcm, _ = soundfile.read(tmp_path / "out" / "a.wav")
    assert pcm.ndim == 1
    louder = max(np.sqrt((wave**2).mean(axis=0)))
    assert np.sqrt((pcm**2).mean()) == pytest.approx(louder, rel=0.1)
    details = entries[f"a.{extension}"]["details"]
    assert details["channels"] == 1
    assert [remark.partition(":")[0] for remark in details["remarks"]] == [ALONE.partition(":")[0]]


def test_two_channels_stay_as_they_are_even_if_they_cancel(songs, tmp_path):
    soundfile.write(songs / "a.wav", voices(1, -1), RATE, subtype="PCM_16")
    _, entries = converted(songs, tmp_path / "out")
    pcm = soundfile.read(tmp_path / "out" / "a.wav", dtype="int16")[0]
    assert np.array_equal(pcm, soundfile.read(songs / "a.wav", dtype="int16")[0])
    assert entries["a.wav"]["details"]["remarks"] == []


@pytest.mark.parametrize(
    "gains",
    [
        (1, 1),
        (1, 0),
        (1, 0.5),
        (1, -0.2),
        (1, 1, 1, 1, 1, 1),
        (0, 0, 0, 0, 0, 1),
        (0, 0, 1, 0, 0, 0),
        (0.01, 0.01, 0, 1, 0, 0),
    ],
)
def test_a_mix_that_loses_nothing_is_that_of_ffmpeg(songs, tmp_path, gains):
    soundfile.write(songs / "a.wav", voices(*gains), RATE, subtype="PCM_16")
    _, entries = converted(songs, tmp_path / "out", channels=1)
    argv = [executable(), "-v", "error", "-i", str(songs / "a.wav"), "-ac", "1", str(tmp_path / "mixed.wav")]
    subprocess.run(argv, check=True)
    mine, theirs = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("out/a.wav", "mixed.wav"))
    assert len(mine) == len(theirs)
    assert np.abs(mine.astype(int) - theirs).max() <= 1
    assert entries["a.wav"]["details"]["remarks"] == []


@pytest.mark.parametrize("channels", [None, 1, 2])
@pytest.mark.parametrize("pair", [("FL", "FR"), ("BL", "BR"), ("FL", "BL"), ("FC", "FL")])
def test_surround_sound_that_cancels_is_kept(songs, tmp_path, pair, channels):
    gains = [0.0] * 6
    gains[FIVE_ONE[pair[0]]], gains[FIVE_ONE[pair[1]]] = 1.0, -1.0
    if pair in (("FL", "BL"), ("FC", "FL")):
        # As loud in the mix, where these weigh less.
        gains[FIVE_ONE[pair[0]]] = {"FL": 0.7071, "FC": 1.0}[pair[0]]
        gains[FIVE_ONE[pair[1]]] = {"BL": -1.0, "FL": -0.7071}[pair[1]]
    soundfile.write(songs / "a.wav", voices(*gains), RATE)
    _, entries = converted(songs, tmp_path / "out", channels=channels)
    pcm = soundfile.read(tmp_path / "out" / "a.wav", always_2d=True)[0]
    assert pcm.shape[1] == (channels or 2)
    loudest = max(np.sqrt((pcm**2).mean(axis=0)))
    assert loudest > 0.03  # of 0.23; without our doing it is 0 for the worst of these
    assert entries["a.wav"]["details"]["channels"] == (channels or 2)
    if channels == 1 and pair in (("FL", "FR"), ("BL", "BR")):
        assert entries["a.wav"]["details"]["remarks"] == [ALONE]
        assert loudest > 0.2


def test_channels_that_cancel_for_a_while_are_kept_for_that_while(songs, tmp_path):
    wave = voices(1, 1, seconds=6.0)
    wave[2 * RATE : 4 * RATE, 1] *= -1
    soundfile.write(songs / "a.wav", wave, RATE, subtype="PCM_16")
    _, entries = converted(songs, tmp_path / "out", channels=1)
    pcm, _ = soundfile.read(tmp_path / "out" / "a.wav")
    fade = slice(2 * RATE, 2 * RATE + RATE // 100)
    np.testing.assert_allclose(np.delete(pcm, fade), np.delete(wave[:, 0], fade), atol=2 / 32768)
    assert entries["a.wav"]["details"]["remarks"] == [ALONE]


def test_two_runs_give_the_same_bytes(songs, tmp_path):
    soundfile.write(songs / "a.ogg", sound(), RATE)
    for name in ("one", "two"):
        converted(songs, tmp_path / name, sample_rate=16_000)
    for file in ("a.wav", REPORT_NAME):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_recording_that_is_too_long_is_refused_and_leaves_nothing(songs, tmp_path):
    soundfile.write(songs / "long.flac", sound(30), RATE)
    soundfile.write(songs / "short.flac", sound(1), RATE)
    _, entries = converted(songs, tmp_path / "out", max_hours=0.005)
    assert entries["long.flac"]["reason"].startswith("is longer than 0.005 hours")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name != REPORT_NAME] == ["short.wav"]


def test_in_a_worker_one_song_is_named_as_among_all_and_the_summary_is_on_stdout(songs, tmp_path, monkeypatch, capsys):
    soundfile.write(songs / "song.flac", sound(), RATE)
    monkeypatch.setenv("PACH_DATUM_ID", "d")
    run(Config(songs, tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["song-flac.wav"]
    assert json.loads(capsys.readouterr().out)["ok"] == 1


def test_in_a_worker_a_bad_song_makes_no_output_and_no_failure(songs, tmp_path, monkeypatch):
    (songs / "bad.mp3").write_bytes(b"\x00" * 100)
    monkeypatch.setenv("PACH_DATUM_ID", "d")
    run(Config(songs, tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_usable_is_a_failure_of_the_stage(songs, tmp_path):
    with pytest.raises(AeolianError, match="no input was found"):
        run(Config(songs, tmp_path / "out"))
    (songs / "bad.mp3").write_bytes(b"\x00" * 100)
    with pytest.raises(AeolianError, match="none of the 1 inputs"):
        run(Config(songs, tmp_path / "out"))


@given(st.lists(st.sampled_from([-32768, -32767, -257, -256, -1, 0, 127, 128, 255, 32512, 32766, 32767])))
def test_clipped_samples_are_those_at_either_end_of_the_scale(samples):
    pcm = np.array(samples, "<i2").tobytes()
    assert clipped_samples(pcm) == samples.count(32767) + samples.count(-32768)


def test_a_full_disk_ends_the_stage_and_leaves_no_partial_file(songs, tmp_path, monkeypatch):
    def full(self, block):
        raise OSError(errno.ENOSPC, "No space left on device")

    for i in range(6):
        soundfile.write(songs / f"{i}.flac", sound(), RATE)
    monkeypatch.setattr(pcm_wav.PcmWriter, "write_pcm", full)
    with pytest.raises(OSError, match="No space left"):
        run(Config(songs, tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []
    result = CliRunner().invoke(command(Config, run), ["--input", str(songs), "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "Free some space" in result.output


def test_the_output_may_lie_in_the_input_but_not_be_it(songs, tmp_path):
    soundfile.write(songs / "a.flac", sound(), RATE)
    for _ in range(2):
        report, _ = converted(songs, songs / "wav")
        assert report["ok"] == 1
    with pytest.raises(UsageError, match="same folder"):
        run(Config(songs, songs))


# A file for each kind of trouble in the collection, and what is said of it; None where the file is good.
COLLECTION = {
    "empty_file.mp3": "is empty",
    "invalid_file_larger.mp3": "is not a recording that ffmpeg can decode",
    "incomplete.mp3": "is not a recording",
    "no_audio.ogg": "holds no sound",
    "no_audio_data_uncompressed.wav": "holds no sound",
    "ilbm.aiff": "has no audio stream",
    "alac_file.m4a": "is cut off before any sound begins",
    "mp4_invalid_size_zero.m4a": "is incomplete: its index (moov atom) is missing",
    "zero_value_properties.ogg": "ends before any sound begins",
    "zero_value_properties.wav": "is not a recording that ffmpeg can decode (Invalid sample rate: 0)",
    "zero_value_properties.flac": "is not a recording that ffmpeg can decode",
    "flac_application.flac": "is not a recording that ffmpeg can decode (invalid residual)",
    "there_is_no_such_ext.bogus": "is a text file",
    "variable-block.flac": None,
    "cut_off_titles.mp3": None,
    "vbri.mp3": None,
    "id3_xxx_lang.mp3": None,
    "multiple_values_images.wma": None,
    "multipage-setup.ogg": None,
    "mp3_audio.asf": None,
}


@pytest.mark.data
def test_odd_and_broken_files_of_the_world(songs, tmp_path, shared_data):
    with tarfile.open(shared_data / "nasty" / "audio-tinytag.tar.xz") as archive:
        for member in archive:
            if file := archive.extractfile(member):
                (songs / member.name.rpartition("/")[2]).write_bytes(file.read())
    report, entries = converted(songs, tmp_path / "out")
    # 158 is what ffmpeg decodes of them when it is given their names.
    assert (report["ok"], report["failed"], report["skipped"]) == (158, 69, 16)
    assert len(outputs(tmp_path / "out")) == 158
    for name, reason in COLLECTION.items():
        told = entries[name]["reason"] or None
        assert (told is None) == (reason is None), name
        assert (told or "").startswith(reason or ""), name
