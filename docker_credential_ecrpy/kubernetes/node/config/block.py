"""Writes values as block YAML, which people read: one line for each scalar, strings as in JSON."""

import json
from collections.abc import Mapping
from typing import Any


def format_member(key: str, value: Any, column: int) -> list[str]:
    """Return the lines of a mapping's member, indented to a column."""
    start = " " * column + f"{key}:"
    if isinstance(value, Mapping) and value:
        return [start, *format_members(value, column + 2)]
    if isinstance(value, list) and value:
        return [start, *(line for item in value for line in format_item(item, column + 2))]
    return [f"{start} {json.dumps(value, ensure_ascii=False)}"]


def format_members(value: Mapping[str, Any], column: int) -> list[str]:
    """Return the lines of a mapping."""
    return [line for key, each in value.items() for line in format_member(key, each, column)]


def format_item(value: Any, column: int) -> list[str]:
    """Return the lines of an item of a sequence, whose dash is at a column."""
    dash = " " * column + "- "
    if isinstance(value, Mapping) and value:
        first, *rest = format_members(value, column + 2)
        return [dash + first.lstrip(), *rest]
    return [dash + json.dumps(value, ensure_ascii=False)]
