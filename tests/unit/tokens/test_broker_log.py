"""The log of a lookup and a fetch, line by line."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.entries import LOGIN, make_folder
from tests.world.tokens import (
    ENDPOINT,
    HOST,
    HOUR,
    START,
    Clock,
    FakeAws,
    MakeBroker,
    keep_stale,
    parse_host,
)

pytestmark = pytest.mark.usefixtures("same_descriptors")


class TestTheLog:
    """Log lines of the broker."""

    @pytest.fixture(name="logged")
    def _logged(self, broker: MakeBroker) -> Callable[..., list[str]]:
        def logged(host: str = HOST, **given: Any) -> list[str]:
            made = broker(**given)
            lines: list[str] = []
            made.log = lines.append
            try:
                made.obtain(parse_host(host), 25)
            except HelperError as exc:
                lines.append(f"raised: {exc}")
            return lines

        return logged

    def test_of_a_fetch(self, logged: Callable[..., list[str]]) -> None:
        """Misses, the lock and writes are logged; a hit is not."""
        none = [f"cache: nothing for {name}: there is none yet" for name in (HOST, ENDPOINT)]
        written = [f"cache: written for {name}" for name in (ENDPOINT, HOST)]

        assert logged() == [*none, "lock: held", *none, *written]
        assert logged() == []
        other = "223456789012" + HOST[12:]
        assert logged(other) == [
            f"cache: nothing for {other}: there is none yet",
            f"cache: the token of {ENDPOINT} serves {other}",
            f"cache: written for {other}",
        ]

    def test_of_a_failure(
        self, logged: Callable[..., list[str]], broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> None:
        """A failed renewal is logged with the token that is valid, if there is one."""
        fake.error = HelperError("AWS is down", hint="wait")
        assert logged()[-2:] == [
            f"cache: nothing for {ENDPOINT}: there is none yet",
            "raised: AWS is down; wait",
        ]
        keep_stale(broker, ENDPOINT, "in hand")
        line = "not refreshed: AWS is down; wait; the token in hand is still valid"
        assert logged()[-1] == line
        assert logged() == []
        keep_stale(broker, HOST, "as version 0.1.0 stored it")
        (tmp_path / "ecr" / "tokens" / Path(cache.token_place("", ENDPOINT, "me")[0]).name).unlink()
        assert logged()[-2] == line
        assert logged()[-1].startswith("cache: refresh not deferred: ")

    def test_of_another_processs_failure(
        self, logged: Callable[..., list[str]], broker: MakeBroker, clock: Clock, fake: FakeAws
    ) -> None:
        """The log says that the failure is the lock holder's."""
        fake.error = HelperError("denied")
        logged()
        clock.now -= 1  # as if this process had started before the failure
        begun = iter([clock.now])
        lines = broker()
        said: list[str] = []
        lines.log = said.append
        lines.clock = lambda: next(begun, START)

        with pytest.raises(HelperError, match=r"^denied$"):
            lines.obtain(parse_host(), 25)
        assert "lock: its holder failed, and this process shares the failure" in said
        assert len(fake.calls) == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix error texts and numbers")
    def test_of_missing_directories(
        self, logged: Callable[..., list[str]], tmp_path: Path, fake: FakeAws
    ) -> None:
        """A missing directory is logged, and so are files in the way of its folders."""
        assert logged(directory="") == ["no cache directory: calling AWS"]
        (tmp_path / "ecr").mkdir(mode=0o700)
        for name in ("tokens", "locks", "registries"):
            (tmp_path / "ecr" / name).touch()

        lines = [line.replace(str(tmp_path), "") for line in logged()]

        cure = "move it elsewhere, or set AWS_ECR_CACHE_DIR to a directory that only this user"
        assert "no lock: /ecr/locks is not a directory" in lines
        not_used = f"cache: not used: /ecr/tokens is not a directory; {cure} can change"
        assert lines.count(not_used) == 1
        assert f"list: {HOST} is not recorded: /ecr/registries is not a directory" in lines

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix error texts and numbers")
    def test_of_a_directory_at_the_locks_path(
        self, logged: Callable[..., list[str]], tmp_path: Path, fake: FakeAws
    ) -> None:
        """A directory at the lock file's path is logged, and the fetch goes on."""
        (make_folder(tmp_path / "ecr" / "locks") / f"{ENDPOINT}~d65").mkdir()

        lines = logged()

        assert next(line for line in lines if "lock" in line).startswith(
            "no lock: Is a directory: "
        )
        assert f"cache: written for {HOST}" in lines
        assert len(fake.calls) == 1

    def test_of_a_refused_identity(
        self, logged: Callable[..., list[str]], fake: FakeAws, clock: Clock
    ) -> None:
        """Each place that had its token is named, and no other."""
        fake.error = HelperError("denied", refused=True)
        assert not [line for line in logged() if "removed" in line]
        fake.error = None
        logged()
        clock.now += 7 * 3600 * cache.SECOND
        fake.error = HelperError("denied", refused=True)

        assert [line for line in logged() if "removed" in line] == [
            f"cache: the token of {name} is removed: its identity is refused"
            for name in (HOST, ENDPOINT)
        ]

    def test_of_a_lock_that_cannot_be_held_or_written(
        self, logged: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's error text is logged, for the lock and for its note."""

        def refuse(*_: object) -> bool:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(FileLock, "write_note", refuse)
        assert logged().count("lock: note not written: [Errno 37] No locks available") == 2
        monkeypatch.setattr(FileLock, "acquire", refuse)
        lines = logged(identity="you")
        assert any(line.startswith("no lock: No locks available: /") for line in lines)
        assert not any("note not written" in line for line in lines)

    def test_of_a_held_lock(
        self, logged: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lock that another process holds is logged as a timeout."""
        monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

        assert "lock: timeout" in logged()

    def test_of_another_processs_renewal(
        self, logged: Callable[..., list[str]], broker: MakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process's renewal is not waited for, so the text names no number of seconds."""
        keep_stale(broker, HOST, "in hand")
        monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

        assert logged()[-1] == (
            "not refreshed: another process is fetching this token from AWS; check the network, "
            "VPN or proxy; AWS_ECR_TIMEOUT sets the limit in seconds; the token in hand is still "
            "valid"
        )

    def test_of_an_edit_during_the_call(self, logged: Callable[..., list[str]]) -> None:
        """The log says why a token is not stored after an edit."""
        lines = logged(unchanged=lambda: False)

        for name in (ENDPOINT, HOST):
            assert f"cache: not written for {name}: settings changed during the call" in lines
        assert not any("cache: written" in line for line in lines)

    def test_of_a_sweep(
        self, logged: Callable[..., list[str]], clock: Clock, tmp_path: Path
    ) -> None:
        """The number of swept files is logged."""
        login = cache.Entry(START, START + HOUR, START + HOUR, LOGIN, 0)
        entry_file.write(*cache.login_place(str(tmp_path / "ecr"), HOST), login)
        note = cache.Entry(START, START + HOUR, START + HOUR, b"", 0)
        entry_file.write(*cache.elsewhere_place(str(tmp_path / "ecr"), "registry.test", "me"), note)
        logged()
        clock.now += 13 * HOUR

        assert logged(identity="you")[-1] == "cache: 4 dead files removed"
