"""What a program finds in /pfs and in its environment: what it would on a cluster."""

from pathlib import Path

import pytest
from engine_bench import shell

from aeolian.engine.jobs.records import list_datums
from aeolian.engine.programs.environment import expand_references, machine_environment
from aeolian.engine.programs.pfs import link_folders


@pytest.fixture
def songs(bench):
    """Runs a script on `songs` as one datum; the job's outputs, or why the datum failed."""
    bench.repo("songs")
    bench.put("songs", {"a.txt": "A", "dir/b.txt": "B", "dir/sub/c.bin": b"\1" * 100_000})

    def run(script, glob="/", **more):
        bench.pipeline("p", shell(script), "songs", glob, **more)
        bench.run()
        (record,) = list_datums(bench.store, bench.job("p"))
        return bench.contents("p") if bench.job("p").state == "success" else record.reason

    return run


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("find /pfs/songs -type f | wc -l", 0),
        ("find /pfs/songs/ -type f | wc -l", 3),
        ("ls -d /pfs/songs/* | wc -l", 2),
        ("find -L /pfs/songs -type f | wc -l", 3),
        ("tar -cf - -C /pfs songs | tar -tf - | wc -l", 1),
        ("cp -r /pfs/songs X; find X/ -type f | wc -l; test -L X", 3),
        ("test -L /pfs/songs && test -L /pfs/out && ls -A /pfs | wc -l", 4),
    ],
)
def test_inputs_and_out_are_links(songs, script, found):
    assert songs(f"echo $({script}) > /pfs/out/x") == {"x": f"{found}\n"}


def test_python_walks_through_the_links(songs):
    script = (
        "import glob, os, pathlib, sys; pfs = sys.argv[1];"
        "print(sum(len(f) for _, _, f in os.walk(pfs + '/songs')), len(list(pathlib.Path(pfs, 'songs').rglob('*.*'))),"
        " len(glob.glob(pfs + '/songs/**/*.*', recursive=True)), file=open(pfs + '/out/x', 'w'))"
    )
    assert songs(f'python3 -Sc "{script}" /pfs') == {"x": "3 3 3\n"}


def test_a_folder_made_in_the_place_of_out_is_not_out(songs):
    assert songs("echo lost > /pfs/out/x; rm -rf /pfs/out; mkdir /pfs/out; echo lost > /pfs/out/y") == {"x": "lost\n"}


@pytest.mark.parametrize(
    "link",
    [
        "ln -s /pfs/songs/dir /pfs/out/dir",
        "ln -s ../songs/dir /pfs/out/dir",
        "cp -r /pfs/songs /pfs/out/all; mv /pfs/out/all /pfs/out/x; rm /pfs/out/x; ln -s /pfs/songs/dir/ /pfs/out/dir",
    ],
)
def test_a_link_to_a_folder_of_an_input_is_all_that_is_below_it(songs, link):
    assert songs(link) == {"dir/b.txt": "B", "dir/sub/c.bin": "\1" * 100_000}


def test_a_copied_link_to_an_input_is_that_input(songs):
    assert sorted(songs("cp -r /pfs/songs /pfs/out/")) == ["songs/a.txt", "songs/dir/b.txt", "songs/dir/sub/c.bin"]


def test_a_link_to_an_output_is_that_output_in_whichever_order_they_are_found(songs):
    script = "for n in 1 2 3 4 5 6; do head -c 100000 /dev/zero > /pfs/out/f$n; ln -s f$n /pfs/out/l$n; done"
    assert songs(script) == {f"{kind}{n}": "\0" * 100_000 for kind in "fl" for n in range(1, 7)}


def test_named_pipes_are_left_out(songs):
    assert songs("mkfifo /pfs/out/pipe; echo x > /pfs/out/x") == {"x": "x\n"}


def test_the_path_of_a_whole_repo_has_no_slash_at_its_end(songs):
    assert songs('echo "${songs##*/}" > /pfs/out/x; echo "${songs_COMMIT}" > /pfs/out/y')["x"] == "songs\n"


def test_modes(songs):
    out = songs("stat -c %a /pfs/songs/ /pfs/songs/dir /pfs/songs/a.txt > /pfs/out/x")
    assert out == {"x": "700\n700\n644\n"}


def test_dotenv_is_always_there(songs):
    transform = {"env": {"MODEL": "/pfs/songs/a.txt"}}
    out = songs("cp /pfs/.env /pfs/out/dotenv; env > /pfs/out/env", transform=transform)
    told = dict(line.split("=", 1) for line in out["dotenv"].splitlines())
    env = dict(line.split("=", 1) for line in out["env"].splitlines() if "=" in line)
    assert set(told) >= {"songs", "songs_COMMIT", "PACH_DATUM_ID", "PACH_JOB_ID", "PPS_PIPELINE_NAME", "MODEL"}
    assert {name: value.strip("'") for name, value in told.items()}.items() <= env.items()


