"""The V2 protocol over gRPC, by plain grpcio: our own messages, reflection, health, and Triton's stream."""

import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from servers import LIGHT, Server
from waiting import SAFETY_S

from aeolian.serving.grpc import messages
from aeolian.serving.grpc.messages import SERVICE, Messages, methods

pytestmark = pytest.mark.xdist_group("serving")
GRPC_FOLDER = Path(messages.__file__).parent


@pytest.fixture(scope="module")
def channel(light):
    with grpc.insecure_channel(light.grpc) as made:
        yield made


def call(channel, name, request, **more):
    method = next(method for method in methods() if method.name == name)
    caller = channel.stream_stream if method.client_streaming else channel.unary_unary
    answer = getattr(Messages, method.output_type.name)
    sent = method.input_type.name
    made = caller(f"/{SERVICE}/{name}", getattr(Messages, sent).SerializeToString, answer.FromString)
    return made(iter(request) if isinstance(request, list) else request, timeout=SAFETY_S, **more)


def asking(model, id="", *, raw=True, **inputs):
    request = Messages.ModelInferRequest(model_name=model, id=id)
    for name, value in inputs.items():
        if isinstance(value, list):
            tensor = request.inputs.add(name=name, datatype="BYTES", shape=[len(value)])
            tensor.contents.bytes_contents.extend(value)
            continue
        datatype = {"f": "FP32", "i": "INT64"}[value.dtype.kind]
        tensor = request.inputs.add(name=name, datatype=datatype, shape=value.shape)
        if raw:
            request.raw_input_contents.append(value.tobytes())
        else:
            getattr(tensor.contents, "fp32_contents" if datatype == "FP32" else "int64_contents").extend(value.tolist())
    return request


def refused(channel, name, request, **more):
    with pytest.raises(grpc.RpcError) as caught:
        list(answer) if hasattr(answer := call(channel, name, request, **more), "__next__") else answer
    return caught.value.code(), caught.value.details()


def test_the_descriptor_is_that_of_the_proto(tmp_path):
    made = tmp_path / "made.binpb"
    argv = ["-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={made}", "open_inference.proto"]
    subprocess.run([sys.executable, *argv], cwd=GRPC_FOLDER, check=True)
    assert made.read_bytes() == (GRPC_FOLDER / "open_inference.binpb").read_bytes()


def test_the_server_and_its_models_say_what_they_are(channel):
    assert call(channel, "ServerLive", Messages.ServerLiveRequest()).live
    assert call(channel, "ServerReady", Messages.ServerReadyRequest()).ready
    assert call(channel, "ServerMetadata", Messages.ServerMetadataRequest()).name == "aeolian"
    told = call(channel, "ModelMetadata", Messages.ModelMetadataRequest(name="echo", version="1"))
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in told.inputs] == [("x", "FP32", [-1])]
    assert call(channel, "ModelReady", Messages.ModelReadyRequest(name="echo")).ready
    assert not call(channel, "ModelReady", Messages.ModelReadyRequest(name="absent")).ready
    rows = call(channel, "RepositoryIndex", Messages.RepositoryIndexRequest()).models
    assert {row.name: row.state for row in rows}["absent"] == "UNAVAILABLE"
    only = call(channel, "RepositoryIndex", Messages.RepositoryIndexRequest(ready=True)).models
    assert "absent" not in [row.name for row in only]


@pytest.mark.parametrize("raw", [True, False])
def test_tensors_go_in_raw_and_typed_and_come_out_raw(channel, raw):
    answer = call(channel, "ModelInfer", asking("echo", "seven", raw=raw, x=np.array([1.5, -2], np.float32)))
    assert (answer.id, answer.outputs[0].name, list(answer.outputs[0].shape)) == ("seven", "y", [2])
    assert np.frombuffer(answer.raw_output_contents[0], "<f4").tolist() == [1.5, -2.0]
    bytes_ = call(channel, "ModelInfer", asking("bytes", **{"in": [b"a\x00", b""]}))
    assert bytes_.raw_output_contents[0] == b"\x02\x00\x00\x00a\x00\x00\x00\x00\x00"


def test_a_model_is_unloaded_and_loaded(channel):
    call(channel, "RepositoryModelUnload", Messages.RepositoryModelUnloadRequest(model_name="bytes"))
    code, why = refused(channel, "ModelInfer", asking("bytes", **{"in": [b"a"]}))
    assert (code, why) == (grpc.StatusCode.UNAVAILABLE, "model 'bytes' is not ready: unloaded.")
    assert call(channel, "RepositoryModelLoad", Messages.RepositoryModelLoadRequest(model_name="bytes")).isLoaded
    call(channel, "RepositoryModelUnload", Messages.RepositoryModelUnloadRequest(repository_name="bytes"))
    assert refused(channel, "ModelInfer", asking("bytes", **{"in": [b"a"]}))[0] == grpc.StatusCode.UNAVAILABLE
    assert call(channel, "RepositoryModelLoad", Messages.RepositoryModelLoadRequest(repository_name="bytes")).isLoaded
    assert call(channel, "ModelInfer", asking("bytes", **{"in": [b"a"]})).outputs


