"""The token that a client bears."""

import hmac

from aeolian.serving.failures import Unauthorised

_SCHEME = "bearer "


def check_token(sent: str, token: str) -> None:
    """Raises `Unauthorised` unless `sent`, an Authorization header, bears the token. The time tells nothing of it."""
    borne = sent[len(_SCHEME) :] if sent[: len(_SCHEME)].lower() == _SCHEME else ""
    if token and not hmac.compare_digest(borne.encode("utf-8", "replace"), token.encode()):
        raise Unauthorised("this server wants the header `Authorization: Bearer TOKEN`, with its token.")
