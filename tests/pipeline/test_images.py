"""Every stage in its image, through the engine's docker executor, beside the same stage as a process: same bytes out.

`make images images-test` builds what this needs. Where no Docker engine answers, or an image is missing or older than
the code, the tests say so and are skipped.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import SAFETY_S, wait_until

from aeolian import __version__
from aeolian.engine.programs.docker import docker_executor
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.commits import resolve
from aeolian.errors import AeolianError
from aeolian.platform.addresses import Address

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted(path.name.removesuffix(".Dockerfile") for path in (ROOT / "dockerfiles").glob("*.Dockerfile"))
CLIP = ROOT / "samples" / "audio" / "Glass Rain.mp3"
SEED = ROOT / "samples" / "midi" / "1.mid"
CHAIN = ROOT / "samples" / "chains" / "novice-dj.txt"
SMALL = {"epochs": 1, "max_seq": 64, "num_layers": 1, "d_model": 32, "num_heads": 2}
ARGUMENTS = [f"--arg=music-transformer:--{flag}={value}" for flag, value in SMALL.items()]
ARGUMENTS.append("--arg=generated-music:--length=64")
STAGES = [
    "audio-processed-wav",
    "midi",
    "transformer-preprocess",
    "music-transformer",
    "generated-music",
    "rendered-music",
    "finished-music",
]
CODE = """
import hashlib, pathlib
for root in ("/app", "/src"):
    for path in sorted(pathlib.Path(root).rglob("*.py")):
        print(path.relative_to(root), hashlib.sha256(path.read_bytes()).hexdigest())
