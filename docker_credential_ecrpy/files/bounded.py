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
    _check_regular(os.stat(file))  # before it is opened: the writer of a FIFO would notice
    opened = os.open(file, _FLAGS)
    try:
        _check_regular(os.fstat(opened))
        return _read(opened, most)
    finally:
        os.close(opened)


def _check_regular(seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


def read_stream(file: str, most: int) -> bytes:
    """Return what a file, a pipe or a device gives, `most` bytes at most; waits for a pipe's.

    Raises OSError, with the file's name, and ValueError for an impossible name.
    """
    opened = os.open(file, _FLAGS & ~getattr(os, "O_NONBLOCK", 0))
    try:
        return _read(opened, most)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, file) from exc
    finally:
        os.close(opened)


def check_size(path: str, most: int) -> None:
    """Raise OSError for a file of more than `most` bytes, and for a device without an end."""
    seen = os.stat(path)
    if seen.st_size > most and stat.S_ISREG(seen.st_mode):
        raise _too_large(most)
    if (stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode)) and path != os.devnull:
        raise OSError(errno.EINVAL, "it is a device")


def _read(opened: int, most: int) -> bytes:
    with os.fdopen(opened, "rb", closefd=False) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise _too_large(most)
    return data


def _too_large(most: int) -> OSError:
    limit = f"{most // _MIB} MiB" if most >= _MIB else f"{most // 1024} KiB"
    return OSError(errno.EFBIG, f"it is larger than {limit}")
