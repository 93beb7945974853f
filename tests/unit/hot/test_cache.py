"""Reading cache entries: what they hold, why one is a miss, which one answers."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.login import reply_tail
from tests.world.entries import HOUR, LOGIN, NOW, REPLY, list_files, make_entry
from tests.world.hosts import HOST
from tests.world.systems import OPEN_FLAGS, load_on_system_with

pytestmark = pytest.mark.usefixtures("same_descriptors")


def test_what_is_written_is_read(place: tuple[str, str], kept: Path) -> None:
    """An entry is read with the times and the reply that were written."""
    found = cache.read(*place, NOW, environ={})

    assert (found.written, found.refresh, found.expires) == (NOW, NOW + 6 * HOUR, NOW + 12 * HOUR)
    assert found.reply == REPLY
    assert found.fresh(NOW + 6 * HOUR - 1)
    assert not found.fresh(NOW + 6 * HOUR)


def test_an_entry_is_not_shown_by_accident() -> None:
    """An entry's repr shows its times and not its token."""
    assert repr(cache.Entry(1, 2, 3, REPLY)) == "Entry(written=1, refresh=2, expires=3)"


def test_an_entry_has_no_other_fields() -> None:
    """Setting a misspelt field is an error, and many entries take little memory."""
    with pytest.raises(AttributeError):
        make_entry().expire = 1  # type: ignore[attr-defined]  # that is the point


def test_an_entry_is_kept_as_before(tmp_path: Path) -> None:
    """File content and path never change, so that entries of the previous release are found."""
    identity = "AWS_PROFILE='dev' machine='m'"
    path, subject = cache.token_place(str(tmp_path), HOST, identity)
    inputs = (("F", "5.0123456789abcdef", "/home/me/creds"),)
    times = 10**18, 2 * 10**18, 3 * 10**18
    entry = cache.Entry(*times, REPLY, 4, inputs=inputs, origin="abc:def")
    entry_file.write(path, subject, entry)

    assert subject == f"{HOST} {identity}"
    assert path == str(tmp_path / "tokens" / f"{HOST}~137ef412073590bef2cad8d6e21dbbda")
    assert Path(path).read_bytes() == (
        b"ecrpy-3 120a38b8326b463661b64fa9af38c457 1000000000000000000"
        b" 2000000000000000000 3000000000000000000 4 abc:def "
        + f"{HOST} {identity}".encode()
        + b"\nF 5.0123456789abcdef 2f686f6d652f6d652f6372656473"
        + b'\n"Username":"AWS","Secret":"tok+en/=="}\n'
    )
    Path(path).write_bytes(
        b"ecrpy-2 06f4a78b0f96bf63106e1e3d3250b812 1000000000000000000"
        b" 2000000000000000000 3000000000000000000 4 "
        + f"{HOST} {identity}".encode()
        + b'\n"Username":"AWS","Secret":"tok+en/=="}\n'
    )
    old, found = cache.read_any(path)
    assert found == subject
    assert (old.written, old.refresh, old.expires, old.booted) == (*times, 4)
    assert (old.reply, old.inputs, old.origin) == (REPLY, (), "")
    assert cache.login_place("d", HOST) == (
        os.path.join("d", "logins", f"{HOST}~106a78b07cbaff50f8d16145ac4d4490"),
        f"{HOST} login",
    )
    assert cache.login_place("d", HOST, "'f':1.2.3.4")[1] == f"{HOST} login 'f':1.2.3.4"
    assert cache.token_place("d", HOST, "me", "'f':1.2.3.4")[1] == f"{HOST} 'f':1.2.3.4 me"
    assert cache.fingerprint("") == "0" * 32
    assert cache.fingerprint("a") == "61".zfill(32)
    assert cache.SECOND == 10**9


@pytest.mark.parametrize(("size", "found"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_an_entry_has_256_kib_at_most(place: tuple[str, str], size: int, found: bool) -> None:
    """An entry of 256 KiB is read whole; a larger one is a miss."""
    entry_file.write(*place, make_entry())
    start, end = b'"Username":"AWS","Secret":"', b'"}\n'
    secret = b"x" * (size - Path(place[0]).stat().st_size)
    for _ in range(2):  # other times make the header longer or shorter
        reply = start + secret + end
        entry_file.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply, 0))
        more = size - Path(place[0]).stat().st_size
        secret = secret + b"x" * more if more > 0 else secret[: len(secret) + more]
    reply = start + secret + end
    entry_file.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply, 0))
    assert Path(place[0]).stat().st_size == size

    if found:
        assert cache.read(*place, NOW, environ={}).reply == reply
    else:
        with pytest.raises(cache.Miss, match="damaged"):
            cache.read(*place, NOW, environ={})


