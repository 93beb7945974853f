"""A stand-in for Docker's engine at a socket or a port, which answers pings alone."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK"
TOO_OLD = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n"
    b"client version 1.10 is too old. Minimum supported API version is 1.24\n"
)


@contextmanager
def engine_socket(path: Path | None = None, answer: bytes = ANSWER) -> Iterator[Path]:
    """Listen on a Unix socket, by default one with a short path: they have at most 108 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        at = path or Path(directory, "docker.sock")
        at.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(at))
            try:
                with _serving(listener, answer):
                    yield at
            finally:
                at.unlink(missing_ok=True)


@contextmanager
def engine_port(answer: bytes = ANSWER) -> Iterator[int]:
    """Listen on a port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener, _serving(listener, answer):
        yield listener.getsockname()[1]


@contextmanager
def _serving(listener: socket.socket, answer: bytes) -> Iterator[None]:
    listener.listen()
    thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        thread.join()


def _serve(listener: socket.socket, answer: bytes) -> None:
    with suppress(OSError):  # it has been closed
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError):
                if answer:
                    is_old = b" /v1.10/" in client.recv(4096)
                    found = TOO_OLD if is_old and answer == ANSWER else answer
                    _, _, body = found.partition(b"\r\n\r\n")
                    client.sendall(found[: -len(body) or None])
                    if found is TOO_OLD:
                        time.sleep(0.05)  # as the engine, in two packets
                    client.sendall(body)
