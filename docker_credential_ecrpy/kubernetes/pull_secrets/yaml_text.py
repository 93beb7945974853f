"""Writes an object of the API as YAML, for `kubectl apply -f -`.

A text is in double quotes, as JSON has it: YAML reads that as text, whatever it looks like. Without
them it is only one that no version of YAML reads as another value.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

_WORDS = re.compile(r"(--)?[/A-Za-z]([\w./=-]*[\w./])?( [\w./-]*[\w./])*", re.ASCII)
"""Texts that are plain: words that begin like a name, an option or a path."""
_KEY = re.compile(r"[.A-Za-z][\w./-]*", re.ASCII)
_NO_TEXT = frozenset(("y", "yes", "n", "no", "true", "false", "on", "off", "null"))
"""YAML reads these as other values, in any case."""
_Write = Callable[[object], str]


def to_yaml(document: Mapping[str, object], *, is_plain: bool = False) -> str:
    """Return a document of objects, lists, texts, numbers and truth values as YAML.

    is_plain: leave out the quotes of a text where no parser needs them.
    """
    write = _write_plain if is_plain else json.dumps
    return "\n".join(_lines(document, "", write))


def _write_plain(value: object) -> str:
    if isinstance(value, str) and _WORDS.fullmatch(value) and value.lower() not in _NO_TEXT:
        return value
    return json.dumps(value)


def _lines(value: Mapping[str, object], indent: str, write: _Write) -> Iterator[str]:
    for key, member in value.items():
        plain = _KEY.fullmatch(key) and key.lower() not in _NO_TEXT
        head = f"{indent}{key if plain else json.dumps(key)}:"
        if isinstance(member, Mapping) and member:
            yield head
            yield from _lines(member, f"{indent}  ", write)
        elif isinstance(member, Sequence) and member and not isinstance(member, str):
            yield head
            for each in member:
                yield from _item(each, indent, write)
        else:
            yield f"{head} {write(member)}"


def _item(value: object, indent: str, write: _Write) -> Iterator[str]:
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}- {write(value)}"
        return
    first, *rest = _lines(value, f"{indent}  ", write)
    yield f"{indent}- {first.removeprefix(indent).lstrip()}"
    yield from rest
