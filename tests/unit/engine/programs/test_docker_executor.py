"""What the docker executor asks of Docker, and what it says where Docker cannot do it. No engine is needed."""

import csv
import os
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from engine_bench import spec_of
from waiting import SAFETY_S, wait_until

from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.programs import docker, docker_client
from aeolian.engine.programs.docker import DockerExecutor, container_name, docker_executor, quantity
from aeolian.engine.programs.docker_client import end_leftovers
from aeolian.engine.programs.executors import Command
from aeolian.engine.programs.secrets import Mount, Secrets, link_mounts, parse_place
from aeolian.engine.versions.catalog import find
from aeolian.engine.versions.pipelines import create_pipelines
from aeolian.engine.versions.program import program_hash
from aeolian.errors import AeolianError, UsageError

# A client that writes down what it is asked, and answers as the test says.
CLIENT = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word" >> {calls}; done
printf -- '--\\n' >> {calls}
{answer}
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    pfs = tmp_path / "datum" / "pfs"
    (pfs / ".scratch" / "out").mkdir(parents=True)
    return Command(
        argv=("python3", "/src/a.py", "--input=/pfs/in"),
        environment={"PATH": "/opt/bin"},
        datum={"in": "/pfs/in/a.txt", "PACH_DATUM_ID": "d1"},
        inputs=("in",),
        stdin=(),
        working_dir="",
        pfs=pfs,
        source=None,
        temporary=tmp_path / "datum" / "tmp",
        threads=3,
        image="aeolian/a:1",
        name="datum",
    )


def client(folder: Path, answer: str = "echo sha256:1234") -> tuple[Path, Path]:
    """A stand-in for the command `docker`, and the file of its calls."""
    folder.mkdir(exist_ok=True)
    script, calls = folder / "docker", folder / "calls"
    script.write_text(CLIENT.format(calls=calls, answer=answer))
    script.chmod(0o755)
    return script, calls


def spec(**more: object):
    return spec_of({"pipeline": {"name": "p"}, "input": {"pfs": {"repo": "in", "glob": "/*"}}} | more)


def transform(image: str = "aeolian/a:1") -> dict:
    return {"image": image, "cmd": ["true"]}


def test_a_container_is_confined_and_sees_the_words_of_the_spec(command):
    launch = DockerExecutor("/usr/bin/docker", "sha256:12").launch(command)
    options = launch.argv[: launch.argv.index("sha256:12")]
    assert launch.argv[launch.argv.index("sha256:12") :] == ["sha256:12", "/src/a.py", "--input=/pfs/in"]
    assert options[:4] == ["/usr/bin/docker", "run", "--rm", f"--name={container_name(command)}"]
    assert {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(options)
    assert "--entrypoint=python3" in options
    assert [word for word in options if word.startswith(("--memory", "--cpus", "--workdir", "--interactive"))] == []
    assert launch.stdin is None


def test_no_program_is_root(command, monkeypatch):
    given = []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids, **options: given.append((Path(path), *ids)))
    assert "--user=65534:65534" in DockerExecutor("docker", "i").launch(command).argv
    all_of_it = [".", ".scratch", ".scratch/out", "in", "out"]
    assert sorted(given) == sorted((command.pfs / name, 65534, 65534) for name in all_of_it)
    monkeypatch.setattr(os, "getuid", lambda: 501)
    monkeypatch.setattr(os, "getgid", lambda: 20)
    assert "--user=501:20" in DockerExecutor("docker", "i").launch(command).argv


