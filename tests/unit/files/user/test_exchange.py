"""Facts about renames that lose no write: which errors mean that the system has none."""

import errno
import os
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.user import exchange

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")


def test_the_error_of_a_function() -> None:
    """It is the number that the C library gives, and 0 for success."""
    assert exchange.call("close", 99999) == errno.EBADF
    assert exchange.call("getpid") == 0
    with pytest.raises(OSError, match="no_such_function"):
        exchange.call("no_such_function")


def test_a_swap(tmp_path: Path) -> None:
    """Two files swap their names; with one alone, nothing is done."""
    (tmp_path / "a").write_bytes(b"a")
    opened = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not exchange.swap(opened, "a", "b")
        (tmp_path / "b").write_bytes(b"b")
        assert exchange.swap(opened, "a", "b")
        assert (tmp_path / "a").read_bytes() == b"b"
        assert not exchange.take_name(opened, "a", "b")
        assert exchange.take_name(opened, "a", "c")
    finally:
        os.close(opened)


@pytest.mark.parametrize("name", ["ENOSYS", "EINVAL", "ENOTSUP", "EPERM", "ENOTTY", "ENOENT"])
def test_what_means_that_it_cannot_be_done(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Such a file system has another way."""
    monkeypatch.setattr(exchange, "call", lambda *_: getattr(errno, name))
    assert not exchange.swap(0, "a", "b")


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS", "EBUSY", "EACCES"])
def test_other_errors(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A disk that fails is no reason for a way that may lose a write."""
    number = getattr(errno, name)
    monkeypatch.setattr(exchange, "call", lambda *_: number)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        exchange.swap(0, "a", "b")
    assert caught.value.errno == number
