"""Cron inputs."""

import re

from contract import copy, cross, pachyderm, pfs, spec
from platforms import success


def cron(name="tick", when="@never", **more):
    return {"cron": {"name": name, "spec": when, **more}}


@pachyderm("server.TestCronPipeline")
def test_run_cron_ticks(engine):
    engine.repo("other")
    engine.create(spec("p", cron(), "ls /pfs/tick > /pfs/out/names; echo $tick > /pfs/out/path"))
    assert engine.outcome("p") == success()
    engine.do("run cron", "p")
    assert engine.outcome("p") == success(1)
    [name] = engine.files("p_tick@master")
    assert re.fullmatch(r"/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", name)
    assert engine.get("p@master:/path").endswith(f"/pfs/tick{name}\n")
    assert engine.get(f"p_tick@master:{name}") == ""


@pachyderm("server.TestCronPipeline")
def test_run_cron_ticks_every_cron_input(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.create(spec("p", cross(cron("one"), cron("two"), pfs("in")), "true"))
    engine.settle()
    engine.do("run cron", "p")
    assert engine.outcome("p") == success(1)
    assert len(engine.files("p_one@master")) == len(engine.files("p_two@master")) == 1


@pachyderm("server.TestCronPipeline")
def test_overwrite_keeps_one_tick(engine):
    engine.repo("other")
    engine.create(spec("p", cron(overwrite=True), "ls /pfs/tick/ > /pfs/out/names"))
    engine.do("run cron", "p")
    [first] = engine.files("p_tick@master")
    engine.wait(lambda: tick_again(engine, first), "a tick in another second")
    assert len(engine.files("p_tick@master")) == 1
    assert engine.outcome("p").state == "JOB_SUCCESS"


def tick_again(engine, first):
    engine.do("run cron", "p")
    return engine.files("p_tick@master") != [first]


def test_a_pipeline_without_cron_does_not_tick(engine):
    engine.repo("in")
    engine.create(copy("p", "in"))
    assert "cron" in engine.refuse("run cron", "p")
    engine.refuse("run cron", "none")


def test_the_repo_of_a_cron_input_goes_with_its_pipeline(engine):
    engine.repo("other")
    engine.create(spec("p", cron(), "true"))
    engine.settle()
    assert sorted(each["repo"]["name"] for each in engine.raw("list repo")) == ["other", "p", "p_tick"]
    engine.do("delete pipeline", "p")
    assert [each["repo"]["name"] for each in engine.raw("list repo")] == ["other"]
