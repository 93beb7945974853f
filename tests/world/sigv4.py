"""Signature Version 4, from the side of the service that verifies it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
import urllib.parse
from dataclasses import dataclass
from email.message import Message

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/"
    r"(?P<service>[^/]+)/aws4_request, ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<sig>\w+)"
)


@dataclass(frozen=True)
class Scope:
    """The scope of a signature: the access key id, the region and the service."""

    access_key: str
    region: str
    service: str


def scope_of(headers: Message) -> Scope | None:
    """Return the scope of a signed request, or None for an unsigned one."""
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    return Scope(found["key"], found["region"], found["service"]) if found else None


def is_signed_with(secret: str, method: str, target: str, headers: Message, body: bytes) -> bool:
    """Return whether the request's signature was made with `secret`."""
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    if not found:
        return False
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    names = found["headers"].split(";")
    canonical = "\n".join(
        (
            method,
            urllib.parse.quote(path, safe="/-_.~%"),
            urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            found["headers"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{found['date']}/{found['region']}/{found['service']}/aws4_request"
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            headers.get("X-Amz-Date", ""),
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), found["sig"])
