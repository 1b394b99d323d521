"""The pipeline of effects: each piece by each chain, and a new chain, or a new piece, is a datum of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
AEOLIAN = Path(sys.executable).parent / "aeolian"
RATE_HZ = 16_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AEOLIAN_HOME", str(tmp_path / "home"))
    for name, pitch_hz in (("1", 440), ("2", 330)):
        wave = 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(RATE_HZ) / RATE_HZ)
        soundfile.write(tmp_path / f"{name}.wav", wave.astype(np.float32), RATE_HZ)
    (tmp_path / "1.png").write_bytes(b"\x89PNG")
    (tmp_path / "hall.txt").write_text("reverb | limit")
    (tmp_path / "loud.txt").write_text("loudness -16")
    (tmp_path / "bad.txt").write_text("revreb")
    return tmp_path


def aeolian(*words: str | Path) -> str:
    done = subprocess.run([AEOLIAN, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(repo: str, *paths: Path) -> None:
    aeolian("put", "file", f"{repo}@master:/", *(word for path in paths for word in ("-f", str(path))))


def job() -> dict:
    return json.loads(aeolian("list", "job", "-o", "json"))[0]


def finished(home: Path) -> set[str]:
    aeolian("get", "file", "finished-music@master:/", "-r", "-o", str(home / "got"))
    return {path.relative_to(home / "got").as_posix() for path in (home / "got").rglob("*") if path.is_file()}


def test_each_piece_is_finished_by_each_chain(home: Path) -> None:
    aeolian("create", "repo", "rendered-music")
    aeolian("create", "repo", "chains")
    aeolian("create", "pipeline", "-f", "pipelines/effects.json")
    put("rendered-music", home / "1.wav", home / "1.png")
    put("chains", home / "hall.txt")
    assert finished(home) == {"hall/1.wav"}
    put("chains", home / "loud.txt", home / "bad.txt")
    assert finished(home) == {"hall/1.wav", "loud/1.wav"}
    assert (job()["state"], job()["processed"], job()["skipped"]) == ("success", 2, 1)
    put("rendered-music", home / "2.wav")
    assert finished(home) == {"hall/1.wav", "hall/2.wav", "loud/1.wav", "loud/2.wav"}
    assert "There is no effect 'revreb'. Did you mean reverb?" in aeolian("logs", "--pipeline", "finished-music")
    assert "loud.txt" in aeolian("lineage", "finished-music@master:/loud/1.wav")
    assert soundfile.info(home / "got" / "loud" / "2.wav").frames == RATE_HZ
