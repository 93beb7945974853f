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
from docker_credential_ecrpy.files import search_path
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.settings.rules import Place
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

MARK = "AWS_ECR_FALLBACK_OF"
"""Set for the fallback helper: when its time is up, in seconds since the epoch, and its suffix.

Before that stand the suffixes of the fallbacks that this process was itself started for. Once the
time is up the mark is a leftover, in the environment of a daemon that the fallback started.
"""
_TERMINATED = 128 + signal.SIGTERM  # what a shell reports
_GRACE = 1.0  # seconds for it to be gone once it was told to end
_STEP = 0.02  # seconds between looks at whether it is gone by then
_SLICE = 0.5  # seconds between looks at whether it ended, with what it started holding on


@dataclass(frozen=True)
class Fallback:
    """The credential helper `docker-credential-<suffix>`.

    place: where the settings name it. seconds: how long it may take.
    """

    suffix: str
    place: Place
    seconds: float
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
        if self.suffix in self._under_way() or _same_program(path):
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

    def _under_way(self) -> list[str]:
        """Return the suffixes of the fallbacks that this process was started for, by the mark."""
        until, *suffixes = self.environ.get(MARK, "").split() or [""]
        try:
            return suffixes if time.time() < float(until) else []
        except ValueError:  # not a mark of ours
            return []

    def _run(self, command: list[str], request: bytes) -> tuple[int, bytes]:
        # Without a terminal there is nobody for it to ask, and all that it starts is ended with
        # it. With one it stays where it may ask after a passphrase.
        alone = sys.platform != "win32" and not _has_terminal()
        told: list[int] = []  # to end, before there was something to end
        before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
        try:
            child = self._start(command, alone=alone)
            try:
                signal.signal(signal.SIGTERM, _terminated)
                if told:
                    sys.exit(_TERMINATED)
                return self._communicate(child, command[1], request)
            except BaseException:
                _end(child, alone=alone)
                raise
        finally:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # None: not one of Python's

    def _start(self, command: list[str], *, alone: bool) -> "subprocess.Popen[bytes]":
        mark = [f"{time.time() + self.seconds:.3f}", *self._under_way(), self.suffix]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**self.environ, MARK: " ".join(mark)},
                start_new_session=alone,
            )
        except OSError as exc:
            name = one_line(command[0])
            msg = f"the fallback credential helper {name} cannot be run: {exc.strerror}"
            raise HelperError(msg, hint=f"mend it, or the fallback in {self.place}") from exc

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
        path = search_path.find(self.program, self.environ)
        if path:
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
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt that
    sys.exit(_TERMINATED)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _end(child: "subprocess.Popen[bytes]", *, alone: bool) -> None:
    """End a program, and all that it started where that can be told.

    By SIGTERM first: where this program is among them, it ends in turn what it runs itself.
    """
    try:
        if alone and sys.platform != "win32":
            until = time.monotonic() + _GRACE
            os.killpg(child.pid, signal.SIGTERM)
            while time.monotonic() < until:
                time.sleep(_STEP)
                child.poll()
                os.killpg(child.pid, 0)  # raises OSError once all of them are gone
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.terminate()
            child.wait(_GRACE)
    except OSError:
        pass  # it has ended
    except subprocess.TimeoutExpired:
        child.kill()
    if child.stdout:
        child.stdout.close()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass  # it is in the kernel's hands
