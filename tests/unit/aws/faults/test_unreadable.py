"""Files that are there and cannot be read: the path in full, the reason and the cure."""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.faults.unreadable import explain_unreadable, find_unreadable_cache
from docker_credential_ecrpy.errors import HelperError
from tests.security import attacks
from tests.security.attacks import ATTACKER
from tests.world import credential_sources, in_process
from tests.world.field_reports.aws_files import lines
from tests.world.machine import Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="symlinks, FIFOs and owners")
DIRECTORY = "is a directory, where a file has to be"
USER = 61_006  # not a user of this system


def explain(machine: Machine) -> HelperError:
    """Return the error of a `get` in this process."""
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    return found.value


# What stands in the place of a file -> what the error says of it.
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a directory": (Path.mkdir, DIRECTORY),
    "a dangling symlink": (
        lambda path: path.symlink_to("/nowhere/x"),
        "is a symlink to /nowhere/x, which does not exist",
    ),
    "a symlink to itself": (
        lambda path: path.symlink_to(path),
        f"cannot be read: {os.strerror(errno.ELOOP)}",
    ),
    "a FIFO": (os.mkfifo, "is not a regular file"),
}


@pytest.mark.parametrize("name", ["config", "credentials"])
@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_the_place_of_a_file(machine: Machine, name: str, kind: str) -> None:
    """botocore takes it for no file at all; the error has its path and a cure."""
    make, said = KINDS[kind]
    path = machine.home / ".aws" / name
    path.parent.mkdir()
    make(path)

    error = explain(machine)

    assert error.message == f"{path} {said}"
    assert error.hint


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.symlink_to("/nowhere"), "links to /nowhere, which does not exist"),
        (Path.touch, "is a file, where a directory has to be"),
    ],
)
def test_something_else_in_the_place_of_the_directory(
    machine: Machine, make: Callable[[Path], object], said: str
) -> None:
    """The error has the path of the file, and what is wrong above it."""
    make(machine.home / ".aws")

    message = explain(machine).message

    assert message.startswith(f"{machine.home}/.aws/config ")
    assert message.endswith(f"{machine.home}/.aws {said}")


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_variable_that_names_nothing(machine: Machine, variable: str) -> None:
    """The variable is the cause, and can be removed; without one a missing file is no fault."""
    assert explain(machine).message.startswith("no AWS credentials found")

    machine.environ[variable] = "/nowhere/file"
    error = explain(machine)
    assert error.message == f"/nowhere/file, which {variable} names, does not exist"
    assert error.command == f"unset {variable}"

    machine.environ[variable] = "/nowhere/file\r"
    assert explain(machine).message.startswith(rf"'/nowhere/file\r', which {variable} names,")

    machine.environ[variable] = str(machine.root)
    assert f"which {variable} names, {DIRECTORY}" in explain(machine).message


def test_a_file_that_is_not_needed(machine: Machine) -> None:
    """Where there are credentials, no file is looked at."""
    machine.login()
    (machine.home / ".aws" / "config").mkdir(parents=True)

    assert in_process.get(machine.environ)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_the_token_of_an_sso_session(machine: Machine, make: Callable[[Path], object]) -> None:
    """A login that is there and cannot be read is not one that was never begun."""
    credential_sources.sso_session(machine)
    (path,) = (machine.home / ".aws" / "sso" / "cache").iterdir()
    path.unlink()
    make(path)

    assert explain(machine).message.startswith(f"{path} ")


@pytest.mark.parametrize("name", ["sso", "cli", "login"])
def test_a_cache_that_is_a_file(machine: Machine, name: str) -> None:
    """The AWS CLI cannot write there either."""
    path = machine.file(f"home/.aws/{name}/cache", "")
    with in_process.environment(machine.environ):
        error = find_unreadable_cache(name)

    assert error is not None
    assert error.message == f"{path} is a file, where a directory has to be"


def test_a_login_cache_that_a_variable_names(machine: Machine) -> None:
    """The variable is the cause."""
    machine.environ["AWS_LOGIN_CACHE_DIRECTORY"] = "/nowhere/cache"
    with in_process.environment(machine.environ):
        error = find_unreadable_cache("login")

    assert error is not None
    assert error.command == "unset AWS_LOGIN_CACHE_DIRECTORY"


@pytest.fixture(name="other")
def _other(machine: Machine) -> Iterator[Machine]:
    """Return the machine of another user, in whose home root has written."""
    attacks.require_two_users()
    victim = attacks.make_victim(machine, USER)
    victim.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    victim.root.chmod(0o755)
    os.chown(victim.home, USER, USER)
    yield victim
    shutil.rmtree(victim.root)


@pytest.mark.parametrize("closed", ["home/.aws/credentials", "home/.aws"])
def test_what_root_has_written(other: Machine, closed: str) -> None:
    """After `sudo aws configure`, the file or its directory belongs to root: the cure is chown."""
    other.config(f"[default]\n{lines(other.aws.user())}", "credentials").chmod(0o600)
    (other.home / ".aws").chmod(0o700 if closed.endswith(".aws") else 0o755)
    path = other.root / closed

    error = other.get().error

    assert (
        f"cannot be read: {os.strerror(errno.EACCES)}: {path} belongs to root; run: sudo chown"
        in error
    )
    assert error.endswith(f'sudo chown -R "$(id -un)" {path}')


def test_the_login_of_root(other: Machine) -> None:
    """After `sudo aws sso login`, the token belongs to root."""
    credential_sources.sso_session(other)
    for path in (other.home / ".aws").rglob("*"):
        if path.suffix != ".json":
            os.chown(path, USER, USER)
    os.chown(other.home / ".aws", USER, USER)
    (token,) = (other.home / ".aws" / "sso" / "cache").iterdir()

    assert (
        f"{token} cannot be read: {os.strerror(errno.EACCES)}: {token} belongs to root"
        in other.get().error
    )


def test_a_directory_that_cannot_be_written(other: Machine) -> None:
    """`sudo aws --version` creates ~/.aws as root: the first step is chown."""
    (other.home / ".aws").mkdir(mode=0o755)

    assert f'first run: sudo chown -R "$(id -un)" {other.home}/.aws; then run' in other.get().error


def test_the_home_of_another_user(other: Machine) -> None:
    """sudo keeps HOME: no command changes the owner of another user's home."""
    os.chown(other.home, ATTACKER, ATTACKER)
    other.home.chmod(0o700)

    error = other.get().error

    assert f"set HOME, which is {other.home}, to a directory of this user" in error
    assert "chown" not in error


def test_a_file_without_rights_of_its_own_user(other: Machine) -> None:
    """The owner can change the mode."""
    path = other.config("[default]\n", "credentials")
    path.chmod(0)
    os.chown(path, USER, USER)
    (other.home / ".aws").chmod(0o755)

    assert other.get().error.endswith(
        f"cannot be read: {os.strerror(errno.EACCES)}; run: chmod u+r {path}"
    )


def test_a_file_outside_of_the_home(other: Machine) -> None:
    """It may belong to the system: the variable is to be removed."""
    path = other.file("secret", "[default]\n")
    other.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(path)

    error = other.get().error

    assert error.endswith("or run: unset AWS_SHARED_CREDENTIALS_FILE")
    assert "chown" not in error


def test_an_impossible_name() -> None:
    """A NUL cannot be in a name."""
    assert explain_unreadable("a\0b", "AWS_CONFIG_FILE") is not None
