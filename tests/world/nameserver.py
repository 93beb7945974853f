"""A DNS server on a loopback address, and a network of this thread's own to run it in."""

import ctypes
import fcntl
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

PORT = 53
_CLONE_NEWNET = 0x40000000
_SET_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
_TYPES = {1: 4, 28: 6}  # A and AAAA -> the version of IP
_ANSWER, _TRUNCATED, _SERVER_FAILURE, _NO_SUCH_NAME = 0x8180, 0x0200, 2, 3


@contextmanager
def own_network() -> Iterator[None]:
    """Give this thread, and the processes that it starts, a network with a loopback device only."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            fcntl.ioctl(device, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
        yield
    finally:
        libc.setns(before, _CLONE_NEWNET)
        os.close(before)


class _Streams(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Streams6(_Streams):
    address_family = socket.AF_INET6


class _Datagrams(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Datagrams6(_Datagrams):
    address_family = socket.AF_INET6


class NameServer:
    """Answers for `names`: a lower-case name without its last dot -> its addresses.

    truncates: whether answers by UDP are cut, so that clients come again by TCP. fails: whether
    each answer is SERVFAIL. asked: the names of all queries, each with "udp" or "tcp".
    """

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        *,
        address: str = "127.0.0.1",
        truncates: bool = False,
        fails: bool = False,
    ) -> None:
        self.names, self.truncates, self.fails = names, truncates, fails
        self.asked: list[tuple[str, str]] = []
        owner = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, back = self.request
                back.sendto(owner.answer(data, "udp"), self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while size := int.from_bytes(self.rfile.read(2), "big"):
                    reply = owner.answer(self.rfile.read(size), "tcp")
                    self.wfile.write(struct.pack(">H", len(reply)) + reply)

        self._servers: list[socketserver.BaseServer] = [
            (_Datagrams6 if ":" in address else _Datagrams)((address, PORT), Datagram),
            (_Streams6 if ":" in address else _Streams)((address, PORT), Stream),
        ]

    def __enter__(self) -> "NameServer":
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, query: bytes, by: str) -> bytes:
        """Return the answer to a query."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind, _ = struct.unpack(">HH", query[at + 1 : at + 5])
        name = ".".join(labels)
        self.asked.append((name, by))
        question, flags, records = query[12 : at + 5], _ANSWER, []
        if self.fails:
            flags |= _SERVER_FAILURE
        elif name not in self.names:
            flags |= _NO_SUCH_NAME
        elif self.truncates and by == "udp":
            flags |= _TRUNCATED
        else:
            for address in map(ip_address, self.names[name]):
                if address.version == _TYPES.get(kind):
                    packed = address.packed
                    records.append(struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(packed)) + packed)
        header = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return header + question + b"".join(records)
