"""A registry that is new to the cache, whose endpoint has a token."""

import json
import time

import pytest

from docker_credential_ecrpy.__main__ import quick_answer
from docker_credential_ecrpy.helper import warm
from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.entries import LOGIN
from tests.world.machine import HOST, Machine

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
    assert warm.answer(request, environ, now) is None
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
    reply = warm.answer(request, machine.environ, now)

    assert reply == f'{{"ServerURL":"{OTHER}",'.encode() + LOGIN


def test_settings_that_come_back_decide(machine: Machine) -> None:
    """Settings seen by the cache search still count while they are missing, as on a slow mount."""
    machine.login()
    settings = machine.settings("")
    machine.get()
    request, now = GetRequest(OTHER.encode()), time.time_ns()
    assert quick_answer(request, machine.environ, now) is None
    settings.rename(settings.with_name("away"))

    assert warm.answer(request, machine.environ, now) is None