class TestReasons:
    """A miss says why; the log shows the reason."""

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
        """An entry is alive from its writing to its expiry, to the nanosecond."""
        entry = cache.Entry(NOW, NOW, NOW + HOUR, REPLY, 0)
        entry_file.write(*place, entry)

        assert entry.dead(now) == why
        if why:
            with pytest.raises(cache.Miss, match=f"^{why}$"):
                cache.read(*place, now, environ={})
        else:
            assert cache.read(*place, now, environ={}).reply == REPLY

    def test_of_another_subject(self, place: tuple[str, str], kept: Path) -> None:
        """Another subject's entry is named as such, even when it is dead."""
        with pytest.raises(cache.Miss, match=r"^it belongs to another identity or registry$"):
            cache.read(place[0], "another", NOW + 99 * HOUR, environ={})

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix error texts")
    def test_of_the_file(self, tmp_path: Path) -> None:
        """A missing file, bad name, directory, damaged entry and bad header have a reason each."""
        (tmp_path / "directory").mkdir()
        header = tmp_path / "header"
        header.touch(0o600)
        for written in (b" 1 2 3 4\n", b" 1 2 3 x me\n", b" 1 2 3 4 \xff\n"):
            header.write_bytes(b"ecrpy-2 " + cache.checksum(written) + written)
            with pytest.raises(cache.Miss, match=r"^its header is invalid$"):
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
        """A failed read gives the system's own error text."""

        def fail(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "read", fail)
        with pytest.raises(
            cache.Miss, match=r"^it cannot be read: \[Errno 5\] Input/output error$"
        ):
            cache.read(*place, NOW, environ={})

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
    def test_other_exceptions_are_not_hidden(
        self,
        place: tuple[str, str],
        kept: Path,
        kind: type[BaseException],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Neither Ctrl-C nor MemoryError is a miss, of a token or of a note."""
        directory = str(kept.parents[1])
        entry_file.write(*cache.elsewhere_place(directory, HOST, "me"), make_entry())

        def fail(*_: object) -> bytes:
            raise kind

        for name in ("read", "open"):
            with monkeypatch.context() as patch:
                patch.setattr(os, name, fail)
                with pytest.raises(kind):
                    cache.read(*place, NOW, environ={})
                with pytest.raises(kind):
                    cache.is_elsewhere(directory, HOST, "me", NOW)
        assert cache.read(*place, NOW, environ={}).reply == REPLY


def test_a_fault_with_a_login_is_not_hidden_by_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A MemoryError while reading the login is raised; the token is not used instead."""
    entry_file.write(*cache.token_place(str(tmp_path), HOST, "me"), make_entry())
    entry_file.write(*cache.login_place(str(tmp_path), HOST), make_entry())
    real, failing = os.read, iter([True])

    def fail_once(opened: int, size: int) -> bytes:
        if next(failing, False):
            raise MemoryError
        return real(opened, size)

    monkeypatch.setattr(os, "read", fail_once)
    with pytest.raises(MemoryError):
        cache.answer(str(tmp_path), HOST, "me", NOW, environ={})
    assert cache.answer(str(tmp_path), HOST, "me", NOW, environ={}).reply == REPLY


@pytest.mark.parametrize("changed", ["written", "refresh", "expires", "booted"])
def test_a_clock_that_was_set_by_a_second_is_as_good_as_right(
    changed: str, uptime: Callable[[int], None]
) -> None:
    """A clock set back by up to a second changes no times; by more, all times move by all of it."""
    entry = cache.Entry(NOW, NOW + HOUR, NOW + 2 * HOUR, REPLY, NOW - HOUR)

    uptime(HOUR + cache.SECOND)
    assert getattr(entry.set_back(NOW), changed) == getattr(entry, changed)
    uptime(HOUR + cache.SECOND + 1)
    back = cache.SECOND + 1
    assert getattr(entry.set_back(NOW), changed) == getattr(entry, changed) - back
    assert entry.set_back(NOW).reply == REPLY


@pytest.mark.parametrize(("platform", "uptime"), [("linux", 5), ("darwin", 7), ("win32", 7)])
def test_each_system_has_a_clock_that_is_never_set(
    platform: str, uptime: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start time comes from a clock that is never set; Linux has one that counts sleep."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 99, raising=False)
    monkeypatch.setattr(time, "clock_gettime_ns", {99: 5}.__getitem__, raising=False)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 7)
    monkeypatch.setattr(sys, "platform", platform)

    assert cache.Entry(100, 200, 300, REPLY).booted == 100 - uptime
    assert cache.Entry(100, 200, 300, REPLY, 0).booted == 0


def test_every_changed_byte_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """Every byte with one flipped bit, or all bits flipped, makes the entry a miss."""
    whole = kept.read_bytes()

    for at in range(len(whole)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(whole)
            damaged[at] ^= change
            kept.write_bytes(damaged)
            with pytest.raises(cache.Miss):
                cache.read(*place, NOW, environ={})


def test_every_truncation_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """A file that is truncated anywhere, or has data appended, is a miss."""
    whole = kept.read_bytes()

    for data in [*(whole[:end] for end in range(len(whole))), whole + b"\0", whole + whole]:
        kept.write_bytes(data)
        with pytest.raises(cache.Miss):
            cache.read(*place, NOW, environ={})


@given(data=st.binary(max_size=300), magic=st.booleans())
def test_no_bytes_make_reading_raise_anything_else(
    data: bytes, magic: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Arbitrary bytes, also with a valid checksum, are an entry or a miss."""
    path = tmp_path_factory.getbasetemp() / "entry"
    if magic:
        data = b"ecrpy-2 " + cache.checksum(data) + data
    path.write_bytes(data)
    path.chmod(0o600)

    with pytest.raises(cache.Miss):
        cache.read(str(path), "me", NOW, environ={})


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
    """An entry is not used from its expiry on, nor before it was written."""
    with pytest.raises(cache.Miss, match=why):
        cache.read(*place, now, environ={})


def test_another_subject_under_the_same_name_is_a_miss(place: tuple[str, str], kept: Path) -> None:
    """The file name proves nothing: the subject is compared whole."""
    for subject in ("", place[1] + " ", place[1][:-1], "someone else"):
        with pytest.raises(cache.Miss, match="another"):
            cache.read(place[0], subject, NOW, environ={})


def test_identities_and_hosts_have_files_of_their_own(tmp_path: Path) -> None:
    """Another identity or host never reads an entry, and logins are separate from tokens."""
    places = {
        cache.token_place(str(tmp_path), HOST, "me"),
        cache.token_place(str(tmp_path), HOST, "you"),
        cache.token_place(str(tmp_path), "2" + HOST[1:], "me"),
        cache.login_place(str(tmp_path), HOST),
    }

    assert len({path for path, _ in places}) == len({subject for _, subject in places}) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Unix symlinks and modes")
class TestForeignFiles:
    """Foreign files at an entry's path are misses and are left alone."""

    def test_a_link_is_not_followed(self, place: tuple[str, str], kept: Path) -> None:
        """A symlink is never followed, even to a valid entry."""
        real = kept.rename(kept.with_name("real"))
        kept.symlink_to(real)

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW, environ={})
        assert kept.is_symlink()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o610, 0o602, 0o601])
    def test_a_file_that_others_may_use(
        self, place: tuple[str, str], kept: Path, mode: int
    ) -> None:
        """A file with any permission for group or others is a miss."""
        kept.chmod(mode)

        with pytest.raises(cache.Miss, match="others"):
            cache.read(*place, NOW, environ={})
        assert kept.exists()

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away"
    )
    def test_a_file_of_another_user(self, place: tuple[str, str], kept: Path) -> None:
        """A file that another user owns is a miss."""
        os.chown(kept, 12345, -1)

        with pytest.raises(cache.Miss, match="another user"):
            cache.read(*place, NOW, environ={})

    @pytest.mark.parametrize("beside", [1, -1])
    def test_a_file_of_another_user_id(
        self, place: tuple[str, str], kept: Path, beside: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A user ignores root's entries, and root ignores a user's."""
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + beside)

        with pytest.raises(cache.Miss, match=r"^another user owns it, or others may read it$"):
            cache.read(*place, NOW, environ={})

    def test_a_directory(self, place: tuple[str, str], kept: Path) -> None:
        """A directory is a miss, and a write does not replace it."""
        kept.unlink()
        kept.mkdir()

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW, environ={})
        with pytest.raises(OSError):
            entry_file.write(*place, make_entry())
        assert list_files(kept.parent) == [kept]

    @pytest.mark.timeout(10)
    def test_a_fifo_does_not_hang(self, place: tuple[str, str], kept: Path) -> None:
        """A FIFO without a writer is a miss at once; a write replaces it."""
        kept.unlink()
        os.mkfifo(kept, 0o600)

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW, environ={})
        entry_file.write(*place, make_entry())
        assert cache.read(*place, NOW, environ={}).reply == REPLY


@pytest.fixture(name="uptime")
def _uptime(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how long the machine has been running."""
    return lambda passed: monkeypatch.setattr(cache, "_uptime", lambda: passed)


@pytest.mark.parametrize("back", [0, 2 * cache.SECOND, HOUR, 9 * HOUR, 40 * HOUR])
def test_a_token_ages_whatever_the_clock_says(
    place: tuple[str, str], uptime: Callable[[int], None], back: int
) -> None:
    """A token ages by real time, also when the clock is set back after it was written."""
    uptime(5 * HOUR)
    entry_file.write(*place, make_entry())

    for passed in (HOUR, 6 * HOUR, 12 * HOUR - 1):
        uptime(5 * HOUR + passed)
        now = NOW + passed - back
        found = cache.read(*place, now, environ={})
        assert (now - found.written, found.expires - now) == (passed, 12 * HOUR - passed)
        assert found.fresh(now) == (passed < 6 * HOUR)
    uptime(17 * HOUR)
    with pytest.raises(cache.Miss, match="expired"):
        cache.read(*place, NOW + 12 * HOUR - back, environ={})


def test_without_a_clock_its_times_are_as_written(
    place: tuple[str, str], uptime: Callable[[int], None]
) -> None:
    """A sweep compares times as written: other machines that share the cache may run for longer."""
    uptime(0)
    entry_file.write(*place, make_entry())
    uptime(9 * HOUR)

    assert cache.read_any(place[0], NOW)[0].expires == NOW + 3 * HOUR
    found, subject = cache.read_any(place[0])
    assert (found.written, found.refresh, found.expires) == (NOW, NOW + 6 * HOUR, NOW + 12 * HOUR)
    assert subject == place[1]


def test_an_entry_written_again_is_not_younger(
    place: tuple[str, str], uptime: Callable[[int], None]
) -> None:
    """A token written again after the clock was set back is no younger once the clock is right."""
    uptime(0)
    entry_file.write(*place, make_entry())
    uptime(3 * HOUR)
    entry_file.write(*place, cache.read(*place, NOW + HOUR, environ={}))

    assert cache.read(*place, NOW + HOUR, environ={}).expires == NOW + 10 * HOUR
    assert cache.read(*place, NOW + 3 * HOUR, environ={}).expires == NOW + 10 * HOUR


def test_after_a_restart_the_clock_decides(
    place: tuple[str, str], uptime: Callable[[int], None]
) -> None:
    """After a restart the uptime says nothing about earlier entries: the clock decides."""
    uptime(5 * HOUR)
    entry_file.write(*place, make_entry())
    uptime(HOUR)

    assert cache.read(*place, NOW + 2 * HOUR, environ={}).expires == NOW + 12 * HOUR
    with pytest.raises(cache.Miss, match="in the future"):
        cache.read(*place, NOW - 1, environ={})


def test_the_clock_counts_sleep(place: tuple[str, str]) -> None:
    """Suspended time counts on Linux, so a laptop's tokens age overnight."""
    if sys.platform == "linux":
        assert cache._uptime() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) < cache.SECOND
    assert 0 < cache._uptime() <= cache._uptime()


