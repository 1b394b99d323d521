"""Every command of the README is typed here, in its order, by a user with a folder of songs.

What differs from the page: the model is tiny (`aeolian up … --arg`, as in the demo); the full-size one is not trained;
`pachctl` is `aeolian`, whose words are the same, in a store of its own; the two `make` commands are what CI runs; and
those with `docker` are typed in test_images_by_hand.py, where there is Docker.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
TINY = ["--epochs=1", "--batch_size=2", "--max_seq=64", "--num_layers=1", "--d_model=32", "--num_heads=2"]


class Shell:
    """Types commands in a folder that holds the project, some songs, and a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", AEOLIAN_HOME=str(folder / ".aeolian"))

    def type(self, command: str | list[str]) -> str:
        argv = shlex.split(command) if isinstance(command, str) else command
        done = subprocess.run(argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def project_in(folder: Path) -> Path:
    for name in ("pipelines", "containers", "samples", "scripts", "trained-models"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The state after `make demo`, made small: one song, one seed, a model."""
    folder = project_in(tmp_path_factory.mktemp("readme"))
    shell = Shell(folder)
    arguments = [word for flag in TINY for word in ("--arg", f"music-transformer:{flag}")]
    shell.type(["aeolian", "up", "pipelines/", *arguments, "--arg", "generated-music:--length=32", "--no-run"])
    shell.type("aeolian put file seeds@master:/1.mid -f samples/midi/1.mid --no-run")
    shell.type(
        ["aeolian", "put", "file", "audio-unprocessed@master", "-f", str(ROOT / "samples/audio/Été sans fin.mp3")]
    )
    shell.type("aeolian get file music-transformer@master:/ -r -o demo-output/music-transformer")
    (folder / "my-songs").mkdir()
    shutil.copy(ROOT / "samples/audio/spieluhr_no_2.mp3", folder / "my-songs" / "still-water.mp3")
    (folder / "my-songs" / "not music.mp3").write_bytes(b"no music at all")
    yield shell


def test_the_readme_has_commands_of_every_kind() -> None:
    words = {command.split()[0] for command in COMMANDS}
    assert words == {"make", "aeolian", "python", "pachctl", "docker"}


def test_make_commands_are_what_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in (c for c in COMMANDS if c.startswith("make ")):
        assert re.search(rf"^{command}$", ci, re.M), f"{command} is not in .ci/run"


@pytest.mark.heavy
def test_a_user_with_a_folder_of_songs(shell: Shell) -> None:
    for command in COMMANDS:
        if command.startswith(("aeolian update pipeline", "aeolian put file pretrained")):  # these train for long
            shell.type(f"{command} --no-run")
        elif command.startswith(("aeolian", "python")):
            shell.type(command)
    folder = shell.folder
    assert list((folder / "my-music").glob("*.wav"))
    assert (folder / "my-song.mid").read_bytes()[:4] == b"MThd"
    assert sorted(p.name for p in (folder / "my-song").iterdir()) == ["my-song.png", "my-song.wav", "report.json"]
    made = {path.name for path in (folder / "generated-music").iterdir()}
    assert made >= {"1.mid", "1.wav", "1.png", "2-1.mid", "2-4.wav", "2-4.png"}
    songs = list((ROOT / "samples" / "audio").rglob("*.mp3"))
    assert len(list((folder / "examples").glob("*.tfrecord"))) == len(songs)
    # The song was deleted by the README's own command; what was made from it went with it.
    assert "still-water" not in shell.type("aeolian list file midi@master")


def test_pachyderms_words_are_ours(tmp_path: Path) -> None:
    shell = Shell(project_in(tmp_path))
    for command in (c for c in COMMANDS if c.startswith("pachctl ")):
        shell.type(command.replace("pachctl", "aeolian", 1) + ("" if "create repo" in command else " --no-run"))
    listed = shell.type("aeolian list pipeline")
    assert all(name in listed for name in ("audio-processed-wav", "midi", "music-transformer", "rendered-music"))


def test_inline_commands_have_help(tmp_path: Path) -> None:
    shell = Shell(project_in(tmp_path))
    assert "FOLDER" in shell.type("aeolian watch --help")
    assert "dry-run" in shell.type("./scripts/name-standarizer.sh --help")
    known = "".join(shell.type(f"aeolian {verb} --help") for verb in ("generate", "render", "transcribe"))
    for option in re.findall(r"`(--[a-z_]+)", README):
        assert option in known, option
