"""The V2 protocol over HTTP: every address, both forms of tensors, errors as the protocol has them."""

import base64
import gzip
import json
import socket
import struct
import zlib

import numpy as np
import pytest
from servers import LIGHT, Server, read_events, tensor

from aeolian import __version__
from aeolian.serving.http.listening import listen

pytestmark = pytest.mark.xdist_group("serving")
X = tensor("x", "FP32", [1.5, -2.0, 3.25])


def test_the_server_and_its_models_say_what_they_are(light):
    assert light.get("/v2")[1] | {"extensions": 0} == {"name": "aeolian", "version": __version__, "extensions": 0}
    assert light.get("/v2/health/live") == (200, {"live": True})
    assert light.get("/v2/health/ready") == (200, {"ready": True})
    assert "echo" in light.get("/v2/models")[1]["models"]
    status, told = light.get("/v2/models/echo/versions/1")
    assert status == 200
    assert (told["name"], told["versions"], told["platform"]) == ("echo", ["1"], "aeolian")
    assert told["inputs"] == [
        {"name": "x", "datatype": "FP32", "shape": [-1], "parameters": {"description": "Numbers."}}
    ]
    assert told == light.get("/v2/models/echo")[1]
    assert light.get("/v2/models/echo/versions/1/ready") == (200, {"name": "echo", "ready": True})


def test_a_model_that_is_not_installed_says_what_brings_it(light):
    why = "not installed: no_such_package; install aeolian[more]"
    assert light.get("/v2/models/absent/ready") == (503, {"error": f"model 'absent' is not ready: {why}."})
    rows = {row["name"]: row for row in light.post("/v2/repository/index")[1]}
    assert rows["absent"] == {"name": "absent", "version": "1", "state": "UNAVAILABLE", "reason": why}
    ready = light.post("/v2/repository/index", {"ready": True})[1]
    assert "absent" not in [row["name"] for row in ready]
    assert light.infer("absent")[0] == 503
    assert light.post("/v2/repository/models/absent/load")[0] == 503


def test_a_model_is_unloaded_and_loaded(light):
    assert light.post("/v2/repository/models/bytes/unload") == (200, {})
    assert light.infer("bytes", tensor("in", "BYTES", ["a"])) == (
        503,
        {"error": "model 'bytes' is not ready: unloaded."},
    )
    assert light.post("/v2/repository/models/bytes/load") == (200, {})
    assert light.infer("bytes", tensor("in", "BYTES", ["a"]))[0] == 200
    assert light.post("/v2/repository/models/nonesuch/load")[0] == 404


@pytest.mark.parametrize("model", ["echo", "echo_here"])
def test_json_goes_in_and_comes_out(light, model):
    status, told = light.infer(model, X, id="seven", outputs=[{"name": "y", "parameters": None}])
    assert status == 200
    output = told["outputs"][0]
    assert (told["model_name"], told["model_version"], told["id"]) == (model, "1", "seven")
    assert (output["name"], output["datatype"], output["shape"], output["data"]) == (
        "y",
        "FP32",
        [3],
        [1.5, -2.0, 3.25],
    )


def test_nulls_and_nested_lists_are_taken(light):
    sent = tensor("x", "FP32", [[1], [2]], [2]) | {"parameters": {"content_type": "np", "headers": None}}
    status, told = light.infer("echo", sent, parameters=None, outputs=None, id=None)
    assert (status, told["outputs"][0]["data"]) == (200, [1.0, 2.0])


@pytest.mark.parametrize(
    "wanted",
    [{"parameters": {"binary_data_output": True}}, {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]}],
)
def test_binary_tensors_go_in_and_come_out(light, wanted):
    raw = np.array([1.5, -2.0], "<f4").tobytes()
    head = json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}], **wanted}
    ).encode()
    lengths = {"Inference-Header-Content-Length": str(len(head))}
    status, headers, body = light.call("POST", "/v2/models/echo/infer", head + raw, lengths)
    assert status == 200
    assert headers["content-type"] == "application/octet-stream"
    size = int(headers["inference-header-content-length"])
    output = json.loads(body[:size])["outputs"][0]
    assert output["parameters"]["binary_data_size"] == 8
    assert "data" not in output
    assert body[size:] == raw


