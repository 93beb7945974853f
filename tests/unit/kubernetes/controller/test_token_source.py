"""Facts about the tokens in memory: one call for all that share an identity and a region."""

import threading
import time
from typing import Any, cast

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.hot.values import dataclass, field, replace
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times, times_of
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import due_at
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.token import Token
from tests.world.accounts import EU, US, A, B
from tests.world.pull_secrets import HOUR, NOW, TIMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.actions import Helper


@dataclass
class FakeHelper:
    """Issues numbered tokens of twelve hours. identity: the ambient one. kept: in its cache."""

    identity: str = "one"
    now: int = NOW
    calls: int = 0
    error: HelperError | None = None
    environ: dict[str, str] = field(default_factory=lambda: {"AWS_ECR_DISABLE_CACHE": "1"})
    kept: cache.Entry | None = None

    def clock(self) -> int:
        return self.now

    def resolve(self, choice: Choice) -> Choice:
        return choice

    def read_identity(self) -> str:
        return self.identity

    def without_cache(self) -> "FakeHelper":
        return replace(self, environ={"AWS_ECR_DISABLE_CACHE": "1"})

    def find_token(self, _: Choice) -> cache.Entry:
        time.sleep(0.05)
        kept = self.kept
        if "AWS_ECR_DISABLE_CACHE" not in self.environ and kept and kept.refresh > self.now:
            return kept
        self.calls += 1
        if self.error:
            raise self.error
        reply = f'"Username":"AWS","Secret":"{self.calls}"}}\n'.encode()
        entry = cache.Entry(self.now, self.now + 6 * HOUR, self.now + 12 * HOUR, reply)
        if "AWS_ECR_DISABLE_CACHE" not in self.environ:
            self.kept = entry
        return entry


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


def test_a_failure_counts_for_a_moment(helper: FakeHelper) -> None:
    """For the objects that come at once; the next try of each asks again."""
    source = TokenSource(helper.clock)
    helper.error = HelperError("no")
    for uid in "abc":
        with pytest.raises(HelperError, match="no"):
            find(source, helper, uid=uid)
    assert helper.calls == 1
    helper.error = None
    helper.now += 2 * cache.SECOND

    assert find(source, helper)
    assert helper.calls == 2


def test_expired_tokens_are_dropped(helper: FakeHelper) -> None:
    """The files of an identity change for months."""
    source = TokenSource(helper.clock)
    for number in range(20):
        helper.identity = str(number)
        helper.now += 5 * HOUR
        find(source, helper)

    assert len(source._entries) <= 3
    assert len(source._locks) <= 4


def test_the_cache_on_disk_does_not_gather_the_objects(helper: FakeHelper) -> None:
    """It gives its token until its own time; an object that is due sooner gets a new one."""
    del helper.environ["AWS_ECR_DISABLE_CACHE"]
    source = TokenSource(helper.clock)
    first = find(source, helper, uid="a")
    times = Times(first.written, first.refresh, first.expires)
    helper.now = due_at(times, "a")
    assert helper.now < first.refresh
    assert find(source, helper, uid="a") is not first


def test_the_jitter_of_the_machine_is_not_added() -> None:
    """That of the object alone counts, which is the same in every replica."""
    for due in (TIMES, Times(NOW, NOW + HOUR, NOW + 12 * HOUR)):
        end = due.refresh if due is not TIMES else None
        entry = Token("AWS", "token", due.expires, end).entry(NOW)

        assert entry.refresh < due.refresh
        assert abs(times_of(entry).refresh - due.refresh) < cache.SECOND
