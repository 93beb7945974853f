"""Facts about entries on disk."""

import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy import cache

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
    cache.write(*place, _entry())
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
    assert "tok" not in repr(_entry())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_born_private(tmp_path: Path, umask: int) -> None:
    """Every directory is 0700 and every file 0600, whatever the umask."""
    before = os.umask(umask)
    try:
        path, subject = cache.token_place(str(tmp_path / "deep" / "ecr"), HOST, "me")
        cache.write(path, subject, _entry())
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
                cache.own_directory(directory)
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
        data = b"ecrpy-1 " + cache._checksum(data) + data
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

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
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

    def test_a_directory(self, place: tuple[str, str], kept: Path) -> None:
        """A directory; nor can one be written over."""
        kept.unlink()
        kept.mkdir()

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)
        with pytest.raises(OSError):
            cache.write(*place, _entry())
        assert [path.name for path in kept.parent.iterdir()] == [kept.name]

    @pytest.mark.timeout(10)
    def test_a_fifo_does_not_hang(self, place: tuple[str, str], kept: Path) -> None:
        """A FIFO that nobody writes to; a write replaces it."""
        kept.unlink()
        os.mkfifo(kept, 0o600)

        with pytest.raises(cache.Miss):
            cache.read(*place, NOW)
        cache.write(*place, _entry())
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
            cache.write(*place, _entry())

    def test_a_directory_that_others_may_use_is_closed(
        self, place: tuple[str, str], kept: Path
    ) -> None:
        """Our own directory loses the rights that others had."""
        kept.parent.chmod(0o777)

        cache.write(*place, _entry())

        assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_what_was_there(
    place: tuple[str, str], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the old entry stays whole, and no file stays beside it."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="space"):
        cache.write(*place, _entry(NOW + HOUR))
    monkeypatch.undo()

    assert cache.read(*place, NOW).written == NOW
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_sweeping_removes_the_dead_alone(tmp_path: Path) -> None:
    """Expired entries and old rubbish go; live entries and what may be work in progress stay."""
    directory = tmp_path / "tokens"
    live, _ = cache.token_place(str(tmp_path), HOST, "live")
    cache.write(live, f"{HOST} live", _entry())
    for number in range(20):
        path, subject = cache.token_place(str(tmp_path), HOST, f"dead {number}")
        cache.write(path, subject, _entry(NOW - 13 * HOUR))
    seconds = NOW // cache.SECOND
    for name, age in (("old rubbish", 25 * 3600), ("new rubbish", 60)):
        (directory / name).write_text("?")
        os.utime(directory / name, (seconds - age, seconds - age))

    assert cache.sweep(str(directory), NOW) == 21
    assert {path.name for path in directory.iterdir()} == {Path(live).name, "new rubbish"}


def test_sweeping_is_bounded_and_gets_everywhere_in_time(tmp_path: Path) -> None:
    """One sweep looks at 500 files at most; with time passing, others get their turn."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(1200):
        (directory / str(number)).write_text("?")
        os.utime(directory / str(number), (1, 1))

    assert cache.sweep(str(directory), NOW) == 500
    assert cache.sweep(str(directory), NOW + 7 * cache.SECOND) == 500
    assert cache.sweep(str(directory), NOW + 9 * cache.SECOND) == 200
    assert list(directory.iterdir()) == []


def test_a_sweep_among_many_live_files_reaches_the_dead_ones(tmp_path: Path) -> None:
    """No dead file hides behind live ones for ever: where a sweep begins moves on."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    for number in range(1500):
        (directory / str(number)).write_text("?")
        os.utime(directory / str(number), (NOW // cache.SECOND,) * 2)
    dead = directory / "dead"
    dead.write_text("?")
    os.utime(dead, (1, 1))

    for minute in range(100):
        cache.sweep(str(directory), NOW + minute * 60 * cache.SECOND)

    assert not dead.exists()


def test_sweeping_nothing_is_fine(tmp_path: Path) -> None:
    """No directory, and a directory among the files, are no errors."""
    (tmp_path / "tokens" / "directory").mkdir(parents=True)

    assert cache.sweep(str(tmp_path / "missing"), NOW) == 0
    assert cache.sweep(str(tmp_path / "tokens"), NOW) == 0


def test_forgetting_takes_one_host_alone(tmp_path: Path) -> None:
    """All identities' entries of a host go; a host whose name it begins keeps its own."""
    longer = HOST + ".cn"
    for host in (HOST, longer):
        for identity in ("me", "you"):
            path, subject = cache.token_place(str(tmp_path), host, identity)
            cache.write(path, subject, _entry())

    assert cache.forget(str(tmp_path / "tokens"), HOST) == 2
    assert cache.forget(str(tmp_path / "tokens"), HOST) == 0
    assert cache.forget(str(tmp_path / "missing"), HOST) == 0
    assert all(path.name.startswith(longer) for path in (tmp_path / "tokens").iterdir())


def test_a_login_answers_before_a_token(tmp_path: Path) -> None:
    """What a person logged in with wins until it expires; then the token, while it is fresh."""
    cache.write(*cache.token_place(str(tmp_path), HOST, "me"), _entry())
    login = cache.Entry(NOW, NOW + HOUR, NOW + HOUR, b"login")
    cache.write(*cache.login_place(str(tmp_path), HOST), login)

    assert cache.answer(str(tmp_path), HOST, "me", NOW).reply == b"login"
    assert cache.answer(str(tmp_path), HOST, "you", NOW).reply == b"login"
    assert cache.answer(str(tmp_path), HOST, "me", NOW + HOUR).reply == REPLY
    with pytest.raises(cache.Miss, match="none yet"):
        cache.answer(str(tmp_path), HOST, "you", NOW + HOUR)
    with pytest.raises(cache.Miss, match="due"):
        cache.answer(str(tmp_path), HOST, "me", NOW + 6 * HOUR)
