"""The clients that people have, each call of each, to the same server: real programs, of their own makers.

They live in environments of their own (requirements/peers/), made below the folder for temporary files when they are
first needed. Where their packages cannot be had, these tests say so and are skipped; what they send is also kept in
recorded/, byte for byte, and that is always asked.
"""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from servers import read_events
from waiting import SAFETY_S

from aeolian.serving.json_codec import parse_request

pytestmark = [pytest.mark.xdist_group("serving-clients"), pytest.mark.heavy]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDED = HERE / "recorded"
CALLS = {
    ("tritonclient", "triton.py", "http"): 21,
    ("tritonclient", "triton.py", "grpc"): 17,
    ("tritonclient", "triton.py", "stream"): 4,
    ("tritonclient", "kserve_client.py", "rest"): 7,
    ("tritonclient", "kserve_client.py", "grpc"): 7,
    ("mlserver", "mlserver_codecs.py", "ask"): 3,
}


def environment(peer: str) -> Path:
    """The `bin` of a peer's environment, as benchmarks make it."""
    where = ROOT / "benchmarks" / "support" / "peers.py"
    spec = importlib.util.spec_from_file_location("peers", where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.environment(peer)
    if found is None:
        pytest.skip(f"no packages for requirements/peers/{peer}.txt here: nothing is asked by its clients")
    return found


@pytest.mark.parametrize(("client", "calls"), CALLS.items(), ids=["-".join(client[1:]) for client in CALLS])
def test_every_call_of_a_client_is_answered(real, client, calls):
    peer, script, how = client
    address = real.grpc if how in ("grpc", "stream") else real.url
    address = address.removeprefix("http://") if script == "triton.py" else address
    argv = [environment(peer) / "python", HERE / "clients" / script, how, address]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SAFETY_S, check=False)
    outcomes = dict(json.loads(line) for line in done.stdout.splitlines())
    failed = {name: outcome for name, outcome in outcomes.items() if outcome}
    assert failed == {}, "\n".join(failed.values())
    assert len(outcomes) == calls, done.stderr


def test_the_messages_are_numbered_as_in_the_clients():
    """Field by field: name, number, type, label, as tritonclient and kserve were built."""
    code = (
        "import sys, importlib, json\n"
        "from google.protobuf import descriptor_pb2\n"
        "module = importlib.import_module(sys.argv[1])\n"
        "made = descriptor_pb2.FileDescriptorProto()\n"
        "module.DESCRIPTOR.CopyToProto(made)\n"
        "sys.stdout.buffer.write(made.SerializeToString())"
    )
    from google.protobuf import descriptor_pb2

    def fields(message, prefix=""):
        found = {
            f"{prefix}{message.name}.{field.name}": (field.number, field.type, field.label) for field in message.field
        }
        for inner in message.nested_type:
            found |= fields(inner, f"{prefix}{message.name}.")
        return found

    raw = (ROOT / "src/aeolian/serving/grpc/open_inference.binpb").read_bytes()
    ours = {}
    for message in descriptor_pb2.FileDescriptorSet.FromString(raw).file[0].message_type:
        ours |= fields(message)
    for module in ("tritonclient.grpc.service_pb2", "kserve.protocol.grpc.grpc_predict_v2_pb2"):
        argv = [environment("tritonclient") / "python", "-c", code, module]
        done = subprocess.run(argv, capture_output=True, check=True)
        theirs = {}
        for message in descriptor_pb2.FileDescriptorProto.FromString(done.stdout).message_type:
            theirs |= fields(message)
        # KServe has the name where Triton has the repository's, which clients leave empty: both are read.
        differ = {f"RepositoryModel{verb}Request.model_name" for verb in ("Load", "Unload")}
        both = (ours.keys() & theirs.keys()) - (differ if module.startswith("kserve") else set())
        assert len(both) > 50
        assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}


def test_the_tutorials_requests_are_taken_byte_for_byte(real):
    raw = (RECORDED / "novice_dj.json").read_bytes()
    assert b'"headers": null' in raw
    status, told = real.post("/v2/models/novice_dj/infer", raw, {"Content-Type": "application/json"})
    assert status == 200
    assert len(told["outputs"][0]["data"]) == 1600
    assert np.abs(told["outputs"][0]["data"]).max() > 0.1
    text = parse_request((RECORDED / "musicgen_model.json").read_bytes())
    values = [tensor.value if isinstance(tensor.value, list) else tensor.value.tolist() for tensor in text.inputs]
    assert values == [[b"slow bachata with violin sounds"], [[5]], [[200]]]
    assert [tensor.name for tensor in text.inputs] == ["text", "guidance_scale", "max_new_tokens"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_asks_and_streams(real, tmp_path):
    def curl(*argv: str) -> bytes:
        return subprocess.run(["curl", "-sS", "--fail-with-body", *argv], capture_output=True, check=True).stdout

    assert json.loads(curl(f"{real.url}/v2/health/ready")) == {"ready": True}
    sent = tmp_path / "request.json"
    sent.write_text('{"inputs": [{"name": "length", "datatype": "INT64", "shape": [1], "data": [9]}]}')
    events = read_events(curl("-N", "-d", f"@{sent}", f"{real.url}/v2/models/generate/generate_stream"))
    assert len(events) >= 10
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    refused = ["curl", "-sS", "-X", "POST", "-T", str(large), f"{real.url}/v2/models/generate/infer"]
    done = subprocess.run(refused, capture_output=True, text=True, check=False)
    assert "are the most" in done.stdout or done.returncode in (52, 55, 56)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_guides_commands_do_what_they_say(real):
    block = re.findall(r"```bash\n(curl.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.S)[0]
    render, generate = re.findall(r"^curl.*?(?=^curl|\Z)", block, re.S | re.M)
    for command in (render, generate):
        typed = command.replace("localhost:8080", real.url)
        done = subprocess.run(["bash", "-c", typed], cwd=ROOT, capture_output=True, check=True)
        if command is render:
            assert json.loads(done.stdout)["outputs"][0]["data"][0].startswith("UklGR")
        else:
            assert len(read_events(done.stdout)) > 512
