"""URLs: what is fetched, and what is not talked to. The servers are on loopback; names of the world are doubles."""

import http.server
import socket
import threading

import pytest

from aeolian.errors import UsageError
from aeolian.platform.sources import fetch

BODY = b"la" * 50_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self):
        self.server.asked.append((self.headers["Host"], self.path))
        answer = self.server.answers.get(self.path)
        if answer is None:
            self.send_error(404)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.asked, found.answers = [], {"/song.mp3": (200, {"Content-Length": str(len(BODY))}, BODY)}
    found.url = f"http://127.0.0.1:{found.server_address[1]}"
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_what_is_at_a_url_is_read(server):
    with fetch.open_url(f"{server.url}/song.mp3", allow_local=True) as content:
        assert content.read() == BODY


def test_this_machine_is_not_talked_to(server):
    for url in (server.url, server.url.replace("127.0.0.1", "localhost"), "http://0.0.0.0:1/", "http://[::1]:1/x"):
        with pytest.raises(UsageError, match="an address of this machine or its network"):
            fetch.open_url(f"{url}/song.mp3")
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_addresses_of_the_world_outside(address, public):
    assert fetch.is_public(address) is public


def test_a_name_is_looked_up_once_and_the_checked_address_is_connected_to(server, monkeypatch):
    """A name that is public when it is checked and local when it is connected to is no way in."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    looked_up, connected = [], []

    def lookup(host, port, **options):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(address, timeout):
        connected.append(address[0])
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(UsageError, match="does not answer"):
        fetch.open_url("http://songs.example/a.mp3")
    assert (looked_up, connected) == (["songs.example"], ["93.184.216.34"])


def test_one_local_address_among_public_ones_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **options: found)
    with pytest.raises(UsageError, match=r"is 10\.0\.0\.1"):
        fetch.open_url("http://songs.example/a.mp3")


def test_a_redirect_is_followed_and_checked_like_the_first_url(server, monkeypatch):
    server.answers["/moved"] = (302, {"Location": "/song.mp3"}, b"")
    with fetch.open_url(f"{server.url}/moved", allow_local=True) as content:
        assert content.read() == BODY

    local = fetch.is_public
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1" or local(address))
    for target in ("http://10.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest/meta-data"):
        server.answers["/out"] = (301, {"Location": target}, b"")
        with pytest.raises(UsageError, match="an address of this machine or its network"):
            fetch.open_url(f"{server.url}/out")
    for target in ("file:///etc/passwd", "ftp://songs.example/x"):
        server.answers["/out"] = (301, {"Location": target}, b"")
        with pytest.raises(UsageError, match="is not http:// or https://"):
            fetch.open_url(f"{server.url}/out")


def test_redirects_come_to_an_end(server):
    server.answers["/round"] = (307, {"Location": "/round"}, b"")
    with pytest.raises(UsageError, match="leads on more than 8 times"):
        fetch.open_url(f"{server.url}/round", allow_local=True)
    assert len(server.asked) == 8


def test_what_is_not_there_and_what_breaks_off(server):
    with pytest.raises(UsageError, match=r'error retrieving content from "http://127.0.0.1:\d+/no": 404'):
        fetch.open_url(f"{server.url}/no", allow_local=True)
    server.answers["/half"] = (200, {"Content-Length": "100"}, b"half")
    with fetch.open_url(f"{server.url}/half", allow_local=True) as content, pytest.raises(UsageError, match="96 bytes"):
        content.read()
    server.answers["/chunks"] = (200, {"Transfer-Encoding": "chunked"}, b"5\r\nhal")
    with (
        fetch.open_url(f"{server.url}/chunks", allow_local=True) as content,
        pytest.raises(UsageError, match="broke off"),
    ):
        content.read()


def test_a_server_that_hardly_sends_is_given_up(server):
    now = iter(range(0, 10_000, 40))
    server.answers["/slow"] = (200, {}, b"x" * 10)
    content = fetch.open_url(f"{server.url}/slow", allow_local=True, clock=lambda: next(now))
    with content, pytest.raises(UsageError, match="hardly comes: 10 bytes"):
        while content.raw.read(5):
            pass


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///etc/passwd", "file:// is not http:// or https://"),
        ("s3://bucket/x", "s3:// is not"),
        ("http://me:secret@songs.example/x", "with a password"),
        ("http:///x", "is no URL"),
        ("http://songs.example:port/x", "is no URL"),
        ("http://songs.example/a b", "is no URL"),
        ("http://songs.example/\r\nHost: other", "is no URL"),
    ],
)
def test_urls_that_are_not_fetched(url, said):
    with pytest.raises(UsageError, match=said):
        fetch.open_url(url)


@pytest.mark.parametrize(
    ("text", "is_one"), [("http://h/x", True), ("s3://b", True), ("a:b.mp3", False), ("c:/x", False), ("://", False)]
)
def test_what_is_written_as_a_url(text, is_one):
    assert fetch.is_url(text) is is_one


def test_the_name_of_what_is_fetched():
    assert fetch.url_name("http://h/d/a%20b.mp3?x=1") == "a b.mp3"
    assert fetch.url_name("http://h/d/a.mp3", full_path=True) == "d/a.mp3"
    assert fetch.url_name("http://h/") == ""
