"""The documented forms of JSON documents: docs/schemas."""

import json
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from tests.world.tree import REPOSITORY

SCHEMAS = REPOSITORY / "docs" / "schemas"


def load(name: str) -> dict[str, Any]:
    """Return a schema, which has to be valid itself."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return schema


def check(document: object, name: str) -> None:
    """Fail with every place at which a document is not of its schema's form."""
    validator = Draft202012Validator(load(name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert errors == []
