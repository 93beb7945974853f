"""Sections, keys and names of profiles that a user sees, and that botocore does not use."""

import pytest

from docker_credential_ecrpy.aws.faults.sections import clean_name, describe_dirt
from docker_credential_ecrpy.errors import HelperError
from tests.world import credential_sources, in_process
from tests.world.accounts import A, rule
from tests.world.field_reports.aws_files import lines
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

# The file, a section in it, the profile that is asked for, and how the section has to be written.
UNSEEN = [
    ("config", "[dev]", "dev", "[profile dev]"),
    ("config", "[Profile dev]", "dev", "[profile dev]"),
    ("config", "[ profile dev ]", "dev", "[profile dev]"),
    ("config", "[profile-dev]", "dev", "[profile dev]"),
    ("config", "[profile my dev]", "my dev", '[profile "my dev"]'),
    ("config", '[profile "my dev]', "my dev", '[profile "my dev"]'),
    ("config", "[my dev]", "my dev", '[profile "my dev"]'),
    ("config", "[Default]", "", "[default]"),
    ("config", "[DEFAULT]", "", "[default]"),
    ("credentials", "[Default]", "", "[default]"),
    ("credentials", "[DEFAULT]", "", "[default]"),
    ("credentials", "[profile default]", "", "[default]"),
    ("credentials", "[profile dev]", "dev", "[dev]"),
    ("credentials", '["my dev"]', "my dev", "[my dev]"),
    ("credentials", "[ dev ]", "dev", "[dev]"),
]


def explain(machine: Machine) -> HelperError:
    """Return the error of a `get` in this process."""
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    return found.value


@pytest.mark.parametrize(("name", "header", "asked", "right"), UNSEEN)
def test_a_section_that_botocore_does_not_see(
    machine: Machine, name: str, header: str, asked: str, right: str
) -> None:
    """The error has file and line, and how to write the section; written so, it works."""
    keys = lines(machine.aws.user())
    path = machine.config(f"[other]\nregion = us-east-1\n\n{header}\n{keys}", name)
    if asked:
        machine.environ["AWS_PROFILE"] = asked

    error = explain(machine)

    assert f"{path}:4: in an AWS {name} file, {header} is not profile " in error.message
    assert error.hint == f"write {right} in that line"
    path.write_text(path.read_text().replace(header, right))
    assert in_process.get(machine.environ)


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_sections_that_work(machine: Machine, name: str) -> None:
    """[profile default] is a profile of the config file; tabs and blanks around = do no harm."""
    header = "[profile default]" if name == "config" else "[default]"
    machine.config(f"{header}\n{lines(machine.aws.user())}".replace(" = ", "\t=  "), name)

    assert in_process.get(machine.environ)


def test_a_section_that_is_indented(machine: Machine) -> None:
    """After a key it is a part of that key's value."""
    keys = lines(machine.aws.user())
    path = machine.config(f"[default]\nregion = us-east-1\n  [profile dev]\n{keys}")
    machine.environ["AWS_PROFILE"] = "dev"

    error = explain(machine)

    assert error.message.startswith(f"{path}:3: [profile dev] is indented")
    assert str(error.hint).startswith("remove the blanks")


@pytest.mark.parametrize("key", ["aws_access_key_id", "aws_secret_access_key"])
def test_a_key_that_is_indented(machine: Machine, key: str) -> None:
    """It is a part of the value of the key before it."""
    keys = lines(machine.aws.user()).replace(key, f"  {key}")
    path = machine.config(f"[default]\nregion = us-east-1\n{keys}", "credentials")
    line = 3 if key.endswith("id") else 4

    error = explain(machine)

    assert error.message.startswith(f"{path}:{line}: {key} is indented")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("aws_access_key", "aws_access_key_id"),
        ("export aws_access_key_id", "aws_access_key_id"),
        ("access_key_id", "aws_access_key_id"),
        ("aws-access-key-id", "aws_access_key_id"),
        ("aws_secret_key", "aws_secret_access_key"),
        ("secret_access_key", "aws_secret_access_key"),
        ("secret", "aws_secret_access_key"),
    ],
)
def test_a_key_with_a_typing_error(machine: Machine, wrong: str, right: str) -> None:
    """The error has its line, and the key that AWS has."""
    text = lines(machine.aws.user())
    path = machine.config(f"[default]\n{text.replace(right, wrong)}", "credentials")
    line = 2 if right.endswith("id") else 3

    error = explain(machine)

    assert error.message == f"{path}:{line}: AWS has no key {wrong!r}"
    assert error.hint == f"write {right} there"


def test_a_key_of_another_tool(machine: Machine) -> None:
    """It is no typing error."""
    machine.config(
        "[default]\ngranted_sso_account_id = 1\ngoogle_config.role_arn = x\nprofile = x\n"
    )

    assert explain(machine).message.startswith("no AWS credentials found")


