"""A registry that is new to the cache, whose endpoint has a token."""

import json
import os
import threading
import time
from typing import Any

import pytest

from docker_credential_ecrpy.__main__ import quick_answer
from docker_credential_ecrpy.helper import warm
from docker_credential_ecrpy.hot import cache, identity, registry, watchdog
from docker_credential_ecrpy.hot.protocol import NOT_FOUND, GetRequest
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.turn import Turn
from tests.world.entries import LOGIN
from tests.world.machine import HOST, Machine
from tests.world.tokens import ENDPOINT

OTHER = HOST.replace("123456789012", "210987654321")
ELSEWHERE = HOST.replace("us-east-1", "eu-west-1")


def test_it_is_the_same_token_and_kept_and_listed(machine: Machine) -> None:
    """The endpoint's token is returned, stored for the host, and the host is listed."""
    machine.login()
    first = machine.get().secret

    assert machine.get(OTHER).secret == first
    assert len(machine.entries()) == 3
    assert set(json.loads(machine.run("list").stdout)) == {f"https://{HOST}", f"https://{OTHER}"}
    assert machine.aws.count() == {"ecr": 1}


@pytest.mark.parametrize(
    "case",
    ["new settings", "a profile for the account", "a role for it", "no cache", "another region",
     "another identity", "no host of ECR's", "expired", "due for refresh"],
)  # fmt: skip
def test_in_all_other_cases_it_gives_nothing(machine: Machine, case: str) -> None:
    """In all other cases the settings, the broker or the protocol decides."""
    machine.login()
    machine.get()
    environ, now, host = dict(machine.environ), time.time_ns(), OTHER
    if case == "new settings":
        machine.settings("")
    elif case == "a profile for the account":
        environ["AWS_ECR_PROFILE_210987654321"] = "other"
    elif case == "a role for it":
        environ["AWS_ECR_ROLE_ARN_210987654321"] = "arn:aws:iam::210987654321:role/puller"
    elif case == "no cache":
        environ["AWS_ECR_DISABLE_CACHE"] = "1"
    elif case == "another identity":
        environ["AWS_ACCESS_KEY_ID"] = "AKIAOTHER"
    else:
        hosts = {"another region": ELSEWHERE, "no host of ECR's": "ghcr.io"}
        hours = {"expired": 13, "due for refresh": 7}
        host = hosts.get(case, OTHER)
        now += hours.get(case, 0) * 3600 * cache.SECOND

    request = GetRequest(host.encode())
    assert quick_answer(request, environ, now) is None or case == "no host of ECR's"
    reply, turn = warm.answer(request, environ, now)
    if turn:
        turn.close()
    assert reply is None
    assert len(machine.entries()) == 2


ROLE = "arn:aws:iam::210987654321:role/puller"
PRIVATE = "images.example.com"
RULES = f"""
[[registry]]
match = "images.example.com"
registry = "{HOST}"
region = "us-east-1"

[[registry]]
match = "21098765432?.dkr.ecr.us-*"
role_arn = "ROLE"
external_id = "partner-7"

[[registry]]
match = "*.dkr.ecr.eu-[vw]*.amazonaws.com"
region = "us-east-1"

[[registry]]
match = "111111111111"
profile = "auto"
"""


