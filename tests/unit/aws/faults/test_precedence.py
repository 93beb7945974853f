"""Credentials that are not used: by which others, and whether these are another identity."""

import pytest

from docker_credential_ecrpy.aws.faults.precedence import UNSET, Identity
from docker_credential_ecrpy.errors import HelperError
from tests.world import credential_sources, in_process
from tests.world.accounts import profile
from tests.world.aws import refuse
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.in_process

USER = "arn:aws:iam::123456789012:user/dev"
ROLE = "arn:aws-cn:sts::123456789012:assumed-role/puller/session"
SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0a1b/session"


@pytest.mark.parametrize(
    ("identity", "arn", "key", "differs"),
    [
        (Identity("AKIA1"), USER, "AKIA1", False),
        (Identity("AKIA1"), USER, "AKIA2", True),
        (Identity("AKIA1"), USER, "", None),
        (Identity("AKIA1"), ROLE, "", True),
        (Identity("", "123456789012", "puller"), ROLE, "ASIA", False),
        (Identity("", "123456789012", "Dev"), SSO, "ASIA", False),
        (Identity("", "123456789012", "Dev"), ROLE, "ASIA", True),
        (Identity("", "123456789012", "puller"), USER, "AKIA1", True),
        (Identity("", "210987654321"), ROLE, "ASIA", True),
        (Identity("", "123456789012"), ROLE, "ASIA", None),
        (Identity("", "", "puller"), "", "ASIA", None),
    ],
)
def test_another_identity(identity: Identity, arn: str, key: str, differs: bool | None) -> None:
    """It is told by the access key, the account or the role, as far as the files have them."""
    assert identity.differs(arn, key) is differs


def explain(machine: Machine) -> HelperError:
    """Return the error of a denied `get`."""
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", "no", 400)
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    return found.value


@pytest.mark.parametrize(
    "keys", ["region = us-east-1\ncli_pager =\nmax_attempts = 5\n", "output = json\n"]
)
def test_a_profile_without_credentials(machine: Machine, keys: str) -> None:
    """It would not work without the keys in the environment either."""
    machine.login()
    machine.config(f"[profile work]\n{keys}")
    machine.environ["AWS_PROFILE"] = "work"

    assert not explain(machine).command


def test_a_profile_with_the_same_key(machine: Machine) -> None:
    """Nothing changes without the keys in the environment."""
    user = machine.aws.user()
    machine.environ |= user.environ
    machine.config(profile("work", user))
    machine.environ["AWS_PROFILE"] = "work"

    assert not explain(machine).command


def test_a_role_of_the_keys_in_the_environment(machine: Machine) -> None:
    """Such a profile needs them: a rule's profile takes precedence over them."""
    credential_sources.role_from_environment(machine)
    command = f"docker-credential-ecrpy configure {HOST} --profile work"

    error = explain(machine)

    assert error.command == command
    assert f"'work'; to use that, run: {command}; otherwise" in str(error.hint)


def test_a_pods_web_identity_instead_of_a_profile(machine: Machine) -> None:
    """Its variables come before the keys of a profile that AWS_PROFILE names."""
    credential_sources.web_identity(machine)
    credential_sources.named_profile(machine)

    error = explain(machine)

    assert str(error.hint).startswith(
        "the web identity in AWS_ROLE_ARN is used instead of the profile in AWS_PROFILE, 'work'"
    )
    assert error.command == "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN"


def test_two_variables_that_name_a_profile(machine: Machine) -> None:
    """botocore takes the older one first."""
    old, work = machine.aws.user("old"), machine.aws.user("work")
    machine.config(profile("old", old) + profile("work", work))
    machine.environ |= {"AWS_DEFAULT_PROFILE": "old", "AWS_PROFILE": "work"}

    error = explain(machine)

    assert str(error.hint).startswith(
        "AWS_DEFAULT_PROFILE = old is used instead of the profile in AWS_PROFILE, 'work'"
    )
    assert error.command == "unset AWS_DEFAULT_PROFILE"


def test_an_instances_role_instead_of_a_file(machine: Machine) -> None:
    """A file that a variable names, and that is not there, leaves the role of the instance."""
    credential_sources.instance(machine)
    machine.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nowhere/credentials"

    hint = str(explain(machine).hint)

    assert hint.startswith("the instance's role is used because /nowhere/credentials, which AWS_S")
    assert UNSET not in hint
