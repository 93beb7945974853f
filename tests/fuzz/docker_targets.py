"""A hostile config.json of Docker's: how it is read, and what an edit leaves unchanged."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts
from docker_credential_ecrpy.docker.plan import Plan, make_plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite, replace_file
from docker_credential_ecrpy.hot.values import replace
from tests.fuzz import oracles
from tests.fuzz.sandbox import Sandbox, check_error, check_line
from tests.fuzz.stdin_targets import PRIVATE
from tests.world.machine import HOST

FILE = ".docker/config.json"
HELPER = "ecr-login"
_SECTIONS = ("credhelpers", "auths", "credsstore")
_TELLING = 12  # characters; a shorter password may be part of any text by chance
_NOW = 1_800_000_000 * 10**9
_BOTH = ConfigureRequest(dict.fromkeys((HOST, PRIVATE), ("", "")))
_ALL = ConfigureRequest(store=True, fallback="pass")
_GONE = ConfigureRequest(dict.fromkeys((HOST, PRIVATE), ("", "")), store=True, remove=True)


class Pairs(list[tuple[str, Any]]):
    """A JSON object that keeps the order of its keys and their repetitions."""


class Raw(str):
    """A number as it is written."""

    __slots__ = ()


@cache
def _open_sandbox() -> Sandbox:
    return Sandbox({})


def config_json(data: bytes) -> None:
    """The file is read as JSON; an edit changes what it should, and its opposite undoes it."""
    sandbox = _open_sandbox()
    sandbox.put(FILE, data)
    sandbox.put_back()
    file = sandbox.path(FILE)
    wanted = _parse(data)
    try:
        config = DockerConfig.load(file)
    except HelperError as exc:
        check_error(exc)
        _check_refused(exc, wanted)
        assert _edit(file, data, _BOTH) is None
        return
    assert wanted is not None, "a file that is no JSON was read"
    _check_read(config, wanted)
    after = _edit(file, data, _BOTH)
    assert after is not None
    _check_added(data, after, wanted)
    _edit(file, data, _ALL)
    back = _edit(file, after, _GONE, earlier=(data,))
    parsed = None if back is None else _parse(back)
    assert parsed is not None
    if not _ours(wanted):
        assert _same(parsed, wanted), back
    if not (_ours(wanted) or _named(wanted)):
        assert back == data
    _write(sandbox, data, after)


def _check_refused(error: HelperError, wanted: "Pairs | None") -> None:
    assert wanted is None or "nested too deeply" in error.message, error.message


def _write(sandbox: Sandbox, before: bytes, after: bytes) -> None:
    """Check that the file is replaced atomically, and its previous content is in a backup."""
    file = sandbox.path(FILE)
    backup = replace_file(Rewrite(file, before, after))
    with open(file, "rb") as stream:
        assert stream.read() == after
    with open(backup, "rb") as stream:
        assert stream.read() == before
    assert len(os.listdir(os.path.dirname(file))) == len((file, backup))


def _edit(
    file: str, data: bytes, wanted: ConfigureRequest, earlier: tuple[bytes, ...] = ()
) -> bytes | None:
    """Return the file's content after an edit, and check that a second one changes nothing."""
    try:
        plan = _plan(file, data, wanted, earlier)
    except HelperError as exc:
        check_error(exc)
        return None
    for text in map(str, (*plan.notes, *plan.warnings)):
        check_line(text)
    after = plan.rewrites[0].after
    assert not _plan(file, after, wanted, earlier).needed, after
    return after


def _plan(file: str, data: bytes, wanted: ConfigureRequest, earlier: tuple[bytes, ...]) -> Plan:
    config = DockerConfig.parse(file, data)
    facts = DockerFacts(config, HELPER, [HELPER], now=_NOW, backups=earlier)
    if wanted.store and not wanted.remove:
        settings = b'fallback = "pass"\n'
        facts = replace(facts, settings_file="config.toml", settings=settings)
    return make_plan(facts, wanted)


# --- the oracle: json, with order, repetitions and numbers as they are written -----------------


