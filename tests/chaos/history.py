"""The events of an episode, as seen from outside."""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.actors import Actor
from tests.chaos.documents import Documents
from tests.chaos.fetches import IssuedAt, Overlap
from tests.chaos.plan import FOLDERS, Call, Plan
from tests.chaos.timeline import Timeline
from tests.world.aws import Aws


@dataclass
class Run:
    """One process. Times are seconds since the epoch.

    code: as `subprocess` has it; None for a process that did not end and had to be killed.
    login, expires: the stored login and its expiry; None means 12 hours later.
    ours: whether the campaign started it after the steps, when nothing fails any more.
    asleep: for how many seconds it was suspended. is_asleep: whether it is now.
    """

    number: int
    call: Call
    actor: Actor
    limit: float
    began: float
    ended: float = 0.0
    code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    login: str = ""
    expires: float | None = None
    ours: bool = False
    asleep: float = 0.0
    is_asleep: bool = False

    @property
    def whole(self) -> bool:
        """Whether the process ended by itself."""
        return self.code is not None and self.code >= 0

    @property
    def done(self) -> bool:
        """Whether its exit code reports success."""
        return self.code == 0

    @property
    def outcome(self) -> str:
        """Its outcome in one word."""
        if self.code is None:
            return "hung"
        return "killed" if self.code < 0 else "done" if self.code == 0 else "failed"

    def overlaps(self, other: "Run") -> bool:
        """Return whether both processes ran at some moment."""
        return self.began <= other.ended and other.began <= self.ended

    def __str__(self) -> str:
        call = self.call
        kill = f", to be killed after {call.kill} ms" if call.kill else ""
        stop = f", suspended for {self.asleep:.1f} s" if self.asleep else ""
        return f"#{self.number} {call.action} {call.host} by {call.actor}{kill}{stop}"


@dataclass(frozen=True)
class Damage:
    """Damaged files: their names in a cache's folder, or "*" for all of them."""

    at: float
    cache: Path
    folder: str
    name: str
    names: tuple[str, ...]

    def hits(self, cache: Path, folder: str, host: str = "") -> bool:
        """Return whether this folder, and a file of this host, may be damaged."""
        if (self.cache, self.folder) != (cache, folder):
            return False
        return not host or any(name == "*" or name.startswith(host) for name in self.names)


@dataclass(frozen=True)
class Attacked:
    """A cache whose directory another user may have changed from `began` to `ended`."""

    cache: Path
    began: float
    ended: float


@dataclass(frozen=True)
class Write:
    """A login of another program to Docker's file: read at `began`, replaced by `ended`."""

    home: Path
    marker: str
    began: float
    ended: float


@dataclass(frozen=True)
class Look:
    """Docker's file in a home at a time, None for no file, and the texts of all files beside it."""

    home: Path
    at: float
    fields: dict[str, dict[str, object]] | None
    texts: str
    is_broken: bool = False


@dataclass
class History:
    """All events of an episode.

    wrong: whether AWS, or an actor's own program, was made to fail.
    stalled: whether a drive of the actor `STALLED` did not answer.
    full: whether the disk was full. ahead: by how many seconds the programs' clock was ahead.
    exposed: the caches in directories that are not only the program's.
    """

    plan: Plan
    root: Path
    disk: Path
    aws: Aws
    issued: IssuedAt
    actors: dict[str, Actor] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    exposed: set[Path] = field(default_factory=set)
    attacks: list[Attacked] = field(default_factory=list)
    documents: Documents = field(default_factory=Documents)
    logins: list[Write] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    fetches: int = 0
    wrong: Timeline[bool] = field(default_factory=lambda: Timeline(False))
    stalled: Timeline[bool] = field(default_factory=lambda: Timeline(False))
    full: Timeline[bool] = field(default_factory=lambda: Timeline(False))
    ahead: Timeline[int] = field(default_factory=lambda: Timeline(0))
    touched: set[int] = field(default_factory=set)
    steps: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[float, str]] = field(default_factory=list)
    """The time of each step, and the step as text."""

    def expose(self, cache: Path, at: float) -> None:
        """Note that all folders of a cache may be others' from this time on."""
        self.exposed.add(cache)
        for folder in FOLDERS:
            self.damages.append(Damage(at, cache, folder, "folder", ("*",)))

    def attacked(self, cache: Path, began: float, ended: float) -> bool:
        """Return whether another user attacked a cache at some moment from `began` to `ended`."""
        return any(
            each.cache == cache and each.began <= ended and each.ended >= began
            for each in self.attacks
        )

    def clocks(self, run: Run) -> tuple[int, int]:
        """Return the least and the most that the program's clock was ahead while a process ran."""
        seen = self.ahead.during(run.began, run.ended)
        return min(seen), max(seen)

    def among(self, run: Run) -> Iterator[Run]:
        """Return the processes of the same cache that ran at the same time, including itself."""
        return (r for r in self.runs if r.actor.cache == run.actor.cache and r.overlaps(run))

    def secrets(self) -> set[str]:
        """Return every secret, and pieces of the long ones."""
        keys = list(self.aws.keys.values())
        found = {each.secret_key for each in keys}
        found |= {each.session_token for each in keys if each.session_token}
        found |= set(self.issued) | {run.login for run in self.runs if run.login}
        found |= self.aws.web_identity_tokens | set(self.aws.sso_tokens)
        found |= {base64.b64encode(f"AWS:{password}".encode()).decode() for password in self.issued}
        return found | {piece for secret in found.copy() for piece in _pieces(secret)}

    def transcript(self) -> str:
        """Return what happened, one event a line, with the milliseconds since the first."""
        lines = [*self.notes]
        for run in self.runs:
            lines.append((run.began, f"{run} begins"))
            lines.append((run.ended, f"{run} ends: {self._outcome(run)}"))
        lines.sort()
        start = lines[0][0] if lines else 0.0
        return "\n".join(f"{(at - start) * 1000:8.0f}  {text}" for at, text in lines)

    def _outcome(self, run: Run) -> str:
        if run.code is None:
            return "it hung and was killed"
        text = run.stdout.decode(errors="replace").strip()
        for place, (password, issued) in enumerate(list(self.issued.items())):
            if password in text:
                text = f"token {place} of {issued.arn} in {issued.region}"
        for other in self.runs:
            if other.login and other.login in text:
                text = f"the login of #{other.number}"
        return f"exit code {run.code}, {text[:200] or 'no output'}"


def _pieces(secret: str) -> Iterable[str]:
    return (secret[at : at + 40] for at in range(0, len(secret) - 40, 40))
