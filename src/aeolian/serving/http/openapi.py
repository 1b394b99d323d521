"""The HTTP interface, told in OpenAPI 3.1, and as a page to read."""

import html
from typing import Any

from aeolian import __version__
from aeolian.serving.registry import Model
from aeolian.serving.service import Service
from aeolian.serving.tensors import DATATYPES

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


_TEXT, _FLAG, _PARAMETERS = {"type": "string"}, {"type": "boolean"}, {"type": ["object", "null"]}
_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_DATATYPE = {"type": "string", "enum": list(DATATYPES)}
SCHEMAS: dict[str, Schema] = {
    "error": _object(["error"], error=_TEXT),
    "live": _object(["live"], live=_FLAG),
    "ready": _object(["ready"], ready=_FLAG, name=_TEXT),
    "server": _object(["name", "version", "extensions"], name=_TEXT, version=_TEXT, extensions={"type": "array"}),
    "models": _object(["models"], models={"type": "array", "items": _TEXT}),
    "empty": {"type": "object"},
    "tensor_metadata": _object(
        ["name", "datatype", "shape"],
        name=_TEXT,
        datatype=_DATATYPE,
        shape={"type": "array", "items": {"type": "integer", "minimum": -1}},
        parameters=_PARAMETERS,
    ),
    "model": _object(
        ["name", "platform", "inputs", "outputs"],
        name=_TEXT,
        versions={"type": "array", "items": _TEXT},
        platform=_TEXT,
        inputs={"type": "array", "items": _ref("tensor_metadata")},
        outputs={"type": "array", "items": _ref("tensor_metadata")},
    ),
    "index": {
        "type": "array",
        "items": _object(["name", "version", "state", "reason"], name=_TEXT, version=_TEXT, state=_TEXT, reason=_TEXT),
    },
    "index_request": _object([], ready=_FLAG),
    "input": _object(
        ["name", "shape", "datatype"],
        name=_TEXT,
        shape=_SHAPE,
        datatype=_DATATYPE,
        parameters=_PARAMETERS,
        data={"type": "array"},
    ),
    "wanted": _object(["name"], name=_TEXT, parameters=_PARAMETERS),
    "request": _object(
        ["inputs"],
        id=_TEXT,
        parameters=_PARAMETERS,
        inputs={"type": "array", "items": _ref("input")},
        outputs={"type": "array", "items": _ref("wanted")},
    ),
    "output": _object(
        ["name", "shape", "datatype"],
        name=_TEXT,
        shape=_SHAPE,
        datatype=_DATATYPE,
        parameters=_PARAMETERS,
        data={"type": "array"},
    ),
    "response": _object(
        ["model_name", "outputs"],
        model_name=_TEXT,
        model_version=_TEXT,
        id=_TEXT,
        parameters=_PARAMETERS,
        outputs={"type": "array", "items": _ref("output")},
    ),
}


def _json(name: str) -> Schema:
    return {"application/json": {"schema": _ref(name)}}


def _operation(summary: str, answer: str, errors: tuple[int, ...] = (), body: str = "", sse: bool = False) -> Schema:
    content = {"text/event-stream": {"schema": _TEXT}} if sse else _json(answer)
    responses = {"200": {"description": "As asked.", "content": content}}
    for status in sorted({*errors, 401, 403}):
        responses[str(status)] = {"description": "What is wrong.", "content": _json("error")}
    made: Schema = {"summary": summary, "responses": responses}
    if body:
        made["requestBody"] = {"required": body == "request", "content": _json(body)}
    return made


_INFER_ERRORS = (400, 404, 408, 413, 429, 500, 503, 504)


def describe(service: Service) -> dict[str, Any]:
    """The whole interface; the models' names are the legal values of the path's parameter."""
    names = [model.name for model in service.registry]
    paths: dict[str, Any] = {
        "/v2": {"get": _operation("The server's metadata.", "server")},
        "/v2/health/live": {"get": _operation("Whether it lives.", "live")},
        "/v2/health/ready": {"get": _operation("Whether it takes requests.", "ready")},
        "/v2/models": {"get": _operation("The models' names.", "models")},
        "/v2/repository/index": {
            "post": _operation("Every model with its state.", "index", (400, 408, 413), "index_request")
        },
    }
    for verb, summary in (("load", "Loads a model."), ("unload", "Lets a model answer no more.")):
        operation = _operation(summary, "empty", _INFER_ERRORS)
        paths[f"/v2/repository/models/{{model}}/{verb}"] = {
            "parameters": [_parameter("model", names)],
            "post": operation,
        }
    for base in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        parameters = [_parameter("model", names)]
        parameters += [_parameter("version", ["1"])] if "{version}" in base else []
        for path, method, operation in _model_operations():
            paths[base + path] = {"parameters": parameters, method: operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Aeolian: the V2 inference protocol", "version": __version__},
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "x-models": [_describe_model(service, model) for model in service.registry],
    }


def _model_operations() -> list[tuple[str, str, Schema]]:
    stream = "One response after the other, as server-sent events."
    return [
        ("", "get", _operation("A model's metadata.", "model", (404,))),
        ("/ready", "get", _operation("Whether a model is ready.", "ready", (404, 503))),
        ("/infer", "post", _operation("Asks a model.", "response", _INFER_ERRORS, "request")),
        ("/infer_stream", "post", _operation(stream, "", _INFER_ERRORS, "request", sse=True)),
        ("/generate_stream", "post", _operation(stream, "", _INFER_ERRORS, "request", sse=True)),
    ]


def _parameter(name: str, values: list[str]) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": values}}


def _describe_model(service: Service, model: Model) -> dict[str, Any]:
    return service.describe(model.name) | {"why_not_ready": service.registry.why_not_ready(model)}


def as_page(document: dict[str, Any]) -> str:
    """The interface as HTML that loads nothing from anywhere."""
    rows = [
        f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    models = [_model_html(model) for model in document["x-models"]]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Aeolian</title><style>"
        "body{font:15px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}td{padding:.15rem .8rem .15rem 0;"
        "vertical-align:top}</style><h1>Aeolian: the V2 inference protocol</h1>"
        "<p>Also as <a href=docs/openapi.json>OpenAPI</a>.</p>"
        f"<table>{''.join(rows)}</table>{''.join(models)}</html>"
    )


def _model_html(model: dict[str, Any]) -> str:
    def rows(kind: str) -> str:
        return "".join(
            f"<tr><td>{kind}</td><td><code>{html.escape(tensor['name'])}</code></td><td>{tensor['datatype']} "
            f"{tensor['shape']}</td><td>{html.escape(tensor.get('parameters', {}).get('description', ''))}</td></tr>"
            for tensor in model[f"{kind}s"]
        )

    why = f" <em>not ready: {html.escape(model['why_not_ready'])}</em>" if model["why_not_ready"] else ""
    about = html.escape(model["parameters"]["description"])
    return f"<h2>{html.escape(model['name'])}</h2><p>{about}{why}</p><table>{rows('input')}{rows('output')}</table>"
