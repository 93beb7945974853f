"""One `[[registry]]` of the settings, checked and made into a rule."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.settings import patterns
from docker_credential_ecrpy.settings.rules import ROLE_ARN, Place, Role, Rule
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from docker_credential_ecrpy.text.sanitize import one_line

ROLE_KEYS = ("external_id", "role_session_name", "duration")
KEYS = ("match", "profile", "role_arn", *ROLE_KEYS, "registry", "endpoint_url", "region")
"""All that a rule may have."""

DURATIONS = range(900, 43200 + 1)
"""Seconds that a role's session may last. The limits of its name and external id stand beside
it in https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html."""

GLOBS_COMPARED = 300
"""Globs that a rule below them is compared with, each in some microseconds."""

_MATCHES = 'such as "123456789012" or "*.dkr.ecr.eu-*.amazonaws.com"'
# key -> what its text has to look like, and what that is called
_FORMS = {
    "role_arn": (ROLE_ARN, "the ARN of a role", "arn:aws:iam::123456789012:role/puller"),
    "external_id": (
        re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
        "an external id: 2 to 1224 letters, digits and +=,.@:/-",
        "partner-7",
    ),
    "role_session_name": (
        re.compile(r"[\w+=,.@-]{2,64}", re.ASCII),
        "a role session name: 2 to 64 letters, digits and +=,.@-",
        "docker",
    ),
    "endpoint_url": (
        re.compile(r"https?://[\w.-]+(:\d+)?(/[^\s?#@]*)?", re.ASCII),
        "the URL of an endpoint, without user info and query",
        "https://vpce-1.api.ecr.us-east-1.vpce.amazonaws.com",
    ),
    "region": (re.compile(r"[a-z0-9][a-z0-9-]{0,62}"), "a region", "eu-west-1"),
}


def read(source: TomlDocument, number: int, table: Mapping[str, Any]) -> Rule:
    """Return the rule that a table is. Raises HelperError, with its file, line and key."""
    for key, value in table.items():
        _check(source, number, key, value)
    if "match" not in table:
        msg = f"this [[{source.table}]] has no match"
        hint = f"say which registries it is for; write match {_MATCHES}"
        raise source.wrong(number, "", msg, hint)
    for key in ROLE_KEYS:
        if key in table and "role_arn" not in table:
            msg = f"{key} is for a role, and this rule has none"
            raise source.wrong(number, key, msg, "add role_arn, or remove it")
    stands_for = _stands_for(source, number, table)
    role = None
    if "role_arn" in table:
        plain = Role(table["role_arn"])
        role = Role(
            plain.arn,
            table.get("external_id", plain.external_id),
            table.get("role_session_name", plain.session_name),
            table.get("duration", plain.duration),
        )
    return Rule(
        _pattern(source, number, table["match"], stands_for),
        {key: _place(source, number, key) for key in table},
        table.get("profile", ""),
        role,
        stands_for,
        table.get("endpoint_url", "").rstrip("/"),
        table.get("region", ""),
    )


def unknown(key: str, keys: Sequence[str]) -> str:
    """Return the hint for a key that is none of `keys`: the one that was meant, or all."""
    near = difflib.get_close_matches(key.lower(), keys, n=1)
    return f"did you mean {near[0]}?" if near else f"it may be {', '.join(keys)}"


def shown(value: Any) -> str:
    """Return a value as it may stand in the file, fit for an error."""
    if isinstance(value, str):
        return f'"{one_line(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return one_line(str(value))
    except ValueError:
        return "a number of thousands of digits"


def _place(source: TomlDocument, number: int, key: str) -> Place:
    return Place(source.file, lambda: source.line(number, key))


def _check(source: TomlDocument, number: int, key: str, value: Any) -> None:
    """Raise HelperError for a key or value that no rule has."""
    if key not in KEYS:
        hint = unknown(key, KEYS)
        if key == "fallback":
            hint = f"put it above the first [[{source.table}]]"
        msg = f"unknown key {shown(key)} in [[{source.table}]]"
        raise source.wrong(number, key, msg, hint)
    wanted = _wanted(key, value)
    if wanted:
        msg = f"{key} = {shown(value)} is not {wanted[0]}"
        raise source.wrong(number, key, msg, f"write it such as {key} = {wanted[1]}")


def _wanted(key: str, value: Any) -> tuple[str, str] | None:
    """Return what a key's value has to be, and an example; None where it is that."""
    if key == "duration":
        fits = isinstance(value, int) and not isinstance(value, bool) and value in DURATIONS
        limits = f"from {DURATIONS[0]} to {DURATIONS[-1]}"
        return None if fits else (f"a number of seconds {limits}", "3600")
    if not isinstance(value, str):
        return "a text", f'"{shown(value)}", in quotes'
    if not value or value != value.strip() or not value.isprintable():
        return "a name", '"...", without blanks around it'
    form, what, example = _FORMS.get(key, (None, "", ""))
    fits = form is None or form.fullmatch(value) is not None
    if fits and key == "endpoint_url":
        fits = bool(registry.host_of(value)) and _has_port(value)
    return None if fits else (what, f'"{example}"')


