"""Who may call: those who bear the token, and no page of another origin unless it is allowed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from aeolian.serving.failures import RequestError
from aeolian.serving.http.responses import error_response
from aeolian.serving.tokens import check_token

OPEN_TO_ALL = ("/v2/health/live", "/v2/health/ready")


class Forbidden(RequestError):
    """A page of an origin that is not allowed."""

    status = 403


class Guard:
    """ASGI middleware that answers 401 and 403 before anything is received."""

    def __init__(self, app: ASGIApp, *, token: str, origins: tuple[str, ...]) -> None:
        self._app, self._token, self._origins = app, token, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may pass."""
        if scope["type"] == "http":
            try:
                self._check(scope["path"], Headers(scope=scope))
            except RequestError as error:
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, path: str, headers: Headers) -> None:
        origin = headers.get("origin")
        # A page may send a POST to any address, and a browser asks nobody first: only the header tells.
        own = origin is not None and origin.partition("://")[2] == headers.get("host")
        if origin and not own and "*" not in self._origins and origin not in self._origins:
            raise Forbidden(f"pages of {origin[:80]} may not call this server; `--cors ORIGIN` allows it.")
        if path not in OPEN_TO_ALL:
            check_token(headers.get("authorization", ""), self._token)
