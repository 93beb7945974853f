"""A registry that is new to the cache, whose endpoint has a token."""

import json
import threading
import time

import pytest

from docker_credential_ecrpy.__main__ import quick_answer
from docker_credential_ecrpy.helper import warm
from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.hot.protocol import GetRequest
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
    ["settings", "a profile for the account", "a role for it", "no cache", "another region",
     "another identity", "no host of ECR's", "expired", "due for refresh"],
)  # fmt: skip
def test_in_all_other_cases_it_gives_nothing(machine: Machine, case: str) -> None:
    """In all other cases the settings, the broker or the protocol decides."""
    machine.login()
    machine.get()
    environ, now, host = dict(machine.environ), time.time_ns(), OTHER
    if case == "settings":
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

    assert reply == f'{{"ServerURL":"{OTHER}",'.encode() + LOGIN


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
