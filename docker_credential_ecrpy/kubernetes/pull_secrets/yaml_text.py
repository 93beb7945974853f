"""Writes an object of the API as YAML, for `kubectl apply -f -`.

Every text is in double quotes, as JSON has it: YAML reads that as text, whatever it looks like.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

_KEY = re.compile(r"[.A-Za-z][\w./-]*", re.ASCII)
_NO_TEXT = frozenset(("y", "yes", "n", "no", "true", "false", "on", "off", "null"))
"""YAML reads these as other values, in any case."""


def to_yaml(document: Mapping[str, object]) -> str:
    """Return a document of objects, lists, texts, numbers and truth values as YAML."""
    return "\n".join(_lines(document, ""))


def _lines(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, member in value.items():
        plain = _KEY.fullmatch(key) and key.lower() not in _NO_TEXT
        head = f"{indent}{key if plain else json.dumps(key)}:"
        if isinstance(member, Mapping) and member:
            yield head
            yield from _lines(member, f"{indent}  ")
        elif isinstance(member, Sequence) and member and not isinstance(member, str):
            yield head
            for each in member:
                yield from _item(each, indent)
        else:
            yield f"{head} {json.dumps(member)}"


def _item(value: object, indent: str) -> Iterator[str]:
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}- {json.dumps(value)}"
        return
    first, *rest = _lines(value, f"{indent}  ")
    yield f"{indent}- {first.removeprefix(indent).lstrip()}"
    yield from rest
