"""A registry front that answers as ECR does, before a real docker-registry.

Private hosts take Basic authentication with a token that the loopback AWS issued for the host's
region, and say what ECR says otherwise. ECR Public gives anonymous pull tokens of its own.
"""

import base64
import http.client
import json
import secrets
import time

from tests.world.aws import EXPIRED_TEXT, Aws
from tests.world.web import Request, Response

_PASSED_ON = (
    "Accept",
    "Content-Type",
    "Content-Range",
    "Range",
    "If-None-Match",
    "User-Agent",
    "Docker-Content-Digest",
)
_NOT_PASSED_BACK = ("connection", "transfer-encoding", "content-length", "date")
PUBLIC = "public.ecr.aws"


class RegistryFront:
    """Checks tokens, and hands what it lets through to the registry at `backend` (host, port)."""

    def __init__(self, aws: Aws, backend: tuple[str, int]) -> None:
        self.aws = aws
        self._backend = backend
        self._bearers: dict[str, bool] = {}
        self.anonymous_tokens = 0
        self.readers: dict[str, set[str]] = {}
        """Host -> the ARNs that may read there; where there is none, everybody may."""
        self.aliases: dict[str, str] = {}
        """Private name -> the host of the registry behind it."""
        self.logins: dict[str, tuple[str, str]] = {}
        """Host that is not ECR's -> the user name and password that it wants."""

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.host in self.logins:
            return self._check_login(request) or self._pass_on(request)
        check = self._check_public if request.host == PUBLIC else self._check
        answer = check(request) or self._pass_on(request)
        answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return answer

    def _check(self, request: Request) -> Response | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            realm = f'Basic realm="https://{request.host}/",service="ecr.amazonaws.com"'
            return Response(401, b"Not Authorized\n", {"Www-Authenticate": realm})
        host = self.aliases.get(request.host, request.host)
        if not self._good(value, "ecr", _region(host)):
            return _denied(403, EXPIRED_TEXT)
        reader = self.aws.issued[base64.b64decode(value).decode().partition(":")[2]].arn
        if host in self.readers and reader not in self.readers[host]:
            return _denied(403, f"User: {reader} is not authorized to perform: ecr:BatchGetImage")
        return None

    def _check_login(self, request: Request) -> Response | None:
        wanted = base64.b64encode(":".join(self.logins[request.host]).encode()).decode()
        if request.headers.get("Authorization", "") == f"Basic {wanted}":
            return None
        realm = f'Basic realm="{request.host}"'
        return Response(401, b"Not Authorized\n", {"Www-Authenticate": realm})

    def _good(self, basic: str, service: str, region: str) -> bool:
        username, _, password = base64.b64decode(basic).decode().partition(":")
        issued = self.aws.issued.get(password)
        return (
            issued is not None
            and username == "AWS"
            and issued.service == service
            and issued.region == region
            and time.time() < issued.expires
        )

    def _check_public(self, request: Request) -> Response | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if request.path == "/token/":
            if scheme == "Basic" and not self._good(value, "ecr-public", "us-east-1"):
                return _denied(403, "Your Authorization Token is invalid.")
            self.anonymous_tokens += scheme != "Basic"
            token = secrets.token_urlsafe(30)
            self._bearers[token] = scheme == "Basic"
            return Response(200, json.dumps({"token": token}).encode())
        if scheme == "Bearer" and value in self._bearers:
            if request.method in ("GET", "HEAD") or self._bearers[value]:
                return None
            return _denied(403, "anonymous users may only pull")
        realm = f'Bearer realm="https://{PUBLIC}/token/",service="{PUBLIC}",scope="aws"'
        return Response(401, b"Not Authorized\n", {"Www-Authenticate": realm})

    def _pass_on(self, request: Request) -> Response:
        headers = {
            name: ", ".join(values)
            for name in _PASSED_ON
            if (values := request.headers.get_all(name)) is not None
        }
        headers |= {"Host": request.host, "X-Forwarded-Proto": "https"}
        connection = http.client.HTTPConnection(*self._backend, timeout=60)
        try:
            connection.request(request.method, request.target, request.body or None, headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _NOT_PASSED_BACK}
            if request.method == "HEAD" and (length := answer.getheader("Content-Length")):
                kept["Content-Length"] = length
            return Response(answer.status, body, kept)
        finally:
            connection.close()


def _region(host: str) -> str:
    labels = host.split(".")
    return labels[3] if labels[1] == "dkr" else labels[2]


def _denied(status: int, message: str) -> Response:
    body = {"errors": [{"code": "DENIED", "message": message}]}
    return Response(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
