"""A CredentialProviderRequest of the kubelet, and the answer to it, as JSON.

https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
"""

import json
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.bounded import check_depth
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.sanitize import one_line

GROUP = "credentialprovider.kubelet.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
"""The versions of the API; the first one alone has service account tokens."""
MAX_REQUEST = 1024 * 1024
"""The limit in bytes; the annotations of an object have at most 256 KiB."""
_KIND = "CredentialProviderRequest"
_MOST_DEPTH = 32  # of lists and objects; the API has two
_FORM = f"the kubelet sends a {_KIND} of {GROUP}/v1 as JSON"


@dataclass(frozen=True)
class Request:
    """What the kubelet asks for.

    image: host, port and path, without tag. token: of the pod's service account, or "".
    annotations: those of the service account that the kubelet's configuration names.
    """

    api_version: str
    image: str
    token: str = field(default="", repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def authority(self) -> str:
        """The image's registry as the request has it: host, and port if it names one."""
        return self.image.partition("/")[0]

    @property
    def can_have_token(self) -> bool:
        """Whether its version has service account tokens."""
        return self.api_version == f"{GROUP}/{VERSIONS[0]}"


def is_request(data: bytes) -> bool:
    """Whether an input is a CredentialProviderRequest, of any version."""
    try:
        fields = _load(data)
    except HelperError:
        return False
    return fields.get("kind") == _KIND


def parse(data: bytes) -> Request:
    """Return the request in an input. Fields that no version has are ignored. Raises HelperError.

    Older versions than v1 have no service account's fields: there they are unknown, too.
    """
    fields = _load(data)
    if fields.get("kind") != _KIND:
        msg = f"the kind on standard input is {_show(fields.get('kind'))}, not {_KIND}"
        raise HelperError(msg, hint=_FORM)
    known = [f"{GROUP}/{version}" for version in VERSIONS]
    version = fields.get("apiVersion")
    if version not in known:
        msg = f"the request's apiVersion is {_show(version)}"
        hint = f"in the kubelet's configuration, set that of the provider to {known[0]}"
        raise HelperError(msg, hint=f"{hint}; {', '.join(known[1:])} are supported, too")
    image = _text(fields, "image").strip()
    if not image:
        msg = "the request names no image"
        raise HelperError(msg, hint=_FORM)
    if version != known[0]:
        return Request(version, image)
    token = _text(fields, "serviceAccountToken").strip()
    secrets.note(token)
    found = fields.get("serviceAccountAnnotations") or {}
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        msg = "serviceAccountAnnotations of the request is not an object of strings"
        raise HelperError(msg, hint=_FORM)
    return Request(version, image, token, found)


def answer(request: Request, login: tuple[str, str] | None = None, seconds: int = 0) -> bytes:
    """Return the answer to a request: one JSON object and a newline.

    login: user name and password; None leaves `auth` out, so the kubelet pulls without one.
    seconds: for how long the kubelet may use this answer without asking again.
    """
    fields: dict[str, Any] = {
        "kind": "CredentialProviderResponse",
        "apiVersion": request.api_version,
        "cacheKeyType": "Registry",
        "cacheDuration": f"{seconds}s",
    }
    if login:
        fields["auth"] = {request.authority: {"username": login[0], "password": login[1]}}
    return json.dumps(fields).encode() + b"\n"


def _load(data: bytes) -> dict[str, Any]:
    """Return the JSON object in an input. Raises HelperError."""
    if len(data) > MAX_REQUEST:
        msg = f"the request on standard input is longer than {MAX_REQUEST // 1024} KiB"
        raise HelperError(msg, hint=_FORM)
    if not data.strip():
        msg = "there is no request on standard input"
        raise HelperError(msg, hint=_FORM)
    try:
        fields = json.loads(data.decode())
        check_depth(fields, _MOST_DEPTH)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        msg = "the request on standard input is not a JSON object"
        raise HelperError(msg, hint=_FORM)
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field's string, "" if it is missing or null. Raises HelperError."""
    value = fields.get(name)
    if not isinstance(value, str | None):
        msg = f"{name} of the request is not a string"
        raise HelperError(msg, hint=_FORM)
    return value or ""


def _show(value: object) -> str:
    return repr(one_line(value)[:100]) if isinstance(value, str) else "missing or not a string"
