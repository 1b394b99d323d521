"""One frozen dataclass configures a stage; its command line is derived from it here.

    @dataclass(frozen=True)
    class Config:
        '''MP3 and other recordings to WAV.'''
        input: Path = option(flag="--input", help="Folder of recordings.")

`command(Config, run)` is the click command, for `containers/<image>/<script>.py` and for `aeolian <verb>` alike.
"""

import dataclasses
import errno
import inspect
import logging
import os
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from aeolian.errors import EXIT_FAILURE, EXIT_INTERRUPTED, AeolianError

REQUIRED: Any = dataclasses.MISSING


def option(
    default: Any = REQUIRED,
    *,
    help: str,
    flag: str | None = None,
    positional: bool = False,
    choices: Sequence[str] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """A dataclass field that is also a command-line option.

    `flag` defaults to the field's name with dashes turned to underscores; `minimum` and `maximum` are inclusive.
    """
    metadata = {
        "help": help,
        "flag": flag,
        "positional": positional,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
    }
    return dataclasses.field(default=default, metadata=metadata)


def command(
    config_class: type, run: Callable[[Any], None], name: str | None = None, *, example: str = ""
) -> click.Command:
    """The click command that parses `config_class` and hands it to `run`, with our errors and exit codes.

    `example` is a line or more that its help ends with.
    """
    hints = typing.get_type_hints(config_class)
    parameters = [_parameter(field, hints[field.name]) for field in dataclasses.fields(config_class)]

    def callback(**values: Any) -> None:
        guarded(lambda: run(config_class(**values)))

    return click.Command(
        name,
        params=parameters,
        callback=callback,
        help=f"{inspect.cleandoc(config_class.__doc__ or '')}{_as_example(example)}",
        context_settings={
            "show_default": True,
            "max_content_width": 100,
            "help_option_names": ["-h", "--help"],
        },
    )


def _as_example(text: str) -> str:
    return "\n\n\b\nExample:\n" + "\n".join(f"  {line}" for line in text.splitlines()) if text else ""


def guarded(work: Callable[[], None]) -> None:
    """Runs `work`; a known failure becomes one sentence on stderr and an exit code, never a traceback."""
    logging.basicConfig(level=os.environ.get("AEOLIAN_LOG", "INFO"), format="%(message)s", stream=sys.stderr)
    try:
        work()
    except AeolianError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_FAILURE)
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        where = f" ({error.filename})" if error.filename else ""
        click.echo(f"error: {error.strerror}{where}. {_REMEDIES[error.errno]}", err=True)
        sys.exit(EXIT_FAILURE)


_REMEDIES = {
    errno.ENOSPC: "Free some space and run the same command again; finished files are kept.",
    errno.EDQUOT: "Free some of your quota and run the same command again; finished files are kept.",
    errno.EROFS: "The output folder is on a read-only mount; mount it writable or choose another.",
    errno.EACCES: 'Check who owns the folder; in Docker, pass --user "$(id -u):$(id -g)".',
    errno.EPERM: 'Check who owns the folder; in Docker, pass --user "$(id -u):$(id -g)".',
}


def _parameter(field: "dataclasses.Field[Any]", hint: Any) -> click.Parameter:
    meta = field.metadata
    # click 8.5 takes an explicit `default=None` for a default, so a required parameter gets none at all.
    presence: dict[str, Any] = {"required": True} if field.default is REQUIRED else {"default": field.default}
    if meta["positional"]:
        return click.Argument([field.name], type=_click_type(hint, meta), **presence)
    flag = meta["flag"] or f"--{field.name}"
    if hint is bool:
        negative = flag.replace("--", "--no_" if "_" in flag else "--no-", 1)
        return click.Option([f"{flag}/{negative}", field.name], help=meta["help"], **presence)
    return click.Option([flag, field.name], type=_click_type(hint, meta), help=meta["help"], **presence)


def _click_type(hint: Any, meta: Any) -> "click.ParamType[Any]":
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if meta["choices"]:
        return click.Choice(list(meta["choices"]))
    if hint is int:
        return click.IntRange(meta["minimum"], meta["maximum"])
    if hint is float:
        return click.FloatRange(meta["minimum"], meta["maximum"])
    if hint is Path:
        return click.Path(path_type=Path)
    return click.STRING
