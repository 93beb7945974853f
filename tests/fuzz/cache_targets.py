"""Hostile files in the cache: entries, and the note in a lock."""

import itertools
import json
import os
import re
from functools import cache as once

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.hot.cache import Entry, Miss
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import inventory, store
from docker_credential_ecrpy.tokens.broker import Broker
from docker_credential_ecrpy.tokens.token import Token
from tests.fuzz.sandbox import MADE_UP, Sandbox
from tests.world.machine import HOST

NOW = 1_800_000_000 * cache.SECOND
SUBJECT = f"{HOST} AWS_PROFILE='dev'"
_PATH = f".ecr/tokens/{HOST}~{1:032x}"
_COPY = f".ecr/tokens/{HOST}~{2:032x}"
_PRIME = 31415926535897932384626433832795028841  # part of the format, so an attacker may know it
_BODY = re.compile(rb" ([^ \n]*) ([^ \n]*) ([^ \n]*) ([^\n]*)\n(.*)", re.DOTALL)


@once
def _open_sandbox() -> Sandbox:
    return Sandbox({})


def entry(data: bytes) -> None:
    """A file is a miss, or the live entry that was looked up; the same with a valid checksum."""
    sandbox = _open_sandbox()
    with sandbox.entered():
        _check_in_place(sandbox, data)
    with sandbox.entered():
        path = sandbox.path(_PATH)
        _put(path, b"ecrpy-1 " + _checksum(data) + data)
        found = _read(path)
        fields = _BODY.fullmatch(data)
        if found:
            assert fields is not None
            assert fields[4].decode() == SUBJECT
            times = found.written, found.refresh, found.expires
            assert times == tuple(map(int, fields.groups()[:3]))
            assert found.reply == fields[5]
            assert found.written <= NOW < found.expires
            copy = sandbox.path(_COPY)
            entry_file.write(copy, SUBJECT, found)
            again = _read(copy)
            assert again is not None
            assert (again.reply, again.expires) == (found.reply, found.expires)
        listed = list(inventory.list_records(sandbox.path(".ecr"), NOW))
        assert [one.entry is not None and not one.problem for one in listed if found] == [
            bool(found) for _ in listed if found
        ]
        store.sweep(os.path.dirname(path), NOW)
        assert os.path.exists(path) or not found


def _check_in_place(sandbox: Sandbox, data: bytes) -> None:
    """With the file in the entries' places, a get returns a token."""
    directory = sandbox.path(".ecr")
    places = (
        cache.login_place(directory, HOST),
        cache.token_place(directory, HOST, identity.line(os.environ)),
    )
    for path, subject in places:
        _put(path, data)
        try:
            cache.read(path, subject, NOW, environ={})
        except Miss:
            continue
        return  # it is a valid entry
    result = sandbox.run("get", HOST.encode())
    assert f'"{MADE_UP}{sandbox.fetched}"'.encode() in result.stdout, result
    with open(places[0][0], "rb") as stream:
        assert stream.read() == data


def _checksum(data: bytes) -> bytes:
    return f"{int.from_bytes(data, 'big') % _PRIME:032x}".encode()


def _read(path: str) -> Entry | None:
    try:
        return cache.read(path, SUBJECT, NOW, environ={})
    except Miss:
        return None


def _put(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(opened, data)
    finally:
        os.close(opened)


def _check_one_line(error: HelperError) -> None:
    # The text came from this program, which alone writes such files.
    assert "\n" not in make_printable(str(error))


def note(data: bytes) -> None:
    """Any content of a lock file gives a token, or the failure that another process noted."""
    sandbox = _open_sandbox()
    with sandbox.entered():
        clock = itertools.count(1)

        def fetch(_choice: Choice, _seconds: float) -> Token:
            return Token("AWS", "secret", NOW)

        found = registry.parse(HOST)
        assert found
        choice = Choice(found)
        broker = Broker(
            directory=sandbox.path(".ecr"),
            ambient="ambient",
            choice=choice,
            unchanged=lambda: True,
            circumstances="circumstances",
            fetch=fetch,
            clock=lambda: next(clock),
            log=lambda _: None,
            environ={},
        )
        slot = int(cache.fingerprint("ambient"), 16) % 4096
        _put(sandbox.path(f".ecr/locks/{found.endpoint}~{slot:03x}"), data)
        try:
            answer = broker.obtain(5)
        except HelperError as exc:
            assert json.loads(data)["who"] == "circumstances", "another identity's note was used"
            _check_one_line(exc)
        else:
            assert b'"secret"' in answer.reply
