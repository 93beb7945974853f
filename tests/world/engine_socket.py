"""A stand-in for the socket of Docker's engine, which answers `/_ping` alone."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@contextmanager
def engine_socket(path: Path | None = None, answer: bytes = ANSWER) -> Iterator[Path]:
    """Listen on a Unix socket, by default one with a short path: they have at most 108 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        at = path or Path(directory, "docker.sock")
        at.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(at))
            listener.listen()
            thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
            thread.start()
            try:
                yield at
            finally:
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
                thread.join()
                at.unlink(missing_ok=True)


def _serve(listener: socket.socket, answer: bytes) -> None:
    with suppress(OSError):  # it has been closed
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError):
                if answer:
                    client.recv(4096)
                    client.sendall(answer)
