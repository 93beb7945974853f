"""Another user who swaps names at every moment, with two real uids: no document is touched.

The names are swapped by renameat2(RENAME_EXCHANGE) in a loop, while the victim's helper runs every
action that writes or removes a file. Without root these tests are skipped, as in `test_users`.
"""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_ecrpy.tokens.folder import FOLDERS
from tests.security import attacks
from tests.security.attacks import ATTACKER, LOGIN
from tests.security.test_users import OTHER_HOST, USER_ALONE, victim_fixture
from tests.world.machine import HOST, Machine

__all__ = ["victim_fixture"]  # pytest finds it here

EXCHANGE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pairs = [(os.fsencode(a), os.fsencode(b)) for a, b in zip(sys.argv[1::2], sys.argv[2::2])]
print("ready", flush=True)
while True:
    for one, other in pairs:
        libc.renameat2(-100, one, -100, other, 2)
"""
RUNS = 3


def _state(top: Path) -> Mapping[str, tuple[object, ...]]:
    """Return mode, owner, times and content of everything in a directory."""
    found = {}
    for path in (top, *sorted(top.rglob("*"))):
        seen = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        # A listing changes no time but the atime.
        found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_nlink, seen.st_mtime_ns, text)
    return found


@contextmanager
def _exchanging(folder: Path, *names: str) -> Iterator[None]:
    command = [sys.executable, "-I", "-S", "-c", EXCHANGE, *names]
    with subprocess.Popen(
        attacks.as_user(ATTACKER, command), stdout=subprocess.PIPE, cwd=folder
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            yield
            assert child.poll() is None
        finally:
            child.kill()


def _own(victim: Machine, *paths: Path, mode: int) -> None:
    for path in paths:
        path.mkdir(exist_ok=True)
        os.chown(path, victim.home.stat().st_uid, victim.home.stat().st_uid)
        path.chmod(mode)


def _parent(victim: Machine) -> list[tuple[Path, str, str]]:
    """The cache's parent is open to all: the cache itself is swapped."""
    shared = victim.root / "shared"
    _own(victim, shared, shared / "cache", mode=0o777)
    (shared / "cache").chmod(0o700)
    (shared / "swap").symlink_to(victim.root / "documents")
    victim.environ["AWS_ECR_CACHE_DIR"] = str(shared / "cache")
    return [(shared, "cache", "swap")]


def _grandparent(victim: Machine) -> list[tuple[Path, str, str]]:
    """A directory further up is open: the cache's parent is swapped."""
    shared = victim.root / "shared"
    _own(victim, shared, mode=0o777)
    _own(victim, shared / "deep", shared / "deep" / "documents", mode=0o700)
    (shared / "swap").symlink_to(victim.root)
    victim.environ["AWS_ECR_CACHE_DIR"] = str(shared / "deep" / "documents")
    return [(shared, "deep", "swap")]


def _folders(victim: Machine) -> list[tuple[Path, str, str]]:
    """The cache is open: its folders are swapped."""
    cache = victim.root / "open" / "cache"
    _own(victim, cache, mode=0o777)
    for name in FOLDERS:
        _own(victim, cache / name, mode=0o700)
        (cache / f"swap-{name}").symlink_to(victim.root / "documents" / name)
    return [(cache, name, f"swap-{name}") for name in FOLDERS]


def _sticky(victim: Machine) -> list[tuple[Path, str, str]]:
    """The cache's name in a directory such as /tmp is the attacker's."""
    at = victim.root / "open"
    attacks.attack(at, 'mkdir -m 777 cache; ln -s "$DOCUMENTS" swap',
                   DOCUMENTS=str(victim.root / "documents"))  # fmt: skip
    return [(at, "cache", "swap")]


def _files(victim: Machine) -> list[tuple[Path, str, str]]:
    """The cache is closed, and its folders are open: the files in them are swapped."""
    cache = victim.root / "open" / "cache"
    victim.get()
    victim.run("store", stdin=LOGIN)
    cache.chmod(0o755)
    swaps = []
    for folder in (cache / name for name in FOLDERS if (cache / name).exists()):
        folder.chmod(0o777)
        for path in folder.glob("[!.]*"):
            (folder / f"{path.name}.swap").symlink_to(victim.root / "documents" / "a.txt")
            swaps.append((folder, path.name, f"{path.name}.swap"))
    return swaps


PLACES = {
    "the cache": _parent,
    "its parent": _grandparent,
    "its folders": _folders,
    "a name in /tmp": _sticky,
    "its files": _files,
}
"""What the attacker swaps."""


@pytest.mark.parametrize("what", PLACES, ids=PLACES)
def test_names_that_are_swapped_at_every_moment(victim: Machine, what: str) -> None:
    """No action deletes, changes, closes or creates a document, and each get gives the token."""
    swaps = PLACES[what](victim)
    documents = victim.root / "documents"
    before = _state(documents)
    names = [str(folder / name) for folder, *both in swaps for name in both]
    with _exchanging(victim.root, *names):
        for _ in range(RUNS):
            assert victim.get().secret in {*victim.aws.issued, "a password"}
            assert victim.get(OTHER_HOST).secret in victim.aws.issued
            victim.run("store", stdin=LOGIN)
            victim.run("erase", stdin=HOST.encode())
            victim.run("cache", "clear", HOST)
            victim.run("cache", "clear")
            victim.run("cache", "list")
            victim.run("list")
            assert _state(documents) == before


@USER_ALONE
def test_the_swaps_happen(victim: Machine) -> None:
    """The attacker's loop does swap the names, so that the test above can fail."""
    ((folder, name, _),) = _parent(victim)
    with _exchanging(folder, name, "swap"):
        seen: set[bool] = set()
        end = time.monotonic() + 30
        while len(seen) < 2 and time.monotonic() < end:
            seen.add((folder / name).is_symlink())

    assert seen == {True, False}
