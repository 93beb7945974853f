"""Cold layer: another credential helper, for the registries that are not ECR's.

It is run as Docker would run it: the same action, the same input; what it prints and its exit
code go back as they are, and its standard error is the client's already. Only what Docker would
wait for without end, or could not name, is told in our words.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_ecrpy.errors import HelperError, one_line
from docker_credential_ecrpy.log import Log
from docker_credential_ecrpy.rules import Place
from docker_credential_ecrpy.settings import PROGRAM

MARK = "AWS_ECR_FALLBACK_OF"
"""Set for the fallback helper, to the process that runs it: who has it, is one already."""
_GRACE = 1.0  # seconds for its pipes to close once it was told to end


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
        return PROGRAM + self.suffix

    def run(self, action: str, request: bytes) -> tuple[int, bytes]:
        """Return its exit code and standard output.

        Raises HelperError where it is not there, is this program itself, does not end, or is
        ended by a signal.
        """
        if self.environ.get(MARK):
            raise self._ourselves()
        path = self._path()
        if _same_program(path):
            raise self._ourselves()
        self.log(f"fallback: {path} {action}")
        # Without a terminal there is nobody for it to ask, and all that it starts is ended with
        # it. With one it stays where it may ask after a passphrase.
        alone = sys.platform != "win32" and not _has_terminal()
        try:
            child = subprocess.Popen(
                [path, action],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**self.environ, MARK: str(os.getpid())},
                start_new_session=alone,
            )
        except OSError as exc:
            msg = f"the fallback credential helper {one_line(path)} cannot be run: {exc.strerror}"
            raise HelperError(msg, hint=f"mend it, or the fallback in {self.place}") from exc
        try:
            output, _ = child.communicate(request, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            _end(child, alone=alone)
            raise self._hangs(action) from None
        except BaseException:
            _end(child, alone=alone)
            raise
        self.log(f"fallback: exit code {child.returncode}, {len(output)} bytes")
        if child.returncode < 0:
            name = signal.Signals(-child.returncode).name
            msg = f"the fallback credential helper {self.program} {action} was ended by {name}"
            raise HelperError(msg, hint="run it by hand to see why")
        return child.returncode, output

    def users(self, output: bytes) -> dict[str, str]:
        """Return what its `list` printed, server URL -> user name. Raises HelperError."""
        try:
            found = json.loads(output)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            msg = f"the fallback credential helper {self.program} list printed something unknown"
            hint = "run that by hand; it has to print a JSON object, server URL to user name"
            raise HelperError(msg, hint=hint)
        return found

    def _path(self) -> str:
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
            f"no answer from the fallback credential helper {self.program} {action}"
            f" within {self.seconds:g} s",
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
    for pipe in (child.stdin, child.stdout):
        if pipe:
            try:
                pipe.close()
            except OSError:
                pass  # what was not yet written to it is for nobody
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass  # it is in the kernel's hands
