"""Every call of kserve's inference clients that this server answers: `kserve_client.py rest|grpc ADDRESS`; prints JSON.

Run by the Python of an environment with kserve, which is not this project's.
"""

import asyncio
import json
import sys
import traceback

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferOutput, InferRequest
from kserve.inference_client import RESTConfig


def request(binary):
    sound = np.sin(np.arange(22_050) / 10, dtype=np.float32)[np.newaxis] / 2
    song, rate = InferInput("song", [1, 22_050], "FP32"), InferInput("sample_rate", [1], "INT64")
    song.set_data_from_numpy(sound, binary_data=binary)
    rate.set_data_from_numpy(np.array([22_050]), binary_data=binary)
    return InferRequest(model_name="novice_dj", infer_inputs=[song, rate])


def check(answer):
    mixed = answer.outputs[0].as_numpy()
    assert mixed.shape == (1, 22_050), mixed.shape
    assert np.abs(mixed).max() > 0.1


async def refused(call):
    try:
        answer = await call
    except Exception as error:
        assert "nonesuch" in str(error) or "404" in str(error), error
    else:
        raise AssertionError(f"it was not refused: {answer}")


def rest(address):
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=600))

    async def infer(binary):
        check(await client.infer(address, request(binary), model_name="novice_dj", timeout=600))

    async def true(call):
        assert await call

    async def false(call):
        assert not await call

    yield "is_server_live", lambda: true(client.is_server_live(address))
    yield "is_server_ready", lambda: true(client.is_server_ready(address))
    yield "is_model_ready", lambda: true(client.is_model_ready(address, "novice_dj"))
    yield "is_model_ready, of one that is not", lambda: false(client.is_model_ready(address, "embed"))
    yield "infer, JSON", lambda: infer(False)
    yield "infer, binary", lambda: infer(True)
    yield "infer, no such model", lambda: refused(client.infer(address, request(False), model_name="nonesuch"))


def grpc(address):
    client = InferenceGRPCClient(address, timeout=600)

    async def infer(binary):
        check(await client.infer(request(binary), timeout=600))

    async def true(call):
        assert await call

    async def false(call):
        assert not await call

    async def unknown():
        asked = request(False)
        asked.model_name = "nonesuch"
        await client.infer(asked)

    yield "is_server_live", lambda: true(client.is_server_live())
    yield "is_server_ready", lambda: true(client.is_server_ready())
    yield "is_model_ready", lambda: true(client.is_model_ready("novice_dj"))
    yield "is_model_ready, of one that is not", lambda: false(client.is_model_ready("embed"))
    yield "infer, typed", lambda: infer(False)
    yield "infer, raw", lambda: infer(True)
    yield "infer, no such model", lambda: refused(unknown())


async def main():
    assert InferOutput
    for name, call in {"rest": rest, "grpc": grpc}[sys.argv[1]](sys.argv[2]):
        try:
            await call()
            outcome = ""
        except BaseException:
            outcome = traceback.format_exc()
        sys.stdout.write(json.dumps([name, outcome]) + "\n")


asyncio.run(main())
