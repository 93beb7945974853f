"""The fallback: another credential helper, for registries that are not ECR's.

It runs as Docker would run it: same action, same input, the client's standard error; its output and
exit code are passed on unchanged. This program's own errors are a helper that is missing, loops,
hangs, is killed, or answers with what is no login.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.files.programs.program import Program, say_signal
from docker_credential_ecrpy.hot import protocol, watchdog
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.settings.rules import Place
from docker_credential_ecrpy.text import faults
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

MARK = "AWS_ECR_FALLBACK_OF"
"""Set for the fallback helper: its deadline, in seconds since the epoch, and then suffixes.

They are those of the fallbacks that this process was itself started for, and its own. After the
deadline the mark is stale: it stays in the environment of a daemon that the fallback started.
"""
_TERMINATED = 128 + signal.SIGTERM  # what a shell reports
_END_SECONDS = 4.0  # for its own time to end, and its being killed then


@dataclass(frozen=True)
class Fallback:
    """The credential helper `docker-credential-<suffix>`.

    place: where the settings name it. seconds: its deadline.
    """

    suffix: str
    place: Place
    seconds: float
    environ: Mapping[str, str]
    log: Log

    @property
    def program(self) -> str:
        """Its program's name."""
        return HELPER_PREFIX + self.suffix

    def run(self, action: str, request: bytes) -> tuple[int, bytes]:
        """Return its exit code and standard output.

        Raises HelperError if it is missing, loops back to this program, hangs or is killed.
        """
        if len(request) > protocol.MAX_INPUT:
            msg = f"the input is longer than {protocol.MAX_INPUT // 1024} KiB"
            raise HelperError(msg, hint="a registry's address and a login are shorter")
        path = self.path()
        if self.suffix in self._callers() or _is_running(path):
            msg = f'fallback = "{self.suffix}" in {self.place} loops back to this program'
            hint = "name a credential helper for other registries, such as "
            raise HelperError(msg, hint=hint + "pass, secretservice, osxkeychain or wincred")
        self.log(f"fallback: {path} {action}")
        code, output = self._run([path, action], request)
        self.log(f"fallback: exit code {code}, {len(output)} bytes")
        if code < 0:
            msg = f"the fallback credential helper {self.program} {action} {say_signal(code)}"
            raise HelperError(msg, hint="run it by hand to see why")
        if action == "get" and code == 0:
            self._check_login(output)
        return code, output

    def path(self) -> str:
        """Return its path on PATH. Raises HelperError."""
        path = search_path.find(self.program, self.environ)
        if not path:
            msg = f"the fallback credential helper {self.program} is not on PATH"
            hint = f"install it on Docker's PATH, or fix the fallback in {self.place}"
            raise HelperError(msg, hint=hint)
        return path

    def _callers(self) -> list[str]:
        """Return the suffixes of the fallbacks that this process was started for, by the mark."""
        until, *suffixes = self.environ.get(MARK, "").split() or [""]
        try:
            return suffixes if time.time() < float(until) else []
        except ValueError:  # not set by this program
            return []

    def _run(self, command: list[str], request: bytes) -> tuple[int, bytes]:
        signals: list[int] = []  # received before the child was started
        before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
        watchdog.allow(self.seconds + _END_SECONDS)
        try:
            program = self._start(command, request)
            try:
                signal.signal(signal.SIGTERM, _exit_on_signal)
                if signals:
                    sys.exit(_TERMINATED)
                output, _ = program.communicate(self.seconds)
                return program.returncode or 0, output
            except TimeoutError:
                what = f"the fallback credential helper {self.program} {command[1]}"
                msg = f"no answer from {what} within {self.seconds:g} s"
                hint = f"run '{self.program} list' by hand to see why it hangs;"
                hint += " AWS_ECR_TIMEOUT sets the limit in seconds"
                program.end()
                raise HelperError(msg, hint=hint) from None
            except BaseException:
                program.end()
                raise
        finally:
            if signal.getsignal(signal.SIGTERM) is not _do_nothing:
                # None: not one of Python's.
                signal.signal(signal.SIGTERM, before or signal.SIG_DFL)

    def _start(self, command: list[str], request: bytes) -> Program:
        mark = [f"{time.time() + self.seconds:.3f}", *self._callers(), self.suffix]
        try:
            return Program(
                command,
                name=f"the fallback credential helper {self.program} {command[1]}",
                request=request,
                environ={**self.environ, MARK: " ".join(mark)},
                # With a terminal it stays in the session, where it may prompt for a passphrase.
                # Without one it gets its own session, which can be ended whole.
                alone=not _has_terminal(),
            )
        except OSError as exc:
            known = faults.explain_start(exc)
            if known is not None:
                raise known from exc
            name = one_line(command[0])
            msg = f"the fallback credential helper {name} cannot be run: {exc.strerror}"
            raise HelperError(msg, hint=f"fix it, or the fallback in {self.place}") from exc

    def _check_login(self, output: bytes) -> None:
        """Raise HelperError for an answer that is no login, which clients cannot explain.

        An object with neither user name nor secret is passed on: clients go on anonymously.
        """
        username = secret = None
        try:
            found = _parse(output)
            # Docker's client, in Go, takes null as an empty object, and names in any case.
            pairs = () if found is None else found.items()
            login = {str(key).lower(): value for key, value in pairs}
            username, secret = login.get("username", ""), login.get("secret", "")
        except (ValueError, RecursionError, AttributeError):
            pass  # no JSON, or no object
        what = f"the fallback credential helper {self.program} get"
        if not (isinstance(username, str) and isinstance(secret, str)):
            msg = f"{what} printed invalid output"
            hint = "run that by hand; it must print a JSON object with Username and Secret"
            raise HelperError(msg, hint=hint)
        if username and not secret:
            msg = f"{what} printed a login without a secret"
            hint = f"log in to that registry again, or run '{self.program} get' by hand"
            raise HelperError(msg, hint=hint)

    def users(self, output: bytes) -> dict[str, str]:
        """Parse the output of its `list`: server URL -> user name. Raises HelperError."""
        try:
            found = _parse(output)
        except (ValueError, RecursionError):
            found = ""
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            msg = f"the fallback credential helper {self.program} list printed invalid output"
            hint = "run that by hand; it must print a JSON object, server URL to user name"
            raise HelperError(msg, hint=hint)
        return found


def _parse(output: bytes) -> Any:
    """Parse one JSON value, as Docker's client does, which takes null as an empty object."""
    return json.JSONDecoder().raw_decode(output.decode().lstrip())[0]


def _is_running(path: str) -> bool:
    """Whether a program is this one, under any name."""
    own = sys.executable if getattr(sys, "frozen", False) else sys.argv[0]
    try:
        return os.path.samefile(path, own)
    except (OSError, ValueError):
        return False


def _exit_on_signal(*_: object) -> NoReturn:
    # A second one must not interrupt the cleanup. With SIG_IGN, Python prints a traceback for one
    # that arrives before this call.
    signal.signal(signal.SIGTERM, _do_nothing)
    sys.exit(_TERMINATED)


def _do_nothing(*_: object) -> None:
    pass


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