def client_with_users(folder: Path) -> Path:
    """A stand-in that has an image whose /etc has these users and groups, as `docker cp` hands files out: by tar."""
    for name, text in (("passwd", "root:x:0:0::/:\nsinger:x:1001:1002:A Singer:/:"), ("group", "choir:x:2001:")):
        (folder / name).write_text(text)
    body = (
        'case "$1" in image) echo sha256:1;; create) echo made;; '
        f'cp) name=${{3##*/}}; cd {folder}; [ "$3" = "made:/etc/$name" ] && tar -c $name;; esac'
    )
    return client(folder / "bin", body)[0]


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("1000", (1000, 1000)),
        ("1000:50", (1000, 50)),
        ("singer", (1001, 1002)),
        ("singer:choir", (1001, 2001)),
        ("singer:7", (1001, 7)),
        ("", None),
        ("root", None),
        ("0:0", None),
    ],
)
def test_the_user_of_the_spec_is_who_the_program_is_unless_that_is_root(command, tmp_path, monkeypatch, user, ids):
    given = []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *who, **options: given.append((Path(path).name, who)))
    script = client_with_users(tmp_path)
    executor = DockerExecutor(str(script)).ready(spec(transform=transform() | {"user": user}))
    uid, gid = ids or (65534, 65534)
    assert f"--user={uid}:{gid}" in executor.launch(command).argv
    assert sorted(given) == [(name, (uid, gid)) for name in (".scratch", "in", "out", "out", "pfs")]


def test_a_user_that_the_image_lacks_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    script = client_with_users(tmp_path)
    with pytest.raises(UsageError, match=r"no user 'nobody-knows'.*numbers"):
        DockerExecutor(str(script)).ready(spec(transform=transform() | {"user": "nobody-knows"}))


def test_who_is_not_root_cannot_give_files_away_and_programs_are_who_it_is(command, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 501)
    monkeypatch.setattr(os, "getgid", lambda: 20)
    executor = DockerExecutor(str(client_with_users(tmp_path))).ready(spec(transform=transform() | {"user": "singer"}))
    assert "--user=501:20" in executor.launch(command).argv


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ('{"Runtimes": {"runc": {}, "nvidia": {}}}', ["--gpus=2"]),
        ('{"Runtimes": {"runc": {}}, "DiscoveredDevices": [{"ID": "nvidia.com/gpu=0"}]}', ["--gpus=2"]),
        ('{"Runtimes": {"runc": {}}, "DiscoveredDevices": null}', []),
        ("it does not answer", []),
    ],
)
def test_a_pipeline_that_asks_for_gpus_gets_them_where_docker_has_them(command, tmp_path, caplog, told, options):
    docker._warn.cache_clear()
    script, _ = client(tmp_path / "bin", f"[ $1 = info ] && echo '{told}'; [ $1 = image ] && echo sha256:1")
    asks = spec(transform=transform(), resource_limits={"gpu": {"type": "nvidia.com/gpu", "number": 2}})
    argv = DockerExecutor(str(script)).ready(asks).launch(command).argv
    assert [word for word in argv if word.startswith("--gpus")] == options
    assert ("runs without" in caplog.text) == (not options)
    argv = DockerExecutor(str(script)).ready(spec(transform=transform())).launch(command).argv
    assert not any(word.startswith("--gpus") for word in argv)


def test_inputs_that_are_objects_of_the_store_are_mounted_read_only_and_stay_the_stores(command, monkeypatch):
    given, large = [], command.pfs / ".scratch" / "in" / "large"
    large.parent.mkdir()
    large.touch()
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *who, **options: given.append(Path(path).name))
    argv = DockerExecutor("docker", "i").launch(replace(command, read_only=(large,))).argv
    mounts = [next(csv.reader([word.removeprefix("--mount=")])) for word in argv if word.startswith("--mount=")]
    assert mounts[1] == ["type=bind", f"source={large}", "target=/pfs/.scratch/in/large", "readonly"]
    assert sorted(given) == [".scratch", "in", "in", "out", "out", "pfs"], "folders and links, not the large file"


