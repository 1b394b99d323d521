"""What the stages that read recordings share: which files they take, and what becomes of those that are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeolian.errors import InputError, UsageError
from aeolian.names import named_as_audio
from aeolian.stages.folders import input_files
from aeolian.stages.report import StageReport


def sources(folder: Path, output: Path, report: StageReport) -> dict[str, Path]:
    """The files below `folder` by their names relative to it, without what lies in `output`.

    Any may be a recording: that is told by its content. `report` names what cannot be read.
    Raises `UsageError` if `folder` is not there, or is `output`.
    """
    base = folder.parent if folder.is_file() else folder
    if base.resolve() == output.resolve():
        raise UsageError("Input and output are the same folder.", remedy="Give another --output.")
    inside = output.resolve()
    found = [path for path in input_files(folder, report) if inside not in path.resolve().parents]
    return {path.relative_to(base).as_posix(): path for path in found}


def record(report: StageReport, name: str, outputs: list[str], work: Callable[[], dict[str, Any]]) -> None:
    """One entry of the report: `work` writes `outputs` and gives the details, or raises `InputError`.

    A file that neither holds sound nor is named like it (a picture, a list of titles) is skipped, not failed.
    """
    try:
        details = work()
    except InputError as error:
        if not named_as_audio(name):
            report.skip(name, str(error))
            return
        with report.entry(name):
            raise
    else:
        with report.entry(name) as entry:
            entry.outputs = outputs
            entry.details = details
