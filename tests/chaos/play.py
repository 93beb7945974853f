"""Plays an episode with real processes, real files and a loopback AWS, and records it."""

import os
import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import actors, docker_config, fetches
from tests.chaos.actors import Actor
from tests.chaos.disk import Disk
from tests.chaos.documents import make_folders
from tests.chaos.drive import Drive
from tests.chaos.faults import Faults
from tests.chaos.history import Damage, History
from tests.chaos.people import People
from tests.chaos.plan import (
    ATTACKED,
    Attack,
    Call,
    Calm,
    Clock,
    Fault,
    Harm,
    Join,
    Life,
    Login,
    Plan,
    Plant,
    Rewrite,
    Stall,
    Step,
    Wait,
)
from tests.chaos.plan import Disk as DiskStep
from tests.chaos.processes import DISTURBED, Processes
from tests.chaos.second_user import SecondUser, name_attacked
from tests.world.aws import LIFE
from tests.world.machine import MODULE, Machine, make_machine
from tests.world.web import Authority

MARGIN = 5.0
"""Seconds past its deadline that a process may take to start and to end. It needs a tenth of one;
with eight such processes on two busy cores, each may wait a while for its turn."""
SHORT_LIVED = 5
"""Seconds; a token with a shorter life may have expired when it arrives."""
_RUBBISH_AFTER = 2.2
"""Seconds after which the temporary file of a killed process must be removed."""
_CALM_TIMEOUT = "25"


@dataclass(frozen=True)
class Ground:
    """Where and with what episodes are played. small: a disk that can be filled, if any.

    suspends: whether the program suspends itself, where it is broken on purpose.
    """

    authority: Authority
    small: Path | None = None
    program: tuple[str, ...] = tuple(MODULE)
    margin: float = MARGIN
    suspends: bool = False


def play(plan: Plan, ground: Ground, *, visits: bool = True) -> History:
    """Play an episode. The caller removes its files with `clear`.

    visits: whether a newcomer sweeps each cache at the end.
    """
    root = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        return _play(plan, ground, root, visits=visits)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise


def _play(plan: Plan, ground: Ground, root: Path, *, visits: bool) -> History:
    aws = People(latency=plan.latency / 1000)
    door = fetches.Fetches(aws)
    with fetches.server(door, ground.authority) as server, ExitStack() as closing:
        machine = make_machine(aws, server, ground.authority, root)
        disk = Disk(ground.small or machine.root / "disk", small=ground.small is not None)
        history = _begin(plan, machine, disk, door)
        player = _Player(history, ground, disk, Faults(aws))
        closing.callback(player.drive.end)
        for step in plan.steps:
            history.notes.append((time.time(), str(step)))
            player.take(step)
        player.settle()
        if visits:
            player.let_rest()
            player.tidy()
            for number, cache in enumerate(sorted({a.cache for a in history.actors.values()})):
                home = machine.root / f"newcomer-{number}"
                player.visit(actors.newcomer(machine, cache, home))
            player.join()
        player.look()
        player.faults.over.set()
        history.overlaps, history.fetches = list(door.overlaps), door.count
        history.touched = disk.touched
    return history


def _begin(plan: Plan, machine: Machine, disk: Disk, door: fetches.Fetches) -> History:
    """Prepare the files and actors before the first step."""
    root = machine.root
    disk.root.mkdir(exist_ok=True)
    disk.clear()
    for name in ("tmp", "logs"):
        (root / name).mkdir()
    (root / "clock").write_text("0")
    machine.environ |= {"TMPDIR": str(root / "tmp"), "CHAOS_CLOCK": str(root / "clock")}
    machine.environ["CHAOS_DRAG"] = str(plan.drag)
    history = History(plan, root, disk.root, machine.aws, door.issued)
    history.actors = actors.cast(machine, disk.root, plan.actors, plan.timeout)
    for name, actor in history.actors.items():
        if name in plan.logged:
            log = actor.cache.with_name("log") if name in ATTACKED else root / "logs" / name
            actor.environ["AWS_ECR_LOG"] = str(log)
    if "project" in history.actors:
        project = history.actors["project"].cache
        make_folders(history.documents, project, ("tokens", "logins", "registries"))
        history.documents.forget(project)
    for name in ("project", "loose"):  # no cache there: one is the user's, one is another's
        if name in history.actors:
            history.expose(history.actors[name].cache, 0.0)
    return history


def clear(history: History) -> None:
    """Remove the files of an episode."""
    shutil.rmtree(history.root, ignore_errors=True)


