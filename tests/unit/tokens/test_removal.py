"""What an erase and a clear remove, and what is an error: also of a cache that is not used."""

import errno
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.directory import Directory, Refused
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import folder, inventory, recent, store
from docker_credential_ecrpy.tokens.folder import FOLDERS, MARKER
from tests.world.entries import HOUR, NOW, list_files, make_entry, make_folder
from tests.world.hosts import HOST

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Unix owners and modes"),
    pytest.mark.usefixtures("same_descriptors"),
]
AS_ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
)
USER = 12345


def _fill(directory: Path) -> None:
    entry_file.write(*cache.token_place(str(directory), HOST, "me"), make_entry())
    entry_file.write(*cache.login_place(str(directory), HOST), make_entry())


def _forget(directory: Path, uid: int) -> str:
    """Erase a host as a user, in a child; return the number of entries, or the error."""
    for name in ("grp", "pwd", "shlex"):  # the user may be unable to read this interpreter
        importlib.import_module(name)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        said = "it failed otherwise"
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = str(store.forget(str(directory), HOST))
        except OSError as exc:
            said = str(exc)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode()


@pytest.fixture(name="top")
def _top(tmp_path: Path) -> Path:
    """A directory of root that others can reach but not change."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path.parent != path and path.name != "tmp":
            path.chmod(path.stat().st_mode | 0o011)
    return tmp_path


@pytest.mark.parametrize("action", ["erase", "clear"])
def test_from_a_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """An absolute path needs no current directory: every entry is removed."""
    _fill(tmp_path / "ecr")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    if action == "erase":
        assert store.forget(str(tmp_path / "ecr"), HOST) == 2
    else:
        done = inventory.clear_cache(str(tmp_path / "ecr"))
        assert (done.tokens, done.logins, done.left) == (1, 1, ())
    monkeypatch.undo()
    for name in (paths.TOKENS, paths.LOGINS):
        assert list_files(tmp_path / "ecr" / name) == []


def test_a_token_whose_refresh_was_deferred(tmp_path: Path) -> None:
    """A deferred refresh while the erase waits does not save the token."""
    place = cache.token_place(str(tmp_path), HOST, "me")
    entry_file.write(*place, make_entry())
    entry_file.defer(place[0], NOW + HOUR)
    started = os.stat(place[0]).st_ctime_ns - 1

    assert store.forget(str(tmp_path), HOST, "", started) == 1
    assert not os.path.exists(place[0])


@pytest.mark.parametrize(
    ("started", "now", "gone"),
    [(-1, 0, 0), (0, 0, 1), (1, 1, 1), (-1, -1, 1), (-2, 9, 0)],
    ids=["since", "at that moment", "before", "by a later clock", "long since"],
)
def test_a_login_that_was_stored_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: int, now: int, gone: int
) -> None:
    """It stays, to the nanosecond; one from before the removal, or from the future, does not.

    started, now: in ns since the login was stored.
    """
    path, subject = cache.login_place(str(tmp_path), HOST)
    entry_file.write(path, subject, make_entry())
    stored = os.stat(path).st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: stored + now)

    assert store.forget(str(tmp_path), HOST, "", stored + started) == gone
    assert len(list_files(tmp_path / paths.LOGINS)) == 1 - gone


def test_what_one_host_refers_to(tmp_path: Path) -> None:
    """An erase removes the endpoints that the host's entries refer to, and nothing of others."""
    hosts = [f"{digit}{HOST[1:]}" for digit in "234"]
    for host in hosts:
        token = cache.token_place(str(tmp_path), f"ecr@{host}", "me")
        entry = make_entry()
        entry.reply = b'"Username":"AWS","Secret":"%b"}\n' % host.encode()
        entry_file.write(*token, entry)
        reference = entry_file.refer(*token, entry)
        entry_file.write(*cache.token_place(str(tmp_path), host, "me"), reference)
        recent.remember(str(tmp_path), host)

    assert store.forget(str(tmp_path), hosts[1]) == 2
    others = [hosts[0], hosts[2]]
    names = [path.name.partition("~")[0] for path in list_files(tmp_path / paths.TOKENS)]
    assert names == [*others, *(f"ecr@{host}" for host in others)]
    assert [path.name for path in list_files(tmp_path / paths.REGISTRIES)] == others


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """On a full disk, a sweep and an erase remove from folders of version 0.1.0 all the same."""
    _fill(tmp_path)
    dead, subject = cache.token_place(str(tmp_path), HOST, "dead")
    entry_file.write(dead, subject, make_entry(NOW - 13 * HOUR))
    for name in (paths.TOKENS, paths.LOGINS):
        (tmp_path / name / MARKER).unlink()

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Directory, "write_whole", fail)
    assert store.sweep(str(tmp_path / paths.TOKENS), NOW) == 1
    assert store.forget(str(tmp_path), HOST) == 2
    with pytest.raises(OSError, match=os.strerror(number)):
        folder.open_folder(str(tmp_path / paths.TOKENS), create=True)


