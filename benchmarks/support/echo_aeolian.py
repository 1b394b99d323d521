"""Aeolian's server with a model that gives back what it gets: `echo_aeolian.py PORT`."""

import sys

from aeolian.serving.limits import Limits
from aeolian.serving.registry import Input, Model, Output
from aeolian.serving.server import Options, serve

X, Y = Input("x", "FP32", (-1, -1)), Output("y", "FP32", (-1, -1))


def make():
    return lambda values, emit: {"y": values["x"]}


MODELS = [
    Model("echo", "In the server's process.", (X,), (Y,), "echo_aeolian:make", apart=False),
    Model("echo_apart", "In a process of its own.", (X,), (Y,), "echo_aeolian:make"),
]

if __name__ == "__main__":
    sys.modules["echo_aeolian"] = sys.modules["__main__"]
    limits = Limits(body_bytes=256 << 20)
    serve(MODELS, Options(http=int(sys.argv[1]), grpc=None, limits=limits), lambda line: None)
