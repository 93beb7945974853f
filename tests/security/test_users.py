"""Attacks by another user of the machine, with two real uids: what they plant is never used.

Nor does it make the helper change the victim's files. Without root these tests are skipped; in CI,
where they have to run, they fail then.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy.tokens.folder import MARKER, MARKER_TEXT
from tests.security import attacks
from tests.security.attacks import ATTACKER, LOGIN, PLANTED, VICTIMS, attack
from tests.world.machine import HOST, NOT_FOUND, Machine

FOLDERS = "tokens logins locks registries elsewhere"
OTHER_HOST = "210987654321.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(name="victim", params=VICTIMS)
def victim_fixture(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Machine]:
    """The machine of a user whose AWS_ECR_CACHE_DIR is where others can write.

    `root/open` is a directory like /tmp; `root/documents` has old files of the victim's, some with
    names like ours.
    """
    attacks.require_two_users()
    uid: int = VICTIMS[request.param]
    victim = attacks.make_victim(machine, uid)
    root = victim.root
    (root / "open").mkdir()
    for folder in (Path(), *map(Path, FOLDERS.split())):
        (root / "documents" / folder).mkdir(mode=0o755)
        for name in ("a.txt", "a.txt~", HOST, f"{HOST}~a", ".new-1"):
            path = root / "documents" / folder / name
            path.write_text("of the victim")
            path.chmod(0o644)
            os.utime(path, (1e9, 1e9))
        for name, text in ((f"{HOST}~{0:032x}", "ecrpy-2 old"), (OTHER_HOST, "")):
            path = root / "documents" / folder / name
            path.write_text(text)
            os.utime(path, (1e9, 1e9))
    for path in (victim.home, root / "documents", *(root / "documents").rglob("*")):
        os.chown(path, uid, uid)
    for path, mode in ((root / "open", 0o1777), (root, 0o711)):
        path.chmod(mode)
    victim.login()
    victim.environ["AWS_ECR_CACHE_DIR"] = str(root / "open" / "cache")
    yield victim
    shutil.rmtree(root)


USER_ALONE = pytest.mark.parametrize("victim", ["a user"], indirect=True)


def _documents(victim: Machine) -> list[Path]:
    return sorted((victim.root / "documents").rglob("*"))


def _all_actions(victim: Machine) -> None:
    """Run all of Docker's actions; each answer is the victim's, or an error about the cache."""
    assert OTHER_HOST.encode() not in victim.run("list").stdout
    assert victim.get().secret in victim.aws.issued
    stored = victim.run("store", stdin=LOGIN)
    if stored.code:
        assert "cannot store the login for" in stored.error
        assert "; " in stored.error
    else:
        assert victim.get().secret == "a password"
    erased = victim.run("erase", stdin=HOST.encode())
    if erased.code:
        assert "cannot erase a token of" in erased.error
    assert OTHER_HOST.encode() not in victim.run("list").stdout


def _seen_by_attacker(victim: Machine) -> bytes:
    """Return the names and contents of all files that the attacker can read."""
    script = "find -L . -type f -size -9 -print -exec cat {} + 2>/dev/null || true"
    return attack(victim.root / "open", script)


PLANTS = {
    "entries in folders of the attacker's": f"""
        mkdir -m 777 cache; cd cache; mkdir -m 777 {FOLDERS}
        cp "$FORGED"/tokens/* tokens; cp "$FORGED"/logins/* logins
        chmod 644 tokens/*; chmod 600 logins/*; touch registries/{OTHER_HOST}""",
    "folders that are links to documents": f"""
        mkdir -m 777 cache; cd cache; for f in {FOLDERS}; do ln -s "$DOCUMENTS" $f; done""",
    "a cache that is a link to documents": 'ln -s "$DOCUMENTS" cache',
}


@pytest.mark.parametrize("plant", PLANTS, ids=PLANTS)
def test_what_another_user_planted(victim: Machine, plant: str) -> None:
    """A planted file answers nothing, and no file of the victim's is changed or shown."""
    forged = attacks.forge(victim)
    names = {"FORGED": str(forged), "DOCUMENTS": str(victim.root / "documents")}
    before = attacks.state(_documents(victim))
    attack(victim.root / "open", PLANTS[plant], **names)
    _all_actions(victim)
    seen = _seen_by_attacker(victim)

    assert attacks.state([Path(path) for path in before]) == before
    assert not any(secret.encode() in seen for secret in [*victim.aws.issued, "a password"])


def test_a_forged_entry_with_the_right_owner_answers(victim: Machine) -> None:
    """The forged entries work for their owner, so only the owner check makes them harmless."""
    forged = attacks.forge(victim)
    for path in (forged, *forged.rglob("*")):
        os.chown(path, victim.home.stat().st_uid, -1)
        path.chmod(0o700 if path.is_dir() else 0o600)
    victim.environ["AWS_ECR_CACHE_DIR"] = str(forged)

    assert victim.get().secret == PLANTED
    assert victim.aws.count() == {}


KINDS = {
    "a forged entry": 'cp "$FORGED/$f" "$f"; chmod 644 "$f"',
    "a FIFO": 'mkfifo -m 666 "$f"',
    "a directory": 'mkdir "$f"; touch "$f/x"',
    "a file of a terabyte": 'truncate -s 1T "$f"; chmod 666 "$f"',
    "a hard link to a document": "",
    "a socket": "",
}


@USER_ALONE
@pytest.mark.parametrize("kind", KINDS, ids=KINDS)
@pytest.mark.parametrize("is_cache_open", [True, False], ids=["an open cache", "a closed cache"])
def test_planted_files_in_open_folders(victim: Machine, kind: str, *, is_cache_open: bool) -> None:
    """An open cache is not used at all. An open folder of ours is closed, and the token comes."""
    forged = attacks.forge(victim)
    folder = victim.root / "open" / "cache"
    before = attacks.state(_documents(victim))
    names = [str(path.relative_to(forged)) for path in forged.glob("*/[!.]*")]
    used = [name for name in FOLDERS.split() if name != "elsewhere"]  # "elsewhere" needs settings
    for path in (folder, *(folder / name for name in used)):
        path.mkdir()
        if path != folder:
            (path / MARKER).write_bytes(MARKER_TEXT)
            os.chown(path / MARKER, victim.home.stat().st_uid, -1)
        os.chown(path, victim.home.stat().st_uid, -1)
        path.chmod(0o777)
    if not is_cache_open:
        folder.chmod(0o755)
    for name in names:
        if kind == "a hard link to a document":  # as root, because of fs.protected_hardlinks
            (folder / name).hardlink_to(victim.root / "documents" / "a.txt")
        elif kind == "a socket":
            os.mknod(folder / name, stat.S_IFSOCK | 0o666)
            os.chown(folder / name, ATTACKER, ATTACKER)
        else:
            attack(folder, KINDS[kind], FORGED=str(forged), f=name)
    _all_actions(victim)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == ({0o777} if is_cache_open else {0o700})
    assert attacks.state([Path(path) for path in before]) == before
    # Every possible name was planted, so no new name appears.
    assert {str(path.relative_to(folder)) for path in folder.glob("*/[!.]*")} <= set(names)


