"""Images as people start them: `docker run … generate.py`, and hostile files within the limits that the specs state.

Needs a Docker engine and `make images`, as tests/pipeline/test_images.py does; without them it says so and is skipped.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile

import numpy as np
import pytest
import soundfile
from test_images import CLIP, ROOT, SEED, aeolian, docker, images, succeed
from test_readme import COMMANDS
from waiting import SAFETY_S

from aeolian import __version__
from aeolian.engine.programs.docker import quantity
from aeolian.platform.specs.durations import seconds

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("images")]
__all__ = ["images"]
SHIPPED = sorted(path.parent.name for path in (ROOT / "trained-models").glob("aeolian-piano-*/config.json"))
ME = f"--user={os.getuid()}:{os.getgid()}"
ROOT_USER = os.getuid() == 0
SMALL = [f"--arg=music-transformer:--{flag}" for flag in ("epochs=1", "max_seq=64", "num_layers=1", "d_model=32")]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder as in the README: samples, and a model that a pipeline trained."""
    folder, home = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("home")
    (folder / "samples" / "midi").mkdir(parents=True)
    (folder / "samples" / "midi" / "1.mid").write_bytes(SEED.read_bytes())
    succeed(home, "up", "pipelines/", *SMALL, "--arg=music-transformer:--num_heads=2", "--no-run", executor="process")
    succeed(home, "put", "file", "audio-unprocessed@master", "-f", CLIP, executor="process")
    model = folder / "trained-models" / "mine"
    assert aeolian(home, "get", "file", "music-transformer@master:/", "-r", "-o", model).returncode == 0
    return folder


LONG = ["--entrypoint", "python", f"aeolian/generate:{__version__}", "generate.py"]
SHORT = ["aeolian/generate", "generate.py"]


@pytest.mark.parametrize("form", [LONG, SHORT], ids=["long", "short"])
def test_the_commands_of_the_readme_make_a_song_that_is_the_callers(here, form):
    target = here / "generated-music" / f"{len(form)}.mid"
    run = ["run", "--rm", "--network=none", ME, "-v", f"{here}:/data", *form]
    options = ["--load_path=/data/trained-models/mine", "--inputs", "/data/samples/midi/1.mid", "--length=64"]
    done = docker(*run, *options, f"--save_path=/data/generated-music/{target.name}")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes().startswith(b"MThd")
    assert (target.stat().st_uid, target.stat().st_gid) == (os.getuid(), os.getgid())
    assert "generating 64/64" in done.stderr, "plain lines where there is no terminal"


# The README's two commands, typed by a shell as they stand, but for `-it`: there is no terminal here.
TYPED = [
    command.replace(" -it ", " ").replace("docker run ", "docker run --rm --network=none ")
    for command in COMMANDS
    if command.startswith("docker ")
]
FIRST_USER = 1000
SOMEBODY = 1234 if ROOT_USER else os.getuid()


def folder_of(user, tmp_path):
    """A folder as in the README that belongs to `user`, in which only that user can write."""
    folder = tmp_path / "here"
    (folder / "samples" / "midi").mkdir(parents=True)
    (folder / "samples" / "midi" / "1.mid").write_bytes(SEED.read_bytes())
    shutil.copytree(ROOT / "trained-models" / SHIPPED[0], folder / "trained-models" / SHIPPED[0])
    if user != os.getuid():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)
    return folder


def typed(command, folder):
    return subprocess.run(["/bin/bash", "-ec", command], cwd=folder, capture_output=True, text=True, check=False)


def songs_in(folder):
    """Each file that was made, and who owns it."""
    known = {folder / "samples", folder / "trained-models"}
    return {
        str(path.relative_to(folder)): (path.stat().st_uid, path.stat().st_gid, path.read_bytes()[:4])
        for path in folder.rglob("*")
        if path.is_file() and not known & set(path.parents)
    }


