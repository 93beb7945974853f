"""The file of a cache entry, byte by byte: other versions of this program read it."""

import os
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot.cache import Entry, checksum
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.folder import Foreign

INPUTS = (("F", "1.2", "/a"), ("L", "-", "\udcff"))


@pytest.mark.parametrize(("origin", "written"), [("here:1", b"here:1"), ("", b":")])
def test_the_whole_file(origin: str, written: bytes) -> None:
    """The header, a line for each input, and the reply."""
    entry = Entry(1, 2, 3, b"reply", 4, inputs=INPUTS, origin=origin)
    body = b" 1 2 3 4 %b some subject\nF 1.2 2f61\nL - ff\nreply" % written

    assert entry_file.pack("some subject", entry) == b"ecrpy-3 " + checksum(body) + body


def test_a_reference_has_the_times_of_its_token_and_no_inputs() -> None:
    """It names the token's file, and its subject."""
    entry = Entry(1, 2, 3, b"reply", 4, inputs=INPUTS, origin="there:2")
    found = entry_file.refer("/cache/tokens/name~1", "some subject", entry)

    assert found.reply == b">name~1 some subject\n"
    assert (found.written, found.refresh, found.expires, found.booted) == (1, 2, 3, 4)
    assert (found.inputs, found.origin) == ((), "there:2")


def test_the_life_of_a_token() -> None:
    """Twelve hours, in nanoseconds."""
    assert entry_file.TOKEN_LIFE == 43_200_000_000_000


def test_a_relative_path_is_one_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written inside its folder, which is opened once."""
    monkeypatch.chdir(tmp_path)
    name = f"host~{0:032x}"
    entry_file.write(os.path.join("tokens", name), "me", Entry(1, 2, 3, b"reply", 4))

    assert (tmp_path / "tokens" / name).read_bytes().endswith(b" me\nreply")


@pytest.mark.usefixtures("same_descriptors")
def test_a_deferred_refresh_is_the_files_mtime(place: tuple[str, str], kept: Path) -> None:
    """The content stays as it is: a write would bring an erased token back."""
    before = kept.read_bytes()
    until = 1_700_000_000_000_000_000
    entry_file.defer(place[0], until)

    assert (kept.stat().st_mtime_ns, kept.read_bytes()) == (until, before)


@pytest.mark.usefixtures("same_descriptors")
def test_the_refresh_of_another_file_is_not_deferred(place: tuple[str, str], kept: Path) -> None:
    """It keeps its mtime; a missing file is an error, and is not created."""
    kept.write_text("notes")
    before = kept.stat().st_mtime_ns
    with pytest.raises(Foreign):
        entry_file.defer(place[0], 1)
    assert kept.stat().st_mtime_ns == before
    kept.unlink()

    with pytest.raises(FileNotFoundError):
        entry_file.defer(place[0], 1)
    assert not kept.exists()
