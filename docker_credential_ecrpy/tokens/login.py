"""A login for a registry: the end of a reply with it, and how long it is stored.

`docker login` stores one, and a token is one. `store` loads this module and few others.
"""

import binascii

from docker_credential_ecrpy.hot import cache, protocol
from docker_credential_ecrpy.tokens import json_text
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE

_STANDARD = str.maketrans("-_", "+/")  # digits of base64 that is safe for URLs -> the usual ones
_DIGITS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def parse(data: bytes) -> "tuple[str, str, str] | None":
    """Return server URL, user name and secret in the input of `store`; None where one is missing.

    None stands for every other mistake, too.
    """
    try:
        fields = json_text.parse(data) if len(data) <= protocol.MAX_INPUT else {}
        url, username, secret = fields["ServerURL"], fields["Username"], fields["Secret"]
        for text in (url, username, secret):
            str.encode(text)  # raises TypeError, and ValueError for half a character
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return (url, username, secret) if url.strip() and username and secret else None


def reply_tail(username: str, password: str) -> bytes:
    """Return the end of a reply to `get`: everything after its ServerURL."""
    quoted = json_text.quote(username), json_text.quote(password)
    return '"Username":{},"Secret":{}}}\n'.format(*quoted).encode()


def login_entry(username: str, password: str, now: int) -> cache.Entry:
    """Return the cache entry of a `docker login`, which answers until it expires.

    An ECR password is base64 of a JSON object with an `expiration`, in seconds since the epoch;
    without that, the login is taken to be new. now: nanoseconds since the epoch (UTC).
    """
    named, latest = password_expiry(password), now + TOKEN_LIFE
    expires = latest if named is None else min(named, latest)
    return cache.Entry(now, expires, expires, reply_tail(username, password))


def password_expiry(password: str) -> "int | None":
    """Return the expiry that an ECR password names, in ns since the epoch (UTC), or None.

    The password may have been wrapped, made safe for URLs, or have lost its padding on its way.
    """
    digits = "".join(password.split()).translate(_STANDARD).rstrip("=")
    if not _DIGITS.issuperset(digits):
        return None
    try:
        data = binascii.a2b_base64(digits + "==")  # more than it needs is ignored
        if b"{" not in data:  # to parse it would load `json`
            return None
        fields = json_text.parse(data)
        seconds = fields["expiration"]
        return None if isinstance(seconds, bool) else int(float(seconds) * cache.SECOND)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
