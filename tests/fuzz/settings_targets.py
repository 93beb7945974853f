"""A hostile config.toml: how it is read, and what an edit leaves unchanged."""

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import identity, registry
from docker_credential_ecrpy.settings import editor, loader, rules
from docker_credential_ecrpy.settings.rules import Choice, Rule
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from tests.fuzz import oracles
from tests.fuzz.sandbox import Sandbox, check_error
from tests.fuzz.stdin_targets import NEIGHBOUR, PRIVATE
from tests.world.machine import HOST

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = ".ecr/config.toml"
HOSTS = (
    HOST,
    NEIGHBOUR,
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "123456789012.dkr-ecr-fips.us-gov-west-1.on.aws",
    "public.ecr.aws",
    PRIVATE,
    "a.images.example.com",
    "ghcr.io",
)
ROLE = "arn:aws:iam::123456789012:role/puller"
_WITH_LINES = 3  # tables whose line numbers are checked
Edit = Callable[[bytes], bytes]


@cache
def _open_sandbox() -> Sandbox:
    return Sandbox({})


def loaded(data: bytes) -> None:
    """The file gives rules that mean what the TOML says, or an error with a line of the file."""
    sandbox = _open_sandbox()
    sandbox.put(FILE, data)
    with sandbox.entered():
        try:
            found = loader.load(os.environ)
        except HelperError as exc:
            _check_error(exc, sandbox.path(FILE), data)
            assert sandbox.run("list").code == 1
        else:
            _check_rules(found, data)
            if not found.fallback:
                assert sandbox.run("list").stdout == b"{}\n"
            sandbox.run("get", HOST.encode())
        assert sandbox.found()[FILE] == data


def _check_error(exc: HelperError, file: str, data: bytes) -> None:
    check_error(exc)
    if exc.message.startswith(f"{file} cannot be read: "):
        assert len(data) > loader.MAX_SIZE
        return
    line = exc.message.removeprefix(f"{file}:").partition(":")[0]
    assert 1 <= int(line) <= data.count(b"\n") + 1, exc.message
    assert exc.hint


def _check_rules(found: loader.Settings, data: bytes) -> None:
    parsed = tomllib.load(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")))
    assert set(parsed) <= {"fallback", "registry"}
    assert (found.fallback.text if found.fallback else None) == parsed.get("fallback")
    tables: list[dict[str, Any]] = parsed.get("registry", [])
    assert [rule.pattern.text for rule in found.rules] == [t["match"].lower() for t in tables]
    assert found.stamp != identity.MISSING
    for number, (rule, table) in enumerate(zip(found.rules, tables, strict=True)):
        assert set(rule.places) == set(table)
        if number < _WITH_LINES:
            for key, place in rule.places.items():
                _check_line_of(data.split(b"\n"), number, key, place.line)
    for host in HOSTS:
        decides: Mapping[str, Any] = oracles.deciding(tables, host) or {}
        choice = rules.choose(host, found.rules, {})
        target = decides.get("registry", host).lower()
        if choice is None:
            assert not oracles.is_ecr(target), host
            continue
        assert oracles.is_ecr(target), host
        assert choice.registry.host == host
        assert choice.profile == decides.get("profile", "")
        assert choice.endpoint_url == decides.get("endpoint_url", "").rstrip("/")
        assert (choice.role.arn if choice.role else None) == decides.get("role_arn")
        if "region" in decides and not choice.registry.public:
            assert choice.registry.region == decides["region"]


def _check_line_of(lines: list[bytes], number: int, key: str, line: int) -> None:
    """Fail unless the statement that begins in this line, from 1 on, sets the table's key."""
    assert not _has(lines[: line - 1], number, key), "the key is in a line above"
    assert lines[line - 1].strip(), "the line is empty"
    for end in range(line, len(lines) + 1):
        try:
            found = _has(lines[:end], number, key)
        except tomllib.TOMLDecodeError:
            continue  # the statement continues
        assert found, "the key is in a line below"
        return


def _has(lines: list[bytes], number: int, key: str) -> bool:
    text = b"\n".join(lines).removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n")
    tables = tomllib.loads(text.removesuffix("\r")).get("registry", [])
    return len(tables) > number and key in tables[number]


def edited(data: bytes) -> None:
    """An edit makes its change and no other; a second one changes nothing; it can be undone.

    The first byte chooses the edit; the rest is the file.
    """
    edit, host, wanted = _EDITS[data[0] % len(_EDITS) if data else 0]
    data = data[1:]
    try:
        after = edit(data)
    except HelperError as exc:
        check_error(exc)
    else:
        _check_edit(edit, data, after, host, wanted)


def _check_edit(
    edit: Edit, data: bytes, after: bytes, host: str, wanted: tuple[str, str] | None
) -> None:
    before, choices = _choices(data), _choices(after)
    if wanted:
        assert _who(choices[host]) == wanted, after
    account = host.partition(".")[0]
    for other in HOSTS:
        if not (host and other.startswith(account)):
            assert _summary(choices[other]) == _summary(before[other]), other
    assert edit(after) == after, "a second edit changes the file"
    if _tables(after) > _tables(data):
        assert oracles.same_but_for_one_piece(data, after), after
        assert _undone(data, after, host) == data, after


def _choices(data: bytes) -> dict[str, Choice | None]:
    found = _rules(data)
    return {host: rules.choose(host, found, {}) for host in HOSTS}


def _rules(data: bytes) -> Sequence[Rule]:
    return loader.parse(TomlDocument(FILE, data, loader.TABLE)).rules


def _who(choice: Choice | None) -> tuple[str, str] | None:
    return (choice.profile, choice.role.arn if choice.role else "") if choice else None


def _summary(choice: Choice | None) -> object:
    if choice is None:
        return None
    found = choice.registry
    return _who(choice), choice.role, choice.endpoint_url, found.host, found.region, found.endpoint


def _tables(data: bytes) -> int:
    parsed = tomllib.load(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")))
    return len(parsed.get("registry", [])) + ("fallback" in parsed)


def _undone(before: bytes, after: bytes, host: str) -> bytes:
    """Return the settings without an edit's addition: a fallback, or a rule."""
    if not host:
        return editor.set_fallback(after, FILE, "")
    account = registry.parse(host)
    texts = {rule.pattern.text for rule in _rules(after)} - {r.pattern.text for r in _rules(before)}
    whole = account is not None and account.account in texts
    return editor.forget(after, FILE, host, account_too=whole)


def _chosen(host: str, profile: str, role_arn: str) -> Edit:
    return lambda data: editor.choose(data, FILE, host, profile=profile, role_arn=role_arn)


def _forgotten(host: str) -> Edit:
    return lambda data: editor.forget(data, FILE, host, account_too=True)


def _fallback(name: str) -> Edit:
    return lambda data: editor.set_fallback(data, FILE, name)


_EDITS: tuple[tuple[Edit, str, tuple[str, str] | None], ...] = (
    *(
        (_chosen(host, profile, role), host, (profile, role))
        for host in (HOST, "public.ecr.aws", PRIVATE)
        for profile, role in (("prod", ""), ("", ROLE), ("x y", ROLE))
    ),
    (_forgotten(HOST), HOST, None),
    (_fallback("pass"), "", None),
    (_fallback(""), "", None),
)