def test_no_value_of_the_environment_is_an_argument_and_the_client_heeds_none(command, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("SECRET", "another")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OF_THE_CALLER", "private")
    secrets = Secrets({"SECRET": "s3cret", "LDAP_PASSWORD": "p4ss", "GOOGLE_API_KEY": "k3y", "SSH_KEY": "rs4"})
    command = replace(command, environment=command.environment | {"DOCKER_HOST": "x"}, secrets=secrets)
    launch = DockerExecutor("docker", "i").launch(command)
    given = [word.removeprefix("--env=") for word in launch.argv if word.startswith("--env=")]
    assert {"in", "PACH_DATUM_ID", "SECRET", "MKL_NUM_THREADS", "OMP_NUM_THREADS"} <= set(given)
    assert not any("=" in name for name in given)
    heeded = {"PATH": "/opt/bin", "HOME": "/tmp", "DOCKER_HOST": "x", "LDAP_PASSWORD": "p4ss", "GOOGLE_API_KEY": "k3y"}
    assert launch.handed == heeded | {"SSH_KEY": "rs4"}
    assert "DOCKER_HOST" not in launch.environment
    assert launch.environment["SECRET"] == "s3cret"
    assert launch.environment["OMP_NUM_THREADS"] == "7"
    assert launch.environment["MKL_NUM_THREADS"] == "3"
    assert launch.environment["PATH"] == os.environ["PATH"]
    assert not any(value in word for word in launch.argv for value in ("s3cret", "p4ss", "k3y", "rs4", "OF_THE_CALLER"))


def test_a_value_of_several_lines_cannot_have_a_name_that_the_client_heeds(command):
    with pytest.raises(UsageError, match="SSH_KEY has several lines"):
        DockerExecutor("docker", "i").launch(replace(command, secrets=Secrets({"SSH_KEY": "one\ntwo"})))
    launch = DockerExecutor("docker", "i").launch(replace(command, secrets=Secrets({"MY_KEY": "one\ntwo"})))
    assert launch.environment["MY_KEY"] == "one\ntwo"


@pytest.mark.skipif(sys.platform != "linux", reason="reads command lines in /proc")
def test_no_secret_is_on_a_command_line_while_a_datum_runs(bench, tmp_path):
    # This client is at work until it may end, and keeps what the file of variables said.
    body = (
        'case "$1" in image) echo sha256:1;; run) for word; do case "$word" in --env-file=*) '
        f'cat "${{word#*=}}" > {tmp_path}/variables;; esac; done; echo "$MY_TOKEN" > {tmp_path}/token; '
        f"touch {tmp_path}/running; while [ ! -e {tmp_path}/end ]; do sleep 0.05; done;; esac"
    )
    script, _ = client(tmp_path / "bin", body)
    for name in ("ldap", "token"):
        (tmp_path / f"{name}.secret").write_text(f"{name}-s3cret\n")
    places = [parse_place(f"s:{name}={tmp_path}/{name}.secret") for name in ("ldap", "token")]
    variables = {"ldap": "LDAP_PASSWORD", "token": "MY_TOKEN"}
    wanted = [{"name": "s", "key": key, "env_var": variable} for key, variable in variables.items()]
    bench.repo("in")
    bench.put("in", {"a": "1"})
    spec = bench.spec("p", ["true"], "in", transform=transform() | {"secrets": wanted, "env": {"PATH": "/opt/bin"}})
    create_pipelines(bench.store, [spec], secrets=places)
    run = threading.Thread(target=Runner(bench.store, executor=DockerExecutor(str(script))).run)
    run.start()
    try:
        wait_until((tmp_path / "running").exists, "the client")
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert any(str(script).encode() in line for line in lines)
        assert not any(b"s3cret" in line for line in lines)
        left = [path for path in bench.store.scratch.rglob("*") if path.is_file() and "s3cret" in path.read_text()]
        assert left == [], "no file that another process could find"
    finally:
        (tmp_path / "end").touch()
        run.join(SAFETY_S)
    assert (tmp_path / "token").read_text() == "token-s3cret\n"
    assert "LDAP_PASSWORD=ldap-s3cret" in (tmp_path / "variables").read_text().splitlines()
    assert bench.job("p").state == "success"


def test_stdin_and_working_dir(command):
    launch = DockerExecutor("docker", "i").launch(replace(command, stdin=("a", "b"), working_dir="/pfs/in"))
    assert launch.stdin == b"a\nb\n"
    assert {"--interactive", "--workdir=/pfs/in"} <= set(launch.argv)


@pytest.mark.parametrize("folder", ["plain", "a:b,c", 'with "quotes" and space'])
def test_a_folder_of_any_name_can_be_mounted(command, tmp_path, folder):
    pfs = tmp_path / folder / "pfs"
    pfs.mkdir(parents=True)
    argv = DockerExecutor("docker", "i").launch(replace(command, pfs=pfs)).argv
    mount = next(word.removeprefix("--mount=") for word in argv if word.startswith("--mount="))
    assert next(csv.reader([mount])) == ["type=bind", f"source={pfs}", "target=/pfs"]


def test_files_of_secrets_are_seen_where_the_spec_says_and_cannot_be_written(command, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("s3cret")
    secrets = Secrets(mounts=(Mount("/var/token/", (("key", kept),)),))
    mounts = link_mounts(secrets, tmp_path / "datum" / "secrets")
    argv = DockerExecutor("docker", "i").launch(replace(command, secrets=secrets, mounts=mounts)).argv
    mount = [word.removeprefix("--mount=") for word in argv if word.startswith("--mount=")][1]
    assert next(csv.reader([mount])) == ["type=bind", f"source={kept}", "target=/var/token/key", "readonly"]


@pytest.mark.parametrize(
    ("text", "size"), [("512Mi", 512 << 20), ("4G", 4 * 10**9), ("1.5Gi", 3 << 29), ("1000", 1000), ("64Ki", 65536)]
)
def test_quantities(text, size):
    assert quantity(text) == size


@pytest.mark.parametrize("text", ["", "4 G", "4GB", "-1", "Gi", "4gi"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match=text or "^$"):
        quantity(text)


def test_limits_of_the_spec_are_limits_of_the_container(command, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    script, _ = client(tmp_path / "bin")
    for asked, given in ((1.5, "--cpus=1.5"), (64, "--cpus=4")):
        limits = {"memory": "1Gi", "cpu": asked}
        ready = DockerExecutor(str(script)).ready(spec(transform=transform(), resource_limits=limits))
        argv = ready.launch(command).argv
        assert {f"--memory={1 << 30}", f"--memory-swap={1 << 30}", given} <= set(argv)
        assert "sha256:1234" in argv
    with pytest.raises(UsageError, match=r"resource_limits.memory of the pipeline p is '1 GB'.*512Mi"):
        DockerExecutor(str(script)).ready(spec(transform=transform(), resource_limits={"memory": "1 GB"}))


def test_a_missing_image_is_one_sentence_with_its_remedy(tmp_path):
    script, calls = client(tmp_path / "bin", "exit 1")
    with pytest.raises(AeolianError, match=r"image aeolian/a:1 of the pipeline p is not on this machine.*make images"):
        DockerExecutor(str(script)).ready(spec(transform=transform()))
    assert calls.read_text().split("\n")[:4] == ["image", "inspect", "--format={{.Id}}", "aeolian/a:1"]
    with pytest.raises(UsageError, match="names no image"):
        DockerExecutor(str(script)).ready(spec(transform=transform("")))


def test_no_docker_and_no_engine_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(AeolianError, match=r"no command `docker`.*Install Docker"):
        docker_executor()
    script, _ = client(tmp_path / "bin", "echo Is the docker daemon running? >&2; exit 1")
    monkeypatch.setenv("PATH", str(script.parent))
    with pytest.raises(AeolianError, match=r"No Docker engine answers .Is the docker daemon running.*Start Docker"):
        docker_executor()


def test_an_engine_that_hangs_is_told(tmp_path, monkeypatch):
    script, _ = client(tmp_path / "bin", "exec sleep 30")
    monkeypatch.setattr(docker_client, "_CLIENT_SECONDS", 0.2)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(AeolianError, match="did not answer"):
        docker_executor()


def test_the_container_of_a_datum_is_ended_by_name_and_so_is_one_that_was_left(command, tmp_path, monkeypatch):
    script, calls = client(tmp_path / "bin")
    executor = DockerExecutor(str(script), "i")
    executor.launch(command)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    removal = ["rm", "--force", "--volumes", container_name(command), "--", ""]
    end_leftovers(tmp_path)
    assert calls.read_text().split("\n") == removal
    calls.unlink()
    executor.end(command)
    assert calls.read_text().split("\n") == removal
    calls.unlink()
    end_leftovers(tmp_path)
    assert not calls.exists(), "where nothing is left, Docker is not asked"


def test_links_to_pfs_lead_to_where_it_is_here_and_no_further(command, tmp_path):
    script, _ = client(tmp_path / "bin")
    real = command.pfs / ".scratch"
    (real / "in").mkdir()
    (real / "in" / "a.txt").write_text("a")
    out = real / "out"
    DockerExecutor(str(script), "i").launch(command)
    assert {path.name: str(path.readlink()) for path in command.pfs.iterdir() if path.is_symlink()} == {
        "in": "/pfs/.scratch/in",
        "out": "/pfs/.scratch/out",
    }
    (out / "deep").mkdir()
    (out / "deep" / "a").symlink_to("/pfs/in/a.txt")
    (out / "whole").symlink_to("/pfs/.scratch/in")
    (out / "relative").symlink_to("../in/a.txt")
    (out / "away").symlink_to("/etc/hostname")
    DockerExecutor(str(script), "i").settle(command)
    assert (out / "deep" / "a").read_text() == "a"
    assert (out / "whole" / "a.txt").read_text() == "a"
    assert (out / "relative").readlink() == Path("../in/a.txt")
    assert (out / "away").readlink() == Path("/etc/hostname")


def test_a_rebuilt_image_is_another_program_and_an_old_one_is_not(bench, tmp_path):
    bench.repo("in")
    bench.pipeline("p", ["true"], "in", transform=transform())
    pipeline = find(bench.store, "p")
    one, other = (program_hash(bench.store, pipeline, digest) for digest in ("sha256:1", "sha256:2"))
    assert len({one, other, program_hash(bench.store, pipeline)}) == 3
    assert program_hash(bench.store, pipeline, "sha256:1") == one


def test_datums_run_through_the_client_and_up_leaves_a_finished_pipeline_alone(bench, tmp_path):
    # This client does what a container would, for a program that writes one file.
    made = f"for out in {tmp_path}/home/scratch/*/pfs/.scratch/out; do echo made > $out/made; done"
    body = f'case "$1" in image) echo sha256:1;; run) {made};; esac'
    script, calls = client(tmp_path / "bin", body)
    executor = DockerExecutor(str(script))
    bench.repo("in")
    bench.put("in", {"a": "1"})
    bench.pipeline("p", ["true"], "in", transform=transform())
    assert [job.state for job in Runner(bench.store, executor=executor).run().jobs] == ["success"]
    assert bench.contents("p") == {"made": "made\n"}
    assert "run" in calls.read_text().split("\n")

    def again(digest: str) -> str:
        script.write_text(script.read_text().replace("sha256:1;", f"{digest};"))
        wanted = bench.spec("p", ["true"], "in", transform=transform())
        return create_pipelines(bench.store, [wanted], executor=executor)[0].what

    assert again("sha256:1") == "unchanged"
    assert again("sha256:2") == "updated"


def test_a_missing_image_leaves_the_job_to_be_done_later(bench, tmp_path):
    script, _ = client(tmp_path / "bin", "exit 1")
    bench.repo("in")
    bench.put("in", {"a": "1"})
    bench.pipeline("p", ["sh", "-c", "echo 1 > /pfs/out/a"], "in", transform={"image": "aeolian/a:1"})
    with pytest.raises(AeolianError, match="make images"):
        Runner(bench.store, executor=DockerExecutor(str(script))).run()
    assert bench.job("p").state == "created"
    bench.run()
    assert bench.contents("p") == {"a": "1\n"}


def test_a_mark_says_which_container_it_is(command):
    DockerExecutor("docker", "i").launch(command)
    mark = command.pfs.parent / "container"
    assert mark.read_text() == container_name(command)
    assert stat.S_ISREG(mark.lstat().st_mode)
