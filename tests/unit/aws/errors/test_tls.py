"""Errors of TLS: certificates, this machine's clock, and servers without TLS."""

import re
import ssl
from typing import Any

import pytest
from botocore.exceptions import SSLError

from docker_credential_ecrpy.aws.errors import tls
from docker_credential_ecrpy.aws.sdk.transport import peer
from tests.world.machine import Machine
from tests.world.proxies import answer
from tests.world.web import Authority, Request, Response, WebServer

DAY = 86400
WHERE = "https://api.ecr.us-east-1.amazonaws.com"


def _get(machine: Machine, authority: Authority, bundle: str = "") -> str:
    """Return the error of a `get` from an AWS with the certificates of an authority."""
    machine.login()
    path = bundle or str(authority.write_bundle(machine.root / "own.pem"))
    with WebServer(machine.aws.handle, authority=authority) as server:
        return machine.get(HTTPS_PROXY=server.url, AWS_CA_BUNDLE=path).error


@pytest.mark.parametrize(
    ("starts", "ends", "offset", "seen"),
    [
        (
            -30 * DAY,
            -DAY,
            -2 * DAY,
            "2 days ahead of that of {where}, so its TLS certificate counts as expired",
        ),
        (
            3600,
            DAY,
            7230,
            "2 h 0 min behind that of {where}, so its TLS certificate counts as not valid yet",
        ),
    ],
)
def test_a_wrong_clock(
    machine: Machine, starts: float, ends: float, offset: float, seen: str
) -> None:
    """The server's clock differs, and by it the certificate is valid: set this machine's."""
    machine.aws.clock_offset = offset
    error = _get(machine, Authority(starts, ends))

    assert error.startswith(f"this machine's clock is {seen.format(where=WHERE)}; set the clock")
    assert "AWS_CA_BUNDLE" not in error
    assert machine.aws.count()["ecr"] == 0


def test_a_server_that_closes_by_its_answer(machine: Machine) -> None:
    """Its certificate is known all the same: the CA has expired."""

    def close(request: Request) -> Response:
        answer = machine.aws.handle(request)
        answer.headers["Connection"] = "close"
        return answer

    path = machine.authority.write_expired_bundle(machine.root / "old.pem")
    machine.login()
    with WebServer(close, authority=machine.authority) as server:
        error = machine.get(HTTPS_PROXY=server.url, AWS_CA_BUNDLE=str(path)).error

    assert error.startswith(f"a CA certificate that signed the TLS certificate of {WHERE} has exp")


@pytest.mark.parametrize(
    ("starts", "ends", "offset", "seen"),
    [
        (-30 * DAY, -DAY, 0, r"expired at 20\d\d-.*Z"),
        (-30 * DAY, -DAY, 7200, r"expired at 20\d\d-.*Z"),
        (3600, DAY, 0, "is not valid yet"),
    ],
)
def test_a_right_clock(
    machine: Machine, starts: float, ends: float, offset: float, seen: str
) -> None:
    """The server's clock agrees: its certificate has to be replaced."""
    machine.aws.clock_offset = offset
    said, _, cure = _get(machine, Authority(starts, ends)).partition("; ")

    assert re.fullmatch(
        rf"the TLS certificate of {WHERE} {seen}, and this machine's clock is right", said
    )
    assert cure.startswith(
        "ask its owner, or that of your company's proxy in front of it, for a new"
    )


def test_an_expired_authority(machine: Machine) -> None:
    """The server's own certificate is valid: its CA in the bundle has to be replaced."""
    path = machine.authority.write_expired_bundle(machine.root / "old.pem")
    error = _get(machine, machine.authority, str(path))

    assert error == (
        f"a CA certificate that signed the TLS certificate of {WHERE} has expired, and this"
        f" machine's clock is right; replace it in {path}, or ask the owner of {WHERE}"
    )


@pytest.mark.parametrize(
    ("starts", "ends", "seen", "cure"),
    [
        (-30 * DAY, -DAY, "has expired", "; if that is right, ask its owner"),
        (3600, DAY, "is not valid yet", ""),
    ],
)
def test_without_another_clock(
    machine: Machine, starts: float, ends: float, seen: str, cure: str
) -> None:
    """The answer has no date: this machine's time is shown, and setting it is the first cure."""
    authority = Authority(starts, ends)
    with WebServer(lambda _: Response(), authority=authority) as server:
        machine.login()
        bundle = str(authority.write_bundle(machine.root / "own.pem"))
        error = machine.get(HTTPS_PROXY=server.url, AWS_CA_BUNDLE=bundle).error

    assert f"{seen} by this machine's clock, which says 20" in error
    assert "Z; set the clock, in a virtual machine too" in error
    assert cure in error


def test_the_request_for_the_time_has_no_secret(machine: Machine) -> None:
    """It is unsigned, trusts no other certificates, and its failure leaves no time."""
    asked: list[Request] = []

    def handle(request: Request) -> Response:
        asked.append(request)
        return Response(headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"})

    authority = Authority(-30 * DAY, -DAY)
    bundle = str(authority.write_bundle(machine.root / "own.pem"))
    other = str(Authority().write_bundle(machine.root / "other.pem"))
    with WebServer(handle, authority=authority, tls=True) as server:
        url = f"https://localhost:{server.port}/"
        date, until = peer.ask_time(url, bundle)
        assert peer.ask_time(url, other) == (None, None)

    assert date == 1767225600
    assert until is not None
    (one,) = asked
    assert {name.lower() for name in one.headers} <= {"host", "accept-encoding", "user-agent"}
    assert peer.ask_time(url, bundle) == (None, None)


def test_a_proxy_that_intercepts_tls(machine: Machine) -> None:
    """The variable that names the certificates in use is named, since it may be left over."""
    other = str(Authority().write_bundle(machine.root / "other.pem"))
    machine.login()
    machine.environ.pop("AWS_CA_BUNDLE")
    error = machine.get(SSL_CERT_FILE=other).error

    assert error.startswith(f"the TLS certificate of {WHERE} is not trusted: unable to get local")
    assert "; add the CA that signed it, such as that of your company's proxy" in error
    whose = (
        f"to {other}, which SSL_CERT_FILE names; or, if that is left over, run: unset SSL_CERT_FILE"
    )
    assert error.endswith(whose)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)",
            ": it answers without TLS; ",
        ),
        ("[SSL] record layer failure (_ssl.c:1)", ": it answers without TLS; check the endpoint's"),
        (
            "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert (_ssl.c:1)",
            "; it needs TLS 1.2 or later",
        ),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] x (_ssl.c:1)", "; it needs TLS 1.2 or later"),
        ("[SSL: ODD] odd (_ssl.c:1)", "[SSL: ODD] odd (_ssl.c:1); check the endpoint's URL"),
    ],
)
def test_other_failures(reason: str, says: str) -> None:
    """A server without TLS, an old one, and an unknown failure."""
    error = ssl.SSLError(1, reason)
    call: Any = type("Call", (), {"bundle": ""})
    found = str(tls.explain_tls(SSLError(endpoint_url=WHERE, error=error), [error], WHERE, call))

    assert found.startswith(f"no TLS connection to {WHERE}: ")
    assert says in found


def test_a_server_that_closes(machine: Machine) -> None:
    """A firewall often closes the connection when TLS begins."""
    machine.login()
    with answer(b"") as server:
        error = machine.get(AWS_ENDPOINT_URL=f"https://{server.place}").error

    assert error.startswith(
        f"no TLS connection to https://{server.place}: it closes the connection;"
    )
