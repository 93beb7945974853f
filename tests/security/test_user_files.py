"""Attacks on the user's files by another user who can rename in a directory on their path.

Two real uids race: the attacker swaps a directory or a file for a symlink, again and again, while
the victim runs `configure`. What is elsewhere is never changed, and nobody gains access to it.
Without root these tests are skipped; in CI, where they have to run, they fail then.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.security import attacks
from tests.security.attacks import ATTACKER, VICTIMS
from tests.world import engines
from tests.world.access import ACCESS, DEFAULT, make_acl, set_attribute
from tests.world.machine import Machine

SECRET = '{"auths": {"private.example.com": {"auth": "bWU6aHVudGVyMg=="}}}'
DOCUMENT = '{"auths": {}}'

# Swaps two names for as long as it runs, and then leaves the first one in place.
SWAP = """
import ctypes, os, select, sys
libc, (one, other) = ctypes.CDLL(None), (os.fsencode(name) for name in sys.argv[1:])
count = 0
print("ready", flush=True)
while count % 2 or not select.select([sys.stdin], [], [], 0)[0]:
    if libc.renameat2(-100, one, -100, other, 2) == 0:
        count += 1
print(count)
"""
# Copies whatever the attacker may read of files that come and go.
SPY = """
import os, select, sys
seen = set()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for name in os.listdir(sys.argv[1]):
        try:
            with open(os.path.join(sys.argv[1], name), "rb") as file:
                seen.add((name.rpartition(".")[2], file.read()))
        except OSError:
            pass
print(seen)
"""
RUNS = 12


@pytest.fixture(name="victim", params=VICTIMS)
def _victim(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Machine]:
    """The machine of a user whose config.json is in `root/open`, where anybody may rename.

    `root/documents` has another file of that name.
    """
    attacks.require_two_users()
    uid: int = VICTIMS[request.param]
    victim = attacks.make_victim(machine, uid)
    root = victim.root
    for folder in ("open/docker", "documents"):
        (root / folder).mkdir(parents=True)
        (root / folder / "config.json").write_text(SECRET if folder != "documents" else DOCUMENT)
        (root / folder / "config.json").chmod(0o600)
    for path in (victim.home, *(root / "documents").rglob("*"), *(root / "open").rglob("*")):
        os.chown(path, uid, uid)
    for path, mode in ((root / "documents", 0o755), (root / "open", 0o777), (root, 0o711)):
        path.chmod(mode)
    os.chown(root / "documents", uid, uid)
    victim.environ["DOCKER_CONFIG"] = str(root / "open" / "docker")
    victim.config("[profile prod]\ncredential_process = x\n")
    for path in victim.home.rglob("*"):
        os.chown(path, uid, uid)
    yield victim
    shutil.rmtree(root)


@contextmanager
def running(code: str, *arguments: Path) -> Iterator[list[bytes]]:
    """Let the attacker run Python code until the context is left; then yield what it printed."""
    python = [os.path.realpath(sys.executable), "-I", "-S", "-c", code, *map(str, arguments)]
    # without a capability to read files, unlike the program
    command = ["setpriv", f"--reuid={ATTACKER}", f"--regid={ATTACKER}", "--clear-groups", *python]
    said: list[bytes] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as child:
        assert child.stdout is not None
        if child.stdout.readline() != b"ready\n":
            engines.missing("another user may not run this Python")
        yield said
        said.append(child.communicate(b"stop\n", timeout=60)[0])


def configure(victim: Machine, number: int) -> int:
    """Run `configure`, or at times its undo; return the exit code. A failure is one clear line."""
    host = f"{number:012}.dkr.ecr.us-east-1.amazonaws.com"
    done = victim.run("configure", *(["--undo"] if number % 4 == 3 else [host]))
    if done.code:
        *_, error = done.stderr.decode().splitlines()
        assert done.code == 1, done
        assert any(text in error for text in ("cannot be ", "has locked", "undone")), done
    return done.code


def whole_state(folder: Path) -> object:
    """Return names, owners, modes, times and contents of a folder's files."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns, content)
        for path in (folder, *folder.rglob("*"))
        for content in [path.read_bytes() if path.is_file() else b""]
    }


@pytest.mark.parametrize("what", ["the directory", "the file", "the file for a hard link"])
def test_a_symlink_that_is_swapped_in(victim: Machine, what: str) -> None:
    """No file elsewhere is changed, gains readers, or gets a backup beside it."""
    place, documents = victim.root / "open", victim.root / "documents"
    there, link = place / "docker", place / "link"
    if what != "the directory":
        (place / "docker").chmod(0o777)
        there, link = there / "config.json", place / "docker" / "link"
    target = documents if what == "the directory" else documents / "config.json"
    if what == "the file for a hard link":
        os.link(target, link)  # as root, because of fs.protected_hardlinks
    else:
        attacks.attack(place, 'ln -s "$TARGET" "$LINK"', TARGET=str(target), LINK=str(link))
    before = whole_state(documents)
    with running(SWAP, there, link) as said:
        codes = [configure(victim, number) for number in range(RUNS)]
    swaps = int(said[0])

    assert swaps > RUNS
    assert whole_state(documents) == before, codes
    for path in (place / "docker").iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            assert path.stat().st_mode & 0o077 == 0, path


def test_nobody_reads_what_is_written(victim: Machine) -> None:
    """A reader who is always looking sees no temporary file and no backup, at any time.

    Not even where the directory gives each new file an ACL, and the mode has rights for a group.
    """
    directory = victim.root / "open" / "docker"
    file = directory / "config.json"
    directory.chmod(0o755)
    set_attribute(directory, DEFAULT, make_acl(ATTACKER, group=4, other=4))
    set_attribute(file, ACCESS, make_acl(ATTACKER, reads=False))
    uid = file.stat().st_uid
    with running(SPY, directory) as said:
        codes = [configure(victim, number) for number in range(RUNS)]

    assert codes.count(0) == RUNS
    assert said[0] == b"set()\n"
    for path in (file, *directory.glob("*.bak")):
        assert path.stat().st_uid == uid
    assert os.getxattr(file, ACCESS) == make_acl(ATTACKER, reads=False)


def test_files_that_another_user_planted(victim: Machine) -> None:
    """Names of temporary files and backups that another user took are neither used nor removed."""
    directory = victim.root / "open" / "docker"
    directory.chmod(0o777)
    document = victim.root / "documents" / "config.json"
    before = whole_state(document.parent)
    planted = [f".docker-credential-ecrpy-{pid}-5.new" for pid in (4194000, 4194001)]
    planted += [f"config.json.2999-01-0{day}T00-00-00Z.bak" for day in (1, 2, 3, 4, 5)]
    for number, name in enumerate(planted):
        script = 'ln -s "$TARGET" "$NAME"' if number % 2 else 'echo "{}" >"$NAME"'
        attacks.attack(directory, script, TARGET=str(document), NAME=name)
        os.utime(directory / name, (1e9, 1e9), follow_symlinks=False)
    codes = [configure(victim, number) for number in range(8)]

    assert codes == [0] * 8
    assert whole_state(document.parent) == before
    assert set(planted) <= set(os.listdir(directory))
