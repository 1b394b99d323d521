"""What the service takes on, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds, each with the error that a request beyond it gets.

    `workers`: processes that models run in. `queue`: requests that wait for one (429). `body_bytes`: of a request, also
    unpacked (413). `held_bytes`: of all requests that are being received or worked on (429). `header_s`, `body_s`: for
    a client to send its headers (the connection is closed) and its body (408). `connections`: at once; further ones are
    closed. `grace_s`: for work that is stopped to notice, before its process is killed.
    """

    workers: int = 2
    queue: int = 16
    body_bytes: int = 64 << 20
    held_bytes: int = 512 << 20
    header_s: float = 10.0
    body_s: float = 60.0
    connections: int = 1024
    grace_s: float = 1.0