@pytest.mark.skipif(not SHIPPED, reason="needs a model in trained-models/, which the README's commands name")
@pytest.mark.skipif(
    os.getuid() not in (0, FIRST_USER), reason="needs user 1000, or root, who can give that user a folder"
)
def test_the_readmes_own_words_work_for_the_first_user_of_a_machine(tmp_path):
    folder = folder_of(FIRST_USER, tmp_path)
    assert len(TYPED) == 2
    for command in TYPED:
        assert "--user" not in command
        done = typed(command, folder)
        assert done.returncode == 0, done.stderr
    mine = (FIRST_USER, FIRST_USER, b"MThd")
    assert songs_in(folder) == {"generated-music/my-sample-song-1.mid": mine, "my-song.mid": mine}


@pytest.mark.skipif(not SHIPPED, reason="needs a model in trained-models/, which the README's commands name")
@pytest.mark.skipif(os.getuid() == FIRST_USER, reason="needs another user than 1000, or root, who can give it a folder")
def test_any_other_user_is_told_what_to_add_and_it_works(tmp_path):
    folder = folder_of(SOMEBODY, tmp_path)
    told = '--user "$(id -u):$(id -g)"'
    for command in TYPED:
        done = typed(command, folder)
        assert (done.returncode, songs_in(folder)) == (1, {})
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith("error: Permission denied (/data")
        assert sentence.endswith(f"pass {told}.")
    ids = f"--user {SOMEBODY}:{SOMEBODY}" if ROOT_USER else told
    for command in TYPED:
        done = typed(command.replace("docker run ", f"docker run {ids} "), folder)
        assert done.returncode == 0, done.stderr
    assert [(uid, start) for uid, _, start in songs_in(folder).values()] == [(SOMEBODY, b"MThd")] * 2


def test_on_a_terminal_there_is_a_bar(here):
    pexpect = pytest.importorskip("pexpect", reason="needs pexpect (requirements/dev.txt)")
    argv = ["run", "-it", "--rm", "--network=none", ME, "-v", f"{here}:/data", *SHORT, "--length=64"]
    argv += ["--load_path=/data/trained-models/mine", "--save_path=/data/bar.mid"]
    child = pexpect.spawn("docker", argv, timeout=SAFETY_S, encoding="utf-8", dimensions=(24, 80))
    told = child.read()
    child.close()
    assert child.exitstatus == 0, told
    assert re.search(r"generating \|#+\| 64/64", told), told


@pytest.mark.parametrize(
    ("mount", "options", "sentence"),
    [
        ([], ["--load_path=/data/trained-models/mine"], "There is no model folder /data/trained-models/mine"),
        ("ro", ["--load_path=/data/trained-models/mine", "--save_path=/data/x.mid"], "Read-only file system"),
        ("rw", ["--load_path=nobody-knows", "--save_path=/data/x.mid"], "nor a model of that name"),
    ],
    ids=["no mount", "read-only mount", "unknown model"],
)
def test_what_is_wrong_is_told_in_a_sentence(here, mount, options, sentence):
    volume = ["-v", f"{here}:/data:{mount}"] if mount else []
    done = docker("run", "--rm", "--network=none", ME, *volume, *SHORT, *options)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_image_alone_plays_with_the_model_that_it_carries(tmp_path):
    done = docker("run", f"--name=aeolian-test-{os.getpid()}", "--network=none", "aeolian/generate")
    try:
        if not SHIPPED:
            assert "There is no model folder aeolian-piano-v1" in done.stderr
            return
        assert done.returncode == 0, done.stderr
        assert docker("cp", f"aeolian-test-{os.getpid()}:/data/my-song.mid", str(tmp_path)).returncode == 0
        assert (tmp_path / "my-song.mid").read_bytes().startswith(b"MThd")
    finally:
        docker("rm", "--force", f"aeolian-test-{os.getpid()}")


