"""Facts about replacing a user's file: the replace is atomic, and a backup is kept."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite, read_user_file, replace_file
from docker_credential_ecrpy.files.user.backup import (
    BACKUPS_KEPT,
    list_backups,
    make_mark,
    read_backups,
)
from tests.world import engines

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and FIFOs of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="mounts and capabilities of Linux")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away"
)


def rewrite(path: Path, after: bytes = b"new") -> str:
    return replace_file(Rewrite(str(path), read_user_file(str(path)), after))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def without_power(code: str, *arguments: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python without root's capabilities, so that file modes count."""
    prefix: Sequence[str] = ()
    if os.geteuid() == 0:
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    return subprocess.run(
        [*prefix, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


LIST = """
import sys
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.user import backup
try:
    backup.list_backups(sys.argv[1])
except HelperError as exc:
    print(exc)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_backups_in_a_directory_that_cannot_be_listed(tmp_path: Path) -> None:
    """An error names the directory: it may have backups."""
    tmp_path.chmod(0o300)
    done = without_power(LIST, tmp_path / "config.json")
    tmp_path.chmod(0o700)

    says = f"{tmp_path} cannot be read: permission denied; check its owner and mode\n"
    assert (done.stdout, done.stderr) == (says, "")


WRITE = """
import sys
from docker_credential_ecrpy.files import replace
from docker_credential_ecrpy.errors import HelperError
try:
    rewrite = replace.Rewrite(sys.argv[1], replace.read_user_file(sys.argv[1]), b"new")
    replace.check_replaceable(rewrite)
    replace.replace_file(rewrite)
except HelperError as exc:
    print(exc)
"""


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [(None, b"", False), (b"", b"", False), (b"a", b"a", False), (None, b"a", True)],
)
def test_whether_it_is_needed(before: bytes | None, after: bytes, needed: bool) -> None:
    """A rewrite is needed only where bytes change."""
    assert Rewrite("x", before, after).is_needed is needed


def test_a_new_file(tmp_path: Path) -> None:
    """Its directories are made, all with modes for the owner alone; its backup says "no file"."""
    path = tmp_path / "a" / "b" / "config.json"

    assert rewrite(path) == ""
    assert path.read_bytes() == b"new"
    (backup,) = list_backups(str(path))
    assert backup.is_none
    assert names(path.parent) == ["config.json", Path(backup.path).name]
    assert Path(backup.path).read_bytes() == b""
    assert read_backups(str(path)) == []
    if sys.platform != "win32":
        made = [path, Path(backup.path), path.parent, path.parent.parent]
        assert [mode(p) for p in made] == [0o600, 0o600, 0o700, 0o700]


@posix
@pytest.mark.parametrize("bits", [0o600, 0o644, 0o664])
def test_a_file_keeps_its_mode(tmp_path: Path, bits: int) -> None:
    """The backup has mode 0600 in any case, since it may hold passwords."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    path.chmod(bits)
    backup = Path(rewrite(path))

    assert (path.read_bytes(), mode(path)) == (b"new", bits)
    assert (backup.read_bytes(), mode(backup)) == (b"old", 0o600)
    assert names(tmp_path) == ["config.json", backup.name]


@as_root
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    """A file and its backup keep the owner, even when root replaces the file."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    os.chown(path, 1234, 1235)
    backup = Path(rewrite(path))

    for each in (path, backup):
        assert (each.stat().st_uid, each.stat().st_gid) == (1234, 1235)


@posix
def test_links_stay(tmp_path: Path) -> None:
    """A chain of symlinks still leads to the file, and the backup is beside its target."""
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file.json"
    target.write_bytes(b"old")
    (tmp_path / "middle").symlink_to("real/file.json")
    path = tmp_path / "config.json"
    path.symlink_to("middle")
    backup = rewrite(path)

    assert path.is_symlink()
    assert target.read_bytes() == b"new"
    assert Path(backup).parent == target.parent
    assert names(tmp_path) == ["config.json", "middle", "real"]


@posix
def test_a_link_to_what_is_not_there_yet(tmp_path: Path) -> None:
    """The target of a dangling symlink is created."""
    path = tmp_path / "config.json"
    path.symlink_to("made/file.json")
    rewrite(path)

    assert path.is_symlink()
    assert (tmp_path / "made" / "file.json").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("kind", ["directory", "FIFO", "loop", "below a file", "device"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """Anything but a file is an error, and a FIFO does not hang."""
    path = tmp_path / "config.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "below a file":
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "config.json"
    else:
        path.symlink_to("/dev/zero")

    with pytest.raises(HelperError, match="cannot be read: "):
        read_user_file(str(path))


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    """A file of more than 8 MiB is not read; the hint is about its size."""
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(8 * 1024 * 1024 + 1)

    with pytest.raises(HelperError, match="it is larger than 8 MiB; remove entries "):
        read_user_file(str(path))


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [(None, b"theirs"), (b"old", b"theirs"), (b"old", None)],
    ids=["made", "changed", "removed"],
)
def test_what_another_wrote_meanwhile_stays(
    tmp_path: Path, before: bytes | None, meanwhile: bytes | None
) -> None:
    """A concurrent change is an error, and no temporary file is left."""
    path = tmp_path / "config.json"
    if meanwhile is not None:
        path.write_bytes(meanwhile)

    with pytest.raises(
        HelperError, match="another program changed it; that change is kept: run this"
    ):
        replace_file(Rewrite(str(path), before, b"ours"))
    assert names(tmp_path) == ([] if meanwhile is None else ["config.json"])
    if meanwhile is not None:
        assert path.read_bytes() == meanwhile


def test_three_backups_are_kept(tmp_path: Path) -> None:
    """Each has its own name, also within one second; older ones are removed after a write."""
    path = tmp_path / "config.json"
    path.write_bytes(b"0")
    for number in range(1, 13):
        rewrite(path, b"%d" % number)

    assert len(names(tmp_path)) == 1 + BACKUPS_KEPT
    assert read_backups(str(path)) == [b"11", b"10", b"9"]


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """A new backup still sorts as the newest, and is not the one that is removed."""
    path = tmp_path / "config.json"
    path.write_bytes(b"0")
    for number in range(3):
        (tmp_path / f"config.json.2999-01-0{number + 1}T00-00-00Z.bak").write_bytes(b"later")
    backup = Path(rewrite(path, b"1"))

    assert backup.name == "config.json.2999-01-03T00-00-00Z-2.bak"
    assert read_backups(str(path)) == [b"0", b"later", b"later"]
    assert not (tmp_path / "config.json.2999-01-01T00-00-00Z.bak").exists()


def test_a_failed_write_removes_no_backup(tmp_path: Path) -> None:
    """Older backups are removed only once the new content is in place."""
    path = tmp_path / "config.json"
    path.write_bytes(b"0")
    for number in range(5):
        (tmp_path / f"config.json.2026-01-0{number + 1}T00-00-00Z.bak").touch()
    before = names(tmp_path)

    with pytest.raises(HelperError, match="another program changed it"):
        replace_file(Rewrite(str(path), b"other", b"ours"))
    assert names(tmp_path) == before


@posix
def test_only_own_regular_files_are_backups(tmp_path: Path) -> None:
    """A symlink, a hard link, a directory or another user's file is neither read nor removed."""
    path = tmp_path / "config.json"
    path.write_bytes(b"0")
    (tmp_path / "secret").write_bytes(b"hunter2")
    stamps = [f"config.json.2026-01-01T00-00-0{number}Z.bak" for number in range(4)]
    (tmp_path / stamps[0]).symlink_to("secret")
    os.link(tmp_path / "secret", tmp_path / stamps[1])
    (tmp_path / stamps[2]).mkdir()
    (tmp_path / stamps[3]).touch()
    foreign = [stamps[0], stamps[1], stamps[2]]
    if os.geteuid() == 0:
        os.chown(tmp_path / stamps[3], 1234, 1235)
        foreign.append(stamps[3])
    for number in range(1, 6):
        rewrite(path, b"%d" % number)

    assert read_backups(str(path)) == [b"4", b"3", b"2"]
    assert set(foreign) <= set(names(tmp_path))


@as_root
def test_root_keeps_three_of_the_owners_backups(tmp_path: Path) -> None:
    """Backups that belong to the owner of the file count as its backups."""
    path = tmp_path / "config.json"
    path.write_bytes(b"0")
    os.chown(path, 1234, 1235)
    for number in range(1, 6):
        rewrite(path, b"%d" % number)

    assert read_backups(str(path)) == [b"4", b"3", b"2"]
    assert len(names(tmp_path)) == 1 + BACKUPS_KEPT


def test_files_replaced_together_have_one_mark(tmp_path: Path) -> None:
    """The mark sorts after every backup of each of them."""
    paths = [tmp_path / "config.json", tmp_path / "config.toml"]
    for path in paths:
        path.write_bytes(b"old")
    rewrite(paths[0])
    mark = make_mark(map(str, paths))
    for path in paths:
        replace_file(Rewrite(str(path), path.read_bytes(), b"newer"), mark)
    newest = [list_backups(str(path))[0].mark for path in paths]

    assert newest == [mark, mark]
    assert make_mark(map(str, paths)) > mark


@pytest.mark.parametrize("has_links", [True, False])
def test_a_backup_is_complete_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    """It gets its name only with its whole content, also on a file system without hard links."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    link, seen = os.link, list[bytes]()

    def look_first(whole: str, backup: str, **where: Any) -> None:
        seen.append((tmp_path / whole).read_bytes())
        if not has_links:
            raise PermissionError(1, "Operation not permitted")
        link(whole, backup, **where)

    monkeypatch.setattr(os, "link", look_first)
    rewrite(path)
    rewrite(path, b"newer")

    assert seen == [b"old", b"new"]
    assert read_backups(str(path)) == [b"new", b"old"]
    assert len(names(tmp_path)) == 3


def test_other_files_are_no_backups(tmp_path: Path) -> None:
    """Another file's backups do not count, nor do other names that end in .bak or ~."""
    for name in ("config.json.bak", "other.json.2026-01-01T00-00-00Z.bak", "config.json~"):
        (tmp_path / name).touch()

    assert read_backups(str(tmp_path / "config.json")) == []
    assert read_backups(str(tmp_path / "none" / "config.json")) == []


@posix
def test_a_file_that_is_read_only(tmp_path: Path) -> None:
    """The error comes before anything is written."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    path.chmod(0o400)
    done = without_power(WRITE, path)

    assert done.stdout == (
        f"{path} cannot be written: it is read-only; make it writable; the file is unchanged\n"
    )
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["config.json"]


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_directory_that_is_read_only(tmp_path: Path, there: bool) -> None:
    """The error names the directory, and nothing is written."""
    directory = tmp_path / "docker"
    directory.mkdir()
    path = directory / "config.json"
    if there:
        path.write_bytes(b"old")
    directory.chmod(0o500)
    done = without_power(WRITE, path)

    assert f"the directory {directory} is read-only" in done.stdout
    assert done.stderr == ""
    assert names(directory) == (["config.json"] if there else [])


@posix
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """An unreadable file does not count as missing."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    path.chmod(0o000)
    done = without_power(WRITE, path)

    assert done.stdout == (f"{path} cannot be read: permission denied; check its owner and mode\n")


@linux
@as_root
def test_a_file_that_is_a_mount(tmp_path: Path) -> None:
    """A bind mount cannot be replaced: an error, and no file is left beside it."""
    for name in ("config.json", "outside.json"):
        (tmp_path / name).write_bytes(name.encode())
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$2"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path / "outside.json")),
            *(str(tmp_path / "config.json"), sys.executable, WRITE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        engines.missing("this machine lets nobody mount anything")

    assert "it is a bind mount: edit the file that is mounted there" in done.stdout
    assert (tmp_path / "outside.json").read_bytes() == b"outside.json"
    assert names(tmp_path) == ["config.json", "outside.json"]


@posix
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """The old content stays, and the temporary file is removed."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    code = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (2, 2))\n"
    done = subprocess.run(
        [sys.executable, "-c", code + WRITE, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "cannot be written: file too large; the file is unchanged" in done.stdout, done
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["config.json"]


@posix
def test_one_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    """After a kill at any time, the file has its old or its new content, whole."""
    path = tmp_path / "config.json"
    old, new = b"o" * 300_000, b"n" * 300_000
    code = "import sys\nfrom docker_credential_ecrpy.files import replace\npath = sys.argv[1]\n"
    code += "print(flush=True)\nfor text in (b'n', b'o') * 999:\n"
    code += "    rewrite = replace.Rewrite(path, replace.read_user_file(path), text * 300_000)\n"
    code += "    replace.replace_file(rewrite)\n"
    path.write_bytes(old)
    for turn in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.003 * turn)
            child.send_signal(signal.SIGKILL)

        assert path.read_bytes() in (old, new)


def test_a_file_that_is_being_written_in_place(tmp_path: Path) -> None:
    """Its writer empties it first: it is read again for a moment, an old empty file is not."""
    path = tmp_path / "config.json"
    path.touch()
    timer = threading.Timer(0.1, path.write_bytes, [b"{}"])
    timer.start()
    assert read_user_file(str(path)) == b"{}"
    timer.join()
    path.write_bytes(b"")
    assert read_user_file(str(path)) == b""


@linux
@as_root
@pytest.mark.parametrize("place", ["file", "directory"])
@pytest.mark.parametrize("letter", ["i", "a"])
def test_attributes_of_chattr(tmp_path: Path, letter: str, place: str) -> None:
    """The error names the attribute and what removes it, and nothing is left beside the file."""
    directory = tmp_path / "docker"
    directory.mkdir()
    path = directory / "config.json"
    path.write_bytes(b"old")
    at = path if place == "file" else directory
    chattr = shutil.which("chattr") or "false"
    if subprocess.run([chattr, f"+{letter}", at], check=False).returncode:
        engines.missing("this file system has no attributes of chattr")
    try:
        done = without_power(WRITE, path)
    finally:
        subprocess.run([chattr, f"-{letter}", at], check=True)

    name = "it" if place == "file" else f"the directory {directory}"
    assert f"{name} has the attribute {letter} of chattr; remove it with chattr -{letter};" in (
        done.stdout
    ), done
    assert names(directory) == ["config.json"]


@linux
@as_root
def test_a_mount_that_is_read_only(tmp_path: Path) -> None:
    """The error says so: the mode of the file is not the cause."""
    (tmp_path / "config.json").write_bytes(b"old")
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$4"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path)),
            *(sys.executable, WRITE, str(tmp_path / "config.json")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount:" in done.stderr or "unshare" in done.stderr:
        engines.missing("this machine lets nobody mount anything")

    assert "is on a file system that is mounted read-only; mount it read-write" in done.stdout, done


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
def test_a_symlink_to_itself(tmp_path: Path) -> None:
    """The error says what to replace."""
    path = tmp_path / "config.json"
    path.symlink_to(path.name)
    for act in (lambda: read_user_file(str(path)), lambda: write_new(path)):
        with pytest.raises(HelperError, match="leads to itself: replace it"):
            act()


def write_new(path: Path) -> str:
    return replace_file(Rewrite(str(path), None, b"new"))


@linux
def test_a_full_disk_for_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attribute is not the cause, and the hint does not tell the user to remove it."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"x")
    except OSError:
        engines.missing("this file system has no attributes")
    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(HelperError, match="no space left on device; free some space there"):
        rewrite(path)
    assert names(tmp_path) == ["config.json"]
