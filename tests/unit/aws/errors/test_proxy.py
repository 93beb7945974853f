"""Errors of proxies: the variable that names it, what is wrong, and what to do."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain
from docker_credential_ecrpy.aws.sdk import limits
from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST, Machine
from tests.world.proxies import GREETING, Proxy, answer, hang
from tests.world.web import Authority, Hangup, Request, Response, WebServer

pytestmark = pytest.mark.in_process

URL = "https://api.ecr.us-east-1.amazonaws.com"
TARGET = f"ECR at {URL}"
DAY = 86400

Ask = Callable[..., str]


@pytest.fixture(name="ask")
def _ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Return a function that sends a request, and returns its error."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    limits.patch()
    proxies.patch()
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)

    def ask(url: str = URL, bundle: str = "", **environ: str) -> str:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        call.bundle = bundle
        call.note_request("ecr", url)
        session = URLLib3Session(verify=bundle or True, timeout=(0.4, 0.4))  # type: ignore[arg-type]
        try:
            session.send(AWSRequest("GET", url, {}).prepare())
        except HelperError as exc:
            return str(exc)
        except BotoCoreError as exc:
            return str(explain(exc, call))
        finally:
            session.close()
        raise AssertionError

    return ask


def _status(line: str) -> Callable[[], Proxy]:
    return lambda: answer(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())


BY_ANSWER = {
    "407": (
        "http",
        _status("407 Proxy Authentication Required"),
        "asks for a user name and a password; write them into https_proxy, as http://user:pass",
    ),
    "407 after a login": (
        "http://me:hunter2@",
        _status("407 Proxy Authentication Required"),
        "refuses the user name and the password in https_proxy; correct them; of Basic,",
    ),
    "403": ("http", _status("403 Forbidden"), f"does not allow {TARGET}: HTTP 403; ask its owner"),
    "503": (
        "http",
        _status("503 Service Unavailable"),
        f"does not reach {TARGET}: HTTP 503; check the region in the registry's host name;",
    ),
    "405": (
        "http",
        _status("405 Method Not Allowed"),
        f"does not connect to {TARGET}: HTTP 405; correct https_proxy: it must name an HTTP proxy",
    ),
    "hangs": ("http", hang, "accepted the connection and did not answer; check https_proxy, the"),
    "closes": ("http", lambda: answer(b""), "does not answer like an HTTP proxy; correct https_"),
    "SOCKS": ("http", lambda: answer(b"\x05\xff"), "does not answer like an HTTP proxy; correct"),
    "TLS alert": (
        "http",
        lambda: answer(bytes.fromhex("15030300020232")),
        "speaks TLS; write https:// in https_proxy",
    ),
    "no TLS": (
        "https",
        _status("400 Bad Request"),
        "speaks no TLS; write http:// in place of https:// in https_proxy",
    ),
    "SOCKS hangs": ("socks5", hang, "does not answer; check https_proxy, the network"),
    "SOCKS closes": ("socks5", lambda: answer(b""), "does not answer like a SOCKS5 proxy; correct"),
    "no SOCKS": (
        "socks5",
        _status("400 Bad Request"),
        "does not answer like a SOCKS5 proxy; correct https_proxy: its port, and http://,",
    ),
    "SOCKS rules": (
        "socks5",
        lambda: answer(GREETING, b"\x05\x02\x00\x01" + bytes(6)),
        f"does not connect to {TARGET}: its rules do not allow it; ask its owner to allow",
    ),
    "SOCKS does not resolve": (
        "socks5",
        lambda: answer(GREETING, b"\x05\x04\x00\x01" + bytes(6)),
        f"does not connect to {TARGET}: the host is unreachable, or its name does not resolve; che",
    ),
    "SOCKS accepts nothing": (
        "socks5://me:hunter2@",
        lambda: answer(b"\x05\xff"),
        "accepts no login by user name and password; ask its owner how to log in: GSSAPI",
    ),
    "SOCKS login": (
        "socks5",
        lambda: answer(b"\x05\xff"),
        "asks for a user name and a password; write them into https_proxy, as socks5://user:",
    ),
}


@pytest.mark.parametrize("case", BY_ANSWER)
def test_what_the_proxy_answers(ask: Ask, case: str) -> None:
    """The proxy is named without its password, and the variable as it is set."""
    scheme, make, says = BY_ANSWER[case]
    scheme = scheme if "://" in scheme else f"{scheme}://"
    with make() as proxy:
        error = ask(https_proxy=f"{scheme}{proxy.place}")

    assert error.startswith(f"the proxy {scheme.partition('//')[0]}//{proxy.place} {says}")
    assert "hunter2" not in error


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_is_not_there(ask: Ask, scheme: str) -> None:
    """A name that does not resolve is not a proxy that is down."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = ask(HTTPS_PROXY=f"{scheme}://127.0.0.1:{port}")
    unknown = ask(HTTPS_PROXY=f"{scheme}://proxy.invalid:3128")

    assert refused.startswith(
        f"the proxy {scheme}://127.0.0.1:{port} refuses the connection; start it, or correct"
        " HTTPS_PROXY; NO_PROXY names the hosts"
    )
    assert unknown.startswith(
        f"the name of the proxy {scheme}://proxy.invalid:3128 does not resolve; check HTTPS_PROXY"
    )