"""

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("images")]


def docker(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def in_image(image: str, *words: str) -> "subprocess.CompletedProcess[str]":
    confined = ("--rm", "--network=none", "--read-only", f"--entrypoint={words[0]}")
    return docker("run", *confined, f"aeolian/{image}:{__version__}", *words[1:])


def code_here(image: str) -> str:
    lines = [
        f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for root in (ROOT / "src", ROOT / "containers" / image)
        for path in sorted(root.rglob("*.py"))
        if not {"cli", "cluster", "engine"} & set(path.relative_to(root).parts)
    ]
    return "".join(lines)


def cannot(why: str) -> None:
    """Skips, but fails where CI has said that these tests can run."""
    (pytest.fail if os.environ.get("AEOLIAN_TEST_IMAGES") == "required" else pytest.skip)(why)


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    """Skips all of this where it cannot run."""
    try:
        docker_executor()
    except AeolianError as error:
        cannot(f"needs Docker: {error}")
    for image in IMAGES:
        ids = docker("image", "inspect", "--format={{.Id}}", f"aeolian/{image}:{__version__}", f"aeolian/{image}")
        if ids.returncode or len(set(ids.stdout.split())) != 1:
            cannot(f"needs the image aeolian/{image}:{__version__}, as aeolian/{image} too: run `make images`")
        if in_image(image, "python3", "-c", CODE).stdout != code_here(image):
            cannot(f"the image aeolian/{image}:{__version__} is older than the code: run `make images`")


def aeolian(home: Path, *words: str | Path, executor: str = "process") -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"AEOLIAN_HOME": str(home), "AEOLIAN_EXECUTOR": executor}
    environment.pop("XLA_FLAGS", None)  # other tests compile without optimising, which rounds otherwise
    program = Path(sys.executable).parent / "aeolian"
    argv = [str(program), *map(str, words)]
    return subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def succeed(*words: str | Path, executor: str) -> str:
    done = aeolian(*words, executor=executor)
    assert done.returncode == 0, done.stderr
    return done.stderr


def contents(home: Path) -> dict[str, str]:
    """Path and hash of everything that the stages made, but for how long training took."""
    with Store(home) as store:
        return {
            f"{stage}:{entry.path}": hashlib.sha256(b"".join(store.objects.read(entry.object))).hexdigest()
            for stage in STAGES
            for entry in store.trees.entries(resolve(store, Address(stage, "master")).tree)
            if entry.path != "/metrics.json"
        }


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store for each executor, after all seven stages have run on one clip, one seed and one chain of effects."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("process", "docker")}
    for executor, home in made.items():
        succeed(home, "up", "pipelines/", *ARGUMENTS, "--no-run", executor=executor)
        succeed(home, "put", "file", "seeds@master", "-f", SEED, "--no-run", executor=executor)
        succeed(home, "put", "file", "chains@master", "-f", CHAIN, "--no-run", executor=executor)
        succeed(home, "put", "file", "audio-unprocessed@master", "-f", CLIP, executor=executor)
    return made


def test_every_stage_makes_the_same_bytes_in_its_image_as_outside(homes):
    outside, inside = contents(homes["process"]), contents(homes["docker"])
    assert {path.partition(":")[0] for path in inside} == set(STAGES)
    assert inside == outside


def test_what_was_done_in_the_images_is_not_done_again(homes):
    told = succeed(homes["docker"], "up", "pipelines/", *ARGUMENTS, executor="docker")
    assert told.count(": unchanged") == len(list((ROOT / "pipelines").glob("*.json")))


@pytest.mark.parametrize(
    ("image", "script"), [(path.parent.name, path.name) for path in sorted((ROOT / "containers").glob("*/*.py"))]
)
def test_every_script_tells_its_arguments_in_its_image(image, script):
    done = in_image(image, "python3", f"/src/{script}", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: {script}")


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_can_be_written_or_reached_and_nobody_is_root(image):
    script = "import os; print(os.getuid()); open('/src/x', 'w')"
    done = in_image(image, "python3", "-c", script)
    assert done.stdout.strip() == "1000"
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr
    assert in_image(image, "python3", "-m", "pip", "--version").returncode == 1


def spec_of(tmp_path: Path, script: str, **more: object) -> Path:
    document = {
        "pipeline": {"name": "p"},
        "input": {"pfs": {"repo": "in", "glob": "/*"}},
        "transform": {"image": f"aeolian/audio-preprocessor:{__version__}", "cmd": ["python3", "-c", script]},
        "datum_tries": 1,
    }
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document | more))
    return path


def put_and_run(tmp_path: Path, script: str, **more: object) -> "subprocess.CompletedProcess[str]":
    home, file = tmp_path / "home", tmp_path / "a.txt"
    file.write_text("in")
    aeolian(home, "create", "repo", "in")
    assert aeolian(home, "create", "pipeline", "-f", spec_of(tmp_path, script, **more)).returncode == 0
    return aeolian(home, "put", "file", "in@master", "-f", file, executor="docker")


def containers(home: Path) -> list[str]:
    """The mounts of containers, running or not, that see something of `home`."""
    mounts = docker("ps", "--all", "--no-trunc", "--format={{.Mounts}}").stdout.splitlines()
    return [line for line in mounts if str(home) in line]


def test_the_worker_contract_holds_in_a_container(tmp_path):
    script = (
        "import os, sys; out = open('/pfs/out/told', 'w');"
        "print(open(os.environ['in']).read(), sys.stdin.read(), os.getuid() != 0, os.getcwd(), file=out);"
        "os.symlink('/pfs/in/a.txt', '/pfs/out/linked'); open('/tmp/x', 'w').write('x')"
    )
    done = put_and_run(tmp_path, script, transform=transform(script, stdin=["a", "b"], working_dir="/pfs/in"))
    assert done.returncode == 0, done.stderr
    made = made_by(tmp_path / "home")
    # /pfs/in is a link, and a program that asks where it is sees to where.
    assert made == {"/told": b"in a\nb\n True /pfs/.scratch/in\n", "/linked": b"in"}


def transform(script: str, **more: object) -> dict:
    return {"image": f"aeolian/audio-preprocessor:{__version__}", "cmd": ["python3", "-c", script]} | more


def test_a_container_that_takes_too_long_or_too_much_is_ended(tmp_path):
    done = put_and_run(tmp_path, "import time; time.sleep(600)", datum_timeout="2s")
    assert done.returncode == 1
    assert "it ran longer than 2 s" in done.stderr
    assert containers(tmp_path) == []


def test_a_memory_limit_holds(tmp_path):
    limits = {"memory": "64Mi", "cpu": 1}
    done = put_and_run(tmp_path, "x = bytearray(1 << 30)", resource_limits=limits)
    assert done.returncode == 1
    assert "exit code 137" in done.stderr
    assert containers(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_container_outlives_a_run_that_is_ended(tmp_path, how):
    home, file = tmp_path / "home", tmp_path / "a.txt"
    file.write_text("in")
    aeolian(home, "create", "repo", "in")
    only_inside = "import sys, time; time.sleep(600 if sys.prefix == '/venv' else 0)"
    aeolian(home, "create", "pipeline", "-f", spec_of(tmp_path, only_inside))
    environment = os.environ | {"AEOLIAN_HOME": str(home), "AEOLIAN_EXECUTOR": "docker"}
    argv = [str(Path(sys.executable).parent / "aeolian"), "put", "file", "in@master", "-f", str(file)]
    with subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL) as run:
        wait_until(lambda: containers(tmp_path), "a container")
        run.send_signal(how)
        run.wait(SAFETY_S)
    if how == signal.SIGKILL:
        assert containers(tmp_path), "a killed engine can end nothing; the next one does"
        assert aeolian(home, "wait").returncode == 0
    assert containers(tmp_path) == []


BATCH = """
import os, pathlib, socket
from aeolian.stages.batching import each_datum
def work():
    path = pathlib.Path(os.environ["in"])
    assert f"in={path}" in pathlib.Path("/pfs/.env").read_text().splitlines()
    print("did", path.name, flush=True)
    if path.name == "bad":
        raise ValueError("not this one")
    pathlib.Path("/pfs/out", path.name).write_text(f"{path.read_text()} {socket.gethostname()}")
