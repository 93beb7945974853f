"""Cache entries on disk: written, swept and removed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import store
from tests.world.entries import HOUR, NOW, REPLY, make_entry
from tests.world.hosts import HOST

pytestmark = pytest.mark.usefixtures("same_descriptors")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_born_private(tmp_path: Path, umask: int) -> None:
    """Every directory has mode 0700 and every file 0600 from the start, whatever the umask."""
    before = os.umask(umask)
    try:
        path, subject = cache.token_place(str(tmp_path / "deep" / "ecr"), HOST, "me")
        store.write(path, subject, make_entry())
    finally:
        os.umask(before)

    assert Path(path).stat().st_mode & 0o777 == 0o600
    for parent in (Path(path).parent, tmp_path / "deep" / "ecr", tmp_path / "deep"):
        assert parent.stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_the_previous_entry(
    place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, the previous entry stays and no temporary file is left."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="space"):
        store.write(*place, make_entry(NOW + HOUR))
    monkeypatch.undo()

    assert cache.read(*place, NOW, environ={}).written == NOW
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_sweeping_removes_the_dead_alone(tmp_path: Path) -> None:
    """Expired and old damaged entries are removed; live, temporary and foreign files stay."""
    directory = tmp_path / "tokens"
    live, _ = cache.token_place(str(tmp_path), HOST, "live")
    store.write(live, f"{HOST} live", make_entry())
    for number in range(20):
        path, subject = cache.token_place(str(tmp_path), HOST, f"dead {number}")
        store.write(path, subject, make_entry(NOW - 13 * HOUR))
    seconds = NOW // cache.SECOND
    for name, age in (("old~rubbish", 25 * 3600), ("new~rubbish", 60), ("not ours", 25 * 3600)):
        (directory / name).write_text("?")
        os.utime(directory / name, (seconds - age, seconds - age))

    assert store.sweep(str(directory), NOW) == 21
    assert {path.name for path in directory.iterdir()} == {
        Path(live).name,
        "new~rubbish",
        "not ours",
    }


def test_sweeping_is_bounded_and_reaches_every_file(tmp_path: Path) -> None:
    """One sweep examines 500 files at most; later sweeps examine others."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(1200):
        (directory / f"{number}~").write_text("?")
        os.utime(directory / f"{number}~", (1, 1))

    assert store.sweep(str(directory), NOW) == 500
    assert store.sweep(str(directory), NOW + 7 * cache.SECOND) == 500
    assert store.sweep(str(directory), NOW + 9 * cache.SECOND) == 200
    assert list(directory.iterdir()) == []


def test_a_sweep_among_many_live_files_reaches_the_dead_ones(tmp_path: Path) -> None:
    """A sweep's start moves on, so dead files among many live ones are reached."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(1501):
        (directory / f"{number}~").write_text("?")
        os.utime(directory / f"{number}~", (NOW // cache.SECOND,) * 2)
    dead = directory / os.listdir(directory)[-1]  # the last file that a new sweep examines
    os.utime(dead, (1, 1))

    for minute in range(100):
        store.sweep(str(directory), NOW + minute * 60 * cache.SECOND)

    assert not dead.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="process ids are not checked there")
def test_sweeping_removes_temporary_files_of_dead_processes(tmp_path: Path) -> None:
    """The temporary file of a dead process is removed; that of a living one stays."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = {f".new-{os.getpid()}-1", f".new-{gone.pid}-3", ".new-strange", ".new-99999999999999-1"}
    for name, age in (
        (f".new-{gone.pid}-2", 3),
        (f".new-{gone.pid}-3", 1),
        *((n, 3) for n in left),
    ):
        (directory / name).write_text("?")
        seconds = NOW // cache.SECOND - (1 if name.endswith("-3") else age)
        os.utime(directory / name, (seconds, seconds))

    assert store.sweep(str(directory), NOW) == 1
    assert {path.name for path in directory.iterdir()} == left


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="symlinks need a privilege there")
def test_nothing_behind_a_link_is_swept(tmp_path: Path) -> None:
    """A sweep never follows a symlink, which could lead to the user's old documents."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("thesis~", ".new-1-1"):
        (documents / name).write_text("years of work")
        os.utime(documents / name, (1, 1))
    (tmp_path / "tokens").symlink_to(documents)

    assert store.sweep(str(tmp_path / "tokens"), NOW) == 0
    assert len(list(documents.iterdir())) == 2


@pytest.mark.parametrize("second", range(3))
def test_a_sweep_that_begins_anywhere_looks_at_as_many(tmp_path: Path, second: int) -> None:
    """A sweep continues with the first file after the last."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(501):
        (directory / f"{number}~").touch()
        os.utime(directory / f"{number}~", (1, 1))

    assert store.sweep(str(directory), NOW + second * cache.SECOND) == 500


