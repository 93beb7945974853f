"""Every cause of failure that has a text of its own, each set up on a stage.

A table, so that other tests (of secrets, and of the binary) can run through all of them.
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests import sources
from tests.stage import Stage
from tests.world import aws as world
from tests.world.web import Authority, WebServer


@dataclass(frozen=True)
class Cause:
    """A set-up that fails, and what the error has to say: the cause, then the cure."""

    set_up: Callable[[Stage], None]
    cause: str
    cure: str
    calls: int | None = None
    """How many calls of ECR it takes, where that is part of the fact."""


def _nothing(_: Stage) -> None:
    pass


def _in_container(stage: Stage) -> None:
    # Not in a container: what is shown there is tested by test_aws_errors, in code.
    stage.environ.pop("AWS_EC2_METADATA_DISABLED")
    stage.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:9"


def _sso_expired(stage: Stage) -> None:
    sources.sso_session(stage)
    sources.sso_login(stage, "corp", time.time() - 60)


def _sso_never(stage: Stage) -> None:
    sources.sso_session(stage)
    for file in (stage.home / ".aws" / "sso" / "cache").iterdir():
        file.unlink()


def _sso_refresh_refused(stage: Stage) -> None:
    sources.sso_session_that_needs_a_refresh(stage)
    stage.aws.sso_refresh_tokens.clear()


def _sso_legacy_expired(stage: Stage) -> None:
    sources.sso_legacy(stage)
    sources.sso_login(stage, sources.START_URL, time.time() - 60)


def _sso_revoked(stage: Stage) -> None:
    sources.sso_session(stage)
    stage.aws.sso_tokens.clear()


def _sso_behind_a_role(stage: Stage) -> None:
    _sso_expired(stage)
    role = stage.aws.role()
    path = stage.home / ".aws" / "config"
    path.write_text(
        path.read_text() + f"[profile role]\nrole_arn = {role.arn}\nsource_profile = work\n"
    )
    stage.environ["AWS_PROFILE"] = "role"


def _keys_expired(stage: Stage) -> None:
    role = stage.aws.role()
    stage.environ |= stage.aws.session(role.arn, life=-60).environ


def _keys_declared_expired(stage: Stage) -> None:
    sources.environment_with_session(stage)
    stage.environ["AWS_CREDENTIAL_EXPIRATION"] = "2020-01-01T00:00:00Z"


def _process_expired(stage: Stage) -> None:
    fields: dict[str, object] = {"Version": 1}
    fields |= {"AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C"}
    fields["Expiration"] = "2020-01-01T00:00:00Z"
    sources.process(stage, f"print({json.dumps(fields)!r})")


def _token_with_line_breaks(stage: Stage) -> None:
    sources.environment_with_session(stage)
    token = stage.environ["AWS_SESSION_TOKEN"]
    stage.environ["AWS_SESSION_TOKEN"] = "\n".join(token[at : at + 76] for at in range(0, 400, 76))


def _key_with_a_line_break(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_ACCESS_KEY_ID"] += "\nX"


def _sso_not_assigned(stage: Stage) -> None:
    sources.sso_session(stage)
    fault = world.refuse("ForbiddenException", "No access", 403)
    stage.aws.faults["sso:GetRoleCredentials"] = fault


def _sso_damaged(stage: Stage) -> None:
    sources.sso_session(stage)
    for file in (stage.home / ".aws" / "sso" / "cache").iterdir():
        file.write_text("")


def _sso_without_a_date(stage: Stage) -> None:
    sources.sso_session(stage)
    for file in (stage.home / ".aws" / "sso" / "cache").iterdir():
        file.write_text(json.dumps({**json.loads(file.read_text()), "expiresAt": "soon"}))


def _sts_lies(stage: Stage) -> None:
    sources.assumed_role(stage)
    stage.aws.faults["sts:AssumeRole"] = world.say(b"<a>not STS</a>", 200, "text/xml")


def _bundle_of_nothing(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_CA_BUNDLE"] = str(stage.file("nothing.pem", "no certificate here"))


def _plain_server(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_ENDPOINT_URL"] = stage.server.url.replace("http:", "https:")


def _proxy_with_a_slash(stage: Stage) -> None:
    stage.login()
    stage.environ["HTTPS_PROXY"] = f"http://user:proxy-pass@/word@127.0.0.1:{_free_port()}"


def _role_source_expired(stage: Stage) -> None:
    sources.assumed_role(stage)
    stage.aws.faults["sts:AssumeRole"] = world.refuse("ExpiredToken", "expired", 403)


def _key_unknown(stage: Stage) -> None:
    stage.login()
    stage.aws.keys.clear()


def _key_wrong(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_SECRET_ACCESS_KEY"] = stage.aws.user("other").secret_key


def _key_half(stage: Stage) -> None:
    stage.login()
    del stage.environ["AWS_SECRET_ACCESS_KEY"]


def _denied(stage: Stage) -> None:
    stage.login()
    stage.aws.denied.add((sources.USER, "ecr:GetAuthorizationToken"))


def _denied_role(stage: Stage) -> None:
    sources.assumed_role(stage)
    stage.aws.denied.add((sources.USER, "sts:AssumeRole"))


def _denied_web_identity(stage: Stage) -> None:
    sources.web_identity(stage)
    stage.aws.roles.clear()


def _bad_web_identity(stage: Stage) -> None:
    sources.web_identity(stage)
    stage.aws.web_identity_tokens.clear()


def _no_web_identity_file(stage: Stage) -> None:
    sources.web_identity(stage)
    (stage.root / "oidc").unlink()


def _unknown_profile(stage: Stage) -> None:
    sources.named_profile(stage)
    stage.environ["AWS_PROFILE"] = "wrok"


def _unknown_profile_without_any(stage: Stage) -> None:
    stage.environ["AWS_PROFILE"] = "wrok"


def _source_profile_missing(stage: Stage) -> None:
    stage.config("[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = gone\n")


def _config_broken(stage: Stage) -> None:
    stage.login()
    stage.config("[default\nregion")


def _ecr_fault(fault: world.Fault) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.login()
        stage.aws.faults["ecr"] = fault

    return set_up


def _refused(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{_free_port()}"


def _resets(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_ENDPOINT_URL"] = stage.server.url
    stage.aws.faults["ecr"] = world.reset()


def _no_name(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_ENDPOINT_URL"] = "http://api.ecr.us-east-1.amazonaws.invalid"


def _no_proxy(stage: Stage) -> None:
    stage.login()
    stage.environ["HTTPS_PROXY"] = f"http://user:proxy-password@127.0.0.1:{_free_port()}"


def _untrusted(stage: Stage) -> None:
    stage.login()
    other = Authority()
    stage.environ["AWS_CA_BUNDLE"] = str(other.write_bundle(stage.root / "other.pem"))


def _no_bundle(stage: Stage) -> None:
    stage.login()
    stage.environ["AWS_CA_BUNDLE"] = str(stage.root / "missing.pem")


def _wrong_name(stage: Stage) -> None:
    # A server that shows localhost's certificate to whoever asks for an address.
    stage.login()
    server = WebServer(stage.aws.handle, authority=stage.authority, tls=True)
    stage.closing.enter_context(server)
    stage.environ["AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{server.port}"
    del stage.environ["HTTPS_PROXY"]


def _skewed(seconds: float) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.login()
        stage.aws.clock_offset = seconds

    return set_up


def _skewed_role(stage: Stage) -> None:
    sources.assumed_role(stage)
    stage.aws.clock_offset = 3600


def _process(code: str) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        sources.process(stage, code)

    return set_up


def _process_of_a_source_profile(stage: Stage) -> None:
    sources.process(stage, "print('hello')")
    path = stage.home / ".aws" / "config"
    role = stage.aws.role()
    text = path.read_text().replace("[default]", "[profile base]")
    path.write_text(text + f"[default]\nrole_arn = {role.arn}\nsource_profile = base\n")


def _web_identity_expired(stage: Stage) -> None:
    sources.web_identity(stage)
    stage.aws.faults["sts:AssumeRoleWithWebIdentity"] = world.refuse("ExpiredTokenException", "old")


def _process_missing(stage: Stage) -> None:
    stage.config("[default]\ncredential_process = no-such-program --json\n")


def _container_down(stage: Stage) -> None:
    sources.container(stage)
    stage.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "wrong"


def _container_elsewhere(stage: Stage) -> None:
    stage.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/creds"


def _imds_endpoint_bad(stage: Stage) -> None:
    stage.environ.pop("AWS_EC2_METADATA_DISABLED")
    stage.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "not a url"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_SSO_CURE = "run: aws sso login --profile work"
_NOT_ECR = "AWS_ENDPOINT_URL, HTTPS_PROXY"
CAUSES = {
    "no credentials": Cause(
        _nothing,
        "no AWS credentials found in the environment, in profile 'default'",
        "AWS_PROFILE",
        0,
    ),
    "no credentials, metadata unreachable": Cause(
        _in_container, "no AWS credentials found", "AWS_PROFILE", 0
    ),
    "SSO session expired": Cause(_sso_expired, "SSO session of AWS profile 'work'", _SSO_CURE, 0),
    "SSO never logged in": Cause(_sso_never, "or was never begun", _SSO_CURE, 0),
    "SSO session not renewed": Cause(_sso_refresh_refused, "has expired", _SSO_CURE, 0),
    "legacy SSO expired": Cause(_sso_legacy_expired, "has expired", _SSO_CURE, 0),
    "SSO session revoked": Cause(_sso_revoked, "has expired", _SSO_CURE, 0),
    "SSO session of a source profile": Cause(_sso_behind_a_role, "profile 'work'", _SSO_CURE, 0),
    "expired keys": Cause(
        _keys_expired,
        "the AWS credentials from the environment have expired",
        "export fresh AWS_ACCESS_KEY_ID",
        1,
    ),
    "expired keys that say so": Cause(
        _keys_declared_expired, "credentials from the environment have expired", "export fresh", 0
    ),
    "expired keys of a credential_process": Cause(
        _process_expired,
        "the AWS credentials from credential_process of profile 'default' have expired",
        "renew them",
        0,
    ),
    "a session token with line breaks": Cause(
        _token_with_line_breaks, "from the environment hold a line break", "each on one line", 0
    ),
    "an access key with a line break": Cause(
        _key_with_a_line_break, "from the environment hold a line break", "each on one line", 0
    ),
    "SSO role not assigned": Cause(
        _sso_not_assigned,
        "this AWS identity may not call sso:GetRoleCredentials",
        "ask for this permission set",
        0,
    ),
    "SSO session damaged": Cause(_sso_damaged, "or was never begun", _SSO_CURE, 0),
    "SSO session without a date": Cause(_sso_without_a_date, "or was never begun", _SSO_CURE, 0),
    "an answer that is not STS's": Cause(
        _sts_lies,
        "the answer from STS at https://sts.us-east-1.amazonaws.com is not STS's",
        _NOT_ECR,
        0,
    ),
    "CA bundle without certificates": Cause(
        _bundle_of_nothing, "nothing.pem cannot be used", "point AWS_CA_BUNDLE", 0
    ),
    "TLS to a server without": Cause(_plain_server, "no TLS connection to", "endpoint's URL", 0),
    "proxy down, with a slash in its password": Cause(
        _proxy_with_a_slash, "127.0.0.1", "HTTPS_PROXY", 0
    ),
    "explicit deny": Cause(
        _ecr_fault(
            world.refuse(
                "AccessDeniedException",
                f"User: {sources.USER} is not authorized to perform: ecr:GetAuthorizationToken on "
                "resource: * with an explicit deny in a service control policy",
            )
        ),
        "may not call ecr:GetAuthorizationToken: with an explicit deny in a service control policy",
        "only whoever wrote that policy",
        1,
    ),
    "HTTP 429 without a body": Cause(
        _ecr_fault(world.say(b"", 429)), "ECR is throttling this account (429)", "in a minute"
    ),
    "expired keys of a role's source": Cause(
        _role_source_expired,
        "the AWS credentials from profile 'base' have expired",
        "renew them",
        0,
    ),
    "unknown key": Cause(
        _key_unknown,
        "ECR does not know the AWS access key from the environment (UnrecognizedClientException)",
        "aws sts get-caller-identity",
        1,
    ),
    "wrong secret key": Cause(
        _key_wrong, "ECR refused the signature", "secret access key does not belong", 1
    ),
    "half a key": Cause(_key_half, "incomplete", "set both", 0),
    "AccessDenied": Cause(
        _denied,
        f"{sources.USER} may not call ecr:GetAuthorizationToken",
        "allow ecr:GetAuthorizationToken on resource *",
        1,
    ),
    "AccessDenied to a role": Cause(
        _denied_role, f"{sources.USER} may not call sts:AssumeRole", "trust policy", 0
    ),
    "AccessDenied to a web identity": Cause(
        _denied_web_identity, "may not call sts:AssumeRoleWithWebIdentity", "trust policy", 0
    ),
    "web identity refused": Cause(
        _bad_web_identity, "STS refused the web identity token (InvalidIdentityToken)", "trusts", 0
    ),
    "web identity file missing": Cause(
        _no_web_identity_file, "oidc, which the AWS settings name, cannot be used", "mend", 0
    ),
    "unknown profile": Cause(
        _unknown_profile, "AWS profile 'wrok' is not in", "set AWS_PROFILE to one of: work", 0
    ),
    "unknown profile, and there is none": Cause(
        _unknown_profile_without_any, "AWS profile 'wrok' is not in", "unset AWS_PROFILE", 0
    ),
    "source profile missing": Cause(
        _source_profile_missing, "the AWS settings are wrong", ".aws/config", 0
    ),
    "config file broken": Cause(_config_broken, "the AWS settings are wrong", ".aws/config", 0),
    "throttled": Cause(
        _ecr_fault(world.refuse("ThrottlingException", "Rate exceeded")),
        "ECR is throttling this account (ThrottlingException), also after 3 attempts",
        "try again in a minute",
        3,
    ),
    "HTTP 500": Cause(
        _ecr_fault(world.refuse("ServerException", "oops", 500)),
        "ECR failed with HTTP 500 (ServerException), also after 3 attempts",
        "try again",
        3,
    ),
    "HTTP 503 without a body": Cause(
        _ecr_fault(world.say(b"", 503)), "ECR failed with HTTP 503", "try again", 3
    ),
    "another refusal": Cause(
        _ecr_fault(world.refuse("InvalidParameterException", "no such thing")),
        "ECR refused the request (InvalidParameterException): no such thing",
        "check the AWS identity",
        1,
    ),
    "connection refused": Cause(_refused, "refuses the connection", "firewall and HTTPS_PROXY", 0),
    "connection reset": Cause(_resets, "broke off the connection", "firewall and HTTPS_PROXY", 3),
    "name not resolved": Cause(_no_name, "amazonaws.invalid does not resolve", "region", 0),
    "proxy down": Cause(_no_proxy, "the proxy http://127.0.0.1", "NO_PROXY", 0),
    "TLS not trusted": Cause(_untrusted, "is not trusted", "set AWS_CA_BUNDLE to a PEM file", 0),
    "TLS for another name": Cause(_wrong_name, "is not trusted", "set AWS_CA_BUNDLE", 0),
    "CA bundle missing": Cause(_no_bundle, "missing.pem", "point AWS_CA_BUNDLE", 0),
    "an HTML page": Cause(
        _ecr_fault(world.say(b"<html>Sign in to the airport's network</html>")),
        "the answer from ECR at https://api.ecr.us-east-1.amazonaws.com is not ECR's",
        _NOT_ECR,
        1,
    ),
    "an HTML page that refuses": Cause(
        _ecr_fault(world.say(b"<html>Forbidden</html>", 403)), "is not ECR's", _NOT_ECR, 1
    ),
    "JSON that is not ECR's": Cause(
        _ecr_fault(world.say(b'{"hello": "world"}', 200, "application/json")),
        "is not ECR's",
        _NOT_ECR,
        1,
    ),
    "a token that is none": Cause(
        _ecr_fault(
            world.say(b'{"authorizationData": [{"authorizationToken": "%%", "expiresAt": 2e9}]}')
        ),
        "is not ECR's",
        _NOT_ECR,
        1,
    ),
    "an expiry that is none": Cause(
        _ecr_fault(world.say(b'{"authorizationData": [{"authorizationToken": "QVdTOng="}]}')),
        "is not ECR's",
        _NOT_ECR,
        1,
    ),
    "an expiry that is a word": Cause(
        _ecr_fault(
            world.say(
                b'{"authorizationData": [{"authorizationToken": "QVdTOng=", "expiresAt": "soon"}]}'
            )
        ),
        "is not ECR's",
        _NOT_ECR,
        1,
    ),
    "a list in place of an object": Cause(
        _ecr_fault(world.say(b"[]", 200, "application/x-amz-json-1.1")), "is not ECR's", _NOT_ECR, 1
    ),
    "JSON without an end": Cause(
        _ecr_fault(world.say(b"[" * 200_000, 200, "application/x-amz-json-1.1")),
        "is not ECR's",
        _NOT_ECR,
        1,
    ),
    "an empty list": Cause(
        _ecr_fault(world.say(b'{"authorizationData": []}')), "is not ECR's", _NOT_ECR, 1
    ),
    "a token born dead": Cause(
        _ecr_fault(
            world.say(
                b'{"authorizationData": [{"authorizationToken": "QVdTOng=", "expiresAt": 1e9}]}'
            )
        ),
        "has already expired",
        "check this machine's clock",
        1,
    ),
    "clock behind": Cause(
        _skewed(1800), "this machine's clock is 30 minutes behind AWS's", "set the clock"
    ),
    "clock ahead": Cause(
        _skewed(-86400), "this machine's clock is 1440 minutes ahead of AWS's", "set the clock"
    ),
    "clock behind, at STS": Cause(
        _skewed_role, "clock is 60 minutes behind AWS's", "set the clock"
    ),
    "credential_process fails": Cause(
        _process("import sys; sys.exit('vault is sealed')"),
        "credential_process of AWS profile 'default' failed: vault is sealed",
        "run that command in a terminal",
        0,
    ),
    "credential_process prints no JSON": Cause(
        _process("print('hello')"), "printed something that is not the JSON", "AccessKeyId", 0
    ),
    "credential_process prints another version": Cause(
        _process("print('{\"Version\": 2}')"), "Unsupported version '2'", "run that command", 0
    ),
    "credential_process prints a list": Cause(
        _process("print('[]')"), "printed something that is not the JSON", "AccessKeyId", 0
    ),
    "credential_process of a source profile": Cause(
        _process_of_a_source_profile,
        "credential_process of AWS profile 'base' printed something that is not the JSON",
        "AccessKeyId",
        0,
    ),
    "web identity expired": Cause(
        _web_identity_expired,
        "STS refused the web identity token (ExpiredTokenException)",
        "token file is renewed",
        0,
    ),
    "credential_process missing": Cause(
        _process_missing, "no-such-program", "give the program's full path", 0
    ),
    "container endpoint refuses": Cause(
        _container_down,
        "the container credentials endpoint failed",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        0,
    ),
    "container endpoint elsewhere": Cause(
        _container_elsewhere, "Unsupported host 'example.com'", "AWS_... variables", 0
    ),
    "metadata endpoint is no URL": Cause(
        _imds_endpoint_bad, "the AWS settings are wrong", "AWS_... variables", 0
    ),
}
