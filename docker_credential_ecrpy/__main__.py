"""Entry point: answers a cached `get`, and finds who answers everything else.

That is `helper.warm` or `helper.fast_path` where no settings are needed, and `cli` otherwise.
Every `docker` command waits for this module, so it imports only what a cached answer needs. A test
compares the loaded modules with a literal list. The standalone programs run the two halves of
`main` separately.
"""

import os
import sys
import time

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

# Python reports low memory by any of these; by ImportError when the system cannot map a library.
_FAULTS = ImportError, MemoryError, OSError, SystemError
_NO_MEMORY = 12  # ENOMEM on Linux, macOS and Windows; loading `errno` takes memory
# Seconds after AWS_ECR_TIMEOUT: the alarm is behind the errors that say what hangs.
_ALARM_MARGIN = 1.5
_ALARM_WHILE_WRITING = 10.0  # seconds for an error, of which nobody may read the streams
_SPARE = 1 << 20  # bytes for the report of an error, where memory ends
_WITHOUT_AWS = ["store"], ["erase"], ["list"]
ACTIONS = ["get"], *_WITHOUT_AWS
"""The arguments of Docker's actions, which end without taking the interpreter apart."""


def start() -> int:
    """Run the program as an interpreter's script or with -m; return its exit code.

    The interpreter searches the script's directory, or the current one, and PYTHONPATH before the
    installed modules. From here on only those that deliver this program are searched.
    """
    named = os.environ.get("PYTHONPATH")
    chosen = named.split(os.pathsep) if named and not sys.flags.ignore_environment else []
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):  # from 3.11 on
        first = sys.path.pop(0)
        if __file__.startswith(first) and first == os.path.dirname(os.path.dirname(__file__)):
            chosen.insert(0, first)
        elif __name__ != "__main__" and first not in ("", _script_directory()):
            sys.path.append(first)  # a launcher's, such as that of pex
    if chosen:
        from docker_credential_ecrpy.hot import import_path

        import_path.prefer_installed(chosen)
    code = main()
    if sys.argv[1:] in ACTIONS or sys.flags.inspect:
        end(code)  # with PYTHONINSPECT, a traceback would follow the answer
    return code


def end(code: int) -> "NoReturn":
    """End this process without taking the interpreter apart, which takes longer than an answer.

    Docker's actions leave nothing to do: they write to descriptors, and close what they open.
    """
    for stream in (sys.stdout, sys.stderr):  # a module of the interpreter's start may use them
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # it is missing or closed
    os._exit(code)


def _script_directory() -> str:
    return os.path.dirname(os.path.realpath(sys.argv[0]))


def main() -> int:
    """Run the program with the process's own arguments and streams; return its exit code."""
    code, request = at_once()
    return in_full(request) if code is None else code


def at_once() -> "tuple[int | None, protocol.GetRequest | None]":
    """Answer a `get` that needs no AWS.

    Returns the exit code, or None if `in_full` has to go on; and the request, or None if standard
    input was not read.
    """
    if sys.argv[1:] != ["get"] or _wants_log(os.environ):
        return None, None
    request = None
    try:
        request = protocol.GetRequest(protocol.read_input())
        if request.data[:1] in (b"{", b"\xef"):  # no URL: an object, or a byte order mark
            from docker_credential_ecrpy.hot import bazel

            request = bazel.parse_request(request)
        protocol.set_alarm(protocol.time_limit(os.environ) + _ALARM_MARGIN)
        answer = quick_answer(request, os.environ, time.time_ns())
        if answer:
            protocol.set_timer(0)
            protocol.send(answer[1])
            return answer[0], request
        return None, request
    except KeyboardInterrupt:
        return protocol.INTERRUPTED, None
    except _FAULTS as exc:
        return _fail(exc, request), None


def be_ready() -> None:
    """Do nothing: a whole interpreter is ready for `cli`. See `in_full`."""


