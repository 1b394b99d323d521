"""The service, whatever it is spoken to by: requests in, responses out."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import numpy as np

from aeolian import __version__
from aeolian.serving import binding
from aeolian.serving.failures import Busy, RequestError
from aeolian.serving.limits import Limits
from aeolian.serving.metrics import Metrics
from aeolian.serving.registry import PLATFORM, READY, UNAVAILABLE, VERSION, Input, Model, Output, Registry, Values
from aeolian.serving.tensors import Request, Response
from aeolian.serving.workers import Job, Workers

NAME = "aeolian"
EXTENSIONS = ["binary_tensor_data", "model_repository", "streaming"]


class Service:
    """Models, the workers that run them, and what is counted."""

    def __init__(self, models: list[Model], limits: Limits) -> None:
        self.limits = limits
        self.registry = Registry(models)
        self.workers = Workers(models, limits)
        self.metrics = Metrics(lambda: self.workers.outstanding, lambda: self.workers.deaths)
        self._held = 0

    async def stop(self, drain_s: float) -> None:
        """Ends the workers, once nothing is outstanding or after `drain_s`."""
        end_s = time.monotonic() + drain_s
        while self.workers.outstanding and time.monotonic() < end_s:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(self.workers.close)

    @contextlib.contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Accounts for the memory of a request. Raises `Busy` where all together would be too much."""
        if self._held + size > self.limits.held_bytes:
            raise Busy("the requests under way fill the memory that they may; try again.")
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def stream(self, name: str, version: str, request: Request, transport: str) -> AsyncGenerator[Response, None]:
        """The responses of a model as they come. Closed, or cancelled, it stops the model. Raises `RequestError`."""
        model = self.registry.ready(name, version)
        with self.metrics.request(model.name, transport):
            async for values in self._run(model, binding.bind(model, request)):
                response = binding.as_response(model, VERSION, values, request)
                if response.outputs:
                    yield response

    async def infer(self, name: str, version: str, request: Request, transport: str) -> Response:
        """The response of a model; where it streams, all its parts as one. Raises `RequestError`."""
        model = self.registry.ready(name, version)
        with self.metrics.request(model.name, transport):
            async with contextlib.aclosing(self._run(model, binding.bind(model, request))) as parts:
                values = _join([part async for part in parts])
            return binding.as_response(model, VERSION, values, request)

    async def _run(self, model: Model, values: Values | None) -> AsyncGenerator[Values, None]:
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[Values | RequestError | None] = asyncio.Queue()

        def hear(what: Values | RequestError | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(heard.put_nowait, what)

        job = Job(model, values, hear)
        self.workers.submit(job)
        try:
            while (what := await heard.get()) is not None:
                if isinstance(what, RequestError):
                    raise what
                yield what
        finally:
            job.called_off.set()

    async def load(self, name: str) -> None:
        """Loads a model, so that its first request need not. Raises `RequestError` if it cannot be."""
        model = self.registry.find(name)
        self.registry.mark(model, loaded=True)
        async with contextlib.aclosing(self._run(model, None)) as parts:
            async for _ in parts:
                pass

    def unload(self, name: str) -> None:
        """Lets a model answer no more until it is loaded again."""
        model = self.registry.find(name)
        self.registry.mark(model, loaded=False)
        self.workers.forget(name)

    def describe_server(self) -> dict[str, Any]:
        """The server's metadata."""
        return {"name": NAME, "version": __version__, "extensions": EXTENSIONS}

    def describe(self, name: str, version: str = "") -> dict[str, Any]:
        """A model's metadata. Raises `NotFound`."""
        model = self.registry.find(name, version)
        return {
            "name": model.name,
            "versions": [VERSION],
            "platform": PLATFORM,
            "inputs": [_describe(tensor) for tensor in model.inputs],
            "outputs": [_describe(tensor) for tensor in model.outputs],
            "parameters": {"description": model.help, "streams": model.streams},
        }

    def index(self, *, only_ready: bool) -> list[dict[str, str]]:
        """Every model with its state and, where it is not ready, why."""
        rows = [(model, self.registry.why_not_ready(model)) for model in self.registry]
        return [
            {"name": model.name, "version": VERSION, "state": UNAVAILABLE if why else READY, "reason": why}
            for model, why in rows
            if not (why and only_ready)
        ]


def _describe(tensor: Input | Output) -> dict[str, Any]:
    parameters: dict[str, Any] = {"description": tensor.help} if tensor.help else {}
    if isinstance(tensor, Input) and not tensor.required:
        parameters["optional"] = True
        parameters |= {} if tensor.default is None else {"default": tensor.default}
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    return head | ({"parameters": parameters} if parameters else {})


def _join(parts: list[Values]) -> Values:
    """The parts of a stream as one: arrays and lists one after the other."""
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part)
    joined: Values = {}
    for name in names:
        values: list[Any] = [part[name] for part in parts if name in part]
        if isinstance(values[0], list):
            joined[name] = [text for value in values for text in value]
        else:
            joined[name] = np.concatenate([np.atleast_1d(value) for value in values])
    return joined
