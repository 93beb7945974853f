"""Stored logins while other processes sweep."""

import os
import threading
from pathlib import Path

from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import logins, store

NOW = 1_800_000_000 * cache.SECOND
LIFE = 10 * cache.SECOND
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPLY = b'"Username":"AWS","Secret":"s"}\n'


def _entry(written: int) -> cache.Entry:
    return cache.Entry(written, written + LIFE, written + LIFE, REPLY)


def test_dead_logins_are_removed(tmp_path: Path) -> None:
    """A sweep removes dead logins, and no others."""
    for number, written in enumerate((NOW, NOW - 2 * LIFE)):
        place = cache.login_place(str(tmp_path), HOST, str(number))
        logins.keep(str(tmp_path), place, _entry(written))

    assert logins.sweep(str(tmp_path), NOW) == 1
    assert cache.read(*cache.login_place(str(tmp_path), HOST, "0"), NOW, environ={}).written == NOW


def test_a_login_that_takes_a_dead_ones_place_is_not_swept(tmp_path: Path) -> None:
    """Race: a login stored repeatedly over dead ones is never swept."""
    place = cache.login_place(str(tmp_path), HOST)
    over = threading.Event()

    def clean() -> None:
        while not over.is_set():
            logins.sweep(str(tmp_path), NOW)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for _ in range(300):
            store.write(*place, _entry(NOW - 2 * LIFE))
            logins.keep(str(tmp_path), place, _entry(NOW))
            assert cache.read(*place, NOW, environ={}).written == NOW
    finally:
        over.set()
        cleaner.join()


def test_no_sweep_runs_while_a_login_is_stored(tmp_path: Path) -> None:
    """A sweep neither runs nor waits while a login is stored."""
    place = cache.login_place(str(tmp_path), HOST)
    logins.keep(str(tmp_path), place, _entry(NOW - 2 * LIFE))

    with FileLock(str(tmp_path / paths.LOCKS / "logins")) as lock:
        assert lock.acquire(0)
        assert logins.sweep(str(tmp_path), NOW) == 0

    assert logins.sweep(str(tmp_path), NOW) == 1


def test_a_login_is_kept_where_there_are_no_locks(tmp_path: Path) -> None:
    """Without locks, the login is stored all the same."""
    (tmp_path / paths.LOCKS).write_text("in the way")
    place = cache.login_place(str(tmp_path), HOST)

    logins.keep(str(tmp_path), place, _entry(NOW))

    assert cache.read(*place, NOW, environ={}).reply == REPLY
    assert logins.sweep(str(tmp_path), NOW + LIFE) == 0
    assert os.path.exists(place[0])
