"""The lock's note: what its holder writes, and what waiting processes make of it."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.lock_note import GRACE, LockNote, circumstances
from docker_credential_ecrpy.tokens.token import Token
from tests.world.entries import make_folder, open_lock
from tests.world.tokens import (
    ENDPOINT,
    HOST,
    START,
    Clock,
    FakeAws,
    MakeBroker,
    keep_stale,
    parse_host,
    read_secret,
)

pytestmark = pytest.mark.usefixtures("same_descriptors")


def _read_note(tmp_path: Path) -> Any:
    (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
    return json.loads(path.read_bytes())


class TestTheNote:
    """What the lock's holder writes for waiting processes, of this release or another."""

    def test_during_a_fetch(self, broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
        """During a fetch, the note has its deadline plus one second."""
        seen: list[Any] = []

        def fetch(asked: registry.Registry, seconds: float) -> Token:
            seen.append((_read_note(tmp_path), time.monotonic() + seconds))
            return fake.fetch(asked, seconds)

        broker(fetch=fetch).obtain(parse_host(), 25)

        ((note, end),) = seen
        assert set(note) == {"who", "until"}
        assert note["who"] == "me"
        assert 0.5 < note["until"] - end < 1.5
        assert _read_note(tmp_path) == {"who": "me"}

    def test_in_a_file_with_another_content(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> None:
        """A file with the name of the lock that is not this program's serves, and stays."""
        broker().obtain(parse_host(), 25)
        (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
        path.write_text("mine")
        for token in (tmp_path / "ecr" / "tokens").glob("*~*"):
            token.unlink()

        broker().obtain(parse_host(), 25)

        assert len(fake.calls) == 2
        assert path.read_text() == "mine"

    @pytest.mark.parametrize("hint", ["ask nicely", None])
    def test_after_a_failure(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path, hint: str | None
    ) -> None:
        """After a failure, the note has the error and its time."""
        fake.error = HelperError("denied", hint=hint)
        with pytest.raises(HelperError):
            broker().obtain(parse_host(), 25)

        assert _read_note(tmp_path) == {"who": "me", "at": START, "message": "denied", "hint": hint}

    def test_after_a_timeout(self, broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
        """After a timeout, the note also has the seconds that the fetch had."""
        fake.error = DeadlineExceeded("too slow", hint="wait")
        with pytest.raises(HelperError):
            broker().obtain(parse_host(), 25)

        note = _read_note(tmp_path)
        assert note.pop("had") == fake.calls[0][1]
        assert note == {"who": "me", "at": START, "message": "too slow", "hint": "wait"}

    @pytest.fixture(name="finds")
    def _finds(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> Callable[[bytes | dict[str, Any]], str]:
        """Return what a process gets that waited while this note was written, five moments long."""

        def finds(note: bytes | dict[str, Any]) -> str:
            path = tmp_path / "ecr" / "locks" / f"{ENDPOINT}~d65"
            make_folder(path.parent)
            if isinstance(note, dict):
                note = json.dumps({"who": "me", "message": "denied", "hint": None} | note).encode()
            path.write_bytes(note)
            begun = iter([START])
            made = broker()
            made.clock = lambda: next(begun, START + 5)
            try:
                return read_secret(made.obtain(parse_host(), 25))
            except HelperError as exc:
                error = exc
            assert fake.calls == []
            assert isinstance(error.message, str)
            assert isinstance(error.hint, str | None)
            return str(error)

        return finds

    @pytest.mark.parametrize(
        ("note", "found"),
        [
            ({"at": START - 1}, "token-1"),
            ({"at": START}, "token-1"),
            ({"at": START + 1}, "denied"),
            ({"at": START + 5}, "denied"),
            ({"at": START + 6}, "token-1"),
            ({"at": START + 5, "hint": "ask nicely"}, "denied; ask nicely"),
            ({"at": START + 5, "hint": ""}, "denied"),
            ({"at": START + 5, "hint": 7, "message": 5}, "5; 7"),
            ({"at": START + 5, "had": 30}, "denied"),
            ({"at": START + 5, "had": 1}, "token-1"),
            ({"at": START + 5, "message": 5}, "5"),
            ({"at": START + 5, "who": "you"}, "token-1"),
            ({"at": START + 5, "who": "he"}, "token-1"),
        ],
    )
    def test_counts_for_the_time_of_the_wait(
        self,
        finds: Callable[[bytes | dict[str, Any]], str],
        note: dict[str, Any],
        found: str,
    ) -> None:
        """Only failures during the wait count, and timeouts only of fetches with as much time."""
        assert finds(note) == found

    def test_leaves_the_token_in_hand(
        self,
        broker: MakeBroker,
        finds: Callable[[bytes | dict[str, Any]], str],
    ) -> None:
        """After a shared failure the token in hand answers, and its renewal is delayed."""
        keep_stale(broker, ENDPOINT, "in hand", START + 30 * cache.SECOND)

        assert finds({"at": START + 5}) == "in hand"
        kept = cache.read(*cache.token_place(broker().directory, HOST, "me"), START + 5, environ={})
        assert kept.refresh == START + 30 * cache.SECOND

    @pytest.mark.parametrize(
        "note",
        [
            b"",
            b"{",
            b"\xff",
            b"[]",
            b"null",
            b'"who"',
            b"{}",
            b"[" * 4000,
            b'{"who": "me"}',
            b'{"who": "me", "at": "now"}',
            b'{"who": "me", "at": %d}' % (START + 5),
            b'{"who": "me", "at": %d, "message": "x"}' % (START + 5),
            b'{"who": "me", "at": %d, "had": "x", "message": "x", "hint": null}' % (START + 5),
        ],
        ids=range(13),
    )
    def test_that_is_invalid_is_ignored(
        self, finds: Callable[[bytes | dict[str, Any]], str], note: bytes
    ) -> None:
        """An invalid note is ignored, whoever wrote it."""
        assert finds(note) == "token-1"

    def test_that_cannot_be_read_is_ignored(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unreadable note is ignored."""

        def fail(_: FileLock) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(FileLock, "read_note", fail)

        assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"

    def test_that_raises_a_memory_error(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A MemoryError while reading the note is raised."""

        def fail(_: FileLock) -> bytes:
            raise MemoryError

        monkeypatch.setattr(FileLock, "read_note", fail)

        with pytest.raises(MemoryError):
            broker().obtain(parse_host(), 25)


@pytest.mark.parametrize("until", [None, "soon", -1.0, 60.0])
def test_the_wait_has_two_parts(
    broker: MakeBroker,
    fake: FakeAws,
    tmp_path: Path,
    until: float | str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last third of the time is for a holder that reports progress, else for a fetch."""
    at_it = until == 60.0
    fake.error = HelperError("no")
    with pytest.raises(HelperError):
        broker().obtain(parse_host(), 24)
    fake.error = None
    fake.calls.clear()
    (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
    if isinstance(until, float):
        until += time.monotonic()
    path.write_text(json.dumps({"who": "me", "until": until}))
    waited: list[float] = []

    def never(self: FileLock, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(FileLock, "acquire", never)
    text = (
        "another process is fetching this token from AWS, without an answer for 24 s; check the "
        "network, VPN or proxy; AWS_ECR_TIMEOUT sets the limit in seconds"
    )

    if at_it:
        made = broker()
        lines: list[str] = []
        made.log = lines.append
        with pytest.raises(DeadlineExceeded) as raised:
            made.obtain(parse_host(), 24.0)
        assert str(raised.value) == text
        assert lines.count("lock: timeout") == 1
        assert fake.calls == []
    else:
        assert read_secret(broker().obtain(parse_host(), 24)) == "token-1"
    assert waited == pytest.approx([16, 8] if at_it else [16])


def test_a_lock_taken_late_is_not_too_late(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock taken in the last third of the time leaves time for a fetch."""
    got = iter([False, True, True])
    monkeypatch.setattr(FileLock, "acquire", lambda *_: next(got))
    monkeypatch.setattr(
        FileLock,
        "read_note",
        lambda _: json.dumps({"who": "me", "until": time.monotonic() + 9}).encode(),
    )

    lines: list[str] = []
    made = broker()
    made.log = lines.append

    assert read_secret(made.obtain(parse_host(), 24)) == "token-1"
    assert "lock: held" in lines


class TestTheLocksHolder:
    """How waiting processes treat the lock's holder."""

    @pytest.fixture(name="held")
    def _held(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> Iterator[Callable[[float], None]]:
        """Hold the lock, and announce how many seconds are left."""
        fake.error = HelperError("no")
        with pytest.raises(HelperError):
            broker().obtain(parse_host(), 25)
        fake.error = None
        fake.calls.clear()
        (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
        with open_lock(str(path)) as lock:
            assert lock.acquire(0)
            who = json.loads(lock.read_note())["who"]

            def announce(seconds: float) -> None:
                note = {"who": who, "until": time.monotonic() + seconds}
                lock.write_note(json.dumps(note).encode())

            yield announce

    def test_is_waited_for_while_it_has_time(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """A holder with time left is waited for to the end: a second call would not help."""
        held(60)

        with pytest.raises(DeadlineExceeded, match="another process is fetching this token"):
            broker().obtain(parse_host(), 0.3)

        assert fake.calls == []

    def test_is_not_waited_for_after_its_deadline(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """A stopped or hanging holder leaves a third of the time to fetch without the lock."""
        held(0.05)

        assert read_secret(broker().obtain(parse_host(), 0.3)) == "token-1"
        assert 0 < fake.calls[0][1] < 0.11

    def test_in_other_circumstances_is_not_waited_for(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """A holder with another proxy, for example, is not waited for."""
        held(60)
        other = broker()
        other.circumstances = "another proxy"

        assert read_secret(other.obtain(parse_host(), 0.3)) == "token-1"

    def test_is_waited_for_with_a_token_about_to_expire(
        self, broker: MakeBroker, fake: FakeAws, clock: Clock, held: Callable[[float], None]
    ) -> None:
        """If waiting fails, a token with a minute left is returned."""
        directory = broker().directory
        place = cache.token_place(directory, HOST, "me")
        reply = b'"Username":"AWS","Secret":"in hand"}\n'
        entry_file.write(*place, cache.Entry(START, START, START + 30 * cache.SECOND, reply))
        held(60)

        assert read_secret(broker().obtain(parse_host(), 0.3)) == "in hand"
        assert fake.calls == []


class TestOneNote:
    """A note without a broker: the same object writes and reads it."""

    @pytest.fixture(name="note")
    def _note(self, tmp_path: Path) -> Iterator[LockNote]:
        with open_lock(str(tmp_path / "lock")) as lock:
            yield LockNote(lock, "me", lambda: START, lambda _: None)

    @pytest.mark.parametrize("chosen_at", ["config.toml:3", None])
    def test_a_failure_names_where_its_identity_was_chosen(
        self, note: LockNote, chosen_at: str | None
    ) -> None:
        """The note has that place, so that the helper does not add it to the message again."""
        note.leave_failure(HelperError("denied", chosen_at=chosen_at), 5)
        shared = note.shared_failure(START - 1, 5)

        assert shared is not None
        assert (shared.message, shared.hint, shared.chosen_at) == ("denied", None, chosen_at)

    def test_a_place_that_is_no_text_becomes_one(self, note: LockNote, tmp_path: Path) -> None:
        """A place of another type, as of another release, is turned into text."""
        left = {"who": "me", "at": START, "message": "denied", "hint": None, "chosen_at": 3}
        (tmp_path / "lock").write_text(json.dumps(left))
        shared = note.shared_failure(START - 1, 5)

        assert shared is not None
        assert shared.chosen_at == "3"

    def test_an_announced_deadline_ends(
        self, note: LockNote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A second after its deadline, the holder counts as stopped or dead."""
        assert GRACE == 1.0
        monkeypatch.setattr(time, "monotonic", lambda: 100.0)
        note.announce(5)
        for now, has_time in ((100.0, True), (105.9, True), (106.1, False), (999.0, False)):
            monkeypatch.setattr(time, "monotonic", lambda now=now: now)
            assert note.holder_has_time() == has_time

    @pytest.mark.parametrize(("seconds", "has_time"), [(3600.9, True), (3601.1, False)])
    def test_a_deadline_of_more_than_an_hour_is_ignored(
        self, note: LockNote, tmp_path: Path, seconds: float, has_time: bool
    ) -> None:
        """A deadline of more than an hour comes from another machine's clock, and is ignored."""
        until = time.monotonic() + seconds
        (tmp_path / "lock").write_text(json.dumps({"who": "me", "until": until}))

        assert note.holder_has_time() == has_time

    def test_without_a_lock_there_is_no_note(self) -> None:
        """Without a lock, nothing is written or read, and nothing fails."""
        said: list[str] = []
        note = LockNote(None, "me", lambda: START, said.append)
        note.announce(5)
        note.leave_failure(HelperError("denied"), 5)

        assert not note.holder_has_time()
        assert note.shared_failure(START - 1, 5) is None
        assert said == []

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
    def test_a_bug_or_ctrl_c_is_not_a_note_that_failed(
        self, note: LockNote, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only an OSError is dropped while writing a note."""

        def fail(*_: object) -> None:
            raise kind

        monkeypatch.setattr(FileLock, "write_note", fail)
        with pytest.raises(kind):
            note.announce(5)

    def test_its_fields_cannot_be_changed(self, note: LockNote) -> None:
        """A call reads and writes notes through one unchanging object."""
        for name in vars(note):
            with pytest.raises(AttributeError):
                setattr(note, name, None)


class TestCircumstances:
    """Circumstances: which processes share a failure."""

    @pytest.mark.parametrize(
        "name",
        [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ECR_TIMEOUT",
            "AWS_ECR_LOG_LEVEL",
            "AWS_",
            "BOTO_CONFIG",
            "SSL_CERT_FILE",
            "HTTPS_PROXY",
            "NO_PROXY",
            "https_proxy",
            "aws_profile",
            "REQUESTS_CA_BUNDLE",
        ],
    )
    def test_what_a_call_to_aws_reads_counts(self, name: str) -> None:
        """Variables that a call to AWS reads count by presence and value, in any letter case."""
        without = circumstances("me", {"HOME": "/home"})
        one, other = (circumstances("me", {"HOME": "/home", name: value}) for value in "ab")

        assert len({without, one, other}) == 3

    @pytest.mark.parametrize(
        "name",
        ["HOME", "AWS_ECR_LOG", "AWS_ECR_DEBUG", "aws_ecr_debug", "MY_AWS_", "PROXY_", "CA_BUNDLE"],
    )
    def test_what_no_call_depends_on_does_not_count(self, name: str) -> None:
        """Other working directories or logs do not change the circumstances."""
        assert circumstances("me", {name: "a"}) == circumstances("me", {})

    def test_the_identity_counts(self) -> None:
        """Identities that share a lock file have different circumstances."""
        assert circumstances("me", {}) != circumstances("you", {})

    def test_it_is_one_digest_for_every_order_and_version(self) -> None:
        """The digest is SHA-256 of the identity and sorted variables, equal in every release."""
        environ = {"SSL_CERT_FILE": "/\u00e9\udcff", "AWS_REGION": "us-east-1", "HOME": "/"}
        text = "me\nAWS_REGION='us-east-1'\nSSL_CERT_FILE='/\\xe9\\udcff'"
        digest = hashlib.sha256(text.encode()).hexdigest()

        assert circumstances("me", environ) == digest
        assert circumstances("me", dict(reversed(environ.items()))) == digest
