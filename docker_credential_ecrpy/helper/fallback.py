"""Another credential helper, for the registries that are not ECR's.

It is run as Docker would run it: the same action, the same input; what it prints and its exit
code go back as they are, and its standard error is the client's already. Only what Docker would
wait for without end, or could not name, is told in our words.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper import recursion
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.settings.rules import Place
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

MARK = "AWS_ECR_FALLBACK_OF"
"""Set for the fallback helper, to the process that runs it."""
_TERMINATED = 128 + signal.SIGTERM  # what a shell reports
_GRACE = 1.0  # seconds for it to be gone once it was told to end
_SLICE = 0.5  # seconds between looks at whether it ended, with what it started holding on


@dataclass(frozen=True)
class Fallback:
    """The credential helper `docker-credential-<suffix>`.

    place: where the settings name it. seconds: how long it may take.
    directory: where what runs it leaves a mark; "" for nowhere.
    """

    suffix: str
    place: Place
    seconds: float
    directory: str
    environ: Mapping[str, str]
    log: Log

    @property
    def program(self) -> str:
        """The name of its program."""
        return HELPER_PREFIX + self.suffix

    def run(self, action: str, request: bytes) -> tuple[int, bytes]:
        """Return its exit code and standard output.

        Raises HelperError where it is not there, leads back here, does not end, or is ended by a
        signal.
        """
        if len(request) > protocol.MAX_INPUT:
            msg = f"the input is longer than {protocol.MAX_INPUT // 1024} KiB"
            raise HelperError(msg, hint="a registry's address and a login are shorter")
        path = self.path()
        with recursion.mark(self.directory) as leads_back:
            if leads_back(self.environ.get(MARK, "")) or _same_program(path):
                raise self._ourselves()
            self.log(f"fallback: {path} {action}")
            code, output = self._run([path, action], request)
        self.log(f"fallback: exit code {code}, {len(output)} bytes")
        if code < 0:
            name = signal.strsignal(-code) or "unknown"
            msg = f"the fallback credential helper {self.program} {action} was ended by a signal"
            msg += f" ({-code}: {name.lower()})"
            raise HelperError(msg, hint="run it by hand to see why")
        return code, output

    def _run(self, command: list[str], request: bytes) -> tuple[int, bytes]:
        # Without a terminal there is nobody for it to ask, and all that it starts is ended with
        # it. With one it stays where it may ask after a passphrase.
        alone = sys.platform != "win32" and not _has_terminal()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**self.environ, MARK: recursion.name_of_this()},
                start_new_session=alone,
            )
        except OSError as exc:
            name = one_line(command[0])
            msg = f"the fallback credential helper {name} cannot be run: {exc.strerror}"
            raise HelperError(msg, hint=f"mend it, or the fallback in {self.place}") from exc
        before = signal.signal(signal.SIGTERM, _terminated)
        try:
            return self._communicate(child, command[1], request)
        except BaseException:
            _end(child, alone=alone)
            raise
        finally:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # None: not one of Python's

    def _communicate(
        self, child: "subprocess.Popen[bytes]", action: str, request: bytes
    ) -> tuple[int, bytes]:
        """Return exit code and output, of one that ended; what it left running may hold on."""
        end = time.monotonic() + self.seconds
        ended = False
        # In a thread: `communicate` would not go on with what it could not send at once.
        threading.Thread(target=_write, args=(child.stdin, request), daemon=True).start()
        child.stdin = None
        while True:
            left = end - time.monotonic()
            try:
                output, _ = child.communicate(timeout=max(min(_SLICE, left), 0))
            except subprocess.TimeoutExpired as exc:
                if ended and sys.platform != "win32":  # where what was read is not told
                    return child.returncode, exc.output or b""
                ended = child.poll() is not None
                if left <= 0:
                    raise self._hangs(action) from None
            else:
                return child.returncode, output

    def users(self, output: bytes) -> dict[str, str]:
        """Return what its `list` printed, server URL -> user name. Raises HelperError."""
        try:
            # Docker's client reads one value, and takes null for none.
            found, _ = json.JSONDecoder().raw_decode(output.decode().lstrip())
        except (ValueError, RecursionError):
            found = ""
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            msg = f"the fallback credential helper {self.program} list printed something unknown"
            hint = "run that by hand; it has to print a JSON object, server URL to user name"
            raise HelperError(msg, hint=hint)
        return found

    def path(self) -> str:
        """Return where it is on PATH. Raises HelperError."""
        endings = [""]
        if sys.platform == "win32":
            endings = self.environ.get("PATHEXT", ".EXE").split(os.pathsep)
        for directory in self.environ.get("PATH", os.defpath).split(os.pathsep):
            if not os.path.isabs(directory):
                continue  # the current one may be anybody's; Docker's client leaves it out too
            for ending in endings:
                path = os.path.join(directory, self.program + ending)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    return path
        msg = f"the fallback credential helper {self.program} is not on PATH"
        hint = f"install it where Docker's PATH leads, or mend the fallback in {self.place}"
        raise HelperError(msg, hint=hint)

    def _ourselves(self) -> HelperError:
        return HelperError(
            f'fallback = "{self.suffix}" in {self.place} leads back to this program',
            hint="name a credential helper for other registries, such as pass, secretservice,"
            " osxkeychain or wincred",
        )

    def _hangs(self, action: str) -> HelperError:
        return HelperError(
            f"no answer from the fallback credential helper {self.program} {action} within"
            f" {self.seconds:g} s",
            hint=f"run '{self.program} list' by hand to see what it waits for;"
            " AWS_ECR_TIMEOUT sets the limit in seconds",
        )


def _same_program(path: str) -> bool:
    """Whether a program is the one that runs now, under whatever name."""
    own = sys.executable if getattr(sys, "frozen", False) else sys.argv[0]
    try:
        return os.path.samefile(path, own)
    except (OSError, ValueError):
        return False


def _write(pipe: IO[bytes], data: bytes) -> None:
    try:
        with pipe:
            pipe.write(data)
    except OSError:
        pass  # a helper need not read what it does not want


def _terminated(*_: object) -> NoReturn:
    """End the program, and with it what it runs, for SIGTERM."""
    sys.exit(_TERMINATED)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _end(child: "subprocess.Popen[bytes]", *, alone: bool) -> None:
    """End a program, and all that it started where that can be told."""
    if alone and sys.platform != "win32":
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except OSError:
            pass  # it has ended
    child.kill()
    if child.stdout:
        child.stdout.close()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass  # it is in the kernel's hands