@pytest.mark.parametrize("subject", [" me", "me ", "m  e", "", " "])
def test_a_subject_is_kept_with_its_blanks(tmp_path: Path, subject: str) -> None:
    """A subject is compared whole, blanks included."""
    path = str(tmp_path / "own" / "x~")
    entry_file.write(path, subject, make_entry())

    assert cache.read(path, subject, NOW, environ={}).reply == REPLY
    assert cache.read_any(path, NOW)[1] == subject


def test_a_host_that_is_not_ecrs_is_noted_apart(tmp_path: Path) -> None:
    """The note is for one identity until it expires, and is never read as a token."""
    note = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, b"")
    place = cache.elsewhere_place(str(tmp_path), HOST, "me")
    entry_file.write(*place, note)

    name = f"{HOST}~{cache.fingerprint(f'{HOST} me')}"
    assert place == (str(tmp_path / "elsewhere" / name), f"{HOST} me")
    assert cache.is_elsewhere(str(tmp_path), HOST, "me", NOW)
    assert not cache.is_elsewhere(str(tmp_path), HOST, "you", NOW)
    assert not cache.is_elsewhere(str(tmp_path), HOST, "me", NOW + HOUR)
    with pytest.raises(cache.Miss, match=r"^there is none yet$"):
        cache.answer(str(tmp_path), HOST, "me", NOW, environ={})
    with pytest.raises(cache.Miss, match=r"^it holds no token$"):
        cache.read(*place, NOW, environ={})


