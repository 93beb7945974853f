"""The file lock between processes."""

import errno
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docker_credential_ecrpy.files import lock as lock_module
from tests.world.entries import open_lock

HOLD = """
import sys, time
from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.files.lock import FileLock
with FileLock(Directory(sys.argv[1], None), "lock") as lock:
    assert lock.acquire(5)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


@pytest.fixture(name="holder")
def _holder(path: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-c", HOLD, os.path.dirname(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield child
        child.kill()


def test_a_free_lock_is_taken_at_once(path: str) -> None:
    """A free lock is taken without waiting, and again after its release."""
    for _ in range(2):
        with open_lock(path) as lock:
            assert lock.acquire(0)


def test_a_held_lock_is_waited_for_until_the_timeout(
    path: str, holder: "subprocess.Popen[bytes]"
) -> None:
    """A lock that another process holds is refused after the timeout."""
    with open_lock(path) as lock:
        began = time.monotonic()

        assert not lock.acquire(0.3)
        assert time.monotonic() - began >= 0.3


def test_a_killed_holder_releases_the_lock(path: str, holder: "subprocess.Popen[bytes]") -> None:
    """The system releases a killed holder's lock, and the file stays."""
    with open_lock(path) as lock:
        holder.kill()

        assert lock.acquire(10)
    assert os.path.exists(path)


def test_a_note_is_for_the_next_holder(path: str) -> None:
    """A note is read back whole, and a new one replaces it."""
    for note in (b"a long note", b"short"):
        with open_lock(path) as lock:
            assert lock.acquire(0)
            lock.write_note(note)
        with open_lock(path) as lock:
            assert lock.acquire(0)
            assert lock.read_note() == note


@pytest.mark.skipif(sys.platform == "win32", reason="Unix modes and symlinks")
def test_the_file_is_private_and_no_link(path: str, tmp_path: Path) -> None:
    """The file is created with mode 0600, and a symlink at its path is refused."""
    with open_lock(path):
        assert Path(path).stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(path)

    with pytest.raises(OSError):
        open_lock(str(tmp_path / "link"))


@pytest.mark.skipif(sys.platform == "win32", reason="Unix links")
@pytest.mark.usefixtures("same_descriptors")
def test_a_file_with_a_second_name_is_refused(path: str) -> None:
    """A hard link may lead to a file of another purpose."""
    Path(path).touch()
    os.link(path, f"{path}-2")

    with pytest.raises(OSError) as caught:
        open_lock(path)
    assert caught.value.errno == errno.EINVAL
    assert caught.value.strerror == "it is not this user's own regular file"


@pytest.mark.usefixtures("same_descriptors")
def test_a_released_lock_can_be_taken_again(path: str) -> None:
    """By another holder, and then by the first one, with the same file."""
    with open_lock(path) as first:
        assert first.acquire(0)
        first.release()
        with open_lock(path) as second:
            assert second.acquire(0)
            assert not first.acquire(0)
        assert first.acquire(0)


def _wait(path: str, monkeypatch: pytest.MonkeyPatch, *errors: int, seconds: float) -> Any:
    """Return whether a lock is taken after these errors, and the pauses before."""
    now, pauses, left = [50.0], list[float](), list(errors)

    def try_lock(_opened: int) -> None:
        if left:
            raise OSError(left.pop(0), "busy")

    def sleep(pause: float) -> None:
        pauses.append(pause)
        now[0] += pause

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(lock_module, "_try_lock", try_lock)
    monkeypatch.setattr(lock_module, "time", clock)
    with open_lock(path) as lock:
        return lock.acquire(seconds), pauses


def test_pauses_double_up_to_a_limit(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 5 ms to 50 ms; whatever a system calls a held lock."""
    errors = [errno.EACCES, errno.EAGAIN, errno.EDEADLK] * 2
    found = _wait(path, monkeypatch, *errors, seconds=9)

    assert found == (True, [0.005, 0.01, 0.02, 0.04, 0.05, 0.05])


def test_the_last_pause_ends_with_the_time(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is tried once more then."""
    taken, pauses = _wait(path, monkeypatch, *[errno.EAGAIN] * 3, seconds=0.008)

    assert (taken, pauses) == (False, [0.005, pytest.approx(0.003)])
    assert _wait(path, monkeypatch, errno.EAGAIN, seconds=0) == (False, [])


def test_a_system_without_locks_is_an_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: to wait would not help."""
    with pytest.raises(OSError, match="busy"):
        _wait(path, monkeypatch, errno.ENOSYS, seconds=9)


def test_a_note_has_a_limit(path: str) -> None:
    """4096 bytes are written, and as many are read of a longer file."""
    with open_lock(path) as lock:
        lock.write_note(b"y" * 5000)
        lock.write_note(b"x" * 4097)
        assert os.path.getsize(path) == 4096
        with open(path, "ab") as file:
            file.write(b"y")
        assert lock.read_note() == b"x" * 4096


def test_a_windows_lock_leaves_the_note_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It covers one byte, the same for every version, far past the note."""
    calls: list[tuple[object, ...]] = []
    fake = SimpleNamespace(LK_NBLCK="try", LK_UNLCK="release")
    fake.locking = lambda *given: calls.append(("locking", *given))
    found = importlib.util.find_spec(lock_module.__name__)
    assert found
    assert found.loader
    windows: Any = importlib.util.module_from_spec(found)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "msvcrt", fake)
        patch.setattr(sys, "platform", "win32")
        found.loader.exec_module(windows)
    monkeypatch.setattr(os, "lseek", lambda *given: calls.append(("lseek", *given)))
    windows._try_lock(7)
    windows._unlock(7)

    far = ("lseek", 7, 2**30, os.SEEK_SET)
    assert calls == [far, ("locking", 7, "try", 1), far, ("locking", 7, "release", 1)]
