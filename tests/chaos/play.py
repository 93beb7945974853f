"""Plays an episode with real processes, real files and a loopback AWS, and records it."""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import actors, fetches
from tests.chaos.actors import Actor
from tests.chaos.disk import Disk
from tests.chaos.faults import Faults
from tests.chaos.history import Damage, History, Run
from tests.chaos.plan import (
    Call,
    Calm,
    Clock,
    Fault,
    Harm,
    Join,
    Life,
    Plan,
    Rewrite,
    Step,
    Wait,
)
from tests.chaos.plan import Disk as DiskStep
from tests.world.aws import LIFE, Aws
from tests.world.machine import MODULE, Machine, make_machine
from tests.world.web import Authority

MARGIN = 5.0
"""Seconds past its deadline that a process may take to start and to end. It needs a tenth of one;
with eight such processes on two busy cores, each may wait a while for its turn."""
MOST = 8
"""Processes at once; with more, the results show the machine's load."""
SHORT_LIVED = 5
"""Seconds; a token with a shorter life may have expired when it arrives."""
_RUBBISH_AFTER = 2.2
"""Seconds after which the temporary file of a killed process must be removed."""
_CALM_TIMEOUT = "25"
DISTURBED = (sys.executable, str(Path(__file__).with_name("disturbed.py")))


@dataclass(frozen=True)
class Ground:
    """Where and with what episodes are played. small: a disk that can be filled, if any."""

    authority: Authority
    small: Path | None = None
    program: tuple[str, ...] = tuple(MODULE)
    margin: float = MARGIN


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
    aws = Aws(latency=plan.latency / 1000)
    door = fetches.Fetches(aws)
    with fetches.server(door, ground.authority) as server:
        machine = make_machine(aws, server, ground.authority, root)
        disk = Disk(ground.small or machine.root / "disk", small=ground.small is not None)
        history = _begin(plan, machine, disk, door)
        player = _Player(history, ground, disk, Faults(aws))
        for step in plan.steps:
            history.notes.append((time.time(), str(step)))
            player.take(step)
        player.settle()
        if visits:
            player.let_rest()
            for number, cache in enumerate(sorted({a.cache for a in history.actors.values()})):
                home = machine.root / f"newcomer-{number}"
                player.visit(actors.newcomer(machine, cache, home))
            player.join()
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
            actor.environ["AWS_ECR_LOG"] = str(root / "logs" / name)
    return history


def clear(history: History) -> None:
    """Remove the files of an episode."""
    shutil.rmtree(history.root, ignore_errors=True)


class _Player:
    def __init__(self, history: History, ground: Ground, disk: Disk, faults: Faults) -> None:
        self.history = history
        disturbed = history.plan.clock or history.plan.drag
        own = ground.program == tuple(MODULE)
        self.program = DISTURBED if disturbed and own else ground.program
        self.disk = disk
        self.faults = faults
        self.margin = ground.margin
        self._threads: list[threading.Thread] = []
        self._room = threading.BoundedSemaphore(MOST)

    def take(self, step: Step) -> None:
        """Take one step."""
        history = self.history
        if not isinstance(step, Call | Wait | Join):
            history.steps[_kind(step)] += 1
        begun = time.time()
        match step:
            case Call():
                self._call(step, history.actors[step.actor])
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
            case DiskStep():
                self._fill(step)
            case Clock():
                self._set_clock(step.ahead)
            case Wait():
                time.sleep(step.ms / 1000)
            case Join():
                self.join()

    def join(self) -> None:
        """Wait until all processes have ended."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def settle(self) -> None:
        """Wait until all processes have ended, and end all faults."""
        self.join()
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
        self._call(Call("get", visitor.name, actors.NEWCOMERS), visitor, ours=True)

    def _call(self, call: Call, actor: Actor, *, ours: bool = False) -> None:
        history = self.history
        limit = float(actor.environ["AWS_ECR_TIMEOUT"]) + self.margin
        self._room.acquire()
        run = Run(len(history.runs), call, actor, limit, time.time(), ours=ours)
        request = self._request(run)
        history.runs.append(run)
        child = subprocess.Popen(
            [*self.program, call.action],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=actor.environ,
            cwd=history.root,
            start_new_session=True,
        )
        thread = threading.Thread(target=self._watch, args=(run, child, request))
        thread.start()
        self._threads.append(thread)

    def _watch(self, run: Run, child: "subprocess.Popen[bytes]", request: bytes) -> None:
        kill = run.call.kill / 1000
        try:
            run.stdout, run.stderr = child.communicate(request, kill or run.limit)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            run.stdout, run.stderr = child.communicate()
            run.code = -signal.SIGKILL if kill else None
        else:
            run.code = child.returncode
        run.ended = time.time()
        self._room.release()

    def _request(self, run: Run) -> bytes:
        call = run.call
        if call.action != "store":
            return call.host.encode()
        # A password with an expiry, as ECR's have, or one without.
        fields: dict[str, str | int] = {"payload": secrets.token_hex(40)}
        if call.life:
            now = time.time() + self.history.ahead.last
            run.expires = int(now + call.life)
            fields["expiration"] = run.expires
        run.login = base64.b64encode(json.dumps(fields).encode()).decode()
        login = {"ServerURL": call.host, "Username": "AWS", "Secret": run.login}
        return json.dumps(login).encode()

    def _fail(self, step: Fault) -> None:
        if step.service == "process":
            (self.history.root / "hang").touch()
        else:
            self.faults.begin(step)

    def _calm(self) -> None:
        begun = time.time()
        self.faults.end()
        (self.history.root / "hang").unlink(missing_ok=True)
        self.history.aws.token_life = LIFE
        self.history.wrong.change(False, begun, time.time())

    def _harm(self, step: Harm, cache: Path) -> None:
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
