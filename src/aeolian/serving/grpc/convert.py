"""gRPC's messages as requests, and responses as gRPC's messages."""

from typing import Any

import numpy as np

from aeolian.serving.failures import Invalid
from aeolian.serving.grpc.messages import Messages
from aeolian.serving.json_codec import MAX_TENSORS
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

_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


def read_request(message: Any) -> Request:
    """A ModelInferRequest, its tensors raw or typed. Raises `Invalid`."""
    raws = message.raw_input_contents
    if len(message.inputs) > MAX_TENSORS or (raws and len(raws) != len(message.inputs)):
        raise Invalid(f"{len(message.inputs)} inputs and {len(raws)} raw_input_contents; there is one each, or none.")
    inputs = []
    for number, sent in enumerate(message.inputs):
        name = sent.name[:200]
        datatype, shape = check_datatype(name, sent.datatype), check_shape(name, list(sent.shape))
        value = from_raw(name, datatype, shape, raws[number]) if raws else _typed(name, datatype, shape, sent.contents)
        inputs.append(Tensor(name, datatype, shape, value, read_parameters(sent.parameters)))
    outputs = tuple(Wanted(output.name) for output in message.outputs)
    return Request(tuple(inputs), outputs, message.id, read_parameters(message.parameters))


def _typed(name: str, datatype: str, shape: tuple[int, ...], contents: Any) -> Value:
    if datatype not in _CONTENTS:
        raise Invalid(f"input {name!r}: {datatype} comes in raw_input_contents only.")
    values = getattr(contents, _CONTENTS[datatype])
    if len(values) != count(shape):
        raise Invalid(f"input {name!r}: {len(values)} values in {_CONTENTS[datatype]} for shape {list(shape)}.")
    if datatype == BYTES:
        return list(values)
    wide = np.array(values)
    dtype = DTYPES[datatype]
    if dtype.kind in "iu" and wide.size:
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        if wide.min() < least or wide.max() > most:
            raise Invalid(f"input {name!r}: values from {wide.min()} to {wide.max()}; {datatype} is {least} to {most}.")
    return wide.astype(dtype).reshape(shape)


def read_parameters(sent: Any) -> dict[str, Any]:
    """A map of InferParameter as a dict."""
    chosen = {name: (value, value.WhichOneof("parameter_choice")) for name, value in sent.items()}
    return {name: getattr(value, which) for name, (value, which) in chosen.items() if which}


def write_response(response: Response) -> Any:
    """A ModelInferResponse, its tensors raw: every client reads that."""
    message = Messages.ModelInferResponse(model_name=response.model, model_version=response.version, id=response.id)
    for tensor in response.outputs:
        output = message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        for name, value in tensor.parameters.items():
            output.parameters[name].string_param = str(value)
        message.raw_output_contents.append(to_raw(tensor))
    return message