def test_a_part_of_a_key(machine: Machine) -> None:
    """Beside a key of AWS's, one word of another key is enough."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("role_arn", "role"))

    error = explain(machine)

    assert error.message.endswith("AWS has no key 'role'")
    assert error.hint == "write role_arn there"


def test_a_profile_that_is_wrong_otherwise(machine: Machine) -> None:
    """The variable with its name is not the cause."""
    machine.config("[profile work]\nsso_account_id = 123456789012\nsso_region = us-east-1\n")
    machine.environ["AWS_PROFILE"] = "work"

    error = explain(machine)

    assert error.message.endswith("config has no sso_role_name and sso_start_url")
    assert "AWS_PROFILE" not in str(error)


def test_a_key_that_is_right_in_upper_case(machine: Machine) -> None:
    """Keys have no case, so an environment's lines work in a file."""
    machine.config(f"[default]\n{lines(machine.aws.user()).replace('aws_', 'AWS_')}", "credentials")

    assert in_process.get(machine.environ)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("work\r", "ends in a carriage return"),
        ("work ", "has a blank at its start or end"),
        (" work", "has a blank at its start or end"),
        ('"work"', "has quotes that belong to it"),
        ("'work'", "has quotes that belong to it"),
        ("profile work", "begins with 'profile'"),
        ("WORK", "is written 'work' in its section"),
    ],
)
def test_a_name_with_something_around_it(machine: Machine, name: str, reason: str) -> None:
    """The name is shown as it is, with the reason, and the command that corrects it."""
    credential_sources.named_profile(machine)
    machine.environ["AWS_PROFILE"] = name

    error = explain(machine)

    assert error.message == f"the AWS profile's name in AWS_PROFILE, {name!r}, {reason}" + (
        ", as the lines of a Windows file do" if "\r" in name else ""
    )
    assert error.command == "export AWS_PROFILE=work"


def test_the_variable_that_has_the_wrong_name(machine: Machine) -> None:
    """AWS_DEFAULT_PROFILE takes precedence over AWS_PROFILE."""
    credential_sources.named_profile(machine)
    machine.environ["AWS_DEFAULT_PROFILE"] = "gone"

    assert explain(machine).hint == "set AWS_DEFAULT_PROFILE to one of: work"


def test_the_name_in_a_rule(machine: Machine) -> None:
    """A rule's profile has no variable to set."""
    credential_sources.named_profile(machine)
    machine.settings(rule(A, profile="WORK"))

    error = explain(machine)

    assert "in the rule, 'WORK', is written 'work'" in error.message
    assert error.hint == "write profile = 'work'"


def test_the_name_in_a_variable_of_an_account(machine: Machine) -> None:
    """It stands for a rule, and can be set again."""
    credential_sources.named_profile(machine)
    machine.environ["AWS_ECR_PROFILE_123456789012"] = "work\r"

    assert explain(machine).command == "export AWS_ECR_PROFILE_123456789012=work"


@pytest.mark.parametrize(
    ("headers", "name"),
    [(["profile default", "default"], ""), (["profile dev", "profile  dev"], "dev")],
)
def test_a_profile_that_is_there_twice(machine: Machine, headers: list[str], name: str) -> None:
    """In two spellings; in one, the file does not parse. The AWS SDK reads one of the two."""
    keys = lines(machine.aws.user())
    path = machine.config(f"[{headers[0]}]\n{keys}\n[{headers[1]}]\nregion = us-east-1\n")
    machine.environ |= {"AWS_PROFILE": name} if name else {}

    error = explain(machine)

    assert error.message.startswith(
        f"{path}:5: this section is profile '{name or 'default'}' again"
    )
    assert error.hint == "merge the two sections into one"


@pytest.mark.parametrize("header", ["sso_session corp", "SSO-session corp", "corp", "session corp"])
def test_a_section_of_an_sso_session(machine: Machine, header: str) -> None:
    """Only [sso-session NAME] is one."""
    credential_sources.sso_session(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("[sso-session corp]", f"[{header}]"))

    error = explain(machine)

    assert error.message.startswith(f"{path}:5: in an AWS config file, [{header}] is not SSO")
    assert error.hint == "write [sso-session corp] in that line"


def test_an_sso_session_in_the_credentials_file(machine: Machine) -> None:
    """It is read from the config file alone."""
    credential_sources.sso_session(machine)
    config = machine.home / ".aws" / "config"
    text = config.read_text().replace("[profile work]", "[work]")
    config.unlink()
    path = machine.config(text, "credentials")

    error = explain(machine)

    assert error.message.startswith(f"{path}:5: an SSO session is read from the AWS config file")


def test_a_source_profile_without_the_word(machine: Machine) -> None:
    """The profile whose role is assumed is there; its source is not."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("[profile base]", "[base]"))

    assert explain(machine).hint == "write [profile base] in that line"


def test_the_profiles_to_choose_from(machine: Machine) -> None:
    """Without AWS_PROFILE and a default profile, the error lists the others."""
    credential_sources.named_profile(machine)
    del machine.environ["AWS_PROFILE"]

    assert "set AWS_PROFILE to one of: work" in str(explain(machine).hint)


def test_a_clean_name() -> None:
    """A name that is right has nothing around it, even with blanks in it."""
    assert clean_name("my dev") == "my dev"
    assert describe_dirt("my dev") == ""