@pytest.fixture(name="home")
def _home(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's home, which is a part of the identity, in this process, too."""
    monkeypatch.setenv("HOME", str(machine.home))
    monkeypatch.setenv("USERPROFILE", str(machine.home))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HOST, HOST.replace("123456789012", "999999999999")),
        (HOST, PRIVATE),
        (PRIVATE, HOST),
        (OTHER, OTHER.replace("210987654321", "210987654322")),
        (HOST, ELSEWHERE),
        (HOST, "ghcr.io"),
        (ELSEWHERE, HOST),
    ],
)
def test_with_rules_it_is_the_same_as_the_long_way(machine: Machine, first: str, then: str) -> None:
    """The same answer and files, and no call: the rule table says whose token it is."""
    machine.login()
    machine.settings(RULES.replace("ROLE", machine.aws.role(external_id="partner-7").arn))
    machine.get(first)
    assert machine.rules()
    calls, before = machine.aws.count(), machine.cached()
    request, now = GetRequest(then.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    reply, _ = warm.answer(request, machine.environ, now)
    found = machine.cached()
    written = found.keys() - before.keys()
    assert len(written) == (1 if then == "ghcr.io" else 2)
    for name in written:
        (machine.cache / name).unlink()
    long_way = machine.get(then, AWS_ECR_DEBUG="no")

    assert reply == (long_way.code, long_way.stdout)
    assert found == machine.cached()
    assert machine.aws.count() == calls


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("host", "fallback"),
    [("111111111111.dkr.ecr.us-east-1.amazonaws.com", ""), ("ghcr.io", 'fallback = "x"\n')],
)
def test_with_rules_others_take_the_long_way(machine: Machine, host: str, fallback: str) -> None:
    """An account whose profile only the AWS files have, and what a fallback answers."""
    machine.login()
    machine.settings(fallback + RULES.replace("ROLE", ROLE))
    machine.get()
    assert machine.rules()
    request, now = GetRequest(host.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None

    assert warm.answer(request, machine.environ, now) == (None, None)


@pytest.mark.usefixtures("home")
def test_edited_rules_decide_at_once(machine: Machine) -> None:
    """The table of the rules before an edit chooses for no registry, in either step."""
    machine.login()
    settings = machine.settings("")
    machine.get()
    machine.get(ELSEWHERE)
    request, now = GetRequest(OTHER.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    settings.write_text(f'[[registry]]\nmatch = "{OTHER[:12]}"\nregion = "eu-west-1"\n')
    assert warm.answer(request, machine.environ, now) == (None, None)

    east, west = machine.get().secret, machine.get(ELSEWHERE).secret
    assert machine.get(OTHER).secret == west != east
    assert len(machine.rules()) == 1


def test_a_stored_login_comes_first(machine: Machine) -> None:
    """A stored login answers first: it may belong to another role."""
    machine.login()
    machine.get()
    login = f'{{"ServerURL": "{OTHER}", "Username": "AWS", "Secret": "mine"}}'
    machine.run("store", stdin=login.encode())

    assert machine.get(OTHER).secret == "mine"


def test_a_cache_that_cannot_be_written_is_not_in_the_way(machine: Machine) -> None:
    """The token is returned, also if the cache cannot be written."""
    line, now = identity.line(machine.environ), time.time_ns()
    entry = cache.Entry(now, now + cache.SECOND, now + cache.SECOND, LOGIN)
    found = registry.parse(HOST)
    assert found is not None
    place = cache.token_place(str(machine.cache), found.endpoint, line)
    entry_file.write(*place, entry)
    (machine.cache / "registries").write_text("in the way")

    request = GetRequest(OTHER.encode())
    assert quick_answer(request, machine.environ, now) is None
    reply, _ = warm.answer(request, machine.environ, now)

    assert reply == (0, f'{{"ServerURL":"{OTHER}",'.encode() + LOGIN)


def test_settings_that_come_back_decide(machine: Machine) -> None:
    """Settings seen by the cache search still count while they are missing, as on a slow mount."""
    machine.login()
    settings = machine.settings("")
    machine.get()
    request, now = GetRequest(OTHER.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    settings.rename(settings.with_name("away"))

    assert warm.answer(request, machine.environ, now) == (None, None)


@pytest.mark.parametrize("why", ["its time limit is invalid", "its home is missing"])
def test_it_takes_no_turn(machine: Machine, why: str) -> None:
    """The broker's modules report the first, and create nothing for the second."""
    machine.login()
    if why == "its home is missing":
        machine.environ["HOME"] = str(machine.root / "nonexistent")
    else:
        machine.environ["AWS_ECR_TIMEOUT"] = "soon"
    before = sorted(machine.root.rglob("*"))
    request, now = GetRequest(HOST.encode()), time.time_ns()

    assert quick_answer(request, machine.environ, now) is None
    assert warm.answer(request, machine.environ, now) == (None, None)
    assert sorted(machine.root.rglob("*")) == before


def test_a_lock_that_is_free_is_kept(machine: Machine) -> None:
    """Others that start while this one loads its modules wait for it."""
    machine.login()
    request, now = GetRequest(HOST.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    reply, turn = warm.answer(request, machine.environ, now)
    assert (reply, turn and turn.is_held) == (None, True)

    machine.environ["AWS_ECR_TIMEOUT"] = "0.3"
    _, other = warm.answer(request, machine.environ, now)
    assert turn
    turn.close()

    assert other
    with other:
        assert (other.is_held, other.waited > 0.15) == (False, True)
        assert other.take(0)


def test_what_waited_in_vain_lets_others_go_first(machine: Machine) -> None:
    """The lock is not kept while the modules load that share the failure."""
    machine.login()
    machine.environ["AWS_ECR_TIMEOUT"] = "9"
    request, now = GetRequest(HOST.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    _, first = warm.answer(request, machine.environ, now)
    assert first
    threading.Timer(0.2, first.close).start()
    _, second = warm.answer(request, machine.environ, now)

    assert second
    with second:
        assert (second.is_held, 0.1 < second.waited < 6) == (False, True)
        with Turn(str(machine.cache), ENDPOINT, request.identity, now) as third:
            assert third.take(0)


@pytest.mark.usefixtures("home")
def test_what_another_process_fetched_for_the_same_host_is_written_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited for it writes nothing: sixty-four processes may wait."""
    machine.login()
    request, now = GetRequest(HOST.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    take = Turn.take

    def take_after_another(self: Turn, seconds: float) -> bool:
        if seconds:
            return take(self, seconds)
        machine.get()
        monkeypatch.delattr(warm, "entry")
        return False

    monkeypatch.setattr(Turn, "take", take_after_another)
    reply, turn = warm.answer(request, machine.environ, now)

    assert turn is None
    assert reply == (0, machine.get().stdout)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("host", [HOST, OTHER, PRIVATE, ELSEWHERE])
def test_with_rules_the_turn_is_that_of_the_broker(machine: Machine, host: str) -> None:
    """Or two processes would fetch one token."""
    machine.login()
    machine.settings(RULES.replace("ROLE", machine.aws.role(external_id="partner-7").arn))
    machine.get(host)
    (lock,) = machine.entries("locks")
    for entry in machine.entries():
        entry.unlink()
    request, now = GetRequest(host.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    _, turn = warm.answer(request, machine.environ, now)

    assert turn
    with turn:
        assert (turn.name, turn.is_held) == (lock.name, True)


@pytest.mark.usefixtures("home")
def test_a_fault_after_the_wait_leaves_no_lock(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process would wait for itself: it goes the long way with a lock of its own."""
    machine.login()
    request, now = GetRequest(HOST.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    read, calls = cache.read, []

    def fail(*place: Any) -> cache.Entry:
        calls.append(place)
        if len(calls) > 1:
            raise MemoryError
        return read(*place)

    monkeypatch.setattr(cache, "read", fail)
    with pytest.raises(MemoryError):
        warm.answer(request, machine.environ, now)

    with Turn(str(machine.cache), ENDPOINT, request.identity, now) as turn:
        assert turn.take(0)


REQUEST = GetRequest(HOST.encode())


def _answer_in_time(
    monkeypatch: pytest.MonkeyPatch, given: object
) -> tuple[object, list[tuple[object, ...]]]:
    """Return the answer in time where `answer` gives or raises something, and the watchdog's."""
    calls: list[tuple[object, ...]] = []

    def answer(*arguments: object) -> object:
        calls.append(("answer", *arguments[:2]))
        if isinstance(given, BaseException):
            raise given
        return given

    monkeypatch.setattr(warm, "answer", answer)
    monkeypatch.setattr(watchdog, "start", lambda *arguments: calls.append(("start", *arguments)))
    monkeypatch.setattr(watchdog, "stop", lambda: calls.append(("stop",)))
    return warm.answer_in_time(REQUEST, {"AWS_ECR_TIMEOUT": "7"}, print), calls


@pytest.mark.parametrize(
    ("given", "found", "stops"),
    [
        (((0, b"reply"), None), ((0, b"reply"), None), True),
        ((None, "a turn"), (None, "a turn"), False),
        (OSError("it comes again"), (None, None), False),
    ],
    ids=["a reply", "a turn", "an error"],
)
def test_the_time_limit_counts(
    monkeypatch: pytest.MonkeyPatch, given: object, found: object, stops: bool
) -> None:
    """From before the answer until a reply; without one, the time goes on for the broker."""
    answer, calls = _answer_in_time(monkeypatch, given)

    assert answer == found
    assert calls == [
        ("start", 7.0, print),
        ("answer", REQUEST, {"AWS_ECR_TIMEOUT": "7"}),
        *([("stop",)] if stops else []),
    ]


def test_an_interrupt_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Python made another error of it."""
    with pytest.raises(KeyboardInterrupt):
        _answer_in_time(monkeypatch, KeyboardInterrupt())
    error = ImportError("interrupted")
    error.__cause__ = KeyboardInterrupt()
    with pytest.raises(ImportError, match="interrupted"):
        _answer_in_time(monkeypatch, error)


@pytest.mark.usefixtures("home")
def test_another_registry_is_refused_without_a_cache_that_can_be_written(machine: Machine) -> None:
    """The rule table says so; the note for the hot path is for speed alone."""
    machine.login()
    machine.settings(RULES.replace("ROLE", ROLE))
    machine.get()
    request, now = GetRequest(b"ghcr.io"), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    name = cache.elsewhere_place(str(machine.cache), "ghcr.io", request.identity)[0]
    os.mkdir(name)

    found = warm.answer(request, machine.environ, now)
    assert found == ((1, f"{NOT_FOUND}\n".encode()), None)
    os.rmdir(name)
    assert warm.answer(request, machine.environ, now)[0]
    entry, _ = cache.read_any(name)
    life = 12 * 3600 * cache.SECOND
    assert (entry.written, entry.refresh, entry.expires) == (now, now + life, now + life)
    kept = quick_answer(GetRequest(b"ghcr.io"), machine.environ, now)
    assert kept == (1, f"{NOT_FOUND}\n".encode())
