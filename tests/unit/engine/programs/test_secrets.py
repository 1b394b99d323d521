"""Secrets: read where the mapping says, when a job runs, and left nowhere."""

from pathlib import Path

import pytest
from engine_bench import shell, spec_of

from aeolian.engine.programs.secrets import Place, merged, parse_place, resolve, resolve_mounts
from aeolian.engine.versions import pipelines
from aeolian.engine.versions.program import program_hash
from aeolian.errors import AeolianError, UsageError
from aeolian.platform.specs.spec import Secret

CONTENT = "hunter2-/pfs/out-$(x)"
VARIABLE = {"name": "login", "key": "token", "env_var": "TOKEN"}
FOLDER = {"name": "login", "mount_path": "/etc/login"}


@pytest.fixture
def token(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    path = bench.folder / "the-token"
    path.write_text(f"{CONTENT}\n")
    return path


def make(bench, script, secrets, *places, update=None):
    spec = bench.spec("p", shell(script), "songs", transform={"secrets": secrets})
    pipelines.create_pipelines(bench.store, [spec], secrets=[parse_place(place) for place in places], update=update)


def everything(bench):
    bench.store.db.run("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(path.read_bytes() for path in bench.store.home.rglob("*") if path.is_file())


def test_a_variable_holds_the_secret_as_it_is(bench, token):
    script = f'test "$TOKEN" = "$(cat {token})" && echo good > /pfs/out/x'
    make(bench, script, [VARIABLE], f"login:token={token}")
    assert not bench.run().failed
    assert bench.contents("p") == {"x": "good\n"}
    assert b"hunter2" not in everything(bench)


def test_files_stand_below_the_mount_path(bench, token):
    script = 'f=$(echo /etc/login/*); wc -c < $f > /pfs/out/$(basename $f); test "$1" = "--login=$f"'
    spec = bench.spec("p", [*shell(script), "sh", "--login=/etc/login/token"], "songs", transform={"secrets": [FOLDER]})
    pipelines.create_pipelines(bench.store, [spec], secrets=[parse_place(f"login:token={token}")])
    assert not bench.run().failed
    assert bench.contents("p") == {"token": f"{len(CONTENT) + 1}\n"}
    assert token.read_text() == f"{CONTENT}\n"
    assert b"hunter2" not in everything(bench)


def test_a_program_cannot_hand_the_mount_out_by_a_link(bench, token):
    make(bench, "ln -s /etc/login/token /pfs/out/x", [FOLDER], f"login:token={token}")
    assert bench.run().failed
    assert b"hunter2" not in everything(bench)


def test_an_environment_variable_is_read_when_the_job_runs(bench, token, monkeypatch):
    monkeypatch.delenv("MY_TOKEN", raising=False)
    make(bench, "echo ${#TOKEN} > /pfs/out/x", [VARIABLE], "login=env:MY_TOKEN")
    (job,) = bench.run().jobs
    assert (job.state, job.processed, job.failed) == ("failure", 0, 0)
    assert "login:token is to be read from $MY_TOKEN, which is not set" in job.reason
    monkeypatch.setenv("MY_TOKEN", "four")
    pipelines.run_pipeline(bench.store, "p")
    assert not bench.run().failed
    assert bench.contents("p") == {"x": "4\n"}


def test_a_secret_without_a_place_fails_the_job_before_any_datum(bench, token):
    make(bench, "echo ran > /pfs/out/x", [VARIABLE])
    (job,) = bench.run().jobs
    assert (job.state, job.processed, job.failed) == ("failure", 0, 0)
    assert "The secret login:token is needed, and nothing says where it is." in job.reason
    assert "--secret login:token=FILE" in job.reason
    make(bench, "echo ran > /pfs/out/x", [VARIABLE], f"login:token={token}")
    assert not bench.run().failed


def test_places_are_kept_by_an_update_and_a_new_one_redoes_nothing(bench, token):
    make(bench, "echo ran > /pfs/out/x", [VARIABLE], f"login:token={token}")
    bench.run()
    make(bench, "echo again > /pfs/out/x", [VARIABLE], update=True)
    assert not bench.run().failed
    moved = token.rename(bench.folder / "elsewhere")
    make(bench, "echo again > /pfs/out/x", [VARIABLE], f"login:token={moved}")
    bench.run()
    assert bench.job("p").skipped == 1
    assert pipelines.inspect_pipeline(bench.store, "p").secrets == (Place("login", "token", str(moved)),)


def test_the_secret_itself_is_no_part_of_the_programs_hash_but_the_wish_is(bench, token):
    make(bench, "true", [VARIABLE], f"login:token={token}")
    first = program_hash(bench.store, pipelines.inspect_pipeline(bench.store, "p"))
    make(bench, "true", [VARIABLE], "login:token=env:X", update=True)
    assert program_hash(bench.store, pipelines.inspect_pipeline(bench.store, "p")) == first
    make(bench, "true", [FOLDER], update=True)
    assert program_hash(bench.store, pipelines.inspect_pipeline(bench.store, "p")) != first


def test_a_secret_that_no_spec_names_is_refused(bench, token):
    with pytest.raises(UsageError, match=r"No spec names the secret 'logn'. Did you mean login\?"):
        make(bench, "true", [VARIABLE], f"logn={token}")


@pytest.mark.parametrize("text", ["", "x", "=f", "a:=f", "a=", "a=env:", "a:b/c=f", "hunter2"])
def test_an_unclear_place_is_refused_without_repeating_it(text):
    with pytest.raises(UsageError, match="A --secret is not clear") as caught:
        parse_place(text)
    assert "hunter2" not in str(caught.value)


def test_places():
    assert parse_place("a:b.c=env:X") == Place("a", "b.c", "env:X")
    assert parse_place("a=x=y") == Place("a", "", str(Path("x=y").absolute()))
    old = (Place("a", "k", "/1"), Place("b", "k", "/2"), Place("c", "k", "/3"))
    assert merged(old, [Place("b", "k", "/4")], [Secret("a"), Secret("b")]) == (old[0], Place("b", "k", "/4"))


@pytest.mark.parametrize(
    ("secret", "place", "said"),
    [
        (Secret("a", "k", env_var="X"), "a:k=/nowhere", "No such file"),
        (Secret("a", "other", env_var="X"), "a:k=/nowhere", "nothing says where"),
        (Secret("a", "k", env_var="X"), "a:k=/", "Is a directory"),
        (Secret("a", mount_path="/m"), "a:k=/nowhere", "there is no such file"),
        (Secret("a", mount_path="/m"), "a:k=env:HOME", "wanted as a file"),
    ],
)
def test_what_cannot_be_read_is_named(secret, place, said):
    with pytest.raises(AeolianError, match=said):
        resolve([secret], [parse_place(place)])


def test_a_zero_byte_is_no_variable(tmp_path):
    (tmp_path / "f").write_bytes(b"a\0b")
    with pytest.raises(AeolianError, match="zero byte"):
        resolve([Secret("a", "k", env_var="X")], [Place("a", "k", str(tmp_path / "f"))])


def test_only_whole_paths_are_resolved():
    mounts = [("/etc/a", Path("/1")), ("/etc/a/b", Path("/2"))]
    text = "/etc/a/x --f=/etc/a/b/y /etc/ab /x/etc/a"
    assert resolve_mounts(text, mounts) == "/1/x --f=/2/y /etc/ab /x/etc/a"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ({"key": "k", "env_var": "X"}, "lacks name"),
        ({"name": "a", "env_var": "X"}, "lacks key"),
        ({"name": "a", "key": "k"}, "neither env_var nor mount_path"),
        ({"name": "a", "mount_path": "etc"}, "absolute path"),
    ],
)
def test_a_spec_says_what_it_wants(secret, said):
    with pytest.raises(UsageError, match=said):
        spec_of(
            {
                "pipeline": {"name": "p"},
                "transform": {"cmd": ["x"], "secrets": [secret]},
                "input": {"pfs": {"repo": "a", "glob": "/"}},
            }
        )
