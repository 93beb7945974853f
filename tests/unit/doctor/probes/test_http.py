"""Facts about registries that cannot be reached: certificates, proxies, connections, timeouts."""

import time

import pytest

from docker_credential_ecrpy.aws.deadline import within
from docker_credential_ecrpy.doctor.probes import pull
from docker_credential_ecrpy.errors import DeadlineExceeded
from tests.world.late_calls import silence
from tests.world.machine import HOST
from tests.world.pull_host import STEPS, PullHost, list_steps
from tests.world.web import Authority, Hangup, Request, Response, WebServer

pytestmark = pytest.mark.in_process


def test_untrusted(pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is the cause, and AWS_CA_BUNDLE the fix."""
    bundle = Authority().write_bundle(pull_host.machine.root / "other.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    error = pull_host.fails()

    assert f"the TLS certificate of https://{HOST} is not trusted: " in error
    assert "AWS_CA_BUNDLE" in error
    assert pull_host.requests == []


def test_trust_is_also_requests_own_setting(
    pull_host: PullHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE counts, as for botocore."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", pull_host.machine.environ["AWS_CA_BUNDLE"])
    monkeypatch.delenv("AWS_CA_BUNDLE")

    assert list_steps(pull_host.trace(login=pull_host.token())) == STEPS


def test_the_proxy_is_not_there(pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, without its password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9")
    error = pull_host.fails()

    assert error.startswith("the proxy http://127.0.0.1:9 refuses the connection; ")
    assert "hunter2" not in error + repr(pull_host.log)


def test_it_refuses(pull_host: PullHost) -> None:
    """A refused connection is an error that names the address."""
    error = pull_host.fails(host="127.0.0.1:9")

    assert error.startswith("https://127.0.0.1:9 refuses the connection; ")


def test_it_is_asked_directly(pull_host: PullHost) -> None:
    """NO_PROXY is respected, and a port is part of the address."""
    pull_host.front.aliases["localhost"] = HOST
    with WebServer(pull_host.handle, authority=pull_host.machine.authority, tls=True) as server:
        host = f"localhost:{server.port}"
        assert list_steps(pull_host.trace(login=pull_host.token(), host=host)) == STEPS

        def hang_up(_: Request) -> Response:
            raise Hangup

        pull_host.instead = hang_up
        del pull_host.requests[:]
        assert f"https://{host} closed the connection; " in pull_host.fails(host)
    assert len(pull_host.requests) == 1


def test_it_does_not_answer(pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes when the time for reading is over."""
    monkeypatch.setattr(pull, "READ_SECONDS", 0.3)
    pull_host.instead = lambda _: time.sleep(2)
    error = pull_host.fails()

    assert error.startswith(f"https://{HOST} accepted the request and did not answer it; ")


def test_it_stops_in_the_middle(pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is shorter than announced is an error."""
    monkeypatch.setattr(pull, "READ_SECONDS", 0.3)
    pull_host.instead = lambda _: Response(200, b"{", {"Content-Length": "2"})

    assert f"https://{HOST} accepted the request and did not answer it; " in pull_host.fails()


def test_a_deadline_names_who_is_waited_for(pull_host: PullHost) -> None:
    """The error names the registry."""
    expected = pytest.raises(
        DeadlineExceeded, match=f"no answer from the registry at https://{HOST}"
    )
    with silence() as pull_host.instead, expected:
        within(3, lambda watch: pull_host.trace(login=pull_host.token(), watch=watch))
