"""The command line as its users meet it."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from waiting import SAFETY_S

from aeolian.cli.lines import LineProgress
from aeolian.cli.main import COMMANDS, main
from aeolian.engine.jobs.events import DatumStarted, JobStarted

UPPER = """
pipeline: {name: upper}
transform:
  cmd: [sh, -e]
  stdin:
    - 'if grep -q bad "$songs"; then echo "this one is bad" >&2; exit 3; fi'
    - 'tr a-z A-Z < "$songs" > /pfs/out/$(basename "$songs")'
datum_tries: 1
input: {pfs: {repo: songs, glob: /*}}
"""
ALL = """
{"pipeline": {"name": "all"},
 "autoscaling": true,
 "transform": {"cmd": ["sh", "-c", "cat /pfs/upper/* > /pfs/out/all"]},
 "input": {"pfs": {"repo": "upper", "glob": "/"}}}
"""


@pytest.fixture
def aeolian(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AEOLIAN_HOME", raising=False)
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "upper.yaml").write_text(UPPER)
    (specs / "all.json").write_text(ALL)
    songs = tmp_path / "my-songs"
    songs.mkdir()
    (songs / "a.txt").write_text("one\n")
    (songs / "Söng.txt").write_text("two\n")

    def call(*words, code=0, stdin=None):
        result = CliRunner().invoke(main, list(words), input=stdin)
        assert result.exit_code == code, result.output
        call.stderr = result.stderr
        return result.stdout

    return call


@pytest.fixture
def filled(aeolian):
    aeolian("up", "specs")
    aeolian("put", "file", "songs@master:/", "-r", "-f", "my-songs/")
    return aeolian


def test_from_a_folder_to_the_last_output(aeolian):
    aeolian("up", "specs")
    assert "repo songs: created" in aeolian.stderr
    assert aeolian.stderr.count("not applied here: autoscaling") == 1
    aeolian("put", "file", "songs@master:/", "-r", "-f", "my-songs/")
    assert "/Söng.txt is stored as /Song-" in aeolian.stderr
    assert "upper: success, 2 processed, 0 skipped" in aeolian.stderr
    assert sorted(aeolian("get", "file", "all@master:/all").split()) == ["ONE", "TWO"]


def test_a_failure_tells_pipeline_datum_input_reason_and_where_to_see_more(filled, tmp_path):
    (tmp_path / "bad.txt").write_text("bad")
    filled("put", "file", "songs@master", "-f", "bad.txt", code=1)
    said = filled.stderr
    for part in (
        "pipeline upper failed",
        "songs@master:/bad.txt",
        "exit code 3",
        "| this one is bad",
        "not run, for want",
    ):
        assert part in said
    more = next(line for line in said.splitlines() if "more" in line).split("aeolian ")[1].split()
    assert "this one is bad" in filled(*more)
    assert filled("get", "file", "all@master:/all")


def test_an_input_from_which_nothing_comes_is_told_with_what_its_program_said(aeolian, tmp_path):
    aeolian("create", "repo", "songs")
    (tmp_path / "picky.yaml").write_text(
        "pipeline: {name: picky}\ninput: {pfs: {repo: songs, glob: /*}}\n"
        "transform: {cmd: [sh, -c, 'grep -q one $songs && cp $songs /pfs/out/ || echo this is no song']}\n"
    )
    aeolian("create", "pipeline", "-f", "picky.yaml")
    aeolian("put", "file", "songs@master:/", "-r", "-f", "my-songs")
    assert aeolian.stderr.count("nothing came of") == 1
    assert re.search(r"picky: nothing came of songs:/Song-\S+: this is no song$", aeolian.stderr, re.M)


def test_lists_are_tables_and_json(filled):
    for words in (["repo"], ["pipeline"], ["commit"], ["job"], ["datum", "upper"], ["file", "songs@master"]):
        assert len(filled("list", *words).splitlines()) >= 2
        assert len(json.loads(filled("list", *words, "-o", "json"))) >= 1
    for words in (
        ["repo", "songs"],
        ["pipeline", "upper"],
        ["commit", "upper@master"],
        ["job", "upper"],
        ["file", "songs@master:/a.txt"],
    ):
        assert filled("inspect", *words)
        assert isinstance(json.loads(filled("inspect", *words, "-o", "json")), dict)


def test_inspect_file_tells_the_original_name(filled):
    (name,) = [
        f["path"] for f in json.loads(filled("list", "files", "songs@master", "-o", "json")) if "Song" in f["path"]
    ]
    assert json.loads(filled("inspect", "file", f"songs@master:{name}", "-o", "json"))["original"] == "/Söng.txt"


def test_a_datum_by_the_start_of_its_id(filled):
    first = json.loads(filled("list", "datum", "upper", "-o", "json"))[0]
    assert first["state"] == "success"
    assert "songs@" in filled("inspect", "datum", "upper", first["id"][:8])


def test_no_run_leaves_the_work_to_wait(filled):
    filled("put", "file", "songs@master:/c.txt", "-f", "-", "--no-run", stdin="three\n")
    assert json.loads(filled("list", "job", "-n", "1", "-o", "json"))[0]["state"] == "created"
    filled("wait")
    assert "THREE" in filled("get", "file", "all@master:/all")


def test_what_cannot_be_put_is_named_the_rest_is_put_and_the_exit_code_tells(filled, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "loop").symlink_to("loop")
    (tmp_path / "more" / "b.txt").write_text("four\n")
    filled("put", "file", "songs@master:/", "-r", "-f", "more", code=1)
    assert "more/loop is left out: it is a link that leads back to itself" in filled.stderr
    assert "FOUR" in filled("get", "file", "all@master:/all")


def test_an_open_commit_is_written_by_its_id(filled):
    commit = filled("start", "commit", "songs@master").strip()
    filled("put", "file", f"songs@{commit}:/c.txt", "-f", "-", stdin="three\n")
    filled("finish", "commit", f"songs@{commit}")
    assert "THREE" in filled("get", "file", "all@master:/all")
    assert json.loads(filled("inspect", "repo", "songs", "-o", "json"))["branches"] == ["master"]


def test_delete_file_takes_outputs_along(filled):
    filled("delete", "file", "songs@master:/a.txt")
    assert filled("get", "file", "all@master:/all") == "TWO\n"


def test_squash_and_delete_commit(filled, tmp_path):
    (first,) = [commit["id"] for commit in json.loads(filled("list", "commit", "songs", "-o", "json"))]
    filled("squash", "commit", first, code=2)
    assert "has no child" in filled.stderr
    filled("put", "file", "songs@master:/c.txt", "-f", "-", stdin="three\n")
    filled("squash", "commit", first[:8])
    assert f"commit {first}: removed from all@master, songs@master, upper@master, with 2 jobs" in filled.stderr
    assert len(json.loads(filled("list", "commit", "upper", "-o", "json"))) == 1
    filled("put", "file", "songs@master:/d.txt", "-f", "-", stdin="four\n")
    filled("delete", "commit", "songs@master")
    assert sorted(filled("get", "file", "all@master:/all").split()) == ["ONE", "THREE", "TWO"]


def test_a_secret_is_read_where_it_was_said(filled, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "pipeline: {name: s}\ninput: {pfs: {repo: songs, glob: /}}\ntransform:\n"
        "  {cmd: [sh, -c, 'echo ${#T} > /pfs/out/x'], secrets: [{name: login, key: token, env_var: T}]}\n"
    )
    filled("create", "pipeline", "-f", "s.yaml", code=1)
    assert "pipeline s failed: The secret login:token is needed" in filled.stderr
    (tmp_path / "token").write_text("abc\n")
    filled("update", "pipeline", "-f", "s.yaml", "--secret", "login:token=token")
    assert filled("get", "file", "s@master:/x") == "3\n"
    assert f"login:token={tmp_path}/token" in filled("inspect", "pipeline", "s")
    told = json.loads(filled("inspect", "pipeline", "s", "-o", "json"))["secrets"]
    assert told == [{"name": "login", "key": "token", "where": f"{tmp_path}/token"}]


def test_arguments_are_set_and_recorded(filled, tmp_path):
    (tmp_path / "specs" / "echo.json").write_text(
        '{"pipeline": {"name": "echo"},'
        ' "transform": {"cmd": ["sh", "-c", "echo $0 $@ > /pfs/out/x", "--epochs", "500"]},'
        ' "input": {"pfs": {"repo": "all", "glob": "/"}}}'
    )
    filled("up", "specs", "--arg", "echo:--epochs=2", "--arg", "echo:fast=1")
    assert filled("get", "file", "echo@master:/x") == "--epochs 2 --fast 1\n"
    assert json.loads(filled("inspect", "pipeline", "echo", "-o", "json"))["arguments"] == [
        ["--epochs", "2"],
        ["--fast", "1"],
    ]


def test_lineage_gc_fsck_doctor(filled):
    text = filled("lineage", "all@master:/all")
    assert "by upper" in text and "songs@" in text and "was /Söng.txt" in text
    assert json.loads(filled("lineage", "all@master:/all", "-o", "json"))["pipeline"] == "all"
    filled("lineage", "all@master:/all", "--picture", "all.svg")
    assert Path("all.svg").read_text().startswith("<svg ")
    assert filled("fsck") == "no damage found\n"
    assert filled("gc").startswith("removed 0 contents")
    told = filled("doctor")
    assert "store at" in told
    assert "large inputs are linked" in told or "large inputs are copied" in told
    assert "--executor docker" in told
    assert "GPU" in told


def test_draw(filled, tmp_path):
    assert filled("draw").splitlines() == [
        "songs      repo     2 files",
        "└─ upper   success  2 files",
        "   └─ all  success  1 file",
    ]
    filled("draw", "-o", "dag.svg")
    assert (tmp_path / "dag.svg").read_text().startswith("<svg ")
    assert not list(tmp_path.glob(".partial*"))
    filled("draw", "-o", "dag.png", code=2)
    assert "Name it .svg." in filled.stderr


def test_get_a_folder(filled, tmp_path):
    filled("get", "file", "upper@master", "-r", "-o", "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "ONE\n"


def test_cron_inputs_tick_by_hand(filled, tmp_path):
    (tmp_path / "c.yaml").write_text(
        "pipeline: {name: nightly}\ntransform: {cmd: [sh, -c, 'ls /pfs/tick > /pfs/out/x']}\n"
        "input: {cron: {name: tick, spec: '@daily'}}\n"
    )
    filled("create", "pipeline", "-f", "c.yaml")
    filled("run", "cron", "nightly")
    assert filled("get", "file", "nightly@master:/x").startswith("20")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["put", "file", "song@master", "-f", "my-songs/a.txt"], "Did you mean songs?"),
        (["put", "file", "songs@master", "-f", "my-songs"], "is a folder. Put all that it holds with -r."),
        (["put", "file", "songs@master", "-f", "nothing"], "There is no file nothing."),
        (["put", "file", "upper@master", "-f", "my-songs/a.txt"], "written by the pipeline upper alone"),
        (["put", "file", "song@master", "-f", "nothing"], "Did you mean songs?"),
        (["put", "file", "songs@master:/", "--strict", "-r", "-f", "links"], "links/gone is a link that leads nowhere"),
        (["delete", "file", "songs@master"], "songs@master:/ is a folder. Remove it with all below it with -r."),
        (["get", "file", "songs@master:/x"], "file /x not found in songs@master"),
        (["create", "pipeline", "-f", "specs/all.json"], "already exists"),
        (["inspect", "job", "uper"], "Did you mean upper?"),
        (["up", "nowhere"], "There is no pipeline spec at nowhere."),
        (["up", "specs", "--arg", "x"], "PIPELINE:FLAG=VALUE"),
        (["logs"], "Whose logs?"),
    ],
)
def test_mistakes_are_told_with_the_remedy(filled, tmp_path, words, said):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "gone").symlink_to("nowhere")
    (tmp_path / "links" / "a").write_text("a")
    filled(*words, code=2)
    assert filled.stderr.startswith("error: ")
    assert said in filled.stderr


def test_without_a_store(aeolian):
    aeolian("list", "repo", code=1)
    assert "Begin with" in aeolian.stderr


def test_an_unknown_command_is_suggested():
    assert "Did you mean create?" in CliRunner().invoke(main, ["creat"]).stderr


def leaves(table, words=()):
    for name, (_, second) in table.items():
        if isinstance(second, dict):
            yield from leaves(second, (*words, name))
        else:
            yield (*words, name)


ENGINES = [words for words in leaves(COMMANDS) if words[0] not in ("generate", "transcribe", "render")]


@pytest.mark.parametrize("words", ENGINES, ids=" ".join)
def test_every_command_has_help_with_an_example(words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert "aeolian " in result.stdout.partition("Example:")[2]


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from aeolian.cli.main import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "{'rich', 'yaml', 'numpy', 'sqlite3', 'tensorflow', 'tqdm'} or m.startswith('aeolian.engine')), "
        "file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_stopped_it_ends_its_programs_and_goes_on_later(aeolian, tmp_path, number):
    aeolian("create", "repo", "songs")
    ready, go = tmp_path / "ready", tmp_path / "go"
    os.mkfifo(ready)
    (tmp_path / "slow.yaml").write_text(
        "pipeline: {name: slow}\ninput: {pfs: {repo: songs, glob: /*}}\n"
        f"transform: {{cmd: [sh, -c, 'test -e {go} || {{ echo $$ > {ready}; sleep 1000; }}; cp $songs /pfs/out/']}}\n"
    )
    aeolian("create", "pipeline", "-f", "slow.yaml")
    command = [f"{Path(sys.executable).parent}/aeolian", "put", "file", "songs@master", "-f", "my-songs/a.txt"]
    # A shell that starts the tests in the background has SIGINT ignored, and children inherit that.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    program = int(ready.read_text())
    running.send_signal(number)
    try:
        assert "goes on from here" in running.communicate(timeout=SAFETY_S)[1]
    finally:
        running.kill()
    assert running.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)
    go.touch()
    aeolian("wait")
    assert aeolian("get", "file", "slow@master:/a.txt") == "one\n"


def test_a_long_datums_last_line_is_told_without_a_terminal(tmp_path, capfd):
    log = tmp_path / "log"
    log.write_text("epoch 1\nepoch 2 \x1b[31mloss\x1b[0m 3.1\n")
    progress = LineProgress()
    progress._hear(JobStarted("train", "id", 1, 0))
    progress._hear(DatumStarted("train", "id", "d", "songs:/", log))
    progress._tell(61.0)
    progress._tell(66.0)
    told = capfd.readouterr().err.splitlines()
    assert told == ["train: 1 datums, 0 skipped, 1 to do", "train: 0/1, songs:/: epoch 2 loss 3.1  [1 min 1 s]"]


def test_progress_on_a_terminal(filled, tmp_path):
    pexpect = pytest.importorskip("pexpect", reason="needs pexpect (requirements/dev.txt)")
    (tmp_path / "my-songs" / "b.txt").write_text("three\n")
    command = f"{Path(sys.executable).parent}/aeolian"
    child = pexpect.spawn(
        command, ["put", "file", "songs@master", "-f", "my-songs/b.txt"], timeout=SAFETY_S, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "✔ upper" in child.before and "✔ all" in child.before
    assert "2 skipped" in child.before
