"""Edits of a text by offsets, which keep all other bytes."""

import json
from collections.abc import Iterable

Edit = tuple[int, int, str]
"""Start and end of what is replaced, and the text that takes its place."""


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after edits in any order; what two of them remove is removed once."""
    pieces, done = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[done:start], new]
        done = max(done, end)
    return "".join([*pieces, text[done:]])


def line_end(text: str) -> str:
    r"""Return how the first line of a text ends: "\r\n", or else "\n"."""
    return "\r\n" if text[: text.find("\n") + 1].endswith("\r\n") else "\n"


def quote(value: str | float | None) -> str:
    """Return a value as JSON, and as TOML, whose basic strings have all the escapes of JSON."""
    return json.dumps(value, ensure_ascii=False)
