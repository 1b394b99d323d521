"""`inference.GRPCInferenceService`, with reflection and gRPC's own health service."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aeolian.errors import UsageError
from aeolian.serving.failures import Internal, RequestError
from aeolian.serving.grpc.convert import read_request, write_response
from aeolian.serving.grpc.messages import POOL, SERVICE, Messages, methods
from aeolian.serving.service import Service
from aeolian.serving.tokens import check_token

log = logging.getLogger(__name__)
TRANSPORT = "grpc"
GRACE_S = 2.0
FINAL, WANTS_FINAL = "triton_final_response", "triton_enable_empty_final_response"
_OPEN_TO_ALL = frozenset({"ServerLive", "ServerReady"})
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_MARGIN_BYTES = 1 << 20


class GrpcServer:
    """The server; an async context manager that ends it."""

    def __init__(self, service: Service, token: str) -> None:
        largest = service.limits.body_bytes + _MARGIN_BYTES
        options = [
            ("grpc.max_receive_message_length", largest),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            ("grpc.max_connection_age_grace_ms", 2000),
        ]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers([_handlers(_Methods(service), token)])
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        named = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(named, self._server, pool=_Pools())

    async def __aenter__(self) -> "GrpcServer":
        return self

    async def listen(self, host: str, port: int) -> int:
        """Opens the port; returns its number. Raises `UsageError` where that is not possible."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound: int = self._server.add_insecure_port(address)
        except RuntimeError:
            raise UsageError(f"Port {port} of {host} cannot be opened for gRPC: is it taken?") from None
        await self._server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return bound

    async def __aexit__(self, *error: object) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(GRACE_S)


class _Pools:
    """Our messages, and those of the services beside ours, for reflection."""

    def __getattr__(self, name: str) -> Any:
        def find(*what: Any) -> Any:
            try:
                return getattr(POOL, name)(*what)
            except KeyError:
                return getattr(descriptor_pool.Default(), name)(*what)

        return find


def _handlers(own: "_Methods", token: str) -> grpc.GenericRpcHandler:
    made = {}
    for method in methods():
        request = getattr(Messages, method.input_type.name)
        codec = {
            "request_deserializer": request.FromString,
            "response_serializer": getattr(Messages, method.output_type.name).SerializeToString,
        }
        behaviour = getattr(own, method.name)
        if method.client_streaming:
            made[method.name] = grpc.stream_stream_rpc_method_handler(_guarded_stream(behaviour, token), **codec)
        else:
            open_to_all = method.name in _OPEN_TO_ALL
            made[method.name] = grpc.unary_unary_rpc_method_handler(
                _guarded(behaviour, "" if open_to_all else token), **codec
            )
    return grpc.method_handlers_generic_handler(SERVICE, made)


def _check(context: Any, token: str) -> None:
    sent = dict(context.invocation_metadata() or ())
    check_token(str(sent.get("authorization", "")), token)


async def _abort(context: Any, error: RequestError) -> None:
    trailing = () if error.retry_after_s is None else (("retry-after", str(error.retry_after_s)),)
    await context.abort(_CODES.get(error.status, grpc.StatusCode.UNKNOWN), str(error), trailing)


def _guarded(behaviour: Callable[[Any], Awaitable[Any]], token: str) -> Callable[[Any, Any], Awaitable[Any]]:
    async def answer(request: Any, context: Any) -> Any:
        try:
            _check(context, token)
            return await behaviour(request)
        except RequestError as error:
            failed = error
        except Exception:
            log.exception("gRPC")
            failed = Internal("the server failed; its log has more.")
        await _abort(context, failed)

    return answer


def _guarded_stream(
    behaviour: Callable[[Any], AsyncIterator[Any]], token: str
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def answer(requests: Any, context: Any) -> AsyncIterator[Any]:
        try:
            _check(context, token)
        except RequestError as error:
            await _abort(context, error)
        async for request in requests:
            async with contextlib.aclosing(behaviour(request)) as responses:  # type: ignore[type-var]
                async for response in responses:
                    yield response

    return answer


class _Methods:
    """One method each of the service's."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ServerLive(self, request: Any) -> Any:
        return Messages.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any) -> Any:
        return Messages.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any) -> Any:
        model = self._service.registry.find(request.name, request.version)
        return Messages.ModelReadyResponse(ready=not self._service.registry.why_not_ready(model))

    async def ServerMetadata(self, request: Any) -> Any:
        return Messages.ServerMetadataResponse(**self._service.describe_server())

    async def ModelMetadata(self, request: Any) -> Any:
        told = self._service.describe(request.name, request.version)
        tensors = {
            kind: [{key: tensor[key] for key in ("name", "datatype", "shape")} for tensor in told[kind]]
            for kind in ("inputs", "outputs")
        }
        return Messages.ModelMetadataResponse(
            name=told["name"], versions=told["versions"], platform=told["platform"], **tensors
        )

    async def ModelInfer(self, request: Any) -> Any:
        self._service.workers.check_room()
        with self._service.held(request.ByteSize()):
            asked = read_request(request)
            response = await self._service.infer(request.model_name, request.model_version, asked, TRANSPORT)
            return write_response(response)

    async def ModelStreamInfer(self, request: Any) -> AsyncIterator[Any]:
        """The responses to one request of a stream; what is wrong with it is a message, and the stream goes on."""
        try:
            with self._service.held(request.ByteSize()):
                asked = read_request(request)
            stream = self._service.stream(request.model_name, request.model_version, asked, TRANSPORT)
            async with contextlib.aclosing(stream) as responses:
                async for response in responses:
                    yield Messages.ModelStreamInferResponse(infer_response=write_response(response))
            if asked.parameters.get(WANTS_FINAL):
                last = Messages.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
                last.parameters[FINAL].bool_param = True
                yield Messages.ModelStreamInferResponse(infer_response=last)
        except RequestError as error:
            failed = Messages.ModelInferResponse(model_name=request.model_name, id=request.id)
            yield Messages.ModelStreamInferResponse(error_message=str(error), infer_response=failed)

    async def RepositoryIndex(self, request: Any) -> Any:
        return Messages.RepositoryIndexResponse(models=self._service.index(only_ready=request.ready))

    async def RepositoryModelLoad(self, request: Any) -> Any:
        name = _repository_model(request)
        await self._service.load(name)
        return Messages.RepositoryModelLoadResponse(model_name=name, isLoaded=True)

    async def RepositoryModelUnload(self, request: Any) -> Any:
        name = _repository_model(request)
        self._service.unload(name)
        return Messages.RepositoryModelUnloadResponse(model_name=name, isUnloaded=True)


def _repository_model(request: Any) -> str:
    """The model's name: field 2 from Triton's clients, field 1 from KServe's."""
    name: str = request.model_name or request.repository_name
    return name
