"""The file lock between processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_released_lock_can_be_taken_again(path: str) -> None:
    """By another process's file, and then by the same."""
    with open_lock(path) as first, open_lock(path) as second:
        assert first.acquire(0)
        assert not second.acquire(0)
        first.release()
        assert second.acquire(0)
        assert not first.acquire(0)
        second.release()
        assert first.acquire(0)


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
