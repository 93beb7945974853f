"""Canaries: a secret value in every place where one can stand, and ways to fail that echo them."""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from tests.world.aws import refuse, say
from tests.world.machine import HOST, Machine

ODD = "Kanarie-{}/+=%41&'\"é"
"""The form of a value with characters that are written in another way in URLs, JSON and shells."""
PLAIN = "Kanarie{}x7Q"
"""The form of one that is written everywhere in the same way."""
NAMES = (
    "login",
    "store-key",
    "fields",
    "config-key",
    "config-token",
    "external-id",
    "secret-file",
    "web-identity",
    "container-token",
    "container-uri",
    "container-query",
    "bearer",
    "auth-variable",
    "proxy",
    "no-scheme",
    "no-encoding",
    "endpoint",
    "profile-endpoint",
    "rule-endpoint",
    "rule-external-id",
    "docker-auth",
    "docker-password",
    "docker-header",
    "docker-proxy",
    "sso",
    "sso-refresh",
    "sso-client",
    "process",
    "session-token",
    "boto",
)
_ODD = ("login", "fields", "config-token", "container-token", "docker-auth")
PLACES = {
    name: (ODD if name in _ODD else PLAIN).format(number) for number, name in enumerate(NAMES, 100)
}
"""A place -> the canary in it."""


def forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret may be printed."""
    data = secret.encode()
    yield secret
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(data)[2:-1])
    for before in (b"", b"AWS:", b"u:", b"xy"):
        for after in (b"", b"z", b"zz"):
            encoded = base64.b64encode(before + data + after).decode().rstrip("=")
            yield encoded[6:-3]
            yield encoded[6:-3].replace("+", "-").replace("/", "_")


def plant(machine: Machine) -> None:
    """Put a canary into every place of a machine that otherwise works."""
    at = PLACES
    machine.login()
    proxy = machine.server.url.partition("://")[2]
    machine.environ |= {
        "HTTPS_PROXY": f"http://me:{at['proxy']}%2Fx@{proxy}",
        "HTTP_PROXY": f"me:{at['no-scheme']}@{proxy}",
        "ALL_PROXY": f"http://me:{at['no-encoding']}/x@{proxy}",
        "AWS_ENDPOINT_URL_SSO": f"http://me:{at['endpoint']}@127.0.0.1:9",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": f"/v2/credentials/{at['container-uri']}",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:9/x?key={at['container-query']}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": at["container-token"],
        "AWS_BEARER_TOKEN_BEDROCK": at["bearer"],
        "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"ghcr.io": {"auth": at["auth-variable"]}}}),
    }
    machine.config(
        f"""[default]
region = us-east-1
[profile other]
aws_access_key_id = AKIAOTHER
aws_secret_access_key = {at["config-key"]}
aws_session_token = {at["config-token"]}
endpoint_url = http://me:{at["profile-endpoint"]}@127.0.0.1:9
[profile role]
role_arn = arn:aws:iam::123456789012:role/puller
source_profile = other
external_id = {at["external-id"]}
[profile web]
role_arn = arn:aws:iam::123456789012:role/puller
web_identity_token_file = {machine.file("web", at["web-identity"])}
[profile process]
credential_process = {sys.executable} -c pass --token {at["process"]}
"""
    )
    machine.config(f"[default]\naws_secret_access_key = {at['secret-file']}\n", "credentials")
    machine.file("home/.boto", f"[Credentials]\naws_secret_access_key = {at['boto']}\n")
    cached = {"startUrl": "https://a", "accessToken": at["sso"], "refreshToken": at["sso-refresh"]}
    cached |= {"clientId": "x", "clientSecret": at["sso-client"], "expiresAt": "2000-01-01T00:00Z"}
    machine.file("home/.aws/sso/cache/x.json", json.dumps(cached))
    login = base64.b64encode(f"u:{at['docker-auth']}".encode()).decode()
    machine.file(
        "home/.docker/config.json",
        json.dumps(
            {
                "auths": {
                    HOST: {"auth": login},
                    f"https://me:{at['docker-password']}@a.test": {},
                    "b.test": {"username": "u", "password": at["docker-password"]},
                },
                "HttpHeaders": {"X-Meta": at["docker-header"]},
                "proxies": {"default": {"httpProxy": f"http://me:{at['docker-proxy']}@p:1"}},
            },
            indent=1,
        ),
    )
    machine.settings(
        f"""[[registry]]