def test_a_token_is_no_note(tmp_path: Path) -> None:
    """A token at a note's path is not a note."""
    entry_file.write(*cache.elsewhere_place(str(tmp_path), HOST, "me"), make_entry())

    assert not cache.is_elsewhere(str(tmp_path), HOST, "me", NOW)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\n",
        b"}\n",
        b'"Username":"AWS","Secret":""}\n',
        b'"Username":"AWS","Secret":"x"}',
        b'"Username":"AWS","Secret":"x',
        b'"Username":"AWS","Secret":"tok+en/=="',
        b'"Username":"AWS","Secret":"tok+en/=="}',
        b'"Username":"AWS","Secret":"tok+en/=="}\n\n',
        b'"Username":"AWS"}\n',
        b'"Secret":"x"}\n',
        b'"Username":"AWS","Secret":"}\n',
        b'"Username":","Secret":"x"}\n',
        b'"User":"AWS","Secret":"x"}\n',
        b' "Username":"AWS","Secret":"x"}\n',
    ],
)
def test_an_entry_without_a_token_is_a_miss(place: tuple[str, str], reply: bytes) -> None:
    """A reply that is not complete JSON with a secret is a miss."""
    entry_file.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply))

    with pytest.raises(cache.Miss, match=r"^it holds no token$"):
        cache.read(*place, NOW, environ={})


