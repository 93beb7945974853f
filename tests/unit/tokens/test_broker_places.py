"""The broker's cache places, and edits of the settings during a call."""

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.lookup import CacheHit, Kind, LookupResult
from tests.world.tokens import (
    ENDPOINT,
    HOST,
    HOUR,
    START,
    Clock,
    FakeAws,
    MakeBroker,
    keep_stale,
    parse_host,
    read_secret,
)

pytestmark = pytest.mark.usefixtures("same_descriptors")


class TestTheHostsPlaces:
    """The helper passes on what it found in the host's places a moment ago."""

    @pytest.fixture(autouse=True)
    def _busy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process holds the lock, so that nothing is looked up under it."""
        monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

    @pytest.mark.parametrize(("hours", "given"), [(2, "of host"), (4, "of endpoint")])
    def test_a_token_there_that_is_due_is_in_hand(
        self, broker: MakeBroker, fake: FakeAws, hours: int, given: str
    ) -> None:
        """The host's token that is due is in hand, or the endpoint's if that expires later."""
        keep_stale(broker, ENDPOINT, "of endpoint", START + hours * HOUR)
        reply = b'"Username":"AWS","Secret":"of host"}\n'
        entry = cache.Entry(START - HOUR, START, START + 3 * HOUR, reply)
        host = LookupResult(due=(CacheHit(Kind.HOST, "path", entry),))

        assert read_secret(broker().obtain(parse_host(), 25, host)) == given
        assert fake.calls == []

    def test_without_one_the_endpoints_fresh_token_serves(
        self, broker: MakeBroker, fake: FakeAws
    ) -> None:
        """Only the endpoint's place is looked up, and no lock is taken."""
        broker().obtain(parse_host("2" + HOST[1:]), 25)
        lines: list[str] = []
        made = broker()
        made.log = lines.append

        assert read_secret(made.obtain(parse_host(), 25, LookupResult())) == "token-1"
        assert lines == [
            f"cache: the token of {ENDPOINT} serves {HOST}",
            f"cache: written for {HOST}",
        ]

    def test_they_are_not_looked_up_again(self, broker: MakeBroker, fake: FakeAws) -> None:
        """The first log lines are about the endpoint and the lock, not the host."""
        lines: list[str] = []
        made = broker()
        made.log = lines.append
        made.obtain(parse_host(), 25, LookupResult())

        assert lines[:2] == [
            f"cache: nothing for {ENDPOINT}: there is none yet",
            "lock: timeout",
        ]


class TestAnEditMeanwhile:
    """AWS's files are edited after their stamps were read."""

    OTHER = "210987654321" + HOST[12:]

    def test_a_fetched_token_is_for_this_call_alone(
        self, broker: MakeBroker, fake: FakeAws
    ) -> None:
        """The fetched token is not stored: its identity is unknown."""
        assert read_secret(broker(unchanged=lambda: False).obtain(parse_host(), 25)) == "token-1"
        assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"

    def test_a_token_that_is_shared_is_not_kept_for_the_host(
        self, broker: MakeBroker, fake: FakeAws
    ) -> None:
        """An endpoint's token is not stored under the host, whose identity line is outdated."""
        broker("profile b", ambient="line").obtain(parse_host(self.OTHER), 25)
        edited = broker("profile b", ambient="line", unchanged=lambda: False)
        assert read_secret(edited.obtain(parse_host(), 25)) == "token-1"

        assert (
            read_secret(broker("profile a", ambient="line").obtain(parse_host(), 25)) == "token-2"
        )

    def test_the_hosts_token_is_not_shared_when_its_renewal_fails(
        self, broker: MakeBroker, fake: FakeAws, clock: Clock
    ) -> None:
        """The host's token belongs to the old identity, so it is not stored for the endpoint."""
        broker("profile a", ambient="line").obtain(parse_host(), 25)
        clock.now += 7 * HOUR
        fake.error = HelperError("AWS is down")
        with pytest.raises(HelperError):
            broker("profile b", ambient="line", unchanged=lambda: False).obtain(parse_host(), 25)
        fake.error = None

        other = broker("profile b", ambient="line").obtain(parse_host(self.OTHER), 25)
        assert read_secret(other) == "token-3"
