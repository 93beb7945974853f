"""Parsing of a client's standard input."""

import json

from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.hot import protocol, registry
from docker_credential_ecrpy.text import secret_sources, secrets
from docker_credential_ecrpy.text.sanitize import one_line

LOGIN_FORM = 'send {"ServerURL": "...", "Username": "...", "Secret": "..."}'
"""The hint for a login that cannot be read."""


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
