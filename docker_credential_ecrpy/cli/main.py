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

from docker_credential_ecrpy import HOMEPAGE, PACKAGE, __version__
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.names import ACTIONS, COMMANDS, COMPLETE, HELP_OPTIONS, USAGE
from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.files.log_file import open_log
from docker_credential_ecrpy.files.programs import stalled
from docker_credential_ecrpy.helper.actions import Answer, Helper
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import import_path, protocol, watchdog
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

HELP = """\
{usage}

Docker credential helper for Amazon ECR. Docker runs it for each pull, push and \
build; it gets a token from AWS, caches it, and refreshes it before it expires. \
No docker login is needed.

Configure Docker to use it (credHelpers in ~/.docker/config.json), then pull:

  docker-credential-ecrpy configure 123456789012@us-east-1
  docker pull 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:1

If a pull fails, find the cause and the fix:

  docker-credential-ecrpy doctor <image>

Commands (each has --help):
  configure    make Docker use this program for ECR registries
  doctor       find out why a pull fails, and how to fix it
  explain      show the rule, identity, endpoint and cache entry of a registry
  password     print a registry's token, as aws ecr get-login-password does
  cache        list or clear the cached tokens and logins
  completion   print the completion script of a shell
  pull-secret  print an image pull secret of Kubernetes
  pull-secrets keep image pull secrets of Kubernetes fresh
  help         show the help of a command, such as help cache list

Actions (Docker runs these: the protocol of docker-credential-helpers):
  get      read a registry's address from standard input, print its credentials
  store    read a login (JSON) from standard input, keep it until it expires
  erase    read a registry's address from standard input, remove its tokens
  list     print the known ECR registries; makes no network call
  version  print the version (also -V, --version)

Environment:
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...    the AWS identity, as for the AWS CLI
  AWS_ECR_PROFILE_<account>=<profile>    the AWS profile to use for one account
  AWS_ECR_ROLE_ARN_<account>=<ARN>       the role to assume for one account
  AWS_ECR_CONFIG=~/.ecr/config.toml      the settings file: rules, fallback
  AWS_ECR_TIMEOUT=25                     the time limit of one get, in seconds
  AWS_ECR_CACHE_DIR=~/.ecr               the cache directory
  AWS_ECR_DISABLE_CACHE=1                cache nothing: each get calls AWS
  AWS_ECR_IGNORE_CREDS_STORAGE=true      make docker login and logout do nothing
  AWS_ECR_DEBUG=1, AWS_ECR_LOG=<file>    log to standard error, or to a file
  NO_COLOR=1                             print no colours
"""


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
    log = _SwitchedLog(environ, started)
    helper = _build_helper(environ, log)
    for_user = _is_for_user(arguments, environ)
    try:
        if for_user:
            more = 0 if arguments and arguments[0] in _IN_TIME else _MORE_SECONDS
            report = partial(report_hang, argv, environ, None, for_user=True)
            watchdog.start(protocol.time_limit(environ) + more, report)
            code = _run_command(arguments, name, helper, log.turn_on)
            watchdog.stop()
            return code
        code, answer = _run_action(arguments, name, helper, (request, data, turn), argv)
    except WireText as exc:
        code, answer = protocol.FAILED, f"{exc}\n".encode()
    except HelperError as exc:
        return _report(name, exc, for_user=for_user)
    except BrokenPipeError:
        raise  # a command's reader left, as `head` does
    except Exception as exc:  # the boundary: users see no traceback
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        where = exc.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "nowhere"
        helper.log(f"unexpected {type(exc).__name__} at {place}")
        hint = "run it again with AWS_ECR_DEBUG=1, and report what that prints at"
        unknown = f"unexpected error: {faults.say(exc)}", f"{hint} {HOMEPAGE}/issues"
        by_variable = import_path.explain(exc, environ)
        msg, hint = by_variable or unknown
        known = None if by_variable else faults.explain(exc)
        return _report(name, known or HelperError(msg, hint=hint), for_user=for_user)
    watchdog.stop()
    protocol.send(answer)
    return code


def report_hang(
    argv: Sequence[str],
    environ: Mapping[str, str],
    request: protocol.GetRequest | None,
    thread: int,
    *,
    for_user: bool = False,
) -> None:
    """Answer for a thread that is blocked: with an error that names the file it waits for.

    request: that of a `get`, or None. For ECR Public the answer is "not found", as for its errors.
    """
    file = stalled.find_file(thread)  # before a child ends, for which the thread may wait
    program = sys.modules.get("docker_credential_ecrpy.files.programs.program")
    if program:  # a child that cannot even start holds this process's streams
        program.send(program.list_descendants(os.getpid()), "SIGKILL")
    if request and request.registry and request.registry.public:
        protocol.send(f"{protocol.NOT_FOUND}\n".encode())
        return
    error = stalled.explain(file, environ, protocol.time_limit(environ))
    _print_error(program_name(argv), error, for_user=for_user)


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
    if action not in known or len(arguments) > 1:
        return protocol.FAILED, f"{usage}\n".encode()
    if action in VERSION:
        return protocol.OK, f"{name} ({PACKAGE}) {__version__}\n".encode()
    # The input of "list" is not read: some clients leave a terminal there.
    if data is None:
        data = b"" if request or action == "list" else protocol.read_input()
    if action == "get":
        request = request or protocol.GetRequest(data)
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
        for line in HELP.format(name=name, usage=usage).splitlines()
    )


def _build_helper(environ: Mapping[str, str], log: Log) -> Helper:
    def fallback(name: SettingText) -> "Fallback":
        from docker_credential_ecrpy.helper import fallback  # loads subprocess: only to run it

        return fallback.Fallback(name.text, name.place, read_timeout(environ), environ, log)

    fetch = partial(gateway.fetch, log=log)
    return Helper(environ, fetch, gateway.resolve, fallback, time.time_ns, log)


def _report(name: str, error: HelperError, *, for_user: bool) -> int:
    watchdog.stop(_WRITE_SECONDS)
    if for_user:
        from docker_credential_ecrpy.text.console import Console  # slow: for users alone

        Console(os.environ).note(f"{name}: {make_printable(secrets.redact(str(error)))}")
    else:
        _print_error(name, error, for_user=False)
    watchdog.stop()
    return protocol.FAILED


def _print_error(name: str, error: HelperError, *, for_user: bool) -> None:
    """Print an error on both streams: a client may show either, and users see both.

    Standard output comes first: clients read that one, and may leave the other one full.
    """
    line = make_printable(secrets.redact(str(error)))
    try:
        if not for_user:
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
                # Read-only: writing to it fails, so a lost answer is an error.
                os.open(os.devnull, os.O_RDONLY)


def _see_children() -> None:
    """Keep the exit codes of child processes, which are lost if a client left SIGCHLD ignored."""
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
