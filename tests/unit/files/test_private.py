"""Private files."""

import os
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import private
from tests.world.systems import OPEN_FLAGS, load_on_system_with

pytestmark = pytest.mark.usefixtures("same_descriptors")


def test_files_are_opened_with_what_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are opened with every safe flag that the system has, and without the others."""
    for flags in ({}, OPEN_FLAGS):
        module = load_on_system_with(flags, private, monkeypatch)
        assert sum(flags.values()) & ~OPEN_FLAGS["O_BINARY"] == module.SAFE_FLAGS


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks geteuid")
def test_on_windows_owners_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, a file passes whatever its owner."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(sys, "platform", "win32")
    assert private.stands_alone(os.stat(tmp_path / "file"))


class TestStandingAlone:
    """Whether an opened file is this user's own regular file."""

    def test_of_a_new_file(self, tmp_path: Path) -> None:
        """A file of this user's with one name passes; with a second hard link it does not."""
        (tmp_path / "a").touch()
        assert private.stands_alone(os.stat(tmp_path / "a"))

        os.link(tmp_path / "a", tmp_path / "b")
        assert not private.stands_alone(os.stat(tmp_path / "a"))

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
    def test_of_a_removed_file(self, tmp_path: Path) -> None:
        """A file that was removed while open passes."""
        with (tmp_path / "a").open("wb") as file:
            (tmp_path / "a").unlink()
            assert private.stands_alone(os.fstat(file.fileno()))

    def test_of_a_directory_or_device(self, tmp_path: Path) -> None:
        """A directory or device does not pass."""
        assert not private.stands_alone(os.stat(tmp_path))
        assert not private.stands_alone(os.stat(os.devnull))

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no Unix owner there")
    def test_of_another_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file of another user id, lower or higher, does not pass."""
        (tmp_path / "a").touch()
        owner = os.stat(tmp_path / "a").st_uid
        for other in (owner + 1, owner - 1):
            monkeypatch.setattr(os, "geteuid", lambda other=other: other)
            assert not private.stands_alone(os.stat(tmp_path / "a"))
