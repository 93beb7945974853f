"""Cold layer: arguments, streams and exit codes; the one place that tells a person of an error.

The voice of the program: the answer goes to standard output and nothing else does. An error is
one line, what is wrong and then what to do; it goes to both streams, since clients differ in
which they show, and on standard error the program's name stands before it. No class names, no
capital at the start, no full stop at the end.
"""

import errno
import os
import time
from collections.abc import Mapping, Sequence

from docker_credential_ecrpy import __version__, log, protocol, rules
from docker_credential_ecrpy.authorization import Token
from docker_credential_ecrpy.errors import HelperError, WireText, one_line
from docker_credential_ecrpy.helper import Answer, Helper, timeout
from docker_credential_ecrpy.rules import Choice, Written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_credential_ecrpy.aws_outlook import Outlook
    from docker_credential_ecrpy.deadline import Result, Watch
    from docker_credential_ecrpy.fallback import Fallback

PACKAGE = "docker-credential-ecrpy"
COMMANDS = ("explain",)
"""What a person types, beside Docker's actions."""

USAGE = "Usage: {name} <get|store|erase|list|version>"
HELP = """\
{usage}
       {name} explain [--check] <registry|image>

A Docker credential helper for Amazon ECR. Docker runs it; to have it do so, put
this into ~/.docker/config.json, with your registry's host name:

  {{"credHelpers": {{"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"}}}}

and pull as usual. To see what Docker would see:

  echo 123456789012.dkr.ecr.us-east-1.amazonaws.com | docker-credential-ecr-login get

With several AWS accounts, ~/.ecr/config.toml says whom to be for which, and which
credential helper to ask for registries that are not ECR:

  fallback = "pass"

  [[registry]]
  match = "123456789012"
  profile = "prod"

Actions (the protocol of docker-credential-helpers):
  get      read a registry's address from standard input, print its credentials
  store    read a login as JSON from standard input, keep it until it expires
  erase    read a registry's address from standard input, forget its tokens
  list     print the known ECR registries; never uses the network
  version  print the version

Commands (for a person):
  explain  say which rule, identity, endpoint and cache entry a registry has

Environment:
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...    whom to be, as for the AWS CLI
  AWS_ECR_PROFILE_<account>=<profile>    whom to be for one account
  AWS_ECR_ROLE_ARN_<account>=<ARN>       a role to assume for one account
  AWS_ECR_CONFIG=~/.ecr/config.toml      our settings
  AWS_ECR_TIMEOUT=25                     seconds that one get may take
  AWS_ECR_CACHE_DIR=~/.ecr               where tokens are kept
  AWS_ECR_DISABLE_CACHE=1                keep none
  AWS_ECR_IGNORE_CREDS_STORAGE=true      let docker login and logout pass unheard
  AWS_ECR_DEBUG=1, AWS_ECR_LOG=<file>    say what is done and why; never a secret
"""


def main(argv: Sequence[str], environ: Mapping[str, str], request: bytes | None) -> int:
    """Run one action and return the exit code.

    `request` is standard input when the caller has read it already, or else None. Only this
    function catches errors in order to print them. Raises OSError when standard output cannot
    be written to.
    """
    started = time.monotonic()
    environ = dict(environ)  # what is done for botocore's sake does not change who is asking
    _open_standard_streams()
    name = program_name(argv)
    write_log = log.from_environ(environ, started)
    try:
        code, answer = _answer(argv[1:], name, environ, request, write_log)
    except _UsageError as exc:
        protocol.send(f"{exc}\n".encode(errors="replace"))
    except WireText as exc:
        protocol.send(f"{exc}\n".encode())
    except HelperError as exc:
        _report(name, one_error_line(exc), _streams(argv))
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
        _report(name, one_error_line(error), _streams(argv))
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
    request: bytes | None,
    write_log: log.Log,
) -> Answer:
    usage = USAGE.format(name=name)
    if arguments and arguments[0] in COMMANDS:
        return _explain(arguments[1:], name, environ, write_log), b""
    if len(arguments) != 1:
        raise _UsageError(usage)
    action = arguments[0]
    if action in ("version", "--version", "-v"):
        return protocol.OK, f"{name} ({PACKAGE}) {__version__}\n".encode()
    if action in ("help", "--help", "-h"):
        return protocol.OK, HELP.format(name=name, usage=usage).encode()
    helper = _helper(environ, write_log)
    if action == "list":  # its input is not read: some clients leave a terminal there
        return helper.list()
    if action not in ("get", "store", "erase"):
        usage = f"{name}: unknown action: {one_line(action)}\n{usage}"
        raise _UsageError(usage)
    if request is None:
        request = protocol.read_input()
    if action == "get":
        return helper.get(request)
    return helper.store(request) if action == "store" else helper.erase(request)


