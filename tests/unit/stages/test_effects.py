"""The stage `effects`: recordings through chains; what is bad is named, and stops nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aeolian.effects import parse_chain
from aeolian.errors import AeolianError, UsageError
from aeolian.stages.effects import Config, run

RATE_HZ = 16_000
AEOLIAN = Path(sys.executable).parent / "aeolian"


def tone(frames: int = RATE_HZ, channels: int = 2) -> np.ndarray:
    wave = 0.4 * np.sin(np.arange(frames) * 0.1)
    return np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    (folder / "sub").mkdir(parents=True)
    soundfile.write(folder / "My Song.wav", tone(), RATE_HZ, subtype="PCM_16")
    soundfile.write(folder / "sub" / "Été.flac", tone(channels=1), RATE_HZ)
    (folder / "broken.wav").write_bytes(b"RIFF\x10\x00\x00\x00WAVE")
    soundfile.write(folder / "empty.wav", tone(0), RATE_HZ)
    (folder / "roll.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def reported(output: Path) -> dict[str, dict]:
    return {entry["input"]: entry for entry in json.loads((output / "report.json").read_text())["inputs"]}


def test_good_recordings_are_finished_and_bad_ones_are_named(
    songs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "out"
    run(Config(songs, output, "delay 0.25 0.8 | limit"))
    assert sorted(path.name for path in output.iterdir()) == ["mysong.wav", "report.json", "sub-ete.wav"]
    made, rate_hz = soundfile.read(output / "mysong.wav", dtype="int16")
    heard, _ = soundfile.read(songs / "My Song.wav", dtype="float32")
    expected = np.rint(parse_chain("delay 0.25 0.8 | limit").process(heard, RATE_HZ) * 32768)
    assert (rate_hz, soundfile.info(output / "mysong.wav").subtype) == (RATE_HZ, "PCM_16")
    assert np.array_equal(made, expected)
    entries = reported(output)
    assert {name: entry["status"] for name, entry in entries.items()} == {
        "My Song.wav": "ok",
        "sub/Été.flac": "ok",
        "broken.wav": "failed",
        "empty.wav": "failed",
        "roll.png": "skipped",
    }
    assert entries["My Song.wav"]["outputs"] == ["mysong.wav"]
    assert entries["My Song.wav"]["details"] == {
        "chain": "delay delay_s=0.25 mix=0.8 | limit",
        "duration_s": 1.0,
        "sample_rate_hz": RATE_HZ,
        "channels": 2,
        "remarks": [],
    }
    assert "effects: broken.wav: " in caplog.text
    assert "effects: empty.wav: " in caplog.text


def test_equal_input_gives_equal_bytes(songs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(Config(songs, tmp_path / name, "novice-dj | loudness -20"))
    for file in ("mysong.wav", "sub-ete.wav", "report.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_every_chain_of_a_folder_has_a_folder_and_a_bad_one_stops_no_other(songs: Path, tmp_path: Path) -> None:
    chains = tmp_path / "chains"
    chains.mkdir()
    (chains / "Big Hall.txt").write_text("# a hall\nreverb room=0.9\n| limit")
    (chains / "loud.json").write_text('[{"effect": "gain", "gain_db": 3}]')
    (chains / "bad.txt").write_text("reverb | revreb")
    (chains / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (chains / "large.txt").write_bytes(b" " * 70_000)
    (chains / "notes.md").write_text("no chain")
    output = tmp_path / "out"
    run(Config(songs / "My Song.wav", output, chains=chains))
    made = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    assert made == ["bighall/mysong.wav", "loud.json/mysong.wav", "report.json"]
    entries = reported(output)
    assert {name: entry["status"] for name, entry in entries.items()} == {
        "Big Hall.txt: My Song.wav": "ok",
        "loud.json: My Song.wav": "ok",
        "bad.txt": "failed",
        "binary.txt": "failed",
        "large.txt": "failed",
        "notes.md": "skipped",
    }
    assert entries["bad.txt"]["reason"] == "There is no effect 'revreb'. Did you mean reverb?"
    assert "no text" in entries["binary.txt"]["reason"]


def test_a_chain_that_does_not_go_with_one_recording_goes_with_the_others(songs: Path, tmp_path: Path) -> None:
    soundfile.write(songs / "high.wav", tone(), 44_100)
    run(Config(songs, tmp_path / "out", "lowpass 9000"))
    entries = reported(tmp_path / "out")
    assert entries["high.wav"]["status"] == "ok"
    assert "lowpass: cutoff_hz is 9000; expected less than 8000" in entries["My Song.wav"]["reason"]


def test_what_is_clipped_is_said(songs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(Config(songs / "My Song.wav", tmp_path / "out", "gain 20"))
    (remark,) = reported(tmp_path / "out")["My Song.wav"]["details"]["remarks"]
    assert "samples were louder than full scale, and clipped: end the chain with limit" in remark
    assert remark in caplog.text


def test_a_recording_that_is_too_long_or_too_short_is_refused_and_leaves_nothing(songs: Path, tmp_path: Path) -> None:
    soundfile.write(songs / "short.wav", tone(1000), RATE_HZ)
    run(Config(songs, tmp_path / "out", "loudness"))
    assert "lasts 0.0625 s" in reported(tmp_path / "out")["short.wav"]["reason"]
    soundfile.write(songs / "long.wav", tone(5 * RATE_HZ), RATE_HZ)
    run(Config(songs, tmp_path / "two", "gain 0", max_hours=0.001))
    assert "is longer than 0.001 hours" in reported(tmp_path / "two")["long.wav"]["reason"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "mysong.wav",
        "report.json",
        "short.wav",
        "sub-ete.wav",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Which effects? Give one of them"),
        ({"chain": "gain 0", "chains": Path("x")}, "--chain and --chains are both given."),
        ({"chain": ""}, "The chain is empty."),
        ({"chain": "revreb"}, "Did you mean reverb?"),
        ({"chains": Path("nowhere")}, "The input folder nowhere does not exist."),
    ],
)
def test_arguments_that_cannot_be_acted_on_end_the_stage(songs: Path, tmp_path: Path, options: dict, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(Config(songs, tmp_path / "out", **options))
    assert said in str(refused.value)


def test_a_folder_without_a_chain_ends_the_stage(songs: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="No chain in"):
        run(Config(songs, tmp_path / "out", chains=tmp_path / "none"))


def test_a_stage_that_can_use_nothing_says_so(songs: Path, tmp_path: Path) -> None:
    with pytest.raises(AeolianError, match="none of the 1 inputs could be used"):
        run(Config(songs / "broken.wav", tmp_path / "out", "gain 0"))


def test_a_worker_writes_below_the_chain_and_reports_on_stdout(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PACH_DATUM_ID", "1")
    (tmp_path / "hall.txt").write_text("reverb")
    (tmp_path / "bad.txt").write_text("revreb")
    single = tmp_path / "single"
    single.mkdir()
    (songs / "My Song.wav").rename(single / "mysong.wav")
    for chain in ("hall.txt", "bad.txt"):
        run(Config(single, tmp_path / "out", chains=tmp_path / chain))
    made = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")]
    assert made == ["hall/mysong.wav"]
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (good["ok"], bad["ok"], bad["failed"]) == (1, 0, 1)


def test_the_command_takes_the_chain_of_the_help(songs: Path, tmp_path: Path) -> None:
    chain = "compress | pitch 7 | delay 0.25 0.8 | reverb"
    command = [str(AEOLIAN), "effects", str(songs / "My Song.wav"), "--chain"]
    done = subprocess.run([*command, chain], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "finished-music" / "mysong.wav").frames == RATE_HZ
    wrong = subprocess.run([*command, "gain 900"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr == "error: gain: gain_db is 900.0; expected a number from -120 to 120.\n"