def test_a_stream_answers_requests_in_order_and_survives_a_wrong_one(channel):
    last = asking("count", "b", n=np.array([2]))
    last.parameters["triton_enable_empty_final_response"].bool_param = True
    asked = [asking("count", "a", n=np.array([3])), asking("nonesuch", "x"), last]
    answers = list(call(channel, "ModelStreamInfer", asked))
    values = [
        np.frombuffer(answer.infer_response.raw_output_contents[0], "<i8").tolist()
        for answer in answers
        if answer.infer_response.raw_output_contents
    ]
    assert values == [[0], [1], [2], [0], [1]]
    assert [answer.infer_response.id for answer in answers] == ["a", "a", "a", "x", "b", "b", "b"]
    assert answers[3].error_message.startswith("there is no model 'nonesuch'")
    assert answers[-1].infer_response.parameters["triton_final_response"].bool_param


def test_what_is_wrong_has_its_code(channel):
    codes = grpc.StatusCode
    assert refused(channel, "ModelInfer", asking("nonesuch"))[0] == codes.NOT_FOUND
    assert refused(channel, "ModelMetadata", Messages.ModelMetadataRequest(name="../x"))[0] == codes.NOT_FOUND
    assert refused(channel, "ModelInfer", asking("echo"))[0] == codes.INVALID_ARGUMENT
    nan = asking("echo", x=np.array([np.nan], np.float32))
    assert refused(channel, "ModelInfer", nan) == (
        codes.INVALID_ARGUMENT,
        "input 'x': value 0 is nan, which is no number to work with.",
    )
    cut = asking("echo", x=np.zeros(2, np.float32))
    cut.raw_input_contents[0] = b"\x00" * 7
    assert refused(channel, "ModelInfer", cut)[0] == codes.INVALID_ARGUMENT
    assert refused(channel, "ModelInfer", asking("absent"))[0] == codes.UNAVAILABLE
    code, why = refused(channel, "ModelInfer", asking("fail", x=np.array([-1], np.float32)))
    assert code == codes.INTERNAL
    assert "secret" not in why
    assert (
        refused(channel, "ModelInfer", asking("echo", x=np.zeros(1 << 20, np.float32)))[0] == codes.RESOURCE_EXHAUSTED
    )


def test_health_and_reflection_are_those_of_grpc(channel):
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(health_pb2.HealthCheckRequest(service=SERVICE)).status == health_pb2.HealthCheckResponse.SERVING
    reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
    listed = next(reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")])))
    names = {service.name for service in listed.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
    found = next(reflect(iter([asked]))).file_descriptor_response.file_descriptor_proto[0]
    described = descriptor_pb2.FileDescriptorProto.FromString(found)
    assert "ModelStreamInfer" in [method.name for method in described.service[0].method]


def test_a_token_is_asked_of_all_but_the_health_checks():
    with Server([*LIGHT, "--token", "s3cret"]) as server, grpc.insecure_channel(server.grpc) as channel:
        assert call(channel, "ServerLive", Messages.ServerLiveRequest()).live
        x = np.zeros(1, np.float32)
        for metadata in ((), (("authorization", "Bearer s3cre"),)):
            assert (
                refused(channel, "ModelInfer", asking("echo", x=x), metadata=metadata)[0]
                == grpc.StatusCode.UNAUTHENTICATED
            )
            assert (
                refused(channel, "ModelStreamInfer", [asking("echo", x=x)], metadata=metadata)[0]
                == grpc.StatusCode.UNAUTHENTICATED
            )
        assert call(channel, "ModelInfer", asking("echo", x=x), metadata=(("authorization", "Bearer s3cret"),)).outputs


def test_the_messages_are_loaded_beside_those_of_other_clients():
    code = (
        "from google.protobuf import descriptor_pb2, descriptor_pool\n"
        "other = descriptor_pb2.FileDescriptorProto(name='open_inference.proto', package='inference')\n"
        "other.message_type.add(name='ModelInferRequest')\n"
        "descriptor_pool.Default().Add(other)\n"
        "from aeolian.serving.grpc.messages import Messages\n"
        "print(Messages.ModelInferRequest(id='x').id)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "x\n"
