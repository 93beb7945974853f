"""Private files and directories."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import private
from tests.world.systems import OPEN_FLAGS, load_on_system_with

pytestmark = pytest.mark.usefixtures("same_descriptors")


def test_files_are_made_with_what_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are created with every safe flag that the system has, and without the others."""
    wanted = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for flags in ({}, OPEN_FLAGS):
        module = load_on_system_with(flags, private, monkeypatch)
        assert wanted | sum(flags.values()) == module._WRITE_FLAGS
        assert sum(flags.values()) & ~OPEN_FLAGS["O_BINARY"] == module.SAFE_FLAGS


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks geteuid")
def test_on_windows_modes_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, a directory is used whatever its owner and mode."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    monkeypatch.setattr(sys, "platform", "win32")

    private.make_directory(str(tmp_path / "more"))
    private.make_directory(str(tmp_path))
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    private.write_whole(str(tmp_path / "file"), b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert private.stands_alone(os.stat(tmp_path / "file"))


def test_directories_may_be_made_by_many_at_once(tmp_path: Path) -> None:
    """Concurrent creation of a directory is no error for the later process."""
    size = 8
    errors: list[OSError] = []
    for number in range(100):
        start = threading.Barrier(size)
        directory = str(tmp_path / str(number) / "ecr" / "locks")

        def make(start: threading.Barrier = start, directory: str = directory) -> None:
            start.wait()
            try:
                private.make_directory(directory)
            except OSError as exc:
                errors.append(exc)

        threads = [threading.Thread(target=make) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []


@pytest.mark.skipif(sys.platform == "win32", reason="Unix symlinks and modes")
class TestOwnDirectory:
    """A directory is created for this user alone, or not at all."""

    def test_it_and_its_parents_are_made_for_this_user_alone(self, tmp_path: Path) -> None:
        """The directory and its parents have mode 0700 from the start, whatever the umask."""
        before = os.umask(0)
        try:
            private.make_directory(str(tmp_path / "parent" / "made"))
        finally:
            os.umask(before)

        for made in (tmp_path / "parent", tmp_path / "parent" / "made"):
            assert made.stat().st_mode & 0o7777 == 0o700

    @pytest.mark.parametrize("mode", [0o710, 0o701, 0o704, 0o702, 0o740, 0o720, 0o777])
    def test_every_permission_of_others_is_removed(self, tmp_path: Path, mode: int) -> None:
        """Every permission of group and others is removed."""
        tmp_path.chmod(mode)

        private.make_directory(str(tmp_path))

        assert tmp_path.stat().st_mode & 0o777 == 0o700

    def test_a_private_directory_keeps_its_mode(self, tmp_path: Path) -> None:
        """A private directory keeps its mode, even without permissions for its owner."""
        tmp_path.chmod(0o500)

        private.make_directory(str(tmp_path))

        assert tmp_path.stat().st_mode & 0o777 == 0o500

    def test_a_name_alone_is_one_of_where_we_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`AWS_ECR_CACHE_DIR` may be a bare name, also for root under `sudo`."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SUDO_UID", "99999")

        private.make_directory("made")
        private.make_directory(os.path.join("also", "made"))

        assert (tmp_path / "made").is_dir()
        assert (tmp_path / "also" / "made").is_dir()

    def test_on_a_drive_that_is_not_there_it_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The search for an existing parent ends at the root, which is its own parent."""
        looked = iter(range(100))

        def is_missing(_: str) -> bool:
            next(looked)  # an endless search raises StopIteration here
            return False

        def fail(path: str, _: int) -> None:
            raise FileNotFoundError(2, "No such file or directory", path)

        monkeypatch.setattr(os.path, "isdir", is_missing)
        monkeypatch.setattr(os, "mkdir", fail)

        with pytest.raises(FileNotFoundError) as raised:
            private.make_directory(str(tmp_path / "made"))
        assert raised.value.filename == tmp_path.anchor

    @pytest.mark.parametrize("leads", [None, ".", "nowhere", "way"])
    def test_another_file_at_its_path_is_an_error(self, tmp_path: Path, leads: str | None) -> None:
        """A file or symlink at the path is an error that names it, and is left alone."""
        way = tmp_path / "way"
        if leads:
            way.symlink_to(leads)
        else:
            way.touch()

        with pytest.raises(FileExistsError) as raised:
            private.make_directory(str(way))
        assert raised.value.filename == str(way)
        assert way.is_symlink() == bool(leads)

    def test_an_impossible_path_creates_no_parents(self, tmp_path: Path) -> None:
        """A path too long for the system creates no parents, either."""
        with pytest.raises(OSError, match="too long"):
            private.make_directory(str(tmp_path) + ("/" + "a" * 250) * 17)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not hasattr(os, "lchown"), reason="symlinks have no owner there")
    @pytest.mark.parametrize(("whose", "taken"), [(0, True), (1, True), (2, False)])
    def test_it_is_not_made_behind_another_users_link(
        self, tmp_path: Path, whose: int, taken: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another user's symlink is refused; root's and this user's own are followed."""
        if os.getuid() != 0:
            pytest.skip("only root can give links away")
        (tmp_path / "real").mkdir(mode=0o700)
        link = tmp_path / "link"
        link.symlink_to("real")
        os.lchown(link, whose, whose)
        monkeypatch.setattr(os, "geteuid", lambda: 1)
        os.chown(tmp_path / "real", 1, 1)

        if taken:
            private.make_directory(str(link / "ecr"))
            os.chown(tmp_path / "real" / "ecr", 1, 1)
        else:
            with pytest.raises(
                PermissionError, match=r"^the directory is behind another user's symlink$"
            ):
                private.make_directory(str(link / "ecr"))
            (tmp_path / "real" / "ecr").mkdir(mode=0o700)
            os.chown(tmp_path / "real" / "ecr", 1, 1)

    @pytest.mark.parametrize("beside", [1, -1])
    def test_another_users_is_refused(
        self, tmp_path: Path, beside: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another user's directory is refused, and keeps its mode."""
        tmp_path.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)

        with pytest.raises(PermissionError, match=r"^the directory belongs to another user$"):
            private.make_directory(str(tmp_path))
        assert tmp_path.stat().st_mode & 0o777 == 0o755

    @pytest.mark.parametrize(
        ("caller", "made"),
        [("the owner", False), ("another", True), ("us", True), (None, True)],
    )
    def test_sudo_creates_nothing_in_the_callers_home(
        self, tmp_path: Path, caller: str | None, made: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only under `sudo`, in the calling user's home, is creation refused."""
        if os.getuid() == 0:
            os.chown(tmp_path, 12345, -1)
        owner = tmp_path.stat().st_uid
        us = owner + 1
        monkeypatch.chdir("/")  # the current directory does not matter
        monkeypatch.setattr(os, "geteuid", lambda: us)
        monkeypatch.delenv("SUDO_UID", raising=False)
        if caller:
            monkeypatch.setenv(
                "SUDO_UID", {"the owner": str(owner), "another": "1", "us": str(us)}[caller]
            )
        made_there = tmp_path / "ecr"

        if made:
            private.make_directory(str(made_there))
        else:
            with pytest.raises(
                PermissionError,
                match=r"^root would own it, in a directory of the user who called sudo$",
            ):
                private.make_directory(str(made_there))
        assert made_there.is_dir() == made

    def test_sudo_by_root_is_allowed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root calling `sudo` creates directories in its own home."""
        monkeypatch.setenv("SUDO_UID", str(os.geteuid()))

        private.make_directory(str(tmp_path / "ecr"))

        assert (tmp_path / "ecr").is_dir()

    def test_sudo_follows_a_symlink_to_the_callers_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root's symlink into the calling user's home is refused, too."""
        if os.getuid() != 0:
            pytest.skip("only root can give directories away")
        (tmp_path / "home").mkdir()
        os.chown(tmp_path / "home", 12345, -1)
        (tmp_path / "link").symlink_to("home")
        monkeypatch.setenv("SUDO_UID", "12345")

        with pytest.raises(PermissionError, match="sudo"):
            private.make_directory(str(tmp_path / "link" / "ecr"))

    def test_sudo_uses_an_existing_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For an existing directory, only its owner counts, also under `sudo`."""
        monkeypatch.setenv("SUDO_UID", str(os.getuid()))
        us = os.getuid() + 1
        (tmp_path / "ecr").mkdir(mode=0o700)
        monkeypatch.setattr(os, "geteuid", lambda: us)

        with pytest.raises(PermissionError, match=r"^the directory belongs to another user$"):
            private.make_directory(str(tmp_path / "ecr"))


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


class TestWritingWhole:
    """A file is replaced atomically: the new content is complete, or the previous one stays."""

    def test_partial_writes_are_continued(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Partial writes are continued, in order."""
        real = os.write
        monkeypatch.setattr(os, "write", lambda to, data: real(to, data[:7]))

        private.write_whole(str(tmp_path / "file"), bytes(range(100)))

        assert (tmp_path / "file").read_bytes() == bytes(range(100))

    def test_it_is_synced_before_its_rename(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file is synced before its rename: it has no checksum."""
        path = tmp_path / "file"
        done: list[str] = []

        def sync(opened: int) -> None:
            done.append(f"{os.fstat(opened).st_size} bytes, named: {path.exists()}")

        monkeypatch.setattr(os, "fsync", sync)
        private.write_whole(str(path), b"abc")

        assert done == ["3 bytes, named: False"]

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no Unix owner there")
    @pytest.mark.parametrize(("us", "given"), [(0, True), (99, False)])
    def test_a_file_that_root_shares_belongs_to_the_directorys_owner(
        self, tmp_path: Path, us: int, given: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root gives the file to the directory's owner."""
        if tmp_path.stat().st_uid == 0:
            os.chown(tmp_path, 12345, 54321)
        owner = tmp_path.stat()
        done: list[tuple[object, ...]] = []
        monkeypatch.setattr(os, "geteuid", lambda: us)
        monkeypatch.setattr(
            os, "fchown", lambda opened, *ids: done.append((os.fstat(opened).st_size, *ids))
        )

        private.write_whole(str(tmp_path / "file"), b"abc")

        assert done == ([(3, owner.st_uid, owner.st_gid)] if given else [])

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no Unix owner there")
    def test_a_file_in_roots_directory_stays_roots(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shared file in root's own directory stays root's."""
        if os.getuid() == 0:
            monkeypatch.setattr(os, "fchown", None)
            private.write_whole(str(tmp_path / "file"), b"abc")

            assert (tmp_path / "file").read_bytes() == b"abc"

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no Unix owner there")
    def test_a_file_behind_a_symlink_belongs_to_the_targets_owner(self, tmp_path: Path) -> None:
        """Behind a symlink, the owner of the target directory gets the file."""
        if os.getuid() != 0:
            pytest.skip("only root can give directories away")
        (tmp_path / "real").mkdir()
        os.chown(tmp_path / "real", 12345, 54321)
        (tmp_path / "link").symlink_to("real")

        private.write_whole(str(tmp_path / "link" / "file"), b"abc")

        seen = (tmp_path / "real" / "file").stat()
        assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o777) == (12345, 54321, 0o600)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks geteuid")
    def test_on_windows_no_owner_is_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Windows never changes a file's owner."""
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "fchown", None)
        if os.getuid() == 0:
            os.chown(tmp_path, 12345, -1)

        private.write_whole(str(tmp_path / "file"), b"abc")

        assert (tmp_path / "file").read_bytes() == b"abc"

    def test_an_exception_in_the_cleanup_is_not_hidden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only an OSError of the cleanup is dropped, since the first error says more."""

        def refuse(*_: object) -> None:
            raise OSError

        def fail(_: str) -> None:
            raise MemoryError

        monkeypatch.setattr(os, "replace", refuse)
        monkeypatch.setattr(os, "unlink", fail)
        with pytest.raises(MemoryError):
            private.write_whole(str(tmp_path / "file"), b"abc")

    @pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
    def test_a_planted_symlink_is_not_written_through(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A symlink planted at the temporary file's name is not followed."""
        monkeypatch.setattr(time, "monotonic_ns", lambda: 5)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text("as it was")
        (tmp_path / f".docker-credential-ecrpy-{os.getpid()}-5.new").symlink_to(elsewhere)

        with pytest.raises(FileExistsError):
            private.write_whole(str(tmp_path / "file"), b"abc")
        assert elsewhere.read_text() == "as it was"
        assert not (tmp_path / "file").exists()

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError, MemoryError])
    @pytest.mark.parametrize("fails", ["write", "replace"])
    def test_no_exception_leaves_a_temporary_file(
        self,
        tmp_path: Path,
        kind: type[BaseException],
        fails: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Every exception, Ctrl-C too, is raised, and the temporary file is removed if possible."""

        def fail(*_: object) -> int:
            raise kind(fails)

        def refuse(_: str) -> None:
            raise PermissionError

        monkeypatch.setattr(os, fails, fail)
        with pytest.raises(kind, match=fails):
            private.write_whole(str(tmp_path / "file"), b"abc")
        assert list(tmp_path.iterdir()) == []
        monkeypatch.setattr(os, "unlink", refuse)
        with pytest.raises(kind, match=fails):
            private.write_whole(str(tmp_path / "file"), b"abc")
        (left,) = tmp_path.iterdir()
        assert left.name.startswith(f".docker-credential-ecrpy-{os.getpid()}-")


def test_a_removal_says_whether_the_file_was_there(tmp_path: Path) -> None:
    """A removal returns whether the file existed; a missing one is no error."""
    (tmp_path / "file").touch()

    assert private.remove(str(tmp_path / "file")) is True
    assert private.remove(str(tmp_path / "file")) is False
    with pytest.raises(OSError):
        private.remove(str(tmp_path))
