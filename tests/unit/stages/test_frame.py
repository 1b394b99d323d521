"""What all stages share: options from a dataclass, exit codes, folders, whole files, progress, reports."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aeolian.errors import InputError, UsageError
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.options import command, option
from aeolian.stages.progress import progress
from aeolian.stages.report import StageReport


@dataclass(frozen=True)
class Config:
    """Does a thing."""

    source: Path = option(positional=True, help="Where from.")
    max_seq: int = option(2048, help="Context.", minimum=1, maximum=4096)
    rate: float | None = option(None, help="Speed.", minimum=0)
    mode: str = option("dec", help="How.", choices=["dec"])
    picture: bool = option(True, help="Draw.")


def invoke(arguments: list[str], work: object = None) -> tuple[Result, list[Config]]:
    seen: list[Config] = []

    def run(config: Config) -> None:
        seen.append(config)
        if isinstance(work, BaseException):
            raise work

    return CliRunner().invoke(command(Config, run), arguments), seen


def test_options_derive_from_the_dataclass() -> None:
    result, seen = invoke(["in", "--max_seq=7", "--rate", "0.5", "--no-picture"])
    assert (result.exit_code, seen) == (0, [Config(Path("in"), 7, 0.5, "dec", False)])


def test_defaults_come_from_the_dataclass_and_help_shows_them() -> None:
    assert invoke(["in"])[1] == [Config(Path("in"))]
    text = invoke(["--help"])[0].output
    assert "Does a thing." in text
    assert "2048" in text
    assert "1<=x<=4096" in text


@pytest.mark.parametrize("arguments", [[], ["in", "--max_seq=0"], ["in", "--mode=enc-dec"], ["in", "--nope"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    result, seen = invoke(arguments)
    assert (result.exit_code, seen) == (2, [])


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("Bad thing.", remedy="Do this."), 2, "error: Bad thing. Do this."),
        (InputError("Bad file."), 1, "error: Bad file."),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1, "Free some space"),
        (OSError(errno.EROFS, "Read-only file system", "x"), 1, "mount it writable"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_known_failure_is_one_sentence_and_an_exit_code(error: BaseException, code: int, text: str) -> None:
    result, _ = invoke(["in"], error)
    assert result.exit_code == code
    assert text in result.output
    assert "Traceback" not in result.output


def test_input_files_are_sorted_and_leave_out_what_is_no_input(tmp_path: Path) -> None:
    for name in ("b.mp3", "a/c.mp3", ".hidden", ".git/x", "report.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    report = StageReport("convert")
    found = input_files(tmp_path, report)
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["b.mp3", "a/c.mp3"]
    assert input_files(tmp_path / "b.mp3", report) == [tmp_path / "b.mp3"]
    assert report.entries == []


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        output_folder(tmp_path / "out")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "song.mid"
    target.write_text("old")
    with pytest.raises(ValueError, match="stop"), whole_file(target) as partial:
        partial.write_text("half")
        raise ValueError("stop")
    assert [p.name for p in tmp_path.iterdir()] == ["song.mid"]
    assert target.read_text() == "old"
    with whole_file(target) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_progress_without_a_terminal_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("generating") as show:
        for done in range(1, 101):
            show(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["generating 1/100", "generating 100/100"]


def test_a_report_lists_every_input_with_its_fate(tmp_path: Path) -> None:
    report = StageReport("convert")
    with report.entry("good.mp3") as entry:
        entry.outputs = ["good.wav"]
    with report.entry("bad.mp3") as entry:
        entry.outputs = ["half.wav"]
        raise InputError("no audio in it.")
    report.skip("cover.jpg", "a picture")
    report.close(tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    assert [(e["input"], e["status"], e["outputs"], e["reason"]) for e in written["inputs"]] == [
        ("bad.mp3", "failed", [], "no audio in it."),
        ("cover.jpg", "skipped", [], "a picture"),
        ("good.mp3", "ok", ["good.wav"], ""),
    ]


def test_progress_on_a_terminal_is_a_bar_even_where_it_has_no_size() -> None:
    code = (
        "from aeolian.stages.progress import progress\n"
        "with progress('generating') as show:\n"
        "    for done in range(1, 2049):\n"
        "        show(done, 2048)"
    )
    leader, follower = os.openpty()  # its size is 0 × 0, as that of `docker run -t` without a terminal
    with subprocess.Popen([sys.executable, "-c", code], stderr=follower) as process:
        os.close(follower)
        drawn = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            drawn += part
    os.close(leader)
    assert process.returncode == 0
    assert b"generating |################################| 2048/2048" in drawn
