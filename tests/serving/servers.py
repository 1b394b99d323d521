"""Starting a server and speaking to it: real processes, real sockets, waiting for what it says."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

from waiting import SAFETY_S, wait_until

BIN = Path(sys.executable).parent
LIGHT = (sys.executable, str(Path(__file__).with_name("light_server.py")), "--http", "0", "--grpc", "0")
REAL = (str(BIN / "aeolian"), "serve", "--http", "0", "--grpc", "0")


class Server:
    """A process that serves, from the line `ready` on. A context manager that ends it."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        threading.Thread(target=self._hear, daemon=True).start()
        wait_until(lambda: self._is_ready() or self.process.poll() is not None, "the server")
        assert self._is_ready(), self.said
        told = dict(line.split(maxsplit=1) for line in self.said if line.startswith(("http ", "grpc ", "metrics ")))
        self.url, self.grpc, self.metrics = told["http"], told.get("grpc", ""), told.get("metrics", "")
        self.host, port = self.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)

    def _hear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))

    def _is_ready(self) -> bool:
        return any(line.startswith("ready") for line in self.said)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(SAFETY_S)
        finally:
            self.process.kill()

    def connect(self) -> HTTPConnection:
        """A connection."""
        return HTTPConnection(self.host, self.port, timeout=SAFETY_S)

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None):
        """Status, headers and body of one request; what is not bytes goes as JSON."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = self.connect()
        try:
            connection.request(method, path, raw, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()

    def get(self, path: str):
        """Status and JSON."""
        status, _, body = self.call("GET", path)
        return status, json.loads(body)

    def post(self, path: str, body: object = None, headers: dict[str, str] | None = None):
        """Status and JSON."""
        status, _, answer = self.call("POST", path, {} if body is None else body, headers)
        return status, json.loads(answer)

    def infer(self, model: str, *inputs: dict, **more: object):
        """Status and JSON of an inference."""
        return self.post(f"/v2/models/{model}/infer", {"inputs": list(inputs), **more})


def tensor(name: str, datatype: str, data: list, shape: list[int] | None = None, **parameters: object) -> dict:
    """An input in JSON."""
    sent = {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": data}
    return sent | ({"parameters": parameters} if parameters else {})


def read_events(raw: bytes) -> list[dict]:
    """The documents of a stream of server-sent events."""
    return [json.loads(event.removeprefix("data: ")) for event in raw.decode().split("\n\n") if event]
