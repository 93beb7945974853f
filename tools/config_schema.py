"""The JSON Schema of config.toml, for editors: config_schema.py [FILE].

Made from the format of the file. The schema covers the rules that JSON Schema can express; the
parser decides. Its output is docs/schemas/config.schema.json.
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
# What a name must not have: control, format and line characters, and all blanks but a space.
_UNPRINTABLE = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u1680\u180e"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
)
_NAME = f"^[^ {_UNPRINTABLE}](?:[^{_UNPRINTABLE}]*[^ {_UNPRINTABLE}])?$"
_ACCOUNT = f"[0-9]{{{registry.ACCOUNT_DIGITS}}}"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
# A URL with the characters that URLs have, without query and fragment; a port of 1 to 5 digits.
_ENDPOINT = (
    rf"^https?://{_HOST}\.?(?::0*[1-9][0-9]{{0,4}})?(?:/[A-Za-z0-9._~:/\[\]!\$&'()*+,;=%-]*)?$"
)
# A set of a glob may hold any character; all else is what host names have, and * and ?.
_SET = r"\[(?:!.|[^!])[^\]]*\]"
_MATCH = rf"^(?:[A-Za-z0-9.*?-]|{_SET})+$"
_WILDCARD = r"[*?\[]"
# A set may stand for one character, such as a dot.
_ENDS_IN_DOMAIN = rf"(?:(?:\.|{_SET})(?:[^*?\[\]]|{_SET})*){{2}}$"


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
            "privateHost": {
                "not": {"anyOf": [{"$ref": "#/$defs/ecrHost"}, _match_text("^[0-9]+$")]},
                **_match_text(f"^{_HOST}$"),
            },
            "privateGlob": {"allOf": [_match_text(_WILDCARD), _match_text(_ENDS_IN_DOMAIN)]},
        },
    }


def _make_rule() -> dict[str, Any]:
    ecr = [{"$ref": "#/$defs/account"}, {"$ref": "#/$defs/ecrHost"}]
    private = [{"$ref": "#/$defs/privateHost"}, {"$ref": "#/$defs/privateGlob"}]
    return {
        "description": "The AWS identity and endpoint for the registries that match.",
        "type": "object",
        "additionalProperties": False,
        "required": ["match"],
        "dependentRequired": {key.name: [key.needs] for key in config_file.RULE_KEYS if key.needs},
        "properties": {key.name: _describe(key) for key in config_file.RULE_KEYS},
        "if": {"required": ["registry"]},
        "then": {"properties": {"match": {"anyOf": private}}},
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
    own = {"match": _MATCH, "endpoint_url": _ENDPOINT, "profile": _NAME}
    if name in own:
        return own[name]
    forms = rule_parser._FORMS  # noqa: SLF001 - the parser's own, so that the two cannot differ
    form = loader._HELPER if name == "fallback" else forms[name][0]  # noqa: SLF001 - same
    return translate(form.pattern)


def _write_hosts() -> str:
    """Return a pattern for the host names of ECR, in upper or lower case."""
    suffixes, dual_stack, public = (
        "|".join(map(_fold, sorted(hosts)))
        for hosts in (registry.SUFFIXES, registry.DUAL_STACK_SUFFIXES, registry.PUBLIC_HOSTS)
    )
    fips = f"(?:{_fold('-fips')})?"
    private = (
        rf"{_ACCOUNT}\.{_fold('dkr.ecr')}{fips}\.{_LABEL}\.(?:{suffixes})",
        rf"{_ACCOUNT}\.{_fold('dkr-ecr')}{fips}\.{_LABEL}\.(?:{dual_stack})",
    )
    return "|".join((*private, public))


def _fold(text: str) -> str:
    """Return a pattern for a part of a host name in any case: ECMA-262 has no flag for it."""
    return re.sub("[a-z]", lambda found: f"[{found[0].upper()}{found[0]}]", text).replace(
        ".", r"\."
    )


def _read_value(text: str) -> Any:
    """Return a value that is written in TOML."""
    return tomllib.loads(f"value = {text}")["value"]


def write(file: Path) -> None:
    """Write the schema."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(make_schema(), indent=2) + "\n", encoding="ascii", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FILE)
