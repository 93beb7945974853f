"""Files that are there and cannot be read: the path in full, the reason and the cure."""

import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.faults.unreadable import (
    explain_unreadable,
    find_unreadable_cache,
    say_unwritable,
)
from docker_credential_ecrpy.aws.faults.variables import add_file
from docker_credential_ecrpy.errors import HelperError
from tests.security import attacks
from tests.world import credential_sources, in_process
from tests.world.machine import Machine

pytestmark = [
    pytest.mark.in_process,
    pytest.mark.skipif(sys.platform == "win32", reason="symlinks, FIFOs and owners"),
]
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


@pytest.mark.parametrize("source", [credential_sources.sso_session, credential_sources.aws_login])
def test_a_file_of_another_session(machine: Machine, source: Callable[[Machine], object]) -> None:
    """Only the file of the session itself is the cause of what fails."""
    source(machine)
    (path,) = machine.home.glob(".aws/*/cache/*.json")
    path.unlink()
    (path.parent / "0-another.json").mkdir()
    assert "has expired or was never begun" in explain(machine).message

    path.mkdir()
    assert explain(machine).message.startswith(f"{path} is a directory")


def test_the_cached_role_with_an_mfa_code(machine: Machine) -> None:
    """The AWS CLI has written it, and it cannot be read."""
    credential_sources.assumed_role(machine)
    config = machine.home / ".aws" / "config"
    config.write_text(f"{config.read_text()}mfa_serial = arn:aws:iam::123456789012:mfa/dev\n")
    (machine.home / ".aws" / "cli" / "cache" / "other.json").mkdir(parents=True)
    error = explain(machine)
    assert "needs an MFA code" in error.message

    kwargs = {
        "ExternalId": "x-1",
        "RoleArn": "arn:aws:iam::123456789012:role/puller",
        "SerialNumber": "arn:aws:iam::123456789012:mfa/dev",
    }
    key = hashlib.sha1(json.dumps(kwargs, sort_keys=True).encode()).hexdigest()
    path = machine.home / ".aws" / "cli" / "cache" / f"{key}.json"
    path.mkdir()
    assert explain(machine).message.startswith(f"{path} is a directory")


@pytest.mark.parametrize("name", ["sso", "cli", "login"])
def test_a_cache_that_is_a_file(machine: Machine, name: str) -> None:
    """The AWS CLI cannot write there either."""
    path = machine.file(f"home/.aws/{name}/cache", "")
    with in_process.environment(machine.environ):
        error = find_unreadable_cache(name, "")

    assert error is not None
    assert error.message == f"{path} is a file, where a directory has to be"


def test_a_login_cache_that_a_variable_names(machine: Machine) -> None:
    """The variable is the cause."""
    machine.environ["AWS_LOGIN_CACHE_DIRECTORY"] = "/nowhere/cache"
    with in_process.environment(machine.environ):
        error = find_unreadable_cache("login", "")

    assert error is not None
    assert error.command == "unset AWS_LOGIN_CACHE_DIRECTORY"


@pytest.fixture(name="home")
def _home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the home of another user than root, with a directory ~/.aws of root's in it."""
    attacks.require_two_users()
    home = Path(tempfile.mkdtemp(prefix="home-"))
    (home / ".aws" / "sso" / "cache").mkdir(parents=True, mode=0o755)
    os.chown(home, USER, USER)
    monkeypatch.setenv("HOME", str(home))
    yield home
    shutil.rmtree(home)


@contextmanager
def as_user() -> Iterator[None]:
    """Run as another user than root."""
    os.setresuid(USER, USER, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def explain_closed(path: Path, variable: str = "") -> HelperError:
    """Return the error for a file that is closed to this user."""
    with as_user():
        error = explain_unreadable(str(path), variable)
    assert error is not None
    return error


@pytest.mark.parametrize("closed", [".aws/credentials", ".aws"])
def test_what_root_has_written(home: Path, closed: str) -> None:
    """After `sudo aws configure`, the file or its directory belongs to root: the cure is chown."""
    path = home / ".aws" / "credentials"
    path.touch(mode=0o600)
    (home / ".aws").chmod(0o700 if closed == ".aws" else 0o755)

    error = explain_closed(path)

    reason = f"{os.strerror(errno.EACCES)}: {home / closed} belongs to root"
    assert error.message == f"{path} cannot be read: {reason}"
    assert error.command == f'sudo chown -R "$(id -un)" {home / closed}'
    assert error.hint == f"run: {error.command}"


def test_the_login_of_root(home: Path) -> None:
    """After `sudo aws sso login`, the token belongs to root."""
    token = home / ".aws" / "sso" / "cache" / "token.json"
    token.touch(mode=0o600)

    with as_user():
        error = find_unreadable_cache("sso", "token")

    assert error is not None
    assert error.command == f'sudo chown -R "$(id -un)" {token}'


def test_a_directory_that_cannot_be_written(home: Path) -> None:
    """`sudo aws --version` creates ~/.aws as root: the first step is chown."""
    assert say_unwritable() == ""
    with as_user():
        said = say_unwritable()

    first = f'first run: sudo chown -R "$(id -un)" {home}/.aws; then '
    assert said == f"{home}/.aws belongs to root: {first}"


def test_the_home_of_another_user(home: Path) -> None:
    """sudo can keep HOME: no command changes the owner of another user's home."""
    os.chown(home, 0, 0)

    error = explain_closed(home / ".aws" / "config")

    assert error.hint == f"set HOME, which is {home}, to a directory of this user"
    assert error.command == ""


@pytest.mark.parametrize(("name", "mode"), [("credentials", "u+r"), ("", "u+rwx")])
def test_what_is_closed_to_its_owner(home: Path, name: str, mode: str) -> None:
    """The owner can change the mode."""
    path = home / ".aws" / "credentials"
    path.touch()
    closed = home / ".aws" / name if name else home / ".aws"
    closed.chmod(0)
    os.chown(closed, USER, USER)

    assert explain_closed(path).command == f"chmod {mode} {closed}"


def test_a_file_outside_of_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may belong to the system: the variable is to be removed."""
    monkeypatch.setenv("HOME", str(home / ".aws" / "sso"))
    path = home / "secret"
    path.touch(mode=0o600)

    error = explain_closed(path, "AWS_CONFIG_FILE")

    assert error.hint == "make it readable for this user, or run: unset AWS_CONFIG_FILE"


def test_the_token_of_a_pod(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes mounts it for root alone, unless fsGroup is set; nothing is left over."""
    monkeypatch.setenv("HOME", str(home / ".aws" / "sso"))
    path = home / "token"
    path.touch(mode=0o600)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))

    with as_user():
        error = add_file(HelperError("m", hint="h"), str(path))

    reason = f"{os.strerror(errno.EACCES)}: {path} belongs to root"
    assert error.message == (
        f"{path}, which AWS_WEB_IDENTITY_TOKEN_FILE names, cannot be read: {reason}"
    )
    assert error.hint == (
        f"let the user with the id {USER} read it; in a pod, set securityContext.fsGroup,"
        " such as to 65534"
    )
    assert error.command == ""


def test_a_bundle_outside_of_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME has nothing to do with it."""
    monkeypatch.setenv("HOME", str(home / ".aws" / "sso"))
    path = home / "ca.pem"
    path.touch(mode=0o600)

    assert explain_closed(path).hint == "make it readable for this user"


def test_an_impossible_name() -> None:
    """A NUL cannot be in a name."""
    assert explain_unreadable("a\0b", "AWS_CONFIG_FILE") is not None
