"""The second user of an episode, and the directories that both users can write to."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.chaos.documents import make_folders
from tests.chaos.history import Attacked, History
from tests.chaos.plan import ATTACKED, FOLDERS, Attack

UID = 12346
_PROGRAM = str(Path(__file__).with_name("attacker.py"))
_MODES = {"sticky": 0o1777, "loose": 0o777}


def why_alone() -> str:
    """Return why there cannot be a second user; "" if there can."""
    if sys.platform != "linux":
        return "the second user's attacks need Linux"
    return "only root can run as another user" if os.geteuid() else ""


class SecondUser:
    """Another user, who may write to the directories of these names below `root`.

    root: that of the episode, which others may pass through. Beside them are the victim's
    documents.
    """

    def __init__(self, root: Path, names: list[str], history: History) -> None:
        self.root = root
        self._history = history
        self._threads: list[threading.Thread] = []
        self._failed: list[str] = []
        if not names:
            return
        root.chmod(0o711)
        for name in names:
            shared = root / name
            shared.mkdir()
            shared.chmod(_MODES[name])
        make_folders(history.documents, root / "documents", FOLDERS)

    def start(self, step: Attack) -> None:
        """Start an attack in the background."""
        begun = time.time()
        folder = self.root / step.actor
        self._history.expose(folder / "cache", begun)
        child = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", _PROGRAM, str(UID), step.how),
                *(str(folder), str(self.root / "documents"), str(step.ms)),
            ],
            stdin=subprocess.DEVNULL,
        )

        def watch() -> None:
            code = child.wait()
            if code:
                self._failed.append(f"the attack {step.how!r} ended with {code}")
            self._history.attacks.append(Attacked(folder / "cache", begun, time.time()))
            self._history.expose(folder / "cache", time.time())

        thread = threading.Thread(target=watch)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait until all attacks have ended. Raises OSError for one that could not be made."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._failed:
            raise OSError(self._failed[0])


def name_attacked(actors: tuple[str, ...]) -> list[str]:
    """Return the actors among these that a second user attacks."""
    return [name for name in actors if name in ATTACKED]
