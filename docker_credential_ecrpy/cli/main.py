"""Arguments, streams and exit codes; the one place that reports errors.

Standard output gets the answer and nothing else. An error is one line, what is wrong and then what
to do, without class names, capital or full stop; it goes to both streams, since clients differ in
which they show, and on standard error it begins with the program's name.
"""

import difflib
import errno
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.names import COMPLETE
from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.files.log_file import open_log
from docker_credential_ecrpy.helper.actions import Answer, Helper
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings.rules import SettingText
from docker_credential_ecrpy.text.log import Log, write_stderr
from docker_credential_ecrpy.text.sanitize import make_printable, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback

COMMANDS = ("configure", "doctor", "explain", "password", "cache", "completion")
"""What users type, beside Docker's actions."""
ACTIONS = ("get", "store", "erase", "list")
VERSION = ("version", "--version", "-v")
HELPED = ("help", "--help", "-h")

USAGE = """\
Usage: {name} <get|store|erase|list|version>
       {name} <command> [--help]"""
HELP = """\
{usage}

A Docker credential helper for Amazon ECR. Docker runs it at each pull, push and \
build, and gets a token that works: nobody runs docker login any more.

  docker-credential-ecrpy configure 123456789012@us-east-1
  docker pull 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:1

And when that fails:

  docker-credential-ecrpy doctor <image>

Commands (for a person; each with --help):
  configure   have Docker use this program, by credHelpers in its config.json
  doctor      say why a pull fails, and what to type
  explain     say which rule, identity, endpoint and cache entry a registry has
  password    print a registry's token, as aws ecr get-login-password does
  cache       list or clear what is kept on this machine
  completion  print what makes a shell complete these

Actions (for Docker: the protocol of docker-credential-helpers):
  get      read a registry's address from standard input, print its credentials
  store    read a login as JSON from standard input, keep it until it expires
  erase    read a registry's address from standard input, forget its tokens
  list     print the known ECR registries; never uses the network
  version  print the version

Environment:
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...    whom to be, as for the AWS CLI
  AWS_ECR_PROFILE_<account>=<profile>    whom to be for one account
  AWS_ECR_ROLE_ARN_<account>=<ARN>       a role to assume for one account
  AWS_ECR_CONFIG=~/.ecr/config.toml      our settings: rules, fallback
  AWS_ECR_TIMEOUT=25                     seconds that one get may take
  AWS_ECR_CACHE_DIR=~/.ecr               where tokens are kept
  AWS_ECR_DISABLE_CACHE=1                keep none
  AWS_ECR_IGNORE_CREDS_STORAGE=true      let docker login and logout do nothing
  AWS_ECR_DEBUG=1, AWS_ECR_LOG=<file>    say what is done and why, no secrets
  NO_COLOR=1                             no colours in what a command says
"""


def run_cli(
    argv: Sequence[str], environ: Mapping[str, str], request: protocol.GetRequest | None
) -> int:
    """Run one action or command and return the exit code.

    `request` is that of a `get`, when the caller has read standard input, or else None. Raises
    OSError when standard output cannot be written to.
    """
    started = time.monotonic()
    environ = dict(environ)  # changes made for botocore must not change the identity
    _open_standard_streams()
    name, arguments = program_name(argv), argv[1:]
    helper = _build_helper(environ, open_log(environ, started))
    for_user = _is_for_user(arguments, environ)
    try:
        if for_user:
            return _run_command(arguments, name, helper)
        code, answer = _run_action(arguments, name, helper, request)
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
        error = HelperError(
            f"unexpected error: {one_line(str(exc)) or 'it says nothing'}",
            hint="run it again with AWS_ECR_DEBUG=1, and report what that says",
        )
        return _report(name, error, for_user=for_user)
    protocol.send(answer)
    return code


def program_name(argv: Sequence[str]) -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(argv[0]) if argv else ""
    name = make_printable(name.removesuffix(".exe"))
    return PACKAGE if name in ("", "__main__.py", "-c", "-m") else name


def _is_for_user(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a user types this, or their shell asks for completions."""
    if not arguments:
        return COMPLETE in environ
    return arguments[0] in COMMANDS or (arguments[0] == "help" and len(arguments) > 1)


def _run_command(arguments: Sequence[str], name: str, helper: Helper) -> int:
    from docker_credential_ecrpy.cli import context, group  # they load click: for users alone

    return group.run_command(arguments, context.CommandContext(name, helper.environ, helper))


def _run_action(
    arguments: Sequence[str], name: str, helper: Helper, request: protocol.GetRequest | None
) -> Answer:
    usage = USAGE.format(name=name)
    action = arguments[0] if arguments else ""
    known = ACTIONS + VERSION + HELPED
    if arguments and action not in known:
        near = difflib.get_close_matches(action, COMMANDS + known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        usage = f"{name}: unknown action: {one_line(action)}{meant}\n{usage}"
    if action not in known or len(arguments) > 1:
        return protocol.FAILED, f"{usage}\n".encode()
    if action in VERSION:
        return protocol.OK, f"{name} ({PACKAGE}) {__version__}\n".encode()
    if action in HELPED:
        return protocol.OK, _help_text(name, usage, helper.environ).encode()
    if action == "list":  # its input is not read: some clients leave a terminal there
        return helper.list()
    if action == "get":
        return helper.get(request or protocol.GetRequest(protocol.read_input()))
    data = protocol.read_input()
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
    """Print an error: users see both streams, and a client may show either."""
    line = make_printable(str(error))
    if for_user:
        from docker_credential_ecrpy.text.console import Console  # slow: for users alone

        Console(os.environ).note(f"{name}: {line}")
    else:
        write_stderr(f"{name}: {line}\n".encode(errors="backslashreplace"))
        protocol.send(f"{line}\n".encode(errors="backslashreplace"))
    return protocol.FAILED


def _open_standard_streams() -> None:
    """Open closed standard streams, or a token may be written into a lock file on descriptor 1."""
    for descriptor in (protocol.STDIN, protocol.STDOUT, protocol.STDERR):
        try:
            os.fstat(descriptor)
        except OSError as exc:
            if exc.errno == errno.EBADF:
                # Read-only: writing to it fails, so a lost answer is an error.
                os.open(os.devnull, os.O_RDONLY)
