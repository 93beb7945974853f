"""A registry front that answers as ECR does, before a real docker-registry or a small one here.

Private hosts take Basic authentication with a token that the loopback AWS issued for the host's
region, and refuse others with ECR's texts. ECR Public issues its own anonymous pull tokens.
"""

import base64
import hashlib
import http.client
import json
import secrets
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import replace

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
LAYERS = "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com"
LAYERS_EU = "prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com"
LAYERS_PUBLIC = "d5l0dvt14r5h8.cloudfront.net"
LAYERS_UPSTREAM = "production.cloudflare.docker.com"
STORAGE = (LAYERS, LAYERS_EU, LAYERS_PUBLIC, LAYERS_UPSTREAM)
"""The hosts of the layers' storage."""
_ACTIONS = {
    ("GET", "manifests"): "ecr:BatchGetImage",
    ("HEAD", "manifests"): "ecr:BatchGetImage",
    ("HEAD", "blobs"): "ecr:BatchCheckLayerAvailability",
    ("GET", "blobs"): "ecr:GetDownloadUrlForLayer",
    ("GET", "tags"): "ecr:ListImages",
}
_IMPORT = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage")


class SmallRegistry:
    """A registry in memory that serves pulls of the images that tests add."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, str]] = {}
        """Repository -> tag -> digest."""
        self.manifests: dict[str, tuple[str, bytes]] = {}
        """Digest -> media type and bytes."""
        self.blobs: dict[str, bytes] = {}
        self.page = 1000
        """The maximum number of tags on one page."""

    def image(self, repository: str, tag: str, seed: str = "", platform: str = "") -> str:
        """Add an image of one config and one layer; return its digest. Docker's schema 2."""
        system, _, machine = platform.partition("/")
        named = {"os": system, "architecture": machine} if platform else {}
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        layer = self._blob(f"layer of {repository}:{tag} {seed}".encode())
        kind_of_config = "application/vnd.docker.container.image.v1+json"
        config = self._blob(json.dumps({"rootfs": {}, **named}).encode()) | {
            "mediaType": kind_of_config
        }
        digest = self._manifest(kind, {"config": config, "layers": [layer]})
        self.repositories.setdefault(repository, {})[tag] = digest
        return digest

    def index(self, repository: str, tag: str, platforms: Sequence[str]) -> dict[str, str]:
        """Add an OCI index; return the digest of each platform's ("os/architecture")."""
        digests, entries = {}, []
        for name in platforms:
            digests[name] = self.image(repository, f"{tag}-{name.replace('/', '-')}", name)
            system, _, machine = name.partition("/")
            kind, body = self.manifests[digests[name]]
            entries.append(
                {
                    "mediaType": kind,
                    "digest": digests[name],
                    "size": len(body),
                    "platform": {"os": system, "architecture": machine},
                }
            )
        found = self._manifest("application/vnd.oci.image.index.v1+json", {"manifests": entries})
        self.repositories[repository][tag] = found
        return digests

    def handle(self, request: Request) -> Response:
        """Answer one request of a pull."""
        if request.path == "/v2/":
            return Response(200, b"{}", {"Content-Type": "application/json"})
        repository, kind, name = _parts(request)
        if repository not in self.repositories:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        if kind == "manifests":
            return self._get_manifest(request, repository, name)
        if kind == "blobs":
            return self._get_blob(request, name)
        return self._list(request, repository)

    def _get_manifest(self, request: Request, repository: str, name: str) -> Response:
        digest = self.repositories[repository].get(name, name)
        kind, body = self.manifests.get(digest, ("", b""))
        if kind not in request.headers.get("Accept", "").split(", "):
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Response(200, body, {"Content-Type": kind, "Docker-Content-Digest": digest})

    def _get_blob(self, request: Request, digest: str) -> Response:
        if digest not in self.blobs:
            return _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        body = self.blobs[digest]
        if request.method == "HEAD":
            return Response(200, b"", {"Content-Length": str(len(body))})
        if request.headers.get("Range") == "bytes=0-0":
            return Response(206, body[:1], {"Content-Range": f"bytes 0-0/{len(body)}"})
        return Response(200, body)

    def _list(self, request: Request, repository: str) -> Response:
        query = urllib.parse.parse_qs(request.target.partition("?")[2])
        last = query.get("last", [""])[0]
        most = min(self.page, int(query.get("n", ["100"])[0]))
        tags = [tag for tag in sorted(self.repositories[repository]) if tag > last]
        body = json.dumps({"name": repository, "tags": tags[:most]}).encode()
        more = urllib.parse.urlencode({"n": most, "last": tags[:most][-1]}) if tags[most:] else ""
        return Response(200, body, {"Link": f'<{request.path}?{more}>; rel="next"'} if more else {})

    def _blob(self, body: bytes) -> dict[str, object]:
        digest = _digest(body)
        self.blobs[digest] = body
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(body)}

    def _manifest(self, kind: str, fields: dict[str, object]) -> str:
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, **fields}).encode()
        self.manifests[_digest(body)] = (kind, body)
        return _digest(body)


