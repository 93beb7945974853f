"""Arguments, streams and exit codes; the one place that reports errors.

Standard output gets the answer and nothing else. An error is one line: what is wrong; what to do.
It has no class name, capital or full stop. For a client it goes to both streams, since clients
differ in which they show; on standard error it begins with the program's name.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.names import (
    ACTIONS,
    COMMANDS,
    COMPLETE,
    HELP_OPTIONS,
    HELP_TEXT,
    KUBELET,
    USAGE,
)
from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.files.log_file import open_log
from docker_credential_ecrpy.files.programs import stalled
from docker_credential_ecrpy.helper.actions import Answer, Helper
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import protocol, watchdog
from docker_credential_ecrpy.settings.rules import SettingText
from docker_credential_ecrpy.text import faults, secret_sources, secrets
from docker_credential_ecrpy.text.log import Log, write_stderr
from docker_credential_ecrpy.text.sanitize import make_printable, one_line
from docker_credential_ecrpy.text.suggestion import suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback
    from docker_credential_ecrpy.tokens.turn import Turn

VERSION = ("version", "--version", "-V", "-v")
_MORE_SECONDS = 10.0  # after AWS_ECR_TIMEOUT, for what most commands do beside calls to AWS
_IN_TIME = ("password", "cache")  # these do no more than an action does
_WRITE_SECONDS = 10.0  # for an error, whose stream may be a file that does not answer
HELPED = ("help", *HELP_OPTIONS)


def run_cli(
    argv: Sequence[str],
    environ: Mapping[str, str],
    request: protocol.GetRequest | None,
    data: bytes | None = None,
    turn: "Turn | None" = None,
) -> int:
    """Run one action or command and return the exit code.

    request: that of a `get` whose input the caller has read, or else None. data: the input that it
    has read for another action, or None. turn: to fetch the token of `request`, if the caller has
    waited for that. Raises OSError when standard output cannot be written to.
    """
    started = time.monotonic()
    environ = dict(environ)  # changes made for botocore must not change the identity
    _open_standard_streams()
    secret_sources.note_environment(environ)
    secret_sources.note_arguments(argv[1:])
    _see_children()
    name, arguments = program_name(argv), argv[1:]
    if request is None and arguments == ["get"]:
        request = _read_request()
    is_plugin, given = _find_plugin(arguments, environ, request)
    if is_plugin:
        return _run_plugin(argv, environ, given, started)
    log = _SwitchedLog(environ, started)
    helper = _build_helper(environ, log)
    for_user = _is_for_user(arguments, environ)
    try:
        if for_user:
            more = 0 if arguments and arguments[0] in _IN_TIME else _MORE_SECONDS
            say = partial(_print_error, on_stdout=False)
            report = partial(report_hang, argv, environ, None, say=say)
            watchdog.start(protocol.time_limit(environ) + more, report)
            code = _run_command(arguments, name, helper, log.turn_on)
            watchdog.stop()
            return code
        code, answer = _run_action(arguments, name, helper, (request, data, turn), argv)
    except WireText as exc:
        code, answer = protocol.FAILED, f"{exc}\n".encode()
    except HelperError as exc:
        return _report(name, exc, request, for_user=for_user)
    except BrokenPipeError:
        raise  # a command's reader left, as `head` does
    except Exception as exc:  # noqa: BLE001 - the boundary: users see no traceback
        return _report(name, faults.explain_any(exc, environ, log), request, for_user=for_user)
    watchdog.stop()
    protocol.send(answer)
    return code


def _run_plugin(
    argv: Sequence[str], environ: dict[str, str], given: bytes | None, started: float
) -> int:
    """Answer the kubelet; return the exit code. An error is one line on standard error alone.

    given: the request, if it has been read. Raises OSError as `run_cli`.
    """
    from docker_credential_ecrpy.kubernetes import plugin  # for nodes alone

    name, log = program_name(argv), _SwitchedLog(environ, started)
    environ |= plugin.choose_cache(environ)

    def say(name: str, error: HelperError) -> None:
        write_stderr(plugin.shorten(name, error))

    try:
        report = partial(report_hang, argv, environ, None, say=say)
        watchdog.start(protocol.time_limit(environ), report)
        answer = plugin.answer(argv[1:], given, _build_helper(environ, log))
    except BrokenPipeError:
        raise
    except Exception as exc:  # noqa: BLE001 - the boundary, as in `run_cli`
        watchdog.stop(_WRITE_SECONDS)
        say(name, faults.explain_any(exc, environ, log))
        watchdog.stop()
        return protocol.FAILED
    finally:
        program = sys.modules.get("docker_credential_ecrpy.files.programs.program")
        if program:
            program.kill_sessions()  # a node runs this all the time: nothing may gather there
    watchdog.stop()
    protocol.send(answer)
    return protocol.OK


def report_hang(
    argv: Sequence[str],
    environ: Mapping[str, str],
    request: protocol.GetRequest | None,
    thread: int,
    *,
    say: "Callable[[str, HelperError], None] | None" = None,
) -> None:
    """Answer for a thread that is blocked: with an error that names the file it waits for.

    request: that of a `get`, or None. For ECR Public the answer is "not found", as for its errors.
    say: writes the error; by default as for the client of `request`.
    """
    file = stalled.find_file(thread)  # before a child ends, for which the thread may wait
    program = sys.modules.get("docker_credential_ecrpy.files.programs.program")
    if program:  # a child that cannot even start holds this process's streams
        program.send(program.list_descendants(os.getpid()), "SIGKILL")
    if request and request.registry and request.registry.public and not request.wants_headers:
        protocol.send(f"{protocol.NOT_FOUND}\n".encode())
        return
    error = stalled.explain(file, environ, protocol.time_limit(environ))
    if say is None:
        say = partial(_print_error, on_stdout=not (request and request.wants_headers))
    say(program_name(argv), error)


def program_name(argv: Sequence[str]) -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(argv[0]) if argv else ""
    name = make_printable(name.removesuffix(".exe"))
    return PACKAGE if name in ("", "__main__.py", "-c", "-m") else name


class _SwitchedLog:
    """The log that the environment asks for, until -v turns on the one to standard error."""

    def __init__(self, environ: dict[str, str], started: float) -> None:
        self._environ, self._started = environ, started
        self._write = open_log(environ, started)

    def __call__(self, text: str) -> None:
        self._write(text)

    def turn_on(self) -> None:
        self._environ["AWS_ECR_DEBUG"] = "1"
        self._write = open_log(self._environ, self._started)


def _find_plugin(
    arguments: Sequence[str], environ: Mapping[str, str], get: protocol.GetRequest | None
) -> tuple[bool, bytes | None]:
    """Return whether the kubelet runs this as its plugin, and its request if that was read.

    It may run this under another program's name and with its arguments, or as Docker's helper with
    `get`: then the request shows it. get: the input of a `get`, or None.
    """
    if get is not None:
        return _is_kubelets(get), get.data
    if arguments[:1] == [KUBELET]:
        is_help = set(HELP_OPTIONS) & set(arguments)
        return not is_help and all(word.startswith("-") for word in arguments[1:2]), None
    if _is_for_user(arguments, environ) or not _is_usage(arguments):
        return False, None
    from docker_credential_ecrpy.kubernetes import plugin

    request = plugin.find_request(protocol.time_limit(environ))
    return request is not None, request


def _is_kubelets(get: protocol.GetRequest) -> bool:
    """Whether the input of a `get` is the kubelet's: an object as Bazel's, of another kind."""
    is_bazels = get.server_url or b'"uri"' in get.data
    if not get.wants_headers or is_bazels or b"CredentialProviderRequest" not in get.data:
        return False
    from docker_credential_ecrpy.kubernetes import request as requests  # for nodes alone

    return requests.is_request(get.data)


def _is_usage(arguments: Sequence[str]) -> bool:
    """Whether the arguments are none that a client uses, and no help."""
    if arguments and _is_help(arguments):
        return False
    return len(arguments) != 1 or arguments[0] not in (*ACTIONS, *VERSION, *HELPED)


def _is_for_user(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a user types this, or their shell asks for completions."""
    if not arguments:
        return COMPLETE in environ
    first, *rest = arguments
    if first in ACTIONS:
        return len(rest) == 1 and rest[0] in HELP_OPTIONS
    return first in COMMANDS or (first == "help" and not _is_help(arguments))


