"""An episode as plain data: its steps, and their form in JSON."""

import json
from dataclasses import asdict, dataclass
from typing import get_args

from tests.world.aws import ACCOUNT

OTHER_ACCOUNT = "210987654321"
US = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
EU = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
OTHER = f"{OTHER_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
PUBLIC = "public.ecr.aws"
PRIVATE = "images.example.com"
"""A private name for ECR, known only by the rules."""
ELSEWHERE = "ghcr.io"

ACTORS = (
    *("keys", "work", "play", "role", "pod", "process", "rules", "tenant-a", "tenant-b"),
    *("sso", "script", "program", "variables", "project", "sticky", "loose"),
    "stalled",
)
ATTACKED = ("sticky", "loose")
"""The actors whose cache is in a directory that another user can write to."""
STALLED = "stalled"
"""The actor whose files may be on a drive that does not answer."""
DRIVES = ("cache", "settings", "config", "authorities", "log", "docker")
OPERATIONS = ("lookup", "open", "read", "write")
ATTACKS = ("links", "folders", "exchange", "inner", "rename", "log")
ACTIONS = ("get", "store", "erase", "list")
"""Docker's own; "clear", "configure" and "unconfigure" are commands that a user types."""
SERVICES = ("ecr", "ecr-public", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity")
FAULTS = (
    "throttle",
    "unavailable",
    "denied",
    "hang",
    "slow",
    "crawl",
    "reset",
    "page",
    "garbage",
    "lie",
)
FOLDERS = ("tokens", "logins", "locks", "registries", "elsewhere")
HARMS = (
    *("truncate", "flip", "swap", "future", "open", "closed"),
    *("link", "dangling", "directory", "fifo", "socket", "folder"),
)
REWRITES = ("replace", "in place", "slowly", "alike")
FOREIGN = ("report.odt~", "main.tf", ".new-notes", f"{US}~backup", f"{EU}~{'0' * 32}")
"""Names of files that other programs put into a cache's folders."""


@dataclass(frozen=True)
class Call:
    """Start one action. kill: ms until it is killed, 0 for never. life: seconds of a login.

    stop: the number of the disk call before which it is suspended, 0 for never; asleep: ms.
    """

    action: str
    actor: str
    host: str = ""
    kill: int = 0
    life: int = 0
    stop: int = 0
    asleep: int = 0


@dataclass(frozen=True)
class Fault:
    """From here on AWS, or the actors' credential_process, fails this way, `times` times."""

    service: str
    name: str
    times: int = 1000


@dataclass(frozen=True)
class Calm:
    """From here on only the disk and the clock fail."""


@dataclass(frozen=True)
class Life:
    """From here on AWS's tokens live this many seconds."""

    seconds: float


@dataclass(frozen=True)
class Harm:
    """Damage a file of an actor's cache: `pick` chooses one of `host`'s, `at` the place in it."""

    actor: str
    folder: str
    name: str
    pick: int
    at: int
    host: str = ""


@dataclass(frozen=True)
class Rewrite:
    """Rewrite the file that decides an actor's identity, in one of the ways that editors do."""

    actor: str
    how: str


@dataclass(frozen=True)
class Plant:
    """Put a file of another program into a folder of an actor's cache."""

    actor: str
    folder: str
    name: str


@dataclass(frozen=True)
class Login:
    """Rewrite Docker's file as `docker login` does, with this many ms between read and rename."""

    actor: str
    gap: int


@dataclass(frozen=True)
class Attack:
    """Let another user attack the directory of an actor's cache for this many milliseconds."""

    actor: str
    how: str
    ms: int


@dataclass(frozen=True)
class Stall:
    """From here to the next `Calm`, one of an actor's files is on a drive that does not answer."""

    actor: str
    file: str
    operation: str


@dataclass(frozen=True)
class Disk:
    """Fill the disk except for this many KB, or empty it."""

    full: bool
    spare: int = 0


@dataclass(frozen=True)
class Clock:
    """Set the programs' clock this many seconds ahead of AWS's, for running programs too."""

    ahead: int


@dataclass(frozen=True)
class Wait:
    """Wait this many milliseconds."""

    ms: int


@dataclass(frozen=True)
class Join:
    """Wait until all processes have ended, except those that are suspended."""


Step = (
    Call
    | Fault
    | Calm
    | Life
    | Harm
    | Rewrite
    | Plant
    | Login
    | Attack
    | Stall
    | Disk
    | Clock
    | Wait
    | Join
)
_KINDS: dict[str, type[Step]] = {kind.__name__: kind for kind in get_args(Step)}


@dataclass(frozen=True)
class Plan:
    """One episode.

    timeout: AWS_ECR_TIMEOUT of all its processes.
    latency: milliseconds that AWS takes to answer.
    clock: whether the processes' clock can be set.
    drag: milliseconds that a system call may take at most.
    logged: the actors that write a log, and so leave the hot path.
    """

    seed: int
    timeout: int
    latency: int
    clock: bool
    drag: int
    logged: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def actors(self) -> tuple[str, ...]:
        """The names of the actors that take part, in the order of `ACTORS`."""
        named = {getattr(step, "actor", "") for step in self.steps}
        return tuple(name for name in ACTORS if name in named)

    def to_json(self) -> str:
        """Return the plan as JSON, one step a line."""
        steps = ",\n    ".join(json.dumps(_as_dict(step)) for step in self.steps)
        head = asdict(self)
        del head["steps"]
        text = json.dumps(head)[:-1]
        return f'{text},\n  "steps": [\n    {steps}\n  ]}}\n'


def from_json(text: str) -> Plan:
    """Return the plan that `Plan.to_json` wrote."""
    fields = json.loads(text)
    steps = []
    for step in fields.pop("steps"):
        kind = _KINDS[step.pop("do")]
        steps.append(kind(**step))
    return Plan(**{**fields, "logged": tuple(fields["logged"])}, steps=tuple(steps))


def _as_dict(step: Step) -> dict[str, object]:
    return {"do": type(step).__name__, **asdict(step)}
