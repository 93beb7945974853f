"""The identities of an episode, of every kind, and the tokens that each may get at each time."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.plan import ATTACKED, ELSEWHERE, EU, OTHER, PRIVATE, PUBLIC, US
from tests.chaos.sources import SOURCES, Arns, Source, Text, keys
from tests.chaos.timeline import Timeline
from tests.world.aws import ACCOUNT
from tests.world.machine import Machine

_GAP = 0.05
"""Seconds between two rewrites of a file: more than one tick of its timestamps (`racy.STEP`)."""
_PAUSE = 0.2
"""Seconds that a slow editor leaves a file empty."""
AT = {US: ("us-east-1", "ecr"), EU: ("eu-west-1", "ecr"), OTHER: ("us-east-1", "ecr")}
AT |= {PUBLIC: ("us-east-1", "ecr-public"), PRIVATE: ("us-east-1", "ecr")}
NEWCOMERS = f"{ACCOUNT}.dkr.ecr.ap-southeast-2.amazonaws.com"
"""A host that only newcomers ask for."""
AT[NEWCOMERS] = ("ap-southeast-2", "ecr")


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
    """A home, and the one file, or the variables, that decide its actors' identities."""

    path: Path
    file: Path
    source: Source
    past: Timeline[Edition] = field(init=False)
    arns: set[str] = field(default_factory=set)
    _count: int = 0
    _changed: float = 0

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, mode=0o700)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.source.link:
            link = self.path / self.source.link
            link.parent.mkdir(parents=True)
            link.symlink_to(self.file.parent)
        text, edition = self._next()
        self._write(self.file, text)
        self.past = Timeline(edition)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that a process gets, besides its actor's own."""
        return self.source.variables

    def rewrite(self, how: str) -> None:
        """Write the next edition to the file; "alike" restores its time of change."""
        time.sleep(max(0, self._changed + _GAP - time.time()))
        begun = time.time()
        text, edition = self._next()
        if how in ("replace", "alike") or text is None or self.variables:
            beside = self.file.with_name("beside")
            self._write(beside, text)
            if how == "alike" and self.file.exists() and text is not None:
                seen = self.file.stat()
                os.utime(beside, ns=(seen.st_atime_ns, seen.st_mtime_ns))
            begun = begun if self.variables else time.time()
            self._put(beside, text)
            self.past.change(edition, begun, time.time())
        else:
            begun = time.time()
            self._write(self.file, "")
            self.past.change(Edition(-self._count, self.source.empty), begun, time.time())
            time.sleep(_PAUSE if how == "slowly" else 0)
            begun = time.time()
            self._write(self.file, text)
            self.past.change(edition, begun, time.time())
        self._changed = time.time()

    def _put(self, beside: Path, text: Text) -> None:
        if text is None:
            self.file.unlink(missing_ok=True)
        elif self.variables:
            beside.unlink()
        else:
            beside.replace(self.file)

    def _next(self) -> tuple[Text, Edition]:
        text, arns = self.source.make(self._count)
        self._count += 1
        for of_actor in (*arns.values(), *self.source.empty.values()):
            self.arns.update(of_actor.values())
        return text, Edition(self._count, arns)

    def _write(self, path: Path, text: Text) -> None:
        if text is not None:
            path.write_text(text)
            path.chmod(self.source.mode)


@dataclass
class Actor:
    """One identity. environ: the helper's environment. cache: its cache's directory."""

    name: str
    home: Home
    environ: dict[str, str]
    cache: Path

    def who(self, host: str, began: float, ended: float) -> set[Who | None]:
        """Return the identities that a get may be answered for; None stands for "not found"."""
        editions = self.list_editions(began, ended)
        return {self._who(host, edition) for edition in editions}

    def list_editions(self, began: float, ended: float) -> list[Edition]:
        """Return the editions that a process may have seen; it sees its variables at its start."""
        return self.home.past.during(began, began if self.home.variables else ended)

    def editions(self, host: str, began: float, ended: float) -> frozenset[int]:
        """Return the editions of the settings that a login to a host may belong to."""
        if host != PRIVATE:
            return frozenset((0,))  # none: a login to an ECR host does not depend on the settings
        return frozenset(edition.number for edition in self.home.past.during(began, ended))

    def _who(self, host: str, edition: Edition) -> Who | None:
        arns = edition.arns.get(self.name, {})
        arn = arns.get(host, "" if host in (PRIVATE, ELSEWHERE) else arns.get("", ""))
        return Who(arn, *AT[host]) if arn else None


def cast(machine: Machine, disk: Path, names: Sequence[str], timeout: int) -> dict[str, Actor]:
    """Return the actors of these names, with homes on `disk`."""
    homes: dict[str, Home] = {}
    made = {}
    for name in names:
        make, home_name = SOURCES[name]
        source = make(machine, name)
        if home_name not in homes:
            file = machine.root / "etc" / home_name / source.file
            homes[home_name] = Home(disk / home_name, file, source)
        home = homes[home_name]
        environ = {key: value.format(file=home.file) for key, value in source.environ.items()}
        common = {"HOME": str(home.path), "AWS_ECR_TIMEOUT": str(timeout)}
        cache = home.path / ".ecr"
        if name.startswith("tenant"):
            cache = disk / "shared"
        elif name == "project":
            cache = machine.root / "project"
        elif name in ATTACKED:
            cache = machine.root / name / "cache"
        if cache.parent != home.path or home.variables:
            common["AWS_ECR_CACHE_DIR"] = str(cache)
            common["DOCKER_CONFIG"] = str(home.path / ".docker")
        made[name] = Actor(name, home, {**machine.environ, **common, **environ}, cache)
    return made


def newcomer(machine: Machine, cache: Path, home: Path) -> Actor:
    """Return one more actor for a cache, with a new identity."""
    name = f"newcomer-{os.urandom(4).hex()}"
    source = keys(machine, name)
    there = Home(home, machine.root / "etc" / home.name / source.file, source)
    here = {"HOME": str(home), "AWS_ECR_CACHE_DIR": str(cache), "AWS_CONFIG_FILE": str(there.file)}
    return Actor(name, there, {**machine.environ, **source.environ, **here}, cache)
