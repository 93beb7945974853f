"""Parser of one `[[registry]]` table of the settings: checks it and returns its rule."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.settings import patterns, rule_reader
from docker_credential_ecrpy.settings.rule_reader import ROLE_KEYS
from docker_credential_ecrpy.settings.rules import ROLE_ARN, Rule
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

KEYS = ("match", "profile", "role_arn", *ROLE_KEYS, "registry", "endpoint_url", "region")
"""All keys of a rule."""

DURATIONS = range(900, 43200 + 1)
"""Seconds. Source (also of `_FORMS`):
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

GLOBS_COMPARED = 300
"""The most globs that a later rule is compared with, at some microseconds each."""

_MATCHES = 'such as "123456789012" or "*.dkr.ecr.eu-*.amazonaws.com"'
# key -> the form of its value, the name of that form, and an example
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
    """Return the rule in a table. Raises HelperError with file, line and key."""
    for key, value in table.items():
        _check_value(source, number, key, value)
    if "match" not in table:
        msg = f"this [[{source.table}]] has no match"
        hint = f"say which registries it is for; write match {_MATCHES}"
        raise source.error_at(number, "", msg, hint)
    for key in ROLE_KEYS:
        if key in table and "role_arn" not in table:
            msg = f"{key} belongs to a role, and this rule has none"
            raise source.error_at(number, key, msg, "add role_arn, or remove it")
    _check_registry(source, number, table.get("registry", ""))
    rule = rule_reader.read(source, number, table)
    _check_pattern(source, number, table["match"], rule.pattern, rule.registry)
    return rule


def suggest_key(key: str, keys: Sequence[str]) -> str:
    """Return the hint for a key that is not in `keys`: the nearest one, or all."""
    near = suggest(key, keys)
    return f"did you mean {near}?" if near else f"the keys are {', '.join(keys)}"


def shown(value: Any) -> str:
    """Return a value of the file, fit for an error."""
    if isinstance(value, str):
        return f'"{one_line(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return one_line(str(value))
    except ValueError:
        return "a number of thousands of digits"


def _check_value(source: TomlDocument, number: int, key: str, value: Any) -> None:
    """Raise HelperError for a key or value that no rule has."""
    if key not in KEYS:
        hint = f"put it above the first [[{source.table}]]"
        if key != "fallback":
            hint = suggest_key(key, KEYS)
        msg = f"unknown key {shown(key)} in [[{source.table}]]"
        raise source.error_at(number, key, msg, hint)
    if expected := _find_mismatch(key, value):
        given = "" if key == "external_id" else f" = {shown(value)}"  # that is a secret
        msg = f"{key}{given} is not {expected[0]}"
        raise source.error_at(number, key, msg, f"write it such as {key} = {expected[1]}")


def _find_mismatch(key: str, value: Any) -> tuple[str, str] | None:
    """Return what a key's value must be, and an example; None if the value is right."""
    if key == "duration":
        fits = isinstance(value, int) and not isinstance(value, bool) and value in DURATIONS
        limits = f"from {DURATIONS[0]} to {DURATIONS[-1]}"
        return None if fits else (f"a number of seconds {limits}", "3600")
    if not isinstance(value, str):
        return "a string", f'"{shown(value)}", in quotes'
    if not value or value != value.strip() or not value.isprintable():
        return "a name", '"...", without blanks around it'
    form, what, example = _FORMS.get(key, (None, "", ""))
    fits = form is None or form.fullmatch(value) is not None
    if fits and key == "endpoint_url":
        fits = bool(registry.parse_host(value)) and _has_port(value)
    return None if fits else (what, f'"{example}"')


def _has_port(url: str) -> bool:
    """Whether a URL has a usable port, or none."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _check_registry(source: TomlDocument, number: int, text: str) -> None:
    found = registry.parse(text)
    if text and (found is None or found.host != text.lower()):
        msg = f"registry = {shown(text)} is not the host name of an ECR registry"
        hint = 'write it such as registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com"'
        raise source.error_at(number, "registry", msg, hint)


def _check_pattern(
    source: TomlDocument,
    number: int,
    text: str,
    pattern: patterns.Pattern,
    stands_for: Registry | None,
) -> None:
    msg, hint = "", f"write it {_MATCHES}"
    try:
        patterns.check(pattern)
    except patterns.BadPattern as exc:
        msg = f"match = {shown(text)}: {exc}"
        raise source.error_at(number, "match", msg, hint) from exc
    is_ecr = pattern.is_account or (not pattern.is_glob and registry.parse(pattern.text))
    if stands_for and is_ecr:
        msg = "this is an ECR registry itself, not a private name for one"
        hint = "remove registry, or give the private name as match"
    elif stands_for and pattern.is_glob and not pattern.ends_in_domain:
        msg = "it matches hosts of other owners, which would receive a token"
        hint = 'end it in a domain of yours, such as "*.example.com"'
    elif not (stands_for or is_ecr or (pattern.is_glob and pattern.can_match_ecr())):
        msg = "it can match no ECR registry"
        if not pattern.is_glob:
            hint += '; if it is a private name in front of ECR, add registry = "..."'
    if msg:
        raise source.error_at(number, "match", f"match = {shown(text)}: {msg}", hint)


def check_reach(source: TomlDocument, rules: Sequence[Rule]) -> None:
    """Raise HelperError for a rule that is never reached: one above it takes all of its hosts.

    Compares it with an equal rule, its account's, and the first `GLOBS_COMPARED` globs: a file may
    have thousands of rules, and comparing all of them would be slow.
    """
    above: dict[bool, dict[str, Rule]] = {False: {}, True: {}}
    globs = {False: _Globs(), True: _Globs()}
    for number, rule in enumerate(rules):
        earlier, wide = above[rule.registry is None], globs[rule.registry is None]
        text, examples = rule.pattern.text, rule.pattern.examples
        of_account = earlier.get(text.partition(".")[0])
        near = wide.find(examples[0])
        near = [of_account, *near] if of_account else near
        takes_all = (other for other in near if all(map(other.pattern.matches, examples)))
        hidden_by = earlier.get(text) or next(takes_all, None)
        if hidden_by:
            taken_by = f'match = "{hidden_by.pattern.text}" in line {hidden_by.place.line}'
            msg = f'match = "{text}" is never reached: {taken_by} takes all of its hosts'
            hint = "the first rule that matches wins: move this one up, or remove it"
            raise source.error_at(number, "match", msg, hint)
        earlier[text] = rule
        if rule.pattern.is_glob:
            wide.add(rule)


class _Globs:
    """The first `GLOBS_COMPARED` rules with a glob, by the text before its first wildcard."""

    def __init__(self) -> None:
        self._count = 0
        self._lengths: set[int] = set()
        self._by_start: dict[str, list[tuple[int, str, Rule]]] = {}

    def add(self, rule: Rule) -> None:
        if self._count < GLOBS_COMPARED:
            self._count += 1
            self._lengths.add(len(rule.pattern.start))
            found = self._by_start.setdefault(rule.pattern.start, [])
            found.append((self._count, rule.pattern.longest, rule))

    def find(self, example: str) -> list[Rule]:
        """Return the rules that may cover a host, in the file's order."""
        found: list[tuple[int, Rule]] = []
        for length in self._lengths:
            near = self._by_start.get(example[:length], ())
            found += [(number, rule) for number, longest, rule in near if longest in example]
        return [rule for _, rule in sorted(found, key=lambda pair: pair[0])]
