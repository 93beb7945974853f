"""Access keys with a fault that shows, and keys in the environment that hide a profile."""

import os
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.aws.faults.precedence import UNSET
from docker_credential_ecrpy.errors import HelperError
from tests.world import credential_sources, in_process
from tests.world.field_reports.aws_files import lines
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

QUOTES = "is in quotes, which are taken as a part of it"
# What is done to each of the two keys -> what the error says of the first of them that is wrong.
FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "double quotes": (lambda key: f'"{key}"', QUOTES),
    "single quotes": (lambda key: f"'{key}'", QUOTES),
    "quotes of a word processor": (lambda key: f"\u201c{key}\u201d", QUOTES),
    "half of the quotes": (lambda key: f'{key}"', QUOTES),
    "a comment": (lambda key: f"{key} # mine", "has a comment behind it"),
    "a comment with a semicolon": (lambda key: f"{key} ; mine", "has a comment behind it"),
    "a blank inside": (lambda key: f"{key[:9]} {key[9:]}", "has a blank in it"),
    "a placeholder": (lambda _: "<your key>", "is a placeholder"),
    "a placeholder in capitals": (lambda _: "YOUR_ACCESS_KEY", "is a placeholder"),
    "the key of the documentation": (lambda _: "AKIAIOSFODNN7EXAMPLE", "is a placeholder"),
    "a variable that was not replaced": (lambda _: "${AWS_KEY}", "is a placeholder"),
    "a template that was not filled": (lambda _: "{{ secrets.KEY }}", "is a placeholder"),
    "the key of a local AWS": (lambda _: "test", "is a placeholder"),
    "a masked key": (lambda _: "****************", "is a placeholder"),
}


def explain(machine: Machine) -> HelperError:
    """Return the error of a `get` in this process; it has no part of a key."""
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    for keys in machine.aws.keys.values():
        assert keys.secret_key[:9] not in str(found.value)
        assert keys.access_key[:9] not in str(found.value)
    return found.value


@pytest.mark.parametrize("fault", FAULTS)
def test_keys_in_a_file(machine: Machine, fault: str) -> None:
    """The error has the file and line of the first key that is wrong."""
    change, said = FAULTS[fault]
    keys = machine.aws.user()
    wrong = {name.lower(): change(value) for name, value in keys.environ.items()}
    path = machine.config(f"[default]\n{lines(keys, **wrong)}", "credentials")

    assert explain(machine).message.startswith(f"aws_access_key_id in {path}:2 {said}")


@pytest.mark.parametrize("fault", ["double quotes", "a placeholder", "a blank inside"])
def test_keys_in_the_environment(machine: Machine, fault: str) -> None:
    """The error has the variable that is wrong; `docker run --env-file` keeps quotes."""
    change, said = FAULTS[fault]
    machine.environ |= {k: change(v) for k, v in machine.aws.user().environ.items()}

    assert explain(machine).message.startswith(f"AWS_ACCESS_KEY_ID {said}")


@pytest.mark.parametrize(("end", "said"), [("\r", "a carriage return"), (" ", "a blank")])
def test_something_behind_a_variable(machine: Machine, end: str, said: str) -> None:
    """A Windows .env file leaves a carriage return, and a shell a blank."""
    machine.login()
    machine.environ["AWS_SECRET_ACCESS_KEY"] += end

    message = explain(machine).message

    assert message.startswith(f"AWS_SECRET_ACCESS_KEY begins or ends with {said}")


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "is empty"),
        ("AKIAABCDEFGHIJKLMNOP", "has the id of an access key"),
        ("a" * 39, "has 39 characters, and a secret access key has 40"),
        ("a" * 39 + "-", "has a character that no secret access key has"),
    ],
)
def test_a_secret_that_is_none(machine: Machine, secret: str, said: str) -> None:
    """A secret access key has 40 characters of base64."""
    keys = machine.aws.user()
    text = lines(keys, aws_secret_access_key=secret)
    path = machine.config(f"[default]\n{text}", "credentials")

    assert explain(machine).message.startswith(f"aws_secret_access_key in {path}:3 {said}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        ("AIDAABCDEFGHIJKLMNOP", "is the id of a user or a role"),
        ("dev", "is not the id of an access key"),
    ],
)
def test_an_id_that_is_none(machine: Machine, name: str, said: str) -> None:
    """An access key's id has 16 or more letters and digits."""
    text = lines(machine.aws.user(), aws_access_key_id=name)
    path = machine.config(f"[default]\n{text}", "credentials")

    assert explain(machine).message.startswith(f"aws_access_key_id in {path}:2 {said}")


def test_a_temporary_key_without_its_token(machine: Machine) -> None:
    """It begins with ASIA, and works with a session token alone."""
    credential_sources.environment_with_session(machine)
    del machine.environ["AWS_SESSION_TOKEN"]

    error = explain(machine)

    assert error.message == (
        "AWS_ACCESS_KEY_ID is a temporary key (ASIA), and there is no AWS_SESSION_TOKEN"
    )
    assert UNSET in str(error.hint)


