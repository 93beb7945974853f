"""Arguments, streams and exit codes; the one place that tells a person of an error.

The voice of the program: the answer goes to standard output and nothing else does. An error is
one line, what is wrong and then what to do; it goes to both streams, since clients differ in
which they show, and on standard error the program's name stands before it. No class names, no
capital at the start, no full stop at the end.
"""

import difflib
import errno
import os
import time
from collections.abc import Mapping, Sequence

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.aws.gateway import AwsCalls
from docker_credential_ecrpy.cli.names import COMPLETE
from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.files.log_file import from_environ
from docker_credential_ecrpy.helper.actions import Answer, Helper, timeout
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings.rules import Written
from docker_credential_ecrpy.text import log
from docker_credential_ecrpy.text.sanitize import one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback

COMMANDS = ("configure", "doctor", "explain", "password", "cache", "completion")
"""What a person types, beside Docker's actions."""
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
    """Run one action and return the exit code.

    `request` is that of a `get`, when the caller has read standard input, or else None. Only this
    function catches errors in order to print them. Raises OSError when standard output cannot
    be written to.
    """
    started = time.monotonic()
    environ = dict(environ)  # what is done for botocore's sake does not change who is asking
    _open_standard_streams()
    name = program_name(argv)
    write_log = from_environ(environ, started)
    try:
        code, answer = _answer(argv[1:], name, environ, request, write_log)
    except _UsageError as exc:
        protocol.send(f"{exc}\n".encode(errors="replace"))
    except WireText as exc:
        protocol.send(f"{exc}\n".encode())
    except HelperError as exc:
        _report(name, one_error_line(exc), for_person=_is_for_person(argv[1:], environ))
    except BrokenPipeError:
        raise  # a command's reader left, as `head` does
    except Exception as exc:  # noqa: BLE001 - the boundary: no traceback reaches a person
        where = exc.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "nowhere"
        write_log(f"unexpected {type(exc).__name__} at {place}")
        error = HelperError(
            f"unexpected error: {one_line(str(exc)) or 'it says nothing'}",
            hint="run it again with AWS_ECR_DEBUG=1, and report what that says",
        )
        _report(name, one_error_line(error), for_person=_is_for_person(argv[1:], environ))
    else:
        protocol.send(answer)
        return code
    return protocol.FAILED


class _UsageError(Exception):
    """The arguments make no sense; the text says how they would."""


def _answer(
    arguments: Sequence[str],
    name: str,
    environ: Mapping[str, str],
    request: protocol.GetRequest | None,
    write_log: log.Log,
) -> Answer:
    usage = USAGE.format(name=name)
    if _is_for_person(arguments, environ):
        return _command(arguments, name, environ, write_log), b""
    action = arguments[0] if arguments else ""
    if arguments and action not in ACTIONS + VERSION + HELPED:
        near = difflib.get_close_matches(action, COMMANDS + ACTIONS + VERSION + HELPED, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        usage = f"{name}: unknown action: {one_line(action)}{meant}\n{usage}"
        raise _UsageError(usage)
    if len(arguments) != 1:
        raise _UsageError(usage)
    if action in VERSION:
        return protocol.OK, f"{name} ({PACKAGE}) {__version__}\n".encode()
    if action in HELPED:
        return protocol.OK, _help(name, usage, environ)
    helper = _helper(environ, write_log)
    if action == "list":  # its input is not read: some clients leave a terminal there
        return helper.list()
    if action == "get":
        return helper.get(request or protocol.GetRequest(protocol.read_input()))
    data = protocol.read_input()
    return helper.store(data) if action == "store" else helper.erase(data)


def _help(name: str, usage: str, environ: Mapping[str, str]) -> bytes:
    from docker_credential_ecrpy.text.console import (  # with re: only for a person
        Console,
        continued,
    )

    console = Console(environ)
    width = console.width or 80
    lines = HELP.format(name=name, usage=usage).splitlines()
    fitted = [
        continued(line.strip(), width, "  ")
        if line.startswith("  docker")
        else console.fitted(line, width)
        for line in lines
    ]
    return ("\n".join(fitted) + "\n").encode()


def program_name(argv: Sequence[str]) -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(argv[0]) if argv else ""
    name = printable(name.removesuffix(".exe"))
    return PACKAGE if name in ("", "__main__.py", "-c", "-m") else name


def one_error_line(error: HelperError) -> str:
    """Return an error as one line of text, whatever its parts hold."""
    return printable(str(error))


def _helper(environ: Mapping[str, str], write_log: log.Log) -> Helper:
    def fallback(name: Written) -> "Fallback":
        from docker_credential_ecrpy.helper import fallback  # with subprocess: only to run it

        return fallback.Fallback(name.text, name.place, timeout(environ), environ, write_log)

    fetch = AwsCalls(write_log).fetch
    return Helper(environ, fetch, gateway.resolve, fallback, time.time_ns, write_log)


def _is_for_person(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a person types this, or their shell asks how it may go on."""
    if not arguments:
        return COMPLETE in environ
    return arguments[0] in COMMANDS or (arguments[0] == "help" and len(arguments) > 1)


def _command(
    arguments: Sequence[str], name: str, environ: Mapping[str, str], write_log: log.Log
) -> int:
    from docker_credential_ecrpy.cli import (
        context,  # with click: only for a person
        group,
    )

    aws = AwsCalls(write_log)
    return group.run_command(
        arguments, context.CommandContext(name, environ, _helper(environ, write_log), aws)
    )


def _report(name: str, line: str, *, for_person: bool) -> None:
    """Tell of an error: a person sees both streams, and a client may show either."""
    text = f"{name}: {line}"
    if for_person:
        from docker_credential_ecrpy.text.console import Console  # with re: only for a person

        Console(os.environ).note(text)
        return
    try:
        protocol.send(f"{text}\n".encode(errors="backslashreplace"), protocol.STDERR)
    except OSError:
        pass  # standard output says it too
    protocol.send(f"{line}\n".encode(errors="backslashreplace"))


def _open_standard_streams() -> None:
    """Open the standard streams that are closed, so that no file of ours takes their place.

    A lock file on descriptor 1 would get the token written into it.
    """
    for descriptor in (protocol.STDIN, protocol.STDOUT, protocol.STDERR):
        try:
            os.fstat(descriptor)
        except OSError as exc:
            if exc.errno == errno.EBADF:
                # To read alone: what is said to it is not heard, which is a failure.
                os.open(os.devnull, os.O_RDONLY)