def test_a_proxy_that_is_not_connected_to(ask: Ask) -> None:
    """A full queue of connections is a proxy that does not answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place = full.getsockname()
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(place)
            waiting.append(client)
        error = ask(HTTPS_PROXY=f"http://127.0.0.1:{place[1]}")
        for client in waiting:
            client.close()

    assert error.startswith(f"the proxy http://127.0.0.1:{place[1]} does not answer; check HTTPS_")


def test_a_proxy_whose_certificate_is_not_trusted(ask: Ask, machine: Machine) -> None:
    """It is the proxy's, and not that of AWS."""
    other = str(Authority().write_bundle(machine.root / "other.pem"))
    with WebServer(machine.aws.handle, authority=machine.authority, tls=True) as server:
        error = ask(bundle=other, HTTPS_PROXY=f"https://localhost:{server.port}")

    assert error.startswith(
        f"the TLS certificate of the proxy https://localhost:{server.port} is not trusted: "
    )
    assert "; set AWS_CA_BUNDLE to a PEM file with the CA that signed it" in error
    assert error.endswith("; or correct HTTPS_PROXY")


@pytest.fixture(name="dead")
def _dead() -> Iterator[str]:
    """A server that hangs up."""
    with answer(b"") as server:
        yield server.place


@pytest.mark.parametrize("other", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
def test_a_proxy_that_is_not_used_is_named(ask: Ask, other: str) -> None:
    """Docker uses neither of these for https."""
    error = ask("https://ecr.invalid", **{other: "http://127.0.0.1:9"})

    assert error.startswith(
        "the name of https://ecr.invalid does not resolve; set HTTPS_PROXY, too: Docker and this"
        f" program do not use {other} for https; otherwise check the region"
    )


def test_without_a_proxy(ask: Ask, dead: str) -> None:
    """For this machine, no proxy is missing."""
    error = ask(f"http://{dead}", ALL_PROXY="http://127.0.0.1:9")

    assert error == (
        f"http://{dead} closed the connection; check the network, VPN, firewall and HTTP_PROXY"
    )


def test_behind_the_proxy(ask: Ask) -> None:
    """What fails behind the proxy is not the proxy."""
    with answer(b"HTTP/1.1 200 OK\r\n\r\n", b"") as proxy:
        error = ask(HTTPS_PROXY=f"http://{proxy.place}")

    assert error.startswith(f"no TLS connection to {URL}: it closes the connection; a firewall")


def test_a_host_that_closes_behind_the_proxy(ask: Ask, machine: Machine) -> None:
    """It has accepted the tunnel and TLS: the proxy has done its part."""

    def hang_up(_: Request) -> Response:
        raise Hangup

    bundle = str(machine.authority.write_bundle(machine.root / "bundle.pem"))
    with WebServer(hang_up, authority=machine.authority) as server:
        error = ask(bundle=bundle, HTTPS_PROXY=server.url)

    assert error == (
        f"{TARGET} closed the connection; check the network, VPN, firewall and the proxy"
        f" {server.url} in HTTPS_PROXY"
    )


@pytest.mark.parametrize(
    ("days", "clock", "seen"),
    [
        ((-30, -1), -2, "this machine's clock is 2 days ahead of that of {where}, so its TLS"),
        ((1, 9), 2, "this machine's clock is 2 days behind that of {where}, so its TLS"),
        ((-30, -1), 0, "the TLS certificate of {where} expired at 20"),
    ],
)
def test_the_time_of_a_proxy(
    ask: Ask, machine: Machine, days: tuple[int, int], clock: int, seen: str
) -> None:
    """Its own clock says whether this machine's is wrong, or its certificate has to be renewed."""
    authority = Authority(days[0] * DAY, days[1] * DAY)
    bundle = str(authority.write_bundle(machine.root / "other.pem"))
    machine.aws.clock_offset = clock * (DAY + 30)  # it goes on meanwhile
    with WebServer(machine.aws.handle, authority=authority, tls=True) as server:
        proxy = f"https://localhost:{server.port}"
        error = ask(bundle=bundle, HTTPS_PROXY=proxy)

    assert error.startswith(seen.format(where=f"the proxy {proxy}"))
    assert ("; set the clock" if clock else "; ask its owner") in error


def test_a_proxy_of_another_name(ask: Ask, machine: Machine) -> None:
    """The name is to be corrected; no CA helps."""
    bundle = str(machine.authority.write_bundle(machine.root / "bundle.pem"))
    with WebServer(machine.aws.handle, authority=machine.authority, tls=True) as server:
        error = ask(bundle=bundle, HTTPS_PROXY=f"https://127.0.0.1:{server.port}")

    assert "is for another name: " in error
    assert error.endswith("; write the name that it is for in HTTPS_PROXY")
