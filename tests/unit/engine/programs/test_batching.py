"""`datum_batching`: one process for many datums, fed by NextDatum, as Pachyderm's own client calls it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engine_bench import shell
from waiting import wait_until

from aeolian.engine.jobs.records import list_datums
from aeolian.engine.programs.pfs import write_dotenv
from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.engine.upkeep import check
from aeolian.engine.versions import pipelines
from aeolian.next_datum import PORT_VARIABLE, decode, encode

# Writes what each datum holds, the number of its process, and how many that process has done. `each` may fail or end.
OURS = """
import os, sys, time
from pathlib import Path
from aeolian.stages.batching import each_datum
pfs, done = Path(sys.argv[1]), []
def work():
    (path,) = (pfs / "songs").iterdir()
    text = path.read_text()
    done.append(path.name)
    print("did", path.name, flush=True)
    assert os.environ["songs"] == str(path)
    assert not list((pfs / "out").iterdir())
    exec(sys.argv[2])
    (pfs / "out" / path.name).write_text(f"{text} {os.getpid()} {len(done)} {os.environ['PACH_DATUM_ID']}")
each_datum(work)
"""
# The same with the client of pachyderm_sdk. Here /pfs is a folder like any other, and its .env is read from there.
THEIRS = """
import os, sys
from pathlib import Path
import pachyderm_sdk.api.worker.extension as extension
from pachyderm_sdk import batch_all_datums
pfs, done = Path(sys.argv[1]), []
extension.DOTENV_PATH_WORKER = pfs / ".env"
@batch_all_datums
def work():
    (path,) = (pfs / "songs").iterdir()
    done.append(path.name)
    print("did", path.name, flush=True)
    assert os.environ["songs"] == str(path)
    if path.name == sys.argv[2]:
        raise ValueError("not this one")
    (pfs / "out" / path.name).write_text(f"{path.read_text()} {os.getpid()} {len(done)} {os.environ['PACH_DATUM_ID']}")
work()
"""


@pytest.fixture
def batch(bench):
    """Runs a program on `a.txt` to `e.txt` with one worker; each output's (text, process, number, datum)."""
    bench.repo("songs")
    bench.put("songs", {f"{name}.txt": name.upper() for name in "abcde"})

    def run(*cmd, transform=None, workers=1, **more):
        transform = {"datum_batching": True} | (transform or {})
        bench.pipeline("p", list(cmd), "songs", transform=transform, parallelism_spec={"constant": workers}, **more)
        bench.run(cores=workers)
        run.records = {record.inputs[0]["path"][1:]: record for record in list_datums(bench.store, bench.job("p"))}
        if bench.job("p").state != "success":
            return None
        return {name: tuple(text.split()) for name, text in bench.contents("p").items()}

    return run


def ours(each="pass"):
    return "python3", "-c", OURS, "/pfs", each


def states(batch):
    return {name[0]: record.state for name, record in batch.records.items()}


def test_one_process_does_every_datum(batch, bench):
    out = batch(*ours())
    assert [out[f"{name}.txt"][0] for name in "abcde"] == list("ABCDE")
    assert len({process for _, process, _, _ in out.values()}) == 1
    assert sorted(number for _, _, number, _ in out.values()) == list("12345")
    assert {name: datum for name, (_, _, _, datum) in out.items()} == {n: r.id for n, r in batch.records.items()}
    assert list(bench.store.scratch.iterdir()) == []


def test_each_datum_has_its_own_log(batch):
    batch(*ours())
    assert {name: r.log.read_text() for name, r in batch.records.items()} == {n: f"did {n}\n" for n in batch.records}


def test_the_client_of_pachyderm_sdk(batch):
    out = batch("python3", "-c", THEIRS, "/pfs", "none")
    assert [out[f"{name}.txt"][0] for name in "abcde"] == list("ABCDE")
    assert len({process for _, process, _, _ in out.values()}) == 1
    assert {name: datum for name, (_, _, _, datum) in out.items()} == {n: r.id for n, r in batch.records.items()}


def test_the_client_of_pachyderm_sdk_reports_an_error(batch):
    assert batch("python3", "-c", THEIRS, "/pfs", "c.txt") is None
    assert states(batch) == dict.fromkeys("abde", "success") | {"c": "failed"}
    assert batch.records["c.txt"].reason == "ValueError('not this one')"


