"""What a service meets: too many at once, clients that go away or dawdle, work that never ends, workers that die."""

import base64
import io
import json
import signal
import socket
import subprocess
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from servers import LIGHT, Server, tensor
from test_grpc import asking, call
from waiting import wait_until

from aeolian.serving.grpc.messages import SERVICE, Messages

pytestmark = pytest.mark.xdist_group("serving")
LONG_S = 3600.0
X = tensor("x", "FP32", [1.0])


def waiting(mark: Path, model: str = "wait") -> bytes:
    """A request that works until it is stopped, and writes `mark` when it begins."""
    body = json.dumps({"inputs": [tensor("seconds", "FP64", [LONG_S]), tensor("mark", "BYTES", [str(mark)])]}).encode()
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def begin(server: Server, mark: Path, model: str = "wait") -> socket.socket:
    """A connection whose request is being worked on."""
    made = socket.create_connection((server.host, server.port))
    made.sendall(waiting(mark, model))
    wait_until(lambda: mark.exists() and mark.read_text(), "the work to begin")
    return made


def outstanding(server: Server) -> float:
    text = server.call("GET", "/metrics")[2].decode()
    return float(text.partition("\naeolian_requests_outstanding ")[2].split()[0])


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_a_client_that_goes_away_stops_its_work(light, tmp_path):
    mark = tmp_path / "mark"
    begin(light, mark).close()
    wait_until(lambda: not mark.exists(), "the work to stop")
    wait_until(lambda: outstanding(light) == 0, "nothing to be outstanding")


def test_work_that_heeds_nothing_ends_with_its_process(light, tmp_path):
    mark = tmp_path / "mark"
    connection = begin(light, mark, "stubborn")
    pid = int(mark.read_text())
    connection.close()
    wait_until(lambda: not is_alive(pid), "the worker to end")
    assert light.infer("echo", X)[0] == 200


def test_a_client_of_grpc_that_goes_away_stops_its_work(light, tmp_path):
    mark = tmp_path / "mark"
    with grpc.insecure_channel(light.grpc) as channel:
        method = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            Messages.ModelInferRequest.SerializeToString,
            Messages.ModelInferResponse.FromString,
        )
        request = asking("wait", seconds=np.array([LONG_S], np.float32), raw=False)
        request.inputs.add(name="mark", datatype="BYTES", shape=[1]).contents.bytes_contents.append(str(mark).encode())
        future = method.future(request)
        wait_until(lambda: mark.exists() and mark.read_text(), "the work to begin")
        future.cancel()
        wait_until(lambda: not mark.exists(), "the work to stop")


def test_a_reader_of_a_stream_that_goes_away_stops_it(light):
    body = json.dumps({"inputs": [tensor("n", "INT64", [10**9]), tensor("pause_s", "FP64", [0.01])]}).encode()
    head = f"POST /v2/models/count/generate_stream HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((light.host, light.port)) as connection:
        connection.sendall(head.encode() + body)
        got = b""
        while b"data: " not in got:
            got += connection.recv(4096)
        assert outstanding(light) == 1
    wait_until(lambda: outstanding(light) == 0, "the stream to stop")


def test_what_takes_too_long_is_stopped_and_told_so(light, tmp_path):
    mark = tmp_path / "mark"
    status, told = light.infer(
        "wait_briefly", tensor("seconds", "FP64", [LONG_S]), tensor("mark", "BYTES", [str(mark)])
    )
    assert (status, told["error"]) == (504, "model 'wait_briefly' took longer than 0.3 s, and was stopped.")
    assert not mark.exists()


def test_a_worker_that_dies_is_replaced_and_its_request_told_so(light):
    status, told = light.infer("die")
    assert (status, told["error"]) == (503, "the worker that ran model 'die' died; another has taken its place.")
    assert [light.infer("echo", X)[0] for _ in range(4)] == [200] * 4
    assert "aeolian_worker_deaths" in light.call("GET", "/metrics")[2].decode()


