"""Renders a change of a file as a unified diff, with secrets redacted."""

import bisect
import itertools
import json
import operator
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from docker_credential_ecrpy.docker.config import HELPERS, STORE, shown_key
from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.files.text_edits import quote
from docker_credential_ecrpy.settings.toml_document import note_secrets
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.sanitize import strip_user_info

_CONTEXT = 2  # lines around each change
_LONGEST = 200  # characters of a readable line
_DEEPEST = 40  # levels that are indented
_SHOWN = frozenset(key.casefold() for key in (HELPERS, STORE, "currentContext"))
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# A string with the colon after it, which makes it a key; or a number.
_SCALAR = re.compile(rf"({_STRING})([ \t\r\n]*:)?|-?[0-9][\w.+-]*")
_TOKEN = re.compile(rf'{_STRING}|[{{}}\[\],:]|[^{{}}\[\],:"\s]+')


def render(rewrite: Rewrite, width: int | None = None) -> Iterator[str]:
    """Yield the lines of a unified diff of a JSON or TOML file.

    In JSON, "..." replaces all strings and numbers but the names of credential helpers. JSON with
    a very long line, or of one line wider than `width` (characters), is shown indented. Of broken
    JSON, which an undo may replace, nothing is shown: its secrets cannot be found.
    """
    name = rewrite.file if rewrite.before is not None else "/dev/null"
    heads = (f"--- {name}", f"+++ {rewrite.file}")
    try:
        before, after = (_split(rewrite, data or b"") for data in (rewrite.before, rewrite.after))
    except HelperError as exc:
        yield from map(_printable, (*heads, f"@@ not shown: {exc.message} @@"))
        return
    longest = min(_LONGEST, width) if width and len(before) <= 1 else _LONGEST
    if max(map(len, before + after), default=0) > longest and rewrite.is_json:
        before, after = (_indent("\n".join(text)) for text in (before, after))
    if before == after:
        return
    yield from map(_printable, (*heads, *_format_hunks(_compare(before, after))))


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line)


def _split(rewrite: Rewrite, data: bytes) -> list[str]:
    """Return the lines of a file, without secrets."""
    if not rewrite.is_json:
        text = data.decode("utf-8", "replace")
        note_secrets(text)  # also those of a backup, which no rule has now
        return strip_user_info(secrets.redact(text)).splitlines()
    source = JsonDocument(rewrite.file, data)
    pieces, at = [], 0
    for member in source.members():
        secret = member.key.casefold() not in _SHOWN
        pieces.append(_redact(source.text[at : member.at], secret=False))
        pieces.append(_redact(source.text[member.at : member.end], secret=secret))
        at = member.end
    text = "".join([*pieces, source.text[at:]])
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _redact(text: str, *, secret: bool) -> str:
    """Return JSON without user info in its keys and, if secret, without strings and numbers."""

    def redact(found: re.Match[str]) -> str:
        string, colon = found[1] or "", found[2] or ""
        if secret and not colon:
            return '"..."'
        if "@" in string or "\\" in string:
            key = json.loads(string)
            string = quote(shown_key(key)) if "@" in key else string
        return string + colon or found[0]

    return _SCALAR.sub(redact, text)


def _indent(text: str) -> list[str]:
    """Return the lines of JSON of any depth, one for each member."""
    found, line, depth, before = [], "", 0, ""
    for piece in _TOKEN.findall(text):
        closes = piece in "}]"
        depth -= closes
        if before and (before == "," or (before in "{[") != closes):
            found.append(line)
            line = "  " * min(depth, _DEEPEST)
        line += ": " if piece == ":" else piece
        depth += piece in "{["
        before = piece
    return [*found, line] if line else found


_Chain = tuple[int, int, "_Chain | tuple[()]"]
"""Where a line is in both files, and the chain of those above it."""


def _compare(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return all lines of both, each after " ", "-" or "+"; between anchors common ends stay."""
    found: list[str] = []
    i = j = 0
    for x, y in [*_find_anchors(before, after), (len(before), len(after))]:
        old, new = before[i:x], after[j:y]
        head = _count_common(old, new)
        tail = _count_common(old[head:][::-1], new[head:][::-1])
        found += [" " + line for line in old[:head]]
        found += ["-" + line for line in old[head : len(old) - tail]]
        found += ["+" + line for line in new[head : len(new) - tail]]
        found += [" " + line for line in before[x - tail : x + 1]]
        i, j = x + 1, y + 1
    return found


def _find_anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return the offsets of lines unique in both, as many as are in order: a patience diff."""
    # difflib takes minutes where this takes seconds.
    once, again = Counter(before), Counter(after)
    where = {line: at for at, line in enumerate(after) if once[line] == again[line] == 1}
    # Longest increasing subsequence: of each length, the chain that ends first in `after`.
    chains: list[_Chain] = []
    for at, line in enumerate(before):
        if line in where:
            size = bisect.bisect_left(chains, where[line], key=operator.itemgetter(1))
            chains[size : size + 1] = [(at, where[line], chains[size - 1] if size else ())]
    found: list[tuple[int, int]] = []
    chain = chains[-1] if chains else ()
    while chain:
        found.append(chain[:2])
        chain = chain[2]
    return found[::-1]


def _count_common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many first lines both share."""
    return sum(itertools.takewhile(bool, map(operator.eq, old, new)))


def _format_hunks(compared: Sequence[str]) -> Iterator[str]:
    """Yield the changes with the lines around them, each under its @@ line."""
    changed = (at for at, line in enumerate(compared) if line[0] != " ")
    near = {at + distance for at in changed for distance in range(-_CONTEXT, _CONTEXT + 1)}
    old = new = 0  # lines so far
    for is_near, run in itertools.groupby(range(len(compared)), near.__contains__):
        hunk = [compared[at] for at in run]
        less = sum(line[0] != "+" for line in hunk)
        more = sum(line[0] != "-" for line in hunk)
        if is_near:
            yield f"@@ -{_format_span(old, less)} +{_format_span(new, more)} @@"
            yield from hunk
        old, new = old + less, new + more


def _format_span(start: int, length: int) -> str:
    """Return a span of lines as in an @@ line; `start` counts from 0."""
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"
