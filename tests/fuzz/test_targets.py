"""Facts about hostile input: the promises hold whatever is read.

The targets of `tests.fuzz` state the promises for each entry of such input. These tests run the
kept inputs and nearly valid ones; `python -m tests.fuzz` searches for more.
"""

import faulthandler
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from docker_credential_ecrpy.aws.errors import explain as errors
from docker_credential_ecrpy.docker import config
from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper import actions
from docker_credential_ecrpy.hot import cache, protocol, registry
from docker_credential_ecrpy.settings import editor, rule_parser, rules
from docker_credential_ecrpy.settings.rules import Choice, Rule
from docker_credential_ecrpy.settings.toml_document import Statement, TomlDocument
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import login, store
from docker_credential_ecrpy.tokens.lock_note import LockNote
from tests.fuzz.near import near
from tests.fuzz.targets import TARGETS, Target
from tests.world.entries import LOGIN
from tests.world.machine import HOST
from tests.world.tree import REPOSITORY

LONG = 64 * 1024

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@each_target
def test_the_kept_inputs_break_nothing(target: Target) -> None:
    """Inputs written by hand, and those that the fuzzer found to reach new code, pass."""
    assert len(target.seeds) > 2
    _run_kept(target)


def _run_kept(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed)


@each_target
def test_nearly_valid_inputs_break_nothing(target: Target) -> None:
    """Valid inputs with one part replaced, which get past the first checks, pass."""

    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(data=near(target))
    def explore(data: bytes) -> None:
        target.run(data)

    explore()


@contextmanager
def _end_soon() -> Iterator[None]:
    """End the process after a minute: a regular expression that hangs blocks other code."""
    faulthandler.dump_traceback_later(60, exit=True, file=protocol.STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b"\\", b'"', b"'", b"a", b"*", b"\xff", b"\n"])
@each_target
def test_long_inputs_do_not_hang(target: Target, piece: bytes) -> None:
    """One piece repeated up to the limit of standard input is handled in time."""
    with _end_soon():
        target.run((piece * LONG)[:LONG])


REPEATED = {
    "rules": ("settings", b'[[registry]]\nmatch = "1*"\n'),
    "headings": ("settings", b"[[registry]]\n"),
    "stars": ("settings", b'[[registry]]\nmatch = "' + b"*1" * 200 + b'"\n'),
    "comments": ("settings", b"#\n"),
    "quotes": ("settings", b'""" """\n'),
    "lines": ("settings", b"a = '''\n'''\n"),
    "dots": ("get", b"a."),
    "at signs": ("get", b"@"),
    "schemes": ("get", b"a://"),
    "ports": ("erase", b":1"),
    "members": ("docker-config", b'"a":1,'),
    "strings": ("docker-config", b'"\\u0000'),
    "elements": ("sts", b"<a>"),
    "attributes": ("sts", b"<a a='"),
    "headers": ("wire", b"a: b\r\n"),
    "interim answers": ("wire", b"HTTP/1.1 100 x\r\n\r\n"),
    "chunks": ("wire", b"1\r\na\r\n"),
    "secrets in an error": ("credential-process", b"A" * 39 + b"+ "),
    "ends of user info": ("credential-process", b"a@"),
    "line breaks": ("credential-process", b"\n"),
}
_CHUNKED = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_pieces_do_not_hang(name: str) -> None:
    """Repeated pieces of each language are handled in time: no search is quadratic.

    Answers of AWS and outputs of programs have no size limit.
    """
    target, piece = REPEATED[name]
    most = LONG * 16 if target in ("sts", "wire", "credential-process") else LONG
    data = (piece * most)[:most]
    with _end_soon():
        TARGETS[target].run(data)
        if name == "members":
            TARGETS[target].run(b"{" + data.rpartition(b",")[0] + b"}")
        elif name == "chunks":
            TARGETS[target].run(_CHUNKED + data)


_DENIED = b'400\nDate: Thu, 01 Jan %s GMT\n\n{"__type":"AccessDeniedException"}'
KEPT = (TARGETS["aws-cache"].corpus / "session").read_bytes()
REGRESSIONS = {
    "a year too large for C": ("ecr", _DENIED % b"9999999999 00:00:00"),
    "an invalid hour": ("ecr", _DENIED % (b"1970 " + b"9" * 20 + b":00:00")),
    "a cached session, too deep": ("aws-cache", b"[" * 200_000),
    "a cached session, with an endless year": ("aws-cache", KEPT.replace(b"2035", b"9" * 20)),
    "a cached session, without a time zone": ("aws-cache", KEPT.replace(b"T00:00:00Z", b"")),
    "a cached session, until a number": (
        "aws-cache",
        KEPT.replace(b'"2035-01-01T00:00:00Z"', b"4e9"),
    ),
    "beginnings of user info": ("credential-process", b"://" * LONG * 5),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_past_failures_pass(name: str) -> None:
    """Inputs that broke a promise in the past pass."""
    target, data = REGRESSIONS[name]
    with _end_soon():
        TARGETS[target].run(data)


NESTED: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "arrays": ("settings", lambda n: b"x = " + b"[" * n + b"]" * n),
    "tables": ("settings", lambda n: b"x = " + b"{a=" * n + b"1" + b"}" * n),
    "objects": ("docker-config", lambda n: b'{"a":' * n + b"1" + b"}" * n),
    "a helper": ("docker-config", lambda n: b'{"credHelpers":{"a":' + b"[" * n + b"]" * n + b"}}"),
}


