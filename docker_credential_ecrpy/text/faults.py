"""Words for failures of the process itself, which Python reports without a useful text."""

import errno
import os
import sys
from collections.abc import Mapping

from docker_credential_ecrpy import HOMEPAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import import_path
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

_PROCESSES = "raise its limit of processes (ulimit -u, or the container's limit of pids)"
_SYSTEM = {
    errno.ENOMEM: ("there is not enough memory", "give this process more"),
    errno.EMFILE: ("this process may open no more files", "raise its limit (ulimit -n)"),
    errno.ENFILE: ("the system has no more files to open", "close other programs"),
}
"""The number of a system's error -> what is wrong, and what to do."""
# What fails for lack of memory, and then says something else: threads, OpenSSL, and modules that
# Python ignores if it cannot read them.
_BY_LOW_MEMORY = expression(
    "start new thread|malloc failure|certificate key too weak|has no ciphers|BUF_LIB|"
    "unknown encoding: (idna|utf|ascii|latin)|[Oo]ut of memory|failed to map segment|"
    "annot allocate memory|an't allocate lock"
)
_LIMITS = {"RLIMIT_AS": "-v", "RLIMIT_DATA": "-d"}
"""The limits of a process's memory -> the option of a shell's `ulimit` that sets them."""
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
        return _explain_memory()
    if _find_memory_limit() and (_BY_LOW_MEMORY.search(str(exc)) or _misses_own_module(exc)):
        return _explain_memory()
    if isinstance(exc, RuntimeError) and "start new thread" in str(exc):
        return HelperError("this process may start no thread", hint=_PROCESSES)
    if isinstance(exc, BlockingIOError) and _find_place(exc).startswith("subprocess"):
        return explain_start(exc)
    if isinstance(exc, ImportError):  # low memory, or a missing file
        msg = f"the program cannot be loaded: {one_line(str(exc)) or say(exc)}"
        return HelperError(msg, hint="give it more memory, or reinstall it")
    if isinstance(exc, OSError) and exc.errno in _SYSTEM and exc.filename is None:
        return _of_system(exc.errno)
    return None


def explain_any(exc: Exception, environ: Mapping[str, str], log: Log) -> HelperError:
    """Return the error for any exception of a call. Raises it if an interrupt caused it."""
    if isinstance(exc, HelperError):
        return exc
    if isinstance(exc.__cause__, KeyboardInterrupt):
        raise exc  # an interrupt while a module loads; see `__main__.in_full`
    where = exc.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "nowhere"
    log(f"unexpected {type(exc).__name__} at {place}")
    by_variable = import_path.explain(exc, environ)
    if by_variable:
        return HelperError(by_variable[0], hint=by_variable[1])
    hint = "run it again with AWS_ECR_DEBUG=1, and report what that prints at"
    unknown = HelperError(f"unexpected error: {say(exc)}", hint=f"{hint} {HOMEPAGE}/issues")
    return explain(exc) or unknown


def explain_unexpected(exc: BaseException) -> HelperError:
    """Return the error for an exception that is a fault of this program."""
    place = _find_place(exc)
    msg = f"unexpected error at {place}: {say(exc)}"
    return HelperError(msg, hint=f"report it at {HOMEPAGE}/issues")


def explain_start(exc: OSError) -> HelperError | None:
    """Return the error for a lack of memory, processes or files for a program; None for another."""
    if exc.errno == errno.EAGAIN:
        return HelperError("this process may start no other one", hint=_PROCESSES)
    return _of_system(exc.errno) if exc.errno in _SYSTEM else None


def _of_system(number: int) -> HelperError:
    msg, hint = _SYSTEM[number]
    return _explain_memory() if number == errno.ENOMEM else HelperError(msg, hint=hint)


def _explain_memory() -> HelperError:
    msg, hint = _SYSTEM[errno.ENOMEM]
    option = _find_memory_limit()
    return HelperError(msg, hint=f"raise its limit (ulimit {option})" if option else hint)


def _find_memory_limit() -> str:
    """Return the option of `ulimit` for the limit of this process's memory; "" without one."""
    try:
        import resource  # noqa: PLC0415 - none on Windows; it may be what cannot be loaded
    except (ImportError, MemoryError):
        return ""
    for name, option in _LIMITS.items():
        if resource.getrlimit(getattr(resource, name))[0] != resource.RLIM_INFINITY:
            return option
    return ""


def _misses_own_module(exc: BaseException) -> bool:
    """Whether an import failed of what belongs to Python."""
    name = (exc.name or "").partition(".")[0] if isinstance(exc, ImportError) else ""
    return name in sys.stdlib_module_names


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
