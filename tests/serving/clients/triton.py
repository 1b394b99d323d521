"""Every call of tritonclient that this server answers: `triton.py http|grpc|stream ADDRESS`; prints JSON, call by call.

Run by the Python of an environment with tritonclient, which is not this project's.
"""

import json
import queue
import sys
import traceback

import numpy as np


def infer_input(module, name, array, binary=True):
    datatype = {"f": "FP32", "i": "INT64", "O": "BYTES"}[array.dtype.kind]
    made = module.InferInput(name, list(array.shape), datatype)
    if module.__name__.endswith("http"):
        made.set_data_from_numpy(array, binary_data=binary)
    else:
        made.set_data_from_numpy(array)
    return made


def song(module, binary=True):
    sound = np.sin(np.arange(22_050) / 10, dtype=np.float32)[np.newaxis] / 2
    return [
        infer_input(module, "song", sound, binary),
        infer_input(module, "sample_rate", np.array([22_050]), binary),
    ]


def check_song(answer):
    mixed = answer.as_numpy("output-0")
    assert mixed.shape == (1, 22_050), mixed.shape
    assert mixed.dtype == np.float32
    assert np.abs(mixed).max() > 0.1


def check_midi(answer):
    assert answer.as_numpy("midi")[0][:4] == b"MThd"
    assert len(answer.as_numpy("token")) >= 8


def raises(call, needle):
    from tritonclient.utils import InferenceServerException

    try:
        call()
    except InferenceServerException as error:
        assert needle in str(error), error
    else:
        raise AssertionError("it was not refused")


def common(module, client):
    length = [infer_input(module, "length", np.array([8]))]
    yield "is_server_live", lambda: client.is_server_live() or 1 / 0
    yield "is_server_ready", lambda: client.is_server_ready() or 1 / 0
    yield "is_model_ready", lambda: client.is_model_ready("novice_dj", "1") or 1 / 0
    yield "is_model_ready, of one that is not", lambda: client.is_model_ready("embed") and 1 / 0
    yield "get_server_metadata", lambda: field(client.get_server_metadata(), "extensions")
    yield "get_model_metadata", lambda: field(client.get_model_metadata("novice_dj"), "inputs")
    yield "get_model_repository_index", client.get_model_repository_index
    yield "unload_model, load_model", lambda: (client.unload_model("convert"), client.load_model("convert"))
    yield "infer", lambda: check_song(client.infer("novice_dj", song(module)))
    asked = [module.InferRequestedOutput("output-0")]
    yield "infer, outputs named", lambda: check_song(client.infer("novice_dj", song(module), outputs=asked))
    yield "infer, bytes", lambda: check_midi(client.infer("generate", length, request_id="seven"))
    yield "infer, version", lambda: check_song(client.infer("novice_dj", song(module), "1"))
    yield "infer, no such model", lambda: raises(lambda: client.infer("nonesuch", song(module)), "there is no model")
    yield "infer, not ready", lambda: raises(lambda: client.infer("embed", []), "is not ready")
    wrong = [infer_input(module, "song", np.zeros((1, 9), np.float32))]
    yield (
        "infer, input missing",
        lambda: raises(lambda: client.infer("novice_dj", wrong), "needs the input sample_rate"),
    )


def field(answer, name):
    value = answer[name] if isinstance(answer, dict) else getattr(answer, name)
    assert len(value), answer


def http(address):
    import tritonclient.http as module

    client = module.InferenceServerClient(address, connection_timeout=600, network_timeout=600)
    yield from common(module, client)
    plain = [module.InferRequestedOutput("output-0", binary_data=False)]
    yield "infer, JSON both ways", lambda: check_song(client.infer("novice_dj", song(module, False), outputs=plain))
    yield "infer, JSON in, binary out", lambda: check_song(client.infer("novice_dj", song(module, False)))
    yield "infer, binary in, JSON out", lambda: check_song(client.infer("novice_dj", song(module), outputs=plain))
    for coding in ("gzip", "deflate"):
        call = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
        yield f"infer, {coding}", lambda call=call: check_song(client.infer("novice_dj", song(module), **call))
    yield "async_infer", lambda: check_song(client.async_infer("novice_dj", song(module)).get_result())


def grpc(address):
    import tritonclient.grpc as module

    client = module.InferenceServerClient(address)
    yield from common(module, client)
    answers = queue.Queue()

    def asynchronous():
        client.async_infer("novice_dj", song(module), lambda result, error: answers.put((result, error)))
        result, error = answers.get(timeout=600)
        assert error is None, error
        check_song(result)

    yield "async_infer", asynchronous
    yield "infer, gzip", lambda: check_song(client.infer("novice_dj", song(module), compression_algorithm="gzip"))


def stream(address):
    import tritonclient.grpc as module

    client, answers = module.InferenceServerClient(address), queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    length = [infer_input(module, "length", np.array([8]))]

    def play():
        client.async_stream_infer("generate", length, request_id="a", enable_empty_final_response=True)
        events, midi = 0, None
        while True:
            result, error = answers.get(timeout=600)
            assert error is None, error
            response = result.get_response()
            assert response.id == "a"
            if response.parameters["triton_final_response"].bool_param:
                break
            events += result.as_numpy("token") is not None
            midi = result.as_numpy("midi") if result.as_numpy("midi") is not None else midi
        assert events >= 8
        assert midi[0][:4] == b"MThd"

    def refuse():
        client.async_stream_infer("nonesuch", length)
        result, error = answers.get(timeout=600)
        assert "there is no model" in str(error), (result, error)

    def one():
        client.async_stream_infer("novice_dj", song(module))
        result, error = answers.get(timeout=600)
        assert error is None, error
        check_song(result)

    yield "a model that streams", play
    yield "an error, and the stream goes on", refuse
    yield "a model that does not stream", one
    yield "stop_stream", client.stop_stream


if __name__ == "__main__":
    for name, call in {"http": http, "grpc": grpc, "stream": stream}[sys.argv[1]](sys.argv[2]):
        try:
            call()
            outcome = ""
        except BaseException:
            outcome = traceback.format_exc()
        sys.stdout.write(json.dumps([name, outcome]) + "\n")
