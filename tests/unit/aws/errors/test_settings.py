"""Settings that botocore refuses or ignores: the key, its profile and file, and what to do."""

import json
from collections.abc import Callable, Mapping

import pytest

from docker_credential_ecrpy.errors import HelperError
from tests.world import credential_sources, in_process
from tests.world.aws import refuse
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

ROLE = "arn:aws:iam::123456789012:role/puller"
BASE = "[profile base]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n"
SESSION = "[sso-session corp]\nsso_start_url = https://x\nsso_region = eu-west-1\n"
SSO = "sso_session = corp\nsso_account_id = 1\nsso_role_name = x\n"
FILE = "AWS profile 'work' in {home}/.aws/config"


def error_of(machine: Machine) -> HelperError:
    """Return the error of a `get`."""
    with pytest.raises(HelperError) as caught:
        in_process.get(machine.environ)
    return caught.value


# Lines of the profile in use, and other sections -> the cause, and words of the cure.
PROFILES = {
    "a role alone": (
        f"role_arn = {ROLE}\n",
        BASE,
        f"{FILE} has role_arn, but neither source_profile nor credential_source",
        "add source_profile = base to it, or credential_source = Environment, Ec2Inst",
    ),
    "a source without a role": (
        "source_profile = base\n",
        BASE,
        f"{FILE} has source_profile, but no role_arn",
        "add role_arn to it, or use its source_profile 'base'",
    ),
    "a token's file without a role": (
        "web_identity_token_file = /x\n",
        "",
        f"{FILE} has web_identity_token_file, but no role_arn",
        "add role_arn to it",
    ),
    "a role without its source": (
        f"role_arn = {ROLE}\nsource_profile = bse\n",
        BASE,
        f"source_profile = bse of {FILE} is a profile that does not exist",
        "did you mean 'base'? set it to one of: base",
    ),
    "a source without credentials": (
        f"role_arn = {ROLE}\nsource_profile = empty\n",
        BASE + "[profile empty]\nregion = x\n",
        "AWS profile 'empty' in {home}/.aws/config, which is a source_profile, has no credentials",
        "or set source_profile to one of: base",
    ),
    "a source with half a key": (
        f"role_arn = {ROLE}\nsource_profile = half\n",
        "[profile half]\naws_access_key_id = AKIAX\n",
        "config:4 has aws_access_key_id, but no aws_secret_access_key",
        "set both aws_access_key_id and aws_secret_access_key in it",
    ),
    "two sources": (
        f"role_arn = {ROLE}\nsource_profile = base\ncredential_source = Environment\n",
        BASE,
        f"{FILE} has both source_profile and credential_source",
        "remove one of them",
    ),
    "a source of another name": (
        f"role_arn = {ROLE}\ncredential_source = EC2InstanceMetadata\n",
        "",
        f"credential_source = EC2InstanceMetadata of {FILE} is no source of credentials",
        "did you mean Ec2InstanceMetadata? write Environment,",
    ),
    "a loop": (
        f"role_arn = {ROLE}\nsource_profile = b\n",
        f"[profile b]\nrole_arn = {ROLE}\nsource_profile = work\n",
        "source_profile = work of AWS profile 'b' in {home}/.aws/config leads back to itself (work",
        "set it to a profile with keys",
    ),
    "an environment without keys": (
        f"role_arn = {ROLE}\ncredential_source = Environment\n",
        "",
        f"credential_source = Environment of {FILE} gives no credentials: AWS_ACCESS_KEY_ID and",
        "set both, or write another source: Ec2InstanceMetadata, EcsContainer",
    ),
    "no container": (
        f"role_arn = {ROLE}\ncredential_source = EcsContainer\n",
        "",
        f"credential_source = EcsContainer of {FILE} gives no credentials: AWS_CONTAINER_CRED",
        "elsewhere write another source: Environment, Ec2InstanceMetadata",
    ),
    "metadata that is turned off": (
        f"role_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n",
        "",
        f"credential_source = Ec2InstanceMetadata of {FILE} gives no credentials: AWS_EC2_MET",
        "unset AWS_EC2_METADATA_DISABLED",
    ),
    "an SSO session without an account": (
        "sso_session = corp\n",
        SESSION,
        f"{FILE} has sso_session, but no sso_account_id and sso_role_name",
        "add sso_account_id and sso_role_name to it",
    ),
    "an SSO session without a role": (
        "sso_session = corp\nsso_account_id = 1\n",
        SESSION,
        f"{FILE} has no sso_role_name",
        "add sso_role_name to it",
    ),
    "an SSO session without a region": (
        SSO,
        SESSION.replace("sso_region", "region"),
        "[sso-session corp] in {home}/.aws/config has no sso_region",
        "add sso_region to it",
    ),
    "an SSO session that is none": (
        SSO.replace("corp", "crop"),
        SESSION,
        f"sso_session = crop of {FILE}: there is no [sso-session crop]",
        "did you mean 'corp'?",
    ),
    "an SSO session with two regions": (
        f"{SSO}sso_region = us-east-1\n",
        SESSION,
        f"sso_region = us-east-1 of {FILE} differs from that of [sso-session corp]",
        "remove it from the profile",
    ),
    "half a key": (
        "aws_access_key_id = AKIAX\n",
        "",
        "config:1 has aws_access_key_id, but no aws_secret_access_key",
        "set both aws_access_key_id and aws_secret_access_key in it",
    ),
    "the other half": (
        "aws_secret_access_key = xxxx\n",
        "",
        f"{FILE} has aws_secret_access_key, but no aws_access_key_id",
        "add aws_access_key_id to it",
    ),
    "a short role": (
        f"role_arn = arn:aws\n{BASE.partition(chr(10))[2]}",
        "",
        f"the AWS SDK does not take role_arn = arn:aws of {FILE}: Invalid length",
        "write the whole ARN, such as arn:aws:iam::",
    ),
    "services that are none": (
        f"services = x\n{BASE.partition(chr(10))[2]}",
        "",
        f"services = x of {FILE}: there is no [services x]",
        "add that section, or remove services",
    ),
    "a time limit that is no number": (
        "metadata_service_timeout = 1s\n",
        "",
        f"metadata_service_timeout = 1s of {FILE} is no number",
        "write a number",
    ),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_profile_that_cannot_work(machine: Machine, case: str) -> None:
    """The error names the key, the profile and the file, and the values to choose from."""
    lines, others, cause, cure = PROFILES[case]
    machine.config(f"[profile work]\n{lines}{others}")
    machine.environ["AWS_PROFILE"] = "work"

    error = error_of(machine)

    assert cause.format(home=machine.home) in error.message
    assert cure in (error.hint or "")
    assert error.refused


# Variables with values that botocore refuses -> the cause, and words of the cure.
VARIABLES: dict[str, tuple[Mapping[str, str], str]] = {
    "AWS_STS_REGIONAL_ENDPOINTS = global is not valid": (
        {"AWS_STS_REGIONAL_ENDPOINTS": "global"},
        "write regional or legacy",
    ),
    "AWS_DEFAULTS_MODE = fast is not valid": ({"AWS_DEFAULTS_MODE": "fast"}, "write standard"),
    "AWS_REQUEST_CHECKSUM_CALCULATION = x is not valid": (
        {"AWS_REQUEST_CHECKSUM_CALCULATION": "x"},
        "write when_supported or when_required",
    ),
    "AWS_ACCOUNT_ID_ENDPOINT_MODE = x is not valid": (
        {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "x"},
        "write preferred, disabled, required",
    ),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE = x is not valid": (
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "x"},
        "write IPv4 or IPv6",
    ),
    "AWS_METADATA_SERVICE_TIMEOUT = 1s is no number": (
        {"AWS_METADATA_SERVICE_TIMEOUT": "1s"},
        "write a number",
    ),
    "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not": (
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/x", "AWS_PROFILE": "empty"},
        "set AWS_ROLE_ARN, or, if the other one is left over, run: unset AWS_WEB_IDENTITY_TOKEN",
    ),
}


