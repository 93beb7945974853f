"""Reports about what STS, ECR and the sources of credentials refuse."""

from collections.abc import Callable

from tests.world import credential_sources as sources
from tests.world.accounts import profile
from tests.world.aws import ACCOUNT, Fault, refuse, reset, say
from tests.world.broken_setups import Broken, Way
from tests.world.docker_host import DockerHost
from tests.world.failures import Failure
from tests.world.machine import Machine

ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"
USER = f"User: {sources.USER} is not authorized to perform:"
TOKEN = f"{USER} ecr:GetAuthorizationToken on resource: *"
_SSO = "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n"

SetUp = Callable[[Machine], None]


def _answers(source: SetUp, kind: str, fault: Fault) -> SetUp:
    """Return the set-up of a source whose call fails."""

    def set_up(machine: Machine) -> None:
        source(machine)
        machine.aws.faults[kind] = fault

    return set_up


def _role(lines: str, *others: str) -> SetUp:
    """Return the set-up of a profile with a role, and with other lines and profiles."""

    def set_up(machine: Machine) -> None:
        base = profile("base", machine.aws.user())
        machine.config(f"{base}[profile work]\nrole_arn = {ROLE}\n{lines}" + "".join(others))
        machine.environ["AWS_PROFILE"] = "work"

    return set_up


def _profile(text: str) -> SetUp:
    def set_up(machine: Machine) -> None:
        machine.config(text)
        machine.environ["AWS_PROFILE"] = "work"

    return set_up


def _sts(text: str, code: str = "ValidationError", status: int = 400) -> SetUp:
    lines = "source_profile = base\nduration_seconds = 43200\nrole_session_name = me/x\n"
    return _answers(_role(lines), "sts:AssumeRole", refuse(code, text, status))


def _without_a_role(machine: Machine) -> None:
    sources.instance(machine)
    machine.aws.instance_role = None


def _opt_in(machine: Machine) -> None:
    sources.environment_with_session(machine)
    machine.settings('[[registry]]\nmatch = "*"\nregion = "me-south-1"\n')
    machine.aws.keys.clear()


def role_without_a_source(docker_host: DockerHost) -> Broken:
    machine, role = docker_host.machine, docker_host.machine.aws.role()
    keys = profile("base", docker_host.user)
    path = machine.config(f"{keys}[profile work]\nrole_arn = {role.arn}\n")
    for name in docker_host.user.environ:
        del machine.environ[name]
    machine.environ["AWS_PROFILE"] = "work"

    def add_source() -> None:
        path.write_text(f"{path.read_text()}source_profile = base\n")

    return Broken(
        "credentials",
        f"AWS profile 'work' in {path} has role_arn, but neither source_profile nor",
        "add source_profile = base to it",
        add_source,
    )


def endpoint_policy(docker_host: DockerHost) -> Broken:
    text = f"{TOKEN} because no VPC endpoint policy allows the ecr:GetAuthorizationToken action"
    faults = docker_host.machine.aws.faults
    faults["ecr"] = refuse("AccessDeniedException", text)
    return Broken(
        "token",
        "may not call ecr:GetAuthorizationToken: no VPC endpoint policy allows it",
        "in the policy of the VPC endpoint com.amazonaws.us-east-1.ecr.api",
        faults.clear,
    )


def session_that_is_too_long(docker_host: DockerHost) -> Broken:
    machine, role = docker_host.machine, docker_host.machine.aws.role()
    path = machine.settings(
        f'[[registry]]\nmatch = "*"\nrole_arn = "{role.arn}"\nduration = 43200\n'
    )
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    machine.aws.faults["sts:AssumeRole"] = refuse("ValidationError", text)

    def lower() -> None:
        path.write_text(path.read_text().replace("43200", "3600"))
        machine.aws.faults.clear()

    return Broken(
        "identity", f"STS refuses duration in {path}:4: ", "set it to 3600 or less", lower
    )


DOCTOR: dict[str, Way] = {
    "aws-google-auth#222 a role without a source": role_without_a_source,
    "terraform-aws-vpc#1197 a VPC endpoint whose policy does not allow the call": endpoint_policy,
    "gsts#13 a session that is longer than the role permits": session_that_is_too_long,
}