@pytest.mark.parametrize("username", ["AWS", "", 'a"b', '","Secret":"', "\u00e9"])
def test_whatever_the_names_are_a_token_is_one(place: tuple[str, str], username: str) -> None:
    """A user name may look like the next field: JSON escapes it."""
    reply = reply_tail(username, "x")
    entry_file.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, reply))

    assert cache.read(*place, NOW, environ={}).reply == reply


def test_a_login_of_a_private_name_belongs_to_the_settings(tmp_path: Path) -> None:
    """Other settings may map the private name to another registry, so its login is not found."""
    login = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, LOGIN)
    entry_file.write(*cache.login_place(str(tmp_path), "images.test", "'f':1"), login)

    answers = cache.answer(str(tmp_path), "images.test", "me", NOW, settings="'f':1", environ={})
    assert answers.reply == LOGIN
    for settings in ("", "'f':2"):
        with pytest.raises(cache.Miss, match=r"^there is none yet$"):
            cache.answer(str(tmp_path), "images.test", "me", NOW, settings=settings, environ={})


def test_a_login_answers_before_a_token(tmp_path: Path) -> None:
    """A stored login wins until it expires; then the token answers while it is fresh."""
    entry_file.write(*cache.token_place(str(tmp_path), HOST, "me"), make_entry())
    login = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, LOGIN)
    entry_file.write(*cache.login_place(str(tmp_path), HOST), login)

    assert cache.answer(str(tmp_path), HOST, "me", NOW, environ={}).reply == LOGIN
    assert cache.answer(str(tmp_path), HOST, "you", NOW, environ={}).reply == LOGIN
    assert cache.answer(str(tmp_path), HOST, "me", NOW + HOUR, environ={}).reply == REPLY
    with pytest.raises(cache.Miss, match="none yet"):
        cache.answer(str(tmp_path), HOST, "you", NOW + HOUR, environ={})


def test_a_token_that_is_due_comes_with_the_miss(tmp_path: Path) -> None:
    """The miss carries a valid token that is due for the broker, and no dead or missing one."""
    entry_file.write(*cache.token_place(str(tmp_path), HOST, "me"), make_entry())

    with pytest.raises(cache.Miss, match=r"^it is due for refresh$") as raised:
        cache.answer(str(tmp_path), HOST, "me", NOW + 6 * HOUR, environ={})
    assert raised.value.due is not None
    assert (raised.value.due.reply, raised.value.due.expires) == (REPLY, NOW + 12 * HOUR)
    for who, now in (("me", NOW + 12 * HOUR), ("you", NOW)):
        with pytest.raises(cache.Miss) as raised:
            cache.answer(str(tmp_path), HOST, who, now, environ={})
        assert raised.value.due is None


def test_entries_are_opened_with_what_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are opened with every safe flag that the system has, and without the others."""
    for flags in ({}, OPEN_FLAGS):
        module = load_on_system_with(flags, cache, monkeypatch)
        assert os.O_RDONLY | sum(flags.values()) == module._READ_FLAGS


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks geteuid")
def test_on_windows_modes_say_nothing(
    place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, an entry is used whatever its owner and mode."""
    kept.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(sys, "platform", "win32")

    assert cache.read(*place, NOW, environ={}).reply == REPLY
