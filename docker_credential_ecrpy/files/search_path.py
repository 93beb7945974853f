"""Programs on PATH, found as Docker finds them."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping

_ENDINGS = ".com;.exe;.bat;.cmd"  # on Windows: Go's default for an unset PATHEXT


def find(program: str, environ: Mapping[str, str]) -> str:
    """Return the path of a program, or "" if it is not on the PATH of `environ`."""
    return next(find_all(program, environ), "")


def find_all(program: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the path of a program in each directory of PATH that has it, in order.

    Takes executable files in absolute directories, as Go does for Docker. shutil.which also takes
    relative directories, which depend on the current one.
    """
    if os.path.basename(program) != program:
        return  # a path, which Docker would not look up
    endings = [""]
    if sys.platform == "win32":
        endings = (environ.get("PATHEXT") or _ENDINGS).split(os.pathsep)
    for directory in filter(os.path.isabs, environ.get("PATH", "").split(os.pathsep)):
        for ending in endings:
            path = os.path.join(directory, program + ending)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                yield path
                break


def find_writable(path: str) -> str:
    """Return the program or its directory if every user of the machine can replace it, or "".

    In a directory with the sticky bit, as /tmp, only a file's owner can.
    """
    if sys.platform == "win32":
        return ""
    real = os.path.realpath(path)
    for at in dict.fromkeys((os.path.dirname(path), os.path.dirname(real), real)):
        try:
            mode = os.stat(at).st_mode
        except OSError:
            continue
        sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        if mode & stat.S_IWOTH and not sticky:
            return at
    return ""
