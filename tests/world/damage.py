"""Damage to the fields of a JSON file, one field at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def damage(
    fields: dict[str, Any], values: Callable[[str], Iterable[object]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a field's name, such as `a.b`, and a copy of the fields where it is missing or wrong.

    values: gives the wrong values for the last part of a name.
    """
    for name, value in fields.items():
        yield name, {key: fields[key] for key in fields if key != name}
        yield from ((name, {**fields, name: wrong}) for wrong in values(name))
        if isinstance(value, dict):
            for below, damaged in damage(value, values):
                yield f"{name}.{below}", {**fields, name: damaged}


def is_expiry(name: str) -> bool:
    """Whether a field of the AWS CLI's caches is a time."""
    return name.endswith(("xpiresAt", "xpiration"))
