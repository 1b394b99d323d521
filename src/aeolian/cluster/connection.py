"""The connection to a pachd: its address, TLS, who one is; and what its errors mean.

The SDK's own `Client` looks into files and variables of its own; here the context has decided all that. Only what is
used of the SDK is loaded: its messages, and its calls.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from aeolian.errors import AeolianError, UsageError
from aeolian.platform.contexts import Context

try:
    import grpc
    from pachyderm_sdk.api import pfs, pps, version
except ModuleNotFoundError as error:
    raise AeolianError(f"A cluster needs the package {error.name}.", remedy="pip install 'aeolian[cluster]'") from None

_CONNECT_S = 10.0
_MESSAGE_BYTES = 20 << 20
# pachd's transactions are serializable: of two that met, one is undone, and left to whoever asked to try again.
_ROLLED_BACK = "commit unexpectedly resulted in rollback"
_MOST_TRIES = 20
_PREFIX = "rpc error: code = "

T = TypeVar("T")


class NotThere(UsageError):
    """What is asked for does not exist."""


class Connection:
    """A pachd's calls: `pfs` of repos, commits and files, `pps` of pipelines, jobs and datums."""

    def __init__(self, context: Context) -> None:
        self.context = context
        options = [("grpc.max_receive_message_length", _MESSAGE_BYTES)]
        if context.tls:
            credentials = grpc.ssl_channel_credentials(context.certificates or None)
            channel = grpc.secure_channel(context.address, credentials, options=options)
        else:
            channel = grpc.insecure_channel(context.address, options=options)
        self._channel = grpc.intercept_channel(channel, _Named(context.token)) if context.token else channel
        self._plain = channel

    def wait_until_ready(self) -> None:
        """Return when the pachd answers. Raises `AeolianError` if it does not."""
        try:
            grpc.channel_ready_future(self._plain).result(timeout=_CONNECT_S)
        except grpc.FutureTimeoutError:
            raise AeolianError(
                f"No pachd answers at {self.context.address} (context {self.context.name}).", remedy=self._remedy()
            ) from None

    def _remedy(self) -> str:
        how = "with TLS" if self.context.tls else "without TLS"
        return (
            f"It was tried {how}. Is the cluster up, and the address right? `aeolian context show`; "
            "`aeolian context use local` goes back to this machine."
        )

    @cached_property
    def pfs(self) -> "pfs.ApiStub":
        """Repos, branches, commits, files."""
        return pfs.ApiStub(self._channel)

    @cached_property
    def pps(self) -> "pps.ApiStub":
        """Pipelines, jobs, datums, logs, secrets."""
        return pps.ApiStub(self._channel)

    def server_version(self) -> str:
        """Return the version of the pachd, such as 2.12.2."""
        found = self.call(version.ApiStub(self._channel).get_version)
        return f"{found.major}.{found.minor}.{found.micro}"

    def call(self, work: Callable[..., T], *, tries: int = _MOST_TRIES, **fields: Any) -> T:
        """Return what a call answers. Raises `AeolianError`, `UsageError` for what the pachd refuses.

        With `tries` above 1 the call may be made again: `fields` must not be used up by it.
        """
        for left in reversed(range(tries)):
            try:
                return work(**fields)
            except grpc.RpcError as error:
                if not left or _ROLLED_BACK not in str(error.details()):
                    raise self._explain(error) from None
        raise AssertionError("tries is at least 1")

    def stream(self, work: Callable[..., Iterator[T]], **fields: Any) -> Iterator[T]:
        """Yield what a call answers, one after another. Raises as `call` does."""
        try:
            yield from work(**fields)
        except grpc.RpcError as error:
            raise self._explain(error) from None

    def close(self) -> None:
        """End the connection."""
        self._plain.close()

    def _explain(self, error: Any) -> AeolianError:
        code, said = error.code(), clean(str(error.details()))
        where = f"{self.context.address} (context {self.context.name})"
        # A pachd calls unavailable too what is not finished yet.
        if code == grpc.StatusCode.UNAVAILABLE and "not finished" not in said:
            return AeolianError(f"The connection to {where} was lost: {said}.", remedy=self._remedy())
        if code == grpc.StatusCode.UNAUTHENTICATED or "no authentication token" in said or "expired" in said:
            return UsageError(f"{where} does not know you: {said}.", remedy="Log in: pachctl auth login")
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return AeolianError(f"{where} lacks a call: {said}.", remedy="Aeolian speaks to Pachyderm 2.12.")
        if code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED):
            return AeolianError(f"{where}: {said}.")
        if code == grpc.StatusCode.NOT_FOUND or said.endswith("not found"):
            return NotThere(f"{said}.")
        return UsageError(f"{said}.")


def clean(details: str) -> str:
    """Return what a pachd says of a failure, without the wrappings of its calls and without the full stop."""
    while _PREFIX in details:
        details = details.rpartition(_PREFIX)[2].partition("desc = ")[2] or details.rpartition(_PREFIX)[2]
    return details.strip().rstrip(".")


class _Named(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):  # type: ignore[misc]
    """Tells who calls."""

    def __init__(self, token: str) -> None:
        self._metadata = (("authn-token", token),)

    def _named(self, details: Any) -> Any:
        return details._replace(metadata=(*(details.metadata or ()), *self._metadata))

    def intercept_unary_unary(self, call: Any, details: Any, request: Any) -> Any:
        """Pass on with the name."""
        return call(self._named(details), request)

    intercept_unary_stream = intercept_unary_unary
    intercept_stream_unary = intercept_unary_unary
