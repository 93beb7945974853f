"""A file in an open directory is replaced atomically, or the previous content stays."""

import os
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import directory

pytestmark = pytest.mark.usefixtures("same_descriptors")


def _write(path: Path, data: bytes, *, sync: bool = False) -> None:
    with directory.open_own(str(path.parent), create=False) as opened:
        opened.write_whole(path.name, data, sync=sync)


def test_partial_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partial writes are continued, in order."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda to, data: real(to, data[:7]))

    _write(tmp_path / "file", bytes(range(100)))

    assert (tmp_path / "file").read_bytes() == bytes(range(100))


def test_it_is_synced_before_its_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker is synced before its rename: it has no checksum."""
    path = tmp_path / "file"
    done: list[str] = []

    def sync(opened: int) -> None:
        done.append(f"{os.fstat(opened).st_size} bytes, named: {path.exists()}")

    monkeypatch.setattr(os, "fsync", sync)
    _write(path, b"abc", sync=True)

    assert done == ["3 bytes, named: False"]


def test_an_exception_in_the_cleanup_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an OSError of the cleanup is dropped, since the first error says more."""

    def refuse(*_: object, **_named: object) -> None:
        raise OSError

    def fail(_: str, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "unlink", fail)
    with pytest.raises(MemoryError):
        _write(tmp_path / "file", b"abc")


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
def test_a_planted_symlink_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A symlink planted at the temporary file's name is not followed."""
    monkeypatch.setattr(time, "monotonic_ns", lambda: 5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    (tmp_path / f".docker-credential-ecrpy-{os.getpid()}-5.new").symlink_to(elsewhere)

    with pytest.raises(FileExistsError):
        _write(tmp_path / "file", b"abc")
    assert elsewhere.read_text() == "as it was"
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError, MemoryError])
@pytest.mark.parametrize("fails", ["write", "replace"])
def test_no_exception_leaves_a_temporary_file(
    tmp_path: Path,
    kind: type[BaseException],
    fails: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every exception, Ctrl-C too, is raised, and the temporary file is removed if possible."""

    def fail(*_: object, **_named: object) -> int:
        raise kind(fails)

    def refuse(_: str, **_named: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(kind, match=fails):
        _write(tmp_path / "file", b"abc")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(kind, match=fails):
        _write(tmp_path / "file", b"abc")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f".docker-credential-ecrpy-{os.getpid()}-")
