"""The process: HTTP, gRPC and metrics on their ports, until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from aeolian.errors import UsageError
from aeolian.serving.grpc.listening import GrpcServer
from aeolian.serving.http.app import make_app, make_metrics_app
from aeolian.serving.http.listening import listen, make_server
from aeolian.serving.limits import Limits
from aeolian.serving.registry import Model
from aeolian.serving.service import Service

DRAIN_S = 2.0  # for requests under way when it is told to stop


@dataclass(frozen=True)
class Options:
    """Where to listen, and for whom. A port of 0 is any that is free, one of None none."""

    host: str = "127.0.0.1"
    http: int = 8080
    grpc: int | None = 8081
    metrics: int | None = None
    token: str = ""
    cors: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def serve(models: list[Model], options: Options, tell: Callable[[str], None]) -> None:
    """Serves `models` until SIGINT or SIGTERM; `tell` gets a line for each port and one when all are open.

    Raises `UsageError` for a port that cannot be opened.
    """
    asyncio.run(_serve(models, options, tell))


async def _serve(models: list[Model], options: Options, tell: Callable[[str], None]) -> None:
    service = Service(models, options.limits)
    try:
        await _listen(service, options, tell)
    finally:
        await service.stop(0)


async def _listen(service: Service, options: Options, tell: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    apps = [("http", make_app(service, token=options.token, cors=options.cors), options.http)]
    if options.metrics is not None:
        apps.append(("metrics", make_metrics_app(service), options.metrics))
    servers, running = [], []
    try:
        for name, app, port in apps:
            try:
                socket = listen(options.host, port)
            except OSError as error:
                raise UsageError(f"Port {port} of {options.host} cannot be opened: {error.strerror}.") from None
            server = make_server(app, options.limits)
            servers.append(server)
            running.append(asyncio.create_task(server.serve(sockets=[socket])))
            tell(f"{name} http://{_address(options.host, socket.getsockname()[1])}")
        async with GrpcServer(service, options.token) as grpc:
            if options.grpc is not None:
                tell(f"grpc {_address(options.host, await grpc.listen(options.host, options.grpc))}")
            while not all(server.started for server in servers) and not any(task.done() for task in running):
                await asyncio.sleep(0.01)
            tell("ready; Ctrl-C ends it")
            await stop.wait()
            for server in servers:
                server.should_exit = True
            await service.stop(DRAIN_S)
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
