"""Facts about when a pull secret is due."""

import statistics

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import (
    due_at,
    next_refresh,
    retry_delay,
)
from tests.world.pull_secrets import HOUR, NOW, TIMES

UIDS = [f"uid-{number}" for number in range(2000)]


def test_the_jitter_depends_on_the_object_alone() -> None:
    """Replicas and restarts compute the same time, which is a literal here."""
    assert (due_at(TIMES, "uid-1") - NOW) // cache.SECOND == 20973
    assert due_at(TIMES, "uid-1") != due_at(TIMES, "uid-2")


def test_the_jitter_spreads_over_the_last_tenth() -> None:
    """No object is due late, none earlier than a tenth, and no moment has them all."""
    due = [due_at(TIMES, uid) for uid in UIDS]

    assert min(due) >= TIMES.refresh - 6 * HOUR // 10
    assert max(due) <= TIMES.refresh
    assert len(set(due)) == len(due)
    middle = TIMES.refresh - 6 * HOUR // 20
    assert abs(statistics.mean(due) - middle) < HOUR // 60


@pytest.mark.parametrize(
    ("times", "now"),
    [
        (Times(NOW, NOW, NOW + HOUR), NOW),
        (Times(NOW, NOW - HOUR, NOW + HOUR), NOW),
        (Times(NOW + HOUR, NOW, NOW + 2 * HOUR), NOW + 1),
    ],
    ids=["at once", "dead session", "clock jumped back"],
)
def test_a_refresh_in_the_past_is_due_now(times: Times, now: int) -> None:
    """A token of credentials that have ended is due at once, and never before now."""
    assert next_refresh(times, "uid-1", now) == now


def test_a_token_from_the_cache_is_asked_for_at_its_own_time() -> None:
    """Within the jitter the engine's cache gives the same token, so asking again is no use."""
    due = due_at(TIMES, "uid-1")

    assert next_refresh(TIMES, "uid-1", NOW) == due
    assert next_refresh(TIMES, "uid-1", due) == TIMES.refresh


def test_retries_slow_down() -> None:
    """From seconds to minutes, without a limit to their number, and not all at once."""
    delays = [retry_delay(failures, "uid-1") / cache.SECOND for failures in (1, 2, 3, 7, 10**9)]

    assert 2.5 <= delays[0] <= 5
    assert delays == sorted(delays)
    assert 150 <= delays[-1] <= 300
    assert len({retry_delay(3, uid) for uid in UIDS}) == len(UIDS)
