"""The program that an installation gives to the kubelet: a copy of one file, or a symlink."""

import os
import stat
import sys

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import failures
from docker_credential_ecrpy.files.programs.program import Program
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node import placed_file
from docker_credential_ecrpy.kubernetes.node.placed_file import PlacedFile
from docker_credential_ecrpy.text.sanitize import one_line

_SECONDS = 10.0  # for the version; a program that unpacks itself takes some
_MOST = 64 * 1024  # bytes
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Source:
    """The program to install. is_one_file: whether a copy of it runs alone."""

    path: str
    is_one_file: bool

    @property
    def mark(self) -> str:
        """What tells the installed program from another file. Raises OSError."""
        return placed_file.read_mark(self.path) if self.is_one_file else f"-> {self.path}"

    def is_installed(self, path: str) -> bool:
        """Whether a path already is this program. Raises OSError."""
        if placed_file.read_mark(path) != self.mark:
            return False
        if not self.is_one_file:
            return True
        return stat.S_IMODE(os.stat(path).st_mode) == placed_file.PROGRAM_MODE

    def install(self, file: PlacedFile, before: PlacedFile | None) -> None:
        """Write it as a file. before: what was written there last. Raises OSError."""
        if self.is_one_file:
            placed_file.copy_program(file, self.path, before)
        else:
            placed_file.link_program(file, self.path, before)

    def check(self, path: str) -> None:
        """Raise HelperError unless the installed program prints a version of this program."""
        try:
            program = Program(
                [path, "version"],
                name=one_line(path),
                environ={"PATH": "/usr/bin:/bin", "AWS_ECR_CACHE_DIR": os.devnull},
                most=_MOST,
                keep_errors=True,
            )
        except OSError as exc:
            raise failures.explain_start(exc, path, one_line(path)) from exc
        try:
            printed = program.communicate(_SECONDS)[0].decode(errors="replace")
        except TimeoutError:
            printed = ""
        finally:
            program.end()
        if f"({PACKAGE})" not in printed:
            msg = f"{one_line(path)} does not run: it prints {one_line(printed) or 'nothing'!r}"
            raise HelperError(msg, hint="use the standalone program for this machine")


def find_source(given: str, root: str) -> Source:
    """Return the program to install: the given one, or else the running one. Raises HelperError.

    The installed wheel and the folder are many files: the kubelet gets a symlink to them, which
    must not lead out of another root.
    """
    if given:
        if not os.path.isfile(given):
            msg = f"{one_line(given)} is not a file"
            raise HelperError(msg, hint="name the standalone program")
        return Source(os.path.realpath(given), is_one_file=True)
    path = os.path.realpath(sys.executable if getattr(sys, "frozen", False) else sys.argv[0])
    if _is_one_file():
        return Source(path, is_one_file=True)
    if root not in ("", "/"):
        msg = "this program is not one file, and a symlink would lead out of --root"
        raise HelperError(msg, hint="add --program with the path of the standalone program")
    if not os.access(path, os.X_OK) or os.path.basename(path) == "__main__.py":
        msg = f"the path of this program is unknown: {one_line(path)}"
        raise HelperError(msg, hint="start it by its name, or add --program with a standalone one")
    _check_owners(path)
    return Source(path, is_one_file=False)


def _is_one_file() -> bool:
    """Whether a copy of the running program runs alone.

    PyInstaller's folder has the interpreter beside the program; its one file unpacks that, and the
    static program has no such directory.
    """
    if not getattr(sys, "frozen", False):
        return False
    unpacked = getattr(sys, "_MEIPASS", "")
    beside = os.path.realpath(os.path.dirname(sys.executable))
    return not (unpacked and os.path.realpath(unpacked).startswith(beside))


def _check_owners(path: str) -> None:
    """Raise HelperError if another user could replace a program that the kubelet runs as root."""
    at = path
    while True:
        seen = os.stat(at)
        is_shared = seen.st_mode & _OTHERS_WRITE and not seen.st_mode & stat.S_ISVTX
        if seen.st_uid not in (0, os.geteuid()) or is_shared:
            msg = f"{one_line(at)} belongs to another user, who could replace what the kubelet runs"
            hint = "install this program as root, or add --program with a standalone one"
            raise HelperError(msg, hint=hint)
        if os.path.dirname(at) == at:
            return
        at = os.path.dirname(at)
