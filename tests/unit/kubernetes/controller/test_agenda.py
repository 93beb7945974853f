"""Facts about the agenda of jobs: their order, their wake-ups, and that none is done twice."""

import threading
import time

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.controller.agenda import Agenda


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * cache.SECOND

    def __call__(self) -> int:
        return self.now


def test_a_new_job_is_due_at_once_and_then_at_its_time() -> None:
    """The one that is due first comes first."""
    clock = Clock()
    agenda: Agenda[str] = Agenda(clock)
    agenda.set_jobs(["a", "b"])
    assert {agenda.take(), agenda.take()} == {"a", "b"}
    agenda.done("a", clock.now + 20)
    agenda.done("b", clock.now + 10)
    clock.now += 30

    assert [agenda.take(), agenda.take()] == ["b", "a"]


def test_a_job_that_is_woken_while_it_is_done_is_done_again() -> None:
    """What changed may have come too late for the first time."""
    clock = Clock()
    agenda: Agenda[str] = Agenda(clock)
    agenda.set_jobs(["a"])
    agenda.take()
    agenda.wake("a")
    agenda.done("a", clock.now + cache.SECOND * 9999)

    assert agenda.take() == "a"


def test_a_job_that_is_no_longer_wanted_is_dropped() -> None:
    """Also while it is being done; and a wake-up of an unknown one is none."""
    clock = Clock()
    agenda: Agenda[str] = Agenda(clock)
    agenda.set_jobs(["a", "b"])
    first = agenda.take()
    agenda.set_jobs([])
    agenda.done(first, clock.now)
    agenda.wake("c")
    assert agenda.jobs == []
    agenda.set_jobs(["d"])

    assert agenda.take() == "d"


def test_a_job_that_is_wanted_again_while_it_is_done_is_done_again() -> None:
    """Its namespace was deleted and made again: what is being done is of the old one."""
    clock = Clock()
    agenda: Agenda[str] = Agenda(clock)
    agenda.set_jobs(["a"])
    agenda.take()
    agenda.set_jobs([])
    agenda.set_jobs(["a"])
    agenda.done("a", clock.now + cache.SECOND * 60)

    assert agenda.take() == "a"


def test_a_clock_that_is_set_back_makes_every_job_due() -> None:
    """A pause of seconds would else last as long as the clock was ahead."""
    clock = Clock()
    agenda: Agenda[str] = Agenda(clock)
    agenda.set_jobs(["a", "b"])
    for key in (agenda.take(), agenda.take()):
        agenda.done(key, clock.now + cache.SECOND * 5)
    clock.now -= cache.SECOND * 900
    taken: set[str] = set()
    thread = threading.Thread(target=lambda: taken.update((agenda.take(), agenda.take())))
    thread.daemon = True
    thread.start()
    thread.join(5)

    assert taken == {"a", "b"}


def test_an_end_waits_for_writes_alone() -> None:
    """Neither for a job that waits for AWS, nor for those of others; and it may not write later."""
    agenda: Agenda[str] = Agenda()
    agenda.set_jobs(["a", "b", "c"])
    assert {agenda.take() for _ in "abc"} == {*"abc"}
    assert agenda.begin_write("a")
    assert agenda.begin_write("c")
    agenda.set_jobs(["c"])
    assert not agenda.begin_write("b")
    waiting = threading.Thread(target=agenda.wait_for_writes, args=(lambda key: key in "ab",))
    waiting.daemon = True
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    agenda.done("a", 0)
    waiting.join(5)

    assert not waiting.is_alive()


def test_no_job_is_done_by_two_threads_at_once() -> None:
    """However often it is woken."""
    agenda: Agenda[str] = Agenda()
    agenda.set_jobs(["a", "b"])
    busy: set[str] = set()
    twice: list[str] = []
    counts = {"a": 0, "b": 0}
    lock = threading.Lock()

    def work() -> None:
        while True:
            key = agenda.take()
            with lock:
                if key in busy:
                    twice.append(key)
                busy.add(key)
                counts[key] += 1
                is_end = max(counts.values()) > 200
            agenda.wake(key)
            with lock:
                busy.discard(key)
            agenda.done(key, 0)
            if is_end:
                return

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert not [thread for thread in threads if thread.is_alive()]
    assert twice == []


def test_many_jobs_take_no_time() -> None:
    """Five thousand namespaces: no step looks at all of them."""
    agenda: Agenda[int] = Agenda()
    agenda.set_jobs(range(5000))
    began = time.process_time()
    for number in range(5000):
        agenda.wake(number)
        agenda.done(agenda.take(), time.time_ns() + 10**12)

    assert time.process_time() - began < 2
    assert len(agenda._heap) <= 10_000