def test_bytes_that_are_no_text_go_as_base64_and_in_binary(light):
    odd = bytes(range(256))
    status, told = light.infer("bytes", tensor("in", "BYTES", [base64.b64encode(odd).decode()], content_type="base64"))
    assert status == 200
    output = told["outputs"][0]
    assert output["parameters"]["content_type"] == "base64"
    assert base64.b64decode(output["data"][0]) == odd
    raw = struct.pack("<I", 256) + odd + struct.pack("<I", 0)
    head = json.dumps(
        {
            "inputs": [{"name": "in", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(raw)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    _, headers, body = light.call(
        "POST", "/v2/models/bytes/infer", head + raw, {"Inference-Header-Content-Length": str(len(head))}
    )
    assert body[int(headers["inference-header-content-length"]) :] == raw


def test_a_stream_is_server_sent_events_and_as_one_response_all_of_it(light):
    for name in ("infer_stream", "generate_stream"):
        status, headers, body = light.call("POST", f"/v2/models/count/{name}", {"inputs": [tensor("n", "INT64", [4])]})
        assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        assert [event["outputs"][0]["data"] for event in read_events(body)] == [[0], [1], [2], [3]]
    assert light.infer("count", tensor("n", "INT64", [4]))[1]["outputs"][0]["data"] == [0, 1, 2, 3]
    assert light.call("POST", "/v2/models/count/infer_stream", {"inputs": []})[0] == 400


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_packed_bodies_are_unpacked_as_far_as_a_body_may_go(light, pack):
    coding = {"Content-Encoding": "gzip" if pack is gzip.compress else "deflate"}
    packed = pack(json.dumps({"inputs": [X]}).encode())
    assert light.call("POST", "/v2/models/echo/infer", packed, coding)[0] == 200
    assert light.call("POST", "/v2/models/echo/infer", packed[:-9], coding)[0] == 400
    assert light.call("POST", "/v2/models/echo/infer", b"nothing of the kind", coding)[0] == 400
    assert light.call("POST", "/v2/models/echo/infer", pack(bytes(1 << 28)), coding)[0] == 413


WRONG = {
    "no JSON": b"{",
    "no object": b"[]",
    "a NaN": b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[NaN]}]}',
    "no inputs": {},
    "inputs of another kind": {"inputs": 3},
    "a tensor that is none": {"inputs": [3]},
    "no name": {"inputs": [X | {"name": None}]},
    "another name": {"inputs": [X | {"name": "z"}]},
    "a name twice": {"inputs": [X, X]},
    "no data": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]},
    "another datatype": {"inputs": [X | {"datatype": "FP31"}]},
    "text for numbers": {"inputs": [X | {"data": ["a", "b", "c"]}]},
    "a datatype that is not taken": {"inputs": [tensor("x", "BYTES", ["a"])]},
    "more than the shape has": {"inputs": [X | {"shape": [2]}]},
    "a shape of another rank": {"inputs": [X | {"shape": [1, 3]}]},
    "a shape below 0": {"inputs": [X | {"shape": [-3]}]},
    "a shape of texts": {"inputs": [X | {"shape": ["3"]}]},
    "a shape that is huge": {"inputs": [X | {"shape": [1 << 62]}]},
    "lists of different lengths": {"inputs": [X | {"data": [[1], [1, 2]]}]},
    "beyond its type": {"inputs": [X | {"data": [1e308, 0, 0]}]},
    "parameters of another kind": {"inputs": [X | {"parameters": [1]}]},
    "another output": {"inputs": [X], "outputs": [{"name": "z"}]},
    "outputs of another kind": {"inputs": [X], "outputs": 7},
    "binary data that did not come": {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}}]
    },
    "nothing at all": b"",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_request_that_is_wrong_is_told_so(light, body):
    status, told = light.post("/v2/models/echo/infer", body)
    assert status == 400
    assert list(told) == ["error"]
    assert 10 < len(told["error"]) < 400
    assert light.infer("echo", X)[0] == 200


@pytest.mark.parametrize(
    ("sent", "needle"),
    [
        (tensor("i", "INT64", [101]), "it takes 0 to 100"),
        (tensor("i", "FP32", [1.5]), "whole numbers"),
        (tensor("i", "INT64", [1, 2]), "it takes one value"),
        (tensor("i", "BOOL", [True]), "it takes INT64"),
        (tensor("i", "INT8", [300]), "INT8 is -128 to 127"),
        (tensor("i", "INT64", [1.0]), "no list of numbers of datatype INT64"),
        (tensor("f", "FP32", [1, 2, 3], [1, 3]), "it takes [-1, 2]"),
        (tensor("b", "INT64", [1]), "it takes BOOL"),
        (tensor("t", "BYTES", ["c"]), "one of a, b"),
        (tensor("t", "BYTES", [3]), "a list of texts"),
        (tensor("t", "BYTES", ["%%%"], content_type="base64"), "not base64"),
    ],
)
def test_an_option_that_is_wrong_says_what_is_legal(light, sent, needle):
    status, told = light.infer("typed", sent)
    assert status == 400
    assert needle in told["error"]


