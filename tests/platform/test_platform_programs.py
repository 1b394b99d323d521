"""What a program sees: /pfs, its environment, its standard input, and what becomes of what it writes."""

import re

import pytest
from contract import cross, differs, group, join, pachyderm, pfs, spec
from platforms import success

IN = pfs("in", "/*", name="in")


def run(engine, *script, files=None, input=IN, **more):
    """Run a script over a repo `in`; the newest job's outcome."""
    engine.repo("in")
    engine.put_tree("in@master:/", files or {"f": "foo\n"})
    engine.create(spec("p", input, *script, **more))
    return engine.outcome("p")


def lines(engine, path="/out"):
    return engine.get(f"p@master:{path}").splitlines()


# /pfs


def test_inputs_and_out_are_links(engine):
    script = (
        "for each in /pfs/in /pfs/out; do if [ -L $each ]; then echo link; else echo folder; fi; done >> /pfs/out/out",
        "find /pfs/in -type f | wc -l | tr -d ' ' >> /pfs/out/out",
        "find /pfs/in/ -type f | wc -l | tr -d ' ' >> /pfs/out/out",
        "cp -r /pfs/in /tmp/copied; if [ -L /tmp/copied ]; then echo link; else echo folder; fi >> /pfs/out/out",
        "rm -rf /tmp/copied",
        "ls /pfs/in/* | wc -l | tr -d ' ' >> /pfs/out/out",
    )
    assert run(engine, *script) == success(1)
    assert lines(engine) == ["link", "link", "0", "1", "link", "1"]


@differs("standard input and `env` become paths there")
@pachyderm("server.TestPipelineEnv", "server.TestPipelineEnvVarAlias")
@pytest.mark.parametrize(
    ("glob", "path"), [("/", "/pfs/in"), ("/*", "/pfs/in/d"), ("/d/*", "/pfs/in/d/f"), ("/d/f", "/pfs/in/d/f")]
)
def test_a_variable_named_like_the_input_is_its_path(engine, glob, path):
    assert run(engine, 'echo "$in" > /pfs/out/out', files={"d/f": "x"}, input=pfs("in", glob, name="in")) == success(1)
    [found] = lines(engine)
    # A process of this machine is told where that is here.
    assert found == path if engine.name == "pachyderm" else re.search(f"/scratch/[^/]+{path}$", found)


@pachyderm("server.TestPipelineEnv")
def test_the_environment_tells_datum_job_and_commits(engine):
    script = (
        'echo "$in_COMMIT" >> /pfs/out/out',
        'echo "$PACH_JOB_ID" >> /pfs/out/out',
        'echo "$PACH_OUTPUT_COMMIT_ID" >> /pfs/out/out',
        'echo "$PPS_PIPELINE_NAME" >> /pfs/out/out',
        'echo "$PPS_PROJECT_NAME" >> /pfs/out/out',
        'echo "${#PACH_DATUM_ID}" >> /pfs/out/out',
        'echo "$PACH_DATUM_ID" > /pfs/out/id',
    )
    assert run(engine, *script) == success(1)
    job = engine.job("p")["job"]["id"]
    assert lines(engine) == [engine.head("in"), job, job, "p", engine.project, "64"]
    [datum] = engine.raw("list datum", f"p@{job}")
    assert lines(engine, "/id") == [datum["datum"]["id"]]


@pachyderm("server.TestPipelineEnvVarJoinOn", "server.TestPipelineEnvVarGroupBy")
@pytest.mark.parametrize("kind", ["join_on", "group_by"])
def test_the_environment_tells_the_key(engine, kind):
    engine.repo("a", "b")
    engine.put("a@master:/k1-x", "1")
    engine.put("b@master:/k1-y", "2")
    both = pfs("a", "/(*)-*", **{kind: "$1"}), pfs("b", "/(*)-*", **{kind: "$1"})
    engine.create(
        spec(
            "p",
            join(*both) if kind == "join_on" else group(*both),
            f'echo "$PACH_DATUM_a_{kind.upper()} $PACH_DATUM_b_{kind.upper()}" > /pfs/out/out',
        )
    )
    assert engine.outcome("p") == success(1)
    assert lines(engine) == ["k1 k1"]