def test_two_workers_are_two_processes(batch):
    out = batch(*ours("time.sleep(0.3)"), workers=2)
    assert len({process for _, process, _, _ in out.values()}) == 2


def test_an_error_fails_its_datum_alone_and_the_process_goes_on(batch):
    assert batch(*ours("assert path.name != 'b.txt', 'bad'")) is None
    assert states(batch) == dict.fromkeys("acde", "success") | {"b": "failed"}
    record = batch.records["b.txt"]
    assert (record.reason, record.tries) == ("AssertionError('bad')", 1)
    assert "Traceback" in record.log.read_text()


def test_an_error_is_no_return_code_to_be_accepted(batch):
    assert batch(*ours("assert path.name != 'b.txt'"), transform={"accept_return_code": [1]}) is None


def test_tries(batch):
    out = batch(*ours("assert path.name != 'b.txt' or done.count('b.txt') == 3"), datum_tries=3)
    assert (batch.records["b.txt"].tries, batch.records["a.txt"].tries) == (3, 1)
    assert len({process for _, process, _, _ in out.values()}) == 1
    assert sorted(number for _, _, number, _ in out.values())[-1] == "7"


def test_a_recovered_datum(batch, bench):
    out = batch(*ours("assert path.name != 'b.txt'"), transform={"err_cmd": shell("echo handled $songs")})
    assert sorted(out) == ["a.txt", "c.txt", "d.txt", "e.txt"]
    assert len({process for _, process, _, _ in out.values()}) == 1
    assert bench.job("p").recovered == 1
    assert "handled" in batch.records["b.txt"].log.read_text()


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "it ended without asking for another datum"),
    ],
)
def test_a_process_that_ends_fails_the_datum_at_hand_and_another_goes_on(batch, end, reason):
    assert batch(*ours(f"path.name == 'b.txt' and {end}")) is None
    assert states(batch) == dict.fromkeys("acde", "success") | {"b": "failed"}
    assert batch.records["b.txt"].reason.startswith(reason)


def test_a_datum_that_ended_a_process_is_tried_in_another(batch, bench):
    seen = bench.folder / "seen"
    out = batch(*ours(f"path.name != 'b.txt' or Path({str(seen)!r}).exists() or [0 for _ in [open({str(seen)!r}, 'w')]]"
                      f" and os._exit(3)"), datum_tries=2)  # fmt: skip
    assert batch.records["b.txt"].tries == 2
    assert len({process for _, process, _, _ in out.values()}) == 2


def time_enough_s(batch):
    """A limit in whole seconds that no datum comes near, however busy the machine is: 20 times what one takes now."""
    assert batch(*ours())
    return 2 + round(20 * max(record.seconds["process"] for record in batch.records.values()))


def test_too_long(batch):
    limit_s = time_enough_s(batch)
    assert batch(*ours("path.name == 'b.txt' and time.sleep(100_000)"), datum_timeout=f"{limit_s}s") is None
    assert states(batch) == dict.fromkeys("acde", "success") | {"b": "failed"}
    assert batch.records["b.txt"].reason == f"it ran longer than {limit_s} s"


def test_a_program_that_does_not_ask_fails_with_the_reason(batch):
    assert batch(*shell("true")) is None
    assert all("datum_batching" in record.reason for record in batch.records.values())


def test_no_such_program(batch):
    assert batch("/no/such", datum_tries=3) is None
    assert {(r.reason, r.tries) for r in batch.records.values()} == {
        ("'/no/such' cannot be started: No such file or directory", 1)
    }


def test_what_was_done_is_skipped_and_batching_is_no_part_of_a_datum(batch, bench):
    batch(*ours())
    bench.put("songs", {"f.txt": "F"})
    bench.run(cores=1)
    assert (bench.job("p").processed, bench.job("p").skipped) == (1, 5)
    bench.pipeline("p", list(ours()), "songs", update=True)
    bench.put("songs", {"g.txt": "G"})
    bench.run(cores=1)
    assert (bench.job("p").processed, bench.job("p").skipped) == (1, 6)


