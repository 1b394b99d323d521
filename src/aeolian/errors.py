"""The errors that a user may meet. Each says what is wrong, where, what would be right, and what to do.

A stage catches `InputError` for one input, names the input in its report and goes on with the next; every
other `AeolianError` ends the command with its `exit_code`. None of them ever shows a traceback.
"""

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class AeolianError(Exception):
    """What went wrong, in one sentence, and optionally the remedy in another."""

    exit_code = EXIT_FAILURE

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class UsageError(AeolianError):
    """Arguments or a configuration that cannot be acted on. Exit code 2."""

    exit_code = EXIT_USAGE


class InputError(AeolianError):
    """One input file cannot be used; the others can."""


class StorageError(AeolianError):
    """A file could not be written: no space, no permission, a read-only mount."""
