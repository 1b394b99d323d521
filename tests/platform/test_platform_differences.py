"""What is not the same on purpose, where no test of its subject says it already."""

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from contract import copy, cross, differs, group, pfs, spec
from platforms import Outcome, success

IN = pfs("in", "/*", name="in")


def is_local(engine):
    return engine.name == "local"


def started(engine, *script, **more):
    """A pipeline over one file, done; its outcome."""
    engine.repo("in")
    engine.put("in@master:/f", "foo\n")
    engine.create(spec("p", IN, *script, **more))
    return engine.outcome("p")


# Putting


def archive(**members):
    """A tar file's bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


@differs("`--untar` puts below the path of the address")
def test_an_archive_goes_below_the_path_here_and_to_the_root_there(engine):
    engine.repo("in")
    path = engine.folder / "songs.tar"
    path.write_bytes(archive(**{"a/one": "1", "two": "2"}))
    engine.do("put file", "in@master:/below", "--untar", "-f", str(path))
    below = "/below" if is_local(engine) else ""
    assert engine.contents("in@master") == {f"{below}/a/one": "1", f"{below}/two": "2"}


@differs("`./x` is `/x`")
def test_an_archive_of_dotted_names(engine):
    engine.repo("in")
    path = engine.folder / "songs.tar"
    path.write_bytes(archive(**{"./x": "1"}))
    words = ("put file", "in@master:/", "--untar", "-f", str(path))
    if is_local(engine):
        engine.do(*words)
        assert engine.contents("in@master") == {"/x": "1"}
    else:
        engine.refuse(*words)


@contextmanager
def web_server() -> Iterator[str]:
    """The address of a web server on this machine's loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fetched")

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/song"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@differs("of a URL, http and https alone, of public addresses")
def test_a_local_address_is_fetched_by_permission_alone(engine):
    engine.repo("in")
    with web_server() as url:
        if is_local(engine):
            assert "--allow-local-addresses" in engine.refuse("put file", "in@master:/song", "-f", url)
            engine.do("put file", "in@master:/song", "-f", url, "--allow-local-addresses")
            assert engine.get("in@master:/song") == "fetched"
        else:
            # pachd runs in a network of its own here, whose loopback is not ours: it tries, and finds nobody.
            assert "connection refused" in engine.refuse("put file", "in@master:/song", "-f", url)
    engine.refuse("put file", "in@master:/song", "-f", "gopher://example.com/song")


