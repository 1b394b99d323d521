"""What may go wrong with a request: one exception a meaning, the same for HTTP and gRPC.

`status` is HTTP's; `grpc/status.py` has gRPC's code for each. The text goes to the client: it names what was wrong with
the request, and never a path or a name of the server's machine.
"""


class RequestError(Exception):
    """A request that is answered with an error. `retry_after_s`: when it may be worth another try."""

    status = 500
    retry_after_s: int | None = None


class Invalid(RequestError):
    """The request is not what the protocol or the model takes."""

    status = 400


class Unauthorised(RequestError):
    """No token, or a wrong one."""

    status = 401


class NotFound(RequestError):
    """There is no such model, version or address."""

    status = 404


class TooSlow(RequestError):
    """The client took too long to send the request."""

    status = 408


class TooLarge(RequestError):
    """The request is larger than the server takes."""

    status = 413


class Busy(RequestError):
    """The queue is full."""

    status = 429
    retry_after_s = 1


class Internal(RequestError):
    """The model failed in a way that is a fault of ours."""

    status = 500


class NotReady(RequestError):
    """The model cannot answer now: not installed, unloaded, or its worker died."""

    status = 503


class TimedOut(RequestError):
    """The model took longer than it may."""

    status = 504
