"""Many datums in one process, where the pipeline's spec says `datum_batching`: what was loaded stays loaded.

The worker, of a cluster or of our engine, is asked for each datum by `NextDatum`, and swaps the contents of /pfs
before it answers; the paths stay the same. Every program of a cluster is told the worker's port, so the first answer
tells whether there is batching. When no datum is left the worker ends the process.
"""

import logging
import os
from collections.abc import Callable

from aeolian.errors import AeolianError
from aeolian.next_datum import METHOD, NOT_BATCHED, PORT_VARIABLE, SERVICE, decode, encode

log = logging.getLogger(__name__)


def each_datum(work: Callable[[], None]) -> None:
    """Does `work` once; in a batch, for one datum after another, in the environment of each.

    In a batch an error of `work` is that datum's alone: it is logged and told to the worker, which decides whether the
    datum is tried again. Raises `AeolianError` if the worker is set but cannot be asked.
    """
    port = os.environ.get(PORT_VARIABLE)
    if not port:
        work()
        return
    import grpc

    # A proxy for the world outside is none for the worker.
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"localhost:{port}", options) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/{METHOD}", request_serializer=encode, response_deserializer=decode)
        try:
            environment = _set(ask([]), {})
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED or NOT_BATCHED in (error.details() or ""):
                work()
                return
            raise _unanswered(port, error.details()) from None
        while True:
            told = _do(work)
            try:
                environment = _set(ask([told] if told else []), environment)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.CANCELLED:
                    return
                raise _unanswered(port, error.details()) from None


def _do(work: Callable[[], None]) -> str:
    """What went wrong; empty if nothing did."""
    try:
        work()
    except AeolianError as error:
        log.error("error: %s", error)
        return str(error)
    except Exception as error:
        log.exception("error: this datum failed")
        return repr(error)
    return ""


def _set(lines: list[str], before: dict[str, str]) -> dict[str, str]:
    """Makes `NAME=value` lines the environment, in place of those of the datum before."""
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    for name in before.keys() - environment.keys():
        os.environ.pop(name, None)
    os.environ.update(environment)
    return environment


def _unanswered(port: str, why: str | None) -> AeolianError:
    return AeolianError(
        f"The worker on port {port} cannot be asked for a datum: {why}.",
        remedy=f"Unset {PORT_VARIABLE} to run without a worker.",
    )
