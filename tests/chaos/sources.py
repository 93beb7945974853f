"""The sources of identities: what each actor's deciding file or variables say at each edition."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.chaos.people import People
from tests.chaos.plan import EU, OTHER, OTHER_ACCOUNT, PRIVATE, US
from tests.world.aws import ACCOUNT, Keys
from tests.world.credential_sources import FAR, START_URL
from tests.world.machine import Machine

Arns = Mapping[str, str]
"""Host -> the ARN that its token is issued to; the key "" stands for every other ECR host."""
Text = str | None
"""A file's text; None for no file."""


@dataclass
class Source:
    """What decides an actor's identity.

    environ: the actor's variables, in which `{file}` stands for the deciding file.
    make: given the number of an edition, returns the file's text and what it means.
    empty: what an empty file means.
    file: the deciding file's name. link: the path in the home that leads to its folder.
    variables: those that `make` sets, if they decide instead of the file.
    """

    environ: dict[str, str]
    make: Callable[[int], tuple[Text, Mapping[str, Arns]]]
    empty: Mapping[str, Arns] = field(default_factory=dict)
    file: str = "settings"
    mode: int = 0o600
    link: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def keys(machine: Machine, name: str) -> Source:
    """Keys in the environment; the file has only a comment."""
    user = machine.aws.user(name)
    arns = {name: {"": user.arn}}
    environ = {**user.environ, "AWS_CONFIG_FILE": "{file}"}
    return Source(environ, lambda number: (f"# {number}\n", arns), arns)


def _profiles(machine: Machine, name: str) -> Source:
    """Two profiles of one home, with new keys after each rewrite."""

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        users = {each: machine.aws.user(f"{each}-{number}") for each in ("work", "play")}
        text = "".join(_section(each, keys) for each, keys in users.items())
        return text, {each: {"": keys.arn} for each, keys in users.items()}

    return Source({"AWS_PROFILE": name, "AWS_SHARED_CREDENTIALS_FILE": "{file}"}, make)


def _role(machine: Machine, name: str) -> Source:
    """A profile with a role, a new one after each rewrite."""
    keys = machine.aws.user("base")

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        role = machine.aws.role(f"deploy-{number}")
        text = _section("profile base", keys)
        text += f"[profile deploy]\nrole_arn = {role.arn}\nsource_profile = base\n"
        return text, {name: {"": _session(role.arn)}}

    return Source({"AWS_PROFILE": "deploy", "AWS_CONFIG_FILE": "{file}"}, make)


def _pod(machine: Machine, name: str) -> Source:
    """A web identity for one role: a new token after each rewrite, of another user every second."""
    role = machine.aws.role("pod")
    users = _users(machine)

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        token = f"oidc-token-of-the-pod-number-{number}"
        users[token] = f"pod-{number // 2}"
        machine.aws.web_identity_tokens.add(token)
        return token, {name: {"": _session(role.arn, users[token])}}

    environ = {"AWS_ROLE_ARN": role.arn, "AWS_WEB_IDENTITY_TOKEN_FILE": "{file}"}
    return Source(environ, make)


def _process(machine: Machine, name: str) -> Source:
    """A credential_process that records its arguments and environment, and may hang."""

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        keys = machine.aws.user(f"made-{number}")
        answer = {"Version": 1, "AccessKeyId": keys.access_key}
        answer["SecretAccessKey"] = keys.secret_key
        seen, hang = machine.root / "children", machine.root / "hang"
        seen.mkdir(exist_ok=True)
        script = machine.file(
            f"etc/process-{number}",
            f'(echo "$0 $*"; env) > {seen}/$$\n[ -e {hang} ] && exec sleep 20\n'
            f"echo '{json.dumps(answer)}'\n",
        )
        text = f"[profile made]\ncredential_process = /bin/sh {script}\n"
        return text, {name: {"": keys.arn}}

    return Source({"AWS_PROFILE": "made", "AWS_CONFIG_FILE": "{file}"}, make)


def _rules(machine: Machine, name: str) -> Source:
    """Rules that give each host a new identity after each rewrite, and keys in the environment.

    Without rules the private name is unknown.
    """
    ambient = machine.aws.user("ambient")
    users = [machine.aws.user(f"x-{number}") for number in range(3)]
    role = machine.aws.role("puller", OTHER_ACCOUNT)
    profiles = "".join(_section(f"profile x{at}", keys) for at, keys in enumerate(users))
    config = machine.file("etc/profiles", profiles)

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        one, two = number % 3, (number + 1) % 3
        private = f'match = "{PRIVATE}"\nregistry = "{US}"\nprofile = "x{two}"\n'
        rules = [
            f'match = "{EU}"\nprofile = "x{two}"\n',
            private,
            f'match = "{ACCOUNT}"\nprofile = "x{one}"\n',
        ]
        arns = {"": ambient.arn, EU: users[two].arn, US: users[one].arn, PRIVATE: users[two].arn}
        if number % 2 == 0:
            rules.append(f'match = "{OTHER_ACCOUNT}"\nrole_arn = "{role.arn}"\n')
            arns[OTHER] = _session(role.arn)
        return "".join(f"[[registry]]\n{rule}" for rule in rules), {name: arns}

    environ = {"AWS_CONFIG_FILE": str(config), "AWS_ECR_CONFIG": "{file}", **ambient.environ}
    return Source(environ, make, {name: {"": ambient.arn}})


_SSO_CONFIG = f"""[profile work]
sso_session = corp
sso_role_name = Dev
sso_account_id = {ACCOUNT}
[sso-session corp]
sso_region = eu-west-1
sso_start_url = {START_URL}
"""
_SSO_FILE = hashlib.sha1(b"corp").hexdigest() + ".json"


