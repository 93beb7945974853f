"""Facts about the tokens in memory: one call for all that share an identity and a region."""

import threading
import time
from typing import Any, cast

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.accounts import EU, US, A, B
from tests.world.pull_secrets import HOUR, NOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.actions import Helper


class FakeHelper:
    """Issues numbered tokens of twelve hours. identity: the ambient one."""

    def __init__(self) -> None:
        self.identity = "one"
        self.now = NOW
        self.calls = 0
        self.error: HelperError | None = None

    def clock(self) -> int:
        return self.now

    def resolve(self, choice: Choice) -> Choice:
        return choice

    def read_identity(self) -> str:
        return self.identity

    def find_token(self, _: Choice) -> cache.Entry:
        time.sleep(0.05)
        self.calls += 1
        if self.error:
            raise self.error
        reply = f'"Username":"AWS","Secret":"{self.calls}"}}\n'.encode()
        return cache.Entry(self.now, self.now + 6 * HOUR, self.now + 12 * HOUR, reply)


@pytest.fixture(name="helper")
def _helper() -> FakeHelper:
    return FakeHelper()


def find(source: TokenSource, helper: FakeHelper, host: str = US.format(A), uid: str = "u") -> Any:
    found = registry.parse(host)
    assert found
    return source.find(cast("Helper", helper), Choice(found), uid)


def test_accounts_of_a_region_share_a_token(helper: FakeHelper) -> None:
    """Another region, and another identity, have their own."""
    source = TokenSource(helper.clock)
    first = find(source, helper)
    assert find(source, helper, US.format(B)) is first
    assert find(source, helper, EU.format(A)) is not first
    helper.identity = "two"

    assert find(source, helper) is not first
    assert helper.calls == 3


def test_threads_that_come_at_once_share_a_call(helper: FakeHelper) -> None:
    """They wait for the one that asks AWS."""
    source = TokenSource(helper.clock)
    threads = [threading.Thread(target=find, args=(source, helper)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert helper.calls == 1


def test_a_token_that_is_due_is_fetched_again(helper: FakeHelper) -> None:
    """For the object that asks: each has its own jitter, and the next ones share the new token."""
    source = TokenSource(helper.clock)
    first = find(source, helper)
    helper.now += 5 * HOUR
    assert find(source, helper) is first
    helper.now += HOUR
    second = find(source, helper, uid="a")

    assert second is not first
    assert find(source, helper, uid="b") is second


def test_a_failure_is_not_kept(helper: FakeHelper) -> None:
    """The next try asks again."""
    source = TokenSource(helper.clock)
    helper.error = HelperError("no")
    with pytest.raises(HelperError, match="no"):
        find(source, helper)
    helper.error = None

    assert find(source, helper)


def test_expired_tokens_are_dropped(helper: FakeHelper) -> None:
    """The files of an identity change for months."""
    source = TokenSource(helper.clock)
    for number in range(20):
        helper.identity = str(number)
        helper.now += 5 * HOUR
        find(source, helper)

    assert len(source._entries) <= 3
    assert len(source._locks) <= 4
