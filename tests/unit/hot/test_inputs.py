"""The inputs of an identity: their states, what changes them, and what does not."""

import os
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import identity
from docker_credential_ecrpy.hot.identity import DIRECTORY, FILE, LINK, PROGRAM

LIMIT = 256 * 1024


def _state(path: Path) -> str:
    return identity.observe(FILE, str(path), {})[1]


def _same_times(path: Path, before: os.stat_result) -> None:
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class TestFiles:
    """The state of a file is its content."""

    @pytest.mark.parametrize("content", [b"", b"one", b"\xff\0\n", b"x" * LIMIT])
    def test_that_were_read_have_the_state_of_their_data(
        self, content: bytes, tmp_path: Path
    ) -> None:
        """The state of a file is that of its data, so a caller that has these needs no file."""
        path = tmp_path / "file"
        path.write_bytes(content)

        assert _state(path) == identity.data_stamp(content, path.stat())
        assert _state(path) == identity.data_state(content)

    def test_of_equal_metadata_differ_by_their_content(self, tmp_path: Path) -> None:
        """A file in another image may have the same size, times and inode."""
        path = tmp_path / "file"
        path.write_text("one")
        before, first = path.stat(), _state(path)
        path.write_text("two")
        _same_times(path, before)

        assert _state(path) != first
        path.write_text("one")
        assert _state(path) == first

    def test_of_equal_content_are_equal(self, tmp_path: Path) -> None:
        """A renewed file with the same content needs no call."""
        path, other = tmp_path / "file", tmp_path / "other"
        path.write_text("one")
        first = _state(path)
        other.write_text("one")
        other.replace(path)
        os.utime(path, (1, 1))

        assert _state(path) == first

    def test_that_are_long_differ_by_their_metadata(self, tmp_path: Path) -> None:
        """The program of a credential_process may have many megabytes, which are not all read."""
        path = tmp_path / "file"
        path.write_bytes(b"x" * (LIMIT + 1))
        first = _state(path)
        assert _state(path) == first
        os.utime(path, (1, 1))

        assert _state(path) != first
        assert identity.data_stamp(path.read_bytes(), path.stat()) == _state(path)

    @pytest.mark.parametrize(("at", "shown"), [(0, True), (LIMIT // 2, False), (LIMIT, True)])
    def test_that_are_long_differ_by_their_ends(self, at: int, shown: bool, tmp_path: Path) -> None:
        """The first and the last 64 KiB count, whatever the metadata says."""
        path = tmp_path / "file"
        data = bytearray(b"x" * (LIMIT + 1))
        path.write_bytes(data)
        first, before = _state(path), path.stat()
        data[at] = 0

        assert (identity.data_stamp(bytes(data), before) != first) == shown

    def test_that_are_long_are_equal_on_another_device(self, tmp_path: Path) -> None:
        """The containers of one image have the same files on devices of other numbers."""
        path = tmp_path / "file"
        data = b"x" * (LIMIT + 1)
        path.write_bytes(data)
        seen = path.stat()
        elsewhere = os.stat_result(
            [*seen[:2], seen.st_dev + 1, *seen[3:]],
            {name: getattr(seen, name) for name in ("st_mtime_ns", "st_ctime_ns")},
        )

        assert identity.data_stamp(data, elsewhere) == _state(path)

    @pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
    def test_that_can_be_run_from_now_on_differ(self, tmp_path: Path) -> None:
        """The right to run a program changes its state."""
        path = tmp_path / "file"
        path.touch(0o600)
        first = _state(path)
        path.chmod(0o700)

        assert _state(path) != first

    @pytest.mark.parametrize("path", ["", "no/such/file", "a\0b"])
    def test_that_are_missing_have_none(self, path: str) -> None:
        """A missing file, and one with an impossible name, has the state of no file."""
        assert identity.observe(FILE, path, {}) == (FILE, identity.MISSING, path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs of Unix")
    def test_that_are_pipes_are_not_read(self, tmp_path: Path) -> None:
        """A FIFO keeps its content, and does not hang the helper."""
        path = tmp_path / "pipe"
        os.mkfifo(path)

        assert _state(path) == _state(path)


class TestPrograms:
    """The state of a program's name is the file that PATH finds for it."""

    @pytest.fixture(name="folders")
    def _folders(self, tmp_path: Path) -> list[Path]:
        for name in "abc":
            (tmp_path / name).mkdir()
        self._program(tmp_path / "b" / "keys")
        return [tmp_path / name for name in "abc"]

    @staticmethod
    def _program(path: Path) -> None:
        path.write_text("#!/bin/sh\n")
        path.chmod(0o700)

    @staticmethod
    def _path(folders: list[Path]) -> dict[str, str]:
        return {"PATH": os.pathsep.join(map(str, folders))}

    def test_are_found_as_the_sdk_does(self, folders: list[Path]) -> None:
        """The first file that can be run counts, not a folder or another file."""
        (folders[0] / "keys").mkdir()
        environ = self._path(folders)

        assert identity.find_program("keys", environ) == str(folders[1] / "keys")
        assert identity.find_program("kees", environ) == ""

    def test_change_when_another_comes_first(self, folders: list[Path]) -> None:
        """A program in an earlier folder changes the state, and its removal changes it back."""
        environ = self._path(folders)
        first = identity.observe(PROGRAM, "keys", environ)
        self._program(folders[2] / "keys")
        assert identity.find_changed([first], environ) == ""
        self._program(folders[0] / "keys")
        assert identity.find_changed([first], environ) == "keys"
        (folders[0] / "keys").unlink()
        assert identity.find_changed([first], environ) == ""

    def test_that_are_missing_do_not_depend_on_the_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program that nothing finds has one state, in every directory."""
        first = identity.observe(PROGRAM, "keys", {"PATH": ""})
        monkeypatch.chdir(tmp_path)

        assert identity.find_changed([first], {"PATH": ""}) == ""

    def test_do_not_change_with_folders_that_have_none(self, folders: list[Path]) -> None:
        """Clients with different values of PATH share a token if both find the same program."""
        first = identity.observe(PROGRAM, "keys", self._path(folders))

        assert identity.find_changed([first], self._path(folders[1:])) == ""
        assert identity.find_changed([first], self._path(folders[2:])) == "keys"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_the_target_of_a_link_is_an_input(tmp_path: Path) -> None:
    """A program may read the files beside it: where it is counts, and not its content alone."""
    link = tmp_path / "current"
    link.symlink_to("one")
    first = identity.observe(LINK, str(link), {})
    assert identity.find_changed([first], {}) == ""
    link.unlink()
    assert identity.find_changed([first], {}) == str(link)
    link.symlink_to("two")
    assert identity.find_changed([first], {}) == str(link)
    link.unlink()
    link.symlink_to("one")
    assert identity.find_changed([first], {}) == ""


def test_the_current_directory_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means another file in another directory."""
    monkeypatch.chdir(tmp_path)
    first = identity.observe(DIRECTORY, "", {})
    assert identity.find_changed([first], {}) == ""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")

    assert identity.find_changed([first], {}) == "the current directory"


@pytest.mark.skipif(sys.platform == "win32", reason="a directory in use cannot be removed there")
def test_a_removed_directory_has_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current directory that was removed has the state of none."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert identity.observe(DIRECTORY, "", {})[1] == identity.MISSING
