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

from docker_credential_ecrpy import __version__, identity, log, protocol
from docker_credential_ecrpy.authorization import Token
from docker_credential_ecrpy.broker import Fetch
from docker_credential_ecrpy.errors import HelperError, WireText, one_line
from docker_credential_ecrpy.helper import Helper
from docker_credential_ecrpy.registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.deadline import Watch

PACKAGE = "docker-credential-ecrpy"
USAGE = "Usage: {name} <get|store|erase|list|version>"
HELP = """\
{usage}

A Docker credential helper for Amazon ECR. Docker runs it; to have it do so, put
this into ~/.docker/config.json, with your registry's host name:

  {{"credHelpers": {{"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"}}}}

and pull as usual. To see what Docker would see:

  echo 123456789012.dkr.ecr.us-east-1.amazonaws.com | docker-credential-ecr-login get

Actions (the protocol of docker-credential-helpers):
  get      read a registry's address from standard input, print its credentials
  store    read a login as JSON from standard input, keep it until it expires
  erase    read a registry's address from standard input, forget its tokens
  list     print the known ECR registries; never uses the network
  version  print the version

Environment:
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...    whom to be, as for the AWS CLI
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
    _open_standard_streams()
    name = program_name(argv)
    write_log = log.from_environ(environ, started)
    try:
        answer = _answer(argv[1:], name, environ, request, write_log)
    except _UsageError as exc:
        protocol.send(f"{exc}\n".encode(errors="replace"))
    except WireText as exc:
        protocol.send(f"{exc}\n".encode())
    except HelperError as exc:
        _report(name, one_error_line(exc))
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
        _report(name, one_error_line(error))
    else:
        protocol.send(answer)
        return protocol.OK
    return protocol.FAILED


class _UsageError(Exception):
    """The arguments make no sense; the text says how they would."""


def _answer(
    arguments: Sequence[str],
    name: str,
    environ: Mapping[str, str],
    request: bytes | None,
    write_log: log.Log,
) -> bytes:
    usage = USAGE.format(name=name)
    if len(arguments) != 1:
        raise _UsageError(usage)
    action = arguments[0]
    if action in ("version", "--version", "-v"):
        return f"{name} ({PACKAGE}) {__version__}\n".encode()
    if action in ("help", "--help", "-h"):
        return HELP.format(usage=usage).encode()
    helper = Helper(
        environ=environ,
        identity=identity.line(environ),
        fetch=_fetcher(write_log),
        clock=time.time_ns,
        log=write_log,
    )
    if action == "list":  # its input is not read: some clients leave a terminal there
        return helper.list()
    if action not in ("get", "store", "erase"):
        usage = f"{name}: unknown action: {one_line(action)}\n{usage}"
        raise _UsageError(usage)
    if request is None:
        request = protocol.read_input()
    if action == "get":
        return helper.get(request)
    if action == "store":
        helper.store(request)
    else:
        helper.erase(request)
    return b""


def program_name(argv: Sequence[str]) -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(argv[0]) if argv else ""
    name = name.removesuffix(".exe")
    return PACKAGE if name in ("", "__main__.py", "-c", "-m") else name


def one_error_line(error: HelperError) -> str:
    """Return an error as one line of text, whatever its parts hold."""
    return " ".join(str(error).split())


def _fetcher(write_log: log.Log) -> Fetch:
    def fetch(registry: Registry, seconds: float) -> Token:
        from docker_credential_ecrpy import deadline  # with subprocess: only to ask AWS

        def ask(watch: "Watch") -> Token:
            from docker_credential_ecrpy import aws  # a third of a second: only to ask AWS

            return aws.fetch(registry, watch, write_log)

        return deadline.within(seconds, ask)

    return fetch


def _report(name: str, line: str) -> None:
    text = f"{line}\n".encode(errors="backslashreplace")
    try:
        protocol.send(f"{name}: ".encode(errors="backslashreplace") + text, protocol.STDERR)
    except OSError:
        pass  # standard output says it too
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
