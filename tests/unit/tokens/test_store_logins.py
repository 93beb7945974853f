"""Stored logins, while other processes sweep, erase and fetch, and are suspended at any moment."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import inventory, store
from tests.world.tokens import FakeAws, MakeBroker, parse_host

NOW = 1_800_000_000 * cache.SECOND
LIFE = 10 * cache.SECOND
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPLY = b'"Username":"AWS","Secret":"s"}\n'
CALLS = {
    name: getattr(os, name)
    for name in (
        *("open", "close", "read", "write", "fstat", "stat", "lseek", "ftruncate", "replace"),
        *("link", "unlink", "listdir", "mkdir", "utime", "fchmod"),
    )
    if hasattr(os, name)
}
TICK = 0.02
"""Seconds; a file's ctime may be older than the clock by a tick."""

pytestmark = pytest.mark.usefixtures("same_descriptors")


def _entry(written: int) -> cache.Entry:
    return cache.Entry(written, written + LIFE, written + LIFE, REPLY)


def _sweep(directory: Path) -> int:
    return store.sweep(str(directory / paths.LOGINS), NOW)


def test_dead_logins_are_emptied(tmp_path: Path) -> None:
    """A sweep empties dead logins, and no others; an empty file counts as none."""
    for number, written in enumerate((NOW, NOW - 2 * LIFE)):
        entry_file.write(*cache.login_place(str(tmp_path), HOST, str(number)), _entry(written))
    alive, dead = (cache.login_place(str(tmp_path), HOST, str(number)) for number in range(2))

    assert _sweep(tmp_path) == 1
    assert _sweep(tmp_path) == 0
    assert cache.read(*alive, NOW, environ={}).written == NOW
    assert os.stat(dead[0]).st_size == 0
    with pytest.raises(cache.Miss, match=r"^there is none yet$"):
        cache.read(*dead, NOW, environ={})
    assert [record.path for record in inventory.list_records(str(tmp_path), NOW)] == [alive[0]]


def test_an_erase_empties_the_file(tmp_path: Path) -> None:
    """An erase leaves an empty file, which counts as none."""
    for _ in range(2):
        place = cache.login_place(str(tmp_path), HOST)
        entry_file.write(*place, _entry(NOW))
        assert store.forget(str(tmp_path), HOST) == 1
        entry_file.write(*place, _entry(NOW - 2 * LIFE))
        assert _sweep(tmp_path) == 1
        assert store.forget(str(tmp_path), HOST) == 0
        assert os.stat(place[0]).st_size == 0
    assert inventory.clear_cache(str(tmp_path)).logins == 0


@pytest.mark.parametrize("action", ["sweep", "erase", "clear", "get", "damaged sweep"])
def test_a_login_that_is_stored_while_another_process_is_suspended(
    tmp_path: Path,
    broker: MakeBroker,
    fake: FakeAws,
    action: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever another process does, and before whichever system call it stops, the login stays."""
    directory = str(tmp_path / "ecr")
    place = cache.login_place(directory, HOST)
    fetch = broker().obtain

    def act() -> None:
        started = time.time_ns()
        if action == "get":
            fake.calls.clear()
            fetch(parse_host(), 25)
        elif "sweep" in action:
            _sweep(Path(directory))
        elif action == "erase":
            store.forget(directory, HOST, "", started)
        else:
            inventory.clear_cache(directory, started)

    steps = 0
    for step in range(10_000):
        if os.path.exists(directory):
            inventory.clear_cache(directory)
        entry_file.write(*place, _entry(NOW - 2 * LIFE))
        if action == "damaged sweep":
            Path(place[0]).write_bytes(b"ecrpy-3 x")
            os.utime(place[0], (1, 1))
        time.sleep(TICK)
        stored = _store_before(step, lambda: entry_file.write(*place, _entry(NOW)), monkeypatch)
        act()
        monkeypatch.undo()
        if not stored:
            steps = step
            break
        assert cache.read(*place, NOW, environ={}).written == NOW, stored
    assert steps > 20


def _store_before(
    step: int, keep: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Call `keep` before the system call number `step` from now; return a list that names it."""
    stored: list[str] = []
    count = iter(range(10**9))
    for name in CALLS:

        def call(*args: Any, called: str = name, **named: Any) -> Any:
            if not stored and next(count) == step:
                stored.append(called)
                time.sleep(TICK)
                keep()
            return CALLS[called](*args, **named)

        monkeypatch.setattr(os, name, call)
    return stored


def test_a_login_from_before_the_clock_was_set_back_is_erased(tmp_path: Path) -> None:
    """A login whose file is newer than the clock is no login that was stored since."""
    place = cache.login_place(str(tmp_path), HOST)
    entry_file.write(*place, _entry(NOW))
    changed = os.stat(place[0]).st_ctime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: changed - cache.SECOND)

        assert store.forget(str(tmp_path), HOST, "", changed - 2 * cache.SECOND) == 1


def test_a_login_is_kept_where_there_are_no_locks(tmp_path: Path) -> None:
    """Without locks, the login is stored all the same."""
    (tmp_path / paths.LOCKS).write_text("in the way")
    place = cache.login_place(str(tmp_path), HOST)

    entry_file.write(*place, _entry(NOW))

    assert cache.read(*place, NOW, environ={}).reply == REPLY
