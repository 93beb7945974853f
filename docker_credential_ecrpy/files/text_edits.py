"""Edits of a text by offsets; all other bytes stay."""

import json
from collections.abc import Iterable

Edit = tuple[int, int, str]
"""Start and end of the replaced text, and its replacement."""


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after edits in any order; overlapping removals count once."""
    pieces, done = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[done:start], new]
        done = max(done, end)
    return "".join([*pieces, text[done:]])


def line_end(text: str) -> str:
    r"""Return the line end of a text's first line: "\r\n", or else "\n"."""
    return "\r\n" if text[: text.find("\n") + 1].endswith("\r\n") else "\n"


def quote(value: str | float | None) -> str:
    """Return a value as JSON, and as TOML, whose basic strings have all the escapes of JSON."""
    return json.dumps(value, ensure_ascii=False)