@pytest.mark.parametrize("cause", VARIABLES)
def test_a_variable_that_cannot_work(machine: Machine, cause: str) -> None:
    """The error names the variable by its own name, with its value."""
    credential_sources.assumed_role(machine)
    machine.config((machine.home / ".aws/config").read_text() + "[profile empty]\nregion = x\n")
    environ, cure = VARIABLES[cause]
    machine.environ |= environ

    error = error_of(machine)

    assert cause in error.message
    assert cure in (error.hint or "")


# STS's texts for values that it does not take -> the key, and words of the cure.
REFUSED = {
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.": (
        "duration_seconds = 43200",
        "aws iam update-role --role-name puller --max-session-duration 43200",
    ),
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role"
    " chaining.": ("duration_seconds = 43200", "set it to 3600 at most, or remove it"),
    "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint:"
    " Member must satisfy regular expression pattern: [\\w+=,.@-]*": (
        "role_session_name = a b",
        "write 2 to 64 letters",
    ),
    "1 validation error detected: Value 'x y' at 'externalId' failed to satisfy constraint": (
        "external_id",
        "the one in the role's trust policy",
    ),
    "Request ARN is invalid": (f"role_arn = {ROLE}", "write the whole ARN"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_value_that_sts_refuses(machine: Machine, text: str) -> None:
    """STS names its parameter; the error names the key of the profile in the chain that sets it."""
    user = machine.aws.user()
    keys = f"aws_access_key_id = {user.access_key}\naws_secret_access_key = {user.secret_key}\n"
    lines = f"role_arn = {ROLE}\nsource_profile = base\nrole_session_name = a b\n"
    machine.config(
        f"[profile base]\n{keys}[profile middle]\n{lines}external_id = x y\n"
        "duration_seconds = 43200\n"
        f"[profile work]\nrole_arn = {ROLE}-2\nsource_profile = middle\n"
    )
    machine.settings('[[registry]]\nmatch = "*"\nprofile = "work"\n')
    machine.aws.faults["sts:AssumeRole"] = refuse("ValidationError", text)
    key, cure = REFUSED[text]

    error = error_of(machine)

    where = f"AWS profile 'middle' in {machine.home}/.aws/config"
    assert f"STS refuses {key} of {where}: {text[:20]}" in error.message
    assert cure in (error.hint or "")
    assert error.refused


@pytest.mark.parametrize(
    ("value", "fault", "cure"),
    [
        ("${USER}", "has a variable in it, which the AWS SDK does not replace", "write its value"),
        ("{{ job }}", "has a variable in it", "write its value"),
        ('"ci"', "is in quotes", "remove the quotes"),
        ("ci # mine", "has a comment behind it", "remove the comment"),
        ("job/{id}", "Value", "write 2 to 64 letters"),
    ],
)
def test_a_value_with_something_in_it(machine: Machine, value: str, fault: str, cure: str) -> None:
    """AWS's text has the value, braces too; the error says what does not belong there."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(f"{path.read_text()}role_session_name = {value}\n")
    text = f"1 validation error detected: Value '{value}' at 'roleSessionName' failed: \\d{{12}}"
    machine.aws.faults["sts:AssumeRole"] = refuse("ValidationError", text)

    error = error_of(machine)

    assert f"role_session_name = {value} of AWS profile 'work' in {path}" in error.message
    assert fault in error.message
    assert str(error.hint).startswith(cure)


@pytest.mark.parametrize(
    "line",
    ['source_profile = "base"', "credential_source = 'Environment'", "source_profile = base # x"],
)
def test_a_name_in_quotes(machine: Machine, line: str) -> None:
    """AWS's files have no quotes and no comments behind a value."""
    path = machine.config(f"[profile base]\n[profile work]\nrole_arn = {ROLE}\n{line}\n")
    machine.environ["AWS_PROFILE"] = "work"

    message = error_of(machine).message

    assert message.startswith(f"{line} of AWS profile 'work' in {path} ")
    assert message.endswith("taken as a part of it")


def test_a_session_in_quotes(machine: Machine) -> None:
    """The same goes for the name of an SSO session."""
    credential_sources.sso_session(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("= corp", '= "corp"'))

    assert 'sso_session = "corp" of AWS profile' in error_of(machine).message


def test_an_external_id_that_is_denied(machine: Machine) -> None:
    """Quotes belong to it; without any, it may still be another one."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    text = path.read_text()
    path.write_text(text.replace("= x-1", '= "x-1"'))
    error = error_of(machine)
    assert error.message.startswith(f"external_id of AWS profile 'work' in {path} is in quotes")
    assert "x-1" not in str(error)

    path.write_text(text.replace("= x-1", "= y-2"))
    assert "trust policy, with the external_id that is set here" in str(error_of(machine).hint)


def test_mfa_of_keys(machine: Machine) -> None:
    """`mfa_serial` does nothing for keys: a policy that wants MFA needs those of a session."""
    keys, serial = machine.aws.user(), "arn:aws:iam::123456789012:mfa/dev"
    machine.config(
        f"[default]\nmfa_serial = {serial}\naws_access_key_id = {keys.access_key}\n"
        f"aws_secret_access_key = {keys.secret_key}\n"
    )
    text = "is not authorized with an explicit deny in an identity-based policy"
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", text)

    hint = str(error_of(machine).hint)

    assert f"aws sts get-session-token --serial-number {serial} --token-code CODE" in hint


def test_a_role_in_a_variable_with_a_blank(machine: Machine) -> None:
    """A blank does not show: it is named."""
    credential_sources.web_identity(machine)
    machine.environ["AWS_ROLE_ARN"] += " "
    fault = refuse("ValidationError", "Request ARN is invalid")
    machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = fault

    assert f"AWS_ROLE_ARN = {ROLE} begins or ends with a blank" in str(error_of(machine))


def test_a_rules_role_is_named_by_its_place(machine: Machine) -> None:
    """The key is that of the rule, with its line."""
    machine.login()
    path = machine.settings(f'[[registry]]\nmatch = "*"\nrole_arn = "{ROLE}"\nduration = 43200\n')
    machine.aws.faults["sts:AssumeRole"] = refuse(
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration"
    )

    assert f"STS refuses duration in {path}:4: The requested" in str(error_of(machine))


def test_a_variables_role_is_named(machine: Machine) -> None:
    """AWS_ECR_ROLE_ARN_<account> has no rule."""
    machine.login()
    machine.environ["AWS_ECR_ROLE_ARN_123456789012"] = ROLE
    machine.aws.faults["sts:AssumeRole"] = refuse("ValidationError", "Request ARN is invalid")

    assert "role_arn in AWS_ECR_ROLE_ARN_123456789012: Request" in str(error_of(machine))


def test_a_containers_token_with_a_line_break_is_named(machine: Machine) -> None:
    """By its variable: botocore says no more than that it is not legal."""
    credential_sources.container(machine)
    machine.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] += "\n"

    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN: Auth token value is" in str(error_of(machine))


def test_a_variable_of_a_web_identity_is_named(machine: Machine) -> None:
    """It has no profile: the role's ARN and the session's name are in the environment."""
    credential_sources.web_identity(machine)
    machine.environ["AWS_ROLE_SESSION_NAME"] = "a"
    assert "does not take AWS_ROLE_SESSION_NAME = a: Invalid length" in str(error_of(machine))

    machine.environ["AWS_ROLE_SESSION_NAME"] = "name"
    machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = refuse(
        "ValidationError", "Request ARN is invalid"
    )
    assert f"STS refuses AWS_ROLE_ARN = {ROLE}: Request" in str(error_of(machine))


def _with_region(region: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        credential_sources.sso_session(machine)
        path = machine.home / ".aws" / "config"
        path.write_text(path.read_text().replace("eu-west-1", region))

    return set_up


def test_a_wrong_region_of_an_sso_session_is_named(machine: Machine) -> None:
    """It is that of IAM Identity Center, and not the registry's."""
    _with_region("eu west 1")(machine)
    error = error_of(machine)
    assert f"sso_region of [sso-session corp] in {machine.home}/.aws/config" in error.message
    assert "'eu west 1' is no AWS region" in error.message

    _with_region("eu-nowhere-1")(machine)
    machine.environ.pop("HTTPS_PROXY")
    for file in (machine.home / ".aws" / "sso" / "cache").iterdir():
        file.write_text(json.dumps({**json.loads(file.read_text()), "region": "eu-nowhere-1"}))
    machine.environ["NO_PROXY"] = "*"
    machine.environ["AWS_ENDPOINT_URL_SSO"] = "http://portal.sso.eu-nowhere-1.invalid"
    error = error_of(machine)
    assert "does not resolve" in error.message
    assert "check sso_region of [sso-session corp] in" in (error.hint or "")
