"""Why a program could not be started, or what its exit code says, and what to do."""

import errno
import os
import shlex
import shutil

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text import faults
from docker_credential_ecrpy.text.sanitize import one_line, shorten_log

LASTING = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EPERM,
    errno.ELOOP,
    errno.ENOEXEC,
    errno.EFBIG,
    errno.ENAMETOOLONG,
)
"""Errors of a file or program that do not pass by themselves, as too little memory does."""

FULL_PATH = "give the program's full path: Docker's PATH may differ from your shell's"
"""What to do about a program that is not found."""
_MAY_NOT_RUN, _NOT_FOUND = 126, 127  # exit codes of shells, and of env, timeout and nohup
# The first bytes of programs for Linux, Windows and macOS.
_COMPILED = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def explain_start(exc: OSError | ValueError, program: str, name: str) -> HelperError:
    """Return the error for a program that cannot be started.

    name: how the error names it.
    """
    if not isinstance(exc, OSError):  # a NUL byte
        msg = f"{name} cannot be run: {one_line(str(exc))}"
        return HelperError(msg, hint=FULL_PATH, refused=True)
    known = faults.explain_start(exc)
    if known is not None:
        return known
    what, hint = _explain_file(exc.errno or 0, program)
    what = what or f"{one_line(program)}: {exc.strerror}"
    return HelperError(f"{name} cannot be run: {what}", hint=hint, refused=exc.errno in LASTING)


def find_fault(path: str) -> tuple[str, str] | None:
    """Return why a file cannot be run as a program, and what to do; None for one that can."""
    shown = one_line(path)
    if not os.path.exists(path):
        return f"{shown}: {os.strerror(errno.ENOENT)}", _explain_file(errno.ENOENT, path)[1]
    if os.path.isdir(path) or not os.access(path, os.X_OK):
        what, hint = _explain_file(errno.EACCES, path)
        return what or f"{shown}: {os.strerror(errno.EACCES)}", hint
    line = _first_bytes(path).partition(b"\n")[0]
    words = line[2:].decode("utf-8", "replace").split()
    if not line.startswith(b"#!") or not words:
        return None
    if line.endswith(b"\r") or not os.path.exists(words[0]):
        return _explain_interpreter(path)
    named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if os.path.basename(words[0]) != "env" or not named or shutil.which(named[0]):
        return None
    what = f"{shown} names the interpreter {one_line(named[0])}, which is not on PATH"
    return what, "install it, or write its full path into the file's first line"


def explain_exit(code: int, stderr: str) -> tuple[str, str]:
    """Return what an exit code other than 0 says, and what to do."""
    reason, hint = shorten_log(stderr), "run that command in a terminal and fix what it reports"
    if code == _MAY_NOT_RUN:
        what = f"failed with exit code {code}: it names a program that may not be executed"
        hint = "make that program executable: chmod +x FILE"
    elif code == _NOT_FOUND:
        what = f"failed with exit code {code}: it names a program that is not found"
        hint = FULL_PATH
    elif reason:
        return f"failed: {reason}", hint
    else:
        return f"failed with exit code {code}, and printed no reason", hint
    return (f"{what} ({reason})" if reason else what), hint


def _explain_file(number: int, program: str) -> tuple[str, str]:
    """Return why a program's file cannot be executed, and what to do; the first may be ""."""
    path = program if os.path.dirname(program) else _find_file(program)
    shown = one_line(path)
    if os.path.isdir(path):
        return f"{shown} is a directory", "name the program in it"
    if number == errno.EACCES and os.path.isfile(path):
        if not os.access(path, os.X_OK) and not os.stat(path).st_mode & 0o111:
            return f"{shown} is not executable", f"run: chmod +x {one_line(shlex.quote(path))}"
        return "", "check the file's permissions, and that its file system is not mounted noexec"
    if number == errno.EACCES and os.path.dirname(program):
        return "", "check the permissions of the directories above it"
    if number == errno.ENOENT and os.path.isfile(path):
        return _explain_interpreter(path)
    if number == errno.ENOEXEC:
        if _first_bytes(path).startswith(_COMPILED):
            return f"{shown} was built for another system or processor", "install the one for this"
        what = f"{shown} does not begin with a line such as #!/bin/sh"
        return what, "add that line, or name the interpreter before the file"
    if number == errno.ENOENT and not os.path.dirname(program):
        return f"{shown} is not on PATH", FULL_PATH
    if os.path.isabs(path):
        return "", "fix the path, or install the program there"
    return "", "give the program's full path: a relative one starts where docker runs"


def _explain_interpreter(path: str) -> tuple[str, str]:
    shown, start = one_line(path), _first_bytes(path)
    if not start.startswith(b"#!"):
        what = f"{shown} needs a loader or library that this system lacks"
        return what, "install the program for this system"
    line = start[2:].partition(b"\n")[0]
    if line.endswith(b"\r"):
        what = f"the lines of {shown} end in CR LF, and so its interpreter's name in a CR"
        return what, f"save it with LF, as dos2unix {one_line(shlex.quote(path))} does"
    interpreter = (line.split() or [b""])[0].decode("utf-8", "replace")
    what = f"{shown} names the interpreter {one_line(interpreter)}, which does not exist"
    return what, "install that interpreter, or fix the file's first line"


def _find_file(name: str) -> str:
    """Return the file in PATH with a name, executable or not; the name if there is none."""
    return shutil.which(name, os.F_OK) or name


def _first_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(256)
    except OSError:
        return b""