@differs("`put file` into an output branch is refused, also while its job runs")
def test_a_put_into_an_output_branch_whose_job_runs(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    if is_local(engine):
        engine.create(copy("p", "in"), "--no-run")
        engine.refuse("put file", "p@master:/mine", "-f", "-", input="y")
        engine.settle()
        assert engine.files("p@master") == ["/f"]
    else:
        engine.create(spec("p", IN, "sleep 15; cp /pfs/in/* /pfs/out/"))
        engine.wait(lambda: engine.raw("list job -p p")[0].get("state") == "JOB_RUNNING", "the job")
        engine.put("p@master:/mine", "y")
        engine.settle()
        assert engine.files("p@master") == ["/f", "/mine"]


@differs("a put while another commit is open runs at once")
def test_a_put_while_another_input_is_open(engine):
    engine.repo("a", "b")
    engine.put("a@master:/f", "1")
    engine.put("b@master:/f", "1")
    engine.create(spec("p", cross(pfs("a", "/"), pfs("b", "/")), "cat /pfs/a/f /pfs/b/f > /pfs/out/f"))
    engine.settle()
    engine.do("start commit", "a@master")
    engine.put("a@master:/f", "2")
    engine.put("b@master:/f", "3")
    if is_local(engine):
        assert engine.get("p@master:/f") == "13"
    engine.do("finish commit", "a@master")
    engine.settle()
    assert engine.get("p@master:/f") == "23"


# History


@differs("`squash commit` removes also the first commit of a pipeline")
def test_the_first_commit_of_a_pipeline(engine):
    engine.repo("in")
    engine.create(copy("p", "in"))
    engine.settle()
    first = engine.head("p")
    engine.put("in@master:/f", "x")
    engine.settle()
    assert engine.head("p") != first
    if is_local(engine):
        engine.do("squash commit", first)
        assert first not in engine.commits("p@master")
    else:
        engine.run("squash commit", first)
        assert first in engine.commits("p@master")


# Specs


@differs("several pipelines of one file are made together or not at all")
def test_a_file_of_a_good_and_a_bad_spec(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    good, bad = copy("good", "in"), copy("bad", "nowhere")
    text = "\n---\n".join(json.dumps(engine.complete(each)) for each in (good, {**bad, "input": {}}))
    engine.refuse("create pipeline", "-f", engine.text_file(text, "two.json"))
    names = [each["pipeline"]["name"] for each in engine.raw("list pipeline")]
    assert names == ([] if is_local(engine) else ["good"])


@differs("a file that a group over a cross names several times is in the datum once")
def test_a_group_over_a_cross(engine):
    engine.repo("a", "b")
    engine.put_tree("a@master:/", {"x1": "1"})
    engine.put_tree("b@master:/", {"y1": "1", "y2": "2"})
    over = cross(pfs("a", "/(x)*", group_by="k"), pfs("b", "/(y)*", group_by="k"))
    [datum] = engine.cut(group(over))
    times = 1 if is_local(engine) else 2
    assert datum == ["a:/x1"] * times + ["b:/y1", "b:/y2"]


# Lists and logs


@differs("`list job` has a line a job")
def test_a_line_a_job_or_a_line_an_id(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.create(copy("p", "in"))
    engine.create(copy("q", "p"))
    engine.settle()
    engine.put("in@master:/g", "x")
    engine.settle()
    lines = [line for line in engine.do("list job").splitlines() if engine.head("in")[:12] in line]
    assert len(lines) == (2 if is_local(engine) else 1)


@differs("`list`, `inspect` take `-o` without `--raw`")
@pytest.mark.parametrize("words", [("list repo",), ("inspect repo", "in")])
def test_json_without_raw(engine, words):
    engine.repo("in")
    if is_local(engine):
        assert "in" in engine.do(*words, "-o", "json")
    else:
        engine.refuse(*words, "-o", "json")
    assert "in" in engine.do(*words, "--raw", "-o", "json")


@differs("`logs` shows a job's logs, datum by datum with headings, also of skipped datums")
def test_logs_of_a_skipped_datum(engine):
    assert started(engine, "echo said of $(basename $in)", "cp $in /pfs/out/") == success(1)
    engine.put("in@master:/g", "bar\n")
    assert engine.outcome("p") == success(1, skipped=1)
    job = engine.job("p")["job"]["id"]
    engine.wait(lambda: "said of g" in engine.do("logs", "-j", f"p@{job}"), "the log")
    said = engine.do("logs", "-j", f"p@{job}")
    assert ("said of f" in said) == is_local(engine)


@differs("`restart datum` also works with `datum_tries` 1: it uses up no try. On a finished job it is refused")
def test_a_datum_of_a_finished_job_is_not_restarted(engine):
    assert started(engine, "cp $in /pfs/out/") == success(1)
    [datum] = engine.raw("list datum", f"p@{engine.job('p')['job']['id']}")
    engine.refuse("restart datum", f"p@{engine.job('p')['job']['id']}", datum["datum"]["id"])


# Programs


@differs("a hard link to an input of 32 MiB or more fails")
def test_a_hard_link_to_a_large_input(engine):
    engine.repo("in")
    engine.put("in@master:/f", b"x" * (32 * 1024 * 1024))
    engine.create(spec("p", IN, "ln /pfs/in/f /pfs/out/hard || cp /pfs/in/f /pfs/out/copied", datum_tries=1))
    assert engine.outcome("p") == success(1)
    if not is_local(engine):
        assert engine.files("p@master") == ["/hard"]
    else:
        # Where this machine lets nobody mount, the input is a copy, and a link to it does no harm.
        assert engine.files("p@master") in (["/copied"], ["/hard"])


@differs("a link to another output is that file")
def test_a_link_to_another_output(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.create(spec("p", IN, "cp /pfs/in/f /pfs/out/one; ln -s /pfs/out/one /pfs/out/two", datum_tries=1))
    if is_local(engine):
        assert engine.outcome("p") == success(1)
        assert engine.contents("p@master") == {"/one": "x", "/two": "x"}
    else:
        engine.wait(lambda: int(engine.raw("list job -p p")[0].get("restart", 0)) >= 2, "a job that restarts for ever")
        engine.do("stop pipeline", "p")


@differs("a process has `PATH`, library paths, `HOME`, language, time zone")
def test_the_environment_of_who_typed_the_command(engine, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert started(engine, "echo [$MY_TOKEN] [$TZ] > /pfs/out/seen") == success(1)
    assert engine.get("p@master:/seen") == ("[] [Asia/Tokyo]\n" if is_local(engine) else "[] []\n")


@differs("`PPS_WORKER_GRPC_PORT` with batching alone")
def test_the_port_of_the_worker(engine):
    assert started(engine, "echo [$PPS_WORKER_GRPC_PORT] > /pfs/out/seen") == success(1)
    assert (engine.get("p@master:/seen") == "[]\n") == is_local(engine)


@differs("a program that is not there is not tried again")
def test_a_program_that_is_not_there(engine):
    outcome = started(engine, datum_tries=3, transform={"cmd": ["no-such-program"]})
    assert outcome == Outcome("JOB_FAILURE", 0, 0, 1, 0, 1)


@differs("a process starts in its datum's folder, as you")
def test_who_and_where_a_program_is(engine):
    assert started(engine, "echo $(id -u) $(pwd) > /pfs/out/seen") == success(1)
    user, folder = engine.get("p@master:/seen").split()
    if is_local(engine):
        assert (int(user), folder.startswith(str(engine.folder))) == (os.getuid(), True)
    else:
        assert (user, folder) == ("0", "/")
