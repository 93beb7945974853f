"""The program under test on a machine with a changing clock and a slow disk.

It runs as a program. The file that CHAOS_CLOCK names holds the seconds that its clock is ahead:
the package calls `time.time` and `time.time_ns`, while boto3 and the monotonic clocks keep the real
time. CHAOS_DRAG is the most milliseconds that a system call may take, so that a process can be
killed or overtaken between two of them.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

_SLOW = (
    *("open", "write", "replace", "rename", "link", "unlink", "utime"),
    *("listdir", "scandir", "stat", "lstat", "fstat", "mkdir", "chmod", "fchmod"),
)
_SHARE = 0.3
_real = time.time_ns


def _ahead() -> int:
    with open(os.environ["CHAOS_CLOCK"]) as file:
        return int(file.read())


def _time_ns() -> int:
    return _real() + _ahead() * 1_000_000_000


def _time() -> float:
    return _time_ns() / 1e9


class _Calls:
    """Slows disk calls down, by up to `most` seconds each, and stops before one of them."""

    def __init__(self, most: float, stop: int) -> None:
        self._most = most
        self._stop = stop

    def disturb(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            self._stop -= 1
            if self._stop == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
            if self._most and random.random() < _SHARE:
                time.sleep(random.random() * self._most)
            return call(*arguments, **options)

        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if call in able:
                able.add(called)
        return called


if __name__ == "__main__":
    sys.argv[0] = "docker-credential-ecrpy"
    from docker_credential_ecrpy.__main__ import main

    time.time_ns = _time_ns
    time.time = _time
    drag, stop = int(os.environ["CHAOS_DRAG"]) / 1000, int(os.environ["CHAOS_STOP"])
    calls = _Calls(drag, stop)
    for name in _SLOW if drag or stop else ():
        if hasattr(os, name):
            setattr(os, name, calls.disturb(getattr(os, name)))
    sys.exit(main())