def test_the_environment_of_the_caller_is_not_passed_on(engine, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    assert run(engine, 'echo "[$MY_TOKEN]" > /pfs/out/out') == success(1)
    assert lines(engine) == ["[]"]


@differs("`$(A)` in `transform.env` is the variable A wherever that stands")
@pachyderm("server.TestPipelineEnv")
def test_variables_of_a_spec_are_expanded(engine):
    env = {"A": "x", "B": "$(A)/y", "C": "$(NONE)", "D": "$$(A)"}
    assert run(engine, 'echo "$A $B $C $D" > /pfs/out/out', transform={"env": env}) == success(1)
    [found] = lines(engine)
    by_chance = [] if engine.name == "local" else ["x $(A)/y $(NONE) $(A)"]
    assert found in ["x x/y $(NONE) $(A)", *by_chance]


def test_the_environment_is_also_a_file(engine):
    assert run(engine, "grep -c PACH_DATUM_ID /pfs/.env > /pfs/out/out") == success(1)
    assert int(lines(engine)[0]) >= 1


@pachyderm("server.TestPipelineThatSymlinks", "server.TestEmptyFiles")
def test_empty_files_are_links_to_the_real_content(engine):
    script = (
        "stat -Lc %s /pfs/in/dir/f > /pfs/out/size",
        "ln -s /pfs/in/dir/f /pfs/out/f",
        "ln -s /pfs/in/dir /pfs/out/d",
    )
    assert run(
        engine, *script, files={"dir/f": "foo\n"}, input=pfs("in", "/*", name="in", empty_files=True)
    ) == success(1)
    assert engine.contents("p@master") == {"/size": "0\n", "/f": "foo\n", "/d/f": "foo\n"}


@pachyderm("server.TestLazyPipeline")
def test_a_lazy_input_can_be_read_once(engine):
    assert run(engine, "cat /pfs/in/f > /pfs/out/out", input=pfs("in", "/*", name="in", lazy=True)) == success(1)
    assert lines(engine) == ["foo"]


@pachyderm("server.TestDontReadStdin")
def test_a_program_need_not_read_its_standard_input(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    found = spec("p", IN, *["words that nobody reads"] * 2000)
    found["transform"]["cmd"] = ["true"]
    engine.create(found)
    assert engine.outcome("p") == success(1)


def test_standard_input_is_lines_and_a_line_feed(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    found = spec("p", IN, "one", "", "three")
    found["transform"]["cmd"] = ["sh", "-c", "cat > /pfs/out/out"]
    engine.create(found)
    assert engine.outcome("p") == success(1)
    assert engine.get("p@master:/out") == "one\n\nthree\n"


def test_arguments_are_not_a_shells(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    found = spec("p", IN)
    found["transform"]["cmd"] = [
        "python3",
        "-c",
        "import sys; open('/pfs/out/out', 'w').write('|'.join(sys.argv[1:]))",
        "$HOME",
        "*",
        "a b",
    ]
    engine.create(found)
    assert engine.outcome("p") == success(1)
    assert engine.get("p@master:/out") == "$HOME|*|a b"


@pachyderm("server.TestPipelineWithSubprocesses")
def test_what_a_program_leaves_running_does_not_hold_its_datum(engine):
    assert run(engine, "sleep 1000 > /dev/null 2>&1 &", "echo done > /pfs/out/out") == success(1)
    assert lines(engine) == ["done"]


def test_a_working_folder_that_is_not_there_fails_the_datum(engine):
    outcome = run(engine, "true", transform={"working_dir": "/no/such"}, datum_tries=1)
    assert (outcome.state, outcome.failed) == ("JOB_FAILURE", 1)


def test_a_working_folder_is_where_the_program_starts(engine):
    assert run(engine, "pwd > /pfs/out/out", transform={"working_dir": "/usr"}) == success(1)
    assert lines(engine) == ["/usr"]


@pachyderm("server.TestCopyOutToIn")
def test_input_of_one_datum_alone_is_there(engine):
    outcome = run(engine, 'ls /pfs/in/ > "/pfs/out/$(basename $in)"', files={"a": "1", "b": "2"})
    assert outcome == success(2)
    assert engine.contents("p@master") == {"/a": "a\n", "/b": "b\n"}


# /tmp


@differs("each datum has an empty folder for temporary files")
def test_temporary_files(engine):
    script = ("folder=${TMPDIR:-/tmp}; echo line >> $folder/probe", 'cp $folder/probe "/pfs/out/$(basename $in)"')
    outcome = run(engine, *script, files={"a": "1", "b": "2"}, parallelism_spec={"constant": 1})
    assert outcome == success(2)
    lengths = sorted(len(text.splitlines()) for text in engine.contents("p@master").values())
    assert lengths == ([1, 1] if engine.name == "local" else [1, 2])
    engine.create(spec("q", IN, 'ls ${TMPDIR:-/tmp} > "/pfs/out/$(basename $in)"'))
    assert engine.outcome("q") == success(2)
    assert not any("probe" in text for text in engine.contents("q@master").values())


# Output


@pachyderm("server.TestPipelineThatSymlinks")
@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("ln -s /pfs/in/dir /pfs/out/dir", {"/dir/f": "foo\n"}),
        ("ln -s /pfs/in/dir/f /pfs/out/g", {"/g": "foo\n"}),
        ("cd /pfs/out; ln -s ../in/dir/f rel", {"/rel": "foo\n"}),
        ("cp -r /pfs/in/dir /pfs/out/dir", {"/dir/f": "foo\n"}),
        (
            "echo x > '/pfs/out/a b.txt'; mkdir /pfs/out/.h; echo y > /pfs/out/.h/.x",
            {"/a b.txt": "x\n", "/.h/.x": "y\n"},
        ),
        ("mkdir -p /pfs/out/empty/inner; : > /pfs/out/zero", {"/zero": ""}),
        ("mkfifo /pfs/out/pipe; echo x > /pfs/out/f", {"/f": "x\n"}),
        ("true", {}),
    ],
    ids=[
        "link to a folder",
        "link to a file",
        "relative link",
        "folder",
        "odd names",
        "empty folders",
        "pipe",
        "nothing",
    ],
)
def test_what_is_stored_of_out(engine, script, wanted):
    outcome = run(engine, script, files={"dir/f": "foo\n"}, input=pfs("in", "/", name="in"))
    assert outcome == success(1)
    assert engine.contents("p@master") == wanted


@differs("an output name that Pachyderm refuses, a link to nothing or to a folder of `/pfs/out`")
@pytest.mark.parametrize(
    "script",
    ["echo x > /pfs/out/Für.txt", "echo x > '/pfs/out/a(1).txt'", "ln -s /pfs/in/none /pfs/out/dangling"],
    ids=["letters", "signs", "dangling link"],
)
def test_output_for_which_pachd_tries_for_ever(engine, script):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.create(spec("p", IN, script, datum_tries=1))
    if engine.name == "local":
        assert engine.outcome("p").failed == 1
        assert engine.job("p")["state"] == "JOB_FAILURE"
    else:
        engine.wait(lambda: int(engine.raw("list job -p p")[0].get("restart", 0)) >= 2, "a job that restarts for ever")
        assert engine.raw("list job -p p")[0]["state"] == "JOB_RUNNING"


@differs("a link from `/pfs/out` that leaves `/pfs` fails the datum by name")
def test_a_link_out_of_pfs(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.create(spec("p", IN, "ln -s /etc/hostname /pfs/out/out", datum_tries=1))
    outcome = engine.outcome("p")
    if engine.name == "local":
        assert (outcome.state, outcome.failed) == ("JOB_FAILURE", 1)
    else:
        assert outcome == success(1)
        assert engine.files("p@master") == ["/out"]


@differs("a program that writes into a file of its input fails")
@pachyderm("server.TestPipelineInputDataModification")
def test_a_program_that_changes_its_input(engine):
    outcome = run(engine, "echo more >> /pfs/in/f", "cp /pfs/in/f /pfs/out/out", datum_tries=1)
    if engine.name == "local":
        assert outcome.state == "JOB_FAILURE"
    else:
        assert outcome == success(1)
        assert lines(engine) == ["foo", "more"]
    assert engine.get("in@master:/f") == "foo\n"


def test_what_is_written_beside_out_is_not_stored(engine):
    assert run(engine, "echo x > /pfs/other", "echo y > /pfs/out/f") == success(1)
    assert engine.files("p@master") == ["/f"]


# Merging


@pachyderm("server.TestManyFilesSingleOutputCommit", "server.TestPipelineLargeOutput", "server.TestRecursiveCp")
def test_the_output_is_the_union_of_all_datums(engine):
    files = {f"d{number % 5}/f{number}": str(number) for number in range(40)}
    assert run(engine, "cp -r /pfs/in/* /pfs/out/", files=files, input=pfs("in", "/*/*", name="in")) == success(40)
    assert engine.contents("p@master") == {f"/{path}": text for path, text in files.items()}


@pachyderm("server.TestValidationFailure")
def test_two_datums_may_not_write_one_path(engine):
    outcome = run(engine, "echo $in > /pfs/out/same", files={"a": "1", "b": "2"})
    assert outcome.state == "JOB_FAILURE"
    assert "/same" in engine.job("p")["reason"]
    engine.update(spec("p", IN, 'echo $in > "/pfs/out/$(basename $in)"'), "--reprocess")
    assert engine.outcome("p") == success(2)
    assert engine.files("p@master") == ["/a", "/b"]


@pachyderm("server.TestTemporaryDuplicatedPath")
def test_the_same_output_of_other_datums_takes_the_place_of_the_old(engine):
    run(engine, "cp /pfs/in/* /pfs/out/", files={"a": "1", "b": "2"})
    engine.repo("other")
    engine.put("other@master:/empty", "")
    engine.update(spec("p", cross(IN, pfs("other", "/*")), "cp /pfs/in/* /pfs/out/"))
    assert engine.outcome("p") == success(2)
    assert engine.contents("p@master") == {"/a": "1", "/b": "2"}


def test_a_file_where_another_datum_has_a_folder_fails_the_job(engine):
    script = "if [ -e /pfs/in/a ]; then echo x > /pfs/out/p; else mkdir /pfs/out/p; echo y > /pfs/out/p/q; fi"
    outcome = run(engine, script, files={"a": "1", "b": "2"})
    assert outcome.state == "JOB_FAILURE"
    assert "/p" in engine.job("p")["reason"]


# Inputs


@pachyderm("server.TestMultipleInputsFromTheSameBranch")
def test_one_repo_may_be_read_twice_under_two_names(engine):
    two = cross(pfs("in", "/dirA/*", name="one"), pfs("in", "/dirB/*", name="two"))
    outcome = run(
        engine,
        "cat /pfs/one/dirA/* /pfs/two/dirB/* > /pfs/out/out",
        files={"dirA/f": "a\n", "dirB/f": "b\n"},
        input=two,
    )
    assert outcome == success(1)
    assert lines(engine) == ["a", "b"]


@pachyderm("server.TestGroupInput")
def test_a_datum_of_a_group_sees_all_its_files(engine):
    files = {"k1-a": "1\n", "k1-b": "2\n", "k2-a": "3\n"}
    found = group(pfs("in", "/(*)-*", name="in", group_by="$1"))
    assert run(engine, 'cat /pfs/in/* > "/pfs/out/$PACH_DATUM_in_GROUP_BY"', files=files, input=found) == success(2)
    assert engine.contents("p@master") == {"/k1": "1\n2\n", "/k2": "3\n"}


@pachyderm("server.TestSimplePipelineNonRoot", "server.TestNonrootPipeline")
def test_a_program_may_be_another_user(engine):
    assert run(engine, "cat /pfs/in/f > /pfs/out/out", transform={"user": "nobody"}) == success(1)
    assert lines(engine) == ["foo"]
