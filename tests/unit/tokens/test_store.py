"""Cache entries on disk: written, swept and removed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import store
from tests.world.entries import HOUR, NOW, REPLY, list_files, make_entry, make_folder
from tests.world.hosts import HOST

pytestmark = pytest.mark.usefixtures("same_descriptors")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_born_private(tmp_path: Path, umask: int) -> None:
    """Every directory has mode 0700 and every file 0600 from the start, whatever the umask."""
    before = os.umask(umask)
    try:
        path, subject = cache.token_place(str(tmp_path / "deep" / "ecr"), HOST, "me")
        entry_file.write(path, subject, make_entry())
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
        entry_file.write(*place, make_entry(NOW + HOUR))
    monkeypatch.undo()

    assert cache.read(*place, NOW, environ={}).written == NOW
    assert list_files(kept.parent) == [kept]


def _name(number: int) -> str:
    return f"{HOST}~{number:032x}"


def _make_old(folder: Path, name: str, content: bytes = b"", age: int = 99 * HOUR) -> Path:
    """Create a file, `age` nanoseconds older than `NOW`."""
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o600)
    os.utime(path, ns=(NOW - age, NOW - age))
    return path


def test_sweeping_removes_the_dead_alone(tmp_path: Path) -> None:
    """Expired and old damaged entries are removed; live, new and foreign files stay."""
    directory = tmp_path / "tokens"
    live, _ = cache.token_place(str(tmp_path), HOST, "live")
    entry_file.write(live, f"{HOST} live", make_entry())
    for number in range(20):
        path, subject = cache.token_place(str(tmp_path), HOST, f"dead {number}")
        entry_file.write(path, subject, make_entry(NOW - 13 * HOUR))
    _make_old(directory, _name(1), b"ecrpy-3 damaged", 25 * HOUR)
    new = _make_old(directory, _name(2), b"ecrpy-3 damaged", HOUR)
    foreign = [
        _make_old(directory, name, content)
        for name, content in (
            ("report.odt~", b""),
            ("not ours", b""),
            (_name(3), b"a document"),
            (_name(4)[:-1], b"ecrpy-3 "),
            (_name(5).upper(), b"ecrpy-3 "),
            (f"~{5:032x}", b""),
            (".new-1", b""),
            (".new-99999999-1", b"a document"),
        )
    ]

    assert store.sweep(str(directory), NOW) == 21
    assert list_files(directory) == sorted([Path(live), new, *foreign])


def test_sweeping_is_bounded_and_reaches_every_file(tmp_path: Path) -> None:
    """One sweep examines 64 files at most; later sweeps examine others."""
    directory = make_folder(tmp_path / "tokens")
    for number in range(1200):
        _make_old(directory, _name(number), b"ecrpy-")
    gone = 0
    for round_number in range(100):
        before = len(list_files(directory))
        gone += store.sweep(str(directory), NOW + round_number * cache.SECOND)
        assert before - len(list_files(directory)) <= 64
        if not list_files(directory):
            break

    assert gone == 1200


def test_a_sweep_among_many_live_files_reaches_the_dead_ones(tmp_path: Path) -> None:
    """A sweep's start moves on, so dead files among many live ones are reached."""
    directory = make_folder(tmp_path / "tokens")
    for number in range(1501):
        _make_old(directory, _name(number), age=0)
    last = [name for name in os.listdir(directory) if name.endswith(_name(0)[-1])][-1]
    dead = directory / last  # among the last files that a new sweep examines
    _make_old(directory, last, b"ecrpy-")

    for minute in range(100):
        store.sweep(str(directory), NOW + minute * 60 * cache.SECOND)

    assert not dead.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="process ids are not checked there")
@pytest.mark.parametrize("form", [".new-{}-{}", ".docker-credential-ecrpy-{}-{}.new"])
def test_sweeping_removes_temporary_files_of_dead_processes(tmp_path: Path, form: str) -> None:
    """The temporary file of a dead process is removed; that of a living one stays."""
    directory = make_folder(tmp_path / "tokens")
    gone = subprocess.Popen(["true"])
    gone.wait()
    for number, content in enumerate((b"ecrpy-3 x", b"ecr", b"")):
        _make_old(directory, form.format(gone.pid, number), content, 3 * cache.SECOND)
    left = [
        _make_old(directory, form.format(os.getpid(), 1), b"ecrpy-", 3600 * cache.SECOND),
        _make_old(directory, form.format(gone.pid, 3), b"ecrpy-", cache.SECOND),
        _make_old(directory, form.format(gone.pid, 4), b"a document"),
        _make_old(directory, form.format("strange", 5)),
        _make_old(directory, form.format(99999999999999, 1), b"", 3600 * cache.SECOND),
    ]

    assert store.sweep(str(directory), NOW) == 2  # the empty one is not counted
    assert list_files(directory) == sorted(left)


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