match = "other.example.com"
registry = "{HOST}"
endpoint_url = "http://127.0.0.1:9"
role_arn = "arn:aws:iam::123456789012:role/puller"
external_id = "{at["rule-external-id"]}"
"""
    )


def _echo_of_known() -> str:
    """Return the canaries that a `get` reads, as they are and encoded."""
    unread = ("login", "store-key", "fields", "sso", "docker-", "session-token", "rule-endpoint")
    known = [value for name, value in PLACES.items() if not name.startswith(unread)]
    return " ".join(form for value in known for form in (value, quote(value, safe="")))


def _echo(machine: Machine) -> None:
    machine.aws.faults["ecr"] = refuse("SomethingNewException", _echo_of_known())


def _deny(machine: Machine) -> None:
    text = f"User: arn:aws:iam::1:user/{PLACES['external-id']} is not authorized to perform: "
    text += f"ecr:{PLACES['bearer']} on resource: * with an explicit deny: {PLACES['bearer']}"
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", text)


def _not_aws(machine: Machine) -> None:
    page = " ".join(PLACES.values()).encode()
    machine.aws.faults["ecr"] = say(page, 500)


def _process(machine: Machine) -> None:
    code = f"import sys; sys.exit({_echo_of_known()!r})"
    script = machine.file("process.py", code)
    _use(machine, f"credential_process = {sys.executable} {script} --token {PLACES['process']}")


def _process_prints(machine: Machine) -> None:
    script = machine.file("process.py", f"print({' '.join(PLACES.values())!r})")
    _use(machine, f"credential_process = {sys.executable} {script}")


def _missing_process(machine: Machine) -> None:
    _use(machine, f"credential_process = /missing --token {PLACES['process']}")


def _use(machine: Machine, setting: str) -> None:
    del machine.environ["AWS_ACCESS_KEY_ID"]
    path = machine.home / ".aws" / "config"
    path.write_text(f"{path.read_text()}[profile chosen]\n{setting}\n")
    machine.environ["AWS_PROFILE"] = "chosen"


def _damaged_config(machine: Machine) -> None:
    path = machine.home / ".aws" / "config"
    path.write_text(f"{path.read_text()}\n{PLACES['config-key']}\n[profile x\n")


def _damaged_settings(machine: Machine) -> None:
    machine.settings(f'[[registry]]\nmatch = "*"\nexternal_id = "{PLACES["rule-external-id"]} !"\n')


def _endpoint_with_password(machine: Machine) -> None:
    machine.environ["AWS_ENDPOINT_URL_ECR"] = f"http://me:{PLACES['endpoint']}/x@127.0.0.1:9/y"


def _rule_with_password(machine: Machine) -> None:
    url = f"http://me:{PLACES['rule-endpoint']}@127.0.0.1:9"
    machine.settings(f'[[registry]]\nmatch = "{HOST}"\nendpoint_url = "{url}"\n')


def _proxy(text: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.environ["HTTPS_PROXY"] = text

    return set_up


def _container(machine: Machine) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del machine.environ[name]
    (machine.home / ".aws" / "credentials").unlink()
    (machine.home / ".boto").unlink()
    del machine.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    url = f"{machine.server.url}/{PLACES['container-uri']}?key={PLACES['container-query']}"
    machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url


def _bad_header(machine: Machine) -> None:
    machine.environ["AWS_SESSION_TOKEN"] = f"{PLACES['session-token']}\nx"


def _damaged_docker_config(machine: Machine) -> None:
    path = machine.home / ".docker" / "config.json"
    path.write_text(path.read_text().replace("{", "{ nonsense ", 2))


FAILURES: dict[str, tuple[Callable[[Machine], None], str]] = {
    "AWS echoes them": (_echo, "ECR refused the request (SomethingNewException): [redacted]"),
    "AWS denies": (_deny, "may not call ecr:GetAuthorizationToken: with an explicit deny"),
    "an answer that is not AWS's": (_not_aws, "ECR failed with HTTP 500"),
    "a process that fails": (_process, "of AWS profile 'chosen' failed: [redacted]"),
    "a process that prints them": (_process_prints, "did not print the JSON"),
    "a process that is missing": (_missing_process, "cannot be run: /missing"),
    "a damaged AWS config": (_damaged_config, "the AWS settings are wrong"),
    "damaged settings": (_damaged_settings, "external_id is not"),
    "an endpoint with a password": (_endpoint_with_password, "Port could not be cast"),
    "a rule with a password": (_rule_with_password, 'endpoint_url = "http://127.0.0.1:9" is not'),
    "a proxy with a slash in its password": (
        _proxy(f"http://me:{PLACES['no-encoding']}/x@127.0.0.1:9"),
        "the proxy http://127.0.0.1:9 refuses the connection",
    ),
    "a proxy without a scheme": (
        _proxy(f"me:{PLACES['no-scheme']}@127.0.0.1:9"),
        "the proxy http://127.0.0.1:9 refuses the connection",
    ),
    "a proxy of another kind": (
        _proxy(f"socks5://me:{PLACES['no-scheme']}@127.0.0.1:9"),
        "127.0.0.1:9",
    ),
    "a container that refuses": (_container, "nothing at GET /[redacted]"),
    "a line break in a header": (_bad_header, "has a line break in it"),
    "a damaged Docker config": (_damaged_docker_config, "it is not JSON"),
}
"""A cause of errors -> what to change on a machine with canaries, and what is then printed."""