ERRORS: dict[str, Failure] = {
    "aws-google-auth#222 a role without source_profile or credential_source": Failure(
        _role(""),
        "has role_arn, but neither source_profile nor credential_source",
        "add source_profile = base to it, or credential_source =",
        0,
    ),
    "aws-sdk-ruby#1439 a source_profile without role_arn": Failure(
        _profile("[profile work]\nsource_profile = base\n[profile base]\nregion = eu-west-1\n"),
        "has source_profile, but no role_arn",
        "add role_arn to it, or use its source_profile 'base'",
        0,
    ),
    "botocore#1780 source profiles that lead back": Failure(
        _role(
            "source_profile = back\n", f"[profile back]\nrole_arn = {ROLE}\nsource_profile = work\n"
        ),
        "leads back to itself (work -> back -> work)",
        "set it to a profile with keys",
        0,
    ),
    "boto3#2546 a credential_source beside a source_profile": Failure(
        _role("source_profile = base\ncredential_source = Ec2InstanceMetadata\n"),
        "has both source_profile and credential_source",
        "remove one of them",
        0,
    ),
    "setup a credential_source where there is none": Failure(
        _role("credential_source = EcsContainer\n"),
        "credential_source = EcsContainer of AWS profile 'work' in",
        "only ECS tasks and pods of EKS with a role have one",
        0,
    ),
    "elastic-ci-stack-for-aws#857 instance metadata behind one hop too many": Failure(
        _answers(sources.role_from_instance, "imds:token", reset()),
        "gives no credentials: instance metadata gives no token",
        "raise the instance's metadata hop limit to 2",
        0,
    ),
    "aws-cli#2060 an instance whose role does not trust EC2": Failure(
        _answers(
            sources.instance,
            "imds:credentials",
            say(
                b'{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role'
                b' testing-node-role."}'
            ),
        ),
        "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role testing-node-role",
        "let ec2.amazonaws.com assume the role in the role's trust policy",
        0,
    ),
    "propsd#216 an instance without a role": Failure(
        _without_a_role, "the instance has no role: HTTP 404", "associate-iam-instance-profile", 0
    ),
    "community#2678 a pod's role that does not trust EKS": Failure(
        _answers(
            sources.pod_identity,
            "container",
            say(
                b"[43250e5c]: (AccessDeniedException): Unauthorized Exception! EKS does not have"
                b" permissions to assume the associated role., fault: client",
                400,
            ),
        ),
        "EKS does not have permissions to assume the associated role",
        "lets pods.eks.amazonaws.com call sts:AssumeRole and sts:TagSession",
        0,
    ),
    "awsu#27 a session that is longer than the role permits": Failure(
        _sts("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
        "STS refuses duration_seconds = 43200 of AWS profile 'work' in",
        "aws iam update-role --role-name puller --max-session-duration 43200",
        0,
    ),
    "aws-vault#263 a chained role for more than an hour": Failure(
        _sts(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
            " role chaining."
        ),
        "STS refuses duration_seconds = 43200 of AWS profile 'work' in",
        "set it to 3600 at most, or remove it",
        0,
    ),
    "aws-credentials-service#7 a session name with a slash": Failure(
        _sts(
            "1 validation error detected: Value 'me/x' at 'roleSessionName' failed to satisfy"
            " constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        ),
        "STS refuses role_session_name = me/x of AWS profile 'work' in",
        "write 2 to 64 letters, digits",
        0,
    ),
    "steampipe-plugin-aws#1510 STS that is not active in the region": Failure(
        _sts("STS is not activated in this region for account:1.", "RegionDisabledException", 403),
        "STS is not active in us-east-1 for the AWS account of profile 'base'",
        "activate STS for that region in IAM's account settings",
        0,
    ),
    "cloudmapper#538 a session token of the global endpoint in an opt-in region": Failure(
        _opt_in,
        "ECR does not know the AWS access key from the environment",
        "renew the keys: session tokens of STS's global endpoint do not work there",
        1,
    ),
    "aws-deployment-framework#283 an account that is not subscribed": Failure(
        _answers(
            sources.environment,
            "ecr",
            refuse("OptInRequired", "You are not subscribed to this service.", 403),
        ),
        "ECR does not serve the AWS account of the environment (OptInRequired): You are not",
        "its owner has to settle that with AWS",
        1,
    ),
    "aws-cli#5592 an explicit deny": Failure(
        _answers(
            sources.environment,
            "ecr",
            refuse(
                "AccessDeniedException",
                f"{TOKEN} with an explicit deny in an identity-based policy",
            ),
        ),
        "with an explicit deny in an identity-based policy",
        "if it wants MFA, use a profile with mfa_serial",
        1,
    ),
    "aws-cli#7871 a permission set that is not assigned": Failure(
        _answers(
            sources.sso_session,
            "sso:GetRoleCredentials",
            refuse("ForbiddenException", "No access", 403),
        ),
        "may not call sso:GetRoleCredentials for the role Dev in account 123456789012",
        "or correct sso_role_name or sso_account_id of AWS profile 'work' in",
        0,
    ),
    "aws-cli#5058 the region of another SSO session": Failure(
        _answers(
            sources.sso_session,
            "sso:GetRoleCredentials",
            refuse("UnauthorizedException", "Session token not found or invalid", 401),
        ),
        "IAM Identity Center refuses the SSO session of AWS profile 'work', which has expired",
        "if that does not help, check sso_region of [sso-session corp] in",
        0,
    ),
    "ecspresso#519 an SSO session without its region": Failure(
        _profile(f"{_SSO}[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\n"),
        "[sso-session corp] in",
        "add sso_region to it",
        0,
    ),
}