def test_nothing_of_who_typed_the_command_is_in_the_environment(songs, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s3cret@proxy")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    out = songs("env > /pfs/out/env; echo [$MY_TOKEN] > /pfs/out/e")
    assert out["e"] == "[]\n"
    assert "s3cret" not in out["env"]
    assert {"PATH", "HOME", "LC_ALL", "TMPDIR"} <= {line.partition("=")[0] for line in out["env"].splitlines()}


def test_the_python_that_runs_aeolian_comes_first(monkeypatch):
    import sys

    monkeypatch.setenv("PATH", "/usr/bin")
    assert machine_environment()["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_each_datum_has_an_empty_folder_for_temporary_files(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1", "b": "2"})
    script = 'ls -A "$TMPDIR" | wc -l | tr -d " " > /pfs/out/$(basename "$songs"); touch "$TMPDIR/x"'
    bench.pipeline("p", shell(script), "songs", parallelism_spec={"constant": 1})
    bench.run()
    assert bench.contents("p") == {"a": "0\n", "b": "0\n"}


@pytest.mark.parametrize(
    ("environment", "expanded"),
    [
        ({"A": "x", "B": "$(A)/y", "D": "$$(A)"}, {"A": "x", "B": "x/y", "D": "$(A)"}),
        ({"B": "$(C)", "C": "$(D)!", "D": "d"}, {"B": "d!", "C": "d!", "D": "d"}),
        ({"A": "$(A)", "B": "$(NO)", "D": "$$$$"}, {"A": "$(A)", "B": "$(NO)", "D": "$$"}),
        ({"C": "$HOME ${HOME} $( $"}, {"C": "$HOME ${HOME} $( $"}),
        ({"A": "$(B)", "B": "<$(A)>"}, {"A": "<$(A)>", "B": "<$(B)>"}),
    ],
)  # fmt: skip
def test_variables_of_a_spec_may_name_one_another(environment, expanded):
    assert expand_references(environment) == expanded


def test_a_program_is_told_the_expanded_variables(songs):
    env = {"A": "/pfs/songs", "B": "$(A)/a.txt", "D": "$$(A)"}
    assert songs('cat "$B" > /pfs/out/x; echo "$D" > /pfs/out/y', transform={"env": env}) == {"x": "A", "y": "$(A)\n"}


def test_a_name_that_is_no_identifier_is_a_variable_all_the_same(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    script = "import os; print(os.path.basename(os.environ['x-y']), file=open('/pfs/out/x', 'w'))"
    bench.pipeline("p", ["python3", "-Sc", script], {"pfs": {"repo": "songs", "name": "x-y", "glob": "/*"}})
    bench.run()
    assert bench.contents("p") == {"x": "a\n"}


def test_of_several_files_of_a_group_the_variable_names_the_last(bench):
    bench.repo("songs")
    bench.put("songs", {"1-a": "", "1-b": ""})
    source = {"group": [{"pfs": {"repo": "songs", "glob": "/(*)-*", "group_by": "$1"}}]}
    script = 'basename "$songs" > /pfs/out/x; ls /pfs/songs/ | wc -l | tr -d " " > /pfs/out/n'
    bench.pipeline("p", shell(script), source)
    bench.run()
    assert bench.contents("p") == {"x": "1-b\n", "n": "2\n"}


def test_links_are_made_anew_where_a_container_sees_them(tmp_path):
    link_folders(tmp_path, ["in"], tmp_path)
    link_folders(tmp_path, ["in"], Path("/pfs"))
    assert str((tmp_path / "in").readlink()) == f"{tmp_path}/.scratch/in"
    link_folders(tmp_path, ["in"], Path("/pfs"), anew=True)
    assert {path.name: str(path.readlink()) for path in tmp_path.iterdir()} == {
        "in": "/pfs/.scratch/in",
        "out": "/pfs/.scratch/out",
    }


def test_what_a_program_puts_in_the_place_of_its_standard_input_or_number_is_not_written_to(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    victim = bench.folder / "victim"
    victim.write_text("mine")
    plant = f"rm -f pid stdin; ln -s {victim} stdin; ln -s {victim} pid; exit 1"
    transform = {"err_cmd": ["sh"], "err_stdin": ["echo overwritten"]}
    bench.pipeline("p", shell(plant), "songs", transform=transform)
    bench.run()
    assert bench.job("p").recovered == 1
    assert victim.read_text() == "mine"
