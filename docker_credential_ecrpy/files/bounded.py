"""Bounded reads of the user's files: limits of size and depth."""

import errno
import os
import stat

_MIB = 1024 * 1024
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a reader
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def check_depth(value: object, most: int) -> None:
    """Raise RecursionError for lists and dictionaries nested deeper than `most`.

    Near Python's own limit, one parser reads files that another one refuses.
    """
    level: list[object] = [value]
    for _ in range(most):
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
            elif isinstance(each, list):
                below += each
        if not below:
            return
        level = below
    msg = "nested too deeply"
    raise RecursionError(msg)


def read(file: str, most: int) -> bytes:
    """Return the content of a file of `most` bytes at most.

    Raises OSError, also if it is larger or not a regular file, and ValueError for an impossible
    name.
    """
    opened = os.open(file, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with os.fdopen(opened, "rb", closefd=False) as stream:
            data = stream.read(most + 1)
    finally:
        os.close(opened)
    if len(data) > most:
        limit = f"{most // _MIB} MiB" if most >= _MIB else f"{most // 1024} KiB"
        raise OSError(errno.EFBIG, f"it is larger than {limit}")
    return data
