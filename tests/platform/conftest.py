"""One suite, two platforms: the local engine, or a real pachd (`make cluster-test` sets AEOLIAN_TEST_PLATFORM)."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from platforms import Cluster, LocalEngine, Pachyderm, Platform

HERE = Path(__file__).parent
PLATFORM = os.environ.get("AEOLIAN_TEST_PLATFORM", "local")


def start_engine(folder: Path) -> Platform:
    """An engine with nothing in it."""
    return {"local": LocalEngine, "pachyderm": Pachyderm, "cluster": Cluster}[PLATFORM](folder)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The engine under test, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    machine = start_engine(tmp_path)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One engine for those tests of a file that leave nothing behind."""
    machine = start_engine(tmp_path_factory.mktemp("shared"))
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def engine_page(root: Path) -> str:
    """docs/engine.md as one line, without the stars of its emphasis."""
    return squeeze((root / "docs" / "engine.md").read_text())


@pytest.fixture(autouse=True)
def differences_are_documented(request: pytest.FixtureRequest, engine_page: str) -> Iterator[None]:
    """A test that expects something else of each platform quotes the line of the page that says why."""
    yield
    for mark in request.node.iter_markers("differs"):
        for line in mark.args:
            assert squeeze(line) in engine_page, f"docs/engine.md does not say: {line}"


def squeeze(text: str) -> str:
    """Text without line breaks and emphasis."""
    return re.sub(r"\s+", " ", text.replace("**", ""))


# What of Pachyderm's own suite is covered, and how that went: a table at the end of the run.


def pytest_configure(config: pytest.Config) -> None:
    """Declare the two marks."""
    config.addinivalue_line("markers", "pachyderm(*names): functions of Pachyderm's test suite that a test covers")
    config.addinivalue_line("markers", "differs(line): the line of docs/engine.md that says why platforms differ here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every report the names that its test covers."""
    for item in items:
        if HERE in item.path.parents:
            names = [name for mark in item.iter_markers("pachyderm") for name in mark.args]
            item.user_properties.append(("pachyderm", names))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many functions of Pachyderm's suite were tried and how many of them passed."""
    passed: dict[str, bool] = {}
    tests: dict[str, bool] = {}
    for outcome, good in (("passed", True), ("failed", False), ("error", False)):
        for report in terminalreporter.stats.get(outcome, []):
            names = dict(getattr(report, "user_properties", ())).get("pachyderm")
            if names is None or (good and report.when != "call"):
                continue
            tests[report.nodeid] = tests.get(report.nodeid, True) and good
            for name in names:
                passed[name] = passed.get(name, True) and good
    if not tests:
        return
    where = {"local": "the local engine", "pachyderm": "a real pachd", "cluster": "a real pachd, by aeolian"}[PLATFORM]
    terminalreporter.section(f"the contract on {where}")
    terminalreporter.line(f"{sum(tests.values())} of {len(tests)} tests passed")
    terminalreporter.line(f"{sum(passed.values())} of {len(passed)} functions of Pachyderm's own suite passed")
    for name in sorted(name for name, good in passed.items() if not good):
        terminalreporter.line(f"  not passed: {name}")
