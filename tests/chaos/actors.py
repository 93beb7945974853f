"""The identities of an episode, of every kind, and the tokens that each may get at each time."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.plan import ELSEWHERE, EU, OTHER, OTHER_ACCOUNT, PRIVATE, PUBLIC, US
from tests.chaos.timeline import Timeline
from tests.world.aws import ACCOUNT, Keys
from tests.world.machine import Machine

_GAP = 0.05
"""Seconds between two rewrites of a file: more than one tick of its timestamps (`racy.STEP`)."""
_PAUSE = 0.2
"""Seconds that a slow editor leaves a file empty."""
_AT = {US: ("us-east-1", "ecr"), EU: ("eu-west-1", "ecr"), OTHER: ("us-east-1", "ecr")}
_AT |= {PUBLIC: ("us-east-1", "ecr-public"), PRIVATE: ("us-east-1", "ecr")}
NEWCOMERS = f"{ACCOUNT}.dkr.ecr.ap-southeast-2.amazonaws.com"
"""A host that only newcomers ask for."""
_AT[NEWCOMERS] = ("ap-southeast-2", "ecr")

Arns = Mapping[str, str]
"""Host -> the ARN that its token is issued to; the key "" stands for every other ECR host."""


@dataclass(frozen=True)
class Who:
    """The ARN, region and service that a token must be issued for."""

    arn: str
    region: str
    service: str


@dataclass(frozen=True)
class Edition:
    """What the deciding file says at a time: the identity of each actor of its home.

    number: below 0 for the empty file between two editions.
    """

    number: int
    arns: Mapping[str, Arns]


@dataclass
class Home:
    """A home, and the one file that decides its actors' identities.

    make: given the number of an edition, returns the file's text and what it means.
    empty: what an empty file means.
    """

    path: Path
    file: Path
    make: Callable[[int], tuple[str, Mapping[str, Arns]]]
    empty: Mapping[str, Arns] = field(default_factory=dict)
    past: Timeline[Edition] = field(init=False)
    arns: set[str] = field(default_factory=set)
    _count: int = 0
    _changed: float = 0

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, mode=0o700)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        text, edition = self._next()
        self._write(self.file, text)
        self.past = Timeline(edition)

    def rewrite(self, how: str) -> None:
        """Write the next edition to the file."""
        time.sleep(max(0, self._changed + _GAP - time.time()))
        text, edition = self._next()
        if how == "replace":
            beside = self.file.with_name("beside")
            self._write(beside, text)
            begun = time.time()
            beside.replace(self.file)
            self.past.change(edition, begun, time.time())
        else:
            begun = time.time()
            self._write(self.file, "")
            self.past.change(Edition(-self._count, self.empty), begun, time.time())
            time.sleep(_PAUSE if how == "slowly" else 0)
            begun = time.time()
            self._write(self.file, text)
            self.past.change(edition, begun, time.time())
        self._changed = time.time()

    def _next(self) -> tuple[str, Edition]:
        text, arns = self.make(self._count)
        self._count += 1
        for of_actor in (*arns.values(), *self.empty.values()):
            self.arns.update(of_actor.values())
        return text, Edition(self._count, arns)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)


@dataclass
class Actor:
    """One identity. environ: the helper's environment. cache: its cache's directory."""

    name: str
    home: Home
    environ: dict[str, str]
    cache: Path

    def who(self, host: str, began: float, ended: float) -> set[Who | None]:
        """Return the identities that a get may be answered for; None stands for "not found"."""
        return {self._who(host, edition) for edition in self.home.past.during(began, ended)}

    def editions(self, host: str, began: float, ended: float) -> frozenset[int]:
        """Return the editions of the settings that a login to a host may belong to."""
        if host != PRIVATE:
            return frozenset((0,))  # none: a login to an ECR host does not depend on the settings
        return frozenset(edition.number for edition in self.home.past.during(began, ended))

    def _who(self, host: str, edition: Edition) -> Who | None:
        arns = edition.arns.get(self.name, {})
        arn = arns.get(host, "" if host in (PRIVATE, ELSEWHERE) else arns.get("", ""))
        return Who(arn, *_AT[host]) if arn else None


def cast(machine: Machine, disk: Path, names: Sequence[str], timeout: int) -> dict[str, Actor]:
    """Return the actors of these names, with homes on `disk`."""
    homes: dict[str, Home] = {}
    made = {}
    for name in names:
        maker, home_name = _MAKERS[name]
        environ, making, empty = maker(machine, name)
        if home_name not in homes:
            file = machine.root / "etc" / home_name / "settings"
            homes[home_name] = Home(disk / home_name, file, making, empty)
        home = homes[home_name]
        environ = {key: value.format(file=home.file) for key, value in environ.items()}
        common = {"HOME": str(home.path), "AWS_ECR_TIMEOUT": str(timeout)}
        cache = home.path / ".ecr"
        if name.startswith("tenant"):
            cache = disk / "shared"
            common["AWS_ECR_CACHE_DIR"] = str(cache)
        made[name] = Actor(name, home, {**machine.environ, **common, **environ}, cache)
    return made


Made = tuple[dict[str, str], Callable[[int], tuple[str, Mapping[str, Arns]]], Mapping[str, Arns]]


def _keys(machine: Machine, name: str) -> Made:
    """Keys in the environment; the file has only a comment."""
    keys = machine.aws.user(name)
    arns = {name: {"": keys.arn}}
    environ = {**keys.environ, "AWS_CONFIG_FILE": "{file}"}
    return environ, lambda number: (f"# {number}\n", arns), arns


def _profiles(machine: Machine, name: str) -> Made:
    """Two profiles of one home, with new keys after each rewrite."""

    def make(number: int) -> tuple[str, Mapping[str, Arns]]:
        users = {each: machine.aws.user(f"{each}-{number}") for each in ("work", "play")}
        text = "".join(_section(each, keys) for each, keys in users.items())
        return text, {each: {"": keys.arn} for each, keys in users.items()}

    return {"AWS_PROFILE": name, "AWS_SHARED_CREDENTIALS_FILE": "{file}"}, make, {}


def _role(machine: Machine, name: str) -> Made:
    """A profile with a role, a new one after each rewrite."""
    keys = machine.aws.user("base")

    def make(number: int) -> tuple[str, Mapping[str, Arns]]:
        role = machine.aws.role(f"deploy-{number}")
        text = _section("profile base", keys)
        text += f"[profile deploy]\nrole_arn = {role.arn}\nsource_profile = base\n"
        return text, {name: {"": _session(role.arn)}}

    return {"AWS_PROFILE": "deploy", "AWS_CONFIG_FILE": "{file}"}, make, {}


def _pod(machine: Machine, name: str) -> Made:
    """A web identity for one role, with a new token after each rewrite."""
    role = machine.aws.role("pod")

    def make(number: int) -> tuple[str, Mapping[str, Arns]]:
        token = f"oidc-token-of-the-pod-number-{number}"
        machine.aws.web_identity_tokens.add(token)
        return token, {name: {"": _session(role.arn)}}

    environ = {"AWS_ROLE_ARN": role.arn, "AWS_WEB_IDENTITY_TOKEN_FILE": "{file}"}
    return environ, make, {name: {"": _session(role.arn)}}


def _process(machine: Machine, name: str) -> Made:
    """A credential_process that records its arguments and environment, and may hang."""

    def make(number: int) -> tuple[str, Mapping[str, Arns]]:
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

    return {"AWS_PROFILE": "made", "AWS_CONFIG_FILE": "{file}"}, make, {}


def _rules(machine: Machine, name: str) -> Made:
    """Rules that give each host a new identity after each rewrite, and keys in the environment.

    Without rules the private name is unknown.
    """
    ambient = machine.aws.user("ambient")
    users = [machine.aws.user(f"x-{number}") for number in range(3)]
    role = machine.aws.role("puller", OTHER_ACCOUNT)
    profiles = "".join(_section(f"profile x{at}", keys) for at, keys in enumerate(users))
    config = machine.file("etc/profiles", profiles)

    def make(number: int) -> tuple[str, Mapping[str, Arns]]:
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
    return environ, make, {name: {"": ambient.arn}}


# Each actor has its own home, except for those that share one.
_MAKERS: dict[str, tuple[Callable[[Machine, str], Made], str]] = {
    "keys": (_keys, "home-keys"),
    "work": (_profiles, "home-profiles"),
    "play": (_profiles, "home-profiles"),
    "role": (_role, "home-role"),
    "pod": (_pod, "home-pod"),
    "process": (_process, "home-process"),
    "rules": (_rules, "home-rules"),
    "tenant-a": (_keys, "home-a"),
    "tenant-b": (_keys, "home-b"),
}


def _section(title: str, keys: Keys) -> str:
    lines = "\n".join(f"{key.lower()} = {value}" for key, value in keys.environ.items())
    return f"[{title}]\n{lines}\n"


def _session(role_arn: str) -> str:
    """Return the ARN that the loopback AWS gives to a session of the role."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/session"


def newcomer(machine: Machine, cache: Path, home: Path) -> Actor:
    """Return one more actor for a cache, with a new identity."""
    environ, making, empty = _keys(machine, f"newcomer-{os.urandom(4).hex()}")
    there = Home(home, machine.root / "etc" / home.name, making, empty)
    name = next(iter(empty))
    here = {"HOME": str(home), "AWS_ECR_CACHE_DIR": str(cache), "AWS_CONFIG_FILE": str(there.file)}
    return Actor(name, there, {**machine.environ, **environ, **here}, cache)