def _log_in(machine: Machine, user: str) -> tuple[str, str]:
    """Return the file of a new session of a user, as `aws sso login` writes it, and its ARN."""
    token = f"access-token-of-the-session-of-{user}"
    assert isinstance(machine.aws, People)
    machine.aws.users[token] = user
    machine.aws.sso_tokens[token] = float("inf")
    fields = {"accessToken": token, "expiresAt": FAR, "startUrl": START_URL}
    arn = _session(f"arn:aws:iam::{ACCOUNT}:role/Dev", user)
    return json.dumps(fields | {"region": "eu-west-1"}), arn


def _sso(machine: Machine, name: str) -> Source:
    """An IAM Identity Center session: `aws sso login` as another user, and `aws sso logout`."""
    config = machine.file("etc/sso-config", _SSO_CONFIG)

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        if number % 3 == 2:
            return None, {}
        text, arn = _log_in(machine, f"user-{number}")
        return text, {name: {"": arn}}

    environ = {"AWS_PROFILE": "work", "AWS_CONFIG_FILE": str(config)}
    return Source(environ, make, file=_SSO_FILE, link=".aws/sso/cache")


def _script(machine: Machine, name: str) -> Source:
    """A credential_process whose script is edited: run by a shell, or a program itself."""
    file = machine.root / "etc" / f"home-{name}" / "settings"
    command = f"/bin/sh {file}" if name == "script" else str(file)
    config = machine.file(f"etc/{name}-config", f"[profile made]\ncredential_process = {command}\n")

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        keys = machine.aws.user(f"{name}-{number}")
        answer = {"Version": 1, "AccessKeyId": keys.access_key}
        answer["SecretAccessKey"] = keys.secret_key
        return f"#!/bin/sh\necho '{json.dumps(answer)}'\n", {name: {"": keys.arn}}

    environ = {"AWS_PROFILE": "made", "AWS_CONFIG_FILE": str(config)}
    return Source(environ, make, mode=0o700)


def _variables(machine: Machine, name: str) -> Source:
    """Variables that choose another identity after each edition, while no file changes."""
    users = [machine.aws.user(f"v-{number}") for number in range(4)]
    profiles = "".join(_section(f"profile v{at}", keys) for at, keys in enumerate(users))
    config = str(machine.file("etc/v-profiles", profiles))
    other = str(machine.file("etc/v-other", _section("profile v1", users[3])))
    role = machine.aws.role("by-variable")
    token = "oidc-token-beside-the-variables"
    machine.aws.web_identity_tokens.add(token)
    pod = {"AWS_ROLE_ARN": role.arn}
    pod["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(machine.file("etc/v-token", token))
    profile = {"AWS_CONFIG_FILE": config, "AWS_PROFILE": "v1"}
    sso = {"AWS_PROFILE": "work"}
    sso["AWS_CONFIG_FILE"] = str(machine.file("etc/v-sso", _SSO_CONFIG))
    homes: list[tuple[dict[str, str], Arns]] = []
    for user in ("one", "two"):
        text, arn = _log_in(machine, f"home-{user}")
        machine.file(f"etc/v-{user}/.aws/sso/cache/{_SSO_FILE}", text)
        homes.append((sso | {"HOME": str(machine.root / "etc" / f"v-{user}")}, {"": arn}))
    choices: tuple[tuple[dict[str, str], Arns], ...] = (
        (profile, {"": users[1].arn}),
        (profile | {"AWS_PROFILE": "v2"}, {"": users[2].arn}),
        (profile | {"AWS_CONFIG_FILE": other}, {"": users[3].arn}),
        (profile | {f"AWS_ECR_PROFILE_{ACCOUNT}": "v2"}, {"": users[1].arn, **_own(users[2])}),
        (pod, {"": _session(role.arn)}),
        (users[0].environ, {"": users[0].arn}),
        (users[2].environ, {"": users[2].arn}),
        *homes,
    )
    current: dict[str, str] = {}

    def make(number: int) -> tuple[Text, Mapping[str, Arns]]:
        chosen, arns = choices[number % len(choices)]
        current.clear()
        current.update(chosen)
        return "", {name: arns}

    return Source({}, make, variables=current)


# Each actor has its own home, except for those that share one.
SOURCES: dict[str, tuple[Callable[[Machine, str], Source], str]] = {
    "keys": (keys, "home-keys"),
    "work": (_profiles, "home-profiles"),
    "play": (_profiles, "home-profiles"),
    "role": (_role, "home-role"),
    "pod": (_pod, "home-pod"),
    "process": (_process, "home-process"),
    "rules": (_rules, "home-rules"),
    "tenant-a": (keys, "home-a"),
    "tenant-b": (keys, "home-b"),
    "sso": (_sso, "home-sso"),
    "script": (_script, "home-script"),
    "program": (_script, "home-program"),
    "variables": (_variables, "home-variables"),
    "project": (keys, "home-project"),
    "sticky": (keys, "home-sticky"),
    "loose": (keys, "home-loose"),
    "stalled": (keys, "home-stalled"),
}


def _own(user: Keys) -> Arns:
    return {US: user.arn, EU: user.arn}


def _users(machine: Machine) -> dict[str, str]:
    assert isinstance(machine.aws, People)
    return machine.aws.users


def _section(title: str, keys: Keys) -> str:
    lines = "\n".join(f"{key.lower()} = {value}" for key, value in keys.environ.items())
    return f"[{title}]\n{lines}\n"


def _session(role_arn: str, user: str = "session") -> str:
    """Return the ARN that the loopback AWS gives to a session of the role."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/{user}"
