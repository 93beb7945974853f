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


_UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.ENOTTY)
"""Errors of a system or file system without such renames; a seccomp filter's is EPERM."""
_OTHERS = (errno.ENOENT, errno.EEXIST)  # another program was faster


def call(function: str, *given: int | bytes | None) -> int:
    """Call a function of the C library that returns -1 for an error; return the error's number.

    Returns 0 where it succeeds. Raises OSError if there is no such function.
    """
    try:
        import _ctypes  # noqa: PLC0415 - few runs need it, and Windows or a small Python has none
    except ImportError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    number = _ctypes._SimpleCData  # noqa: SLF001 - the base of `ctypes.c_int`

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = type("Int", (number,), {"_type_": "i"})

    library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: what is loaded already
    done = Function(_ctypes.dlsym(library, function))(*given)
    return _ctypes.get_errno() if done == -1 else 0


def swap(directory: int, one: str, other: str) -> bool:
    """Swap the names of two files of an opened directory, atomically; return whether it was done.

    It is not where the system or the file system cannot do that, or where a file is missing. Raises
    OSError.
    """
    return _rename(directory, one, other, _MACOS_SWAP if sys.platform == "darwin" else _LINUX_SWAP)


def take_name(directory: int, name: str, free: str) -> bool:
    """Rename a file to a name that no file has, atomically; return whether it was done.

    Raises OSError.
    """
    return _rename(directory, name, free, _MACOS_NEW if sys.platform == "darwin" else _LINUX_NEW)


def _rename(directory: int, old: str, new: str, flags: int) -> bool:
    given = (directory, os.fsencode(old), directory, os.fsencode(new), flags)
    number = _CALLS.get(platform.machine(), 0) if sys.maxsize > 2**32 else 0
    error = errno.ENOSYS
    with suppress(OSError):
        error = call("renameatx_np" if sys.platform == "darwin" else "renameat2", *given)
    if error == errno.ENOSYS and sys.platform == "linux" and number:
        with suppress(OSError):  # a static program has no symbols to look up
            error = call("syscall", number, *given)
    if error and error not in _UNABLE + _OTHERS:
        raise OSError(error, os.strerror(error))
    return not error
