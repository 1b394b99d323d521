"""`datum_batching` in containers: the relay, the shared pipe and socket, and the ends of containers.

In place of Docker stands a client that runs the container's words on this machine, with the paths of the mounts; what
only a real engine can show is in tests/pipeline/test_images.py.
"""

import csv
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from engine_bench import shell
from waiting import SAFETY_S

from aeolian.engine.jobs.records import list_datums
from aeolian.engine.programs import docker, docker_relay
from aeolian.engine.programs.batch_server import BatchServer
from aeolian.engine.programs.docker import DockerExecutor, container_name
from aeolian.engine.programs.executors import Command

CLIENT = """#!{python}
import csv, os, sys
words = sys.argv[1:]
with open({calls!r}, "a") as calls:
    print(*words[:2], words[-1].replace("\\n", " ") if words[0] == "rm" else "", file=calls)
if words[0] == "image":
    print("sha256:1")
if words[0] == "run":
    place = words.index("sha256:1")
    argv = [next(word for word in words if word.startswith("--entrypoint=")).partition("=")[2], *words[place + 1:]]
    for word in words[:place]:
        if word.startswith("--mount="):
            (fields,) = csv.reader([word.partition("=")[2]])
            mount = dict(field.split("=", 1) for field in fields if "=" in field)
            source = mount["source"]
            if mount["target"].startswith("/run"):
                # A socket's path has at most 107 bytes. In a container it is short.
                source = f"/proc/self/fd/{{os.open(source, os.O_RDONLY)}}"
                os.set_inheritable(int(source[14:]), True)
            argv = [argv[0], *(word.replace(mount["target"], source) for word in argv[1:])]
    argv = [sys.executable if word == "python3" else word for word in argv]
    os.execv(argv[0], argv)
"""
# Writes what each datum holds, the number of its process, and how many that process has done. It goes past the links in
# /pfs, which lead into the /pfs of a container.
OURS = """
import os, sys, time
from pathlib import Path
from aeolian.stages.batching import each_datum
pfs, done = Path(sys.argv[1]) / ".scratch", []
def work():
    (path,) = (pfs / "songs").iterdir()
    done.append(path.name)
    print("did", path.name, flush=True)
    assert os.environ["songs"] == "/p" + "fs/songs/" + path.name
    exec(sys.argv[2])
    (pfs / "out" / path.name).write_text(f"{path.read_text()} {os.getpid()} {len(done)}")
each_datum(work)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def batch(bench, monkeypatch, tmp_path):
    """Runs a program on `a.txt` to `d.txt` through the stand-in; each output's (text, process, number)."""
    client, calls = tmp_path / "docker", tmp_path / "calls"
    client.write_text(CLIENT.format(python=sys.executable, calls=str(calls)))
    client.chmod(0o755)
    monkeypatch.setattr(docker, "_WORKER_PORT", free_port())
    # Files are given to nobody, who could not run the Python of this machine; here the program is whoever we are.
    monkeypatch.setattr(os, "chown", lambda *whatever, **options: None)
    bench.repo("songs")
    bench.put("songs", {f"{name}.txt": name.upper() for name in "abcd"})

    def run(*cmd, transform=None, **more):
        transform = {"datum_batching": True, "image": "aeolian/a:1"} | (transform or {})
        bench.pipeline("p", list(cmd), "songs", transform=transform, parallelism_spec={"constant": 1}, **more)
        bench.run(cores=1, executor=DockerExecutor(str(client)))
        run.calls = calls.read_text().splitlines()
        run.records = {record.inputs[0]["path"][1:]: record for record in list_datums(bench.store, bench.job("p"))}
        if bench.job("p").state != "success":
            return None
        return {name: tuple(text.split()) for name, text in bench.contents("p").items()}

    return run


def ours(each="pass"):
    return "python3", "-c", OURS, "/pfs", each


def states(batch):
    return {name[0]: record.state for name, record in batch.records.items()}


def test_one_container_does_every_datum_and_is_ended(batch, bench):
    out = batch(*ours())
    assert [out[f"{name}.txt"][0] for name in "abcd"] == list("ABCD")
    assert len({process for _, process, _ in out.values()}) == 1
    assert sorted(number for _, _, number in out.values()) == list("1234")
    assert [call.split()[0] for call in batch.calls].count("run") == 1
    assert batch.calls[-1].startswith("rm --force aeolian-")
    assert batch.calls[-1].endswith("-batch")
    assert list(bench.store.scratch.iterdir()) == []


def test_each_datum_has_its_own_log(batch):
    batch(*ours())
    assert {name: r.log.read_text() for name, r in batch.records.items()} == {n: f"did {n}\n" for n in batch.records}


def test_an_error_fails_its_datum_alone_and_the_container_goes_on(batch):
    assert batch(*ours("assert path.name != 'b.txt', 'bad'")) is None
    assert states(batch) == dict.fromkeys("acd", "success") | {"b": "failed"}
    assert batch.records["b.txt"].reason == "AssertionError('bad')"
    assert [call.split()[0] for call in batch.calls].count("run") == 1


