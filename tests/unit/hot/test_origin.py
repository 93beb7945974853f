"""The machine and the boot that wrote an entry: after a restart, its clock may be wrong."""

from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, identity
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.entries import HOUR, NOW, REPLY
from tests.world.hosts import HOST

FIRST = "0a6d8bd6-6a3c-4ed8-a0ab-6ac3a53ac5ff"
SECOND = "f3c1f0c6-8f6b-4f0f-9d3c-3f8d3c9b7a11"


class Machine:
    """A machine with a name and a boot id, which the code under test sees as its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = "one"
        self._file, self._clock = folder / "boot_id", folder / "rtc0"
        monkeypatch.setattr(cache, "_CLOCK", str(self._clock))
        monkeypatch.setattr(cache, "_BOOT_ID", str(self._file))
        monkeypatch.setattr(identity, "machine", lambda _: self.name)
        self.start(FIRST)

    def start(self, boot: str) -> None:
        self._file.write_text(f"{boot}\n")

    def add_clock(self) -> None:
        self._clock.touch()

    def lose_boot_id(self) -> None:
        self._file.unlink()


@pytest.fixture(name="here")
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture(name="place", params=["token", "host", "login"])
def _place(request: pytest.FixtureRequest, tmp_path: Path, here: Machine) -> tuple[str, str]:
    """The place of an entry that was written before the restart, of each kind."""
    directory, entry = str(tmp_path), cache.Entry(NOW, NOW + HOUR, NOW + HOUR, REPLY)
    if request.param == "login":
        place = cache.login_place(directory, HOST)
        entry_file.write(*place, entry)
        return place
    token = cache.token_place(directory, "ecr@us-east-1.amazonaws.com", "me")
    entry_file.write(*token, entry)
    if request.param == "token":
        return token
    place = cache.token_place(directory, HOST, "me")
    entry_file.write(*place, entry_file.refer(*token, entry))
    return place


def test_an_entry_is_used_in_its_own_boot(place: tuple[str, str]) -> None:
    """Without a restart, an entry lives until its expiry."""
    assert cache.read(*place, NOW + 1, environ={}).reply == REPLY


def test_an_entry_is_not_used_after_a_restart(place: tuple[str, str], here: Machine) -> None:
    """A machine without a hardware clock may start at a time when an old token looks valid."""
    here.start(SECOND)

    with pytest.raises(cache.Miss, match="from before this machine's restart"):
        cache.read(*place, NOW + 1, environ={})


def test_with_a_hardware_clock_a_restart_ends_no_entry(
    place: tuple[str, str], here: Machine
) -> None:
    """The clock of such a machine runs on: its tokens and logins live until their expiry."""
    here.add_clock()
    here.start(SECOND)

    assert cache.read(*place, NOW + 1, environ={}).reply == REPLY
    with pytest.raises(cache.Miss, match="it has expired"):
        cache.read(*place, NOW + HOUR, environ={})


def test_machines_of_one_name_with_clocks_share_entries(
    place: tuple[str, str], here: Machine
) -> None:
    """Two machines with equal names and one cache use each other's tokens, in turns."""
    here.add_clock()

    for boot in (SECOND, FIRST, SECOND):
        here.start(boot)
        assert cache.read(*place, NOW + 1, environ={}).reply == REPLY


def test_the_boot_is_read_once(place: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A read through a host's reference reads the boot id once, for the token alone."""
    found: list[str] = []
    find = cache._boot_id

    def note() -> str:
        found.append(find())
        return found[-1]

    monkeypatch.setattr(cache, "_boot_id", note)
    cache.read(*place, NOW + 1, environ={})

    assert len(found) == 1


def test_another_machines_entry_is_used(place: tuple[str, str], here: Machine) -> None:
    """Machines that share a home share its tokens, whatever their boots."""
    here.name = "two"
    here.start(SECOND)

    assert cache.read(*place, NOW + 1, environ={}).reply == REPLY


def test_without_a_boot_id_the_machine_counts(tmp_path: Path, here: Machine) -> None:
    """A system without /proc has no boot id, and uses its entries after a restart."""
    here.lose_boot_id()
    place = cache.token_place(str(tmp_path), HOST, "me")
    entry_file.write(*place, cache.Entry(NOW, NOW + HOUR, NOW + HOUR, REPLY))

    assert cache.find_origin().endswith(":")
    assert cache.read(*place, NOW + 1, environ={}).reply == REPLY


def test_an_entry_of_an_earlier_release_has_no_origin(here: Machine) -> None:
    """An entry of version 0.1.0 does not say where it was written, and is used."""
    assert not cache.Entry(NOW, NOW + HOUR, NOW + HOUR, REPLY, origin="").dead(NOW + 1)


def test_the_origin_does_not_name_the_machine(here: Machine) -> None:
    """The machine is stored as a digest, without blanks: its name may hold any character."""
    here.name = "a machine: of mine"

    name, _, boot = cache.find_origin().partition(":")
    assert (name, boot) == (identity.digest_text("a machine: of mine"), FIRST)
    assert " " not in cache.find_origin()
