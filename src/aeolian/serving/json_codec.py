"""The JSON of the V2 protocol, with its binary tensor data extension: bytes of a body to a request, and back.

What the clients people have really send is taken, also where the protocol's text would not have it: `parameters` that
hold null or are null (MLServer's codecs), a body with no Content-Type (tritonclient), nested lists in `data`.
BYTES in JSON are text; with the parameter `content_type` "base64" they are base64, which is also how bytes that are no
text are answered.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from aeolian.serving.failures import Invalid
from aeolian.serving.tensors import (
    BYTES,
    DTYPES,
    Request,
    Response,
    Tensor,
    Value,
    Wanted,
    check_datatype,
    check_shape,
    count,
    from_raw,
    to_raw,
)

BINARY_SIZE = "binary_data_size"
MAX_TENSORS = 64


def parse_request(body: bytes, header_bytes: int | None = None) -> Request:
    """The request in `body`, whose first `header_bytes` are JSON if the rest is binary data. Raises `Invalid`."""
    head = body if header_bytes is None else body[:header_bytes]
    if header_bytes is not None and not 0 <= header_bytes <= len(body):
        raise Invalid(f"Inference-Header-Content-Length is {header_bytes}; the body has {len(body)} bytes.")
    document = parse_json(head)
    sent = document.get("inputs")
    if not isinstance(sent, list) or len(sent) > MAX_TENSORS:
        raise Invalid(f"the request has no list `inputs` of at most {MAX_TENSORS} tensors.")
    parameters = _parameters(document, "the request")
    raw = memoryview(body)[len(head) :]
    inputs, at = [], 0
    for tensor in sent:
        parsed, at = _parse_tensor(tensor, raw, at)
        inputs.append(parsed)
    if at != len(raw):
        raise Invalid(f"{len(raw)} bytes follow the JSON; its tensors account for {at}.")
    id_ = document.get("id")
    return Request(
        tuple(inputs),
        _parse_outputs(document.get("outputs")),
        id_ if isinstance(id_, str) else "",
        parameters,
        parameters.get("binary_data_output") is True,
    )


def parse_json(raw: bytes) -> dict[str, Any]:
    """The object in `raw`. Raises `Invalid`, saying where, for what is no JSON object."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error.msg} (byte {error.pos}).") from None
    if not isinstance(document, dict):
        raise Invalid("the body is JSON, but no object.")
    return document


def _parameters(holder: Mapping[str, Any], whose: str) -> dict[str, Any]:
    found = holder.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Invalid(f"`parameters` of {whose} is no object.")
    return {name: value for name, value in found.items() if value is not None}


def _parse_outputs(sent: Any) -> tuple[Wanted, ...]:
    if sent is None:
        return ()
    if not isinstance(sent, list) or len(sent) > MAX_TENSORS:
        raise Invalid(f"`outputs` is no list of at most {MAX_TENSORS} outputs.")
    wanted = []
    for output in sent:
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise Invalid("an entry of `outputs` is no object with a `name`.")
        binary = _parameters(output, f"output {output['name']!r}").get("binary_data")
        wanted.append(Wanted(output["name"], binary if isinstance(binary, bool) else None))
    return tuple(wanted)


def _parse_tensor(sent: Any, raw: memoryview, at: int) -> tuple[Tensor, int]:
    """One input, and how far into `raw` the tensors so far reach."""
    if not isinstance(sent, dict) or not isinstance(sent.get("name"), str):
        raise Invalid("an entry of `inputs` is no object with a `name`.")
    name = sent["name"][:200]
    datatype, shape = check_datatype(name, sent.get("datatype")), check_shape(name, sent.get("shape"))
    parameters = _parameters(sent, f"input {name!r}")
    size = parameters.get(BINARY_SIZE)
    if size is None:
        if "data" not in sent:
            raise Invalid(f"input {name!r}: it has neither `data` nor the parameter {BINARY_SIZE}.")
        return Tensor(
            name, datatype, shape, _parse_data(name, datatype, shape, sent["data"], parameters), parameters
        ), at
    if type(size) is not int or not 0 <= size <= len(raw) - at:
        raise Invalid(f"input {name!r}: {BINARY_SIZE} {str(size)[:40]}; {len(raw) - at} bytes are left.")
    return Tensor(name, datatype, shape, from_raw(name, datatype, shape, raw[at : at + size]), parameters), at + size