def _parse(data: bytes) -> Pairs | None:
    """Return the file's content; None if Docker cannot read it."""
    text = data.decode("utf-8", "surrogateescape")
    if not text.strip(" \t\r\n"):
        return Pairs()
    try:
        with _deep():
            found = json.loads(
                text,
                object_pairs_hook=Pairs,
                parse_int=Raw,
                parse_float=Raw,
                parse_constant=_refuse,
            )
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, Pairs):
        return None
    sections = [value for key, value in found if key.casefold() in _SECTIONS[:2]]
    return found if all(value is None or isinstance(value, Pairs) for value in sections) else None


@contextmanager
def _deep() -> Iterator[None]:
    """Raise the recursion limit of the oracle, so that the product reaches its limit first."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(3 * limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _same(one: Pairs, other: Pairs) -> bool:
    """Return whether two files agree in everything that an edit for our hosts leaves alone."""
    with _deep():
        return _untouched(one) == _untouched(other)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _section(wanted: Pairs, name: str) -> Pairs:
    """Return the members of a section: those of each object after the last null."""
    found = Pairs()
    for key, value in wanted:
        if key.casefold() == name:
            found = Pairs([*found, *value]) if value is not None else Pairs()
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Raw)


def _check_read(config: DockerConfig, wanted: Pairs) -> None:
    helpers = {key: value for key, value in _section(wanted, "credhelpers") if _is_text(value)}
    assert set(config.helpers) >= set(helpers)
    last = dict(_section(wanted, "credhelpers"))
    assert {k: config.helpers[k] for k in helpers if _is_text(last[k])} == {
        k: last[k] for k in helpers if _is_text(last[k])
    }
    stores = [value for key, value in wanted if key.casefold() == "credsstore"]
    store = next((value for value in reversed(stores) if value is not None), "")
    assert config.store == (store if _is_text(store) else "")
    keys = [key for key, _ in _section(wanted, "auths")]
    assert {login.key for login in config.logins} <= set(keys)
    for problem in config.problems:
        check_line(str(problem))
    for login in config.logins:
        shown = repr(login).replace(repr(login.key), "").replace(repr(login.username), "")
        assert len(login.password) < _TELLING or login.password not in shown


def _check_added(before: bytes, after: bytes, wanted: Pairs) -> None:
    parsed = _parse(after)
    assert parsed is not None, after
    helpers = _section(parsed, "credhelpers")
    for host in (HOST, PRIVATE):
        assert {value for key, value in helpers if key == host} == {HELPER}
        assert not [key for key, value in helpers if _is_text(value) and _bare(key) == host != key]
        assert not [
            key
            for key, login in _section(parsed, "auths")
            if _bare(key) == host and isinstance(login, Pairs) and dict(login).get("auth")
        ]
    assert _same(parsed, wanted), after
    if wanted and not _named(wanted):
        assert oracles.same_but_for_one_piece(before, after), after


def _means(key: str) -> bool:
    return oracles.host_of(key) in (HOST, PRIVATE)


def _bare(key: str) -> str:
    """Return the host of a key; "" if the key has a port, which Docker treats as another host."""
    host = oracles.host_of(key)
    port = key.partition("://")[2] or key
    return "" if host == PRIVATE and ":" in port.rpartition("@")[2].partition("/")[0] else host


def _named(wanted: Pairs) -> bool:
    """Return whether the file names the hosts already, or has null or { } for credHelpers."""
    if any(key.casefold() == _SECTIONS[0] and not value for key, value in wanted):
        return True
    named = [key for name in _SECTIONS[:2] for key, _ in _section(wanted, name)]
    return any(map(_means, named))


def _ours(wanted: Pairs) -> bool:
    """Return whether the file names our helper already."""
    values = [value for _, value in _section(wanted, "credhelpers")]
    values += [value for key, value in wanted if key.casefold() == "credsstore"]
    return any("ecr" in value for value in values if isinstance(value, str))


def _untouched(wanted: Pairs) -> Mapping[str, object]:
    """Return the members, in order, that an edit for our hosts leaves alone."""
    top = [(key, value) for key, value in wanted if key.casefold() not in _SECTIONS[:2]]
    inner = {
        name: [pair for pair in _section(wanted, name) if not _means(pair[0])]
        for name in _SECTIONS[:2]
    }
    return {"top": top, **inner}
