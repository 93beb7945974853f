"""The requests of a pull, sent to an ECR registry, and its reply to each.

They are those of a client that pulls one image, in its order: the manifest, the image's
configuration and a layer, without their bytes. Redirects to the storage of layers are returned.
https://github.com/opencontainers/distribution-spec/blob/main/spec.md and, for tokens,
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import difflib
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.aws.session import aws_call, prepare_session
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.platforms import read_platform
from docker_credential_ecrpy.doctor.probes import replies
from docker_credential_ecrpy.doctor.probes.http import Connection, HttpAnswer
from docker_credential_ecrpy.doctor.probes.storage import Redirect, request_size
from docker_credential_ecrpy.doctor.probes.trace import (
    BASE,
    CONFIG,
    LAYER,
    LAYER_CHECK,
    MANIFEST,
    PullTrace,
    Reply,
    find_missing_action,
)
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

Part = TypeVar("Part")

READ_SECONDS = 8
TAGS_SECONDS = 3
"""The limit for each read of a page of tags; after this time, no further page is requested."""
TAG_PAGES = 5
NEAR_TAGS = 5
BODY_BYTES = 4 * 1024 * 1024

_BLOBS = (CONFIG, LAYER)
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_BEARER = re.compile(r"(?i)\bbearer\s+(.*)")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


def trace_pull(
    choice: Choice, image: Image, login: tuple[str, str] | None, watch: Watch, log: Log
) -> PullTrace:
    """Return the replies of the registry of `choice`, at the host of `image`, to a pull.

    Without a repository, only the base is requested. login: user name and password, sent to that
    host only; None for an anonymous pull. Raises HelperError where no registry answers.
    """
    with aws_call(choice, watch, log) as call:
        prepare_session(call)  # finds the trusted certificates
        with closing(_Tracer(call, image, login)) as tracer:
            return tracer.trace(image.reference)


class _Tracer:
    """Makes one request after the other, all of them to one host."""

    def __init__(self, call: CallContext, image: Image, login: tuple[str, str] | None) -> None:
        self._call = call
        self._base = f"https://{image.host}"
        self._repository = image.repository
        self._place = f"/v2/{quote(image.repository)}"
        self._authorization: dict[str, str] = {}
        if login:
            basic = base64.b64encode(":".join(login).encode()).decode()
            self._authorization["Authorization"] = f"Basic {basic}"
        self._connection = Connection(call, self._base, READ_SECONDS)
        self._replies: list[Reply] = []
        self._platform = read_platform(os.environ)
        self._platforms: list[str] = []
        self._is_unsuitable = False
        self._artifact = ""
        self._image_platform = ""
        self._redirects: list[Redirect] = []

    def close(self) -> None:
        self._connection.close()

    def trace(self, reference: str) -> PullTrace:
        tags: tuple[str, ...] = ()
        digest = ""
        if self._request_base() and self._repository and reference:
            answer = self._request_manifest(reference)
            reply = self._replies[-1]
            if answer:
                digest = answer.headers.get("Docker-Content-Digest", "")
                digest = digest if replies.DIGEST.fullmatch(digest) else ""
                self._request_image(answer)
            elif reply.status == HTTPStatus.NOT_FOUND and reply.code == "MANIFEST_UNKNOWN":
                tags = () if ":" in reference else self._find_near_tags(reference)
        return PullTrace(
            tuple(self._replies),
            tags,
            digest,
            self._platform,
            self._is_unsuitable,
            tuple(self._platforms),
            self._artifact,
            self._image_platform,
            tuple(self._redirects),
        )

    def _request_base(self) -> bool:
        """Request the base, with a bearer token where it needs one; return whether it answered."""
        answer = self._send("GET", "/v2/")
        challenge = _BEARER.search(answer.headers.get("WWW-Authenticate", ""))
        if answer.status == HTTPStatus.UNAUTHORIZED and challenge:
            parameters = dict(_PARAMETER.findall(challenge[1]))
            realm = parameters.get("realm", "")
            path = self._own_path(realm)
            if not path:
                where = redact_url(realm) if "://" in realm else "no address given"
                return self._note(BASE, answer, f"it requires a token from another server: {where}")
            answer = self._request_token(path, parameters)
        if answer.status == HTTPStatus.OK and "html" in answer.headers.get("Content-Type", ""):
            raise self._not_a_registry()  # the login page of a network or a proxy
        return self._note(BASE, answer)

    def _request_token(self, path: str, parameters: dict[str, str]) -> HttpAnswer:
        """Get a bearer token and request the base with it; return its answer, or the refusal."""
        wanted = {name: parameters.get(name, "") for name in ("service", "scope")}
        if self._repository:
            wanted["scope"] = f"repository:{self._repository}:pull"
        query = urlencode([(name, text) for name, text in wanted.items() if text])
        answer = self._send("GET", path + ("&" if "?" in path else "?") + query)
        if answer.status != HTTPStatus.OK:
            return answer
        self._authorization["Authorization"] = f"Bearer {self._parse(answer, replies.parse_token)}"
        return self._send("GET", "/v2/")

    def _request_manifest(self, reference: str) -> HttpAnswer | None:
        path = f"{self._place}/manifests/{quote(reference, safe=':')}"
        answer = self._send("GET", path, {"Accept": ", ".join(_MANIFESTS)})
        return answer if self._note(MANIFEST, answer) else None

    def _request_image(self, answer: HttpAnswer) -> None:
        """Request what is in an image, from the answer with its manifest or index."""
        if self._parse(answer, replies.is_index):
            wanted = self._platform
            digest, platforms = self._parse(answer, lambda it: replies.choose_manifest(it, wanted))
            if not digest:
                self._is_unsuitable, self._platforms = True, platforms
                return
            found = self._request_manifest(digest)
            if found is None or self._parse(found, replies.is_index):
                return  # an index in an index is not followed
            answer = found
        self._artifact = self._parse(answer, replies.find_artifact)
        # One layer is enough: the others are in the same storage.
        config, *layers = self._parse(answer, replies.list_blobs)
        if self._request_blob(CONFIG, config) and layers:
            path = f"{self._place}/blobs/{layers[0].digest}"
            if self._note(LAYER_CHECK, self._send("HEAD", path)):
                self._request_blob(LAYER, layers[0])

    def _request_blob(self, what: str, blob: replies.Blob) -> bool:
        """Request a config, or the first byte of a layer; note its redirect, and do not follow."""
        path = f"{self._place}/blobs/{blob.digest}"
        answer = self._send("GET", path, *request_size(blob))
        if answer.is_redirect:
            found = Redirect.parse(answer.headers.get("Location", ""), self._base + path, blob)
            if not self._own_path(found.url):  # it is not the storage's
                self._redirects.append(found)
        elif blob.is_config:
            self._image_platform = replies.read_image_platform(answer.body)
        return self._note(what, answer)

    def _find_near_tags(self, reference: str) -> tuple[str, ...]:
        """Return tags similar to one that does not exist; an error only shortens the list."""
        found: set[str] = set()
        self._connection.close()
        self._connection = Connection(self._call, self._base, TAGS_SECONDS)
        try:
            self._list_tags(found)
        except (HelperError, BotoCoreError) as exc:
            self._call.log(f"registry: {type(exc).__name__} while listing tags")
        tags = sorted(found)
        return tuple(difflib.get_close_matches(reference, tags, NEAR_TAGS) or tags[:NEAR_TAGS])

    def _list_tags(self, found: set[str]) -> None:
        until = time.monotonic() + TAGS_SECONDS
        path = f"{self._place}/tags/list?n=1000"
        for _ in range(TAG_PAGES):
            answer = self._send("GET", path)
            if answer.status != HTTPStatus.OK:
                return
            found |= self._parse(answer, replies.parse_tags)
            link = _NEXT.search(answer.headers.get("Link", ""))
            path = self._own_path(urljoin(self._base + path, link[1])) if link else ""
            if not path or time.monotonic() > until:
                return

    def _send(
        self, method: str, path: str, headers: dict[str, str] | None = None, most: int = BODY_BYTES
    ) -> HttpAnswer:
        url = self._base + path
        self._call.note_request("the registry", url)
        headers = self._authorization | (headers or {})
        answer = self._connection.send(method, url, headers, most)
        shown = one_line(path.partition("?")[0])
        self._call.log(f"registry: {method} {shown}: HTTP {answer.status}")
        return answer

    def _own_path(self, url: str) -> str:
        """Return path and query of a URL of this registry; "" for any other URL."""
        try:
            parts, own = urlsplit(url), urlsplit(self._base)
            places = {(one.scheme, one.hostname, one.port or 443) for one in (parts, own)}
        except ValueError:
            return ""
        if len(places) > 1 or "@" in parts.netloc:
            return ""
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _note(self, what: str, answer: HttpAnswer, message: str = "") -> bool:
        """Record a reply; return whether a pull continues after it."""
        code, said = replies.parse_error(answer)
        message = message or said or self._name_other_host(what, answer)
        action = find_missing_action(what, answer.status, message, self._call.registry)
        self._replies.append(Reply(what, answer.status, code, message, action, answer.milliseconds))
        good = answer.status < HTTPStatus.MULTIPLE_CHOICES
        return good or (what in (*_BLOBS, LAYER_CHECK) and not answer.is_error)

    def _name_other_host(self, what: str, answer: HttpAnswer) -> str:
        """Return that a request for no blob is redirected, and where to; "" where it is not."""
        location = answer.headers.get("Location", "")
        if not answer.is_redirect or what in (*_BLOBS, LAYER_CHECK) or "://" not in location:
            return ""
        return f"it redirects to {redact_url(location)}"

    def _parse(self, answer: HttpAnswer, part: Callable[[Any], Part]) -> Part:
        """Return a part of an answer's JSON. Raises HelperError."""
        try:
            return part(json.loads(answer.body if answer.whole else b""))
        except replies.NOT_UNDERSTOOD as exc:
            raise self._not_a_registry() from exc

    def _not_a_registry(self) -> HelperError:
        hint = f"check the host name, {proxies.describe(self._base)} and other proxies in between"
        return HelperError(f"{self._base} did not answer like a registry", hint=hint)
