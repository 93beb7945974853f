"""Programs on PATH, found as Docker finds them."""

import os
import sys
from collections.abc import Iterator, Mapping

from docker_credential_ecrpy.files import directory
from docker_credential_ecrpy.files.directory import Refused

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
    for folder in filter(os.path.isabs, environ.get("PATH", "").split(os.pathsep)):
        for ending in endings:
            path = os.path.join(folder, program + ending)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                yield path
                break


def find_risk(path: str) -> Refused | None:
    """Return how another user can replace a program, or None.

    Each directory above it and above a symlink's target is judged as that of the cache.
    """
    for at in dict.fromkeys((path, os.path.realpath(path))):
        try:
            directory.check_file(at)
        except Refused as exc:
            return exc
        except OSError:
            pass  # it cannot be looked at, as a program without the right to read it (macOS)
    return None