def _is_help(arguments: Sequence[str]) -> bool:
    """Whether the help of the program itself is wanted: --help, -h, help, help help, help -h."""
    first, *rest = arguments
    return first in HELPED and (not rest or (first == "help" and rest[0] in HELPED))


def _run_command(
    arguments: Sequence[str], name: str, helper: Helper, turn_on_log: Callable[[], None]
) -> int:
    from docker_credential_ecrpy.cli import context, group  # they load click: for users alone

    around = context.CommandContext(name, helper.environ, helper, turn_on_log)
    return group.run_command(arguments, around)


def _run_action(
    arguments: Sequence[str],
    name: str,
    helper: Helper,
    given: "tuple[protocol.GetRequest | None, bytes | None, Turn | None]",
    argv: Sequence[str],
) -> Answer:
    request, data, turn = given
    usage = USAGE.format(name=name)
    action = arguments[0] if arguments else ""
    if arguments and _is_help(arguments):
        return protocol.OK, _help_text(name, usage, helper.environ).encode()
    known = (*ACTIONS, *VERSION, *HELPED)
    if arguments and action not in known:
        near = suggest(action, COMMANDS + known)
        meant = f"; did you mean {near}?" if near else ""
        usage = f"{name}: unknown command: {one_line(action)}{meant}\n{usage}"
    if _is_usage(arguments):
        return protocol.FAILED, f"{usage}\n".encode()
    if action in VERSION:
        return protocol.OK, f"{name} ({PACKAGE}) {__version__}\n".encode()
    # The input of "list" is not read: some clients leave a terminal there.
    if data is None:
        data = b"" if request or action == "list" else protocol.read_input()
    # The time that the client takes for its input does not count.
    report = partial(report_hang, argv, helper.environ, request)
    watchdog.start(protocol.time_limit(helper.environ), report)
    if request:
        return helper.get(request, turn)
    if action == "list":
        return helper.list()
    return helper.store(data) if action == "store" else helper.erase(data)


