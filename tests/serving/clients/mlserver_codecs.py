"""The requests of a tutorial, made by mlserver's codecs: `mlserver_codecs.py record FOLDER`, or `… ask ADDRESS`.

`record` writes the bytes that `requests.post(url, json=…)` sends; `ask` sends them and decodes what comes back with the
codecs, and prints JSON, call by call. Run by the Python of an environment with mlserver, which is not this project's.
"""

import json
import sys
import traceback
from pathlib import Path

import numpy as np
import requests
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse

RATE_HZ = 32_000


def text_to_music():
    return {
        "inputs": [
            StringCodec.encode_input(name="text", payload=["slow bachata with violin sounds"], use_bytes=False).dict(),
            NumpyCodec.encode_input(name="guidance_scale", payload=np.array([5])).dict(),
            NumpyCodec.encode_input(name="max_new_tokens", payload=np.array([200])).dict(),
        ]
    }


def effects():
    sound = (np.sin(np.arange(1600) * 2 * np.pi * 440 / RATE_HZ) / 2).astype(np.float32)[np.newaxis]
    return {
        "inputs": [
            NumpyCodec.encode_input(name="song", payload=sound).dict(),
            NumpyCodec.encode_input(name="sample_rate", payload=np.array([RATE_HZ])).dict(),
        ]
    }


def body(document):
    return requests.Request("POST", "http://localhost", json=document).prepare().body


def ask(address):
    def novice_dj():
        answer = requests.post(f"{address}/v2/models/novice_dj/infer", json=effects(), timeout=600)
        assert answer.status_code == 200, answer.text
        decoded = NumpyCodec.decode_output(InferenceResponse(**answer.json()).outputs[0])
        assert decoded.shape == (1, 1600), decoded.shape
        assert len(answer.json()["outputs"][0]["data"]) == 1600
        assert np.abs(decoded).max() > 0.1

    def refused():
        answer = requests.post(f"{address}/v2/models/novice_dj/infer", json=text_to_music(), timeout=600)
        assert answer.status_code == 400
        assert "has no input 'text'" in answer.json()["error"]

    def metadata():
        from mlserver.types import MetadataModelResponse

        told = requests.get(f"{address}/v2/models/novice_dj", timeout=600).json()
        assert [tensor.name for tensor in MetadataModelResponse(**told).inputs] == ["song", "sample_rate"]

    yield "the tutorial's effects", novice_dj
    yield "the tutorial's text, to another model", refused
    yield "metadata", metadata


if __name__ == "__main__":
    if sys.argv[1] == "record":
        for name, document in (("musicgen_model", text_to_music()), ("novice_dj", effects())):
            Path(sys.argv[2], f"{name}.json").write_bytes(body(document))
        sys.exit()
    for name, call in ask(sys.argv[2]):
        try:
            call()
            outcome = ""
        except BaseException:
            outcome = traceback.format_exc()
        sys.stdout.write(json.dumps([name, outcome]) + "\n")
