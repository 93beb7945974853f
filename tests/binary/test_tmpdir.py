"""The directory that the one file unpacks into: nobody else may replace what it then executes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.attacks import ATTACKER, as_user, require_two_users
from tests.world.machine import NOT_FOUND, Result
from tests.world.products import ONE_FILE, PROGRAMS

USER = 12345
SAFE = [
    *("mine", "open", "open/mine", "open/my-link", "open/roots-link", "open/dots/../mine"),
    *("open/missing", "file"),  # then /tmp is used
]
UNSAFE = {
    "theirs": "theirs belongs to another user",
    "theirs/mine": "theirs belongs to another user",
    "open/their-link": "open/their-link belongs to another user",
    "open/chain": "open/their-link belongs to another user",
    "open/to-theirs": "theirs belongs to another user",
    "open/loop": "open/loop is a symlink that leads nowhere",
    "world": "world can be changed by other users",
    "world/mine": "world can be changed by other users",
    "group": "group can be changed by other users",
    "world/x\n\x1b[31m\udcff": "world can be changed by other users",
}


@pytest.fixture(name="places", scope="module")
def _places() -> Iterator[Path]:
    """Directories and symlinks of a user, of an attacker and of root, in one that all can reach."""
    require_two_users()
    root = Path(tempfile.mkdtemp(prefix="places-"))
    root.chmod(0o755)
    for name, owner, mode in (
        ("mine", USER, 0o700),
        ("theirs", ATTACKER, 0o755),
        ("theirs/mine", USER, 0o700),
        ("open", 0, 0o1777),
        ("open/mine", USER, 0o700),
        ("open/dots", USER, 0o700),
        ("world", USER, 0o777),
        ("world/mine", USER, 0o700),
        ("world/x\n\x1b[31m\udcff", USER, 0o700),
        ("group", USER, 0o770),
    ):
        (root / name).mkdir()
        (root / name).chmod(mode)
        os.chown(root / name, owner, owner)
    for name, target, owner in (
        ("open/my-link", "../mine", USER),
        ("open/roots-link", str(root / "mine"), 0),
        ("open/their-link", "../mine", ATTACKER),
        ("open/chain", "their-link", USER),
        ("open/to-theirs", str(root / "theirs"), USER),
        ("open/loop", "loop", USER),
    ):
        (root / name).symlink_to(target)
        os.chown(root / name, owner, owner, follow_symlinks=False)
    (root / "file").touch()
    shutil.copy(ONE_FILE, root / ONE_FILE.name)
    yield root
    shutil.rmtree(root)


def _run(places: Path, name: str, uid: int = USER, cwd: str = "/", program: str = "") -> Result:
    """Ask for another registry's credentials, with TMPDIR set."""
    done = subprocess.run(
        [*as_user(uid, [program or str(places / ONE_FILE.name)]), "get"],
        input=b"ghcr.io",
        capture_output=True,
        env={"TMPDIR": name},
        cwd=cwd,
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", SAFE)
def test_a_directory_that_only_the_user_and_root_control(places: Path, name: str) -> None:
    """The program runs from it, or from another directory if there is none, and leaves nothing."""
    assert _run(places, str(places / name)) == Result(1, NOT_FOUND, b"")
    for directory in ("mine", "open/mine"):
        assert list((places / directory).iterdir()) == []


@pytest.mark.parametrize("name", UNSAFE)
def test_a_directory_that_others_control_is_refused(places: Path, name: str) -> None:
    """Nothing is unpacked; the line names the directory or symlink, and what to do."""
    before = sorted(places.rglob("*"))
    error = _run(places, str(places / name)).error

    assert error.startswith(f"cannot start: TMPDIR is not safe: {places}/{UNSAFE[name]}; ")
    assert "point TMPDIR to a directory of your own" in error
    assert error.isprintable()
    assert sorted(places.rglob("*")) == before


@pytest.mark.parametrize("name", [".", "../theirs", "mine"])
def test_a_relative_directory_is_checked_from_the_root_on(places: Path, name: str) -> None:
    """The parents of the current directory count, too."""
    assert "theirs belongs to another user" in _run(places, name, cwd=str(places / "theirs")).error


def test_root_uses_no_directory_of_a_user(places: Path) -> None:
    """With sudo, TMPDIR may still name the user's directory."""
    assert "mine belongs to another user" in _run(places, str(places / "mine"), uid=0).error
    assert _run(places, str(places / "open"), uid=0) == Result(1, NOT_FOUND, b"")


def test_in_a_user_namespace_the_owner_of_the_root_directory_is_trusted(places: Path) -> None:
    """There, root's own directories seem to belong to nobody."""
    probe = [*as_user(USER, ["unshare"]), "--user", "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("users may create no namespace")
    result = subprocess.run(
        [*probe[:-1], str(places / ONE_FILE.name), "get"],
        input=b"ghcr.io",
        capture_output=True,
        env={"TMPDIR": "/tmp", "PATH": os.environ["PATH"]},
        cwd="/",
        timeout=60,
        check=False,
    )

    assert (result.returncode, result.stdout) == (1, NOT_FOUND)


def test_the_folder_needs_none(places: Path) -> None:
    """It unpacks nothing, so any TMPDIR will do."""
    (folder,) = (path for path in PROGRAMS.values() if path != ONE_FILE)

    assert _run(places, str(places / "world"), 0, program=str(folder)) == Result(1, NOT_FOUND, b"")
