"""Facts about when a pull secret is due."""

import statistics

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import (
    due_at,
    restore_delay,
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


def test_retries_slow_down() -> None:
    """From seconds to minutes, without a limit to their number, and not all at once."""
    delays = [retry_delay(failures, "uid-1") / cache.SECOND for failures in (1, 2, 3, 7, 10**9)]

    assert 2.5 <= delays[0] <= 5
    assert delays == sorted(delays)
    assert 150 <= delays[-1] <= 300
    assert len({retry_delay(3, uid) for uid in UIDS}) == len(UIDS)


def test_a_fight_slows_down() -> None:
    """The first edits by others are undone at once; then from a second to half a minute."""
    delays = [restore_delay(count) // cache.SECOND for count in (0, 1, 2, 3, 4, 5, 8, 10**9)]

    assert delays == [0, 0, 0, 1, 2, 4, 30, 30]
