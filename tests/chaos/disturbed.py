"""The program under test on a machine with a changing clock and a slow disk.

It runs as a program. The file that CHAOS_CLOCK names holds the seconds that its clock is ahead:
the package calls `time.time` and `time.time_ns`, while boto3 and the monotonic clocks keep the real
time. CHAOS_DRAG is the most milliseconds that a system call may take, so that a process can be
killed or overtaken between two of them.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

_SLOW = ("open", "write", "replace", "unlink", "listdir", "lstat")
_SHARE = 0.3
_real = time.time_ns


def _ahead() -> int:
    with open(os.environ["CHAOS_CLOCK"]) as file:
        return int(file.read())


def _time_ns() -> int:
    return _real() + _ahead() * 1_000_000_000


def _time() -> float:
    return _time_ns() / 1e9


def _slowly(call: Callable[..., Any], most: float) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        if random.random() < _SHARE:
            time.sleep(random.random() * most)
        return call(*arguments, **options)

    return called


if __name__ == "__main__":
    sys.argv[0] = "docker-credential-ecrpy"
    from docker_credential_ecrpy.__main__ import main

    time.time_ns = _time_ns
    time.time = _time
    drag = int(os.environ["CHAOS_DRAG"]) / 1000
    for name in _SLOW if drag else ():
        setattr(os, name, _slowly(getattr(os, name), drag))
    sys.exit(main())
