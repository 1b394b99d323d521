"""The content at an http or https URL, from the world outside alone.

Who names a URL may not be who may reach this machine's own services, so no address of this machine, of its network or
of the link is talked to unless that is allowed. The name is looked up once for each hop, every address that it has must
be a public one, and the connection goes to an address that was checked, so that a name that changes its mind in between
gains nothing. A redirect is checked like the first URL; it does not lead from https to http. Proxies are not used.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from aeolian.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEMES = ("http", "https")
MOST_HOPS = 8
SECONDS_TO_CONNECT = 30.0
# What comes slower than this for so long does not come.
SECONDS_OF_PATIENCE = 60.0
LEAST_BYTES = 4096
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_url(text: str) -> bool:
    """Return whether a source is written as a URL, of whatever scheme."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.isalnum() and scheme[0].isalpha()


def check_scheme(url: str) -> None:
    """Raise `UsageError` unless the URL is one of http or https."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise UsageError(
            f"{url} is not fetched: {scheme}:// is not http:// or https://.", remedy="Fetch it, and put the file."
        )


def url_name(url: str, *, full_path: bool = False) -> str:
    """Return the name under which a URL's content is put: the last part of its path, or with `full_path` all of it."""
    path = unquote(urlsplit(url).path).strip("/")
    return path if full_path else path.rpartition("/")[2]


def open_url(url: str, *, allow_local: bool = False, clock: Callable[[], float] = time.monotonic) -> io.BufferedReader:
    """Return the content at `url`, to be read and closed.

    `allow_local` allows addresses of this machine and its network. Raises `UsageError` for another scheme, an address
    that is not allowed, or a server that has no content there; reading raises it where the content ends too early or
    does not come.
    """
    for _ in range(MOST_HOPS):
        parts = _check_url(url)
        connection = _connect(parts, url, allow_local)
        try:
            response = _ask(connection, parts, url)
        except BaseException:
            connection.close()
            raise
        if response.status in _REDIRECTS and (where := response.getheader("Location")):
            connection.close()
            target = urljoin(url, where)
            if parts.scheme == "https" and urlsplit(target).scheme == "http":
                raise UsageError(f"{url} leads from https to http.", remedy=f"Name {target} itself, if that is right.")
            url = target
            continue
        if response.status != http.client.OK:
            connection.close()
            raise UsageError(f'error retrieving content from "{url}": {response.status} {response.reason}')
        return io.BufferedReader(_Content(url, connection, response, clock), 1 << 16)
    raise UsageError(f"{url} leads on more than {MOST_HOPS} times.")


def _check_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}.") from None
    check_scheme(url)
    if not parts.hostname or port == 0 or any(ord(character) <= 32 for character in url):
        raise UsageError(f"{url!r} is no URL.", remedy="Write it as https://host/path.")
    if parts.username or parts.password:
        raise UsageError("A URL with a password in it is not fetched.", remedy="Fetch it, and put the file.")
    return parts


def _connect(parts: SplitResult, url: str, allow_local: bool) -> http.client.HTTPConnection:
    """Return a connection to the first address of the URL's host that answers, of those that are allowed."""
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{url}: the host {host} cannot be found ({error}).") from None
    addresses = [str(entry[4][0]) for entry in found]
    local = [address for address in addresses if not is_public(address)]
    if local and not allow_local:
        raise UsageError(
            f"{url} is not fetched: {host} is {local[0]}, an address of this machine or its network.",
            remedy="--allow-local-addresses allows it, if you know what is there.",
        )
    last: OSError | None = None
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), SECONDS_TO_CONNECT)
        except OSError as error:
            last = error
            continue
        return _wrap(plain, host, port, parts.scheme, url)
    raise UsageError(f"{url}: {host} does not answer ({last}).")


def is_public(address: str) -> bool:
    """Return whether an address is one of the world outside, also one that hides in an address of version 6."""
    parsed: _Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if parsed.teredo is not None:
            return False
        parsed = inner or parsed
    return parsed.is_global and not parsed.is_multicast


def _wrap(plain: socket.socket, host: str, port: int, scheme: str, url: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS_OF_PATIENCE)
    try:
        if scheme == "https":
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        plain.settimeout(SECONDS_OF_PATIENCE)
    except OSError as error:
        plain.close()
        raise UsageError(f"{url}: no secure connection to {host} ({error}).") from None
    connection.sock = plain
    return connection


def _ask(connection: http.client.HTTPConnection, parts: SplitResult, url: str) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers={"User-Agent": "aeolian", "Accept-Encoding": "identity"})
        return connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UsageError(f"{url} cannot be fetched: {error or type(error).__name__}.") from None


class _Content(io.RawIOBase):
    """The body of a response. What ends before its declared length, or does not come, is an error."""

    def __init__(
        self,
        url: str,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        clock: Callable[[], float],
    ) -> None:
        self._url, self._connection, self._response, self._clock = url, connection, response, clock
        self._missing = response.length
        self._window_start, self._window_bytes = clock(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer") -> int:
        view = memoryview(target).cast("B")
        try:
            block = self._response.read1(len(view))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UsageError(f"{self._url} broke off: {error or type(error).__name__}.") from None
        if self._missing is not None:
            self._missing -= len(block)
        if not block and self._missing:
            raise UsageError(f"{self._url} broke off: {self._missing} bytes are missing.", remedy="Try it again.")
        self._refuse_crawling(len(block))
        view[: len(block)] = block
        return len(block)

    def _refuse_crawling(self, count: int) -> None:
        self._window_bytes += count
        now = self._clock()
        if now - self._window_start < SECONDS_OF_PATIENCE:
            return
        if count and self._window_bytes < LEAST_BYTES:
            raise UsageError(f"{self._url} hardly comes: {self._window_bytes} bytes in a minute.")
        self._window_start, self._window_bytes = now, 0

    def close(self) -> None:
        if not self.closed:
            self._connection.close()
        super().close()
