"""Answers over HTTP: errors as `{"error": …}`, responses with binary data, streams of server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from aeolian.serving.failures import RequestError
from aeolian.serving.json_codec import write_response
from aeolian.serving.tensors import Request as InferenceRequest
from aeolian.serving.tensors import Response as InferenceResponse

Result = TypeVar("Result")


class Gone(Exception):
    """The client has hung up."""


def json_response(document: Any, status: int = 200) -> Response:
    """A document as JSON."""
    return Response(orjson.dumps(document), status, media_type="application/json")


def error_response(error: RequestError) -> Response:
    """An error as the protocol has it."""
    response = json_response({"error": str(error)}, error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.status in (408, 413):
        response.headers["Connection"] = "close"  # what is left of the body is not received
    return response


def inference_response(response: InferenceResponse, request: InferenceRequest) -> Response:
    """A response as JSON, or as JSON with the binary data behind it."""
    parts, head = write_response(response, request)
    if head is None:
        return Response(parts[0], media_type="application/json")
    headers = {"Inference-Header-Content-Length": str(head)}
    return Response(b"".join(parts), headers=headers, media_type="application/octet-stream")


async def unless_gone(receive: Receive, work: Awaitable[Result]) -> Result:
    """What `work` gives. Cancels it, and raises `Gone`, when the client hangs up before."""
    working = asyncio.ensure_future(work)
    hanging_up = asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait({working, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Gone
        return working.result()
    finally:
        for task in (working, hanging_up):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _hung_up(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()


class EventStream(Response):
    """Responses as server-sent events, each one `data:` with its JSON; an error amid them as `{"error": …}`."""

    def __init__(self, first: InferenceResponse | None, rest: AsyncGenerator[InferenceResponse, None]) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends all of it, or until the client hangs up."""
        with contextlib.suppress(Gone, OSError):
            await unless_gone(receive, self._send_all(send))
        await self._rest.aclose()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            if self._first is not None:
                await _send_event(send, _event(self._first))
            async for response in self._rest:
                await _send_event(send, _event(response))
        except RequestError as error:
            await _send_event(send, b"data: " + orjson.dumps({"error": str(error)}) + b"\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(response: InferenceResponse) -> bytes:
    parts, _ = write_response(response, InferenceRequest(()))
    return b"data: " + parts[0] + b"\n\n"


def _send_event(send: Send, event: bytes) -> Awaitable[None]:
    return send({"type": "http.response.body", "body": event, "more_body": True})


Handler = Callable[..., Awaitable[Response]]
