"""What the engine's commands share: the store, errors, and words for times and sizes."""

import functools
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aeolian.engine.storage.store import Store, default_home
from aeolian.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, AeolianError, UsageError
from aeolian.platform.contexts import LOCAL, active_context, find_context

if TYPE_CHECKING:
    from aeolian.engine.local.platform import LocalPlatform
    from aeolian.platform.protocol import Platform

Callback = TypeVar("Callback", bound=Callable[..., Any])


def command(*, example: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command with an example in its help; known failures become one sentence and an exit code."""

    def wrap(function: Callable[..., None]) -> click.Command:
        text = f"{(function.__doc__ or '').strip()}\n\n\b\nExample:\n" + "\n".join(
            f"  {line}" for line in example.splitlines()
        )

        @functools.wraps(function)
        def guarded(*values: Any, **options: Any) -> None:
            _guard(lambda: function(*values, **options))

        made = click.command(help=text, context_settings={"help_option_names": ["-h", "--help"]})(guarded)
        made.params.append(_make_context_option())
        return made

    return wrap


def _guard(work: Callable[[], None]) -> None:
    try:
        work()
    except AeolianError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except sqlite3.Error as error:
        click.echo(f"error: the store's database: {error}. See `aeolian doctor` and `aeolian fsck`.", err=True)
        sys.exit(EXIT_FAILURE)
    except UnicodeEncodeError as error:
        click.echo(f"error: {error.object[:80]!r} is not text in UTF-8, which names have to be.", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        click.echo("interrupted; the same command, or `aeolian wait`, goes on from here", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        click.echo(f"error: {error.strerror or error}{where}. What was finished is kept.", err=True)
        sys.exit(EXIT_FAILURE)


_CONTEXT = "aeolian.context"


def remember_context(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Keep what `--context` says, for the command that runs now."""
    if value is not None:
        context.meta[_CONTEXT] = value


def _make_context_option() -> click.Option:
    return click.Option(
        ["--context"], metavar="NAME", is_eager=True, expose_value=False, hidden=True, callback=remember_context
    )


def chosen_context() -> str:
    """Return the context that is meant: that of `--context`, or the active one."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_CONTEXT) or active_context()) if context else active_context()


def chosen_project() -> str:
    """Return the project of names without any, as the context has it."""
    name = chosen_context()
    return "default" if name == LOCAL else find_context(name).project


def open_platform(*, make: bool = False) -> "Platform":
    """Return what the context names: the engine of this machine, or a pachd.

    Raises `AeolianError` where there is no store, unless it may be made, and no such context.
    """
    name = chosen_context()
    if name == LOCAL:
        from aeolian.engine.local.platform import LocalPlatform

        return LocalPlatform(open_store(make=make))
    context = find_context(name)
    from aeolian.cluster.platform import ClusterPlatform

    return ClusterPlatform(context)


def as_local(platform: "Platform") -> "LocalPlatform | None":
    """Return the platform if it is the engine of this machine."""
    from aeolian.engine.local.platform import LocalPlatform

    return platform if isinstance(platform, LocalPlatform) else None


def open_store(*, make: bool = False) -> Store:
    """The store of the current folder or `$AEOLIAN_HOME`.

    Raises `AeolianError` if there is none, unless it may be made, and where the context is a cluster.
    """
    if (context := chosen_context()) != LOCAL:
        raise UsageError(
            f"This is a command of the engine of this machine; the context is {context}.",
            remedy=f"Say --context {LOCAL}, or: aeolian context use {LOCAL}",
        )
    home = default_home()
    if not make and not (home / "store.db").exists():
        raise AeolianError(
            f"There is no store at {home}.", remedy="Begin with `aeolian create repo NAME` or `aeolian up FOLDER`."
        )
    return Store(home)


_EXECUTOR = "aeolian.executor"


def _remember_executor(context: click.Context, parameter: click.Parameter, value: str) -> None:
    context.meta[_EXECUTOR] = value


executor_option = click.option(
    "--executor",
    type=click.Choice(["process", "docker"]),
    default="process",
    envvar="AEOLIAN_EXECUTOR",
    show_default=True,
    show_envvar=True,
    expose_value=False,
    callback=_remember_executor,
    help="Where programs run: as processes of this machine, or in their images.",
)


def chosen_executor() -> str:
    """What `--executor` says, for the command that runs now."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_EXECUTOR, "process")) if context else "process"


def no_run_option(callback: Callback) -> Callback:
    """`--no-run`, and `--executor` for when it is not given: the options of every command that makes a commit."""
    no_run = click.option("--no-run", is_flag=True, help="Do not run what follows; `aeolian wait` does.")
    return no_run(executor_option(callback))


def _read_history(context: click.Context, parameter: click.Parameter, value: str) -> int:
    if value in ("none", "all"):
        return 0 if value == "none" else -1
    if value.isdecimal() and len(value) < 10:
        return int(value)
    raise click.BadParameter("it is none, all, or how many versions before the current one.")


history_option = click.option(
    "--history",
    metavar="none|all|NUMBER",
    default="none",
    show_default=True,
    callback=_read_history,
    help="Earlier versions too.",
)


def age(moment: float | None) -> str:
    """How long ago a moment was, as a person says it."""
    if moment is None:
        return "-"
    seconds = max(time.time() - moment, 0)
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return f"{int(seconds)} s ago"


def size_text(size: float) -> str:
    """Bytes in the unit that suits: `3.2 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def duration_text(seconds: float) -> str:
    """`1.4 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def warn(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)
