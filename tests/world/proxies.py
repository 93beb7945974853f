"""Proxies for tests: a SOCKS5 proxy, and servers that answer with fixed bytes."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

GREETING = b"\x05\x00"  # no login is needed
_CONNECTED = b"\x05\x00\x00\x01" + bytes(6)


class Proxy:
    """A server on a loopback address that talks to each client in a thread of its own."""

    def __init__(self, talk: Callable[[socket.socket], object]) -> None:
        self._talk = talk
        self._server = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self.port: int = self._server.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._server, *self._clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._clients.append(client)
                threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self._talk(client)


def answer(*replies: bytes) -> Proxy:
    """Return a server that sends one of these after each message, and then closes."""

    def talk(client: socket.socket) -> None:
        for reply in replies:
            client.recv(65536)
            client.sendall(reply)

    return Proxy(talk)


def hang() -> Proxy:
    """Return a server that never answers."""

    def talk(client: socket.socket) -> None:
        while client.recv(65536):
            pass

    return Proxy(talk)


def socks(port: int, asked: list[Any], login: tuple[bytes, bytes] | None = None) -> Proxy:
    """Return a SOCKS5 proxy that connects each client to a local port, whatever it asks for."""

    def talk(client: socket.socket) -> None:
        _, count = client.recv(2)
        ways = client.recv(count)
        way = 2 if login else 0
        if way not in ways:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, way]))
        if login:
            _, size = client.recv(2)
            user = client.recv(size)
            if (user, client.recv(client.recv(1)[0])) != login:
                client.sendall(b"\x01\x01")
                return
            client.sendall(b"\x01\x00")
        kind = client.recv(4)[3]
        host = client.recv({1: 4, 4: 16}.get(kind) or client.recv(1)[0])
        asked.append((kind, host, int.from_bytes(client.recv(2), "big")))
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(_CONNECTED)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)

    return Proxy(talk)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
