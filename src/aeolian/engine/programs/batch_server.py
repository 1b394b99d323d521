"""The worker's end of `NextDatum`: a gRPC server for one program, on a port of this machine or a socket in a folder.

The only module that needs grpcio; `engine.batching` imports it when a pipeline asks for datum_batching.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import grpc

from aeolian.engine.programs.docker_relay import SOCKET
from aeolian.next_datum import METHOD, SERVICE, decode, encode

# A program makes one call at a time; one that makes more has them answered in turn.
_CALLS_AT_ONCE = 8


class Asking:
    """One call in progress: the error of the datum before, empty if it went well. `answer` ends it."""

    def __init__(self, error: str) -> None:
        self.error = error
        self._answer: SimpleQueue[list[str] | None] = SimpleQueue()

    def answer(self, environment: list[str] | None) -> None:
        """Hands out a datum as `NAME=value` lines; None if there will be no more."""
        self._answer.put(environment)

    def wait(self) -> list[str] | None:
        """What was answered."""
        return self._answer.get()


class BatchServer:
    """Calls `asked` on each NextDatum.

    `port` is a free one of the loopback interface; with a `folder` it is 0, and it is the socket `SOCKET` there.
    """

    def __init__(self, asked: Callable[[Asking], None], folder: Path | None = None) -> None:
        self._asked = asked
        method = grpc.unary_unary_rpc_method_handler(
            self._next_datum, request_deserializer=decode, response_serializer=encode
        )
        self._server = grpc.server(
            ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="next-datum"),
            handlers=[grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})],
            options=[("grpc.so_reuseport", 0)],
        )
        if folder is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = 0
            self._add_socket(folder)
        self._server.start()

    def _add_socket(self, folder: Path) -> None:
        # By way of a descriptor: a socket's path has at most 107 bytes, and a folder may lie deeper.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._server.add_insecure_port(f"unix:/proc/self/fd/{descriptor}/{SOCKET}")
        finally:
            os.close(descriptor)
        (folder / SOCKET).chmod(0o666)

    def _next_datum(self, errors: list[str], context: grpc.ServicerContext) -> list[str]:
        asking = Asking(errors[-1] if errors else "")
        # A program that is killed while it waits must not leave a thread waiting for its datum.
        if context.add_callback(lambda: asking.answer(None)):
            self._asked(asking)
            if (environment := asking.wait()) is not None:
                return environment
        context.abort(grpc.StatusCode.CANCELLED, "there are no more datums")
        return []

    def close(self) -> None:
        """Ends every call and frees the port."""
        self._server.stop(None)
