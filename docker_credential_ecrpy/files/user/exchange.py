"""Calls of the C library that Python lacks: renames that lose no other program's write.

The module ctypes is no part of the binaries, where each start would load it; its C half is.
"""

import errno
import os
import platform
import sys
from contextlib import suppress

_LINUX_SWAP, _LINUX_NEW = 2, 1  # RENAME_EXCHANGE and RENAME_NOREPLACE: rename(2)
_MACOS_SWAP, _MACOS_NEW = 2, 4  # RENAME_SWAP and RENAME_EXCL: sys/stdio.h
_CALLS = {"x86_64": 316, "aarch64": 276}
"""The number of renameat2, for C libraries without a function of that name."""


def call(function: str, *given: int | bytes | None) -> int:
    """Call a function of the C library that returns an int. Raises OSError if there is none."""
    try:
        import _ctypes  # noqa: PLC0415 - few runs need it, and Windows or a small Python has none
    except ImportError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: what is loaded already
    result: int = _ctypes.call_function(_ctypes.dlsym(library, function), given)
    return result


def swap(directory: int, one: str, other: str) -> bool:
    """Swap the names of two files of an opened directory, atomically; return whether it was done.

    It is not where the system or the file system cannot do that, or where a file is missing.
    """
    return _rename(directory, one, other, _MACOS_SWAP if sys.platform == "darwin" else _LINUX_SWAP)


def take_name(directory: int, name: str, free: str) -> bool:
    """Rename a file to a name that no file has, atomically; return whether it was done."""
    return _rename(directory, name, free, _MACOS_NEW if sys.platform == "darwin" else _LINUX_NEW)


def _rename(directory: int, old: str, new: str, flags: int) -> bool:
    given = (directory, os.fsencode(old), directory, os.fsencode(new), flags)
    number = _CALLS.get(platform.machine(), 0) if sys.maxsize > 2**32 else 0
    with suppress(OSError):
        return call("renameatx_np" if sys.platform == "darwin" else "renameat2", *given) == 0
    with suppress(OSError):  # a static program has no symbols to look up
        return bool(sys.platform == "linux" and number) and call("syscall", number, *given) == 0
    return False