def test_options_have_defaults_and_numbers_any_width(light):
    seen = light.infer("typed", tensor("i", "INT32", [3], [1, 1]), tensor("b", "BOOL", [True]))[1]["outputs"][0]["data"]
    assert seen == ["[('b', True), ('i', 3), ('t', 'a')]"]
    assert light.infer("typed")[1]["outputs"][0]["data"] == ["[('i', 7), ('t', 'a')]"]


def test_not_a_number_is_refused_in_binary_too(light):
    raw = np.array([1, np.nan], "<f4").tobytes()
    head = json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}]}
    ).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    status, told = light.post("/v2/models/echo/infer", head + raw, length)
    assert (status, told["error"]) == (400, "input 'x': value 1 is nan, which is no number to work with.")
    for bad in ("-1", "x", "99999", "9" * 40):
        assert light.post("/v2/models/echo/infer", head + raw, {"Inference-Header-Content-Length": bad})[0] == 400
    assert light.post("/v2/models/echo/infer", head + raw + b"more", length)[0] == 400


@pytest.mark.parametrize(
    "name", ["nonesuch", "..", "%2e%2e%2fecho", "..%2f..%2fetc%2fpasswd", "echo%00", "echo/../echo", "x" * 4000, "%ff"]
)
def test_a_name_that_is_no_model_is_not_found(light, name):
    status, told = light.post(f"/v2/models/{name}/infer", {"inputs": [X]})
    assert status == 404
    assert list(told) == ["error"]
    assert len(told["error"]) < 400
    assert light.get(f"/v2/models/{name}")[0] == 404


def test_other_addresses_and_methods_are_told_so(light):
    assert light.get("/v2/models/echo/versions/2")[0] == 404
    assert light.get("/nothing")[0] == 404
    status, told = light.get("/v2/models/echo/infer")
    assert (status, told) == (405, {"error": "GET is not for this address."})


def test_what_a_model_refuses_is_told_and_what_fails_in_it_is_not(light):
    status, told = light.infer("fail", tensor("x", "FP32", [1]))
    assert (status, told) == (400, {"error": "model 'fail': no good"})
    status, told = light.infer("fail", tensor("x", "FP32", [-1]))
    assert status == 500
    assert "secret" not in told["error"]


def test_metrics_count_requests_by_model_and_status(light):
    light.infer("echo", X)
    text = light.call("GET", "/metrics")[2].decode()
    assert 'aeolian_requests_total{model="echo",status="200",transport="http"}' in text
    assert 'aeolian_requests_total{model="echo",status="400",transport="http"}' in text
    assert "aeolian_requests_outstanding 0.0" in text


def test_the_interface_is_told_in_openapi_and_as_a_page(light):
    told = light.get("/v2/docs/openapi.json")[1]
    assert told["openapi"] == "3.1.0"
    assert "/v2/models/{model}/versions/{version}/generate_stream" in told["paths"]
    status, headers, page = light.call("GET", "/v2/docs")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert b"Gives back, in the server&#x27;s process." in page
    assert b"src=" not in page


def test_a_token_is_asked_of_all_but_the_health_checks():
    with Server([*LIGHT, "--token", "s3cret"]) as server:
        assert server.get("/v2/health/live")[0] == 200
        for headers in (
            {},
            {"Authorization": "Bearer s3cre"},
            {"Authorization": "s3cret"},
            {"Authorization": "Bearer "},
        ):
            status, told = server.post("/v2/models/echo/infer", {"inputs": [X]}, headers)
            assert (status, list(told)) == (401, ["error"])
        assert server.call("GET", "/metrics")[0] == 401
        assert server.post("/v2/models/echo/infer", {"inputs": [X]}, {"Authorization": "bearer s3cret"})[0] == 200


def test_pages_of_other_origins_may_call_only_where_they_are_allowed(light):
    page = {"Origin": "https://page.example"}
    assert light.post("/v2/models/echo/infer", {"inputs": [X]}, page)[0] == 403
    assert light.post("/v2/models/echo/infer", {"inputs": [X]}, {"Origin": light.url})[0] == 200
    with Server([*LIGHT, "--cors", "https://page.example"]) as server:
        status, headers, _ = server.call("POST", "/v2/models/echo/infer", {"inputs": [X]}, page)
        assert (status, headers["access-control-allow-origin"]) == (200, "https://page.example")
        asked = page | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        assert server.call("OPTIONS", "/v2/models/echo/infer", None, asked)[0] == 200
        assert server.post("/v2/models/echo/infer", {"inputs": [X]}, {"Origin": "https://other.example"})[0] == 403


def test_the_ports_socket_names_its_protocol_so_that_answers_are_sent_at_once():
    """asyncio sets TCP_NODELAY on connections of such a socket alone; without, each answer waits 40 ms for an ACK."""
    with listen("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP
