"""The six stages as plain programs, one after another, each with the packages of its own image and no others.

Every module of a distribution that `requirements/<image>.txt` does not pin is made impossible to import. So this
shows at once that the chain works without the engine and that no image lacks, or quietly borrows, a package.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from aeolian.formats.midi import read_midi
from aeolian.formats.song_example import read_songs

ROOT = Path(__file__).resolve().parents[2]
ONLY = """
import importlib.metadata, re, runpy, sys

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

script, requirements, *arguments = sys.argv[1:]
pinned = {normal(line.partition("==")[0]) for line in open(requirements)} | {"aeolian"}
owners = importlib.metadata.packages_distributions()
refused = {top for top, names in owners.items() if not pinned & {normal(name) for name in names}}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name} is not in {requirements}", name=name)

sys.meta_path.insert(0, Refuse())
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""


def run_stage(
    image: str, script: str, *arguments: str | Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-c", ONLY, str(ROOT / "containers" / image / script)]
    argv += [str(ROOT / "requirements" / f"{image}.txt"), *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PACH_", "PPS_"))}
    return subprocess.run(argv, env=clean | environment, capture_output=True, text=True, check=False)


def succeed(*arguments: str | Path) -> str:
    done = run_stage(*map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.heavy
def test_recordings_become_a_model_and_new_music(tmp_path: Path) -> None:
    songs, wav, midi, examples, model, music, rendered = (
        tmp_path / name for name in ("songs", "wav", "midi", "examples", "model", "music", "rendered")
    )
    songs.mkdir()
    clips = sorted((ROOT / "samples" / "audio").glob("*.mp3"))[:2]
    for clip in clips:
        (songs / clip.name).write_bytes(clip.read_bytes())
    (songs / "broken.mp3").write_bytes(b"this is no music")

    told = succeed("audio-preprocessor", "convert.py", "--input", songs, "--output", wav)
    assert "broken.mp3" in told
    assert len(list(wav.glob("*.wav"))) == 2

    succeed("onsets-and-frames", "transcribe.py", "--input", wav, "--output", midi)
    assert sorted(p.stem for p in midi.glob("*.mid")) == sorted(p.stem for p in wav.glob("*.wav"))
    assert all(len(read_midi(path)) > 20 for path in midi.glob("*.mid"))

    succeed("musictransformer", "preprocess.py", midi, examples)
    assert [len(list(read_songs(path))) for path in examples.glob("*.tfrecord")] == [1, 1]

    small = [
        "--epochs",
        "1",
        "--batch_size",
        "2",
        "--max_seq",
        "64",
        "--num_layers",
        "1",
        "--d_model",
        "32",
        "--num_heads",
        "2",
    ]
    succeed("musictransformer", "train.py", "--input_path", examples, "--save_path", model, *small)
    metrics = json.loads((model / "metrics.json").read_text())
    assert 0 < metrics["train_nll"] < 8
    assert load_file(model / "model.safetensors")
    for name in ("config.json", "vocabulary.json", "history.jsonl", "loss.png", "README.md"):
        assert (model / name).stat().st_size > 0

    seed = ROOT / "samples" / "midi" / "1.mid"
    piece = music / "1.mid"
    music.mkdir()
    succeed("generate", "generate.py", f"--load_path={model}", "--inputs", seed, "--length=64", f"--save_path={piece}")
    assert len(read_midi(piece)) > 0

    succeed("generate", "render.py", "--input", music, "--output", rendered)
    assert sorted(path.name for path in rendered.iterdir()) == ["1.png", "1.wav", "report.json"]


def test_arguments_that_cannot_work_end_with_one_sentence(tmp_path: Path) -> None:
    for image, script, arguments in [
        ("audio-preprocessor", "convert.py", ["--input", tmp_path / "absent", "--output", tmp_path / "out"]),
        ("onsets-and-frames", "transcribe.py", ["--input", tmp_path / "absent", "--output", tmp_path / "out"]),
        ("musictransformer", "preprocess.py", [tmp_path / "absent", tmp_path / "out"]),
        ("musictransformer", "train.py", ["--input_path", tmp_path / "absent", "--save_path", tmp_path / "out"]),
        ("generate", "generate.py", ["--load_path", tmp_path, "--inputs", tmp_path, "--save_path", tmp_path / "x.mid"]),
        ("generate", "render.py", ["--input", tmp_path / "absent", "--output", tmp_path / "out"]),
    ]:
        done = run_stage(image, script, *arguments)
        assert done.returncode in (1, 2), script
        assert done.stderr.startswith("error: "), done.stderr
        assert "Traceback" not in done.stderr


def test_the_transcribers_image_has_what_onsets_and_frames_and_its_picture_need(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit" / "transcription"))
    from small_model import TINY, drawn_weights

    from aeolian.transcription.onsets_and_frames.weights import write_model

    write_model(tmp_path / "model", TINY, drawn_weights(TINY), half=True)
    clip = sorted((ROOT / "samples" / "audio").glob("*.mp3"))[0]
    arguments = ["--input", clip, "--output", tmp_path / "out", "--backend", "onsets-frames", "--picture"]
    succeed("onsets-and-frames", "transcribe.py", *arguments, "--load_path", tmp_path / "model")
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".mid", ".png"]
