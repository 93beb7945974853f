"""Connections through a SOCKS5 proxy, which resolves the name: RFC 1928, RFC 1929.

botocore supports none, and urllib3's support needs PySocks, which has had no release since 2019.
"""

import ipaddress
import socket

_VERSION, _CONNECT = 5, 1
_NO_LOGIN, _PASSWORD = 0, 2  # ways to log in
_IPV4, _NAME, _IPV6 = 1, 3, 4  # kinds of addresses
_SIZES = {_IPV4: 4, _IPV6: 16}
_LONGEST = 255  # bytes of a user name, of a password and of a host's name
_REPLIES = {
    1: "it failed",
    2: "its rules do not allow it",
    3: "the network is unreachable",
    4: "the host is unreachable, or its name does not resolve",
    5: "the host refuses the connection",
    6: "the host is too far away",
    7: "it makes no connections",
    8: "it does not support this kind of address",
}


_UNREACHABLE = 4
FAR = (1, 3, 4, 5, 6)
"""Replies of a proxy that allows a host, and does not reach it."""
_NONE = 0xFF  # none of the ways to log in


class NotSocks(OSError):
    """The server is no SOCKS5 proxy."""


class LoginNeeded(OSError):
    """The proxy wants a user name and a password, or refuses those that it got."""


class NoLogin(LoginNeeded):
    """The proxy accepts none of the ways to log in."""


class Unreachable(OSError):
    """The proxy does not connect to the host; the argument says why. reply: its number."""

    def __init__(self, why: str, reply: int) -> None:
        super().__init__(why)
        self.reply = reply


def dial(
    proxy: tuple[str, int], login: tuple[str, str] | None, target: tuple[str, int], seconds: float
) -> socket.socket:
    """Return a socket that a proxy has connected to a target. Raises OSError.

    proxy, target: a host and a port. login: a user name and a password.
    """
    connected = socket.create_connection(proxy, seconds)
    try:
        _log_in(connected, login)
        _connect(connected, *target)
    except BaseException:
        connected.close()
        raise
    return connected


def _log_in(connected: socket.socket, login: tuple[str, str] | None) -> None:
    ways = [_NO_LOGIN, _PASSWORD] if login else [_NO_LOGIN]
    connected.sendall(bytes([_VERSION, len(ways), *ways]))
    version, way = _receive(connected, 2)
    if version != _VERSION:
        msg = "it answers in another protocol"
        raise NotSocks(msg)
    if way == _NONE:
        msg = "it accepts no login"
        raise NoLogin(msg)
    accepted = way in ways
    if login and way == _PASSWORD:
        texts = [text.encode(errors="surrogateescape")[:_LONGEST] for text in login]
        connected.sendall(b"\x01" + b"".join(bytes([len(text)]) + text for text in texts))
        accepted = _receive(connected, 2)[1] == 0
    if not accepted:
        msg = "it refuses the login"
        raise LoginNeeded(msg)


def _connect(connected: socket.socket, host: str, port: int) -> None:
    try:
        packed = ipaddress.ip_address(host).packed
        target = bytes([_IPV4 if len(packed) == _SIZES[_IPV4] else _IPV6]) + packed
    except ValueError:
        try:
            name = host.encode("idna")
            target = bytes([_NAME, len(name)]) + name
        except ValueError as exc:  # an empty or a long part of it
            why = "its name is not valid"
            raise Unreachable(why, _UNREACHABLE) from exc
    connected.sendall(bytes([_VERSION, _CONNECT, 0]) + target + port.to_bytes(2, "big"))
    version, reply, _, kind = _receive(connected, 4)
    if version != _VERSION:
        msg = "it answers in another protocol"
        raise NotSocks(msg)
    if reply:
        raise Unreachable(_REPLIES.get(reply, f"reply {reply}"), reply)
    size = _SIZES[kind] if kind in _SIZES else _receive(connected, 1)[0]
    _receive(connected, size + 2)  # its own address and port


def _receive(connected: socket.socket, size: int) -> bytes:
    """Return so many bytes; raises ConnectionResetError if the proxy closes before."""
    data = b""
    while len(data) < size:
        part = connected.recv(size - len(data))
        if not part:
            msg = "it closes the connection"
            raise ConnectionResetError(msg)
        data += part
    return data
