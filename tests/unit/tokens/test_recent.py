"""The hosts that `list` prints."""

import os
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.tokens import recent, store
from docker_credential_ecrpy.tokens.folder import Foreign

pytestmark = pytest.mark.usefixtures("same_descriptors")
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
OTHER = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"


def test_hosts_are_remembered_in_order_and_forgotten(tmp_path: Path) -> None:
    """Hosts are listed once, sorted; forgetting one twice is no error."""
    for host in (OTHER, HOST, OTHER):
        recent.remember(str(tmp_path), host)
    assert recent.list_hosts(str(tmp_path)) == [HOST, OTHER]

    for _ in range(2):
        store.forget(str(tmp_path), HOST)
    assert recent.list_hosts(str(tmp_path)) == [OTHER]


def test_a_host_out_of_use_is_no_longer_listed(tmp_path: Path) -> None:
    """A host is listed for a month after its last new token, and again after the next."""
    recent.remember(str(tmp_path), HOST)
    month_ago = time.time() - recent.FORGET_AFTER - 60
    os.utime(tmp_path / "registries" / HOST, (month_ago, month_ago))
    assert recent.list_hosts(str(tmp_path)) == []

    recent.remember(str(tmp_path), HOST)
    assert recent.list_hosts(str(tmp_path)) == [HOST]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_a_fifo_at_a_hosts_path_does_not_hang(tmp_path: Path) -> None:
    """A FIFO at a host's path is an error at once."""
    recent.remember(str(tmp_path), OTHER)
    os.mkfifo(tmp_path / "registries" / HOST)

    with pytest.raises(OSError, match="No such device"):
        recent.remember(str(tmp_path), HOST)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="symlinks need a privilege there")
def test_nothing_behind_a_link_is_known_or_forgotten(tmp_path: Path) -> None:
    """Files behind a symlink are neither listed nor removed, however old they are."""
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / HOST).write_text("notes")
    os.utime(tmp_path / "others" / HOST, (1, 1))
    (tmp_path / "registries").symlink_to("others")

    store.sweep_hosts(str(tmp_path / "registries"), recent.is_old, 1)

    assert recent.list_hosts(str(tmp_path)) == []
    assert (tmp_path / "others" / HOST).read_text() == "notes"


def test_only_hosts_are_listed(tmp_path: Path) -> None:
    """A file without a host's name is not listed."""
    recent.remember(str(tmp_path), HOST)
    for name in (".DS_Store", ".new-1", HOST.upper(), HOST + "."):
        (tmp_path / "registries" / name).touch()

    assert recent.list_hosts(str(tmp_path)) == [HOST]


def test_without_a_directory_nothing_is_known(tmp_path: Path) -> None:
    """A missing directory, or a file at its path, gives an empty list."""
    assert recent.list_hosts(str(tmp_path / "missing")) == []
    (tmp_path / "registries").touch()
    assert recent.list_hosts(str(tmp_path)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Unix symlinks")
def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    """A planted symlink does not let its target be touched."""
    recent.remember(str(tmp_path), OTHER)
    (tmp_path / "registries" / HOST).symlink_to(tmp_path / "target")

    with pytest.raises(OSError):
        recent.remember(str(tmp_path), HOST)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("kind", ["content", "a second name"])
def test_another_file_of_that_name_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    """It is an error, which names the folder, and the file keeps its content and mtime."""
    recent.remember(str(tmp_path), OTHER)
    path = tmp_path / "registries" / HOST
    path.write_text("notes" if kind == "content" else "")
    if kind != "content":
        os.link(path, tmp_path / "second")
    os.utime(path, (1, 1))
    before = path.read_text()

    with pytest.raises(Foreign) as caught:
        recent.remember(str(tmp_path), HOST)
    assert str(caught.value) == f"{path.parent} has another file of that name"
    assert (path.read_text(), path.stat().st_mtime) == (before, 1)


def test_a_failure_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says why, and which folder it is; a success logs nothing."""
    lines: list[str] = []
    path = tmp_path / "registries"
    recent.try_to_remember(str(tmp_path), HOST, lines.append)
    assert lines == []
    assert recent.list_hosts(str(tmp_path)) == [HOST]
    (path / OTHER).mkdir()
    recent.try_to_remember(str(tmp_path), OTHER, lines.append)
    (path / OTHER).rmdir()
    (path / OTHER).write_text("notes")
    recent.try_to_remember(str(tmp_path), OTHER, lines.append)

    assert lines == [
        f"list: {OTHER} is not recorded: Is a directory: {path}",
        f"list: {OTHER} is not recorded: {path} has another file of that name",
    ]


def test_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty days to the second, 200 hosts, and the user name of ECR."""
    monkeypatch.setattr(time, "time", lambda: 9_000_000.0)
    month = 30 * 86_400.0

    assert recent.FORGET_AFTER == 30 * 86_400
    assert recent.LISTED == 200
    assert recent.USERNAME == "AWS"
    assert recent.is_old(9_000_000.0 - month)
    assert not recent.is_old(9_000_001.0 - month)


def test_the_hosts_with_the_latest_tokens_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of three, sorted by their names; a removed file, or one of others, is left out."""
    hosts = [f"{digit}{HOST[1:]}" for digit in "12345678"]
    folder = tmp_path / "registries"
    for age, host in enumerate([*hosts[:2], hosts[3], hosts[2]]):
        recent.remember(str(tmp_path), host)
        at = time.time() - 100 * age - 100
        os.utime(folder / host, (at, at))
    (folder / hosts[4]).write_text("notes")
    (folder / hosts[5]).mkdir()
    (folder / hosts[6]).touch()
    look = Directory.stat

    def look_too_late(self: Directory, name: str) -> os.stat_result:
        if name == hosts[6]:
            (folder / name).unlink(missing_ok=True)
        return look(self, name)

    monkeypatch.setattr(Directory, "stat", look_too_late)
    assert recent.list_hosts(str(tmp_path)) == hosts[:4]
    monkeypatch.setattr(recent, "LISTED", 3)
    assert recent.list_hosts(str(tmp_path)) == [*hosts[:2], hosts[3]]