class _Player:
    def __init__(self, history: History, ground: Ground, disk: Disk, faults: Faults) -> None:
        self.history = history
        plan = history.plan
        own = ground.program == tuple(MODULE)
        stops = any(isinstance(step, Call) and step.stop for step in plan.steps)
        counts = own and bool(plan.clock or plan.drag or stops)
        program = DISTURBED if counts else ground.program
        # A program that is broken on purpose suspends itself, too.
        counts = counts or ground.suspends
        self.processes = Processes(history, program, ground.margin, counts=counts)
        self.disk = disk
        self.faults = faults
        names = name_attacked(plan.actors)
        self.drive = Drive(history)
        self.second_user = SecondUser(history.root, names, history)

    def take(self, step: Step) -> None:
        """Take one step."""
        history = self.history
        if not isinstance(step, Call | Wait | Join):
            history.steps[_kind(step)] += 1
        begun = time.time()
        match step:
            case Call():
                self.processes.start(step, history.actors[step.actor])
            case Fault():
                self._fail(step)
                history.wrong.change(True, begun, time.time())
            case Calm():
                self._calm()
            case Life():
                history.aws.token_life = step.seconds
                if step.seconds < SHORT_LIVED:
                    history.wrong.change(True, begun, time.time())
            case Harm():
                self._harm(step, history.actors[step.actor].cache)
            case Rewrite():
                history.actors[step.actor].home.rewrite(step.how)
            case Plant():
                self._plant(step, history.actors[step.actor].cache)
            case Login():
                self._log_in(step, history.actors[step.actor].home.path)
            case Attack():
                self.second_user.start(step)
            case Stall():
                self.drive.stall(step)
            case DiskStep():
                self._fill(step)
            case Clock():
                self._set_clock(step.ahead)
            case Wait():
                time.sleep(step.ms / 1000)
            case Join():
                self.join()

    def join(self) -> None:
        """Wait until all processes have ended, except the suspended, and look at Docker's files."""
        self.processes.join()
        self.look()

    def look(self) -> None:
        """Look at the Docker's files that were rewritten."""
        for home in {write.home for write in self.history.logins} | {
            run.actor.home.path
            for run in self.history.runs
            if run.call.action in ("configure", "unconfigure")
        }:
            self.history.looks.append(docker_config.look(home))

    def settle(self) -> None:
        """Wait until all processes have ended, and end all faults."""
        self.processes.join_all()
        self.second_user.join()
        self.look()
        self._calm()
        self._fill(DiskStep(full=False))
        self._set_clock(0)
        self.disk.restore()

    def let_rest(self) -> None:
        """Wait until temporary files of killed processes, if any, are due for removal."""
        if any(not run.whole for run in self.history.runs):
            time.sleep(_RUBBISH_AFTER)

    def visit(self, visitor: Actor) -> None:
        """Start a newcomer's get on a cache, which sweeps it."""
        visitor.environ["AWS_ECR_TIMEOUT"] = _CALM_TIMEOUT
        self.history.actors[visitor.name] = visitor
        self.processes.start(Call("get", visitor.name, actors.NEWCOMERS), visitor, ours=True)

    def tidy(self) -> None:
        """Start a configure where one was killed, which removes what that left."""
        killed = {
            run.call.actor
            for run in self.history.runs
            if run.call.action in ("configure", "unconfigure") and not run.whole
        }
        for name in sorted(killed):
            call = Call("configure", name, actors.NEWCOMERS)
            self.processes.start(call, self.history.actors[name], ours=True)

    def _plant(self, step: Plant, cache: Path) -> None:
        folder = cache / step.folder
        with suppress(OSError):  # the folder or file does not exist, or does; or the disk is full
            if not folder.is_symlink():
                self.history.documents.put(folder / step.name)
                self.disk.foreign.add(step.name)

    def _log_in(self, step: Login, home: Path) -> None:
        number = len(self.history.logins)
        write = docker_config.log_in(home, number, step.gap / 1000)
        if write is not None:
            self.history.logins.append(write)

    def _fail(self, step: Fault) -> None:
        if step.service == "process":
            (self.history.root / "hang").touch()
        else:
            self.faults.begin(step)

    def _calm(self) -> None:
        begun = time.time()
        self.faults.end()
        self.drive.end()
        (self.history.root / "hang").unlink(missing_ok=True)
        self.history.aws.token_life = LIFE
        self.history.wrong.change(False, begun, time.time())

    def _harm(self, step: Harm, cache: Path) -> None:
        if cache in self.history.exposed:
            return  # its folders may be the user's documents
        # Recorded beforehand: a process that it affects may be quick.
        begun = time.time()
        names = self.disk.harm(step, cache)
        if names:
            self.history.damages.append(Damage(begun, cache, step.folder, step.name, names))

    def _fill(self, step: DiskStep) -> None:
        begun = time.time()
        if step.full:
            self.history.full.change(True, begun, begun)
            self.disk.fill(step.spare)
        else:
            self.disk.empty()
            self.history.full.change(False, begun, time.time())

    def _set_clock(self, ahead: int) -> None:
        begun = time.time()
        clock = self.history.root / "clock"
        clock.with_name("clock-beside").write_text(str(ahead))
        os.replace(clock.with_name("clock-beside"), clock)
        self.history.ahead.change(ahead, begun, time.time())


def _kind(step: Step) -> str:
    match step:
        case Fault():
            return f"{step.service}: {step.name}"
        case Harm():
            return f"{step.folder}: {step.name}"
        case DiskStep():
            return "disk: full" if step.full else "disk: empty"
        case _:
            return type(step).__name__.lower()
