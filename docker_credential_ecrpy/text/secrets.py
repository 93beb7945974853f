"""The secret values that this process knows, and texts without them.

What reads secrets notes them here, as `secret_sources` does for whole files and environments. The
boundaries, which print, log or leave a note for other processes, pass each text through `redact`.
So no message has to know which of its words came from a secret, and in which form. A text that
decides anything is never redacted before that.
"""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.expression import expression

MARK = "[redacted]"
"""What stands in the place of a secret."""

SHORTEST = 4
"""Bytes of a secret; a shorter one is redacted with the address around it only."""
LONG = 12
"""Bytes from which a form is found inside other words, too: so long a match is no chance."""
_TIMES_ENCODED = 2  # an address inside of another one's query
_MOST_ENCODED = 9  # bytes for one of a secret: \xNN and %25NN are shorter
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# An account id, and a region or a zone of one: texts are full of them.
_PUBLIC = expression(r"\d{12}|[a-z]{2,5}(?:-[a-z]+){1,3}-\d{1,2}[a-z]?", re.ASCII)


class _Index:
    """The forms of the first `count` secrets, by their first bytes; `longest` in bytes."""

    def __init__(self) -> None:
        self.count = self.longest = 0
        self._words: dict[bytes, list[bytes]] = {}
        self._forms: dict[bytes, list[bytes]] = {}

    def add(self, secret: str) -> None:
        """Add the forms of a secret."""
        self.count += 1
        for form in set(_encode(secret)):
            self.longest = max(self.longest, len(form))
            if len(form) >= LONG:
                self._forms.setdefault(form[:LONG], []).append(form)
            elif len(form) >= SHORTEST:
                self._words.setdefault(form[:SHORTEST], []).append(form)

    def find(self, data: bytes, places: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield where forms are: their start and end, of `places`."""
        words, forms = self._words, self._forms
        for at in range(len(data) - SHORTEST + 1):
            for form in words.get(data[at : at + SHORTEST], ()):
                end = at + len(form)
                if data.startswith(form, at) and _is_word(data, at, end):
                    yield places[at], places[end]
            for form in forms.get(data[at : at + LONG], ()):
                if data.startswith(form, at):
                    yield places[at], places[at + len(form)]


_known: dict[str, None] = {}
_spared: dict[bytes, None] = {}
_index = _Index()


def note(secret: str) -> None:
    """Note a secret, unless it could be any word, an account id, a region or a registry of ECR.

    It could be one if it has fewer than four bytes, or letters alone and fewer than twelve.
    """
    secret = secret.strip()
    is_any_word = len(secret) < SHORTEST or (len(secret) < LONG and secret.isalpha())
    found = registry.parse(secret)
    is_public = _PUBLIC.fullmatch(secret) or (found and found.host == secret.lower())
    if not is_any_word and not is_public:
        _known[secret] = None


def count() -> int:
    """Return how many secrets are known; only notes change it."""
    return len(_known)


def spare(name: str) -> None:
    """Keep a name, such as the host in use, in all texts, also if a secret is equal or part."""
    if name:
        _spared[name.encode("utf-8", "surrogatepass")] = None


def redact(text: str) -> str:
    """Return a text with `MARK` in the place of every known secret, in any usual encoding."""
    index = _update_index()
    data = text.encode("utf-8", "surrogatepass")
    view = data
    places: Sequence[int] = range(len(data) + 1)
    spans = list(index.find(view, places))
    for _ in range(_TIMES_ENCODED if b"%" in data else 0):
        view, inner = percent_decoded(view)
        places = list(map(places.__getitem__, inner))
        spans += index.find(view, places)
    if spans:
        spans = _without_spared(data, spans)
    if not spans:
        return text
    pieces: list[bytes] = []
    last = 0
    for start, end in _merge(spans):
        at = b"@" if data[end - 1 : end] == b"@" else b""  # an address stays one
        pieces += [data[last:start], MARK.encode(), at]
        last = end
    return b"".join([*pieces, data[last:]]).decode("utf-8", "replace")


def redact_start(text: str, most: int) -> str:
    """Return the first `most` characters at most of a text, redacted; none has half a secret."""
    if len(text) <= most:
        return redact(text)
    longest = _update_index().longest
    shown = redact(text[: most + longest * _MOST_ENCODED])
    return shown[: max(len(shown) - longest * _MOST_ENCODED, 0)]


def _without_spared(data: bytes, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that are not part of a spared name."""
    kept: dict[int, tuple[int, int]] = {}
    for name in _spared:
        at = data.find(name)
        while at >= 0:
            if _is_word(data, at, at + len(name)):
                kept |= dict.fromkeys(range(at, at + len(name)), (at, at + len(name)))
            at = data.find(name, at + len(name))
    return [span for span in spans if span[1] > kept.get(span[0], span)[1] or span[0] not in kept]


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


def _update_index() -> _Index:
    """Return the index, with the secrets that were noted since."""
    if _index.count < len(_known):
        for secret in list(islice(_known, _index.count, None)):
            _index.add(secret)
    return _index


def _encode(secret: str) -> Iterator[bytes]:
    """Yield the forms of a secret in texts: as it is, decoded, escaped, quoted, in base64.

    `redact` itself finds a form that is percent-encoded, in whole or in part.
    """
    plain = secret
    if "%" in secret:
        plain = percent_decoded(to_bytes(secret))[0].decode("utf-8", "surrogateescape")
    for text in {secret, plain, " ".join(secret.split())}:
        data = to_bytes(text)
        yield data
        is_plain = text.isascii() and text.isalnum()  # then it is the same in each form
        for form in (
            ()
            if is_plain
            else (
                text,
                text.replace(" ", "+"),
                json.dumps(text)[1:-1],
                json.dumps(text, ensure_ascii=False)[1:-1],
                repr(text)[1:-1],
                ascii(text)[1:-1],
                repr(data)[2:-1],
                text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
                text.replace("'", "'\"'\"'"),  # as shlex quotes it
            )
        ):
            yield form.encode("utf-8", "surrogatepass")
        for shift in range(3):  # inside of a longer text its first character may be at any place
            encoded = base64.b64encode(b"\0" * shift + data).rstrip(b"=")
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(data) + shift) % 3 else 0)]
            if len(inner) >= LONG:
                yield inner
                yield inner.replace(b"+", b"-").replace(b"/", b"_")


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text; those of a variable as they are in the environment."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate from JSON
        return text.encode("utf-8", "surrogatepass")