def test_entries_are_dead_to_the_nanosecond(tmp_path: Path) -> None:
    """An entry is dead from its expiry, a damaged file after a day, a temporary one after 2 s."""
    directory = tmp_path / "tokens"
    for name, expires in (("gone", NOW), ("lives", NOW + 1)):
        path = str(directory / f"{name}~")
        store.write(path, name, cache.Entry(NOW - HOUR, NOW - HOUR, expires, REPLY, 0))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    windows = sys.platform == "win32"
    times = {
        "old~": 24 * HOUR + cache.SECOND,
        "a day~": 24 * HOUR,
        f".new-{gone.pid}-1": 24 * HOUR + cache.SECOND if windows else 2 * cache.SECOND + 1000,
        f".new-{gone.pid}-2": 2 * cache.SECOND,
    }
    for name, age in times.items():
        (directory / name).touch()
        os.utime(directory / name, ns=(0, NOW - age))

    assert store.sweep(str(directory), NOW) == 3
    left = {path.name for path in directory.iterdir()}
    assert left == {"lives~", "a day~", f".new-{gone.pid}-2"}


def test_files_that_cannot_be_swept_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep never raises, and does not count what another one removed."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    (directory / "old~").touch()
    os.utime(directory / "old~", (1, 1))
    (directory / "kept").touch()
    os.utime(directory / "kept", (1, 1))
    if sys.platform != "win32":
        (directory / "link~").symlink_to("kept")
        os.utime(directory / "link~", (1, 1), follow_symlinks=False)

    for kind in (PermissionError, FileNotFoundError):

        def refuse(_: str, kind: type[OSError] = kind) -> None:
            raise kind

        monkeypatch.setattr(os, "unlink", refuse)
        assert store.sweep(str(directory), NOW) == 0
    monkeypatch.undo()

    assert store.sweep(str(directory), NOW) == 1
    assert {path.name for path in directory.iterdir()} - {"link~"} == {"kept"}
    assert sys.platform == "win32" or (directory / "link~").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="process ids are not checked there")
def test_a_process_of_another_user_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another user counts as living."""

    def refuse(process: int, signal: int) -> None:
        assert (process, signal) == (1234, 0)
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    tmp_path.chmod(0o700)
    (tmp_path / ".new-1234-5").touch()
    os.utime(tmp_path / ".new-1234-5", (1, 1))

    assert store.sweep(str(tmp_path), NOW) == 0


def test_sweeping_nothing_is_fine(tmp_path: Path) -> None:
    """A missing directory, or a directory among the files, is no error."""
    (tmp_path / "tokens" / "directory").mkdir(parents=True)

    assert store.sweep(str(tmp_path / "missing"), NOW) == 0
    assert store.sweep(str(tmp_path / "tokens"), NOW) == 0


def test_forgetting_removes_one_host_alone(tmp_path: Path) -> None:
    """The host's entries of all identities are removed; a longer host name keeps its own."""
    longer = HOST + ".cn"
    for host in (HOST, longer):
        for identity in ("me", "you"):
            path, subject = cache.token_place(str(tmp_path), host, identity)
            store.write(path, subject, make_entry())

    assert store.forget(str(tmp_path / "tokens"), HOST) == 2
    assert store.forget(str(tmp_path / "tokens"), HOST) == 0
    assert store.forget(str(tmp_path / "missing"), HOST) == 0
    assert all(path.name.startswith(longer) for path in (tmp_path / "tokens").iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="symlinks need a privilege there")
