"""What runs, what does not, and what becomes of outputs."""

import pytest
from engine_bench import OUT, UPPER, shell

from aeolian.engine.jobs.records import list_datums
from aeolian.engine.versions import pipelines
from aeolian.errors import UsageError


def states(bench, name):
    return sorted(record.state for record in list_datums(bench.store, bench.job(name)))


@pytest.fixture
def upper(bench):
    """songs → upper → all."""
    bench.repo("songs")
    bench.pipeline("upper", UPPER, "songs", transform=OUT)
    bench.pipeline("all", shell("cat /pfs/upper/* > /pfs/out/all"), "upper", "/")
    return bench


def test_a_commit_runs_all_that_follows_under_one_id(upper):
    commit = upper.put("songs", {"a": "one", "b": "two"})
    assert not upper.run().failed
    assert upper.contents("upper") == {"a": "ONE", "b": "TWO"}
    assert upper.contents("all") == {"all": "ONETWO"}
    assert upper.job("upper").id == upper.job("all").id == commit.id


def test_one_more_file_is_one_more_datum(upper):
    upper.put("songs", {"a": "one"})
    upper.run()
    upper.put("songs", {"b": "two"})
    upper.run()
    assert states(upper, "upper") == ["skipped", "success"]
    assert upper.contents("all") == {"all": "ONETWO"}


def test_what_is_done_is_not_run_again(bench):
    bench.repo("songs")
    count = bench.folder / "count"
    bench.pipeline("p", shell(f"echo x >> {count}"), "songs")
    bench.put("songs", {"a": "1"})
    bench.run()
    for _ in range(3):
        pipelines.run_pipeline(bench.store, "p")
        bench.run()
    bench.delete("songs", "/a")
    bench.run()
    bench.put("songs", {"a": "1"})
    bench.run()
    assert count.read_text() == "x\n"
    assert states(bench, "p") == ["skipped"]


def test_a_changed_input_replaces_exactly_its_outputs(upper):
    upper.put("songs", {"a": "one", "b": "two"})
    upper.run()
    upper.put("songs", {"a": "three"})
    upper.run()
    assert states(upper, "upper") == ["skipped", "success"]
    assert upper.contents("upper") == {"a": "THREE", "b": "TWO"}


def test_a_deleted_input_takes_its_outputs_along(upper):
    upper.put("songs", {"a": "one", "b": "two"})
    upper.run()
    upper.delete("songs", "/a")
    upper.run()
    assert upper.contents("upper") == {"b": "TWO"}
    assert upper.contents("all") == {"all": "TWO"}


def test_the_last_input_gone_leaves_an_empty_output(upper):
    upper.put("songs", {"a": "one"})
    upper.run()
    upper.delete("songs", "/a")
    assert not upper.run().failed
    assert upper.contents("upper") == upper.contents("all") == {}


def test_earlier_commits_stay_as_they_were(upper):
    first = upper.put("songs", {"a": "one"})
    upper.run()
    upper.put("songs", {"a": "two"})
    upper.run()
    assert upper.contents("all", first.id) == {"all": "ONE"}
    assert upper.contents("all", "master^") == {"all": "ONE"}


def test_a_failure_names_the_datum_keeps_the_others_and_stops_what_follows(bench):
    bench.repo("songs")
    count = bench.folder / "count"
    script = f'echo "$songs" | grep -q bad && {{ echo no good >&2; exit 3; }}; echo x >> {count}; cp "$songs" /pfs/out/'
    bench.pipeline("p", shell(script), "songs")
    bench.pipeline("q", shell("true"), "p", "/")
    bench.put("songs", {"good": "1"})
    bench.run()
    bench.put("songs", {"bad": "2", "fine": "3"})
    assert bench.run().failed
    (failed,) = [r for r in list_datums(bench.store, bench.job("p")) if r.state == "failed"]
    assert (failed.label, failed.reason, failed.exit_code) == ("songs:/bad", "exit code 3", 3)
    assert "no good" in failed.log.read_text()
    assert (bench.job("p").state, bench.job("q").state) == ("failure", "unrunnable")
    assert bench.contents("p") == {"good": "1", "fine": "3"}
    assert bench.contents("p", "master^") == {"good": "1"}

    bench.delete("songs", "/bad")
    assert not bench.run().failed
    assert bench.contents("p") == {"good": "1", "fine": "3"}
    assert count.read_text() == "x\nx\n", "the good datum of the failed job is not redone"


