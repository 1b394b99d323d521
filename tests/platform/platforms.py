"""The machines that the contract is held against, each behind one small class that takes pachctl's words.

A test says what it does in those words and reads what `--raw` answers; it does not know where it runs. `LocalEngine`
runs the command `aeolian` in this process, `Pachyderm` runs `pachctl` against a real pachd, each test in a project of
its own.
"""

import abc
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from click.testing import CliRunner

IMAGE = "python:3.11-slim-bookworm"
SAFETY_S = float(os.environ.get("AEOLIAN_TEST_PATIENCE_S", "240"))  # only what never ends reaches this
ENDED = {"JOB_SUCCESS", "JOB_FAILURE", "JOB_KILLED", "JOB_UNRUNNABLE"}


class Answer(NamedTuple):
    """What a command answered."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output, without the line feed at its end."""
        return self.out.decode().rstrip("\n")


class Platform(abc.ABC):
    """An engine that takes pachctl's words."""

    name: ClassVar[str]
    project = "default"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = 0

    @abc.abstractmethod
    def run(self, command: str, *words: str, input: str | bytes | None = None) -> Answer:
        """The answer to a command. `command` is cut at its spaces; `words` are taken as they are."""

    @abc.abstractmethod
    def start(self, command: str, *words: str) -> "subprocess.Popen[str]":
        """Begin a command that does not end by itself."""

    @abc.abstractmethod
    def settle(self) -> None:
        """Return when no job of the test is outstanding."""

    @abc.abstractmethod
    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """A spec with what this platform needs to run it."""

    @abc.abstractmethod
    def kept(self, name: str) -> str:
        """A path, for a program, that is kept from try to try and is nobody else's."""

    @abc.abstractmethod
    def is_refusal(self, answer: Answer) -> bool:
        """Whether a command said that it cannot be done."""

    @abc.abstractmethod
    def is_done(self, answer: Answer) -> bool:
        """Whether a command did what it was asked, however the jobs that followed ended."""

    def do(self, command: str, *words: str, input: str | bytes | None = None) -> str:
        """What a command that must succeed writes to standard output."""
        answer = self.run(command, *words, input=input)
        assert self.is_done(answer), f"{command} {' '.join(words)}: code {answer.code}\n{answer.text}\n{answer.err}"
        return answer.text

    def refuse(self, command: str, *words: str, input: str | bytes | None = None) -> str:
        """What a command that must be refused says."""
        answer = self.run(command, *words, input=input)
        assert self.is_refusal(answer), f"{command} {' '.join(words)}: code {answer.code}\n{answer.text}\n{answer.err}"
        return answer.err

    def raw(self, command: str, *words: str) -> list[dict[str, Any]]:
        """The JSON documents that a command answers with `--raw`."""
        return read_documents(self.do(command, *words, "--raw"))

    def one(self, command: str, *words: str) -> dict[str, Any]:
        """The one JSON document that a command answers with `--raw`."""
        [document] = self.raw(command, *words)
        return document

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """The first true value of `condition`."""
        return wait_for(condition, what)

    # Repos and files

    def repo(self, *names: str) -> None:
        """Make repos."""
        for name in names:
            self.do("create repo", name)

    def put(self, address: str, content: str | bytes = "") -> None:
        """Put one file."""
        self.do("put file", address, "-f", "-", input=content)

    def put_tree(self, address: str, files: Mapping[str, str | bytes]) -> None:
        """Put files below an address that ends in a path, as one commit."""
        self.do("put file", address, "-r", "-f", str(self.tree(files)))

    def tree(self, files: Mapping[str, str | bytes], name: str | None = None) -> Path:
        """A folder of this machine with these files."""
        self._files += 1
        folder = self.folder / (name or f"tree{self._files}")
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            target = folder / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def text_file(self, content: str, name: str | None = None) -> str:
        """The path of a file of this machine with this content."""
        self._files += 1
        path = self.folder / (name or f"file{self._files}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return str(path)

    def get(self, address: str) -> str:
        """The content of a file, line feeds at its end and all."""
        answer = self.run("get file", address)
        assert answer.code == 0, f"get file {address}: code {answer.code} {answer.err}"
        return answer.out.decode()

    def files(self, address: str) -> list[str]:
        """The paths of all files at `repo@branch`, in order."""
        found = self.raw("glob file", f"{address}:/**")
        return sorted(each["file"]["path"] for each in found if each["file_type"] == "FILE")

    def contents(self, address: str) -> dict[str, str]:
        """All files at `repo@branch` with what they hold."""
        return {path: self.get(f"{address}:{path}") for path in self.files(address)}

    def head(self, repo: str, branch: str = "master") -> str:
        """The id of a branch's head."""
        return str(self.one("inspect commit", f"{repo}@{branch}")["commit"]["id"])

    def commits(self, address: str) -> list[str]:
        """The ids of a repo's or a branch's commits, newest first."""
        return [each["commit"]["id"] for each in self.raw("list commit", address)]

    # Pipelines, jobs and datums

    def create(self, spec: dict[str, Any], *words: str) -> str:
        """Make a pipeline."""
        return self.do("create pipeline", *words, "-f", self.spec_file(spec))

    def update(self, spec: dict[str, Any], *words: str) -> str:
        """Replace a pipeline."""
        return self.do("update pipeline", *words, "-f", self.spec_file(spec))

    def spec_file(self, spec: dict[str, Any]) -> str:
        """The path of a file with a spec that this platform can run."""
        return self.text_file(json.dumps(self.complete(spec)), f"spec{self._files}.json")

    def pipeline(self, name: str) -> dict[str, Any]:
        """What is known of a pipeline."""
        return self.one("inspect pipeline", name)

    def jobs(self, pipeline: str, *words: str) -> list[dict[str, Any]]:
        """A pipeline's jobs, newest first, when all have ended."""
        self.settle()
        return self.raw("list job -p", pipeline, *words)

    def job(self, pipeline: str) -> dict[str, Any]:
        """A pipeline's newest job, when it has ended."""
        return self.jobs(pipeline)[0]

    def outcome(self, pipeline: str) -> "Outcome":
        """How a pipeline's newest job ended."""
        return Outcome.of(self.job(pipeline))

    def datums(self, pipeline: str) -> list[tuple[str, list[str]]]:
        """The datums of a pipeline's newest job, as state and inputs, in order of their inputs."""
        return self.datums_of(f"{pipeline}@{self.job(pipeline)['job']['id']}")

    def datums_of(self, job: str) -> list[tuple[str, list[str]]]:
        """The datums of a job, as state and inputs, in order of their inputs."""
        return sorted(
            ((each.get("state", "UNKNOWN"), inputs_of(each)) for each in self.raw("list datum", job)),
            key=lambda each: each[1],
        )

    def cut(self, input: dict[str, Any]) -> list[list[str]]:
        """The datums that an input is cut into, without a pipeline: the paths of each, `repo:/path`."""
        spec = {"pipeline": {"name": "cut"}, "transform": {"cmd": ["true"]}, "input": input}
        return sorted(inputs_of(each) for each in self.raw("list datum -f", self.text_file(json.dumps(spec))))


class Outcome(NamedTuple):
    """How a job ended: its state, and how many datums went which way."""

    state: str
    processed: int
    skipped: int
    failed: int
    recovered: int
    total: int

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> "Outcome":
        """What a job's record says."""
        counts = [
            int(job.get(f"data_{which}", 0)) for which in ("processed", "skipped", "failed", "recovered", "total")
        ]
        return cls(job["state"], *counts)


def success(processed: int = 0, skipped: int = 0, recovered: int = 0) -> Outcome:
    """The outcome of a job in which no datum failed."""
    return Outcome("JOB_SUCCESS", processed, skipped, 0, recovered, processed + skipped + recovered)


def inputs_of(datum: Mapping[str, Any]) -> list[str]:
    """A datum's inputs, `repo:/path`, in order."""
    return sorted(f"{each['file']['commit']['repo']['name']}:{each['file']['path']}" for each in datum.get("data", ()))


def read_documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents that stand one after another in `text`."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`, asked again and again."""
    end, pause = time.monotonic() + SAFETY_S, 0.05
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {SAFETY_S:.0f} s in vain: {what}"
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
    return value


class LocalEngine(Platform):
    """The command `aeolian` on a store of the test's own."""

    name = "local"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._environment = {"AEOLIAN_HOME": str(folder / "home"), "COLUMNS": "200"}
        self._started: list[subprocess.Popen[str]] = []

    def run(self, command: str, *words: str, input: str | bytes | None = None) -> Answer:
        """The answer of `aeolian`, in this process. A traceback is raised."""
        from aeolian.cli.main import main

        result = CliRunner(env=self._environment).invoke(main, [*command.split(), *words], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout_bytes, result.stderr)

    def start(self, command: str, *words: str) -> "subprocess.Popen[str]":
        """`aeolian` as a process."""
        process = subprocess.Popen(
            [sys.executable, "-c", "from aeolian.cli.main import main; main()", *command.split(), *words],
            env=os.environ | self._environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def settle(self) -> None:
        """Do what is outstanding."""
        answer = self.run("wait")
        assert self.is_done(answer), answer.err

    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The spec with the image that a cluster would run it in."""
        return {**spec, "transform": {"image": IMAGE, **spec.get("transform", {})}}

    def kept(self, name: str) -> str:
        """A path of the test's own folder."""
        return str(self.folder / name)

    def is_refusal(self, answer: Answer) -> bool:
        """A mistake ends with 2, and one sentence that says what to do."""
        return answer.code == 2

    def is_done(self, answer: Answer) -> bool:
        """A job that failed ends the command that ran it with 1."""
        return answer.code == 0 or (answer.code == 1 and not answer.err.startswith("error:"))

    def close(self) -> None:
        """End what the test started."""
        end_all(self._started)


class Pachyderm(Platform):
    """`pachctl` on a real pachd, in a project of the test's own."""

    name = "pachyderm"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.project = f"t{uuid.uuid4().hex[:6]}"  # no longer than `default`: pipelines may have 51 letters in it
        context = {"pachd_address": os.environ["PACHD_ADDRESS"], "project": self.project}
        settings = {"user_id": uuid.uuid4().hex, "v2": {"active_context": "test", "contexts": {"test": context}}}
        path = folder / "pachctl.json"
        path.write_text(json.dumps(settings))
        path.chmod(0o600)
        self._environment = {name: value for name, value in os.environ.items() if name != "PACHD_ADDRESS"}
        self._environment |= {"PACH_CONFIG": str(path), "NO_COLOR": "1"}
        self._started: list[subprocess.Popen[str]] = []
        self._has_pipelines = False
        self._triggered: list[str] = []  # pachd deletes no repo of which a branch is triggered by another
        self.do("create project", self.project)

    def run(self, command: str, *words: str, input: str | bytes | None = None) -> Answer:
        """The answer of `pachctl`."""
        self._has_pipelines |= "pipeline" in command
        if "--trigger" in words:
            self._triggered.insert(0, words[0])
        content = input.encode() if isinstance(input, str) else input
        answer = self._ask([*command.split(), *words], content or b"")
        # Two transactions met, of which pachd undoes one without trying it again.
        while answer.code and "commit unexpectedly resulted in rollback" in answer.err:
            answer = self._ask([*command.split(), *words], content or b"")
        return answer

    def _ask(self, words: Sequence[str], content: bytes) -> Answer:
        done = subprocess.run(
            ["pachctl", *words],
            env=self._environment,
            cwd=self.folder,
            input=content,
            capture_output=True,
            timeout=SAFETY_S,
        )
        return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def start(self, command: str, *words: str) -> "subprocess.Popen[str]":
        """`pachctl` as a process."""
        self._has_pipelines |= "pipeline" in command
        process = subprocess.Popen(
            ["pachctl", *command.split(), *words],
            env=self._environment,
            cwd=self.folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def settle(self) -> None:
        """Wait until every job of the project has ended: pachd says when, so that nothing is asked again and again."""
        while waiting := [job for job in self.raw("list job -x") if job.get("state") not in ENDED]:
            name, number = waiting[-1]["job"]["pipeline"]["name"], waiting[-1]["job"]["id"]
            self.do("wait job", f"{name}@{number}")

    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The spec with an image that is there, and asking for so little that many fit on two cores."""
        little = {"cpu": 0.01, "memory": "32Mi", "disk": "1Mi"}
        return {
            "resource_requests": little,
            "sidecar_resource_requests": little,
            **spec,
            "transform": {"image": IMAGE, **spec.get("transform", {})},
        }

    def kept(self, name: str) -> str:
        """A path in /tmp, which lives as long as the pipeline's pod."""
        return f"/tmp/{name}"

    def is_refusal(self, answer: Answer) -> bool:
        """Whatever goes wrong ends with 1."""
        return answer.code == 1

    def is_done(self, answer: Answer) -> bool:
        """Jobs run later."""
        return answer.code == 0

    def close(self) -> None:
        """Remove the project with all that is in it."""
        end_all(self._started)
        commands = ["delete repo --all --force", f"delete project {self.project}"]
        with _one_at_a_time():
            for branch in self._triggered:
                self.run("delete branch --force", branch)
            for command in (["delete pipeline --all --force"] if self._has_pipelines else []) + commands:
                self.run(command, input="y\n")


class Cluster(Pachyderm):
    """`aeolian` itself on a real pachd, in a project of the test's own."""

    name = "pachyderm"

    def _ask(self, words: Sequence[str], content: bytes) -> Answer:
        from aeolian.cli.main import main

        result = CliRunner(env={"PACH_CONFIG": self._environment["PACH_CONFIG"], "COLUMNS": "200"}).invoke(
            main, ["--context", "test", *words], input=content
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout_bytes, result.stderr)

    def is_refusal(self, answer: Answer) -> bool:
        """As on this machine."""
        return answer.code == 2

    def is_done(self, answer: Answer) -> bool:
        """As on this machine."""
        return answer.code == 0 or (answer.code == 1 and not answer.err.startswith("error:"))


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one process of this machine in: pachd's transactions are serializable, and deletes end one another."""
    with (Path(tempfile.gettempdir()) / "aeolian-cluster-test.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end_all(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """End processes that a test left running."""
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