def test_a_file_still_open_after_its_datum_cannot_change_the_store(batch, bench):
    size = SMALL_BYTES + 1
    held = (
        f"globals().setdefault('held', []); held and (held[-1].seek(0), held[-1].write(b'bad'));"
        f"held.append((pfs / 'out' / (path.name + 'held')).open('wb', 0)); held[-1].write(text.encode() * {size})"
    )
    bench_out = batch(*ours(held))
    assert bench_out["a.txtheld"] == ("A" * size,)
    assert list(check(bench.store)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks the process up in /proc")
def test_leftovers_of_the_process_are_killed(batch):
    start = "import subprocess; pid = subprocess.Popen(['sleep', '1000'], start_new_session=True).pid"
    out = batch(*ours(f"{start}; (pfs / 'out' / f'{{path.stem}}.pid').write_text(str(pid))"))
    for name in "abcde":
        assert not is_running(int(out[f"{name}.pid"][0]))


@pytest.mark.skipif(sys.platform != "linux", reason="looks the process up in /proc")
def test_killed_with_a_process_at_work(bench):
    """A killed engine leaves its process; the next one ends it, keeps what was done, and does the rest."""
    bench.repo("songs")
    bench.put("songs", {f"{name}.txt": name.upper() for name in "abcde"})
    note = bench.folder / "process"
    each = f"n = Path({str(note)!r}); path.name == 'd.txt' and not n.exists() and (n.touch(), time.sleep(60))"
    more = {"transform": {"datum_batching": True}, "parallelism_spec": {"constant": 1}}
    pipelines.create_pipelines(bench.store, [bench.spec("p", list(ours(each)), "songs", **more)])
    code = (
        "import sys; from pathlib import Path; from aeolian.engine.jobs.scheduler import Runner;"
        "from aeolian.engine.storage.store import Store; Runner(Store(Path(sys.argv[1])), cores=1).run()"
    )
    victim = subprocess.Popen([sys.executable, "-c", code, str(bench.store.home)])
    wait_until(note.exists, "the fourth datum")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    (noted,) = bench.store.scratch.glob("*.process/pid")
    left = int(noted.read_text().split()[0])
    assert b"each_datum" in Path(f"/proc/{left}/cmdline").read_bytes()
    done = len(list_datums(bench.store, bench.job("p")))
    bench.run(cores=1)
    assert not is_running(left)
    assert list(bench.store.scratch.iterdir()) == []
    out = {name: text.split() for name, text in bench.contents("p").items()}
    assert [out[f"{name}.txt"][0] for name in "abcde"] == list("ABCDE")
    assert [number for _, _, number, _ in out.values()].count("1") == 2
    assert done == 3


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_stage_without_batching_does_its_work_once(tmp_path, monkeypatch):
    from aeolian.stages.batching import each_datum

    monkeypatch.delenv(PORT_VARIABLE, raising=False)
    done = []
    each_datum(lambda: done.append(1))
    assert done == [1]


def test_a_stage_whose_worker_has_no_batching_does_its_work_once(monkeypatch):
    """A cluster tells every program its port; only the answer tells whether there is batching."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from aeolian.stages.batching import each_datum

    def refuse(request, context):
        context.abort(grpc.StatusCode.UNKNOWN, "datum batching not enabled")

    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.method_handlers_generic_handler(
        "pachyderm.worker.Worker", {"NextDatum": grpc.unary_unary_rpc_method_handler(refuse)}
    )
    server.add_generic_rpc_handlers([handler])
    monkeypatch.setenv(PORT_VARIABLE, str(server.add_insecure_port("127.0.0.1:0")))
    server.start()
    done = []
    each_datum(lambda: done.append(1))
    server.stop(None)
    assert done == [1]


@pytest.mark.parametrize("texts", [[], ["a"], ["A=b", "", "ä" * 200, "x" * 70_000]])
def test_the_messages_are_those_of_pachyderm_sdk(texts):
    from pachyderm_sdk.api.worker import NextDatumRequest, NextDatumResponse

    assert decode(bytes(NextDatumResponse(env=texts))) == texts
    assert NextDatumResponse().parse(encode(texts)).env == texts
    assert NextDatumRequest().parse(encode(texts[:1])).error == "".join(texts[:1])


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\x0a", b"\x0b", b"\x80"])
def test_a_message_cut_short_is_refused(message):
    with pytest.raises(ValueError, match=r"byte|kind"):
        decode(message)


def test_dotenv_is_read_back_as_it_was(tmp_path):
    from dotenv import dotenv_values

    values = {"a": "it's", "audio-in": "two words # no comment", "c": 'back\\slash "quoted"', "d": "", "e": "ä=ö"}
    write_dotenv(tmp_path, values)
    assert dict(dotenv_values(tmp_path / ".env")) == values