def in_full(request: "protocol.GetRequest | None", prepare: "Callable[[], None]" = be_ready) -> int:
    """Do the work that `at_once` left, with the request that it read; return the exit code.

    prepare: called before `cli` is loaded, and before a thread loads it to report a hang, by a
    program that has started a part of the interpreter.
    """

    def report(thread: int) -> None:
        prepare()
        from docker_credential_ecrpy.cli.main import report_hang

        report_hang(sys.argv, os.environ, request, thread)

    answer = data = turn = None
    spare = bytearray(_SPARE)
    try:
        if request is not None:
            from docker_credential_ecrpy.helper import warm

            answer, turn = warm.answer_in_time(request, os.environ, report)
        elif sys.argv[1:] in _WITHOUT_AWS and not _wants_log(os.environ):
            from docker_credential_ecrpy.helper import fast_path

            answer, data = fast_path.answer(sys.argv[1], os.environ, report)
        if answer is not None:
            code, output = answer
            protocol.send(output)
            return code
        prepare()
        from docker_credential_ecrpy.cli.main import run_cli

        return run_cli(sys.argv, os.environ, request, data, turn)
    except KeyboardInterrupt:
        return protocol.INTERRUPTED
    except SystemExit as exc:
        if _explain(exc):  # a module of another program ends this one
            return _fail(exc, request)
        raise
    except Exception as exc:  # noqa: BLE001 - the boundary: users see no traceback
        del spare
        # Python 3.10 and 3.11 raise a RuntimeError for an interrupt in __set_name__, while a module
        # loads.
        if isinstance(exc.__cause__, KeyboardInterrupt):
            return protocol.INTERRUPTED
        return _fail(exc, request)


def _explain(exc: BaseException) -> str:
    """Return an error's line if a variable such as PYTHONPATH caused it, or ""."""
    try:
        from docker_credential_ecrpy.hot import import_path

        return "; ".join(import_path.explain(exc, os.environ) or ())
    except _FAULTS:
        return ""


def _fail(exc: BaseException, request: "protocol.GetRequest | None" = None) -> int:
    """Report an error that `cli` cannot report, on standard error; return the exit code.

    Docker's clients get it on standard output, too: they differ in which they show. The kubelet,
    Bazel and users do not. request: that of a `get`, if it was read.
    """
    watchdog = sys.modules.get("docker_credential_ecrpy.hot.watchdog")
    if watchdog:
        watchdog.stop()
    protocol.set_alarm(_ALARM_WHILE_WRITING)
    text = _explain(exc)
    if not text and isinstance(exc, OSError) and exc.errno != _NO_MEMORY:
        return protocol.FAILED  # the client closed the pipe, or its disk is full
    if not text:
        text = "there is not enough memory; give this process more"
        if not isinstance(exc, (MemoryError, OSError, SystemError)):  # a damaged or missing file
            text = (
                f"the program cannot be loaded: {str(exc)!a}; give it more memory, or reinstall it"
            )
    name = os.path.basename(sys.argv[0]).removesuffix(".exe").replace("__main__.py", PACKAGE)
    lines = [(f"{ascii(name)[1:-1]}: {text}", protocol.STDERR)]
    if sys.argv[1:] in ACTIONS and not (request and request.wants_headers):
        lines.insert(0, (text, protocol.STDOUT))  # first: nobody may read the other one
    for line, stream in lines:
        try:
            protocol.send(f"{line}\n".encode(), stream)
        except (OSError, MemoryError):
            pass  # the stream is closed, or the memory is too low even for this
    protocol.set_timer(0)
    return protocol.FAILED


def quick_answer(
    request: protocol.GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[int, bytes] | None":
    """Return the exit code and output of a `get` that needs no AWS, or None if it needs AWS.

    now: nanoseconds since the epoch (UTC). A cache search without a hit is noted in `request`.
    """
    found = request.registry
    if found is None and request.data and not paths.has_settings(environ):
        return request.not_found
    # With settings, a non-ECR host may be a private name of a registry, or belong to the fallback.
    host = found.host if found else registry.parse_host(request.server_url)
    directory = paths.cache_dir(environ)
    if not (host and directory):
        return None
    settings = "" if found else identity.settings_part(environ)
    line = identity.line(environ)
    try:
        entry = cache.answer(directory, host, line, now, environ, settings=settings)
    except cache.Miss as miss:
        if found is None and cache.is_elsewhere(directory, host, line, now):
            return request.not_found
        request.identity, request.due = line, miss.due
        return None
    return protocol.OK, request.reply(entry, now)


def _wants_log(environ: "Mapping[str, str]") -> bool:
    return bool(environ.get("AWS_ECR_LOG")) or environ.get("AWS_ECR_DEBUG", "0") not in ("", "0")


if __name__ == "__main__":
    sys.exit(start())
