"""The service beside MLServer and KServe's server, each serving the same function: tensors in, the same tensors out.

    benchmarks/serving.py [SECONDS]

Measured on one machine, in one run, by one client of ours (http.client, keep-alive, one connection): milliseconds of a
request of 1 KiB, 1 MiB and 16 MiB as JSON and in the binary form, the median of as many as fit into SECONDS (2). What a
server cannot answer is told. Then ours alone: 200 clients at once for SECONDS × 5, and how soon a warm `generate`
sends its first event.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from support.peers import environment

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = Path(__file__).parent / "support"
SIZES = {"1 KiB": 1 << 10, "1 MiB": 1 << 20, "16 MiB": 16 << 20}
CLIENTS = 200
WARM_UP = 8  # so that both workers have started
START_S = 300.0
PORT = 18_080


class Server:
    """A process that answers on a port once it is ready."""

    def __init__(self, argv: list[str], port: int, folder: Path) -> None:
        self._log = (folder / f"{port}.log").open("w")
        self.port = port
        self._process = subprocess.Popen(argv, cwd=folder, stdout=self._log, stderr=self._log)
        end = time.monotonic() + START_S
        while not self._is_ready():
            assert self._process.poll() is None, Path(self._log.name).read_text()[-2000:]
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        try:
            return ask(self.connect(), "GET", "/v2/models/echo/ready")[0] == 200
        except OSError:
            return False

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=600)

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


def ask(connection: HTTPConnection, method: str, path: str, body: bytes | None = None, headers=None):
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


@contextmanager
def serving(start: Callable[[], Server | None]) -> Iterator[Server | None]:
    server = start()
    try:
        yield server
    finally:
        if server is not None:
            server.end()


def start_ours(folder: Path) -> Server:
    return Server([sys.executable, str(SUPPORT / "echo_aeolian.py"), str(PORT)], PORT, folder)


def start_mlserver(folder: Path) -> Server | None:
    found = environment("mlserver")
    if found is None:
        return None
    port = PORT + 10
    settings = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "parallel_workers": 0}
    model = {"name": "echo", "implementation": "echo_mlserver.Echo"}
    (folder / "settings.json").write_text(json.dumps(settings | {"host": "127.0.0.1", "debug": False}))
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "echo_mlserver.py").write_text((SUPPORT / "echo_mlserver.py").read_text())
    return Server([str(found / "mlserver"), "start", str(folder)], port, folder)


def start_kserve(folder: Path) -> Server | None:
    found = environment("tritonclient")
    if found is None:
        return None
    port = PORT + 20
    argv = [str(found / "python"), str(SUPPORT / "echo_kserve.py"), "--http_port", str(port)]
    return Server([*argv, "--grpc_port", str(port + 1), "--enable_grpc", "false"], port, folder)


def request(size: int, binary: bool) -> tuple[bytes, dict[str, str]]:
    values = np.random.default_rng(0).standard_normal(size // 4).astype(np.float32)
    tensor: dict[str, object] = {"name": "x", "datatype": "FP32", "shape": [1, len(values)]}
    if not binary:
        body = json.dumps({"inputs": [tensor | {"data": values.tolist()}]}).encode()
        return body, {"Content-Type": "application/json"}
    asked = {
        "inputs": [tensor | {"parameters": {"binary_data_size": size}}],
        "parameters": {"binary_data_output": True},
    }
    head = json.dumps(asked).encode()
    length = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return head + values.tobytes(), length


def measure_ms(server: Server, model: str, size: int, binary: bool, seconds: float) -> float | None:
    """The median, or None for what the server does not answer."""
    connection, (body, headers) = server.connect(), request(size, binary)
    taken = []
    for _ in range(WARM_UP):
        ask(server.connect(), "POST", f"/v2/models/{model}/infer", *request(1 << 10, binary))
    end = time.monotonic() + seconds
    while len(taken) < 3 or (time.monotonic() < end and len(taken) < 2000):
        start = time.perf_counter()
        status, answer = ask(connection, "POST", f"/v2/models/{model}/infer", body, headers)
        taken.append(time.perf_counter() - start)
        if status != 200 or len(answer) < size:
            return None
    return statistics.median(taken) * 1000


def compare(folder: Path, seconds: float) -> None:
    starts = {"aeolian": start_ours, "MLServer": start_mlserver, "kserve": start_kserve}
    found: dict[tuple[str, str, str], float | None] = {}
    for name, start in starts.items():
        own = folder / name
        own.mkdir()
        with serving(lambda start=start, own=own: start(own)) as server:
            if server is None:
                continue
            for form in ("JSON", "binary"):
                for label, size in SIZES.items():
                    for model in ("echo", "echo_apart") if name == "aeolian" else ("echo",):
                        who = "aeolian, apart" if model == "echo_apart" else name
                        found[who, form, label] = measure_ms(server, model, size, form == "binary", seconds)
    print(f"{'median, ms':<16}{'':>8}" + "".join(f"{label:>12}" for label in SIZES))
    for who in dict.fromkeys(who for who, _, _ in found):
        for form in ("JSON", "binary"):
            row = [found[who, form, label] for label in SIZES]
            print(f"{who:<16}{form:>8}" + "".join(f"{'no answer' if ms is None else f'{ms:.2f}':>12}" for ms in row))


def load(folder: Path, seconds: float) -> None:
    with serving(lambda: start_ours(folder)) as server:
        assert server is not None
        body, headers = request(1 << 10, True)
        before = server.resident_mib()
        taken: list[float] = []
        statuses: dict[int, int] = {}
        lock, end = threading.Lock(), time.monotonic() + seconds

        def run() -> None:
            connection = server.connect()
            while time.monotonic() < end:
                start = time.perf_counter()
                status, _ = ask(connection, "POST", "/v2/models/echo_apart/infer", body, headers)
                with lock:
                    taken.append(time.perf_counter() - start)
                    statuses[status] = statuses.get(status, 0) + 1

        threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cuts = statistics.quantiles(taken, n=100)
        answered = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
        print(f"{CLIENTS} clients for {seconds:g} s: {answered}")
        print(f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms; ", end="")
        print(f"memory {before:.0f} → {server.resident_mib():.0f} MiB")


def first_event(folder: Path) -> None:
    port = PORT + 40
    argv = [
        str(Path(sys.executable).with_name("aeolian")),
        "serve",
        "--http",
        str(port),
        "--grpc",
        "0",
        "--workers",
        "1",
    ]
    body = b'{"inputs": [{"name": "length", "datatype": "INT64", "shape": [1], "data": [64]}]}'

    class Generating(Server):
        def _is_ready(self) -> bool:
            try:
                return ask(self.connect(), "GET", "/v2/health/ready")[0] == 200
            except OSError:
                return False

    server = Generating(argv, port, folder)
    try:
        taken = []
        for _ in range(6):
            connection = server.connect()
            start = time.perf_counter()
            connection.request("POST", "/v2/models/generate/generate_stream", body)
            response = connection.getresponse()
            response.readline()
            taken.append(time.perf_counter() - start)
            response.read()
        print(
            f"generate, first event: {statistics.median(taken[1:]) * 1000:.0f} ms warm, {taken[0] * 1000:.0f} ms cold"
        )
    finally:
        server.end()


if __name__ == "__main__":
    told_s = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with tempfile.TemporaryDirectory(prefix="aeolian-benchmark-") as name:
        compare(Path(name), told_s)
        load(Path(name), 5 * told_s)
        first_event(Path(name))
