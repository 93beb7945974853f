"""Facts about who may read a user's file: replacing it neither gives access nor takes it away."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    read_user_file,
    replace_file,
    write_shared,
)
from docker_credential_ecrpy.files.user import permissions, target
from tests.security import attacks
from tests.world.access import ACCESS, DEFAULT, make_acl, read_attributes, set_attribute

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Python has xattrs on Linux only")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away"
)
READER, OTHER = 12345, 12346


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A file in a directory of its own."""
    path = tmp_path / "docker" / "config.json"
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.chmod(0o600)
    return path


def rewrite(path: Path, after: bytes = b"new") -> Path:
    """Replace a file; return its backup."""
    made = Rewrite(str(path), read_user_file(str(path)), after)
    check_replaceable(made)
    return Path(replace_file(made))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


def refusal(path: Path) -> str:
    """Return why a file is not replaced; it stays, and nothing is left beside it."""
    before = path.read_bytes(), path.stat().st_ino, names(path)
    with pytest.raises(HelperError) as caught:
        rewrite(path)
    assert (path.read_bytes(), path.stat().st_ino, names(path)) == before
    return str(caught.value).removeprefix(f"{path} cannot be written: ")


@linux
def test_an_acl_is_kept(path: Path) -> None:
    """The mode's group bits are the ACL's mask: without the ACL, the group could read."""
    set_attribute(path, ACCESS, make_acl(READER))
    before = read_attributes(path), mode(path)
    backup = rewrite(path)

    assert (read_attributes(path), mode(path)) == before
    assert mode(path) == 0o640
    assert (read_attributes(backup), mode(backup)) == ({}, 0o600)


@linux
def test_attributes_are_kept(path: Path) -> None:
    """Attributes of the user's are those of the new file, too."""
    set_attribute(path, "user.origin", b"dotfiles")
    rewrite(path)

    assert read_attributes(path)["user.origin"] == b"dotfiles"


@linux
@as_root
def test_a_label_is_kept(path: Path) -> None:
    """A security label, such as SELinux's, is kept where the user may set it."""
    set_attribute(path, "security.selinux", b"unconfined_u:object_r:container_file_t:s0")
    before = read_attributes(path)
    rewrite(path)

    assert read_attributes(path) == before


@linux
@pytest.mark.parametrize("is_new", [True, False])
def test_a_default_acl_gives_nobody_access(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, is_new: bool
) -> None:
    """No file that is written in such a directory has the ACL at any time, nor a group's rights."""
    set_attribute(path.parent, DEFAULT, make_acl(READER, group=4, other=4))
    if is_new:
        path.unlink()
    else:
        path.chmod(0o644)
    write, seen = target.write, []

    def look_first(opened: int, data: bytes) -> None:
        seen.append((os.listxattr(opened), stat.S_IMODE(os.fstat(opened).st_mode)))
        write(opened, data)

    monkeypatch.setattr(target, "write", look_first)
    rewrite(path)
    found = [path, *path.parent.glob("*.bak")]

    usual = 0o600 if is_new else 0o644
    assert len(found) == 2
    assert [read_attributes(each) for each in found] == [{}, {}]
    assert [mode(each) for each in found] == [usual, 0o600]
    # an empty one that tries the permissions, the backup, and the new file
    assert seen == [([], usual), ([], 0o600), ([], usual)]


@posix
def test_a_second_hard_link_is_refused(path: Path) -> None:
    """The other name would keep the old content, and never say so."""
    os.link(path, path.parent / "other.json")

    assert refusal(path) == (
        "it has 2 hard links, and the others would keep the old content;"
        " make them symlinks to it, or edit it by hand; it is unchanged"
    )


@linux
def test_an_attribute_that_cannot_be_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with what to do."""
    set_attribute(path, "user.origin", b"dotfiles")

    def refuse(*_given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setxattr", refuse)

    assert refusal(path) == (
        "its attribute user.origin cannot be kept (operation not permitted);"
        " remove attribute user.origin, or edit the file by hand; it is unchanged"
    )


@linux
def test_a_file_system_without_attributes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing to keep."""

    def unsupported(*_given: object) -> list[str]:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "listxattr", unsupported)
    rewrite(path)

    assert path.read_bytes() == b"new"


