"""A request's tensors as the values that a model's function takes: names, datatypes, shapes, numbers checked."""

from typing import Any

import numpy as np

from aeolian.serving.failures import Invalid, TooLarge
from aeolian.serving.registry import Given, Input, Model, Output, Values
from aeolian.serving.tensors import BYTES, DTYPES, Request, Response, Tensor, Wanted

_SHOWN = 60


def bind(model: Model, request: Request) -> Values:
    """The values of all inputs of `model`; an option that was left away has its default.

    Raises `Invalid` for an input that the model does not have or that came twice, one that is required and missing,
    another datatype or shape, numbers that are none, values beyond their limits; `TooLarge` for too many of them.
    """
    known = {wanted.name: wanted for wanted in model.inputs}
    given: dict[str, Tensor] = {}
    for tensor in request.inputs:
        if tensor.name not in known:
            raise Invalid(f"model {model.name!r} has no input {tensor.name[:_SHOWN]!r}; it has {', '.join(known)}.")
        if tensor.name in given:
            raise Invalid(f"input {tensor.name!r} came twice.")
        given[tensor.name] = tensor
    missing = [wanted.name for wanted in model.inputs if wanted.required and wanted.name not in given]
    if missing:
        raise Invalid(f"model {model.name!r} needs the input {' and '.join(missing)}, which did not come.")
    check_outputs(model, request.outputs)
    return {
        name: _value(wanted, given[name]) if name in given else wanted.default
        for name, wanted in known.items()
        if name in given or wanted.default is not None
    }


def check_outputs(model: Model, outputs: tuple[Wanted, ...]) -> None:
    """Raises `Invalid` if an output is asked for that the model does not have."""
    known = [output.name for output in model.outputs]
    for wanted in outputs:
        if wanted.name not in known:
            raise Invalid(f"model {model.name!r} has no output {wanted.name[:_SHOWN]!r}; it has {', '.join(known)}.")


def _value(wanted: Input, tensor: Tensor) -> Any:
    _check_kind(wanted, tensor)
    if isinstance(tensor.value, list):
        size = sum(map(len, tensor.value))
        if size > wanted.most:
            raise TooLarge(f"input {wanted.name!r}: {size:,} bytes; {wanted.most:,} are the most.")
        if wanted.shape == (1,) and len(tensor.value) != 1:
            raise Invalid(f"input {wanted.name!r}: {len(tensor.value)} values; it takes one.")
        return _text(wanted, tensor.value[0]) if wanted.choices or isinstance(wanted.default, str) else tensor.value
    array = _fit_rank(wanted, tensor.value)
    _check_array(wanted, array)
    if not wanted.is_option:
        return np.ascontiguousarray(array, DTYPES[wanted.datatype])
    return _number(wanted, array.reshape(-1)[0].item())


def _check_kind(wanted: Input, tensor: Tensor) -> None:
    """Integers may come where floats are taken, and any width of either."""
    sent, taken = tensor.datatype, wanted.datatype
    numbers = sent not in (BYTES, "BOOL") and taken not in (BYTES, "BOOL")
    if sent != taken and not numbers:
        raise Invalid(f"input {wanted.name!r}: datatype {sent}; it takes {taken}.")


def _fit_rank(wanted: Input, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One row where rows are taken, and rows in a batch of one."""
    if len(wanted.shape) == 2 and array.ndim == 1:
        return array[np.newaxis]
    return array[0] if len(wanted.shape) == 2 and array.ndim == 3 and len(array) == 1 else array


def _check_array(wanted: Input, array: np.ndarray[Any, Any]) -> None:
    if wanted.is_option:
        if array.size != 1:
            raise Invalid(f"input {wanted.name!r}: shape {list(array.shape)}; it takes one value, of shape [1].")
    else:
        ranks_fit = array.ndim == len(wanted.shape)
        if not ranks_fit or any(size not in (-1, got) for size, got in zip(wanted.shape, array.shape, strict=True)):
            raise Invalid(
                f"input {wanted.name!r}: shape {list(array.shape)}; it takes {list(wanted.shape)}, -1 being any size."
            )
        if array.size > wanted.most:
            raise TooLarge(f"input {wanted.name!r}: {array.size:,} values; {wanted.most:,} are the most.")
    if array.dtype.kind == "f" and array.size and not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array.reshape(-1)))[0])
        raise Invalid(f"input {wanted.name!r}: value {at} is {array.reshape(-1)[at]}, which is no number to work with.")


def _number(wanted: Input, number: Any) -> Any:
    if DTYPES[wanted.datatype].kind in "iu":
        if number != int(number):
            raise Invalid(f"input {wanted.name!r}: {number}; it takes whole numbers.")
        number = int(number)
    elif wanted.datatype != "BOOL":
        number = float(number)
    if wanted.limits and not wanted.limits[0] <= number <= wanted.limits[1]:
        raise Invalid(f"input {wanted.name!r}: {number}; it takes {wanted.limits[0]:g} to {wanted.limits[1]:g}.")
    return number


def _text(wanted: Input, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"input {wanted.name!r}: byte {error.start} is no UTF-8.") from None
    if wanted.choices and text not in wanted.choices:
        raise Invalid(f"input {wanted.name!r}: {text[:_SHOWN]!r}; it takes one of {', '.join(wanted.choices)}.")
    return text


def as_response(model: Model, version: str, values: Values, request: Request) -> Response:
    """What a function gave, as the outputs that were asked for, or all, in their order."""
    known = {output.name: output for output in model.outputs}
    names = [wanted.name for wanted in request.outputs] or list(known)
    tensors = tuple(_tensor(known[name], values[name]) for name in names if name in values)
    return Response(model.name, version, tensors, request.id)


def _tensor(output: Output, value: Given) -> Tensor:
    parameters = {"content_type": output.content_type} if output.content_type else {}
    if output.datatype == BYTES:
        texts: list[Any] = value if isinstance(value, list) else [value]
        flat = [text.encode() if isinstance(text, str) else text for text in texts]
        return Tensor(output.name, BYTES, (len(flat),), flat, parameters)
    array = np.ascontiguousarray(value, DTYPES[output.datatype])
    array = array.reshape(1) if array.ndim == 0 else array
    return Tensor(output.name, output.datatype, array.shape, array, parameters)
