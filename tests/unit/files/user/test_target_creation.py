"""A missing directory of a user's file is created for this user alone, or not at all."""

import os
import sys
import threading
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.user import permissions
from docker_credential_ecrpy.files.user.target import Target

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Unix owners, modes and symlinks"),
    pytest.mark.usefixtures("same_descriptors"),
]
AS_ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away"
)


def _make(file: Path) -> None:
    with Target(str(file), create=True):
        pass


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    """Concurrent creation of a directory is no error for the later process."""
    size = 8
    errors: list[OSError] = []
    for number in range(50):
        start = threading.Barrier(size)

        def make(start: threading.Barrier = start, number: int = number) -> None:
            start.wait()
            try:
                _make(tmp_path / str(number) / "deep" / "file")
            except OSError as exc:
                errors.append(exc)

        threads = [threading.Thread(target=make) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []


def test_it_and_its_parents_are_made_for_this_user_alone(tmp_path: Path) -> None:
    """What is missing has mode 0700 from the start, whatever the umask; what exists keeps its."""
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        _make(tmp_path / "parent" / "made" / "file")
    finally:
        os.umask(before)

    for made in (tmp_path / "parent", tmp_path / "parent" / "made"):
        assert made.stat().st_mode & 0o7777 == 0o700
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is one of the current directory, also for root under `sudo`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUDO_UID", "99999")
    _make(Path("made/file"))
    _make(Path("file"))

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("leads", [None, "nowhere", "way"])
def test_another_file_at_its_path(tmp_path: Path, leads: str | None) -> None:
    """A file at the path is an error, and so is a loop; a dangling symlink leads to a new one."""
    way = tmp_path / "way"
    if leads:
        way.symlink_to(leads)
    else:
        way.touch()

    if leads == "nowhere":
        _make(way / "file")
        assert (tmp_path / "nowhere").is_dir()
    else:
        with pytest.raises(OSError):
            _make(way / "file")
    assert way.is_symlink() == bool(leads)


def test_an_impossible_path_makes_no_parents(tmp_path: Path) -> None:
    """A path too long for the system creates no parents, either."""
    with pytest.raises(OSError, match="too long"):
        _make(Path(str(tmp_path) + ("/" + "a" * 250) * 17))
    assert list(tmp_path.iterdir()) == []


@AS_ROOT
@pytest.mark.parametrize(("owner", "made"), [(0, True), (1, True), (2, False)])
def test_behind_a_symlink(
    tmp_path: Path, owner: int, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind another user's symlink, nothing is made; root's and this user's own are followed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    os.lchown(tmp_path / "link", owner, owner)
    monkeypatch.setattr(os, "geteuid", lambda: 1)

    if made:
        _make(tmp_path / "link" / "new" / "file")
    else:
        with pytest.raises(permissions.Refused, match="another user's symlink leads to it"):
            _make(tmp_path / "link" / "new" / "file")
    assert (tmp_path / "real" / "new").is_dir() == made


@AS_ROOT
def test_one_that_is_swapped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the path of an opened parent is not used: the new one is in that parent."""
    (tmp_path / "parent").mkdir()
    (tmp_path / "elsewhere").mkdir()
    real = os.mkdir

    def swap(*args: str, **named: int) -> None:
        if args[0] == "new":
            (tmp_path / "parent").rename(tmp_path / "moved")
            (tmp_path / "parent").symlink_to("elsewhere")
        real(args[0], 0o700, **named)

    monkeypatch.setattr(os, "mkdir", swap)
    _make(tmp_path / "parent" / "new" / "file")

    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "moved" / "new").is_dir()


@AS_ROOT
@pytest.mark.parametrize(("caller", "made"), [(12345, False), (1, True), (0, True), (None, True)])
@pytest.mark.parametrize("place", ["home", "link"])
def test_sudo(
    tmp_path: Path, caller: int | None, made: bool, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only under `sudo`, in the calling user's home, is creation refused, also by a symlink."""
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 12345, -1)
    (tmp_path / "link").symlink_to("home")
    monkeypatch.chdir("/")  # the current directory does not matter
    monkeypatch.delenv("SUDO_UID", raising=False)
    if caller is not None:
        monkeypatch.setenv("SUDO_UID", str(caller))

    if made:
        _make(tmp_path / place / "new" / "file")
    else:
        with pytest.raises(PermissionError, match=r"of the user who called sudo$"):
            _make(tmp_path / place / "new" / "file")
        (tmp_path / "home" / "new").mkdir()
        _make(tmp_path / place / "new" / "file")  # it is there
    assert (tmp_path / "home" / "new").is_dir()
