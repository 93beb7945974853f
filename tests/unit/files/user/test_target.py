"""Facts about a file's directory: it is opened once, and what killed runs left there is removed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    replace_file,
    write_shared,
)
from docker_credential_ecrpy.files.user import permissions
from docker_credential_ecrpy.files.user.backup import BACKUPS_KEPT, list_backups
from docker_credential_ecrpy.files.user.target import Target

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="directories of POSIX")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away"
)
ANOTHER, THIRD = 12346, 12347


def end_process() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


@pytest.fixture(name="ended", scope="module")
def _ended() -> int:
    return end_process()


def names(directory: Path) -> set[str]:
    return set(os.listdir(directory))


def leave(path: Path, age: float = 100) -> Path:
    """Write a file that is some seconds old."""
    path.write_bytes(b"a login")
    seconds = path.stat().st_mtime - age
    os.utime(path, (seconds, seconds))
    return path


def write_user_file(path: Path) -> None:
    made = Rewrite(str(path), path.read_bytes() if path.exists() else None, b"new")
    check_replaceable(made)
    replace_file(made)


def write_cache_file(path: Path) -> None:
    write_shared(str(path), b"new")


@pytest.mark.parametrize("write", [write_user_file, write_cache_file])
def test_what_a_killed_run_left(tmp_path: Path, ended: int, write: object) -> None:
    """The next write removes what is its own: a cache has no other program's write there."""
    assert callable(write)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    leave(tmp_path / f".docker-credential-ecrpy-{ended}-5.new")
    held = leave(tmp_path / f".docker-credential-ecrpy-{ended}-6-held.new")
    if write is write_user_file:
        held.write_bytes(b"old")
        os.utime(held, (1e9, 1e9))
    write(path)

    assert not {name for name in names(tmp_path) if name.startswith(".")}


@pytest.mark.parametrize("of", ["another program", "nobody", "the file", "a backup"])
def test_a_write_of_another_program_that_a_killed_run_held(
    tmp_path: Path, ended: int, of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next run makes it a backup and names that, unless its content is known already."""
    path = tmp_path / "config.json"
    path.write_bytes(b"before")
    write_user_file(path)
    held = leave(tmp_path / f".docker-credential-ecrpy-{ended}-5-held.new")
    held.chmod(0o644)
    held.write_bytes({"nobody": b"", "the file": b"new", "a backup": b"before"}.get(of, b"a login"))
    os.utime(held, (1e9, 1e9))
    apply_plan(Plan((Rewrite(str(path), b"new", b"newer"),), (), ()), {}, print)
    told = capsys.readouterr().out
    copies = [each for each in tmp_path.glob("*.bak") if str(each) in told]

    assert not held.exists()
    assert [each.read_bytes() for each in copies] == [b"a login"] * (of == "another program")
    assert [each.stat().st_mode & 0o777 for each in copies] == [0o600] * len(copies)
    assert [Path(each.path).read_bytes() for each in list_backups(str(path))][:1] == [b"new"]


def test_a_copy_that_a_message_names_stays(tmp_path: Path, ended: int) -> None:
    """Later backups of the same command do not replace it."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    leave(tmp_path / f".docker-credential-ecrpy-{ended}-5-held.new")
    for _ in range(6):
        write_user_file(path)
        path.write_bytes(os.urandom(9))

    contents = [Path(each.path).read_bytes() for each in list_backups(str(path))]
    assert len(contents) == BACKUPS_KEPT + 1
    assert contents[-1] == b"a login"


def test_a_short_name_is_somebody_elses(tmp_path: Path, ended: int) -> None:
    """Version 0.1.0 gave such names to files in its cache only."""
    for write in (write_user_file, write_cache_file):
        left = leave(tmp_path / f".new-{ended}-5")
        write(tmp_path / "file")
        assert left.read_bytes() == b"a login"


def test_a_second_name_that_a_killed_run_left(tmp_path: Path, ended: int) -> None:
    """A file that a run was killed while replacing has no second hard link after the next one."""
    path = leave(tmp_path / "config.json")
    os.link(path, tmp_path / f".docker-credential-ecrpy-{ended}-5.new")
    write_user_file(path)

    assert path.read_bytes() == b"new"
    assert path.stat().st_nlink == 1


def test_what_is_not_ours_stays(tmp_path: Path, ended: int) -> None:
    """Other names, young files, links, folders and files of running programs stay."""
    directory = tmp_path / "docker"
    directory.mkdir()
    secret = leave(tmp_path / "secret")
    prefix = f".docker-credential-ecrpy-{ended}"
    for name in (".new-notes", ".new-", f"{prefix}-5.new~", f"{prefix}-5", f"x{prefix}-5.new"):
        leave(directory / name)
    leave(directory / f"{prefix}-1.new", age=0)
    leave(directory / f".docker-credential-ecrpy-{os.getpid()}-5.new")
    (directory / f"{prefix}-2.new").symlink_to(secret)
    os.link(secret, directory / f"{prefix}-3.new")
    (directory / f"{prefix}-4.new").mkdir()
    os.mkfifo(directory / f"{prefix}-6.new")
    if os.geteuid() == 0:
        os.chown(leave(directory / f"{prefix}-7.new"), ANOTHER, ANOTHER)
    before = names(directory)
    write_user_file(directory / "config.json")

    assert before < names(directory)
    assert secret.read_bytes() == b"a login"


@pytest.mark.parametrize("turn", range(6))
def test_a_run_that_is_killed(tmp_path: Path, turn: int) -> None:
    """At whichever file access it is killed, the next run removes all that it left."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    code = """
import os, signal, sys
from docker_credential_ecrpy.files import replace
from docker_credential_ecrpy.files.user import exchange
from docker_credential_ecrpy.files.user.target import Target
path, left, has_swap = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
def watch(place, name):
    function = getattr(place, name)
    def step(*given):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given)
    setattr(place, name, step)