each_datum(work)
"""


def made_by(home: Path) -> dict[str, bytes]:
    with Store(home) as store:
        tree = resolve(store, Address("p", "master")).tree
        return {entry.path: b"".join(store.objects.read(entry.object)) for entry in store.trees.entries(tree)}


def test_one_container_does_many_datums_though_it_has_no_network(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b", "c", "bad"):
        (folder / name).write_text(name.upper())
    batch = {"image": f"aeolian/onsets-and-frames:{__version__}", "datum_batching": True, "err_cmd": ["true"]}
    spec = spec_of(tmp_path, BATCH, transform=transform(BATCH, **batch), parallelism_spec={"constant": 1})
    aeolian(home, "create", "repo", "in")
    assert aeolian(home, "create", "pipeline", "-f", spec).returncode == 0
    done = aeolian(home, "put", "file", "in@master:/", "-r", "-f", folder, executor="docker")
    assert done.returncode == 0, done.stderr
    told = {path: content.split() for path, content in made_by(home).items()}
    assert {path: words[0] for path, words in told.items()} == {"/a": b"A", "/b": b"B", "/c": b"C"}
    assert len({words[1] for words in told.values()}) == 1, "a container's host name is its own"
    logs = aeolian(home, "logs", "-p", "p").stdout
    assert [line for line in logs.splitlines() if line.startswith("did")] == [
        f"did {n}" for n in ("a", "b", "bad", "c")
    ]
    assert "ValueError: not this one" in logs
    assert containers(tmp_path) == []


def test_a_container_cannot_change_a_large_input(tmp_path):
    home, file = tmp_path / "home", tmp_path / "a.txt"
    file.write_bytes(b"x" * (33 << 20))
    script = (
        "import os; told = []\n"
        "for do in (lambda: open('/pfs/in/a.txt', 'r+'), lambda: os.chmod('/pfs/in/a.txt', 511),"
        " lambda: os.remove('/pfs/in/a.txt')):\n"
        "    try: do()\n"
        "    except OSError as error: told.append(type(error).__name__)\n"
        "open('/pfs/out/told', 'w').write(f'{len(told)} {os.stat(\"/pfs/in/a.txt\").st_nlink}')\n"
        "os.symlink('/pfs/in/a.txt', '/pfs/out/on')"
    )
    aeolian(home, "create", "repo", "in")
    assert aeolian(home, "create", "pipeline", "-f", spec_of(tmp_path, script)).returncode == 0
    done = aeolian(home, "put", "file", "in@master", "-f", file, executor="docker")
    assert done.returncode == 0, done.stderr
    made = made_by(home)
    assert made == {"/told": b"3 2", "/on": b"x" * (33 << 20)}
    assert aeolian(home, "fsck").returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user; run the tests as root")
@pytest.mark.parametrize(("user", "ids"), [("1234:99", "1234 99"), ("aeolian", "1000 1000"), ("root", "65534 65534")])
def test_the_user_of_the_spec_is_who_the_program_is(tmp_path, user, ids):
    script = "import os; open('/pfs/out/ids', 'w').write(f'{os.getuid()} {os.getgid()}')"
    done = put_and_run(tmp_path, script, transform=transform(script, user=user))
    assert done.returncode == 0, done.stderr
    assert made_by(tmp_path / "home") == {"/ids": ids.encode()}


def test_a_missing_image_is_told_with_its_remedy(tmp_path):
    script = "pass"
    done = put_and_run(tmp_path, script, transform=transform(script, image="aeolian/absent:0.1.0"))
    assert done.returncode == 1
    assert "The image aeolian/absent:0.1.0 of the pipeline p is not on this machine" in done.stderr
    assert "make images" in done.stderr