@pytest.mark.parametrize("name", NESTED)
def test_no_depth_is_too_deep_for_a_later_step(name: str) -> None:
    """Near the depth limit, a file that one step reads is not too deep for the next."""
    target, nested = NESTED[name]
    shallow, deep = 1, 4000
    while deep - shallow > 1:
        middle = (shallow + deep) // 2
        if _is_too_deep(target, nested(middle)):
            deep = middle
        else:
            shallow = middle
    for depth in range(max(deep - 30, 1), deep + 5):
        TARGETS[target].run(nested(depth))


def _is_too_deep(target: str, data: bytes) -> bool:
    try:
        if target == "settings":
            TomlDocument("config.toml", data, "registry")
        else:
            JsonDocument("config.json", data)
    except HelperError as exc:
        return "nested too deeply" in exc.message
    return False


_INSERT_LINES, _APPLY, _CHOOSE = editor._Page.insert_lines, JsonDocument.apply, rules.choose


def _to_any_host(_server_url: str) -> str:
    return HOST


def _nothing(*_: object, **__: object) -> None:
    pass


def _raises(*_: object, **__: object) -> Any:
    raise KeyError


def _with_more(page: editor._Page, below: Statement | None, lines: Sequence[str]) -> str:
    return _INSERT_LINES(page, below, lines) + "\n# more\n"


def _crossed(source: JsonDocument, changes: dict[tuple[str, ...], Any]) -> bytes:
    return _APPLY(source, changes).replace(b"gcr.io", b"gcs.io")


def _believes(_data: bytes) -> tuple[cache.Entry, str]:
    return cache.Entry(0, 2**62, 2**62, LOGIN), f"{HOST} AWS_PROFILE='dev'"


def _from_below(url: str, written: Sequence[Rule], environ: Mapping[str, str]) -> Choice | None:
    return _CHOOSE(url, written[::-1], environ)


BROKEN: dict[str, tuple[str, Any, str, Any]] = {
    "every address is ECR's": ("get", registry, "parse_host", _to_any_host),
    "a token for another host": ("get", protocol, "NOT_FOUND", "none"),
    "nothing is cached": ("get", entry_file, "write", _nothing),
    "a login is not stored": ("store", entry_file, "write", _nothing),
    "another login is stored": ("store", login, "reply_tail", lambda _: b'"a":"b"}\n'),
    "a login is not erased": ("store", store, "forget", lambda *_: 0),
    "all is erased": ("erase", store, "_find_copies", lambda at, _: _names_in(at)),
    "nothing is erased": ("erase", store, "forget", lambda *_: 0),
    "file names are listed": ("list", registry, "parse", lambda _: True),
    "a reader breaks": ("settings", rule_parser, "read", _raises),
    "the last rule wins": ("settings", rules, "choose", _from_below),
    "no line": ("settings", TomlDocument, "line", lambda *_: 0),
    "one more byte changes": ("settings-edit", editor._Page, "insert_lines", _with_more),
    "a name is not found": ("docker-config", config, "bare_host", lambda _: ""),
    "another member changes": ("docker-config", JsonDocument, "apply", _crossed),
    "no helper is read": ("docker-config", JsonDocument, "members", lambda *_: []),
    "a checksum is not checked": ("cache-entry", cache, "parse", _believes),
    "a miss is an error": ("cache-entry", cache, "checksum", _raises),
    "a note is always used": ("lock-note", LockNote, "shared_failure", lambda *_: HelperError("x")),
    "an empty error": ("ecr", errors, "explain", lambda *_: HelperError("")),
    "an error with a traceback": ("sts", errors, "explain", lambda *_: HelperError("<class")),
}


def _names_in(directory: str) -> list[str]:
    return [path.name for path in Path(directory).glob("*")]


@pytest.mark.parametrize("name", BROKEN)
def test_a_target_notices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the kept inputs fails when a function is broken, so the tests above can fail."""
    target, owner, attribute, broken = BROKEN[name]
    TARGETS[target].run(TARGETS[target].seeds[0])  # creates its home
    monkeypatch.setattr(owner, attribute, broken)
    with pytest.raises((AssertionError, LookupError, ValueError, RecursionError)):
        _run_kept(TARGETS[target])


def test_an_unexpected_error_fails_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other exception fails the target, and names its place."""
    monkeypatch.setattr(actions.Helper, "store", _raises)
    with pytest.raises(AssertionError, match="unexpected KeyError at"):
        TARGETS["store"].run(b"{}")


def test_the_fuzzer_runs() -> None:
    """Without atheris it runs for the given time, and reports its runs."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz"),
            *("--engine", "random", "--seconds", "1", "--target", "lock-note"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    first, *_, last = done.stdout.splitlines()

    assert first.startswith("engine: Hypothesis")
    name, runs, *_, broken = last.split()
    assert (name, broken) == ("lock-note", "-")
    assert int(runs) > len(TARGETS["lock-note"].seeds)
