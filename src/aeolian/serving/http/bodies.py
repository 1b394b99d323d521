"""A request's body: received in a bounded time, to a bounded size, unpacked to a bounded size."""

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from aeolian.serving.failures import Invalid, TooLarge, TooSlow
from aeolian.serving.limits import Limits

_ANY_ZLIB = zlib.MAX_WBITS | 32  # gzip or zlib, told by the header


def declared_bytes(request: Request, limits: Limits) -> int:
    """How long the body says that it is, or else may be. Raises `TooLarge` for what is more than that, `Invalid`."""
    most = limits.body_bytes
    if "transfer-encoding" in request.headers:
        return most
    text = request.headers.get("content-length", "0")
    if not text.isascii() or not text.isdecimal():
        raise Invalid("Content-Length is no number.")
    if int(text[:20]) > most:
        raise TooLarge(f"the body has {text[:20]} bytes; {most:,} are the most.")
    return int(text[:20])


async def receive_body(request: Request, limits: Limits) -> bytes:
    """The body. Raises `TooLarge` before it is received if it says so itself, `TooSlow`, `Invalid`."""
    most = limits.body_bytes
    declared_bytes(request, limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise TooLarge(f"the body has more than {most:,} bytes, which are the most.")
    except TimeoutError:
        raise TooSlow(f"the body did not come within {limits.body_s:g} s.") from None
    except ClientDisconnect:
        raise Invalid("the body ended before its end.") from None
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return bytes(body)
    if coding not in ("gzip", "deflate"):
        raise Invalid(f"Content-Encoding {coding[:40]!r}; gzip and deflate are understood.")
    return _unpack(bytes(body), most)


def _unpack(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(_ANY_ZLIB)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise Invalid("the body is not packed as its Content-Encoding says.") from None
    if len(unpacked) > most:
        raise TooLarge(f"the body unpacks to more than {most:,} bytes, which are the most.")
    if not unpacker.eof:
        raise Invalid("the packed body is cut off.")
    return unpacked


def header_bytes(request: Request) -> int | None:
    """The length of the JSON in a body with binary data; None for a body of JSON alone. Raises `Invalid`."""
    text = request.headers.get("inference-header-content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise Invalid("Inference-Header-Content-Length is no number.")
    return int(text)