class RegistryFront:
    """Checks tokens and permissions, and passes allowed requests to the registry behind it.

    backend: a registry's host and port, or one in memory.
    """

    def __init__(self, aws: Aws, backend: tuple[str, int] | SmallRegistry) -> None:
        self.aws = aws
        self._backend = backend
        self._bearers: dict[str, bool] = {}
        self.anonymous_tokens = 0
        self.readers: dict[str, set[str]] = {}
        """Host -> the ARNs that may read there; a missing host is open to all."""
        self.aliases: dict[str, str] = {}
        """Private name -> the host of the registry behind it."""
        self.logins: dict[str, tuple[str, str]] = {}
        """A host that is not ECR's -> its user name and password."""
        self.denied: dict[str, set[tuple[str, str]]] = {}
        """Host -> pairs of ARN and action that its policies deny."""
        self.pull_through: set[str] = set()
        """Prefixes of repositories that a pull must import first, such as "docker-hub"."""
        self.layers_elsewhere = True
        """Whether to redirect requests for a blob's bytes, as ECR does to S3."""
        self.storage = ""
        """The host to redirect to; "" for that of the registry's region."""
        self._signed: dict[str, str] = {}
        """The signature of a redirect -> the path of the blob."""

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.host in STORAGE or "X-Amz-Signature" in request.target:
            return self._deliver(request)
        if request.host in self.logins:
            return self._check_login(request) or self._pass_on(request)
        check = self._check_public if request.host == PUBLIC else self._check
        answer = check(request) or self._in_ecrs_words(
            request, self._redirect(request) or self._pass_on(request)
        )
        answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return answer

    def _redirect(self, request: Request) -> Response | None:
        """Redirect a request for a blob's bytes to the storage, with a signature."""
        _, kind, digest = _parts(request)
        if request.method != "GET" or kind != "blobs" or not self.layers_elsewhere:
            return None
        if self._pass_on(replace(request, method="HEAD")).status >= 300:
            return None
        host = self.storage
        if not host and request.host == PUBLIC:
            host = LAYERS_PUBLIC
        elif not host:
            region = _region(self.aliases.get(request.host, request.host))
            host = LAYERS.replace("us-east-1", region)
        signature = secrets.token_hex(32)
        self._signed[signature] = request.path
        query = {"X-Amz-Expires": "3600", "X-Amz-Signature": signature}
        url = f"https://{host}/{digest}?{urllib.parse.urlencode(query)}"
        return Response(307, b"", {"Location": url})

    def _deliver(self, request: Request) -> Response:
        """Answer as S3 does to a request for a signed URL."""
        query = urllib.parse.parse_qs(request.target.partition("?")[2])
        path = self._signed.get(query.get("X-Amz-Signature", [""])[0])
        if "Authorization" in request.headers:
            return refuse_storage(400, "InvalidArgument", "Only one auth mechanism allowed")
        if path is None:
            return refuse_storage(403, "SignatureDoesNotMatch", "The signature does not match")
        return self._pass_on(replace(request, target=path))

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
        return self._check_actions(request, host, reader)

    def _check_actions(self, request: Request, host: str, arn: str) -> Response | None:
        repository, kind, _ = _parts(request)
        action = _ACTIONS.get((request.method, kind))
        if action is None:
            return None
        imports = kind == "manifests" and repository.partition("/")[0] in self.pull_through
        for needed in (*(_IMPORT if imports else ()), action):
            if (arn, needed) in self.denied.get(host, ()):
                return _denied(
                    403,
                    f"User: {arn} is not authorized to perform: {needed} on resource: "
                    f"arn:aws:ecr:{_region(host)}:{host[:12]}:repository/{repository} because no "
                    f"identity-based policy allows the {needed} action",
                )
        return None

    def _in_ecrs_words(self, request: Request, answer: Response) -> Response:
        """Replace the error for a missing repository or image by ECR's."""
        if answer.status != 404 or request.host == PUBLIC or b'"errors"' not in answer.body:
            return answer
        repository, _, _ = _parts(request)
        account = self.aliases.get(request.host, request.host)[:12]
        words = {
            "NAME_UNKNOWN": f"The repository with name '{repository}' does not exist in the "
            f"registry with id '{account}'",
            "MANIFEST_UNKNOWN": "Requested image not found",
        }
        code = json.loads(answer.body)["errors"][0]["code"]
        # docker-registry finds a repository only by its tags.
        tags = replace(request, method="GET", target=f"/v2/{repository}/tags/list")
        if code == "MANIFEST_UNKNOWN" and self._pass_on(tags).status == 404:
            code = "NAME_UNKNOWN"
        return _error(404, code, words[code]) if code in words else answer

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
        if isinstance(self._backend, SmallRegistry):
            return self._backend.handle(request)
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


def refuse_storage(status: int, code: str, message: str) -> Response:
    """Return an error of S3."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
    body += f"<Message>{message}</Message><RequestId>0</RequestId></Error>"
    return Response(status, body.encode(), {"Content-Type": "application/xml"})


def _region(host: str) -> str:
    labels = host.split(".")
    return labels[3] if labels[1] == "dkr" else labels[2]


def _parts(request: Request) -> tuple[str, str, str]:
    """Return repository, kind and name of /v2/<repository>/<kind>/<name>; "" for other paths."""
    path = urllib.parse.unquote(request.path).removeprefix("/v2/")
    repository, kind, name = ["", "", "", *path.rsplit("/", 2)][-3:]
    return repository, kind, name


def _digest(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _denied(status: int, message: str) -> Response:
    return _error(status, "DENIED", message)


def _error(status: int, code: str, message: str) -> Response:
    body = {"errors": [{"code": code, "message": message}]}
    return Response(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
