"""Every cause of failure with its own text, each set up on a machine.

It is a table, so that other tests (of secrets, and of the binary) can run through all of them.
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.world import aws as world
from tests.world import credential_sources
from tests.world.machine import Machine
from tests.world.web import Authority, WebServer


@dataclass(frozen=True)
class Failure:
    """A set-up that fails, and what the error must say: the cause, then the fix."""

    set_up: Callable[[Machine], None]
    cause: str
    cure: str
    calls: int | None = None
    """The number of ECR calls, where it is part of the fact."""


def _nothing(_: Machine) -> None:
    pass


def _in_container(machine: Machine) -> None:
    # Not in a container: test_explain.py in unit/aws/errors tests the text for containers.
    machine.environ.pop("AWS_EC2_METADATA_DISABLED")
    machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:9"


def _sso_expired(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    credential_sources.sso_login(machine, "corp", time.time() - 60)


def _sso_never(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    for file in (machine.home / ".aws" / "sso" / "cache").iterdir():
        file.unlink()


def _sso_refresh_refused(machine: Machine) -> None:
    credential_sources.sso_session_that_needs_a_refresh(machine)
    machine.aws.sso_refresh_tokens.clear()


def _sso_legacy_expired(machine: Machine) -> None:
    credential_sources.sso_legacy(machine)
    credential_sources.sso_login(machine, credential_sources.START_URL, time.time() - 60)


def _sso_revoked(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    machine.aws.sso_tokens.clear()


def _sso_behind_a_role(machine: Machine) -> None:
    _sso_expired(machine)
    role = machine.aws.role()
    path = machine.home / ".aws" / "config"
    path.write_text(
        path.read_text() + f"[profile role]\nrole_arn = {role.arn}\nsource_profile = work\n"
    )
    machine.environ["AWS_PROFILE"] = "role"


def _keys_expired(machine: Machine) -> None:
    role = machine.aws.role()
    machine.environ |= machine.aws.session(role.arn, life=-60).environ


def _keys_declared_expired(machine: Machine) -> None:
    credential_sources.environment_with_session(machine)
    machine.environ["AWS_CREDENTIAL_EXPIRATION"] = "2020-01-01T00:00:00Z"


def _process_expired(machine: Machine) -> None:
    fields: dict[str, object] = {"Version": 1}
    fields |= {"AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C"}
    fields["Expiration"] = "2020-01-01T00:00:00Z"
    credential_sources.process(machine, f"print({json.dumps(fields)!r})")


def _token_with_line_breaks(machine: Machine) -> None:
    credential_sources.environment_with_session(machine)
    token = machine.environ["AWS_SESSION_TOKEN"]
    machine.environ["AWS_SESSION_TOKEN"] = "\n".join(
        token[at : at + 76] for at in range(0, 400, 76)
    )


def _key_with_a_line_break(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_ACCESS_KEY_ID"] += "\nX"


def _sso_not_assigned(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    fault = world.refuse("ForbiddenException", "No access", 403)
    machine.aws.faults["sso:GetRoleCredentials"] = fault


def _sso_damaged(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    for file in (machine.home / ".aws" / "sso" / "cache").iterdir():
        file.write_text("")


def _sso_without_a_date(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    for file in (machine.home / ".aws" / "sso" / "cache").iterdir():
        file.write_text(json.dumps({**json.loads(file.read_text()), "expiresAt": "soon"}))


def _sts_lies(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    machine.aws.faults["sts:AssumeRole"] = world.say(b"<a>not STS</a>", 200, "text/xml")


def _bundle_of_nothing(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_CA_BUNDLE"] = str(machine.file("nothing.pem", "no certificate here"))


def _plain_server(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_ENDPOINT_URL"] = machine.server.url.replace("http:", "https:")


def _proxy_with_a_slash(machine: Machine) -> None:
    machine.login()
    machine.environ["HTTPS_PROXY"] = f"http://user:proxy-pass@/word@127.0.0.1:{_free_port()}"


def _role_source_expired(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    machine.aws.faults["sts:AssumeRole"] = world.refuse("ExpiredToken", "expired", 403)


def _key_unknown(machine: Machine) -> None:
    machine.login()
    machine.aws.keys.clear()


def _key_wrong(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_SECRET_ACCESS_KEY"] = machine.aws.user("other").secret_key


def _key_half(machine: Machine) -> None:
    machine.login()
    del machine.environ["AWS_SECRET_ACCESS_KEY"]


def _denied(machine: Machine) -> None:
    machine.login()
    machine.aws.denied.add((credential_sources.USER, "ecr:GetAuthorizationToken"))


def _denied_role(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    machine.aws.denied.add((credential_sources.USER, "sts:AssumeRole"))


def _denied_web_identity(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    machine.aws.roles.clear()


def _bad_web_identity(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    machine.aws.web_identity_tokens.clear()


def _no_web_identity_file(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    (machine.root / "oidc").unlink()


def _unknown_profile(machine: Machine) -> None:
    credential_sources.named_profile(machine)
    machine.environ["AWS_PROFILE"] = "wrok"


def _unknown_profile_without_any(machine: Machine) -> None:
    machine.environ["AWS_PROFILE"] = "wrok"


def _source_profile_missing(machine: Machine) -> None:
    machine.config(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = gone\n"
    )


def _config_broken(machine: Machine) -> None:
    machine.login()
    machine.config("[default\nregion")


def _ecr_fault(fault: world.Fault) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.login()
        machine.aws.faults["ecr"] = fault

    return set_up


def _refused(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{_free_port()}"


def _resets(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_ENDPOINT_URL"] = machine.server.url
    machine.aws.faults["ecr"] = world.reset()


def _no_name(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_ENDPOINT_URL"] = "http://api.ecr.us-east-1.amazonaws.invalid"


def _no_proxy(machine: Machine) -> None:
    machine.login()
    machine.environ["HTTPS_PROXY"] = f"http://user:proxy-password@127.0.0.1:{_free_port()}"


def _untrusted(machine: Machine) -> None:
    machine.login()
    other = Authority()
    machine.environ["AWS_CA_BUNDLE"] = str(other.write_bundle(machine.root / "other.pem"))


def _no_bundle(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_CA_BUNDLE"] = str(machine.root / "missing.pem")


def _wrong_name(machine: Machine) -> None:
    # A server that presents localhost's certificate to clients that use an IP address.
    machine.login()
    server = WebServer(machine.aws.handle, authority=machine.authority, tls=True)
    machine.closing.enter_context(server)
    machine.environ["AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{server.port}"
    del machine.environ["HTTPS_PROXY"]


def _skewed(seconds: float) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.login()
        machine.aws.clock_offset = seconds

    return set_up


def _skewed_role(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    machine.aws.clock_offset = 3600


def _process(code: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        credential_sources.process(machine, code)

    return set_up


def _process_of_a_source_profile(machine: Machine) -> None:
    credential_sources.process(machine, "print('hello')")
    path = machine.home / ".aws" / "config"
    role = machine.aws.role()
    text = path.read_text().replace("[default]", "[profile base]")
    path.write_text(text + f"[default]\nrole_arn = {role.arn}\nsource_profile = base\n")


def _web_identity_expired(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = world.refuse(
        "ExpiredTokenException", "old"
    )


def _process_missing(machine: Machine) -> None:
    machine.config("[default]\ncredential_process = no-such-program --json\n")


def _container_down(machine: Machine) -> None:
    credential_sources.container(machine)
    machine.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "wrong"


def _container_elsewhere(machine: Machine) -> None:
    machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/creds"


def _imds_endpoint_bad(machine: Machine) -> None:
    machine.environ.pop("AWS_EC2_METADATA_DISABLED")
    machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "not a url"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_SSO_CURE = "run: aws sso login --profile work"
_NOT_ECR = "AWS_ENDPOINT_URL, the proxy http://127.0.0.1:"
FAILURES = {
    "no credentials": Failure(
        _nothing,
        "no AWS credentials found in the environment, in profile 'default'",
        "AWS_PROFILE",
        0,
    ),
    "no credentials, metadata unreachable": Failure(
        _in_container, "no AWS credentials found", "AWS_PROFILE", 0
    ),
    "SSO session expired": Failure(_sso_expired, "SSO session of AWS profile 'work'", _SSO_CURE, 0),
    "SSO never logged in": Failure(_sso_never, "or was never begun", _SSO_CURE, 0),
    "SSO session not renewed": Failure(_sso_refresh_refused, "has expired", _SSO_CURE, 0),
    "legacy SSO expired": Failure(_sso_legacy_expired, "has expired", _SSO_CURE, 0),
    "SSO session revoked": Failure(_sso_revoked, "has expired", _SSO_CURE, 0),
    "SSO session of a source profile": Failure(_sso_behind_a_role, "profile 'work'", _SSO_CURE, 0),
    "expired keys": Failure(
        _keys_expired,
        "the AWS credentials from the environment have expired",
        "export fresh AWS_ACCESS_KEY_ID",
        1,
    ),
    "expired keys that say so": Failure(
        _keys_declared_expired, "credentials from the environment have expired", "export fresh", 0
    ),
    "expired keys of a credential_process": Failure(
        _process_expired,
        "the AWS credentials from credential_process of profile 'default' have expired",
        "renew them",
        0,
    ),
    "a session token with line breaks": Failure(
        _token_with_line_breaks, "AWS_SESSION_TOKEN has a line break in it", "again on one line", 0
    ),
    "an access key with a line break": Failure(
        _key_with_a_line_break, "AWS_ACCESS_KEY_ID has a line break in it", "again on one line", 0
    ),
    "SSO role not assigned": Failure(
        _sso_not_assigned,
        "this AWS identity may not call sso:GetRoleCredentials",
        "ask for this permission set",
        0,
    ),
    "SSO session damaged": Failure(_sso_damaged, "or was never begun", _SSO_CURE, 0),
    "SSO session without a date": Failure(_sso_without_a_date, "or was never begun", _SSO_CURE, 0),
    "an answer that is not STS's": Failure(
        _sts_lies,
        "the answer from STS at https://sts.us-east-1.amazonaws.com is not a valid STS response",
        _NOT_ECR,
        0,
    ),
    "CA bundle without certificates": Failure(
        _bundle_of_nothing, "nothing.pem cannot be used", "point AWS_CA_BUNDLE", 0
    ),
    "TLS to a server without": Failure(_plain_server, "no TLS connection to", "endpoint's URL", 0),
    "proxy down, with a slash in its password": Failure(
        _proxy_with_a_slash, "127.0.0.1", "HTTPS_PROXY", 0
    ),
    "explicit deny": Failure(
        _ecr_fault(
            world.refuse(
                "AccessDeniedException",
                f"User: {credential_sources.USER} is not authorized to perform:"
                " ecr:GetAuthorizationToken on "
                "resource: * with an explicit deny in a service control policy",
            )
        ),
        "may not call ecr:GetAuthorizationToken: with an explicit deny in a service control policy",
        "ask an administrator of the AWS organization to change it",
        1,
    ),
    "HTTP 429 without a body": Failure(
        _ecr_fault(world.say(b"", 429)), "ECR is throttling this account (429)", "in a minute"
    ),
    "expired keys of a role's source": Failure(
        _role_source_expired,
        "the AWS credentials from profile 'base' have expired",
        "renew them",
        0,
    ),
    "unknown key": Failure(
        _key_unknown,
        "ECR does not know the AWS access key from the environment (UnrecognizedClientException)",
        "aws sts get-caller-identity",
        1,
    ),
    "wrong secret key": Failure(
        _key_wrong, "ECR refused the signature", "secret access key does not belong", 1
    ),
    "half a key": Failure(_key_half, "incomplete", "set both", 0),
    "AccessDenied": Failure(
        _denied,
        f"{credential_sources.USER} may not call ecr:GetAuthorizationToken",
        "allow ecr:GetAuthorizationToken on resource *",
        1,
    ),
    "AccessDenied to a role": Failure(
        _denied_role,
        f"{credential_sources.USER} may not call sts:AssumeRole",
        "allow sts:AssumeRole in an IAM policy of this identity",
        0,
    ),
    "AccessDenied to a web identity": Failure(
        _denied_web_identity, "may not call sts:AssumeRoleWithWebIdentity", "trust policy", 0
    ),
    "web identity refused": Failure(
        _bad_web_identity, "STS refused the web identity token (InvalidIdentityToken)", "trusts", 0
    ),
    "web identity file missing": Failure(
        _no_web_identity_file, "oidc, which the AWS settings name, cannot be used", "fix", 0
    ),
    "unknown profile": Failure(
        _unknown_profile, "AWS profile 'wrok' is not in", "set AWS_PROFILE to one of: work", 0
    ),
    "unknown profile, and there is none": Failure(
        _unknown_profile_without_any, "AWS profile 'wrok' is not in", "unset AWS_PROFILE", 0
    ),
    "source profile missing": Failure(
        _source_profile_missing,
        "source_profile = gone of AWS profile 'default' in",
        "create that profile",
        0,
    ),
    "config file broken": Failure(
        _config_broken, ".aws/config:1: the section has no closing bracket", "write the ]", 0
    ),
    "throttled": Failure(
        _ecr_fault(world.refuse("ThrottlingException", "Rate exceeded")),
        "ECR is throttling this account (ThrottlingException), also after 3 attempts",
        "try again in a minute",
        3,
    ),
    "HTTP 500": Failure(
        _ecr_fault(world.refuse("ServerException", "oops", 500)),
        "ECR failed with HTTP 500 (ServerException), also after 3 attempts",
        "try again",
        3,
    ),
    "HTTP 503 without a body": Failure(
        _ecr_fault(world.say(b"", 503)), "ECR failed with HTTP 503", "try again", 3
    ),
    "another refusal": Failure(
        _ecr_fault(world.refuse("InvalidParameterException", "no such thing")),
        "ECR refused the request (InvalidParameterException): no such thing",
        "check the AWS identity",
        1,
    ),
    "connection refused": Failure(_refused, "refuses the connection", "firewall and HTTP_PROXY", 0),
    "connection reset": Failure(_resets, "closed the connection", "firewall and HTTP_PROXY", 3),
    "name not resolved": Failure(_no_name, "amazonaws.invalid does not resolve", "region", 0),
    "proxy down": Failure(_no_proxy, "the proxy http://127.0.0.1", "NO_PROXY", 0),
    "TLS not trusted": Failure(_untrusted, "is not trusted", "add the CA that signed it", 0),
    "TLS for another name": Failure(
        _wrong_name, "is for another name", "check AWS_ENDPOINT_URL", 0
    ),
    "CA bundle missing": Failure(_no_bundle, "missing.pem", "point AWS_CA_BUNDLE", 0),
    "an HTML page": Failure(
        _ecr_fault(world.say(b"<html>Sign in to the airport's network</html>")),
        "https://api.ecr.us-east-1.amazonaws.com is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "an HTML page that refuses": Failure(
        _ecr_fault(world.say(b"<html>Forbidden</html>", 403)),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "JSON that is not ECR's": Failure(
        _ecr_fault(world.say(b'{"hello": "world"}', 200, "application/json")),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "a token that is none": Failure(
        _ecr_fault(
            world.say(b'{"authorizationData": [{"authorizationToken": "%%", "expiresAt": 2e9}]}')
        ),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "an expiry that is none": Failure(
        _ecr_fault(world.say(b'{"authorizationData": [{"authorizationToken": "QVdTOng="}]}')),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "an expiry that is a word": Failure(
        _ecr_fault(
            world.say(
                b'{"authorizationData": [{"authorizationToken": "QVdTOng=", "expiresAt": "soon"}]}'
            )
        ),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "a list in place of an object": Failure(
        _ecr_fault(world.say(b"[]", 200, "application/x-amz-json-1.1")),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "JSON without an end": Failure(
        _ecr_fault(world.say(b"[" * 200_000, 200, "application/x-amz-json-1.1")),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "an empty list": Failure(
        _ecr_fault(world.say(b'{"authorizationData": []}')),
        "is not a valid ECR response",
        _NOT_ECR,
        1,
    ),
    "an expired new token": Failure(
        _ecr_fault(
            world.say(
                b'{"authorizationData": [{"authorizationToken": "QVdTOng=", "expiresAt": 1e9}]}'
            )
        ),
        "has already expired",
        "check this machine's clock",
        1,
    ),
    "clock behind": Failure(
        _skewed(1800), "this machine's clock is 30 minutes behind AWS's", "set the clock"
    ),
    "clock ahead": Failure(
        _skewed(-86400), "this machine's clock is 1440 minutes ahead of AWS's", "set the clock"
    ),
    "clock behind, at STS": Failure(
        _skewed_role, "clock is 60 minutes behind AWS's", "set the clock"
    ),
    "credential_process fails": Failure(
        _process("import sys; sys.exit('vault is sealed')"),
        "credential_process of AWS profile 'default' failed: vault is sealed",
        "run that command in a terminal",
        0,
    ),
    "credential_process prints no JSON": Failure(
        _process("print('hello')"), "did not print the JSON", "AccessKeyId", 0
    ),
    "credential_process prints another version": Failure(
        _process("print('{\"Version\": 2}')"), "printed 2 as Version", '"Version": 1', 0
    ),
    "credential_process prints a list": Failure(
        _process("print('[]')"), "did not print the JSON", "AccessKeyId", 0
    ),
    "credential_process of a source profile": Failure(
        _process_of_a_source_profile,
        "credential_process of AWS profile 'base' did not print the JSON",
        "AccessKeyId",
        0,
    ),
    "web identity expired": Failure(
        _web_identity_expired,
        "STS refused the web identity token (ExpiredTokenException)",
        "token file is renewed",
        0,
    ),
    "credential_process missing": Failure(
        _process_missing, "no-such-program", "give the program's full path", 0
    ),
    "container endpoint refuses": Failure(
        _container_down,
        "the container credentials endpoint failed",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        0,
    ),
    "container endpoint elsewhere": Failure(
        _container_elsewhere,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI: Unsupported host 'example.com'",
        "write an https address",
        0,
    ),
    "metadata endpoint is no URL": Failure(
        _imds_endpoint_bad,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT = not a url is not valid",
        "write a URL",
        0,
    ),
}