def test_a_changed_command_reprocesses(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell("echo one > /pfs/out/x"), "songs")
    bench.run()
    bench.pipeline("p", shell("echo two > /pfs/out/x"), "songs", update=True)
    bench.run()
    assert bench.contents("p") == {"x": "two\n"}


def test_a_changed_program_file_reprocesses_and_an_untouched_one_does_not(bench):
    source = bench.folder / "src"
    source.mkdir()
    (source / "x.sh").write_text("echo one > $1/x")
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", ["sh", "/src/x.sh", "/pfs/out"], "songs", source=source)
    bench.run()
    pipelines.run_pipeline(bench.store, "p")
    bench.run()
    assert states(bench, "p") == ["skipped"]
    (source / "x.sh").write_text("echo two > $1/x")
    pipelines.run_pipeline(bench.store, "p")
    bench.run()
    assert bench.contents("p") == {"x": "two\n"}


def test_code_elsewhere_counts_where_it_is_named(bench, monkeypatch):
    code = bench.folder / "library.py"
    code.write_text("1")
    monkeypatch.setenv("AEOLIAN_CODE", str(code))
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", ["true"], "songs")
    monkeypatch.delenv("AEOLIAN_CODE")
    bench.run()
    pipelines.run_pipeline(bench.store, "p")
    bench.run()
    assert states(bench, "p") == ["skipped"], "recorded with the pipeline, not asked of each command"
    code.write_text("22")
    pipelines.run_pipeline(bench.store, "p")
    bench.run()
    assert states(bench, "p") == ["success"]


def test_every_job_reprocesses_where_the_spec_says_so(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell('echo $PACH_JOB_ID > /pfs/out/$(basename "$songs")'), "songs", reprocess_spec="every_job")
    bench.run()
    last = bench.put("songs", {"b": "2"})
    bench.run()
    assert bench.contents("p") == dict.fromkeys("ab", f"{last.id}\n")


def test_two_datums_of_one_path_are_a_conflict(bench):
    bench.repo("songs")
    bench.pipeline("p", shell("echo x > /pfs/out/same"), "songs")
    bench.put("songs", {"a": "1"})
    assert not bench.run().failed
    bench.put("songs", {"b": "2"})
    assert bench.run().failed
    assert "two datums write /same" in bench.job("p").reason
    assert bench.contents("p") == {"same": "x\n"}


@pytest.mark.parametrize("order", [("file", "folder"), ("folder", "file")])
def test_a_file_where_another_has_a_folder_is_a_conflict(bench, order):
    bench.repo("songs")
    script = 'if grep -q file "$songs"; then echo > /pfs/out/x; else mkdir /pfs/out/x; echo > /pfs/out/x/y; fi'
    bench.pipeline("p", shell(script), "songs")
    for number, kind in enumerate(order):
        bench.put("songs", {str(number): kind})
        bench.run()
    assert "a file from one datum and a folder from another" in bench.job("p").reason


def test_folders_of_two_datums_merge(bench):
    bench.repo("songs")
    bench.pipeline("p", shell('mkdir /pfs/out/d; cp "$songs" /pfs/out/d/'), "songs")
    bench.put("songs", {"a": "1", "b": "2"})
    bench.run()
    assert bench.contents("p") == {"d/a": "1", "d/b": "2"}