def test_another_error_of_the_marker_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other error of the marker is one of the removal."""
    _fill(tmp_path)
    (tmp_path / paths.TOKENS / MARKER).unlink()

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Directory, "write_whole", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        store.forget(str(tmp_path), HOST)


def test_hosts_that_are_not_listed_need_no_removal(tmp_path: Path) -> None:
    """The user's own registries/ is no error of an erase, also with a file of the host's name."""
    _fill(tmp_path)
    (tmp_path / paths.REGISTRIES).mkdir()
    (tmp_path / paths.REGISTRIES / HOST).write_text("mine")

    assert store.forget(str(tmp_path), HOST) == 2
    assert (tmp_path / paths.REGISTRIES / HOST).read_text() == "mine"


@pytest.mark.parametrize("file", ["main.tf", f"{'2' + HOST[1:]}~{1:032x}", f"{HOST}~{1:032x}"])
def test_a_folder_that_is_not_used(tmp_path: Path, file: str) -> None:
    """A folder of the user's is an error only if it holds an entry of the host."""
    tokens = tmp_path / paths.TOKENS
    tokens.mkdir()
    (tokens / "notes.txt").write_text("mine")
    (tokens / file).write_text("ecrpy-3 x")

    if file.startswith(HOST):
        with pytest.raises(Refused, match="did not create"):
            store.forget(str(tmp_path), HOST)
    else:
        assert store.forget(str(tmp_path), HOST) == 0
    assert len(list(tokens.iterdir())) == 2


@pytest.mark.parametrize("kind", ["an empty file", "a FIFO"])
def test_what_a_folder_that_is_not_used_may_hold(tmp_path: Path, kind: str) -> None:
    """An empty file is a removed login; anything else with an entry's name is an error."""
    tokens = tmp_path / paths.TOKENS
    tokens.mkdir()
    (tokens / "notes.txt").write_text("mine")
    path = tokens / f"{HOST}~{1:032x}"
    if kind == "a FIFO":
        os.mkfifo(path)
        with pytest.raises(Refused, match="did not create"):
            store.forget(str(tmp_path), HOST)
    else:
        path.touch()
        assert store.forget(str(tmp_path), HOST) == 0
    assert len(list(tokens.iterdir())) == 2


def _close(home: Path) -> None:
    (home / ".ecr" / "tokens").mkdir(parents=True)
    _give(home)
    (home / ".ecr").chmod(0)


def _fill_and_open(home: Path) -> None:
    _fill(home / ".ecr")
    _give(home)
    (home / ".ecr").chmod(0o777)


def _give(home: Path) -> None:
    for path in home.rglob("*"):
        os.chown(path, USER, USER)


MAKE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a home that its group can write in": (lambda home: home.chmod(0o775), "0"),
    "another user's home": (lambda home: home.chmod(0o755), "0"),
    "a closed home of another user": (lambda home: home.chmod(0o700), "0"),
    "a cache of another user": (lambda home: _fill(home / ".ecr"), "0"),
    "a closed directory of this user": (_close, "Permission denied"),
    "a token in a cache that others can write in": (_fill_and_open, "other users can write in"),
}


@AS_ROOT
@pytest.mark.parametrize("case", MAKE, ids=MAKE)
def test_where_nothing_was_ever_stored(top: Path, case: str) -> None:
    """`docker logout` succeeds with a cache that is not used, unless it may hold a token."""
    make, wanted = MAKE[case]
    (top / "home").mkdir()
    make(top / "home")
    said = _forget(top / "home" / ".ecr", USER)

    assert said == "0" if wanted == "0" else wanted in said


@AS_ROOT
def test_root_with_the_home_of_a_user(tmp_path: Path) -> None:
    """Under `sudo`, the tokens of the user are not root's: they stay, and that is no error."""
    _fill(tmp_path / "ecr")
    for path in (tmp_path / "ecr", *(tmp_path / "ecr").rglob("*")):
        os.chown(path, USER, USER)

    assert store.forget(str(tmp_path / "ecr"), HOST) == 0
    assert len(list_files(tmp_path / "ecr" / paths.TOKENS)) == 1


@pytest.mark.parametrize("name", FOLDERS)
def test_what_killed_processes_left_is_swept(tmp_path: Path, name: str) -> None:
    """A temporary file of a process that has ended is removed from its folder; others stay."""
    made = make_folder(tmp_path / name)
    ended = made / ".docker-credential-ecrpy-4194305-1.new"
    alive = made / f".docker-credential-ecrpy-{os.getpid()}-1.new"
    for path in (ended, alive):
        path.write_bytes(b"ecrpy-")
    os.utime(ended, (1, 1))
    os.utime(alive, ns=(NOW - HOUR, NOW - HOUR))
    if name == paths.REGISTRIES:
        store.sweep_hosts(str(made), lambda _: False, 1)
    elif name == paths.LOCKS:
        store.sweep_locks(str(made), NOW)
    else:
        store.sweep(str(made), NOW)

    assert list_files(made) == [alive]
