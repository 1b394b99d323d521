"""The addresses of the V2 protocol, each with what it answers."""

import contextlib
import logging
from functools import wraps
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from aeolian.serving import metrics
from aeolian.serving.failures import Internal, NotFound, RequestError
from aeolian.serving.http import openapi
from aeolian.serving.http.bodies import declared_bytes, header_bytes, receive_body
from aeolian.serving.http.guard import Guard
from aeolian.serving.http.responses import (
    EventStream,
    Gone,
    Handler,
    error_response,
    inference_response,
    json_response,
    unless_gone,
)
from aeolian.serving.json_codec import parse_json, parse_request
from aeolian.serving.service import Service

log = logging.getLogger(__name__)
TRANSPORT = "http"
_NOBODY = 499  # the client is gone: nobody reads the answer


def make_app(service: Service, *, token: str = "", cors: tuple[str, ...] = ()) -> Starlette:
    """The application. `token`: what a client must bear; `cors`: origins of pages that may call, `*` for all."""
    endpoints = _Endpoints(service)
    middleware = [Middleware(Guard, token=token, origins=cors)]
    if cors:
        exposed = ["Inference-Header-Content-Length", "Retry-After"]
        allowed = Middleware(
            CORSMiddleware, allow_origins=cors, allow_methods=["*"], allow_headers=["*"], expose_headers=exposed
        )
        middleware.insert(0, allowed)
    return Starlette(
        routes=endpoints.routes(),
        middleware=middleware,
        exception_handlers={HTTPException: _no_such_address, Exception: _our_fault},
    )


def make_metrics_app(service: Service) -> Starlette:
    """`/metrics` alone, for a port of its own."""
    return Starlette(routes=[Route("/metrics", _Endpoints(service).metrics)])


async def _no_such_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return json_response({"error": f"{request.method} is not for this address."}, 405)
    return error_response(NotFound("there is no such address; /v2/docs lists those there are."))


async def _our_fault(request: Request, error: Exception) -> Response:
    log.error("%s failed", request.url.path, exc_info=error)
    return error_response(Internal("the server failed; its log has more."))


def _answering(handler: Handler) -> Handler:
    """`handler`, with the errors that it raises as answers."""

    @wraps(handler)
    async def answer(self: "_Endpoints", request: Request) -> Response:
        try:
            return await handler(self, request)
        except RequestError as error:
            return error_response(error)
        except Gone:
            return Response(status_code=_NOBODY)

    return answer


class _Endpoints:
    """One method an address."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """All addresses."""
        one = "/v2/models/{model}"
        made = [
            Route("/v2", self.server),
            Route("/v2/", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2/models", self.models),
            Route("/v2/repository/index", self.index, methods=["POST"]),
            Route("/v2/repository/models/{model}/load", self.load, methods=["POST"]),
            Route("/v2/repository/models/{model}/unload", self.unload, methods=["POST"]),
            Route("/v2/docs", self.docs),
            Route("/v2/docs/openapi.json", self.openapi),
            Route("/metrics", self.metrics),
        ]
        for base in (one, one + "/versions/{version}"):
            made += [
                Route(base, self.model),
                Route(base + "/ready", self.model_ready),
                Route(base + "/infer", self.infer, methods=["POST"]),
                Route(base + "/infer_stream", self.infer_stream, methods=["POST"]),
                Route(base + "/generate_stream", self.infer_stream, methods=["POST"]),
            ]
        return made

    async def server(self, request: Request) -> Response:
        return json_response(self._service.describe_server())

    async def live(self, request: Request) -> Response:
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        return json_response({"ready": True})

    async def models(self, request: Request) -> Response:
        return json_response({"models": [row["name"] for row in self._service.index(only_ready=False)]})

    @_answering
    async def model(self, request: Request) -> Response:
        return json_response(self._service.describe(*_named(request)))

    @_answering
    async def model_ready(self, request: Request) -> Response:
        name, version = _named(request)
        self._service.registry.ready(name, version)
        return json_response({"name": name, "ready": True})

    @_answering
    async def index(self, request: Request) -> Response:
        body = await receive_body(request, self._service.limits)
        only_ready = bool(body) and parse_json(body).get("ready") is True
        return json_response(self._service.index(only_ready=only_ready))

    @_answering
    async def load(self, request: Request) -> Response:
        await receive_body(request, self._service.limits)
        await unless_gone(request.receive, self._service.load(request.path_params["model"]))
        return json_response({})

    @_answering
    async def unload(self, request: Request) -> Response:
        await receive_body(request, self._service.limits)
        self._service.unload(request.path_params["model"])
        return json_response({})

    @_answering
    async def infer(self, request: Request) -> Response:
        name, version = self._admit(request)
        with self._service.held(declared_bytes(request, self._service.limits)):
            asked = parse_request(await receive_body(request, self._service.limits), header_bytes(request))
            answer = self._service.infer(name, version, asked, TRANSPORT)
            return inference_response(await unless_gone(request.receive, answer), asked)

    @_answering
    async def infer_stream(self, request: Request) -> Response:
        name, version = self._admit(request)
        with self._service.held(declared_bytes(request, self._service.limits)):
            asked = parse_request(await receive_body(request, self._service.limits), header_bytes(request))
        responses = self._service.stream(name, version, asked, TRANSPORT)
        try:  # what is wrong with the request has a status of its own; the stream has not begun
            first = await unless_gone(request.receive, anext(responses, None))
        except BaseException:
            with contextlib.suppress(RuntimeError):
                await responses.aclose()
            raise
        return EventStream(first, responses)

    def _admit(self, request: Request) -> tuple[str, str]:
        """The model and version that are asked for. What will be refused is refused before its body is received."""
        name, version = _named(request)
        self._service.registry.ready(name, version)
        self._service.workers.check_room()
        return name, version

    async def metrics(self, request: Request) -> Response:
        return Response(self._service.metrics.text(), media_type=metrics.CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        return json_response(openapi.describe(self._service))

    async def docs(self, request: Request) -> Response:
        return HTMLResponse(openapi.as_page(openapi.describe(self._service)))


def _named(request: Request) -> tuple[str, str]:
    named: dict[str, Any] = request.path_params
    return named["model"], named.get("version", "")