@pytest.mark.parametrize("variable", ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"])
def test_a_token_that_is_left_over(machine: Machine, variable: str) -> None:
    """A permanent key, which begins with AKIA, is refused with a token."""
    machine.login()
    machine.environ[variable] = "left-over-from-a-role"

    error = explain(machine)

    assert error.message.startswith(f"{variable} does not belong to the key in AWS_ACCESS_KEY_ID")
    assert error.command == f"unset {variable}"


def test_a_token_that_is_left_over_in_a_file(machine: Machine) -> None:
    """The error has its line."""
    text = lines(machine.aws.user(), aws_session_token="left-over-from-a-role")
    path = machine.config(f"[default]\n{text}", "credentials")

    error = explain(machine)

    assert error.message.startswith(f"aws_session_token in {path}:4 does not belong to the key")
    assert error.hint == "remove that line"


def test_the_keys_of_a_source_profile(machine: Machine) -> None:
    """A role is assumed with the keys of another profile: these are looked at."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("access_key_id = ", 'access_key_id = "'))

    assert explain(machine).message.startswith(f"aws_access_key_id in {path}:2 {QUOTES}")


@pytest.mark.parametrize("missing", ["aws_access_key_id", "aws_secret_access_key"])
def test_half_a_key(machine: Machine, missing: str) -> None:
    """The error has the half that is missing, and the file."""
    text = f"[default]\n{lines(machine.aws.user()).replace(missing, f'# {missing}')}"
    path = machine.config(text, "credentials")

    message = explain(machine).message

    halves = {"aws_access_key_id", "aws_secret_access_key"}
    (present,) = halves - {missing}
    assert f"AWS profile 'default' in {path}" in message
    assert message.endswith(f"has {present}, but no {missing}")


def test_two_halves_in_two_files(machine: Machine) -> None:
    """botocore reads both from the file that has the id, and the error says so."""
    key, secret = lines(machine.aws.user()).splitlines()
    config = machine.config(f"[default]\n{secret}\n")
    credentials = machine.config(f"[default]\n{key}\n", "credentials")

    assert explain(machine).message == (
        f"the AWS credentials are incomplete: AWS profile 'default' in {credentials}:1 has"
        f" aws_access_key_id, but no aws_secret_access_key; that in {config}:1 is not used with it"
    )


@pytest.mark.parametrize("key", [None, ""])
def test_a_secret_in_the_environment_without_its_id(machine: Machine, key: str | None) -> None:
    """botocore does not look at it, and goes on to the next source."""
    machine.login()
    machine.environ.pop("AWS_ACCESS_KEY_ID")
    machine.environ |= {} if key is None else {"AWS_ACCESS_KEY_ID": key}

    error = explain(machine)

    said = "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not, or is empty"
    assert error.message == said
    assert error.command == UNSET


def test_an_older_token_in_the_environment(machine: Machine) -> None:
    """botocore takes AWS_SECURITY_TOKEN before AWS_SESSION_TOKEN."""
    role = machine.aws.role().arn
    machine.environ |= machine.aws.session(role).environ
    machine.environ["AWS_SECURITY_TOKEN"] = machine.aws.session(role, life=-60).session_token

    error = explain(machine)

    assert error.message.startswith("AWS_SECURITY_TOKEN is used instead of AWS_SESSION_TOKEN")
    assert error.command == "unset AWS_SECURITY_TOKEN"
    machine.environ.pop("AWS_SECURITY_TOKEN")
    assert in_process.get(machine.environ)


def test_an_older_token_in_a_file(machine: Machine) -> None:
    """The same goes for the keys of a profile; alone, it is the token."""
    role = machine.aws.role().arn
    keys, other = machine.aws.session(role), machine.aws.session(role, life=-60)
    more = f"aws_security_token = {other.session_token}\n"
    path = machine.config(f"[default]\n{lines(keys)}{more}", "credentials")
    error = explain(machine)
    assert error.message.startswith(f"aws_security_token in {path}:5 is used instead of aws_sess")
    assert error.hint == "remove that line"

    path.write_text(f"[default]\n{lines(other)}".replace("session_token", "security_token"))
    assert "have expired" in explain(machine).message


def test_half_a_key_of_boto_2(machine: Machine) -> None:
    """It is in no profile."""
    (machine.home / ".boto").write_text("[Credentials]\naws_access_key_id = AKIAX\n")

    assert explain(machine).message == (
        "the AWS credentials in /etc/boto.cfg or ~/.boto are incomplete: no aws_secret_access_key"
    )


def test_keys_that_look_right(machine: Machine) -> None:
    """Keys that are only gone are not called wrong, and no check command hides the variables."""
    credential_sources.named_profile(machine)
    machine.login("old")
    del machine.aws.keys[machine.environ["AWS_ACCESS_KEY_ID"]]

    error = explain(machine)

    assert error.message.startswith("ECR does not know the AWS access key from the environment")
    assert str(error.hint).startswith(
        "the keys in the environment are used instead of the profile in AWS_PROFILE, 'work'; to use"
        f" that, run: {UNSET}"
    )
    assert str(error.hint).endswith("check with: aws sts get-caller-identity")
    assert error.command == UNSET
    for name in UNSET.split():
        machine.environ.pop(name, None)
    assert in_process.get(machine.environ)


def test_old_keys_instead_of_the_default_profile(machine: Machine) -> None:
    """The default profile is hidden in the same way, also without AWS_PROFILE."""
    credential_sources.credentials_file(machine)
    machine.environ |= machine.aws.session(machine.aws.role().arn, life=-60).environ

    assert "instead of the profile 'default'; to use that" in str(explain(machine).hint)


def test_a_profile_is_checked_by_its_name(machine: Machine) -> None:
    """Where a profile has the keys, the check command names it."""
    credential_sources.named_profile(machine)
    machine.aws.keys.clear()

    assert str(explain(machine).hint).endswith("aws sts get-caller-identity --profile work")


def test_a_clock_comes_first(machine: Machine) -> None:
    """With a wrong clock AWS refuses any signature: the clock is the cause."""
    machine.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": os.devnull}
    machine.aws.clock_offset = 3600

    assert "this machine's clock is 60 minutes behind" in explain(machine).message
