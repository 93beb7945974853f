"""The JSON Schema of config.toml, for editors: config_schema.py [FILE].

Made from the format of the file and the parser's own patterns. Its output is
docs/schemas/config.schema.json, with the rules that JSON Schema can express; the parser decides.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

TREE = Path(__file__).parent.parent
sys.path.insert(0, str(TREE))

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import loader, rule_parser
from docker_credential_ecrpy.settings.loader import TABLE
from tools import config_file
from tools.config_file import Key

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = TREE / "docs" / "schemas" / "config.schema.json"

_CLASSES = {r"\w": "A-Za-z0-9_", r"\d": "0-9"}
_CONTROL = r"\u0000-\u001f\u007f"
_NAME = rf"^[^\s{_CONTROL}](?:[^{_CONTROL}]*[^\s{_CONTROL}])?$"
_ACCOUNT = f"[0-9]{{{registry.ACCOUNT_DIGITS}}}"
# A set of a glob may hold any character; all else is what host names have, and * and ?.
_MATCH = r"^(?:[A-Za-z0-9.*?-]|\[(?:!.|[^!])[^\]]*\])+$"
_WILDCARD = r"[*?\[]"
_ENDS_IN_DOMAIN = r"\.[^*?\[\]]*\.[^*?\[\]]*$"


def translate(pattern: str) -> str:
    """Return a whole-text pattern of Python's, in ASCII mode, as one of ECMA-262."""
    parts = []
    inside = False
    for piece in re.findall(r"\\.|.", pattern, re.DOTALL):
        if piece in ("[", "]"):
            inside = piece == "["
        characters = _CLASSES.get(piece)
        if characters:
            piece = characters if inside else f"[{characters}]"  # noqa: PLW2901 - the same piece, translated
        parts.append(piece)
    return f"^(?:{''.join(parts)})$"


def make_schema() -> dict[str, Any]:
    """Return the schema: JSON Schema, draft 2020-12."""
    rules = config_file.find_key(config_file.TOP_KEYS, TABLE)
    properties = {key.name: _describe(key) for key in config_file.TOP_KEYS}
    properties[TABLE] = {
        "description": rules.meaning,
        "type": "array",
        "uniqueItems": True,
        "items": {"$ref": "#/$defs/rule"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": config_file.SCHEMA_URL,
        "title": f"{PACKAGE}: ~/.ecr/config.toml",
        "description": "Which AWS identity a registry's token is requested with.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": {
            "rule": _make_rule(),
            "account": _match_text(f"^{_ACCOUNT}$"),
            "ecrHost": _match_text(f"^(?:{_write_hosts()})$"),
        },
    }


def _make_rule() -> dict[str, Any]:
    ecr = [{"$ref": "#/$defs/account"}, {"$ref": "#/$defs/ecrHost"}]
    return {
        "description": "The AWS identity and endpoint for the registries that match.",
        "type": "object",
        "additionalProperties": False,
        "required": ["match"],
        "dependentRequired": {key.name: [key.needs] for key in config_file.RULE_KEYS if key.needs},
        "properties": {key.name: _describe(key) for key in config_file.RULE_KEYS},
        "if": {"required": ["registry"]},
        "then": {
            "properties": {
                "match": {
                    "not": {"anyOf": ecr},
                    "anyOf": [{"not": _match_text(_WILDCARD)}, _match_text(_ENDS_IN_DOMAIN)],
                }
            }
        },
        "else": {"properties": {"match": {"anyOf": [*ecr, _match_text(_WILDCARD)]}}},
    }


def _match_text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


def _describe(key: Key) -> dict[str, Any]:
    """Return the schema of one key's value."""
    schema: dict[str, Any] = {"description": key.meaning, "type": key.type}
    if key.type == "integer":
        limits = rule_parser.DURATIONS
        schema |= {"minimum": limits[0], "maximum": limits[-1]}
    elif key.name == "registry":
        schema["$ref"] = "#/$defs/ecrHost"
    else:
        schema["pattern"] = _find_pattern(key.name)
    if key.default:
        schema["default"] = _read_value(key.default)
    if key.examples:
        schema["examples"] = [_read_value(text) for text in key.examples]
    return schema


def _find_pattern(name: str) -> str:
    """Return the pattern that a key's text has to match."""
    forms = rule_parser._FORMS  # noqa: SLF001 - the parser's own, so that the two cannot differ
    if name in forms:
        return translate(forms[name][0].pattern)
    if name == "fallback":
        return translate(loader._HELPER.pattern)  # noqa: SLF001 - same
    return _MATCH if name == "match" else _NAME


def _write_hosts() -> str:
    """Return a pattern for the host names of ECR, in lower case."""
    region = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    suffixes, dual_stack, public = (
        "|".join(map(re.escape, sorted(hosts)))
        for hosts in (registry.SUFFIXES, registry.DUAL_STACK_SUFFIXES, registry.PUBLIC_HOSTS)
    )
    private = (
        rf"{_ACCOUNT}\.dkr\.ecr(?:-fips)?\.{region}\.(?:{suffixes})",
        rf"{_ACCOUNT}\.dkr-ecr(?:-fips)?\.{region}\.(?:{dual_stack})",
    )
    return "|".join((*private, public)).replace(r"\-", "-")  # ECMA-262 has no such escape


def _read_value(text: str) -> Any:
    """Return a value that is written in TOML."""
    return tomllib.loads(f"value = {text}")["value"]


def write(file: Path) -> None:
    """Write the schema."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(make_schema(), indent=2) + "\n", encoding="ascii", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FILE)