def test_entries_are_dead_to_the_nanosecond(tmp_path: Path) -> None:
    """An entry is dead from its expiry, and a damaged file after a day."""
    directory = tmp_path / "tokens"
    for number, expires in enumerate((NOW, NOW + 1)):
        path = str(directory / _name(number))
        entry_file.write(path, "x", cache.Entry(NOW - HOUR, NOW - HOUR, expires, REPLY, 0))
    _make_old(directory, _name(2), b"ecrpy-", 24 * HOUR + cache.SECOND)
    _make_old(directory, _name(3), b"ecrpy-", 24 * HOUR)

    assert store.sweep(str(directory), NOW) == 2
    assert [path.name for path in list_files(directory)] == [_name(1), _name(3)]


def test_files_that_cannot_be_swept_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep never raises, and does not count what another one removed."""
    directory = make_folder(tmp_path / "tokens")
    old = _make_old(directory, _name(1), b"ecrpy-")
    for kind in (PermissionError, FileNotFoundError):

        def refuse(*_: object, kind: type[OSError] = kind, **__: object) -> None:
            raise kind

        monkeypatch.setattr(os, "unlink", refuse)
        assert store.sweep(str(directory), NOW) == 0
    monkeypatch.undo()

    assert store.sweep(str(directory), NOW) == 1
    assert not old.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="process ids are not checked there")
def test_a_process_of_another_user_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another user counts as living."""

    def refuse(process: int, signal: int) -> None:
        assert (process, signal) == (1234, 0)
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    path = _make_old(
        make_folder(tmp_path / "tokens"), ".new-1234-5", b"ecrpy-", 3600 * cache.SECOND
    )

    assert store.sweep(str(path.parent), NOW) == 0
    assert path.exists()


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
            entry = make_entry()
            entry.reply = entry.reply.replace(b"tok", host.encode())
            entry_file.write(path, subject, entry)

    assert store.forget(str(tmp_path), HOST) == 2
    assert store.forget(str(tmp_path), HOST) == 0
    assert store.forget(str(tmp_path / "missing"), HOST) == 0
    left = list_files(tmp_path / "tokens")
    assert len(left) == 2
    assert all(path.name.startswith(longer) for path in left)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="symlinks need a privilege there")
def test_nothing_behind_a_link_is_forgotten(tmp_path: Path) -> None:
    """Removing a host's entries never follows a symlink, and says so."""
    (tmp_path / "documents").mkdir()
    document = tmp_path / "documents" / _name(1)
    document.write_bytes(b"ecrpy-")
    (tmp_path / "tokens").symlink_to("documents")

    with pytest.raises(PermissionError, match=r"tokens is a symlink"):
        store.forget(str(tmp_path), HOST)
    assert [path.name for path in (tmp_path / "documents").iterdir()] == [document.name]


def test_an_entry_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    """A file at a folder's path is no error; an entry that is not ours is one, and stays."""
    (tmp_path / "tokens").touch()
    assert store.forget(str(tmp_path), HOST) == 0

    folder = make_folder(tmp_path / "logins")
    (folder / _name(1)).mkdir()
    with pytest.raises(OSError, match=_name(1)):
        store.forget(str(tmp_path), HOST)
    (folder / _name(1)).rmdir()
    (folder / _name(1)).write_text("a document")
    with pytest.raises(OSError, match=r"its content is not this program's"):
        store.forget(str(tmp_path), HOST)
    assert (folder / _name(1)).read_text() == "a document"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_other_exceptions_remove_nothing(
    place: tuple[str, str],
    kept: Path,
    kind: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C and MemoryError are raised, and remove no file."""

    def fail(*_: object, **__: object) -> bytes:
        raise kind

    folder, directory = str(kept.parent), str(kept.parent.parent)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("listdir", lambda: store.forget(directory, HOST)),
        ("read", lambda: store.sweep(folder, NOW + 99 * HOUR)),
        ("stat", lambda: store.sweep(folder, NOW + 99 * HOUR)),
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
        folder = make_folder(tmp_path / "tokens")
        _make_old(folder, _name(1), b"ecrpy-")
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)

        assert store.sweep(str(folder), NOW) == 0
        monkeypatch.undo()
        assert store.sweep(str(folder), NOW) == 1

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
    )
    def test_nothing_is_written_into_a_directory_of_another_user(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """Another user's directory is refused: its owner could replace the files."""
        os.chown(kept.parent, 12345, -1)

        with pytest.raises(PermissionError):
            entry_file.write(*place, make_entry())

    def test_a_directory_that_others_may_use_is_closed(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """This user's directory loses all permissions of others."""
        kept.parent.chmod(0o777)

        entry_file.write(*place, make_entry())

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

        entry_file.write(*place, make_entry(NOW + HOUR))
        assert cache.read(*place, NOW + HOUR, environ={}).written == NOW + HOUR
        assert kept.parent.stat().st_mode & 0o777 == 0o755

    def test_a_temporary_file_is_left_for_a_day(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A temporary file stays for a day, whether its writer is dead or alive."""
        folder = make_folder(tmp_path / "tokens")
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(os, "kill", None)
        ages = {".new-1-1": 24 * HOUR + cache.SECOND, ".new-2-1": 24 * HOUR, ".new-3-1": HOUR}
        for name, age in ages.items():
            _make_old(folder, name, b"ecrpy-", age)

        assert store.sweep(str(folder), NOW) == 1
        assert [path.name for path in list_files(folder)] == [".new-2-1", ".new-3-1"]
