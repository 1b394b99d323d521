"""The environment of a program: what its spec and its datum say, and of this machine only what it cannot run without.

On a cluster a program sees the variables of its image, its spec and its pod, and nothing of who typed the command. A
process of this machine has no image. What stands in its place is here, a list with reasons, and nothing else.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# What the image of a cluster would say.
_OF_THE_MACHINE = (
    # Where programs and their libraries are.
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    # Where programs that were installed for one user, and what they download once, are.
    "HOME",
    # How they read and write text and times.
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    # Which of several GPUs is theirs.
    "CUDA_VISIBLE_DEVICES",
    # What this machine has for our own stages; see docs/engine.md.
    "AEOLIAN_CHECKPOINTS",
    "AEOLIAN_LOG",
    "AEOLIAN_MODELS",
    "AEOLIAN_TRANSCRIBER",
    "KERAS_BACKEND",
)
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")


def machine_environment() -> dict[str, str]:
    """What a process of this machine has whatever its spec says; the Python that runs this comes first."""
    environment = {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return environment | {"PYTHONUNBUFFERED": "1"}


def thread_environment(threads: int) -> dict[str, str]:
    """How many threads numerical libraries may use; what the caller's own environment says of it counts."""
    return {variable: os.environ.get(variable, str(threads)) for variable in _THREADS}


def expand_references(environment: Mapping[str, str]) -> dict[str, str]:
    """`transform.env` as Kubernetes hands it on: `$(NAME)` is another variable of it, `$$` one dollar.

    A name that is unknown, or that leads back to itself, stays as it is written.
    """

    def value(name: str, outer: tuple[str, ...]) -> str:
        inner = (*outer, name)

        def replace(found: "re.Match[str]") -> str:
            if found[0] == "$$":
                return "$"
            known = found[1] in environment and found[1] not in inner
            return value(found[1], inner) if known else found[0]

        return _REFERENCE.sub(replace, environment[name])

    return {name: value(name, ()) for name in environment}
