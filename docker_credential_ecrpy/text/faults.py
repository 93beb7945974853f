"""Words for failures of the process itself, which Python reports without a useful text."""

import errno
import os

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_PROCESSES = "raise its limit of processes (ulimit -u, or the container's limit of pids)"
_SYSTEM = {
    errno.ENOMEM: ("there is not enough memory", "give this process more"),
    errno.EMFILE: ("this process may open no more files", "raise its limit (ulimit -n)"),
    errno.ENFILE: ("the system has no more files to open", "close other programs"),
}
"""The number of a system's error -> what is wrong, and what to do."""
_SILENT = {
    TimeoutError: "it took too long",
    EOFError: "its input ended too early",
    RecursionError: "its input is nested too deeply",
    ConnectionError: "the connection broke",
    NotImplementedError: "this system cannot do it",
}
"""Exceptions that often have no text -> what they mean."""


def explain(exc: BaseException) -> HelperError | None:
    """Return the error for a process that lacks memory, threads or files; None for another one."""
    if isinstance(exc, MemoryError):
        return _of_system(errno.ENOMEM)
    if isinstance(exc, RuntimeError) and "start new thread" in str(exc):
        return HelperError("this process may start no thread", hint=_PROCESSES)
    if isinstance(exc, BlockingIOError) and _find_place(exc).startswith("subprocess"):
        return HelperError("this process may start no other one", hint=_PROCESSES)
    if isinstance(exc, ImportError):  # low memory, or a missing file
        msg = f"the program cannot be loaded: {one_line(str(exc)) or say(exc)}"
        return HelperError(msg, hint="give it more memory, or reinstall it")
    if isinstance(exc, OSError) and exc.errno in _SYSTEM and exc.filename is None:
        return _of_system(exc.errno)
    return None


def _of_system(number: int) -> HelperError:
    msg, hint = _SYSTEM[number]
    return HelperError(msg, hint=hint)


def say(exc: BaseException) -> str:
    """Return the reason in an exception; one without a text gets words, or its place."""
    text = one_line(str(exc))
    if text.strip("() ,'\""):
        return text
    for kind, words in _SILENT.items():
        if isinstance(exc, kind):
            return words
    place = _find_place(exc)
    return f"a failure in {place}" if place else "a failure without a place"


def _find_place(exc: BaseException) -> str:
    """Return the file and line that raised an exception; "" if it was not raised."""
    where = exc.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    if where is None:
        return ""
    return f"{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}"
