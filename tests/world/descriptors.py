"""The open descriptors of this process, and what a block of code leaves open."""

import gc
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 8192  # of a process of Windows, which has no list of them: _setmaxstdio of its C library
_SECONDS = 1.0  # what a thread of an earlier test opens meanwhile, it closes again

Descriptor = tuple[int, int, int]
"""A descriptor's number, and the device and inode of what it leads to."""


class Leak(Exception):
    """A block of code has left descriptors open, or closed one that it had not opened."""


@contextmanager
def no_leak() -> Iterator[None]:
    """Raise Leak if the block leaves a descriptor open, which may hold a lock, or closes one.

    Sockets do not count: the servers of earlier tests open and close them meanwhile, in threads.
    What may be closed by mistake is a standard stream, or a device that is opened here.
    """
    own = os.open(os.devnull, os.O_RDONLY)
    gc.disable()  # it would close what the block leaks
    before = _find_open()
    kept = {one for one in before if one[0] in (0, 1, 2, own)}
    try:
        yield
        end = time.monotonic() + _SECONDS
        while (leaked := _find_open() - before) and time.monotonic() < end:
            time.sleep(0.01)
        closed = kept - _find_open()
        if leaked or closed:
            msg = f"left open: {sorted(leaked)}; closed: {sorted(closed)}"
            raise Leak(msg)
    finally:
        gc.enable()
        if own in {number for number, _, _ in _find_open()}:
            os.close(own)


def _find_open() -> set[Descriptor]:
    """Return the open descriptors that are no sockets."""
    numbers = range(_MOST) if sys.platform == "win32" else map(int, os.listdir("/dev/fd"))
    found = set()
    for number in numbers:
        try:
            status = os.fstat(number)
        except OSError:  # closed: as the one of /dev/fd itself
            continue
        if not stat.S_ISSOCK(status.st_mode):
            found.add((number, status.st_dev, status.st_ino))
    return found