def _parse_data(name: str, datatype: str, shape: tuple[int, ...], data: Any, parameters: dict[str, Any]) -> Value:
    if datatype == BYTES:
        texts = list(_flat(data)) if isinstance(data, list) else [data]
        if len(texts) != count(shape):
            raise Invalid(f"input {name!r}: {len(texts)} texts for shape {list(shape)}.")
        return [_as_bytes(name, text, parameters.get("content_type") == "base64") for text in texts]
    try:
        array = np.array(data)
    except ValueError:
        raise Invalid(f"input {name!r}: `data` is a list of lists of different lengths.") from None
    dtype = DTYPES[datatype]
    if array.dtype.kind not in {"b": "b", "f": "fiu"}.get(dtype.kind, "iu") and array.size:
        raise Invalid(f"input {name!r}: `data` is no list of numbers of datatype {datatype}.")
    if array.size != count(shape):
        raise Invalid(f"input {name!r}: {array.size} values for shape {list(shape)}.")
    if dtype.kind in "iu" and array.size:
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        if array.min() < least or array.max() > most:
            raise Invalid(
                f"input {name!r}: values from {array.min()} to {array.max()}; {datatype} is {least} to {most}."
            )
    with np.errstate(over="ignore"):  # an infinity is refused where the model's input is checked
        return array.astype(dtype).reshape(shape)


def _flat(data: list[Any], depth: int = 0) -> Any:
    for item in data:
        if isinstance(item, list) and depth < 8:
            yield from _flat(item, depth + 1)
        else:
            yield item


def _as_bytes(name: str, text: Any, is_base64: bool) -> bytes:
    if not isinstance(text, str):
        raise Invalid(f"input {name!r}: `data` of BYTES is a list of texts.")
    if not is_base64:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"input {name!r}: `data` is not base64, as its content_type says.") from None


def write_response(response: Response, request: Request) -> tuple[list[bytes], int | None]:
    """A response as the parts of a body, and the length of its JSON where binary data follows it."""
    binary = {wanted.name: wanted.binary for wanted in request.outputs}
    outputs, blobs = [], []
    for tensor in response.outputs:
        chosen = binary.get(tensor.name)
        if request.binary_outputs if chosen is None else chosen:
            blobs.append(to_raw(tensor))
            parameters = {**tensor.parameters, BINARY_SIZE: len(blobs[-1])}
            outputs.append(_head(tensor) | {"parameters": parameters})
        else:
            outputs.append(_with_data(tensor))
    document: dict[str, Any] = {"model_name": response.model, "model_version": response.version}
    document |= {"id": response.id} if response.id else {}
    document |= {"parameters": response.parameters} if response.parameters else {}
    head = orjson.dumps(document | {"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    return [head, *blobs], len(head) if blobs else None


def _head(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}


def _with_data(tensor: Tensor) -> dict[str, Any]:
    parameters = tensor.parameters
    if isinstance(tensor.value, list):
        try:
            data: Any = [text.decode() for text in tensor.value]
            parameters = {"content_type": "str"} | parameters
        except UnicodeDecodeError:
            data = [base64.b64encode(text).decode() for text in tensor.value]
            media = parameters.get("content_type")
            parameters = parameters | {"content_type": "base64"} | ({"media_type": media} if media else {})
    else:
        flat = tensor.value.reshape(-1)
        data = flat.astype(np.float32) if flat.dtype == np.float16 else flat
        parameters = {"content_type": "np"} | parameters
    return _head(tensor) | {"parameters": parameters, "data": data}
