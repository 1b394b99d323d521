"""A server of models of a few lines, for tests of the transport: `light_server.py --http 0 --grpc 0 [--token …]`."""

import argparse
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from aeolian.errors import InputError, UsageError
from aeolian.serving.limits import Limits
from aeolian.serving.registry import Input, Model, Output
from aeolian.serving.server import Options, serve

HERE = "light_server:"
NUMBERS = Input("x", "FP32", (-1,), "Numbers.", most=1 << 26)
SAME = Output("y", "FP32", (-1,), "The same.")
SECONDS = Input("seconds", "FP64", (1,), "How long.", limits=(0, 3600))
MARK = Input(
    "mark", "BYTES", (1,), "A file to write when the work begins, and to remove when it was stopped.", False, ""
)


def make_echo():
    return lambda values, emit: {"y": values["x"]}


def make_typed():
    return lambda values, emit: {"seen": [f"{sorted(values.items())}"]}


def make_bytes():
    return lambda values, emit: {"out": values["in"]}


def make_count():
    def count(values, emit):
        for number in range(values["n"] - 1):
            emit({"y": np.array([number])})
            time.sleep(values["pause_s"])
        return {"y": np.array([values["n"] - 1])}

    return count


def _work(values, wait):
    mark = Path(values["mark"]) if values["mark"] else None
    if mark:
        mark.write_text(str(os.getpid()))
    try:
        wait(values["seconds"])
    except BaseException:
        if mark:
            mark.unlink()
        raise
    return {"y": np.zeros(1, np.float32)}


def make_wait():
    return lambda values, emit: _work(values, time.sleep)


def make_stubborn():
    """One call into C that heeds no signal."""
    return lambda values, emit: _work(
        values, lambda s: hashlib.pbkdf2_hmac("sha256", b"", b"", min(round(s * 1e7), 2**31 - 1))
    )


def make_fail():
    def fail(values, emit):
        raise InputError("no good") if values["x"][0] > 0 else ValueError("/etc/secret/path")

    return fail


def make_die():
    return lambda values, emit: os.kill(os.getpid(), signal.SIGKILL)


MODELS = [
    Model("echo", "Gives back.", (NUMBERS,), (SAME,), HERE + "make_echo"),
    Model("echo_here", "Gives back, in the server's process.", (NUMBERS,), (SAME,), HERE + "make_echo", apart=False),
    Model(
        "typed",
        "Says what it got.",
        (
            Input("i", "INT64", (1,), "", False, 7, (0, 100)),
            Input("f", "FP32", (-1, 2), "", False),
            Input("b", "BOOL", (1,), "", False),
            Input("t", "BYTES", (1,), "", False, "a", choices=("a", "b")),
        ),
        (Output("seen", "BYTES"),),
        HERE + "make_typed",
    ),
    Model(
        "bytes", "Gives back.", (Input("in", "BYTES", (-1,)),), (Output("out", "BYTES", (-1,)),), HERE + "make_bytes"
    ),
    Model(
        "count",
        "Counts.",
        (Input("n", "INT64", (1,)), Input("pause_s", "FP64", (1,), "", False, 0.0)),
        (Output("y", "INT64", (-1,)),),
        HERE + "make_count",
        streams=True,
    ),
    Model("wait", "Waits.", (SECONDS, MARK), (SAME,), HERE + "make_wait"),
    Model("wait_briefly", "May not wait long.", (SECONDS, MARK), (SAME,), HERE + "make_wait", limit_s=0.3),
    Model("stubborn", "Works on.", (SECONDS, MARK), (SAME,), HERE + "make_stubborn"),
    Model("fail", "Fails.", (NUMBERS,), (SAME,), HERE + "make_fail"),
    Model("die", "Dies.", (), (SAME,), HERE + "make_die"),
    Model("absent", "Is not installed.", (), (SAME,), HERE + "none", needs=("no_such_package",), extra="more"),
]

if __name__ == "__main__":
    sys.modules["light_server"] = sys.modules["__main__"]
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", type=int)
    parser.add_argument("--grpc", type=int)
    parser.add_argument("--token", default="")
    parser.add_argument("--cors", action="append", default=[])
    parser.add_argument("--queue", type=int, default=2)
    parser.add_argument("--body-seconds", type=float, default=60.0)
    parser.add_argument("--header-seconds", type=float, default=60.0)
    told = parser.parse_args()
    bounds = Limits(
        workers=2,
        queue=told.queue,
        body_bytes=1 << 20,
        header_s=told.header_seconds,
        body_s=told.body_seconds,
        grace_s=0.5,
        held_bytes=8 << 20,
    )
    options = Options(http=told.http, grpc=told.grpc, token=told.token, cors=tuple(told.cors), limits=bounds)
    try:
        serve(MODELS, options, lambda line: sys.stderr.write(f"{line}\n"))
    except UsageError as error:
        sys.exit(str(error))
