"""What a model is to the service: a name, typed inputs and outputs, and a function; and the table of them.

A model's function is named by `module:attribute` and imported where it runs, so that the table itself is light.
"""

import importlib
import importlib.util
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aeolian.serving.failures import NotFound, NotReady
from aeolian.serving.tensors import Value

VERSION = "1"
PLATFORM = "aeolian"
READY, UNAVAILABLE = "READY", "UNAVAILABLE"

# An array, a list of bytes, or, for an output or an option, one number or text.
Given = Value | bytes | str | float
Values = dict[str, Given]
Emit = Callable[[Values], None]
# Of one request: the values of all inputs by name, to the values of outputs by name. What comes bit by bit is handed
# to the second argument as it comes; what is returned comes last.
Function = Callable[[Values, Emit], Values]


@dataclass(frozen=True)
class Input:
    """An input: its datatype and shape, -1 where any size will do.

    An `option` is one number or text; left away, it is `default`. `limits`: the least and the greatest value.
    `choices`: the texts that are legal. `most`: how many elements, or bytes of BYTES, are taken.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] = (1,)
    help: str = ""
    required: bool = True
    default: Any = None
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    most: int = 1 << 26

    @property
    def is_option(self) -> bool:
        """Whether it is one value, not an array of them."""
        return self.shape == (1,)


@dataclass(frozen=True)
class Output:
    """An output. `content_type` is the media type of BYTES, and how MLServer's clients decode it."""

    name: str
    datatype: str
    shape: tuple[int, ...] = (1,)
    help: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Model:
    """A model: `function` names what makes it: `() -> Function`, heavy, called once where the model runs.

    `streams`: outputs come bit by bit. `needs`: packages, without which it shows as not ready, and `extra`
    tells what brings them. `apart`: it runs in a process of its own, so that it can be stopped, and take nothing with
    it; without, on a thread of the server. `why_not`: the reason why it is not ready, whatever is installed.
    """

    name: str
    help: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    function: str
    streams: bool = False
    needs: tuple[str, ...] = ()
    extra: str = ""
    apart: bool = True
    limit_s: float = 300.0
    why_not: str = ""

    def make(self) -> Function:
        """The function, with all that it needs loaded."""
        module, _, attribute = self.function.partition(":")
        made: Function = getattr(importlib.import_module(module), attribute)()
        return made

    def find_missing(self) -> str:
        """Why the model cannot be ready on this machine; empty where it can."""
        absent = [name for name in self.needs if not _is_installed(name)]
        if absent:
            remedy = f"; install aeolian[{self.extra}]" if self.extra else ""
            return f"not installed: {', '.join(absent)}{remedy}"
        return self.why_not


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


class Registry:
    """Models by name, and which of them have been unloaded."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models: Mapping[str, Model] = {model.name: model for model in models}
        self._unloaded: set[str] = set()
        self._missing = {name: model.find_missing() for name, model in self._models.items()}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def find(self, name: str, version: str = "") -> Model:
        """The model of this name. Raises `NotFound`, naming those there are."""
        model = self._models.get(name)
        if model is None:
            raise NotFound(f"there is no model {name[:80]!r}; there are {', '.join(self._models)}.")
        if version not in ("", VERSION):
            raise NotFound(f"model {name!r} has no version {version[:40]!r}; there is {VERSION}.")
        return model

    def why_not_ready(self, model: Model) -> str:
        """Why a model is not ready; empty if it is."""
        if self._missing[model.name]:
            return self._missing[model.name]
        with self._lock:
            return "unloaded" if model.name in self._unloaded else ""

    def ready(self, name: str, version: str = "") -> Model:
        """The model, ready to answer. Raises `NotFound`, or `NotReady` with the reason."""
        model = self.find(name, version)
        if why := self.why_not_ready(model):
            raise NotReady(f"model {name!r} is not ready: {why}.")
        return model

    def mark(self, model: Model, *, loaded: bool) -> None:
        """Remembers that a model was loaded or unloaded. Raises `NotReady` for one that cannot be loaded."""
        if loaded and self._missing[model.name]:
            raise NotReady(f"model {model.name!r} cannot be loaded: {self._missing[model.name]}.")
        with self._lock:
            (self._unloaded.discard if loaded else self._unloaded.add)(model.name)
