"""`aeolian gc|fsck|doctor|completion`."""

import importlib.util
import os
import platform
import shutil
import sys

import click
from click.shell_completion import get_completion_class

from aeolian.cli.common import command, open_store, size_text, warn
from aeolian.engine import upkeep
from aeolian.engine.jobs.records import list_jobs, outstanding
from aeolian.engine.storage.store import default_home
from aeolian.errors import EXIT_FAILURE, AeolianError

_MOST_FAILURES_TOLD = 5
_LEAST_PYTHON = (3, 11)
_UNCONFINED = "can write wherever you can: no Landlock here (Linux 5.19 or later); --executor docker confines them"
_LEAST_FREE_BYTES = 2 << 30
# What each part of the chain imports; what is missing here may be in its image.
_PACKAGES = {
    "convert": ("pydub", "imageio_ffmpeg"),
    "transcribe": ("onnxruntime", "onnx", "basic_pitch"),
    "preprocess": ("symusic",),
    "train": ("keras", "tensorflow"),
    "generate": ("safetensors", "numba"),
    "render": ("tinysoundfont", "matplotlib"),
}


@command(example="aeolian gc")
def gc() -> None:
    """Remove contents that no commit has and no coming job can use."""
    with open_store() as store:
        freed = upkeep.collect_garbage(store)
        click.echo(
            f"removed {freed.objects} contents ({size_text(freed.size)}), {freed.nodes} tree nodes, "
            f"{freed.datums} old runs"
        )
    for failure in freed.failures[:_MOST_FAILURES_TOLD]:
        warn(failure)
    if freed.failures:
        warn(f"{len(freed.failures)} files are left that nothing needs; `aeolian gc` tries again")
        sys.exit(EXIT_FAILURE)


@command(example="aeolian fsck")
def fsck() -> None:
    """Check everything that is stored against its hash. Exit code 1 if something is damaged."""
    with open_store() as store:
        found = 0
        for fault in upkeep.check(store):
            found += 1
            click.echo(fault)
    if found:
        sys.exit(EXIT_FAILURE)
    click.echo("no damage found")


@command(example="aeolian doctor")
def doctor() -> None:
    """Check that this machine has what is needed. Exit code 1 if something is not."""
    facts = [_python(), _disk(), ("ok", f"{os.cpu_count() or 1} cores")]
    facts += [_stage(stage, packages) for stage, packages in _PACKAGES.items()]
    facts += [*_executors(), _store()]
    for verdict, fact in facts:
        click.echo(f"{verdict:<5} {fact}")
    if any(verdict == "bad" for verdict, _ in facts):
        sys.exit(EXIT_FAILURE)


def _python() -> tuple[str, str]:
    good = sys.version_info >= _LEAST_PYTHON
    return ("ok" if good else "bad"), f"Python {platform.python_version()} ({sys.executable})"


def _disk() -> tuple[str, str]:
    folder = default_home()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    good = free >= _LEAST_FREE_BYTES
    return ("ok" if good else "bad"), f"{size_text(free)} free at {folder}" + (
        "" if good else "; make room: songs as WAV are large"
    )


def _stage(stage: str, packages: tuple[str, ...]) -> tuple[str, str]:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        return "none", f"{stage}: {', '.join(missing)} not installed: this stage cannot run here"
    return "ok", f"{stage}: {', '.join(packages)}"


def _store() -> tuple[str, str]:
    if not (default_home() / "store.db").exists():
        return "none", f"no store at {default_home()} yet"
    with open_store() as store:
        health = upkeep.quick_check(store)
        left = len(outstanding(store))
        jobs = len(list_jobs(store))
    if health != "ok":
        return "bad", f"store at {default_home()}: {health}"
    return "ok", f"store at {default_home()}: {jobs} jobs" + (
        f", {left} outstanding: `aeolian wait` does them" if left else ""
    )


def _executors() -> list[tuple[str, str]]:
    """How programs run here: whether large inputs are linked or copied, whether there is Docker, and a GPU."""
    from aeolian.engine.jobs.resources import has_gpu
    from aeolian.engine.programs import landlock
    from aeolian.engine.programs.docker import docker_executor
    from aeolian.engine.programs.read_only import works_in

    home = default_home()
    while not home.exists():
        home = home.parent
    linked = os.access(home, os.W_OK) and works_in(home)
    how = "linked, under mounts that programs cannot write to" if linked else "copied: no leave to mount here"
    facts = [("ok" if linked else "none", f"large inputs are {how}")]
    kept = "can write below their own folder and /tmp alone" if landlock.works_here() else _UNCONFINED
    facts.append(("ok" if landlock.works_here() else "none", f"programs {kept}"))
    try:
        docker_executor()
        facts.append(("ok", "Docker answers: --executor docker runs programs in their images"))
    except AeolianError as error:
        facts.append(("none", f"--executor docker: {error}"))
    return [*facts, ("ok", "a GPU") if has_gpu() else ("none", "no GPU: what asks for one runs without")]


@command(example='eval "$(aeolian completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes the shell complete aeolian's commands."""
    from aeolian.cli.main import main

    found = get_completion_class(shell)
    if found is None:
        warn(f"{shell} is not known")
        sys.exit(EXIT_FAILURE)
    click.echo(found(main, {}, "aeolian", "_AEOLIAN_COMPLETE").source())
