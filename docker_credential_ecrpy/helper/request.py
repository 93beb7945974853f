"""Parsing of a client's standard input."""

import json

from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.hot import protocol, registry
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.text import secret_sources, secrets
from docker_credential_ecrpy.text.sanitize import one_line

LOGIN_FORM = 'send {"ServerURL": "...", "Username": "...", "Secret": "..."}'
"""The hint for a login that cannot be read."""
URI_FORM = 'send {"uri": "https://<registry>/"}'
"""The hint for a request of Bazel's protocol that cannot be answered."""
NO_HEADERS = b'{"headers":{}}\n'
"""The answer to a request of Bazel's protocol that no credentials are needed."""


def parse_address(request: GetRequest) -> str:
    """Return the address in a `get`. Raises WireText or HelperError."""
    return _parse_uri(request.data) if request.wants_headers else parse_server_url(request.data)


def parse_server_url(request: bytes) -> str:
    """Return the address in the input of `get` or `erase`. Raises WireText if it is empty."""
    if not request:
        raise WireText(protocol.NO_SERVER_URL)
    url = request.decode("latin-1")
    _note_address(url)
    return url


def parse_login(request: bytes) -> tuple[str, str, str]:
    """Return server URL, user name and secret in the input of `store`.

    Raises WireText if one of the first two is empty, and HelperError for an invalid login.
    """
    if len(request) > protocol.MAX_INPUT:
        msg = f"the login is longer than {protocol.MAX_INPUT // 1024} KiB"
        raise HelperError(msg, hint=LOGIN_FORM)
    try:
        fields = json.loads(request)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        msg = "the login to store is not a JSON object"
        raise HelperError(msg, hint=LOGIN_FORM)
    secret_sources.note_fields(fields)
    url, username, secret = (fields.get(name, "") for name in ("ServerURL", "Username", "Secret"))
    if not all(isinstance(value, str) for value in (url, username, secret)):
        msg = "ServerURL, Username and Secret of the login to store must be strings"
        raise HelperError(msg, hint=LOGIN_FORM)
    if not all(map(_is_text, (url, username, secret))):
        msg = "ServerURL, Username and Secret of the login to store must be valid Unicode text"
        raise HelperError(msg, hint=LOGIN_FORM)
    _note_address(url)
    if not url.strip():
        raise WireText(protocol.NO_SERVER_URL)
    if not username:
        raise WireText(protocol.NO_USERNAME)
    return url.strip(), username, secret


def _parse_uri(data: bytes) -> str:
    """Return the URI in a request of Bazel's protocol; names other than `uri` are ignored.

    Raises HelperError.
    """
    from docker_credential_ecrpy.hot import bazel  # it is loaded for its requests alone

    uri, why = _read_uri(data)
    _note_address(uri)
    if not bazel.is_secure(uri):
        why = f"credentials for {shown_host(uri)} are sent over https alone"
    if why:
        raise HelperError(why, hint=URI_FORM)
    return uri


def _read_uri(data: bytes) -> tuple[str, str]:
    """Return the URI in a request, and what is wrong with the request or ""."""
    if len(data) > protocol.MAX_INPUT:
        return "", f"the request is longer than {protocol.MAX_INPUT // 1024} KiB"
    try:
        # Pairs show a name that occurs twice.
        pairs = json.loads(data.decode("utf-8-sig"), object_pairs_hook=list)
    except (ValueError, RecursionError):
        return "", "the request is not a JSON object"
    uris = [value for name, value in pairs if name == "uri"]
    if len(uris) != 1:
        return "", "the request has no uri" if not uris else "the request has more than one uri"
    if not isinstance(uris[0], str) or not _is_text(uris[0]):
        return "", "the uri of the request must be a string"
    return uris[0], "" if uris[0] else "the uri of the request is empty"


def is_layer_storage(uri: str) -> bool:
    """Whether a URI is of a bucket of Amazon S3 to which ECR redirects downloads of layers.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    """
    bucket, _, rest = registry.parse_host(uri).partition(".s3.")
    is_bucket = bucket.startswith("prod-") and bucket.endswith("-starport-layer-bucket")
    suffix = rest.removeprefix("dualstack.").partition(".")[2]
    return is_bucket and "." not in bucket and suffix in registry.SUFFIXES


def _note_address(url: str) -> None:
    """Note what is secret in a server URL, and keep its host in all texts."""
    secret_sources.note_url(url)
    secrets.spare(registry.parse_host(url))


def _is_text(value: str) -> bool:
    """Whether a string has no lone surrogate, which JSON can hold and no file or terminal."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown_host(url: str) -> str:
    """Return a server URL fit for an error: its host, or else the URL without user info."""
    return registry.parse_host(url) or one_line(url.rpartition("@")[2])[:100] or "that address"