def as_user(uid: int, act: Callable[[], object]) -> str:
    """Run something as another user, of group 12345 only; return its HelperError, or ""."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        said = "it failed"
        try:
            os.setgroups([])
            os.setgid(READER)
            os.setuid(uid)
            act()
            said = ""
        except HelperError as exc:
            said = str(exc)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture(name="theirs")
def _theirs(path: Path) -> Path:
    """The file, in a directory that is READER's and that READER can reach."""
    os.chown(path.parent, READER, READER)
    os.chown(path, READER, READER)
    for parent in path.parents:
        if mode(parent) & 0o111 != 0o111:
            parent.chmod(mode(parent) | 0o111)
    return path


@as_root
def test_anothers_file_is_refused(theirs: Path) -> None:
    """A user who may write the file, but cannot give the new one its owner, does not replace it."""
    os.chown(theirs, OTHER, READER)
    theirs.chmod(0o660)
    said = as_user(READER, lambda: rewrite(theirs))

    assert said == (
        f"{theirs} cannot be written: it belongs to another user, and a new file would be yours;"
        " run this as its owner; the file is unchanged"
    )
    assert (theirs.read_bytes(), names(theirs)) == (b"old", ["config.json"])


@as_root
@pytest.mark.parametrize(
    ("bits", "why"),
    [(0o600, ""), (0o644, ""), (0o640, "group"), (0o604, "group")],
    ids=["no group rights", "all read", "group reads", "group alone does not"],
)
def test_a_group_of_which_the_owner_is_no_member(theirs: Path, bits: int, why: str) -> None:
    """The group is replaced only where nobody gains or loses access by that."""
    os.chown(theirs, READER, OTHER)
    theirs.chmod(bits)
    said = as_user(READER, lambda: rewrite(theirs))

    if why:
        assert f"it belongs to the group {OTHER}, of which you are no member" in said
        assert theirs.read_bytes() == b"old"
    else:
        assert said == ""
        seen = theirs.stat()
        assert (seen.st_uid, seen.st_gid, mode(theirs)) == (READER, READER, bits)


@as_root
def test_root_keeps_a_users_acl(theirs: Path) -> None:
    """Owner, group, mode and ACL stay the user's; the backup is the user's alone."""
    set_attribute(theirs, ACCESS, make_acl(OTHER))
    before = read_attributes(theirs)
    backup = rewrite(theirs)

    for each, bits in ((theirs, 0o640), (backup, 0o600)):
        seen = each.stat()
        assert (seen.st_uid, seen.st_gid, mode(each)) == (READER, READER, bits)
    assert (read_attributes(theirs), read_attributes(backup)) == (before, {})


@linux
@pytest.mark.parametrize("is_new", [True, False])
def test_a_shared_file_keeps_its_acl(path: Path, *, is_new: bool) -> None:
    """A file of the AWS CLI's cache keeps its readers; a new one has only its owner."""
    set_attribute(path.parent, DEFAULT, make_acl(OTHER, group=4))
    set_attribute(path, ACCESS, make_acl(READER))
    before = read_attributes(path)
    if is_new:
        path.unlink()
        before = {}
    write_shared(str(path), b"new")

    assert (path.read_bytes(), read_attributes(path)) == (b"new", before)
    assert mode(path) == (0o600 if is_new else 0o640)
    assert names(path) == ["config.json"]


def test_what_another_user_has_taken() -> None:
    """It is the topmost file or directory of another user's in one of this user's."""
    attacks.require_two_users()
    # pytest's own temporary directory is closed to others.
    home = Path(os.path.realpath(tempfile.mkdtemp(prefix="home-")))
    file = home / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text("{}")
    os.chown(home, READER, READER)
    try:
        os.seteuid(READER)
        try:
            assert permissions.find_taken(str(file)) == str(file.parent)
        finally:
            os.seteuid(0)
        os.chown(file.parent, READER, READER)
        os.seteuid(READER)
        try:
            assert permissions.find_taken(str(file)) == str(file)
        finally:
            os.seteuid(0)
        assert permissions.find_taken(str(file)) == ""
    finally:
        shutil.rmtree(home)
