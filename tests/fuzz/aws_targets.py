"""Hostile answers from ECR, ECR Public and STS, and from a profile's `credential_process`.

The real SDK parses them. `wire` sends them through a socket; the others use a handler of the SDK's
event before a request is sent.
"""

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache
from typing import Any, cast

import botocore.session
import botocore.tokens
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.credentials import CachedCredentialFetcher, RefreshableCredentials
from botocore.utils import JSONFileCache

from docker_credential_ecrpy.aws import ecr, profiles, session
from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.credentials import assume_role, resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk import patches as sdk_patches
from docker_credential_ecrpy.aws.sdk.sessions import caches
from docker_credential_ecrpy.aws.session import aws_call, prepare_session
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol, registry
from docker_credential_ecrpy.settings.rules import Choice, Role
from docker_credential_ecrpy.tokens.token import Token
from tests.fuzz.sandbox import Sandbox, check_error, check_form
from tests.world.machine import HOST, Result

GOOD = (
    b"200\nContent-Type: application/x-amz-json-1.1\n\n"
    b'{"authorizationData":[{"authorizationToken":"QVdTOnNlY3JldA==","expiresAt":1.9e9}]}'
)
ROLE = "arn:aws:iam::123456789012:role/puller"
_KEYS = "aws_access_key_id = AKIA0123456789012345\naws_secret_access_key = made-up\n"
_CONFIG = f"[default]\n{_KEYS}[profile printed]\ncredential_process = printer\n"
_KEPT_SESSION = ".aws/cli/cache/x.json"
_MOST = 64 * 1024


class Printed:
    """A program that has ended."""

    def __init__(self, stdout: bytes, stderr: bytes, returncode: int) -> None:
        self.printed = stdout, stderr
        self.returncode = returncode

    def communicate(self) -> tuple[bytes, bytes]:
        return self.printed


class Printer(Watch):
    """Starts no program: the output is there at once."""

    program = Printed(b"", b"", 0)

    def start(self, _command: Sequence[str]) -> Any:
        return self.program


class Caller:
    """The SDK, prepared once to call a registry; each call gets another answer."""

    def __init__(self, host: str, profile: str = "", endpoint_url: str = "") -> None:
        found = registry.parse(host)
        assert found
        self.choice = Choice(found, profile=profile, endpoint_url=endpoint_url)
        self.watch = Printer()
        self.answer = b""
        self.sandbox = Sandbox({".aws/config": _CONFIG.encode()})
        self._clients: dict[str, Any] = {}
        self._hooks: list[tuple[Any, str, Any]] = []
        self.core: Any
        with self.sandbox.entered():
            self.core = profiles.make_botocore_session(profile)
            attempts, session.ATTEMPTS = (
                session.ATTEMPTS,
                1,
            )  # every attempt gets the same answer
            try:
                call = CallContext(self.choice, self.core, self.watch, _quiet)
                prepare_session(call)
            finally:
                session.ATTEMPTS = attempts
            self._make = self.core.create_client
            self.core.create_client = self._client
            if not endpoint_url:
                emitter = self.core.get_component("event_emitter")
                emitter.register_last("before-send", self._respond)

    def _client(self, name: str, **options: Any) -> Any:
        if name not in self._clients:
            made: Any = self._make(name, **options)
            self._clients[name] = made
            register = made.meta.events.register

            def remember(event: str, handler: Any) -> None:
                register(event, handler)
                self._hooks.append((made, event, handler))

            made.meta.events.register = remember
        return self._clients[name]

    def _respond(self, request: Any, **_others: Any) -> Any:
        head, _blank, body = self.answer.partition(b"\n\n")
        first, *lines = str(head, "latin-1").split("\n")
        status = int(first) if first.isdecimal() and first.isascii() and len(first) == 3 else 200
        headers = urllib3.HTTPHeaderDict()
        for line in lines:
            name, _separator, value = line.partition(": ")
            headers.add(name, value)
        response: Any = AWSResponse(request.url, status, cast("Any", headers), None)
        response._content = body  # as after a read
        return response

    def ask(self, ask: Callable[[CallContext], Token | int | None]) -> Token | int | None:
        """Return the result of a call; None if it fails with an error for users."""
        make = profiles.make_botocore_session

        def session(profile: str = "") -> botocore.session.Session:
            core: botocore.session.Session = self.core
            return core

        profiles.make_botocore_session = session
        try:
            with aws_call(self.choice, self.watch, _quiet) as call:
                return ask(call)
        except HelperError as exc:
            check_error(exc)
            return None
        finally:
            profiles.make_botocore_session = make
            for client, event, handler in self._hooks:
                client.meta.events.unregister(event, handler)
            self._hooks.clear()

    def authorize(self, call: CallContext) -> Token:
        return ecr._authorize(call, None)


@cache
def _caller(host: str, profile: str = "") -> Caller:
    return Caller(host, profile)


