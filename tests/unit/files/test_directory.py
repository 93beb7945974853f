"""Facts about directories that are opened once."""

import importlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import directory
from docker_credential_ecrpy.files.directory import NotDirectory, Refused

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Unix owners, modes and symlinks"),
    pytest.mark.usefixtures("same_descriptors"),
]
AS_ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
)
USER, OTHER = 12345, 12346


def _as_user(uid: int, act: Callable[[], object], root: str = "/") -> str:
    """Call `act` as a user, in a child; return the text of its Refused, or "".

    root: the child's "/".
    """
    for name in ("grp", "pwd", "shlex"):  # the user may be unable to read this interpreter
        importlib.import_module(name)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        said = b"it failed otherwise"
        try:
            if root != "/":
                os.chroot(root)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            act()
            said = b""
        except Refused as exc:
            said = f"{exc}; {exc.hint}; {exc.command}".encode()
        finally:
            os.write(writer, said)
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode()


def _open(path: Path, *, create: bool = True) -> None:
    directory.open_own(str(path), create=create).close()


@pytest.fixture(name="top")
def _top(tmp_path: Path) -> Path:
    """A directory of root that others can reach but not change."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path.parent != path and path.name != "tmp":
            path.chmod(path.stat().st_mode | 0o011)
    return tmp_path


def _make(path: Path, uid: int = USER, mode: int = 0o700, gid: int | None = None) -> Path:
    path.mkdir()
    os.chown(path, uid, uid if gid is None else gid)
    path.chmod(mode)
    return path


def test_it_and_its_parents_are_made_for_this_user_alone(tmp_path: Path) -> None:
    """What is missing is created with mode 0700, whatever the umask; what exists keeps its mode."""
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        for _ in range(2):
            _open(tmp_path / "parent" / "made")
    finally:
        os.umask(before)

    for made in (tmp_path / "parent", tmp_path / "parent" / "made"):
        assert made.stat().st_mode & 0o7777 == 0o700
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_nothing_is_made_unasked(tmp_path: Path) -> None:
    """Without `create`, a missing directory is an error, as is a path too long; nothing is made."""
    with pytest.raises(FileNotFoundError):
        _open(tmp_path / "parent" / "made", create=False)
    with pytest.raises(OSError, match="too long"):
        _open(Path(str(tmp_path) + ("/" + "a" * 250) * 17))
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name, "." and ".." are found from the current directory."""
    (tmp_path / "here").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("made", "./also//made", "../here/too", ".."):
        directory.open_own(name, create=True).close()

    assert {path.name for path in Path().iterdir()} == {"made", "also", "too"}


def test_a_current_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error for a relative path alone."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    _open(tmp_path / "made")
    with pytest.raises(Refused, match=r"^the current directory is gone$") as raised:
        directory.open_own("made", create=True)
    assert "make AWS_ECR_CACHE_DIR absolute" in raised.value.hint


def test_its_names(tmp_path: Path) -> None:
    """The names in it can be listed."""
    (tmp_path / "name").touch()
    with directory.open_own(str(tmp_path), create=False) as opened:
        assert opened.names() == ["name"]


@pytest.mark.parametrize("most", [0, 1, 3, 4])
def test_its_first_names(tmp_path: Path, most: int) -> None:
    """As many names as asked for can be listed, or all."""
    names = {"a", "b", "c"}
    for name in names:
        (tmp_path / name).touch()
    with directory.open_own(str(tmp_path), create=False) as opened:
        found = opened.first_names(most)

    assert len(found) == min(most, len(names))
    assert names.issuperset(found)
    assert len({*found}) == len(found)


@pytest.mark.parametrize("name", ["caf\udce9", "a\nb", "a b"])
def test_a_cure_names_the_directory_or_is_none(tmp_path: Path, name: str) -> None:
    """A command that cannot be printed as it is would change another directory: it is left out."""
    path = tmp_path / name
    path.mkdir()
    path.chmod(0o777)

    with pytest.raises(Refused) as raised:
        _open(path)
    assert raised.value.command == (f"chmod go-w '{path}'" if name == "a b" else "")
    raised.value.hint.encode()


