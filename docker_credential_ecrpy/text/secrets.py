"""The secret values that this process knows, and texts without them.

What reads secrets notes them here, as `secret_sources` does for whole files and environments. The
boundaries, which print, log or leave a note for other processes, pass each text through `redact`.
So no message has to know which of its words came from a secret, and in which form.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping

MARK = "[redacted]"
"""What stands in the place of a secret."""

SHORTEST = 4
"""Bytes of a secret; a shorter one is redacted with the address around it only."""
_WORD = 6  # bytes; a shorter secret may be part of any word, so it is redacted as a word alone
_TIMES_ENCODED = 2  # an address inside of another one's query
_ENCODED = 12  # characters of base64 that do not come about by chance
_WORDS = frozenset(("true", "false", "null", "none", "basic", "bearer"))
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")

_known: dict[str, None] = {}
_index: tuple[int, dict[bytes, list[bytes]]] = (0, {})


def note(secret: str) -> None:
    """Note a secret; one of fewer than four bytes would be found in any text, and is not noted."""
    secret = secret.strip()
    if len(secret) >= SHORTEST and secret.casefold().rstrip(",}]") not in _WORDS:
        _known[secret] = None


def redact(text: str) -> str:
    """Return a text with `MARK` in the place of every known secret, in any usual encoding."""
    forms = _list_forms()
    data = text.encode("utf-8", "surrogatepass")
    view, places = data, list(range(len(data) + 1))
    spans = list(_find(view, places, forms))
    for _ in range(_TIMES_ENCODED if b"%" in data else 0):
        view, inner = percent_decoded(view)
        places = [places[at] for at in inner]
        spans += _find(view, places, forms)
    if not spans:
        return text
    pieces: list[bytes] = []
    last = 0
    for start, end in _merge(spans):
        at = b"@" if data[end - 1 : end] == b"@" else b""  # an address stays one
        pieces += [data[last:start], MARK.encode(), at]
        last = end
    return b"".join([*pieces, data[last:]]).decode("utf-8", "replace")


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that overlap or touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            first, before = merged.pop()
            merged.append((first, max(end, before)))
        else:
            merged.append((start, end))
    return merged


def _find(
    data: bytes, places: list[int], forms: Mapping[bytes, list[bytes]]
) -> Iterator[tuple[int, int]]:
    """Yield where forms of secrets are: their start and end, of `places`."""
    for at in range(len(data) - SHORTEST + 1):
        for form in forms.get(data[at : at + SHORTEST], ()):
            end = at + len(form)
            if data.startswith(form, at) and (len(form) >= _WORD or _is_word(data, at, end)):
                yield places[at], places[end]


def _is_word(data: bytes, start: int, end: int) -> bool:
    around = data[max(start - 1, 0) : start], data[end : end + 1]
    return not any(byte.isalnum() for byte in around)


def percent_decoded(data: bytes) -> tuple[bytes, list[int]]:
    """Return the bytes of a text without %-escapes, and where each of them is in it."""
    decoded, at = bytearray(), 0
    places: list[int] = []
    for found in _PERCENT.finditer(data):
        decoded += data[at : found.start()] + bytes([int(found[1], 16)])
        places += range(at, found.start() + 1)
        at = found.end()
    decoded += data[at:]
    places += range(at, len(data) + 1)
    return bytes(decoded), places


def _list_forms() -> Mapping[bytes, list[bytes]]:
    """Return the forms of all secrets by their first bytes, the longest first."""
    global _index  # noqa: PLW0603 - what is known is known to the whole process
    secrets = list(_known)
    if _index[0] != len(secrets):
        found: dict[bytes, list[bytes]] = {}
        for form in {form for secret in secrets for form in _encode(secret)}:
            if len(form) >= SHORTEST:
                found.setdefault(form[:SHORTEST], []).append(form)
        for forms in found.values():
            forms.sort(key=len, reverse=True)
        _index = len(secrets), found
    return _index[1]


def _encode(secret: str) -> Iterator[bytes]:
    """Yield the forms of a secret in texts: as it is, decoded, escaped, quoted, in base64.

    `redact` itself finds a form that is percent-encoded, in whole or in part.
    """
    plain = percent_decoded(to_bytes(secret))[0].decode("utf-8", "surrogateescape")
    for text in {secret, plain, " ".join(secret.split())}:
        data = to_bytes(text)
        yield data
        for form in (
            text,
            text.replace(" ", "+"),
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            repr(text)[1:-1],
            ascii(text)[1:-1],
            repr(data)[2:-1],
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            text.replace("'", "'\"'\"'"),  # as shlex quotes it
        ):
            yield form.encode("utf-8", "surrogatepass")
        for shift in range(3):  # inside of a longer text its first character may be at any place
            encoded = base64.b64encode(b"\0" * shift + data).rstrip(b"=")
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(data) + shift) % 3 else 0)]
            if len(inner) >= _ENCODED:
                yield inner
                yield inner.replace(b"+", b"-").replace(b"/", b"_")


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text; those of a variable as they are in the environment."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate from JSON
        return text.encode("utf-8", "surrogatepass")