def _has_port(url: str) -> bool:
    """Whether a URL's port is one, where it has any."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _stands_for(source: TomlDocument, number: int, table: Mapping[str, Any]) -> Registry | None:
    text = table.get("registry")
    if text is None:
        return None
    found = registry.parse(text)
    if found is None or found.host != text.lower():
        msg = f"registry = {shown(text)} is not the host name of an ECR registry"
        hint = 'write it such as registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com"'
        raise source.wrong(number, "registry", msg, hint)
    return found


def _pattern(
    source: TomlDocument, number: int, text: str, stands_for: Registry | None
) -> patterns.Pattern:
    def wrong(msg: str, hint: str) -> HelperError:
        return source.wrong(number, "match", f"match = {shown(text)}: {msg}", hint)

    try:
        pattern = patterns.parse(text)
    except patterns.BadPattern as exc:
        raise wrong(str(exc), f"write it {_MATCHES}") from exc
    of_ecr = pattern.is_account or (not pattern.is_glob and registry.parse(pattern.text))
    if stands_for:
        if of_ecr:
            msg = "this is an ECR registry itself, and stands for no other"
            raise wrong(msg, "remove registry, or give the private name as match")
        if pattern.is_glob and not pattern.ends_in_domain:
            msg = "it takes in hosts of anybody, which would be sent a token"
            raise wrong(msg, 'end it in a domain of yours, such as "*.example.com"')
    elif not of_ecr and not (pattern.is_glob and pattern.can_match_ecr()):
        msg = "it can match no ECR registry"
        hint = f"write it {_MATCHES}"
        if not pattern.is_glob:
            hint += '; if it is a private name in front of ECR, add registry = "..."'
        raise wrong(msg, hint)
    return pattern


def check_reach(source: TomlDocument, rules: Sequence[Rule]) -> None:
    """Raise HelperError for a rule that one above it leaves nothing for.

    That is what an equal one, its account's, or a glob does. No account or host is compared with
    all others, and no rule with more than `GLOBS_COMPARED` globs: a file may have thousands.
    """
    above: dict[bool, dict[str, Rule]] = {False: {}, True: {}}
    globs: dict[bool, list[Rule]] = {False: [], True: []}
    for number, rule in enumerate(rules):
        earlier, wide = above[rule.registry is None], globs[rule.registry is None]
        text, examples = rule.pattern.text, rule.pattern.examples
        near = (other for other in (earlier.get(text.partition(".")[0]), *wide) if other)
        takes_all = (other for other in near if all(map(other.pattern.matches, examples)))
        hidden_by = earlier.get(text) or next(takes_all, None)
        if hidden_by:
            taken_by = f'match = "{hidden_by.pattern.text}" in line {hidden_by.place.line}'
            msg = f'match = "{text}" is never reached: {taken_by} takes all of its hosts'
            hint = "the first rule that matches wins: move this one up, or remove it"
            raise source.wrong(number, "match", msg, hint)
        earlier[text] = rule
        if rule.pattern.is_glob and len(wide) < GLOBS_COMPARED:
            wide.append(rule)
