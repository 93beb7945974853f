"""A drive that does not answer, with one of an actor's files on it."""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.history import History
from tests.chaos.plan import Stall
from tests.world import stalled

# a file of `plan.DRIVES` -> the variable that names it, and its path on the drive
_PLACES = {
    "cache": ("AWS_ECR_CACHE_DIR", "cache"),
    "settings": ("AWS_ECR_CONFIG", "config.toml"),
    "config": ("AWS_CONFIG_FILE", "config"),
    "authorities": ("AWS_CA_BUNDLE", "authorities.pem"),
    "log": ("AWS_ECR_LOG", "log"),
    "docker": ("DOCKER_CONFIG", "docker"),
}


def why_none() -> str:
    """Return why there cannot be such a drive; "" if there can."""
    if sys.platform != "linux" or os.geteuid() or not os.path.exists("/dev/fuse"):
        return "a drive that does not answer needs Linux, root and /dev/fuse"
    return ""


class Drive:
    """The drive of an episode, at most one at a time, for one of an actor's variables."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._mounted = ExitStack()

    def stall(self, step: Stall) -> None:
        """Mount the drive, and set the variable that names the file. Raises OSError."""
        self.end()
        history, begun = self._history, time.time()
        actor = history.actors[step.actor]
        history.expose(actor.cache, begun)
        at = history.root / "net"
        files = {"cache/tokens/a": b"", "config": b"", "config.toml": b"", "log": b""}
        files["docker/config.json"] = b"{}"
        files["authorities.pem"] = Path(actor.environ["AWS_CA_BUNDLE"]).read_bytes()
        self._mounted.enter_context(stalled.mounted(at, files, step.operation))
        variable, path = _PLACES[step.file]
        before = actor.environ.get(variable)
        actor.environ[variable] = str(at / path)
        self._mounted.callback(_put_back, actor.environ, variable, before)
        history.stalled.change(True, begun, time.time())

    def end(self) -> None:
        """Unmount the drive, if there is one; who waits for it gets an error."""
        if self._history.stalled.last:
            begun = time.time()
            self._mounted.close()
            self._history.stalled.change(False, begun, time.time())


def _put_back(environ: dict[str, str], variable: str, before: str | None) -> None:
    if before is None:
        del environ[variable]
    else:
        environ[variable] = before
