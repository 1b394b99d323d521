"""Flags of a program's command that are set from outside its spec."""


def set_arguments(cmd: tuple[str, ...], arguments: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return `cmd` with each flag given its value: in place, as `--flag value` or `--flag=value`, else at the end."""
    words = list(cmd)
    for flag, value in arguments:
        for place, word in enumerate(words):
            if word == flag and place + 1 < len(words):
                words[place + 1] = value
                break
            if word.startswith(f"{flag}="):
                words[place] = f"{flag}={value}"
                break
        else:
            words += [flag, value]
    return tuple(words)
