"""Every source of AWS credentials that boto3 has, each set up on a machine.

They are tables, so that other tests (of secrets, and of the binary) can run through all of them.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.world import dpop
from tests.world.aws import ACCOUNT, Keys
from tests.world.machine import Machine

START_URL = "https://example.awsapps.com/start"
FAR = "2999-01-01T00:00:00Z"


def environment(machine: Machine) -> None:
    machine.login()


def environment_with_session(machine: Machine) -> None:
    role = machine.aws.role()
    machine.environ |= machine.aws.session(role.arn).environ


def credentials_file(machine: Machine) -> None:
    machine.config(_profile("default", machine.aws.user()), "credentials")


def named_profile(machine: Machine) -> None:
    machine.config(_profile("profile work", machine.aws.user()))
    machine.environ["AWS_PROFILE"] = "work"


def assumed_role(machine: Machine) -> None:
    role = machine.aws.role(external_id="x-1")
    machine.config(
        _profile("profile base", machine.aws.user())
        + f"[profile work]\nrole_arn = {role.arn}\nsource_profile = base\nexternal_id = x-1\n"
    )
    machine.environ["AWS_PROFILE"] = "work"


def chained_roles(machine: Machine) -> None:
    first, second = machine.aws.role("first"), machine.aws.role("second")
    machine.config(
        _profile("profile base", machine.aws.user())
        + f"[profile middle]\nrole_arn = {first.arn}\nsource_profile = base\n"
        + f"[profile work]\nrole_arn = {second.arn}\nsource_profile = middle\n"
    )
    machine.environ["AWS_PROFILE"] = "work"


def role_with_a_process(machine: Machine) -> None:
    """The Go helper takes both from one profile, too."""
    role = machine.aws.role()
    program = process(machine, f"print({process_answer(machine)!r})")
    command = f'"{sys.executable}" "{program}"'
    machine.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_process = {command}\n")
    machine.environ["AWS_PROFILE"] = "work"


def role_from_environment(machine: Machine) -> None:
    role = machine.aws.role()
    machine.login()
    machine.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_source = Environment\n")
    # The keys in the environment would win over AWS_PROFILE: a default profile lets them be
    # the role's source alone.
    machine.environ["AWS_PROFILE"] = "work"


def role_from_instance(machine: Machine) -> None:
    role = machine.aws.role()
    instance(machine)
    machine.config(
        f"[profile work]\nrole_arn = {role.arn}\ncredential_source = Ec2InstanceMetadata\n"
    )
    machine.environ["AWS_PROFILE"] = "work"


def role_from_container(machine: Machine) -> None:
    role = machine.aws.role()
    container(machine)
    machine.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_source = EcsContainer\n")
    machine.environ["AWS_PROFILE"] = "work"


def web_identity(machine: Machine) -> None:
    role = machine.aws.role()
    machine.aws.web_identity_tokens.add("oidc-token-of-a-pod")
    machine.environ |= {
        "AWS_ROLE_ARN": role.arn,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(machine.file("oidc", "oidc-token-of-a-pod")),
    }


def web_identity_profile(machine: Machine) -> None:
    role = machine.aws.role()
    machine.aws.web_identity_tokens.add("oidc-token-of-a-job")
    token = machine.file("oidc", "oidc-token-of-a-job")
    machine.config(f"[default]\nrole_arn = {role.arn}\nweb_identity_token_file = {token}\n")


def sso_session(machine: Machine) -> None:
    machine.config(
        "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n"
        f"[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = {START_URL}\n"
    )
    machine.environ["AWS_PROFILE"] = "work"
    sso_login(machine, "corp", time.time() + 3600)


def sso_session_that_can_be_renewed(machine: Machine) -> None:
    """It has less than the 15 minutes left in which botocore looks at what the renewal needs."""
    sso_session(machine)
    sso_login(machine, "corp", time.time() + 600, refresh="refresh-me")


def sso_session_that_needs_a_refresh(machine: Machine) -> None:
    sso_session(machine)
    machine.aws.sso_refresh_tokens.add("refresh-me")
    sso_login(machine, "corp", time.time() - 60, refresh="refresh-me")


def sso_legacy(machine: Machine) -> None:
    machine.config(
        "[profile work]\nsso_account_id = 123456789012\nsso_role_name = Dev\n"
        f"sso_region = eu-west-1\nsso_start_url = {START_URL}\n"
    )
    machine.environ["AWS_PROFILE"] = "work"
    sso_login(machine, START_URL, time.time() + 3600)


LOGIN = f"arn:aws:iam::{ACCOUNT}:user/dev"
"""The name of a session of `aws login`."""


def aws_login(machine: Machine) -> None:
    machine.config(f"[profile work]\nlogin_session = {LOGIN}\n")
    machine.environ["AWS_PROFILE"] = "work"
    write_login(machine, machine.aws.login_life)


def aws_login_that_needs_a_refresh(machine: Machine) -> None:
    aws_login(machine)
    write_login(machine, life=60)


def role_from_aws_login(machine: Machine) -> None:
    role = machine.aws.role()
    aws_login_that_needs_a_refresh(machine)
    machine.config(
        f"[profile base]\nlogin_session = {LOGIN}\n"
        f"[profile work]\nrole_arn = {role.arn}\nsource_profile = base\n"
    )


def process_answer(machine: Machine, expires: str = FAR) -> str:
    """Return the output of a credential_process: new keys, and their expiry."""
    keys = machine.aws.session(f"arn:aws:iam::{ACCOUNT}:role/process")
    answer = {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.session_token,
        "Expiration": expires,
    }
    return json.dumps(answer)


def credential_process(machine: Machine) -> None:
    process(machine, f"print({process_answer(machine)!r})")


def credential_process_of_a_shell(machine: Machine) -> None:
    machine.file("home/my keys", process_answer(machine))
    machine.config('[default]\ncredential_process = A=1 cat "$HOME/my keys" 2>/dev/null | cat\n')


def container(machine: Machine) -> None:
    machine.aws.container_authorization = "let-me-in"
    machine.environ |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{machine.server.url}/container/v1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let-me-in",
    }


def pod_identity(machine: Machine) -> None:
    machine.aws.container_authorization = "let-this-pod-in"
    token = machine.file("pod-token", "let-this-pod-in")
    machine.environ |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{machine.server.url}/container/pod",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }


def instance(machine: Machine) -> None:
    machine.aws.instance_role = machine.aws.role("instance").arn
    machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = machine.server.url
    machine.environ.pop("AWS_EC2_METADATA_DISABLED")


ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role"
USER = f"arn:aws:iam::{ACCOUNT}:user/dev"
# set-up -> the identity that calls ECR, and a cold get's other calls
CREDENTIAL_SOURCES: dict[Callable[[Machine], None], tuple[str, dict[str, int]]] = {
    environment: (USER, {}),
    environment_with_session: (f"{ASSUMED}/puller/session", {}),
    credentials_file: (USER, {}),
    named_profile: (USER, {}),
    assumed_role: (f"{ASSUMED}/puller/session", {"sts:AssumeRole": 1}),
    chained_roles: (f"{ASSUMED}/second/session", {"sts:AssumeRole": 2}),
    role_with_a_process: (f"{ASSUMED}/puller/session", {"sts:AssumeRole": 1}),
    role_from_environment: (USER, {}),
    role_from_instance: (
        f"{ASSUMED}/puller/session",
        {"sts:AssumeRole": 1, "imds:token": 1, "imds:credentials": 2},
    ),
    role_from_container: (f"{ASSUMED}/puller/session", {"sts:AssumeRole": 1, "container": 1}),
    web_identity: (f"{ASSUMED}/puller/session", {"sts:AssumeRoleWithWebIdentity": 1}),
    web_identity_profile: (f"{ASSUMED}/puller/session", {"sts:AssumeRoleWithWebIdentity": 1}),
    sso_session: (f"{ASSUMED}/Dev/session", {"sso:GetRoleCredentials": 1}),
    sso_session_that_needs_a_refresh: (
        f"{ASSUMED}/Dev/session",
        {"sso:GetRoleCredentials": 1, "sso-oidc:CreateToken": 1},
    ),
    sso_legacy: (f"{ASSUMED}/Dev/session", {"sso:GetRoleCredentials": 1}),
    aws_login: (f"{ASSUMED}/login/session", {}),
    aws_login_that_needs_a_refresh: (
        f"{ASSUMED}/login/session",
        {"signin:CreateOAuth2Token": 1},
    ),
    role_from_aws_login: (
        f"{ASSUMED}/puller/session",
        {"signin:CreateOAuth2Token": 1, "sts:AssumeRole": 1},
    ),
    credential_process: (f"{ASSUMED}/process/session", {}),
    **(
        {}
        if sys.platform == "win32"
        else {credential_process_of_a_shell: (f"{ASSUMED}/process/session", {})}
    ),
    container: (f"{ASSUMED}/task/session", {"container": 1}),
    pod_identity: (f"{ASSUMED}/task/session", {"container": 1}),
    instance: (f"{ASSUMED}/instance/session", {"imds:token": 1, "imds:credentials": 2}),
}

# A row of the table in docs/credentials.md -> its sources
DOCUMENTED: dict[str, tuple[Callable[[Machine], None], ...]] = {
    "access keys": (environment, environment_with_session, credentials_file, named_profile),
    "role of a profile": (
        assumed_role,
        chained_roles,
        role_from_environment,
        role_from_instance,
        role_from_container,
        role_from_aws_login,
        role_with_a_process,
    ),
    "SSO": (sso_session, sso_session_that_needs_a_refresh, sso_legacy),
    "`aws login`": (aws_login, aws_login_that_needs_a_refresh),
    "`credential_process`": (credential_process, credential_process_of_a_shell),
    "web identity, IRSA": (web_identity, web_identity_profile),
    "container: ECS, EKS Pod Identity": (container, pod_identity),
    "EC2 instance metadata": (instance,),
}


def process(machine: Machine, code: str) -> Path:
    """Make Python code the credential_process of the default profile."""
    program = machine.file("process.py", code)
    machine.config(f'[default]\ncredential_process = "{sys.executable}" "{program}"\n')
    return program


def sso_login(machine: Machine, name: str, until: float, refresh: str | None = None) -> None:
    """Store an access token in the AWS CLI's cache, as `aws sso login` does.

    The file's name is the SHA-1 of the session's name, or of the legacy start URL (botocore,
    SSOTokenLoader).
    """
    token = f"sso-access-token-{len(machine.aws.sso_tokens)}"
    machine.aws.sso_tokens[token] = until
    fields = {
        "accessToken": token,
        "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)),
        "startUrl": START_URL,
        "region": "eu-west-1",
    }
    if refresh:
        fields |= {
            "refreshToken": refresh,
            "clientId": "client",
            "clientSecret": "client-secret-value",
            "registrationExpiresAt": FAR,
        }
    file = hashlib.sha1(name.encode()).hexdigest() + ".json"
    machine.file(f"home/.aws/sso/cache/{file}", json.dumps(fields))


def write_login(machine: Machine, life: float) -> Path:
    """Store a session in the AWS CLI's cache, as `aws login` does, and return its file.

    The file's name is the SHA-256 of the session's name (botocore, LoginTokenLoader).
    """
    keys = machine.aws.session(f"arn:aws:iam::{ACCOUNT}:role/login", life)
    private, public = dpop.make_key()
    refresh = f"login-refresh-token-{len(machine.aws.login_refresh_tokens)}"
    machine.aws.login_refresh_tokens[refresh] = public
    fields = {
        "accessToken": {
            "accessKeyId": keys.access_key,
            "secretAccessKey": keys.secret_key,
            "sessionToken": keys.session_token,
            "accountId": ACCOUNT,
            "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(keys.expires)),
        },
        "tokenType": "aws_sigv4",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "refreshToken": refresh,
        "dpopKey": private,
    }
    file = hashlib.sha256(LOGIN.encode()).hexdigest() + ".json"
    return machine.file(f"home/.aws/login/cache/{file}", json.dumps(fields))


def cli_cached_role(machine: Machine, arguments: dict[str, str], keys: Keys) -> None:
    """Store a role's credentials in the AWS CLI's cache, as `aws` does after an MFA code.

    The file's name is the SHA-1 of AssumeRole's arguments as sorted JSON (botocore,
    BaseAssumeRoleCredentialFetcher).
    """
    fields = {
        "Credentials": {
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret_key,
            "SessionToken": keys.session_token,
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(keys.expires)),
        }
    }
    file = hashlib.sha1(json.dumps(arguments, sort_keys=True).encode()).hexdigest() + ".json"
    machine.file(f"home/.aws/cli/cache/{file}", json.dumps(fields))


def _profile(section: str, keys: Keys) -> str:
    return (
        f"[{section}]\naws_access_key_id = {keys.access_key}\n"
        f"aws_secret_access_key = {keys.secret_key}\n"
    )