def confined(spec_name, source, target):
    """Runs the command of a spec as the engine would, within the memory and the time that the spec states."""
    spec = json.loads((ROOT / "pipelines" / f"{spec_name}.json").read_text())
    repo, memory = spec["input"]["pfs"]["repo"], spec["resource_limits"]["memory"]
    argv = ["docker", "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", ME, "--tmpfs=/tmp:mode=1777"]
    argv += [f"--memory={quantity(memory)}", f"--memory-swap={quantity(memory)}", "--pids-limit=4096"]
    argv += ["-v", f"{source}:/pfs/{repo}:ro", "-v", f"{target}:/pfs/out", "--entrypoint=python3"]
    argv += [spec["transform"]["image"], *spec["transform"]["cmd"][1:]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds(spec["datum_timeout"]), check=False)
    assert done.returncode in (0, 1), f"137 is a container that took too much: {done.returncode}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    report = json.loads((target / "report.json").read_text())
    return {row["input"]: row for row in report["inputs"]}


def test_hostile_recordings_stay_within_the_limits_and_are_reported(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    with (source / "zeros.mp3").open("wb") as file:
        file.truncate(3 << 30)
    # A megabyte or two that would be 13 hours of sound.
    with soundfile.SoundFile(source / "bomb.flac", "w", 8000, 1) as file:
        silence = np.zeros(8000 * 600, np.int16)
        for _ in range(6 * 13):
            file.write(silence)
    assert (source / "bomb.flac").stat().st_size < 8 << 20
    (source / "good.mp3").write_bytes(CLIP.read_bytes())
    told = confined("mp3-to-wav", source, target)
    assert {name: row["status"] for name, row in told.items()} == {
        "bomb.flac": "failed",
        "good.mp3": "ok",
        "zeros.mp3": "failed",
    }
    assert all(row["reason"] for row in told.values() if row["status"] == "failed")
    made = {path.name for path in target.iterdir()}
    assert made == {"report.json", *told["good.mp3"]["outputs"]}


@pytest.mark.data
@pytest.mark.parametrize(
    ("archive", "spec"),
    [("audio-tinytag", "mp3-to-wav"), ("midi-jazz_soft-miditok", "transformer-preprocess")],
)
def test_odd_and_broken_files_of_the_world_stay_within_the_limits(tmp_path, shared_data, archive, spec):
    source, target = tmp_path / "in", tmp_path / "out"
    target.mkdir()
    with tarfile.open(shared_data / "nasty" / f"{archive}.tar.xz") as packed:
        packed.extractall(source, filter="data")
    told = confined(spec, source, target)
    assert len(told) > 50
    assert all(row["reason"] or row["status"] == "ok" for row in told.values())
    assert sum(row["status"] == "ok" for row in told.values()) > 30


def test_nothing_is_left_of_building_and_the_labels_are_there():
    for image in sorted(path.name.removesuffix(".Dockerfile") for path in (ROOT / "dockerfiles").glob("*.Dockerfile")):
        name = f"aeolian/{image}:{__version__}"
        config = json.loads(docker("image", "inspect", name).stdout)[0]["Config"]
        labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
        assert (labels["title"], labels["version"], config["User"]) == (f"aeolian/{image}", __version__, "1000:1000")
        assert {"description", "licenses", "base.name"} <= labels.keys()
        look = "ls /venv/bin | grep -c ^pip; ls -d /root/.cache /tmp/* 2>/dev/null; command -v gcc cc make"
        done = docker("run", "--rm", "--network=none", "--entrypoint=sh", name, "-c", look)
        assert done.stdout.split() == ["0"], image


@pytest.mark.parametrize(("image", "limit_mb"), [("audio-preprocessor", 450), ("generate", 500)])
def test_an_image_is_no_larger_than_it_may_be(image, limit_mb):
    size = int(docker("image", "inspect", "--format={{.Size}}", f"aeolian/{image}:{__version__}").stdout)
    assert size / 1e6 <= limit_mb
