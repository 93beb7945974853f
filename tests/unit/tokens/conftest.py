"""A broker with a clock and an AWS that the tests control."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world.tokens import Brokers, Clock, FakeAws, Fetch, MakeBroker


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="fake")
def _fake(clock: Clock) -> FakeAws:
    return FakeAws(clock)


@pytest.fixture(name="broker")
def _broker(tmp_path: Path, clock: Clock, fake: FakeAws) -> MakeBroker:
    def make(
        identity: str = "me",
        directory: str | None = None,
        fetch: Fetch = fake.fetch,
        ambient: str = "",
        unchanged: Callable[[], bool] = lambda: True,
    ) -> Brokers:
        where = str(tmp_path / "ecr") if directory is None else directory
        return Brokers(
            where,
            ambient or identity,
            identity,
            unchanged,
            identity,
            fetch,
            clock,
            lambda _: None,
        )

    return make
