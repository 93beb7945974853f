"""The program under test on a machine whose clock is set while it runs, and whose disk is slow.

A program of its own. The file that CHAOS_CLOCK names holds the seconds that its clock is ahead:
`time.time` and `time.time_ns` are what the package asks; boto3 keeps the real time, and so do the
monotonic clocks. CHAOS_DRAG is for how many milliseconds a call of the system may take at most:
whoever is to be killed or overtaken between two of them then is.
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
