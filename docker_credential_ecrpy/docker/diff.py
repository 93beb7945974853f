"""A change of a file as a diff, without the secrets that the file holds."""

import bisect
import itertools
import json
import operator
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from docker_credential_ecrpy.docker.config import HELPERS, STORE, shown_key
from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.text.sanitize import without_user_info

_CONTEXT = 2  # lines around each change
_LONGEST = 200  # characters of a line that a person reads
_DEEPEST = 40  # levels that are still indented
_SHOWN = frozenset(key.casefold() for key in (HELPERS, STORE, "currentContext"))
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# A string with the colon after it, which makes it a key; or a number.
_SCALAR = re.compile(rf"({_STRING})([ \t\r\n]*:)?|-?[0-9][\w.+-]*")
_TOKEN = re.compile(rf'{_STRING}|[{{}}\[\],:]|[^{{}}\[\],:"\s]+')


def lines(rewrite: Rewrite, width: int | None = None) -> Iterator[str]:
    """Yield the lines of a unified diff of a file of JSON or TOML.

    Passwords and tokens are shown as "...": of JSON, that is every string and number outside of
    what names credential helpers. A file with a very long line, or of one line that is wider than
    `width`, is shown as if it were indented.
    """
    readable = _json_lines if rewrite.of_json else _toml_lines
    before, after = (
        readable(rewrite.file, data or b"") for data in (rewrite.before, rewrite.after)
    )
    longest = _LONGEST
    if width and len(before) <= 1:
        longest = min(longest, width)
    if max(map(len, before + after), default=0) > longest and rewrite.of_json:
        before, after = (_indented("\n".join(text)) for text in (before, after))
    if before == after:
        return
    name = rewrite.file if rewrite.before is not None else "/dev/null"
    for line in (f"--- {name}", f"+++ {rewrite.file}", *_hunks(_compared(before, after))):
        yield "".join(c if c.isprintable() or c == "\t" else "?" for c in line)


def _toml_lines(_file: str, data: bytes) -> list[str]:
    return without_user_info(data.decode("utf-8", "replace")).splitlines()


def _json_lines(file: str, data: bytes) -> list[str]:
    source = JsonDocument(file, data)
    pieces, at = [], 0
    for member in source.members():
        hidden = _hidden if member.key.casefold() not in _SHOWN else _without_users
        pieces.append(_without_users(source.text[at : member.at]))
        pieces.append(hidden(source.text[member.at : member.end]))
        at = member.end
    text = "".join([*pieces, source.text[at:]])
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _hidden(text: str) -> str:
    """Return JSON without the strings and numbers in it, and without user info in its keys."""
    return _SCALAR.sub(lambda m: _key(m[1]) + m[2] if m[2] else '"..."', text)


def _without_users(text: str) -> str:
    return _SCALAR.sub(lambda m: _key(m[1]) + (m[2] or "") if m[1] else m[0], text)


def _key(text: str) -> str:
    if "@" not in text and "\\" not in text:
        return text
    key = json.loads(text)
    return json.dumps(shown_key(key), ensure_ascii=False) if "@" in key else text


def _indented(text: str) -> list[str]:
    """Return the lines of JSON, one for each member. Depth is no matter to it."""
    found, line, depth, before = [], "", 0, ""
    for piece in _TOKEN.findall(text):
        closes = piece in "}]"
        depth -= closes
        if before and (
            (before in "{[" and not closes) or before == "," or closes > (before in "{[")
        ):
            found.append(line)
            line = "  " * min(depth, _DEEPEST)
        line += ": " if piece == ":" else piece
        depth += piece in "{["
        before = piece
    return [*found, line] if line else found


_Chain = tuple[int, int, "_Chain | tuple[()]"]
"""Where a line is in both files, and the chain of those above it."""


def _compared(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return all lines of both, each behind what becomes of it: " ", "-" or "+".

    Between two lines that stay, those that both begin and end with stay, and all others change.
    """
    found: list[str] = []
    i = j = 0
    for x, y in [*_anchors(before, after), (len(before), len(after))]:
        old, new = before[i:x], after[j:y]
        head = _common(old, new)
        tail = _common(old[head:][::-1], new[head:][::-1])
        found += [" " + line for line in old[:head]]
        found += ["-" + line for line in old[head : len(old) - tail]]
        found += ["+" + line for line in new[head : len(new) - tail]]
        found += [" " + line for line in before[x - tail : x + 1]]
        i, j = x + 1, y + 1
    return found


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the lines are that both have once, as many as are in the same order in both.

    That takes seconds where difflib takes minutes, and here it says the same.
    """
    of_before, of_after = Counter(before), Counter(after)
    where = {line: at for at, line in enumerate(after) if of_before[line] == of_after[line] == 1}
    # The longest increasing subsequence: the chains of each length that end first in `after`.
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


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (x, y) in pairs if x != y), min(len(old), len(new)))


def _hunks(compared: Sequence[str]) -> Iterator[str]:
    """Yield the changes with the lines around them, and where they are, as in a unified diff."""
    changed = (at for at, line in enumerate(compared) if line[0] != " ")
    near = {at + distance for at in changed for distance in range(-_CONTEXT, _CONTEXT + 1)}
    of_before = of_after = 0
    for is_near, run in itertools.groupby(range(len(compared)), near.__contains__):
        hunk = [compared[at] for at in run]
        less = sum(line[0] != "+" for line in hunk)
        more = sum(line[0] != "-" for line in hunk)
        if is_near:
            yield f"@@ -{_span(of_before, less)} +{_span(of_after, more)} @@"
            yield from hunk
        of_before, of_after = of_before + less, of_after + more


def _span(start: int, length: int) -> str:
    """Return where a number of lines begins, as a diff says it; `start` counts from 0."""
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"