def test_nothing_behind_a_link_is_forgotten(tmp_path: Path) -> None:
    """Removing a host's entries never follows a symlink."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / f"{HOST}~thesis").touch()
    (tmp_path / "tokens").symlink_to("documents")

    assert store.forget(str(tmp_path / "tokens"), HOST) == 0
    assert (tmp_path / "documents" / f"{HOST}~thesis").exists()


def test_an_entry_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    """A missing directory is no error; an entry that cannot be removed is one."""
    (tmp_path / "tokens").touch()
    assert store.forget(str(tmp_path / "tokens"), HOST) == 0

    (tmp_path / "logins" / f"{HOST}~x").mkdir(parents=True)
    with pytest.raises(OSError):
        store.forget(str(tmp_path / "logins"), HOST)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_other_exceptions_remove_nothing(
    place: tuple[str, str],
    kept: Path,
    kind: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C and MemoryError are raised, and remove no file."""

    def fail(*_: object) -> bytes:
        raise kind

    folder = str(kept.parent)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("listdir", lambda: store.forget(folder, HOST)),
        ("read", lambda: store.sweep(folder, NOW + 99 * HOUR)),
        ("lstat", lambda: store.sweep(folder, NOW + 99 * HOUR)),
        ("unlink", lambda: store.sweep(folder, NOW + 99 * HOUR)),
    ]
    for name, call in calls:
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(kind):
                call()
    assert cache.read(*place, NOW, environ={}).reply == REPLY


@pytest.mark.skipif(sys.platform == "win32", reason="Unix directories and modes")
class TestForeignDirectories:
    """A directory that other users own or may use."""

    @pytest.mark.parametrize("beside", [1, -1])
    def test_nothing_is_swept_in_one_of_another_user(
        self, tmp_path: Path, beside: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is swept in another user's directory, however old."""
        tmp_path.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)
        (tmp_path / "dead~").touch()
        os.utime(tmp_path / "dead~", (1, 1))

        assert store.sweep(str(tmp_path), NOW) == 0

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
    )
    def test_nothing_is_written_into_a_directory_of_another_user(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """Another user's directory is refused: its owner could replace the files."""
        os.chown(kept.parent, 12345, -1)

        with pytest.raises(PermissionError):
            store.write(*place, make_entry())

    def test_a_directory_that_others_may_use_is_closed(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """This user's directory loses all permissions of others."""
        kept.parent.chmod(0o777)

        store.write(*place, make_entry())

        assert kept.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks geteuid")
class TestAsOnWindows:
    """On Windows, files have no owner or mode, and signal 0 would end a process."""

    def test_modes_say_nothing(
        self, place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A directory is used whatever its mode."""
        kept.parent.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        monkeypatch.setenv("SUDO_UID", str(os.getuid()))
        monkeypatch.setattr(sys, "platform", "win32")

        store.write(*place, make_entry(NOW + HOUR))
        assert cache.read(*place, NOW + HOUR, environ={}).written == NOW + HOUR
        assert kept.parent.stat().st_mode & 0o777 == 0o755

    def test_a_temporary_file_is_left_for_a_day(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A temporary file stays for a day, whether its writer is dead or alive."""
        tmp_path.chmod(0o700)
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(os, "kill", None)
        ages = {".new-1-1": 24 * HOUR + cache.SECOND, ".new-2-1": 24 * HOUR, ".new-3-1": HOUR}
        for name, age in ages.items():
            (tmp_path / name).touch()
            os.utime(tmp_path / name, ns=(0, NOW - age))

        assert store.sweep(str(tmp_path), NOW) == 1
        assert {path.name for path in tmp_path.iterdir()} == {".new-2-1", ".new-3-1"}