def test_an_error_names_the_path(tmp_path: Path) -> None:
    """The error of a part of the path has the whole path to it."""
    with pytest.raises(FileNotFoundError) as raised:
        _open(tmp_path / "missing" / "cache", create=False)
    assert raised.value.filename == str(tmp_path / "missing")


@pytest.mark.parametrize("leads", ["a file", "nowhere", "itself"])
def test_another_file_at_its_path(tmp_path: Path, leads: str) -> None:
    """A file or a symlink that leads nowhere is an error, and is left alone."""
    path = tmp_path / "way"
    if leads == "a file":
        path.touch()
        with pytest.raises(NotDirectory, match=r"/way is not a directory$"):
            _open(path)
    else:
        path.symlink_to("way" if leads == "itself" else "nowhere/at/all")
        with pytest.raises(OSError):
            _open(path, create=False)
        assert path.is_symlink()
    assert not (tmp_path / "nowhere").exists()


@AS_ROOT
class TestOwners:
    """Who owns the directory and its parents, and who can write in them."""

    @pytest.mark.parametrize(
        ("owner", "mode", "refused"),
        [
            (USER, 0o755, ""),
            (USER, 0o1777, ""),
            (0, 0o755, ""),
            (0, 0o1777, ""),
            (USER, 0o777, "other users can write in {}; take that right away: chmod go-w {}"),
            (USER, 0o772, "other users can write in {}"),
            (USER, 0o770, "other users can write in {}"),
            (0, 0o777, "other users can write in {}; set AWS_ECR_CACHE_DIR to a directory that"),
            (OTHER, 0o755, "{} belongs to another user; set AWS_ECR_CACHE_DIR"),
            (OTHER, 0o1777, "{} belongs to another user"),
        ],
    )
    def test_of_a_parent(self, top: Path, owner: int, mode: int, refused: str) -> None:
        """A parent is this user's or root's, and others can rename nothing in it."""
        parent = _make(top / "parent", owner, mode)
        _make(parent / "cache")
        said = _as_user(USER, lambda: _open(parent / "cache"))

        assert said.startswith(refused.format(parent, parent))
        assert bool(said) == bool(refused)
        missing = parent / "missing"
        if refused:
            assert _as_user(USER, lambda: _open(missing)) == said
            assert not missing.exists()

    @pytest.mark.parametrize(
        ("owner", "mode", "refused"),
        [
            (USER, 0o755, ""),
            (USER, 0o500, ""),
            (USER, 0o1777, "other users can write in {}"),
            (USER, 0o720, "other users can write in {}"),
            (USER, 0o702, "other users can write in {}"),
            (0, 0o755, "{} belongs to another user"),
            (OTHER, 0o755, "{} belongs to another user"),
        ],
    )
    def test_of_itself(self, top: Path, owner: int, mode: int, refused: str) -> None:
        """It is this user's own, and nobody else can write in it; its mode stays."""
        cache = _make(top / "cache", owner, mode)
        said = _as_user(USER, lambda: _open(cache))

        assert said.startswith(refused.format(cache))
        assert bool(said) == bool(refused)
        assert cache.stat().st_mode & 0o7777 == mode

    @pytest.mark.parametrize("place", ["itself", "parent"])
    def test_of_a_users_directory_for_root(self, top: Path, place: str) -> None:
        """Root does not use a directory that another user can move or change."""
        parent = _make(top / "home", USER if place == "parent" else 0, 0o755)
        cache = _make(parent / "cache", 0 if place == "parent" else USER)

        with pytest.raises(Refused, match=r" belongs to another user$"):
            _open(cache)
        with pytest.raises(Refused, match=r" belongs to another user$"):
            _open(cache / "missing")
        assert not (cache / "missing").exists()

    @pytest.mark.parametrize(("owner", "followed"), [(0, True), (USER, True), (OTHER, False)])
    @pytest.mark.parametrize("at", ["the cache", "its parent"])
    def test_of_a_symlink(self, top: Path, owner: int, followed: bool, at: str) -> None:
        """A symlink is followed if this user or root owns it."""
        _make(top / "real")
        _make(top / "real" / "cache")
        link = top / "link"
        link.symlink_to("real/cache" if at == "the cache" else "real")
        os.lchown(link, owner, owner)
        path = link if at == "the cache" else link / "cache"
        said = _as_user(USER, lambda: _open(path))

        assert said.startswith("" if followed else f"{link} is another user's symlink; set AWS_")
        assert bool(said) != followed

    @pytest.mark.parametrize("target", ["absolute", "relative"])
    def test_of_where_a_symlink_leads(self, top: Path, target: str) -> None:
        """The parents of a symlink's target are checked, too."""
        _make(top / "open", 0, 0o777)
        _make(top / "open" / "cache")
        (top / "link").symlink_to(top / "open" / "cache" if target == "absolute" else "open/cache")

        said = _as_user(USER, lambda: _open(top / "link"))
        assert said.startswith(f"other users can write in {top / 'open'}")

    def test_of_a_parent_that_cannot_be_listed(self, top: Path) -> None:
        """A parent that others can enter, and not list, is no hindrance."""
        _make(top / "home", 0, 0o711)
        _make(top / "home" / "me")

        assert _as_user(USER, lambda: _open(top / "home" / "me" / "cache")) == ""
        assert (top / "home" / "me" / "cache").stat().st_uid == USER

    def test_of_a_root_that_cannot_be_listed(self, top: Path) -> None:
        """A "/" that others can enter, and not list, is no hindrance."""
        _make(top / "root", 0, 0o711)
        _make(top / "root" / "home")

        assert _as_user(USER, lambda: _open(Path("/home/cache")), str(top / "root")) == ""
        assert (top / "root" / "home" / "cache").stat().st_uid == USER


