"""Run inside a container, as a script: starts a program, and lets it reach its worker though there is no network.

    python3 -c THIS_TEXT PORT FOLDER PROGRAM ARGUMENT…

Programs of `datum_batching` call `localhost:PORT`. Connections to there are passed on to the socket FOLDER/next-datum,
a file that engine and container share. What the program writes goes straight into the pipe FOLDER/output, so that it
is there before the call that follows it; through Docker it would come later. Needs Python 3.6 and nothing else.
"""

import os
import socket
import subprocess
import sys
import threading

SOCKET, OUTPUT = "next-datum", "output"
_BLOCK_BYTES = 65536
_CANNOT_START = 127


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            block = source.recv(_BLOCK_BYTES)
            if not block:
                break
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def _serve(listener: socket.socket, path: str) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(path)
        except OSError:
            near.close()
            continue
        for ends in ((near, far), (far, near)):
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _main() -> int:
    port, folder, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    threading.Thread(target=_serve, args=(listener, f"{folder}/{SOCKET}"), daemon=True).start()
    output = os.open(f"{folder}/{OUTPUT}", os.O_WRONLY)
    try:
        code = subprocess.call(argv, stdout=output, stderr=output)
    except OSError as error:
        os.write(output, f"{argv[0]!r} cannot be started: {error.strerror}\n".encode())
        code = _CANNOT_START
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_main())
