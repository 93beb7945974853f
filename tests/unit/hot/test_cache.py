"""Facts about entries on disk."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import store

pytestmark = pytest.mark.usefixtures("same_descriptors")
NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPLY = b'"Username":"AWS","Secret":"tok+en/=="}\n'


def _entry(written: int = NOW, refresh: int = 6 * HOUR, expires: int = 12 * HOUR) -> cache.Entry:
    return cache.Entry(written, written + refresh, written + expires, REPLY)


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> tuple[str, str]:
    return cache.token_place(str(tmp_path / "ecr"), HOST, "AWS_PROFILE='dev'")


@pytest.fixture(name="kept")
def _kept(place: tuple[str, str]) -> Path:
    store.write(*place, _entry())
    return Path(place[0])


def test_what_is_written_is_read(place: tuple[str, str], kept: Path) -> None:
    """An entry comes back with its times and its reply."""
    found = cache.read(*place, NOW)

    assert (found.written, found.refresh, found.expires) == (NOW, NOW + 6 * HOUR, NOW + 12 * HOUR)
    assert found.reply == REPLY
    assert found.fresh(NOW + 6 * HOUR - 1)
    assert not found.fresh(NOW + 6 * HOUR)


def test_an_entry_is_not_shown_by_accident() -> None:
    """Its repr has the times and not the token."""
    assert repr(cache.Entry(1, 2, 3, REPLY)) == "Entry(written=1, refresh=2, expires=3)"


def test_an_entry_has_no_other_fields() -> None:
    """A misspelt one is an error, and many entries take little room."""
    with pytest.raises(AttributeError):
        _entry().expire = 1  # type: ignore[attr-defined]  # that is the point


def test_an_entry_is_kept_as_before(tmp_path: Path) -> None:
    """Byte for byte, and where it was: what the version before kept is found, and read."""
    identity = "AWS_PROFILE='dev' machine='m'"
    path, subject = cache.token_place(str(tmp_path), HOST, identity)
    entry = cache.Entry(10**18, 2 * 10**18, 3 * 10**18, REPLY, 4)
    store.write(path, subject, entry)

    assert subject == f"{HOST} {identity}"
    assert path == str(tmp_path / "tokens" / f"{HOST}~137ef412073590bef2cad8d6e21dbbda")
    assert Path(path).read_bytes() == (
        b"ecrpy-2 06f4a78b0f96bf63106e1e3d3250b812 1000000000000000000"
        b" 2000000000000000000 3000000000000000000 4 "
        + f"{HOST} {identity}".encode()
        + b'\n"Username":"AWS","Secret":"tok+en/=="}\n'
    )
    assert cache.login_place("d", HOST) == (
        os.path.join("d", "logins", f"{HOST}~106a78b07cbaff50f8d16145ac4d4490"),
        f"{HOST} login",
    )
    assert cache.login_place("d", HOST, "'f':1.2.3.4")[1] == f"{HOST} login 'f':1.2.3.4"
    assert cache.fingerprint("") == "0" * 32
    assert cache.fingerprint("a") == "61".zfill(32)
    assert cache.SECOND == 10**9


@pytest.mark.parametrize(("size", "found"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_an_entry_has_256_kib_at_most(place: tuple[str, str], size: int, found: bool) -> None:
    """Up to that it is read whole; of what is longer nothing is taken."""
    store.write(*place, _entry())
    more = size - Path(place[0]).stat().st_size
    reply = REPLY + b"x" * more
    store.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply, 0))
    more = size - Path(place[0]).stat().st_size
    reply = reply + b"x" * more if more > 0 else reply[: len(reply) + more]
    store.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply, 0))
    assert Path(place[0]).stat().st_size == size

    if found:
        assert cache.read(*place, NOW).reply == reply
    else:
        with pytest.raises(cache.Miss, match="damaged"):
            cache.read(*place, NOW)


class TestReasons:
    """A miss says why, which is what a log shows."""

    @pytest.mark.parametrize(
        ("now", "why"),
        [
            (NOW - 1, "it was written in the future: the clock was set back"),
            (NOW, ""),
            (NOW + HOUR - 1, ""),
            (NOW + HOUR, "it has expired"),
        ],
    )
    def test_of_its_times(self, place: tuple[str, str], now: int, why: str) -> None:
        """To the nanosecond, at either end."""
        entry = cache.Entry(NOW, NOW, NOW + HOUR, REPLY, 0)
        store.write(*place, entry)

        assert entry.dead(now) == why
        if why:
            with pytest.raises(cache.Miss, match=f"^{why}$"):
                cache.read(*place, now)
        else:
            assert cache.read(*place, now).reply == REPLY

    def test_of_what_it_is_for(self, place: tuple[str, str], kept: Path) -> None:
        """Another's, also when that is dead."""
        with pytest.raises(cache.Miss, match=r"^it is kept for another identity or registry$"):
            cache.read(place[0], "another", NOW + 99 * HOUR)

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix's words")
    def test_of_what_it_is(self, tmp_path: Path) -> None:
        """Nothing, no name, no file, no entry, and no header."""
        (tmp_path / "directory").mkdir()
        header = tmp_path / "header"
        header.touch(0o600)
        for written in (b" 1 2 3 4\n", b" 1 2 3 x me\n", b" 1 2 3 4 \xff\n"):
            header.write_bytes(b"ecrpy-2 " + cache._checksum(written) + written)
            with pytest.raises(cache.Miss, match=r"^its header is not understood$"):
                cache.read_any(str(header), NOW)
        header.write_bytes(b"ecrpy-2 ")
        for name, why in (
            ("none", "there is none yet"),
            ("a\0b", "it cannot be opened: embedded null"),
            ("header/x", "it cannot be opened: .*Not a directory"),
            ("directory", "it is not a regular file"),
            ("header", "it is damaged"),
        ):
            with pytest.raises(cache.Miss, match=f"^{why}"):
                cache.read_any(str(tmp_path / name), NOW)

    def test_of_a_disk_that_fails(
        self, place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's own words."""

        def fail(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "read", fail)
        with pytest.raises(
            cache.Miss, match=r"^it cannot be read: \[Errno 5\] Input/output error$"
        ):
            cache.read(*place, NOW)

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
    def test_what_is_no_reason_is_not_hidden(
        self,
        place: tuple[str, str],
        kept: Path,
        kind: type[BaseException],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Neither Ctrl-C nor a fault of ours is a miss; nor may a file be removed for one."""

        def fail(*_: object) -> bytes:
            raise kind

        folder = str(kept.parent)
        calls: list[tuple[str, Callable[[], object]]] = [
            ("read", lambda: cache.read(*place, NOW)),
            ("open", lambda: cache.read(*place, NOW)),
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
        assert cache.read(*place, NOW).reply == REPLY


def test_a_fault_with_a_login_is_not_hidden_by_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is looked for after the other, where there is none."""
    store.write(*cache.token_place(str(tmp_path), HOST, "me"), _entry())
    store.write(*cache.login_place(str(tmp_path), HOST), _entry())
    real, failing = os.read, iter([True])

    def fail_once(opened: int, size: int) -> bytes:
        if next(failing, False):
            raise MemoryError
        return real(opened, size)

    monkeypatch.setattr(os, "read", fail_once)
    with pytest.raises(MemoryError):
        cache.answer(str(tmp_path), HOST, "me", NOW)
    assert cache.answer(str(tmp_path), HOST, "me", NOW).reply == REPLY


@pytest.mark.parametrize("changed", ["written", "refresh", "expires", "booted"])
def test_a_clock_that_was_set_by_a_second_is_as_good_as_right(
    changed: str, uptime: Callable[[int], None]
) -> None:
    """Time servers do that. By more, all of an entry's times are moved by all of it."""
    entry = cache.Entry(NOW, NOW + HOUR, NOW + 2 * HOUR, REPLY, NOW - HOUR)

    uptime(HOUR + cache.SECOND)
    assert getattr(entry.set_back(NOW), changed) == getattr(entry, changed)
    uptime(HOUR + cache.SECOND + 1)
    back = cache.SECOND + 1
    assert getattr(entry.set_back(NOW), changed) == getattr(entry, changed) - back
    assert entry.set_back(NOW).reply == REPLY


@pytest.mark.parametrize(("platform", "uptime"), [("linux", 5), ("darwin", 7), ("win32", 7)])
def test_each_system_has_a_clock_that_nobody_sets(
    platform: str, uptime: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux has one that counts sleep; an entry without a start of its own goes by it."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 99, raising=False)
    monkeypatch.setattr(time, "clock_gettime_ns", {99: 5}.__getitem__, raising=False)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 7)
    monkeypatch.setattr(sys, "platform", platform)

    assert cache.Entry(100, 200, 300, REPLY).booted == 100 - uptime
    assert cache.Entry(100, 200, 300, REPLY, 0).booted == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_born_private(tmp_path: Path, umask: int) -> None:
    """Every directory is 0700 and every file 0600, whatever the umask."""
    before = os.umask(umask)
    try:
        path, subject = cache.token_place(str(tmp_path / "deep" / "ecr"), HOST, "me")
        store.write(path, subject, _entry())
    finally:
        os.umask(before)

    assert Path(path).stat().st_mode & 0o777 == 0o600
    for parent in (Path(path).parent, tmp_path / "deep" / "ecr", tmp_path / "deep"):
        assert parent.stat().st_mode & 0o777 == 0o700


def test_directories_may_be_made_by_many_at_once(tmp_path: Path) -> None:
    """Whoever comes second finds them made: no error, and so no lock or write is given up."""
    size = 8
    errors: list[OSError] = []
    for number in range(100):
        start = threading.Barrier(size)
        directory = str(tmp_path / str(number) / "ecr" / "locks")

        def make(start: threading.Barrier = start, directory: str = directory) -> None:
            start.wait()
            try:
                private.own_directory(directory)
            except OSError as exc:
                errors.append(exc)

        threads = [threading.Thread(target=make) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []


def test_every_changed_byte_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """Each byte in turn, in each of its bits and as a whole: none goes unnoticed."""
    whole = kept.read_bytes()

    for at in range(len(whole)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(whole)
            damaged[at] ^= change
            kept.write_bytes(damaged)
            with pytest.raises(cache.Miss):
                cache.read(*place, NOW)


def test_every_truncation_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """A file cut anywhere, or longer than it was, is no entry."""
    whole = kept.read_bytes()

    for data in [*(whole[:end] for end in range(len(whole))), whole + b"\0", whole + whole]:
        kept.write_bytes(data)
        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)


@given(data=st.binary(max_size=300), magic=st.booleans())
def test_no_bytes_make_reading_raise_anything_else(
    data: bytes, magic: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes at all, also with the right checksum, are an entry or a miss."""
    path = tmp_path_factory.getbasetemp() / "entry"
    if magic:
        data = b"ecrpy-2 " + cache._checksum(data) + data
    path.write_bytes(data)
    path.chmod(0o600)

    with pytest.raises(cache.Miss):
        cache.read(str(path), "me", NOW)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOW + 12 * HOUR, "expired"),
        (NOW + 99 * HOUR, "expired"),
        (NOW - 1, "clock"),
    ],
)
def test_a_dead_or_future_entry_is_a_miss(
    place: tuple[str, str], kept: Path, now: int, why: str
) -> None:
    """From its expiry on, and before it was written, an entry is not used."""
    with pytest.raises(cache.Miss, match=why):
        cache.read(*place, now)


def test_another_subject_under_the_same_name_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """The file's name proves nothing: the subject is compared whole."""
    for subject in ("", place[1] + " ", place[1][:-1], "someone else"):
        with pytest.raises(cache.Miss, match="another"):
            cache.read(place[0], subject, NOW)


def test_identities_and_hosts_have_files_of_their_own(tmp_path: Path) -> None:
    """Neither another identity nor another host reads an entry, and logins are apart."""
    places = {
        cache.token_place(str(tmp_path), HOST, "me"),
        cache.token_place(str(tmp_path), HOST, "you"),
        cache.token_place(str(tmp_path), "2" + HOST[1:], "me"),
        cache.login_place(str(tmp_path), HOST),
    }

    assert len({path for path, _ in places}) == len({subject for _, subject in places}) == 4


FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")


def _on_a_system_with(
    flags: dict[str, int], module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """Return a module as it is where the system has these of `FLAGS` and no others."""
    for name in FLAGS:
        monkeypatch.delattr(os, name, raising=False)
    for name, value in flags.items():
        monkeypatch.setattr(os, name, value, raising=False)
    spec = importlib.util.spec_from_file_location("elsewhere", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    elsewhere = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    return elsewhere


def test_files_are_opened_with_what_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """No link, no waiting, no heir, no translation; where there is no such flag, without it."""
    bits = {name: 1 << 40 + at for at, name in enumerate(FLAGS)}
    reading = os.O_RDONLY
    writing = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for there in ({}, bits):
        module = _on_a_system_with(there, cache, monkeypatch)
        assert reading | sum(there.values()) == module._READ_FLAGS
        module = _on_a_system_with(there, private, monkeypatch)
        assert writing | sum(there.values()) & ~bits["O_NONBLOCK"] == module._WRITE_FLAGS


@pytest.mark.skipif(sys.platform == "win32", reason="what Windows lacks is to be had first")
class TestAsOnWindows:
    """There, files have no owner or mode to go by, and signal 0 would end a process."""

    def test_modes_say_nothing(
        self, place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file and a directory that others could read elsewhere are used as they are."""
        kept.chmod(0o644)
        kept.parent.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        monkeypatch.setenv("SUDO_UID", str(os.getuid()))
        monkeypatch.setattr(sys, "platform", "win32")

        assert cache.read(*place, NOW).reply == REPLY
        store.write(*place, _entry())
        private.own_directory(str(kept.parent / "more"))
        assert private.is_own(str(kept.parent))
        assert kept.parent.stat().st_mode & 0o777 == 0o755
        private.write_whole(str(kept), b"x", shared=True)
        assert kept.read_bytes() == b"x"

    def test_half_a_file_is_left_for_a_day(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever writes it, dead or alive."""
        tmp_path.chmod(0o700)
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(os, "kill", None)
        ages = {".new-1-1": 24 * HOUR + cache.SECOND, ".new-2-1": 24 * HOUR, ".new-3-1": HOUR}
        for name, age in ages.items():
            (tmp_path / name).touch()
            os.utime(tmp_path / name, ns=(0, NOW - age))

        assert store.sweep(str(tmp_path), NOW) == 1
        assert {path.name for path in tmp_path.iterdir()} == {".new-2-1", ".new-3-1"}


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of Unix")
class TestOwnDirectory:
    """A directory is made for this user alone, or not at all."""

    @pytest.mark.parametrize("mode", [0o710, 0o701, 0o704, 0o702, 0o740, 0o720, 0o777])
    def test_any_right_of_others_is_taken(self, tmp_path: Path, mode: int) -> None:
        """Each of them counts."""
        tmp_path.chmod(mode)

        private.own_directory(str(tmp_path))

        assert tmp_path.stat().st_mode & 0o777 == 0o700

    def test_what_nobody_else_may_use_is_left_as_it_is(self, tmp_path: Path) -> None:
        """Its owner may have closed it to themselves."""
        tmp_path.chmod(0o500)

        private.own_directory(str(tmp_path))

        assert tmp_path.stat().st_mode & 0o777 == 0o500

    def test_a_name_alone_is_one_of_where_we_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`AWS_ECR_CACHE_DIR` may be one, for root by `sudo` too."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SUDO_UID", "99999")

        private.own_directory("made")
        private.own_directory(os.path.join("also", "made"))

        assert (tmp_path / "made").is_dir()
        assert (tmp_path / "also" / "made").is_dir()

    @pytest.mark.parametrize("leads", [None, ".", "nowhere", "way"])
    def test_what_is_in_its_way_is_an_error(self, tmp_path: Path, leads: str | None) -> None:
        """A file, or a link, which is not followed; the error says which, and it stays."""
        way = tmp_path / "way"
        if leads:
            way.symlink_to(leads)
        else:
            way.touch()

        with pytest.raises(FileExistsError) as raised:
            private.own_directory(str(way))
        assert raised.value.filename == str(way)
        assert way.is_symlink() == bool(leads)

    def test_one_that_cannot_be_has_no_beginning_made(self, tmp_path: Path) -> None:
        """A path that is too long for the system."""
        with pytest.raises(OSError, match="too long"):
            private.own_directory(str(tmp_path) + ("/" + "a" * 250) * 17)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not hasattr(os, "lchown"), reason="links have no owner there")
    @pytest.mark.parametrize(("whose", "taken"), [(0, True), (1, True), (2, False)])
    def test_it_is_not_made_behind_another_users_link(
        self, tmp_path: Path, whose: int, taken: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who may turn it elsewhere; of root's and our own, as of a home on another disk, we do."""
        if os.getuid() != 0:
            pytest.skip("only root can give links away")
        (tmp_path / "real").mkdir(mode=0o700)
        link = tmp_path / "link"
        link.symlink_to("real")
        os.lchown(link, whose, whose)
        monkeypatch.setattr(os, "geteuid", lambda: 1)
        os.chown(tmp_path / "real", 1, 1)

        if taken:
            private.own_directory(str(link / "ecr"))
            os.chown(tmp_path / "real" / "ecr", 1, 1)
        else:
            with pytest.raises(
                PermissionError, match=r"^the directory is behind another user's link$"
            ):
                private.own_directory(str(link / "ecr"))
            (tmp_path / "real" / "ecr").mkdir(mode=0o700)
            os.chown(tmp_path / "real" / "ecr", 1, 1)
        assert private.is_own(str(link / "ecr")) == taken
        assert private.is_behind_link(str(link / "ecr")) != taken
        assert private.is_own(str(tmp_path / "real"))
        assert not private.is_own(str(link))
        assert private.is_behind_link(str(link))
        monkeypatch.setattr(sys, "platform", "win32")
        assert not private.is_behind_link(str(link / "ecr"))

    @pytest.mark.parametrize("beside", [1, -1])
    def test_another_users_is_refused(
        self, tmp_path: Path, beside: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And left with all of its rights."""
        tmp_path.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)

        with pytest.raises(PermissionError, match=r"^the directory belongs to another user$"):
            private.own_directory(str(tmp_path))
        assert tmp_path.stat().st_mode & 0o777 == 0o755
        assert not private.is_own(str(tmp_path))
        (tmp_path / "dead~").touch()
        os.utime(tmp_path / "dead~", (1, 1))
        assert store.sweep(str(tmp_path), NOW) == 0

    @pytest.mark.parametrize(
        ("caller", "made"),
        [("the owner", False), ("another", True), ("us", True), (None, True)],
    )
    def test_sudo_makes_nothing_in_the_home_of_who_called_it(
        self, tmp_path: Path, caller: str | None, made: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would be root's there. Where the home is another's, or nobody called, it is made."""
        if os.getuid() == 0:
            os.chown(tmp_path, 12345, -1)
        owner = tmp_path.stat().st_uid
        us = owner + 1
        monkeypatch.chdir("/")  # which is root's, and does not matter
        monkeypatch.setattr(os, "geteuid", lambda: us)
        monkeypatch.delenv("SUDO_UID", raising=False)
        if caller:
            monkeypatch.setenv(
                "SUDO_UID", {"the owner": str(owner), "another": "1", "us": str(us)}[caller]
            )
        made_there = tmp_path / "ecr"

        if made:
            private.own_directory(str(made_there))
        else:
            with pytest.raises(
                PermissionError,
                match=r"^it would be root's, in a directory of the user that sudo was called by$",
            ):
                private.own_directory(str(made_there))
        assert made_there.is_dir() == made

    def test_sudo_to_oneself_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root may call it, too, in a home of its own."""
        monkeypatch.setenv("SUDO_UID", str(os.geteuid()))

        private.own_directory(str(tmp_path / "ecr"))

        assert (tmp_path / "ecr").is_dir()

    def test_sudo_goes_by_where_a_link_leads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root's link into the home of who called it."""
        if os.getuid() != 0:
            pytest.skip("only root can give directories away")
        (tmp_path / "home").mkdir()
        os.chown(tmp_path / "home", 12345, -1)
        (tmp_path / "link").symlink_to("home")
        monkeypatch.setenv("SUDO_UID", "12345")

        with pytest.raises(PermissionError, match="sudo"):
            private.own_directory(str(tmp_path / "link" / "ecr"))

    def test_sudo_uses_what_is_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What root made itself, before, in the home of who calls it now."""
        monkeypatch.setenv("SUDO_UID", str(os.getuid()))
        us = os.getuid() + 1
        (tmp_path / "ecr").mkdir(mode=0o700)
        monkeypatch.setattr(os, "geteuid", lambda: us)

        with pytest.raises(PermissionError, match=r"^the directory belongs to another user$"):
            private.own_directory(str(tmp_path / "ecr"))


class TestStandingAlone:
    """Whether a file that was opened is the one that was meant."""

    def test_of_a_new_file(self, tmp_path: Path) -> None:
        """It has this user, and one name; with a second one it may be another file's."""
        (tmp_path / "a").touch()
        assert private.stands_alone(os.stat(tmp_path / "a"))

        os.link(tmp_path / "a", tmp_path / "b")
        assert not private.stands_alone(os.stat(tmp_path / "a"))

    @pytest.mark.skipif(sys.platform == "win32", reason="there, what is open stays")
    def test_of_one_that_is_gone(self, tmp_path: Path) -> None:
        """A mark is removed while others look at it: that is nobody else's file."""
        with (tmp_path / "a").open("wb") as file:
            (tmp_path / "a").unlink()
            assert private.stands_alone(os.fstat(file.fileno()))

    def test_of_what_is_no_file(self, tmp_path: Path) -> None:
        """Such as a directory, or a device that every program has."""
        assert not private.stands_alone(os.stat(tmp_path))
        assert not private.stands_alone(os.stat(os.devnull))

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no owner of that kind there")
    def test_of_another_users(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a lower number or of a higher one."""
        (tmp_path / "a").touch()
        owner = os.stat(tmp_path / "a").st_uid
        for other in (owner + 1, owner - 1):
            monkeypatch.setattr(os, "geteuid", lambda other=other: other)
            assert not private.stands_alone(os.stat(tmp_path / "a"))


class TestWritingWhole:
    """A file is there as a whole, or as it was before."""

    def test_a_system_may_take_it_in_pieces(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All of them are written, in order."""
        real = os.write
        monkeypatch.setattr(os, "write", lambda to, data: real(to, data[:7]))

        private.write_whole(str(tmp_path / "file"), bytes(range(100)))

        assert (tmp_path / "file").read_bytes() == bytes(range(100))

    @pytest.mark.parametrize("shared", [True, False])
    def test_what_is_shared_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An entry need not be: half of one is a miss, and waiting for a disk takes long."""
        path = tmp_path / "file"
        done: list[str] = []

        def sync(opened: int) -> None:
            done.append(f"{os.fstat(opened).st_size} bytes, named: {path.exists()}")

        monkeypatch.setattr(os, "fsync", sync)
        if shared:
            private.write_whole(str(path), b"abc", shared=True)
        else:
            private.write_whole(str(path), b"abc")

        assert done == (["3 bytes, named: False"] if shared else [])

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no owner of that kind there")
    @pytest.mark.parametrize(
        ("us", "shared", "given"), [(0, True, True), (0, False, False), (99, True, False)]
    )
    def test_what_root_shares_is_of_who_has_the_directory(
        self, tmp_path: Path, us: int, shared: bool, given: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root alone can give it, and an entry is read by its owner alone."""
        if tmp_path.stat().st_uid == 0:
            os.chown(tmp_path, 12345, 54321)
        owner = tmp_path.stat()
        done: list[tuple[object, ...]] = []
        monkeypatch.setattr(os, "geteuid", lambda: us)
        monkeypatch.setattr(
            os, "fchown", lambda opened, *ids: done.append((os.fstat(opened).st_size, *ids))
        )

        private.write_whole(str(tmp_path / "file"), b"abc", shared=shared)

        assert done == ([(3, owner.st_uid, owner.st_gid)] if given else [])

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no owner of that kind there")
    def test_what_root_shares_with_itself_is_not_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is of the right user and group already."""
        if os.getuid() == 0:
            monkeypatch.setattr(os, "fchown", None)
            private.write_whole(str(tmp_path / "file"), b"abc", shared=True)

            assert (tmp_path / "file").read_bytes() == b"abc"

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no owner of that kind there")
    def test_what_root_shares_through_a_link_is_of_who_has_what_it_leads_to(
        self, tmp_path: Path
    ) -> None:
        """A person's configuration may lie elsewhere than in their home."""
        if os.getuid() != 0:
            pytest.skip("only root can give directories away")
        (tmp_path / "real").mkdir()
        os.chown(tmp_path / "real", 12345, 54321)
        (tmp_path / "link").symlink_to("real")

        private.write_whole(str(tmp_path / "link" / "file"), b"abc", shared=True)

        seen = (tmp_path / "real" / "file").stat()
        assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o777) == (12345, 54321, 0o600)

    @pytest.mark.skipif(sys.platform == "win32", reason="what Windows lacks is to be had first")
    def test_on_windows_nobody_is_root(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever a number says."""
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "fchown", None)
        if os.getuid() == 0:
            os.chown(tmp_path, 12345, -1)

        private.write_whole(str(tmp_path / "file"), b"abc", shared=True)

        assert (tmp_path / "file").read_bytes() == b"abc"

    def test_a_fault_on_the_way_out_is_not_hidden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only the system's refusal is, since the error before it says more."""

        def refuse(*_: object) -> None:
            raise OSError

        def fail(_: str) -> None:
            raise MemoryError

        monkeypatch.setattr(os, "replace", refuse)
        monkeypatch.setattr(os, "unlink", fail)
        with pytest.raises(MemoryError):
            private.write_whole(str(tmp_path / "file"), b"abc")

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
    def test_it_is_not_written_through_what_lies_beside(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A link of the very name that it is written under, first."""
        monkeypatch.setattr(time, "monotonic_ns", lambda: 5)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text("as it was")
        (tmp_path / f".new-{os.getpid()}-5").symlink_to(elsewhere)

        with pytest.raises(FileExistsError):
            private.write_whole(str(tmp_path / "file"), b"abc")
        assert elsewhere.read_text() == "as it was"
        assert not (tmp_path / "file").exists()

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError, MemoryError])
    @pytest.mark.parametrize("fails", ["write", "replace"])
    def test_whatever_ends_it_leaves_nothing(
        self,
        tmp_path: Path,
        kind: type[BaseException],
        fails: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Ctrl-C too; and it is told, even where nothing can be put away."""

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
        assert left.name.startswith(f".new-{os.getpid()}-")


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of Unix")
class TestForeignFiles:
    """What lies where an entry should, without being one of ours, is a miss and stays."""

    def test_a_link_is_not_followed(self, place: tuple[str, str], kept: Path) -> None:
        """A symbolic link, even to a sound entry."""
        real = kept.rename(kept.with_name("real"))
        kept.symlink_to(real)

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)
        assert kept.is_symlink()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o610, 0o602, 0o601])
    def test_a_file_that_others_may_use(
        self, place: tuple[str, str], kept: Path, mode: int
    ) -> None:
        """A file with any right for group or others."""
        kept.chmod(mode)

        with pytest.raises(cache.Miss, match="others"):
            cache.read(*place, NOW)
        assert kept.exists()

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
    )
    def test_a_file_of_another_user(self, place: tuple[str, str], kept: Path) -> None:
        """A file that belongs to somebody else."""
        os.chown(kept, 12345, -1)

        with pytest.raises(cache.Miss, match="another user"):
            cache.read(*place, NOW)

    @pytest.mark.parametrize("beside", [1, -1])
    def test_a_file_of_whoever_else(
        self, place: tuple[str, str], kept: Path, beside: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not root's either, nor does root take another's."""
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)

        with pytest.raises(cache.Miss, match=r"^it is another user's, or others may read it$"):
            cache.read(*place, NOW)

    def test_a_directory(self, place: tuple[str, str], kept: Path) -> None:
        """A directory; nor can one be written over."""
        kept.unlink()
        kept.mkdir()

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)
        with pytest.raises(OSError):
            store.write(*place, _entry())
        assert [path.name for path in kept.parent.iterdir()] == [kept.name]

    @pytest.mark.timeout(10)
    def test_a_fifo_does_not_hang(self, place: tuple[str, str], kept: Path) -> None:
        """A FIFO that nobody writes to; a write replaces it."""
        kept.unlink()
        os.mkfifo(kept, 0o600)

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)
        store.write(*place, _entry())
        assert cache.read(*place, NOW).reply == REPLY

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
    )
    def test_nothing_is_written_into_a_directory_of_another_user(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """Whoever owns the directory could put files of theirs in the place of ours."""
        os.chown(kept.parent, 12345, -1)

        with pytest.raises(PermissionError):
            store.write(*place, _entry())

    def test_a_directory_that_others_may_use_is_closed(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """Our own directory loses the rights that others had."""
        kept.parent.chmod(0o777)

        store.write(*place, _entry())

        assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_what_was_there(
    place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the old entry stays whole, and no file stays beside it."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="space"):
        store.write(*place, _entry(NOW + HOUR))
    monkeypatch.undo()

    assert cache.read(*place, NOW).written == NOW
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_sweeping_removes_the_dead_alone(tmp_path: Path) -> None:
    """Expired entries and old rubbish go; live ones, work in progress and strange files stay."""
    directory = tmp_path / "tokens"
    live, _ = cache.token_place(str(tmp_path), HOST, "live")
    store.write(live, f"{HOST} live", _entry())
    for number in range(20):
        path, subject = cache.token_place(str(tmp_path), HOST, f"dead {number}")
        store.write(path, subject, _entry(NOW - 13 * HOUR))
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


def test_sweeping_is_bounded_and_gets_everywhere_in_time(tmp_path: Path) -> None:
    """One sweep looks at 500 files at most; with time passing, others get their turn."""
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
    """No dead file hides behind live ones for ever: where a sweep begins moves on."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(1501):
        (directory / f"{number}~").write_text("?")
        os.utime(directory / f"{number}~", (NOW // cache.SECOND,) * 2)
    dead = directory / os.listdir(directory)[-1]  # a sweep that begins anew gets there last
    os.utime(dead, (1, 1))

    for minute in range(100):
        store.sweep(str(directory), NOW + minute * 60 * cache.SECOND)

    assert not dead.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there, only a day tells")
def test_sweeping_removes_what_the_dead_were_writing(tmp_path: Path) -> None:
    """A process that was killed leaves half a file; one that lives is left to its work."""
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


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="links are a matter of rights there")
def test_nothing_behind_a_link_is_swept(tmp_path: Path) -> None:
    """Whoever may write where the cache is could make it lead to a person's old documents."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("thesis~", ".new-1-1"):
        (documents / name).write_text("years of work")
        os.utime(documents / name, (1, 1))
    (tmp_path / "tokens").symlink_to(documents)

    assert store.sweep(str(tmp_path / "tokens"), NOW) == 0
    assert len(list(documents.iterdir())) == 2


@pytest.fixture(name="uptime")
def _uptime(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say for how long the machine has been running."""
    return lambda passed: monkeypatch.setattr(cache, "_uptime", lambda: passed)


@pytest.mark.parametrize("back", [0, 2 * cache.SECOND, HOUR, 9 * HOUR, 40 * HOUR])
def test_a_token_grows_old_whatever_the_clock_says(
    place: tuple[str, str], uptime: Callable[[int], None], back: int
) -> None:
    """The clock is set back an hour after it was written, by less or by more than that."""
    uptime(5 * HOUR)
    store.write(*place, _entry())

    for passed in (HOUR, 6 * HOUR, 12 * HOUR - 1):
        uptime(5 * HOUR + passed)
        now = NOW + passed - back
        found = cache.read(*place, now)
        assert (now - found.written, found.expires - now) == (passed, 12 * HOUR - passed)
        assert found.fresh(now) == (passed < 6 * HOUR)
    uptime(17 * HOUR)
    with pytest.raises(cache.Miss, match="expired"):
        cache.read(*place, NOW + 12 * HOUR - back)


def test_what_is_kept_again_is_not_younger(
    place: tuple[str, str], uptime: Callable[[int], None]
) -> None:
    """The token in hand, written anew after the clock was set back, and then put right."""
    uptime(0)
    store.write(*place, _entry())
    uptime(3 * HOUR)
    store.write(*place, cache.read(*place, NOW + HOUR))

    assert cache.read(*place, NOW + HOUR).expires == NOW + 10 * HOUR
    assert cache.read(*place, NOW + 3 * HOUR).expires == NOW + 10 * HOUR


def test_a_machine_that_started_anew_goes_by_its_clock(
    place: tuple[str, str], uptime: Callable[[int], None]
) -> None:
    """For how long it has been running says nothing about an entry of before."""
    uptime(5 * HOUR)
    store.write(*place, _entry())
    uptime(HOUR)

    assert cache.read(*place, NOW + 2 * HOUR).expires == NOW + 12 * HOUR
    with pytest.raises(cache.Miss, match="in the future"):
        cache.read(*place, NOW - 1)


def test_the_clock_that_nobody_sets_counts_sleep(place: tuple[str, str]) -> None:
    """Or a laptop's tokens would seem young in the morning; elsewhere the system's own is used."""
    if sys.platform == "linux":
        assert cache._uptime() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) < cache.SECOND
    assert 0 < cache._uptime() <= cache._uptime()


@pytest.mark.parametrize("second", range(3))
def test_a_sweep_that_begins_anywhere_looks_at_as_many(tmp_path: Path, second: int) -> None:
    """It goes on with the first after the last."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(501):
        (directory / f"{number}~").touch()
        os.utime(directory / f"{number}~", (1, 1))

    assert store.sweep(str(directory), NOW + second * cache.SECOND) == 500


def test_what_is_swept_is_dead_to_the_nanosecond(tmp_path: Path) -> None:
    """An entry from its expiry on; rubbish after a day, half a file of the dead after 2 seconds."""
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


def test_what_cannot_be_swept_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never raises; what another sweep removed meanwhile counts for that one."""
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


@pytest.mark.skipif(sys.platform == "win32", reason="there, only a day tells")
def test_a_process_that_may_not_be_asked_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another user's; what it writes is its own."""

    def refuse(process: int, signal: int) -> None:
        assert (process, signal) == (1234, 0)
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    tmp_path.chmod(0o700)
    (tmp_path / ".new-1234-5").touch()
    os.utime(tmp_path / ".new-1234-5", (1, 1))

    assert store.sweep(str(tmp_path), NOW) == 0


def test_sweeping_nothing_is_fine(tmp_path: Path) -> None:
    """No directory, and a directory among the files, are no errors."""
    (tmp_path / "tokens" / "directory").mkdir(parents=True)

    assert store.sweep(str(tmp_path / "missing"), NOW) == 0
    assert store.sweep(str(tmp_path / "tokens"), NOW) == 0


def test_forgetting_takes_one_host_alone(tmp_path: Path) -> None:
    """All identities' entries of a host go; a host whose name it begins keeps its own."""
    longer = HOST + ".cn"
    for host in (HOST, longer):
        for identity in ("me", "you"):
            path, subject = cache.token_place(str(tmp_path), host, identity)
            store.write(path, subject, _entry())

    assert store.forget(str(tmp_path / "tokens"), HOST) == 2
    assert store.forget(str(tmp_path / "tokens"), HOST) == 0
    assert store.forget(str(tmp_path / "missing"), HOST) == 0
    assert all(path.name.startswith(longer) for path in (tmp_path / "tokens").iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="links are a matter of rights there")
def test_nothing_behind_a_link_is_forgotten(tmp_path: Path) -> None:
    """As nothing there is swept."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / f"{HOST}~thesis").touch()
    (tmp_path / "tokens").symlink_to("documents")

    assert store.forget(str(tmp_path / "tokens"), HOST) == 0
    assert (tmp_path / "documents" / f"{HOST}~thesis").exists()


@pytest.mark.parametrize("subject", [" me", "me ", "m  e", "", " "])
def test_a_subject_is_kept_with_its_blanks(tmp_path: Path, subject: str) -> None:
    """It is compared whole."""
    path = str(tmp_path / "own" / "x~")
    store.write(path, subject, _entry())

    assert cache.read(path, subject, NOW).reply == REPLY
    assert cache.read_any(path, NOW)[1] == subject


def test_forgetting_says_what_it_could_not_forget(tmp_path: Path) -> None:
    """Where there is no directory, there is nothing; what cannot be removed is an error."""
    (tmp_path / "tokens").touch()
    assert store.forget(str(tmp_path / "tokens"), HOST) == 0

    (tmp_path / "logins" / f"{HOST}~x").mkdir(parents=True)
    with pytest.raises(OSError):
        store.forget(str(tmp_path / "logins"), HOST)


def test_what_is_nobodys_is_so_by_settings_alone(tmp_path: Path) -> None:
    """Of a host of ECR, an older version may have kept that: this one knows it."""
    entry = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, cache.NOT_OURS)
    store.write(*cache.token_place(str(tmp_path), HOST, "me"), entry)

    with pytest.raises(cache.Miss, match=r"^it is of a version that did not know this host$"):
        cache.answer(str(tmp_path), HOST, "me", NOW)
    found = cache.answer(str(tmp_path), HOST, "me", NOW, settings="'f':1")
    assert found.reply == b""


def test_a_login_of_a_private_name_is_of_what_the_settings_said(tmp_path: Path) -> None:
    """When they say something else, it may be another registry's."""
    login = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, b"login")
    store.write(*cache.login_place(str(tmp_path), "images.test", "'f':1"), login)

    answers = cache.answer(str(tmp_path), "images.test", "me", NOW, settings="'f':1")
    assert answers.reply == b"login"
    for settings in ("", "'f':2"):
        with pytest.raises(cache.Miss, match=r"^there is none yet$"):
            cache.answer(str(tmp_path), "images.test", "me", NOW, settings=settings)


def test_a_login_answers_before_a_token(tmp_path: Path) -> None:
    """What a person logged in with wins until it expires; then the token, while it is fresh."""
    store.write(*cache.token_place(str(tmp_path), HOST, "me"), _entry())
    login = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, b"login")
    store.write(*cache.login_place(str(tmp_path), HOST), login)

    assert cache.answer(str(tmp_path), HOST, "me", NOW).reply == b"login"
    assert cache.answer(str(tmp_path), HOST, "you", NOW).reply == b"login"
    assert cache.answer(str(tmp_path), HOST, "me", NOW + HOUR).reply == REPLY
    with pytest.raises(cache.Miss, match="none yet"):
        cache.answer(str(tmp_path), HOST, "you", NOW + HOUR)
    with pytest.raises(cache.Miss, match=r"^it is due for renewal$"):
        cache.answer(str(tmp_path), HOST, "me", NOW + 6 * HOUR)
