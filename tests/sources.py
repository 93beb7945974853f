"""Every source of AWS credentials that boto3 has, each set up on a stage.

Tables, so that other tests (of secrets, and of the binary) can run through all of them.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.stage import Stage
from tests.world.aws import ACCOUNT, Keys

START_URL = "https://example.awsapps.com/start"
FAR = "2999-01-01T00:00:00Z"


def environment(stage: Stage) -> None:
    stage.login()


def environment_with_session(stage: Stage) -> None:
    role = stage.aws.role()
    stage.environ |= stage.aws.session(role.arn).environ


def credentials_file(stage: Stage) -> None:
    stage.config(_profile("default", stage.aws.user()), "credentials")


def named_profile(stage: Stage) -> None:
    stage.config(_profile("profile work", stage.aws.user()))
    stage.environ["AWS_PROFILE"] = "work"


def assumed_role(stage: Stage) -> None:
    role = stage.aws.role(external_id="x-1")
    stage.config(
        _profile("profile base", stage.aws.user())
        + f"[profile work]\nrole_arn = {role.arn}\nsource_profile = base\nexternal_id = x-1\n"
    )
    stage.environ["AWS_PROFILE"] = "work"


def chained_roles(stage: Stage) -> None:
    first, second = stage.aws.role("first"), stage.aws.role("second")
    stage.config(
        _profile("profile base", stage.aws.user())
        + f"[profile middle]\nrole_arn = {first.arn}\nsource_profile = base\n"
        + f"[profile work]\nrole_arn = {second.arn}\nsource_profile = middle\n"
    )
    stage.environ["AWS_PROFILE"] = "work"


def role_from_environment(stage: Stage) -> None:
    role = stage.aws.role()
    stage.login()
    stage.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_source = Environment\n")
    # The keys in the environment would win over AWS_PROFILE: a default profile lets them be
    # the role's source alone.
    stage.environ["AWS_PROFILE"] = "work"


def role_from_instance(stage: Stage) -> None:
    role = stage.aws.role()
    instance(stage)
    stage.config(
        f"[profile work]\nrole_arn = {role.arn}\ncredential_source = Ec2InstanceMetadata\n"
    )
    stage.environ["AWS_PROFILE"] = "work"


def role_from_container(stage: Stage) -> None:
    role = stage.aws.role()
    container(stage)
    stage.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_source = EcsContainer\n")
    stage.environ["AWS_PROFILE"] = "work"


def web_identity(stage: Stage) -> None:
    role = stage.aws.role()
    stage.aws.web_identity_tokens.add("oidc-token-of-a-pod")
    stage.environ |= {
        "AWS_ROLE_ARN": role.arn,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(stage.file("oidc", "oidc-token-of-a-pod")),
    }


def web_identity_profile(stage: Stage) -> None:
    role = stage.aws.role()
    stage.aws.web_identity_tokens.add("oidc-token-of-a-job")
    token = stage.file("oidc", "oidc-token-of-a-job")
    stage.config(f"[default]\nrole_arn = {role.arn}\nweb_identity_token_file = {token}\n")


def sso_session(stage: Stage) -> None:
    stage.config(
        "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n"
        f"[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = {START_URL}\n"
    )
    stage.environ["AWS_PROFILE"] = "work"
    sso_login(stage, "corp", time.time() + 3600)


def sso_session_that_needs_a_refresh(stage: Stage) -> None:
    sso_session(stage)
    stage.aws.sso_refresh_tokens.add("refresh-me")
    sso_login(stage, "corp", time.time() - 60, refresh="refresh-me")


def sso_legacy(stage: Stage) -> None:
    stage.config(
        "[profile work]\nsso_account_id = 123456789012\nsso_role_name = Dev\n"
        f"sso_region = eu-west-1\nsso_start_url = {START_URL}\n"
    )
    stage.environ["AWS_PROFILE"] = "work"
    sso_login(stage, START_URL, time.time() + 3600)


def process_answer(stage: Stage, expires: str = FAR) -> str:
    """Return what a credential_process prints: new keys, and when they are to expire."""
    keys = stage.aws.session(f"arn:aws:iam::{ACCOUNT}:role/process")
    answer = {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.session_token,
        "Expiration": expires,
    }
    return json.dumps(answer)


def credential_process(stage: Stage) -> None:
    process(stage, f"print({process_answer(stage)!r})")


def container(stage: Stage) -> None:
    stage.aws.container_authorization = "let-me-in"
    stage.environ |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stage.server.url}/container/v1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let-me-in",
    }


def pod_identity(stage: Stage) -> None:
    stage.aws.container_authorization = "let-this-pod-in"
    token = stage.file("pod-token", "let-this-pod-in")
    stage.environ |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stage.server.url}/container/pod",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }


def instance(stage: Stage) -> None:
    stage.aws.instance_role = stage.aws.role("instance").arn
    stage.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = stage.server.url
    stage.environ.pop("AWS_EC2_METADATA_DISABLED")


ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role"
USER = f"arn:aws:iam::{ACCOUNT}:user/dev"
# set-up -> who asks ECR in the end, and the calls that one cold get makes besides ECR's
SOURCES: dict[Callable[[Stage], None], tuple[str, dict[str, int]]] = {
    environment: (USER, {}),
    environment_with_session: (f"{ASSUMED}/puller/session", {}),
    credentials_file: (USER, {}),
    named_profile: (USER, {}),
    assumed_role: (f"{ASSUMED}/puller/session", {"sts:AssumeRole": 1}),
    chained_roles: (f"{ASSUMED}/second/session", {"sts:AssumeRole": 2}),
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
    credential_process: (f"{ASSUMED}/process/session", {}),
    container: (f"{ASSUMED}/task/session", {"container": 1}),
    pod_identity: (f"{ASSUMED}/task/session", {"container": 1}),
    instance: (f"{ASSUMED}/instance/session", {"imds:token": 1, "imds:credentials": 2}),
}


def process(stage: Stage, code: str) -> Path:
    """Make `code`, in Python, the credential_process of the default profile."""
    program = stage.file("process.py", code)
    stage.config(f'[default]\ncredential_process = "{sys.executable}" "{program}"\n')
    return program


def sso_login(stage: Stage, name: str, until: float, refresh: str | None = None) -> None:
    """Do what `aws sso login` does: leave an access token in the AWS CLI's cache.

    The file's name is the SHA-1 of the session's name, or of the legacy start URL (botocore,
    SSOTokenLoader).
    """
    token = f"sso-access-token-{len(stage.aws.sso_tokens)}"
    stage.aws.sso_tokens[token] = until
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
    stage.file(f"home/.aws/sso/cache/{file}", json.dumps(fields))


def cli_cached_role(stage: Stage, arguments: dict[str, str], keys: Keys) -> None:
    """Do what `aws` does after an MFA code: leave a role's credentials in its cache.

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
    stage.file(f"home/.aws/cli/cache/{file}", json.dumps(fields))


def _profile(section: str, keys: Keys) -> str:
    return (
        f"[{section}]\naws_access_key_id = {keys.access_key}\n"
        f"aws_secret_access_key = {keys.secret_key}\n"
    )