def program_name(argv: Sequence[str]) -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(argv[0]) if argv else ""
    name = name.removesuffix(".exe")
    return PACKAGE if name in ("", "__main__.py", "-c", "-m") else name


def one_error_line(error: HelperError) -> str:
    """Return an error as one line of text, whatever its parts hold."""
    return " ".join(str(error).split())


def _helper(environ: Mapping[str, str], write_log: log.Log) -> Helper:
    def fetch(choice: Choice, seconds: float) -> Token:
        def ask(watch: "Watch") -> Token:
            from docker_credential_ecrpy import aws  # a third of a second: only to ask AWS

            return aws.fetch(choice, watch, write_log)

        return _within(seconds, ask)

    def fallback(name: Written, directory: str) -> "Fallback":
        from docker_credential_ecrpy import fallback  # with subprocess: only to run it

        return fallback.Fallback(
            name.text, name.place, timeout(environ), directory, environ, write_log
        )

    return Helper(environ, fetch, _resolve, fallback, time.time_ns, write_log)


def _explain(
    arguments: Sequence[str], name: str, environ: Mapping[str, str], write_log: log.Log
) -> int:
    from docker_credential_ecrpy.commands import explain  # with argparse: only for this

    def outlook(choice: Choice) -> "Outlook":
        def look(watch: "Watch") -> "Outlook":
            from docker_credential_ecrpy import aws_outlook  # with boto3: only for ECR's hosts

            return aws_outlook.outlook(choice, watch, write_log)

        return _within(timeout(environ), look)

    def caller(choice: Choice) -> str:
        def ask(watch: "Watch") -> str:
            from docker_credential_ecrpy import aws_outlook  # as above

            return aws_outlook.caller(choice, watch, write_log)

        return _within(timeout(environ), ask)

    aws = explain.Aws(outlook, caller)
    return explain.run(arguments, name, _helper(environ, write_log), aws)


def _within(seconds: float, call: "Callable[[Watch], Result]") -> "Result":
    from docker_credential_ecrpy import deadline  # with subprocess: only to ask AWS

    return deadline.within(seconds, call)


def _resolve(choice: Choice) -> Choice:
    if choice.profile != rules.AUTO:
        return choice
    from docker_credential_ecrpy import profiles  # with botocore: only to read its profiles

    return choice.with_profile(profiles.of_account(choice))


def _streams(argv: Sequence[str]) -> tuple[int, ...]:
    """Return where an error goes: a client may show either stream, a person sees both."""
    of_person = bool(argv[1:]) and argv[1] in COMMANDS
    return (protocol.STDERR,) if of_person else (protocol.STDERR, protocol.STDOUT)


def _report(name: str, line: str, streams: Sequence[int]) -> None:
    text = f"{line}\n".encode(errors="backslashreplace")
    try:
        protocol.send(f"{name}: ".encode(errors="backslashreplace") + text, protocol.STDERR)
    except OSError:
        pass  # standard output says it too
    if protocol.STDOUT in streams:
        protocol.send(text)


def _open_standard_streams() -> None:
    """Open the standard streams that are closed, so that no file of ours takes their place.

    A lock file on descriptor 1 would get the token written into it.
    """
    for descriptor in (protocol.STDIN, protocol.STDOUT, protocol.STDERR):
        try:
            os.fstat(descriptor)
        except OSError as exc:
            if exc.errno == errno.EBADF:
                os.open(os.devnull, os.O_RDWR)
