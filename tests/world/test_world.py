"""Facts about the loopback world itself: it refuses what AWS refuses."""

import base64
import json
import socket
from collections.abc import Iterator
from email.message import Message
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.world.aws import EXPIRED_TEXT, Aws, Keys
from tests.world.registry import RegistryFront
from tests.world.web import Request, Response, WebServer, YouForgotTheLoopback

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(name="url")
def _url(aws: Aws) -> Iterator[str]:
    with WebServer(aws.handle) as server:
        yield server.url


def _ask(url: str, keys: Keys, service: str = "ecr", region: str = "us-east-1", **how: Any) -> None:
    session = botocore.session.Session()
    session.set_credentials(keys.access_key, keys.secret_key, keys.session_token or None)
    client: Any = session.create_client(service, region_name=region, endpoint_url=url)
    client.get_authorization_token(**how)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret_key": "x" * 40}, "InvalidSignatureException"),
        ({"access_key": "AKIAUNKNOWN"}, "UnrecognizedClientException"),
        ({"session_token": "another"}, "UnrecognizedClientException"),
    ],
)
def test_a_wrong_signature_is_refused(
    url: str, aws: Aws, change: dict[str, str], code: str
) -> None:
    """Another secret, an unknown key and another session token are refused."""
    keys = aws.session(aws.role().arn)
    _ask(url, keys)

    with pytest.raises(ClientError, match=code):
        _ask(url, Keys(**{**keys.__dict__, **change}))


def test_old_keys_and_deprecated_arguments_are_refused(url: str, aws: Aws) -> None:
    """So are expired sessions, registryIds, and ECR Public outside us-east-1."""
    with pytest.raises(ClientError, match="ExpiredToken"):
        _ask(url, aws.session(aws.role().arn, life=-1))
    with pytest.raises(ClientError, match="deprecated"):
        _ask(url, aws.user(), registryIds=["123456789012"])
    with pytest.raises(ClientError, match="us-east-1"):
        _ask(url, aws.user(), "ecr-public", "us-west-2")


def test_tokens_are_shaped_like_ecrs(aws: Aws) -> None:
    """A token is base64 of a JSON object with an expiration."""
    fields = json.loads(base64.b64decode(aws.password("arn", "us-east-1")))

    assert set(fields) == {"payload", "datakey", "version", "type", "expiration"}


class TestRegistryFront:
    """The front accepts what ECR accepts."""

    @pytest.fixture(name="front")
    def _front(self, aws: Aws) -> Iterator[RegistryFront]:
        with WebServer(lambda request: Response(200, request.path.encode())) as backend:
            yield RegistryFront(aws, (str(backend.address), backend.port))

    def _get(self, front: RegistryFront, password: str | None, host: str = HOST) -> Response:
        headers = Message()
        if password is not None:
            headers["Authorization"] = (
                "Basic " + base64.b64encode(f"AWS:{password}".encode()).decode()
            )
        return front.handle(Request("GET", host, "/v2/", headers, b""))

    def test_a_token_of_this_region_passes(self, front: RegistryFront, aws: Aws) -> None:
        """The token may belong to any account."""
        password = aws.password("arn", "us-east-1")

        assert self._get(front, password).status == 200
        assert self._get(front, password, "2" + HOST[1:]).status == 200

    def test_no_token_is_401(self, front: RegistryFront) -> None:
        """The answer has the challenge that makes a client send a token."""
        answer = self._get(front, None)

        assert answer.status == 401
        assert "Basic" in answer.headers["Www-Authenticate"]

    @pytest.mark.parametrize("why", ["expired", "region", "service", "unknown"])
    def test_any_other_token_is_403(self, front: RegistryFront, aws: Aws, why: str) -> None:
        """The answer has ECR's own text."""
        password = {
            "expired": aws.password("arn", "us-east-1", life=-1),
            "region": aws.password("arn", "eu-west-1"),
            "service": aws.password("arn", "us-east-1", "ecr-public"),
            "unknown": "x",
        }[why]
        answer = self._get(front, password)

        assert answer.status == 403
        assert EXPIRED_TEXT in answer.body.decode()


def test_the_network_is_closed() -> None:
    """The fixture that closes the network works."""
    with socket.socket() as probe, pytest.raises(YouForgotTheLoopback):
        probe.connect(("192.0.2.1", 80))