class TestPrivateGroups:
    """A directory that its group can write in, as where the umask is 002."""

    @pytest.mark.parametrize(
        ("group_of", "taken"),
        [
            (("me", [], []), True),
            (("me", ["me"], ["security.selinux"]), True),
            (("me", ["me", "you"], []), False),
            (("staff", [], []), False),
            (("me", [], ["primary group of you"]), False),
            (("me", ["me"], ["no user can be listed"]), False),
            (("me", [], ["system.posix_acl_access"]), False),
        ],
    )
    def test_a_group(
        self,
        tmp_path: Path,
        group_of: tuple[str, list[str], list[str]],
        taken: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A group is no other user if it has the owner's name, no other member, and no ACL."""
        import grp
        import pwd

        name, members, acl = group_of
        gid = tmp_path.stat().st_gid
        user = pwd.struct_passwd(("me", "x", os.geteuid(), gid, "", "", ""))
        group = grp.struct_group((name, "x", gid, members))
        monkeypatch.setattr(pwd, "getpwuid", lambda _: user)
        monkeypatch.setattr(grp, "getgrgid", lambda _: group)
        you = pwd.struct_passwd(("you", "x", os.geteuid() + 1, gid, "", "", ""))
        other = pwd.struct_passwd(("other", "x", os.geteuid() + 1, gid + 1, "", "", ""))
        users = [user, other, *([you] if "primary group of you" in acl else [])]
        listed = [] if "no user can be listed" in acl else users
        monkeypatch.setattr(pwd, "getpwall", lambda: listed)
        monkeypatch.setattr(os, "listxattr", lambda _: acl, raising=False)
        for path in (tmp_path / "a", tmp_path / "a" / "b"):
            path.mkdir()
            path.chmod(0o775)

        if taken or (acl and sys.platform != "linux"):
            _open(tmp_path / "a" / "b" / "c")
        else:
            with pytest.raises(Refused, match=r"^other users can write in "):
                _open(tmp_path / "a" / "b" / "c")
        for path in (tmp_path / "a", tmp_path / "a" / "b"):
            path.chmod(0o777)
        with pytest.raises(Refused, match=r"^other users can write in "):
            _open(tmp_path / "a" / "b" / "c")

    def test_a_group_without_a_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A user without a name, as in a container, has no private group."""
        import pwd

        def fail(_: int) -> None:
            raise KeyError

        monkeypatch.setattr(pwd, "getpwuid", fail)
        tmp_path.chmod(0o770)
        with pytest.raises(Refused):
            _open(tmp_path)


class TestFiles:
    """The files in an open directory."""

    def test_what_takes_its_path_is_not_used(self, tmp_path: Path) -> None:
        """After the directory was moved, its files are still found, and no others."""
        (tmp_path / "cache").mkdir(mode=0o700)
        with directory.open_own(str(tmp_path / "cache"), create=False) as root:
            root.make("tokens")
            with root.open_directory("tokens") as folder:
                (tmp_path / "cache").rename(tmp_path / "moved")
                (tmp_path / "cache" / "tokens").mkdir(parents=True)
                for name in ("kept", "removed"):
                    (tmp_path / "cache" / "tokens" / name).write_text("mine")
                folder.write_whole("kept", b"x")
                folder.write_whole("removed", b"x")
                os.close(folder.open("touched", os.O_WRONLY | os.O_CREAT))
                folder.replace("touched", "renamed")
                folder.unlink("removed")
                folder.close_to_others()
                assert set(folder.names()) == {"kept", "renamed"}
                assert folder.stat("kept").st_size == 1
        moved = tmp_path / "moved" / "tokens"
        assert {path.name for path in moved.iterdir()} == {"kept", "renamed"}
        assert stat.S_IMODE(moved.stat().st_mode) == 0o700
        left = {path.name: path.read_text() for path in (tmp_path / "cache" / "tokens").iterdir()}
        assert left == {"kept": "mine", "removed": "mine"}

    def test_a_folder_that_is_a_link_or_a_file(self, tmp_path: Path) -> None:
        """A folder in it is never a symlink, also not this user's own."""
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        (tmp_path / "file").touch()
        with directory.open_own(str(tmp_path), create=False) as root:
            root.make("link")
            with pytest.raises(Refused, match=r"/link is a symlink, which could lead to other"):
                root.open_directory("link")
            with pytest.raises(NotDirectory, match=r"/file is not a directory$"):
                root.open_directory("file")
            with pytest.raises(FileNotFoundError):
                root.open_directory("missing")

    def test_a_failed_write_leaves_the_previous_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An error leaves the previous content, and no temporary file."""
        (tmp_path / "file").write_text("before")

        def fail(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", fail)
        with (
            directory.open_own(str(tmp_path), create=False) as folder,
            pytest.raises(OSError, match="space"),
        ):
            folder.write_whole("file", b"after")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]

    def test_as_on_windows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """On Windows, each name is joined to the path, whatever owners and modes say."""
        tmp_path.chmod(0o777)
        monkeypatch.setattr(sys, "platform", "win32")
        with directory.open_own(str(tmp_path / "cache"), create=True) as root:
            root.make("tokens")
            with root.open_directory("tokens") as folder:
                folder.write_whole("file", b"x")
                opened = folder.open("file", os.O_RDONLY)
                folder.set_time("file", opened, 5_000_000_000)
                os.close(opened)
                folder.close_to_others()
                assert folder.look().st_ino == (tmp_path / "cache" / "tokens").stat().st_ino
                assert folder.stat("file").st_mtime_ns == 5_000_000_000
                folder.unlink("file")
                assert folder.names() == []
        directory.open_own(str(tmp_path / "cache"), create=True).close()
        monkeypatch.undo()