def test_cross_of_two_repos_follows_both(bench):
    bench.repo("models", "seeds")
    node = {"cross": [{"pfs": {"repo": "models", "glob": "/"}}, {"pfs": {"repo": "seeds", "glob": "/*"}}]}
    bench.pipeline("p", shell('cat /pfs/models/* "$seeds" > /pfs/out/$(basename "$seeds")'), node)
    bench.put("seeds", {"1": "s1", "2": "s2"})
    bench.run()
    assert bench.contents("p") == {}
    bench.put("models", {"m": "M"})
    bench.run()
    assert bench.contents("p") == {"1": "Ms1", "2": "Ms2"}
    bench.put("seeds", {"3": "s3"})
    bench.run()
    assert states(bench, "p") == ["skipped", "skipped", "success"]
    bench.put("models", {"m": "N"})
    bench.run()
    assert bench.contents("p") == {"1": "Ns1", "2": "Ns2", "3": "Ns3"}


def test_propagation_never_does_not_trigger(bench):
    bench.repo("models", "seeds")
    quiet = {"pfs": {"repo": "models", "glob": "/", "propagation_spec": {"never": True}}}
    node = {"cross": [quiet, {"pfs": {"repo": "seeds", "glob": "/*"}}]}
    bench.pipeline("p", shell("cat /pfs/models/m > /pfs/out/x"), node)
    bench.put("models", {"m": "M"})
    assert bench.run().jobs == []
    bench.put("seeds", {"1": ""})
    bench.run()
    assert bench.contents("p") == {"x": "M"}


def test_a_branch_is_read_alone(bench):
    bench.repo("songs")
    bench.pipeline("p", shell("cp /pfs/songs/* /pfs/out/"), {"pfs": {"repo": "songs", "branch": "dev", "glob": "/"}})
    bench.put("songs", {"a": "1"})
    assert bench.run().jobs == []
    bench.put("songs", {"b": "2"}, branch="dev")
    bench.run()
    assert bench.contents("p") == {"b": "2"}


def test_cycles_and_unknown_repos_are_refused(bench):
    bench.repo("songs")
    bench.pipeline("a", ["true"], "songs")
    bench.pipeline("b", ["true"], "a")
    with pytest.raises(UsageError, match=r"feed themselves: (a → b → a|b → a → b)\."):
        bench.pipeline("a", ["true"], "b", update=True)
    with pytest.raises(UsageError, match=r"repo 'song' not found\. Did you mean songs"):
        bench.pipeline("c", ["true"], "song")


def test_up_makes_all_in_one_commit_and_leaves_alone_what_stands(bench):
    specs = [
        bench.spec("b", shell("cp /pfs/a/* /pfs/out/"), "a", "/"),
        bench.spec("a", shell("cp /pfs/in/* /pfs/out/"), "in"),
    ]
    first = pipelines.create_pipelines(bench.store, specs, make_repos=True)
    assert [(c.pipeline, c.what, c.new_repos) for c in first] == [("a", "created", ("in",)), ("b", "created", ())]
    bench.put("in", {"x": "1"})
    bench.run()
    assert [c.what for c in pipelines.create_pipelines(bench.store, specs, make_repos=True)] == ["unchanged"] * 2
    changed = {"a": (("--speed", "2"),)}
    assert [c.what for c in pipelines.create_pipelines(bench.store, specs, arguments=changed)] == [
        "updated",
        "unchanged",
    ]
    assert bench.run().jobs[0].pipeline == "a"


def test_a_new_pipeline_runs_on_what_is_there(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.run()
    assert bench.contents("p") == {"a": "1"}


def test_a_pipeline_that_is_read_cannot_go(upper):
    with pytest.raises(UsageError, match="is in the provenance of the pipeline all"):
        pipelines.delete_pipeline(upper.store, "upper")
    pipelines.delete_pipeline(upper.store, "all")
    pipelines.delete_pipeline(upper.store, "upper")
    upper.put("songs", {"a": "1"})
    assert upper.run().jobs == []