@USER_ALONE
def test_locks_that_another_user_holds_for_ever(victim: Machine) -> None:
    """A token comes within the time limit, and a login is stored."""
    folder = victim.root / "open" / "cache"
    victim.get()
    victim.run("store", stdin=LOGIN)
    victim.run("erase", stdin=HOST.encode())
    folder.chmod(0o755)
    (folder / "locks").chmod(0o777)
    for path in (folder / "locks").iterdir():
        path.chmod(0o666)
    assert list((folder / "locks").glob("*~*"))
    script = 'for f in locks/*; do exec 9>>"$f"; flock -x 9; sleep 60 >&2 & done; echo held; wait'
    with subprocess.Popen(
        attacks.as_user(ATTACKER, ["/bin/sh", "-euc", script]),
        stdout=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        victim.environ["AWS_ECR_TIMEOUT"] = "12"
        child = victim.start_get()
        stored = victim.run("store", stdin=LOGIN)
        stdout, stderr = child.communicate(timeout=60)
        os.killpg(holder.pid, 9)

    assert stored.code == 0
    assert (child.returncode, stderr) == (0, b"")
    assert b"Secret" in stdout
    assert victim.get().secret == "a password"


LOGS = {
    "a file": "umask 0; : >log",
    "a hard link": "",
    "a link": 'ln -s "$DOCUMENT" log',
    "a FIFO": "mkfifo -m 666 log",
    "a directory": "mkdir -m 777 log",
}


@pytest.mark.parametrize("what", LOGS, ids=LOGS)
def test_a_log_where_others_can_write(victim: Machine, what: str) -> None:
    """A planted log is not written into, and does not prevent the answer."""
    log, document = victim.root / "open" / "log", victim.root / "documents" / "a.txt"
    before = attacks.state(_documents(victim))
    if what == "a hard link":  # as root, as above
        log.hardlink_to(document)
    else:
        attack(log.parent, LOGS[what], DOCUMENT=str(document))

    assert victim.get("ghcr.io", AWS_ECR_LOG=str(log)).stdout == NOT_FOUND
    assert attacks.state([Path(path) for path in before]) == before
    if what == "a file":
        assert attack(log.parent, "cat log") == b""


def test_settings_in_a_cache_that_others_share(victim: Machine) -> None:
    """A config.toml there is never read: settings come from the home, or AWS_ECR_CONFIG."""
    attack(
        victim.root / "open", """mkdir -m 777 cache; echo 'fallback = "evil"' >cache/config.toml"""
    )

    assert victim.get("ghcr.io").stdout == NOT_FOUND
