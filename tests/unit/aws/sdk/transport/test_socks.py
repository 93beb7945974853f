"""Facts about connections through a SOCKS5 proxy."""

import socket
from typing import Any

import pytest

from docker_credential_ecrpy.aws.sdk.transport import socks
from tests.world.machine import Machine
from tests.world.proxies import GREETING, answer
from tests.world.proxies import socks as make_proxy
from tests.world.web import WebServer

HOST = b"api.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_get(machine: Machine, scheme: str) -> None:
    """The proxy resolves the name, and TLS is checked behind it."""
    machine.login()
    asked: list[Any] = []
    with (
        WebServer(machine.aws.handle, authority=machine.authority, tls=True) as server,
        make_proxy(int(server.port), asked) as proxy,
    ):
        assert machine.get(HTTPS_PROXY=f"{scheme}://{proxy.place}").secret in machine.aws.issued

    assert asked == [(3, HOST, 443)]


def test_a_login(machine: Machine) -> None:
    """A user name and a password may have any character; a wrong one is named, not printed."""
    machine.login()
    asked: list[Any] = []
    with (
        WebServer(machine.aws.handle, authority=machine.authority, tls=True) as server,
        make_proxy(int(server.port), asked, (b"me", "p@ß:".encode())) as proxy,
    ):
        assert machine.get(https_proxy=f"socks5://me:p@ß:@{proxy.place}").secret
        machine.environ["AWS_ECR_DISABLE_CACHE"] = "1"
        wrong = machine.get(https_proxy=f"socks5://me:hunter2@{proxy.place}").error
        none = machine.get(https_proxy=f"socks5://{proxy.place}").error

    assert wrong == (
        f"the proxy socks5://{proxy.place} refuses the user name and the password in https_proxy;"
        " correct them"
    )
    assert none.startswith(
        f"the proxy socks5://{proxy.place} asks for a user name and a password; "
    )
    assert len(asked) == 1


@pytest.mark.parametrize(
    "reply", [b"\x05\x00\x00\x03\x01x\x00\x00", b"\x05\x00\x00\x04" + bytes(18)]
)
@pytest.mark.parametrize("host", ["10.0.0.1", "fd00::5", "a.test"])
def test_each_kind_of_address(host: str, reply: bytes) -> None:
    """The proxy's own address is read to its end, whatever its kind."""
    with (
        answer(GREETING, reply + b"HTTP") as proxy,
        socks.dial(("127.0.0.1", proxy.port), None, (host, 443), 3) as connected,
    ):
        assert connected.recv(4) == b"HTTP"


@pytest.mark.parametrize(
    ("replies", "error", "says"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], socks.NotSocks, "another protocol"),
        ([GREETING, b"\x04\x00\x00\x01"], socks.NotSocks, "another protocol"),
        ([b"\x05\xff"], socks.LoginNeeded, "login"),
        ([b"\x05\x02"], socks.LoginNeeded, "login"),
        ([GREETING, b"\x05\x02\x00\x01"], socks.Unreachable, "its rules do not allow it"),
        ([GREETING, b"\x05\x63\x00\x01"], socks.Unreachable, "reply 99"),
        ([b""], ConnectionResetError, "closes"),
        ([GREETING, b"\x05\x00"], ConnectionResetError, "closes"),
    ],
)
def test_what_is_no_connection(replies: list[bytes], error: type[OSError], says: str) -> None:
    """Each failure has its own exception."""
    with answer(*replies) as proxy, pytest.raises(error, match=says):
        socks.dial(("127.0.0.1", proxy.port), None, ("a.test", 443), 3)


def test_no_proxy_there() -> None:
    """It is refused, as any connection."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        socks.dial(("127.0.0.1", port), None, ("a.test", 443), 3)


def test_a_name_that_is_none() -> None:
    """An empty part of a name is an error as any other."""
    with answer(GREETING) as proxy, pytest.raises(socks.Unreachable, match="is not valid"):
        socks.dial(("127.0.0.1", proxy.port), None, ("ecr..example", 443), 5)