def _check_token(token: object) -> None:
    assert isinstance(token, Token)
    now = time.time_ns()
    reply = protocol.GetRequest(HOST.encode()).reply(token.entry(now), now)
    check_form("get", Result(0, reply, b""))
    found = json.loads(reply)
    assert (found["Username"], found["Secret"]) == (token.username, token.password)


def _authorization(data: bytes, host: str) -> None:
    caller = _caller(host)
    caller.answer = data
    with caller.sandbox.entered():
        token = caller.ask(caller.authorize)
    if token is None:
        return
    _check_token(token)
    assert isinstance(token, Token)
    sent = json.loads(data.partition(b"\n\n")[2])["authorizationData"]
    sent = sent[0] if isinstance(sent, list) else sent
    login = base64.b64decode(sent["authorizationToken"]).decode()
    assert login == f"{token.username}:{token.password}"


def ecr_private(data: bytes) -> None:
    """ECR's answer gives the token that it has, or an error for users."""
    _authorization(data, HOST)


def ecr_public(data: bytes) -> None:
    """ECR Public's answer gives the token that it has, or an error for users."""
    _authorization(data, "public.ecr.aws")


def sts(data: bytes) -> None:
    """STS's answer gives a role's credentials with their expiry, or an error for users."""
    caller = _caller(HOST)
    caller.answer = data
    with caller.sandbox.entered():
        end = caller.ask(lambda call: assume_role(Role(ROLE), call))
    assert end is None or isinstance(end, int)


def _quiet(_: str) -> None:
    pass


def credential_process(data: bytes) -> None:
    """The output gives usable credentials, or an error for users; so does a failed program."""
    caller = _caller(HOST, "printed")
    caller.answer = GOOD

    def ask(call: CallContext) -> Token:
        caller.core._credentials = None
        end = resolve_credentials(call)
        client, _ = ecr.make_ecr_client(call)
        client._request_signer._credentials = caller.core.get_credentials()
        return ecr._authorize(call, end)

    with caller.sandbox.entered():
        for failed in (False, True):
            printed = (b"", data) if failed else (data, b"")
            caller.watch.program = Printed(*printed, int(failed))
            token = caller.ask(ask)
            if token is not None:
                assert not failed
                _check_token(token)


class _Fetcher(CachedCredentialFetcher):
    """Looks for a session in the cache, and makes a new one if there is none."""

    def _create_cache_key(self) -> str:
        return "x"

    def _get_credentials(self) -> dict[str, Any]:
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return {"Credentials": dict.fromkeys(names, "new") | {"Expiration": "2100-01-01T00:00:00Z"}}


def aws_cache(data: bytes) -> None:
    """A file of the AWS CLI's caches has usable content, or counts as missing."""
    sandbox = _caller(HOST).sandbox
    with sandbox.entered():
        sdk_patches.patch_process()
        folder = os.path.dirname(sandbox.path(_KEPT_SESSION))
        os.makedirs(folder, 0o700, exist_ok=True)
        with open(sandbox.path(_KEPT_SESSION), "wb") as stream:
            stream.write(data)
        kept: Any = JSONFileCache(folder)
        if "x" in kept:  # botocore's lookup of a session, and what it computes with its expiry
            login = "dpopKey" in kept["x"]
            expiry = (kept["x"]["accessToken"] if login else kept["x"])["expiresAt"]
            tokens: Any = botocore.tokens
            assert tokens.dateutil.parser.parse(expiry) - datetime.now(timezone.utc)
        found = RefreshableCredentials.create_from_metadata(
            _Fetcher(cache=caches.CliCache()).fetch_credentials(),
            refresh_using=dict,
            method="assume-role",
        )
        assert all(isinstance(key, str) for key in found.get_frozen_credentials()[:3])


# --- a real socket ------------------------------------------------------------------------------


class Echo:
    """A server that answers each request with the same bytes and closes the connection."""

    def __init__(self) -> None:
        self.answer = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client:
                try:
                    _read_request(client)
                    client.sendall(self.answer)
                    client.shutdown(socket.SHUT_WR)
                    client.settimeout(5)
                    while client.recv(_MOST):
                        pass
                except OSError:
                    pass  # the client closed the connection first


def _read_request(client: socket.socket) -> None:
    client.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(_MOST)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"),
        0,
    )
    while len(body) < length:
        body += client.recv(_MOST)


@cache
def _on_the_wire() -> tuple[Echo, Caller]:
    echo = Echo()
    return echo, Caller(HOST, endpoint_url=echo.url)


def wire(data: bytes) -> None:
    """Any bytes from a connection give a token, or an error for users."""
    echo, caller = _on_the_wire()
    echo.answer = data
    with caller.sandbox.entered():
        token = caller.ask(caller.authorize)
    if token is not None:
        _check_token(token)
