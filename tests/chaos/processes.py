"""The processes of an episode: started, suspended, killed, and waited for."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.chaos.actors import Actor
from tests.chaos.history import History, Run
from tests.chaos.plan import Call

MOST = 8
"""Processes at once; with more, the results show the machine's load."""
DISTURBED = (sys.executable, str(Path(__file__).with_name("disturbed.py")))
_COMMANDS = {
    "clear": ("cache", "clear"),
    "configure": ("configure",),
    "unconfigure": ("configure", "--remove"),
}
_SECONDS = {"configure": 20.0, "unconfigure": 20.0}
"""The longest that a command waits for its turn; the others' deadline is AWS_ECR_TIMEOUT."""
_POLL = 0.01
_PER_CALL = 0.01
"""Seconds after which a program that does not count its disk calls is suspended, for each call."""


class Processes:
    """Starts processes of a program, and watches each in a thread.

    counts: whether the program suspends itself, as `disturbed.py` does.
    margin: seconds that a process may take to start and to end, past its deadline.
    """

    def __init__(
        self, history: History, program: Sequence[str], margin: float, *, counts: bool
    ) -> None:
        self._history = history
        self._program = program
        self._margin = margin
        self._counts = counts
        self._threads: list[tuple[Run, threading.Thread]] = []
        self._room = threading.BoundedSemaphore(MOST)
        self._awake = threading.Event()

    def start(self, call: Call, actor: Actor, *, ours: bool = False) -> None:
        """Start a process, as soon as there is room for it."""
        history = self._history
        limit = max(float(actor.environ["AWS_ECR_TIMEOUT"]), _SECONDS.get(call.action, 0))
        limit += self._margin
        self._room.acquire()
        run = Run(len(history.runs), call, actor, limit, time.time(), ours=ours)
        request = self._request(run)
        history.runs.append(run)
        child = subprocess.Popen(
            [*self._program, *_list_arguments(call)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**actor.environ, **actor.home.variables, "CHAOS_STOP": str(call.stop)},
            cwd=history.root,
            start_new_session=True,
        )
        for act in (self._watch, self._suspend) if call.stop else (self._watch,):
            thread = threading.Thread(target=act, args=(run, child, request))
            thread.start()
            self._threads.append((run, thread))

    def join(self) -> None:
        """Wait until all processes have ended, except those that are suspended."""
        waiting = []
        for run, thread in self._threads:
            while thread.is_alive() and not run.is_asleep:
                thread.join(_POLL if run.call.stop else None)
            if thread.is_alive():
                waiting.append((run, thread))
        self._threads = waiting

    def join_all(self) -> None:
        """Continue the suspended processes, and wait until all have ended."""
        self._awake.set()
        for _, thread in self._threads:
            thread.join()
        self._threads.clear()

    def _watch(self, run: Run, child: "subprocess.Popen[bytes]", request: bytes) -> None:
        kill = run.call.kill / 1000
        try:
            limit = kill or run.limit + run.call.asleep / 1000
            run.stdout, run.stderr = child.communicate(request, limit)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            run.stdout, run.stderr = child.communicate()
            assert child.stdin is not None
            child.stdin.close()  # which it leaves open if nothing was written yet
            run.code = -signal.SIGKILL if kill else None
        else:
            run.code = child.returncode
        run.ended = time.time()
        self._room.release()

    def _suspend(self, run: Run, child: "subprocess.Popen[bytes]", _: bytes) -> None:
        """Suspend a process, or wait until it suspends itself; continue it later."""
        if not self._counts:
            time.sleep(run.call.stop * _PER_CALL)
            child.send_signal(signal.SIGSTOP)
        while child.returncode is None and not _is_stopped(child.pid):
            time.sleep(_POLL)
        if child.returncode is None:
            begun = time.time()
            run.is_asleep = True
            self._awake.wait(run.call.asleep / 1000)
            run.asleep = time.time() - begun
            child.send_signal(signal.SIGCONT)
            run.is_asleep = False

    def _request(self, run: Run) -> bytes:
        call = run.call
        if call.action != "store":
            return call.host.encode()
        # A password with an expiry, as ECR's have, or one without.
        fields: dict[str, str | int] = {"payload": secrets.token_hex(40)}
        if call.life:
            now = time.time() + self._history.ahead.last
            run.expires = int(now + call.life)
            fields["expiration"] = run.expires
        run.login = base64.b64encode(json.dumps(fields).encode()).decode()
        login = {"ServerURL": call.host, "Username": "AWS", "Secret": run.login}
        return json.dumps(login).encode()


def _list_arguments(call: Call) -> list[str]:
    words = _COMMANDS.get(call.action)
    if words is None:
        return [call.action]
    return [*words, *([call.host] if call.host else [])]


def _is_stopped(pid: int) -> bool:
    """Return whether a child is stopped, without reaping it."""
    with suppress(ChildProcessError):  # it has ended
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False