if not has_swap:
    exchange._rename = lambda *_: False
for name in ("stat", "open_file", "create", "link", "rename", "remove", "sync"):
    watch(Target, name)
watch(exchange, "swap")
replace.replace_file(replace.Rewrite(path, b"old", b"ours"))
"""
    for at in range(turn + 1, 60, 6):
        path.write_bytes(b"old")
        command = [sys.executable, "-c", code, str(path), str(at), str(bool(turn % 2))]
        done = subprocess.run(command, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        assert path.read_bytes() in (b"old", b"ours")
        for each in tmp_path.glob(".*"):
            os.utime(each, (1e9, 1e9))
        write_user_file(path)
        assert path.read_bytes() == b"new"
        assert path.stat().st_nlink == 1
        assert not list(tmp_path.glob(".*")), at
    else:
        pytest.fail("it was killed each time")


@as_root
@pytest.mark.parametrize("place", ["the file", "the directory", "above", "dangling"])
def test_another_users_symlink(tmp_path: Path, place: str) -> None:
    """It could lead to any file of this user, so that the file is refused, and nothing created."""
    real = tmp_path / "documents" / "docker"
    real.mkdir(parents=True)
    (real / "config.json").write_bytes(b"a document")
    link, target = {
        "the file": ("docker/config.json", real / "config.json"),
        "the directory": ("docker", real),
        "above": ("above", tmp_path / "documents"),
        "dangling": ("docker", tmp_path / "documents" / "made"),
    }[place]
    path = tmp_path / ("above/docker" if place == "above" else "docker") / "config.json"
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(target)
    os.lchown(tmp_path / link, ANOTHER, ANOTHER)
    before = sorted(tmp_path.rglob("*"))
    data = None if place == "dangling" else b"a document"
    for act in (check_replaceable, replace_file):
        with pytest.raises(HelperError) as caught:
            act(Rewrite(str(path), data, b"ours"))

        assert str(caught.value) == (
            f"{path} cannot be written: another user's symlink leads to it;"
            " replace the symlink by one of your own"
        )
    assert sorted(tmp_path.rglob("*")) == before
    assert (real / "config.json").read_bytes() == b"a document"


@as_root
def test_root_follows_the_links_of_a_user_to_that_users_files(tmp_path: Path) -> None:
    """Such links are a user's dotfiles; those to a third user's files are refused."""
    real, path = tmp_path / "dotfiles", tmp_path / "config.json"
    real.mkdir()
    path.symlink_to(real / "config.json")
    os.lchown(path, ANOTHER, ANOTHER)
    os.chown(real, ANOTHER, ANOTHER)
    write_user_file(path)

    assert (real / "config.json").read_bytes() == b"new"
    assert (real / "config.json").stat().st_uid == ANOTHER
    os.chown(real, THIRD, THIRD)
    with pytest.raises(HelperError, match="another user's symlink leads to it"):
        write_user_file(path)


def test_the_path_without_symlinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what realpath returns, for relative and absolute links and ".." in them."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to("../../a")
    (tmp_path / "c").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "a" / "file").symlink_to("../c/.//x")
    monkeypatch.chdir(tmp_path / "a")
    for file in ("file", "./b/up/file", "../c/up/../a/b/up/file", str(tmp_path / "c" / "x")):
        with Target(file) as at:
            assert at.path == os.path.realpath(file) == str(tmp_path / "a" / "b" / "x")
            assert at.opened is not None
            assert os.path.samestat(os.fstat(at.opened), os.stat(tmp_path / "a" / "b"))


def test_a_loop_of_links(tmp_path: Path) -> None:
    """It is an error, as for any program."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Target(str(tmp_path / "a" / "config.json"))


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """A write and a refusal close all that they open."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open descriptors cannot be counted here")
    path = tmp_path / "config.json"
    before = len(os.listdir("/proc/self/fd"))
    write_user_file(path)
    path.write_bytes(b"theirs")
    with pytest.raises(HelperError):
        replace_file(Rewrite(str(path), b"old", b"ours"))
    with pytest.raises(FileNotFoundError):
        Target(str(tmp_path / "none" / "file"))
    os.link(path, tmp_path / "second")
    with pytest.raises(permissions.Refused):
        write_shared(str(path), b"ours")

    assert len(os.listdir("/proc/self/fd")) == before
