"""The right answers, found by other means than the product's."""

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY = re.compile(r"(?:[^/?#]*@)?([^/?#:@]*)(?::[0-9]*)?(?:[/?#].*)?", re.DOTALL)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ECR = re.compile(
    rf"""[0-9]{{12}}\.dkr\.ecr(?:-fips)?\.{_LABEL}\.
    (?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)
    |[0-9]{{12}}\.dkr-ecr(?:-fips)?\.{_LABEL}\.on\.
    (?:aws(?:\.ic\.gov|\.scloud|\.hci\.ic\.gov)?|amazonwebservices\.(?:com\.cn|eu)|cloud-aws\.adc-e\.uk)
    |public\.ecr\.aws|ecr-public\.aws\.com""",
    re.VERBOSE,
)
_LONGEST = 64 * 1024


def host_of(address: str) -> str:
    """Return the host that an address names, or ""."""
    if len(address) > _LONGEST or not _URL.fullmatch(address):
        return ""
    scheme = _SCHEME.match(address)
    found = _AUTHORITY.fullmatch(address, scheme.end() if scheme else 0)
    host = found[1].lower().removesuffix(".") if found else ""
    return host if _NAME.fullmatch(host) else ""


def is_ecr(host: str) -> bool:
    """Return whether a host is an ECR registry's own name."""
    return bool(_ECR.fullmatch(host))


def deciding(tables: list[dict[str, Any]], host: str) -> Mapping[str, Any] | None:
    """Return the first `[[registry]]` that matches a host, or None."""
    for table in tables:
        match = table["match"].lower()
        pattern = f"{match}.*" if re.fullmatch("[0-9]{12}", match) else match
        if ("registry" in table) != is_ecr(host) and fnmatch.fnmatchcase(host, pattern):
            return table
    return None


def same_but_for_one_piece(before: bytes, after: bytes) -> bool:
    """Return whether `after` is `before` with one piece inserted."""
    if len(after) < len(before):
        return False
    return _shared(before, after) + _shared(before[::-1], after[::-1]) >= len(before)


def _shared(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