@pytest.mark.parametrize(
    ("end", "reason"),
    [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), 11)", "exit code 139"), ("os._exit(0)", "it ended with")],
)
def test_a_program_that_ends_fails_the_datum_at_hand_and_another_container_goes_on(batch, end, reason):
    assert batch(*ours(f"path.name == 'b.txt' and {end}")) is None
    assert states(batch) == dict.fromkeys("acd", "success") | {"b": "failed"}
    assert batch.records["b.txt"].reason.startswith(reason)
    assert [call.split()[0] for call in batch.calls].count("run") == 2


def time_enough_s(batch):
    """A limit in whole seconds that no datum comes near, however busy the machine is: 20 times what one takes now."""
    assert batch(*ours())
    return 2 + round(20 * max(record.seconds["process"] for record in batch.records.values()))


def test_too_long(batch):
    limit_s = time_enough_s(batch)
    before = len(batch.calls)
    assert batch(*ours("path.name == 'b.txt' and time.sleep(100_000)"), datum_timeout=f"{limit_s}s") is None
    assert states(batch) == dict.fromkeys("acd", "success") | {"b": "failed"}
    assert batch.records["b.txt"].reason == f"it ran longer than {limit_s} s"
    containers = [call.split()[-1] for call in batch.calls[before:] if call.startswith("rm")]
    assert len(containers) == 2, "the one that took too long is ended, and in the end the other"


def test_an_error_handler_has_a_container_of_its_own(batch, bench):
    transform = {"err_cmd": shell("echo handled")}
    out = batch(*ours("assert path.name != 'b.txt'"), transform=transform)
    assert sorted(out) == ["a.txt", "c.txt", "d.txt"]
    assert len({process for _, process, _ in out.values()}) == 1
    assert "handled" in batch.records["b.txt"].log.read_text()
    assert len({call.split()[-1] for call in batch.calls if call.startswith("rm")}) == 2


def test_a_program_that_cannot_be_started_says_so(batch):
    assert batch("/no/such") is None
    assert "'/no/such' cannot be started: No such file or directory" in batch.records["a.txt"].log.read_text()


def test_the_relay_serves_several_connections_through_a_socket_deep_below(tmp_path):
    """A socket's path has at most 107 bytes; a store may lie deeper."""
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    os.mkfifo(folder / docker_relay.OUTPUT)
    reader = os.open(folder / docker_relay.OUTPUT, os.O_RDONLY | os.O_NONBLOCK)
    asked = []

    def answer(asking):
        asked.append(asking.error)
        threading.Thread(target=asking.answer, args=([f"N={len(asked)}"],)).start()

    server, port = BatchServer(answer, folder), free_port()
    program = (
        "import grpc, sys; from aeolian.next_datum import encode, decode, SERVICE, METHOD\n"
        "for error in ('', 'bad'):\n"
        "    options = [('grpc.use_local_subchannel_pool', 1)]\n"
        "    with grpc.insecure_channel('localhost:' + sys.argv[1], options) as channel:\n"
        "        call = channel.unary_unary(f'/{SERVICE}/{METHOD}', encode, decode)\n"
        "        print(call([error] if error else []), flush=True)"
    )
    relay = Path(docker_relay.__file__).read_text()
    # The relay would find this socket by a path that is short in a container; here by a descriptor's.
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    argv = [sys.executable, "-I", "-c", relay, str(port), f"/proc/self/fd/{here}", sys.executable, "-c", program]
    argv.append(str(port))
    done = subprocess.run(argv, pass_fds=[here], timeout=SAFETY_S, check=False)
    server.close()
    assert (done.returncode, os.read(reader, 1000)) == (0, b"['N=1']\n['N=2']\n")
    assert asked == ["", "bad"]


def test_a_container_of_many_datums_is_told_its_worker_and_sees_it_read_only(tmp_path):
    pfs = tmp_path / "p-batch-1" / "pfs"
    (pfs / "out").mkdir(parents=True)
    one = Command(("prog", "x"), {}, (), "", pfs, None, tmp_path, 1, image="aeolian/a:1", lives_on=True)
    many = replace(one, worker=tmp_path / "worker")
    launch = DockerExecutor("docker", "sha256:1").launch(many)
    mounts = [next(csv.reader([word.removeprefix("--mount=")])) for word in launch.argv if word.startswith("--mount=")]
    assert mounts[1] == ["type=bind", f"source={many.worker}", "target=/run/aeolian", "readonly"]
    assert launch.environment["PPS_WORKER_GRPC_PORT"] == "1080"
    assert launch.argv[-4:] == ["1080", "/run/aeolian", "prog", "x"]
    assert launch.worker == many.worker
    assert container_name(many) == f"{container_name(one)}-batch"