def test_a_full_queue_refuses_at_once_and_recovers(light, tmp_path):
    marks = [tmp_path / f"mark-{number}" for number in range(4)]
    connections = [begin(light, mark) for mark in marks[:2]]
    for mark in marks[2:]:
        connections.append(socket.create_connection((light.host, light.port)))
        connections[-1].sendall(waiting(mark))
    wait_until(lambda: outstanding(light) == 4, "four requests to be outstanding")
    status, headers, body = light.call("POST", "/v2/models/echo/infer", {"inputs": [X]})
    assert (status, headers["retry-after"]) == (429, "1")
    assert json.loads(body) == {"error": "4 requests are being worked on or wait; try again."}
    with grpc.insecure_channel(light.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        call(channel, "ModelInfer", asking("echo", x=np.zeros(1, np.float32)))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(caught.value.trailing_metadata())["retry-after"] == "1"
    assert light.get("/v2/health/live")[0] == 200
    for connection in connections:
        connection.close()
    wait_until(lambda: outstanding(light) == 0, "nothing to be outstanding")
    assert light.infer("echo", X)[0] == 200
    assert not any(mark.exists() for mark in marks)


def test_headers_and_bodies_that_dawdle_are_cut_off():
    with Server([*LIGHT, "--header-seconds", "0.3", "--body-seconds", "0.3"]) as server:
        for beginning in (b"", b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n", b"G"):
            with socket.create_connection((server.host, server.port)) as connection:
                connection.sendall(beginning)
                assert connection.recv(100) == b""
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{")
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection((server.host, server.port)) as connection:  # a second request that dawdles
            connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"GET /v2 HTTP/1.1\r\n")
            assert connection.recv(100) == b""
        assert server.infer("echo", X)[0] == 200


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(light):
    with socket.create_connection((light.host, light.port)) as connection:
        connection.sendall(b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection((light.host, light.port)) as connection:
        connection.sendall(b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 1 << 30:
                connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
                sent += 1 << 16
        except OSError:
            pass
        assert sent < 64 << 20
    assert light.infer("echo", X)[0] == 200


def test_a_stop_ends_the_server_and_its_workers_whatever_they_are_at(tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        mark = tmp_path / f"mark-{number}"
        with Server(LIGHT) as server:
            with begin(server, mark, "stubborn" if number != signal.SIGKILL else "wait"):
                pid = int(mark.read_text())
                server.process.send_signal(number)
                assert server.process.wait() == (0 if number != signal.SIGKILL else -signal.SIGKILL)
            wait_until(lambda pid=pid: not is_alive(pid), "the worker to end")
        again = [*LIGHT[:2], "--http", str(server.port), "--grpc", server.grpc.rpartition(":")[2]]
        with Server(again) as new:
            assert new.infer("echo", X)[0] == 200


def test_a_port_that_is_taken_is_told_so(light):
    argv = [*LIGHT[:2], "--http", "0", "--grpc", light.grpc.rpartition(":")[2]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "cannot be opened for gRPC: is it taken?" in done.stderr
    assert done.returncode == 1


def test_many_clients_at_once_get_an_answer_or_are_told_to_come_again(light):
    seen: dict[int, int] = {}
    lock = threading.Lock()

    def ask() -> None:
        connection = light.connect()
        body = json.dumps({"inputs": [X]}).encode()
        for _ in range(10):
            connection.request("POST", "/v2/models/echo/infer", body)
            response = connection.getresponse()
            response.read()
            with lock:
                seen[response.status] = seen.get(response.status, 0) + 1
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.keys() <= {200, 429}
    assert sum(seen.values()) == 2000
    assert seen[200] > 0


def silence(hours: float, *, hide_length: bool = False) -> bytes:
    """A FLAC of a few hundred kilobytes; with `hide_length` its header does not tell how long it is."""
    written = io.BytesIO()
    with soundfile.SoundFile(written, "w", 8000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(round(hours * 60)):
            file.write(np.zeros(8000 * 60, np.int16))
    raw = bytearray(written.getvalue())
    if hide_length:  # the lower 36 bits of bytes 10 to 17 of STREAMINFO, which begins at byte 8
        raw[21] &= 0xF0
        raw[22:26] = bytes(4)
    return bytes(raw)


@pytest.mark.heavy
@pytest.mark.parametrize("model", ["transcribe", "convert", "plot"])
@pytest.mark.parametrize("hide_length", [False, True])
def test_a_flac_that_unpacks_to_hours_is_refused(real, model, hide_length):
    bomb = base64.b64encode(silence(6, hide_length=hide_length)).decode()
    status, told = real.infer(model, tensor("audio", "BYTES", [bomb], content_type="base64"))
    assert (status, told["error"]) == (400, f"model '{model}': lasts 360 minutes; 20 are the most.")


@pytest.mark.heavy
@pytest.mark.parametrize(
    "content",
    [b"ffconcat version 1.0\nfile /etc/passwd\n", b"#EXTM3U\nfile:///etc/passwd\n", b"/etc/passwd", b"\x00" * 64],
)
def test_no_file_of_the_machine_is_read_for_a_request(real, content):
    sent = tensor("audio", "BYTES", [base64.b64encode(content).decode()], content_type="base64")
    for model in ("convert", "transcribe"):
        status, told = real.infer(model, sent)
        assert status == 400
        assert "root:" not in told["error"]