def _help_text(name: str, usage: str, environ: Mapping[str, str]) -> str:
    from docker_credential_ecrpy.text.console import Console, wrap_command  # slow: for users alone

    console = Console(environ)
    width = console.width or 80
    return "".join(
        wrap_command(line.strip(), width, "  ") + "\n"
        if line.startswith("  docker")
        else console.fit(line, width) + "\n"
        for line in HELP_TEXT.format(name=name, usage=usage).splitlines()
    )


def _build_helper(environ: Mapping[str, str], log: Log) -> Helper:
    def fallback(name: SettingText) -> "Fallback":
        from docker_credential_ecrpy.helper import fallback  # loads subprocess: only to run it

        return fallback.Fallback(name.text, name.place, read_timeout(environ), environ, log)

    fetch = partial(gateway.fetch, log=log)
    return Helper(environ, fetch, gateway.resolve, fallback, time.time_ns, log)


def _read_request() -> protocol.GetRequest:
    from docker_credential_ecrpy.hot import bazel  # not for the other actions

    return bazel.parse_request(protocol.GetRequest(protocol.read_input()))


def _report(
    name: str, error: HelperError, request: protocol.GetRequest | None, *, for_user: bool
) -> int:
    watchdog.stop(_WRITE_SECONDS)
    if for_user:
        from docker_credential_ecrpy.text.console import Console  # slow: for users alone

        Console(os.environ).note(f"{name}: {make_printable(secrets.redact(str(error)))}")
    else:
        _print_error(name, error, on_stdout=not (request and request.wants_headers))
    watchdog.stop()
    return protocol.FAILED


def _print_error(name: str, error: HelperError, *, on_stdout: bool) -> None:
    """Print an error on standard error, and before that on standard output if `on_stdout`.

    Docker's clients differ in which one they show, and may leave standard error full. Bazel and
    users, who see both, get it on standard error alone.
    """
    line = make_printable(secrets.redact(str(error)))
    try:
        if on_stdout:
            protocol.send(f"{line}\n".encode(errors="backslashreplace"))
    finally:
        write_stderr(f"{name}: {line}\n".encode(errors="backslashreplace"))


def _open_standard_streams() -> None:
    """Open closed standard streams, or a token may be written into a lock file on descriptor 1."""
    for descriptor in (protocol.STDIN, protocol.STDOUT, protocol.STDERR):
        try:
            os.fstat(descriptor)
        except OSError as exc:
            if exc.errno == errno.EBADF:
                _open_for_reading()


def _open_for_reading() -> None:
    """Open the lowest descriptor, without data. Writing fails, so a lost answer is an error."""
    try:
        os.open(os.devnull, os.O_RDONLY)
    except OSError:  # a root directory without devices
        _, writer = os.pipe()
        os.close(writer)


def _see_children() -> None:
    """Keep the exit codes of child processes, which are lost if a client left SIGCHLD ignored."""
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
