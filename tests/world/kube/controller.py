"""The controller as a process, on the loopback API and the loopback AWS."""

import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.world.hosts import HOST
from tests.world.kube.server import KubeApi
from tests.world.machine import Machine

PATIENCE = 20.0
"""Seconds; the machine of the tests may be slow."""


class Controller:
    """A running `pull-secrets`. said: the lines on its standard error."""

    def __init__(self, api: KubeApi, machine: Machine, root: Path, *arguments: str) -> None:
        file = root / "kubeconfig"
        if not file.exists():
            api.kubeconfig(file)
        words = ["--kubeconfig", str(file), "--listen", "127.0.0.1:0"]
        if "--resources" not in arguments:
            words += ["--name", "ecr", HOST]
        self.process = subprocess.Popen(
            [*machine.program, "pull-secrets", *words, *arguments],
            env=machine.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))

    def __enter__(self) -> "Controller":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stderr
        self.process.stderr.close()

    def wait(self, what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Return the first true value; fails when the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := what():
                return found
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
        raise AssertionError(self.said)

    def wait_for_line(self, text: str) -> None:
        """Wait for a line that contains a text."""
        self.wait(lambda: any(text in line for line in self.said))

    @property
    def port(self) -> int:
        def find() -> int:
            found = re.search(r"listening on port (\d+)", "\n".join(self.said))
            return int(found[1]) if found else 0

        return int(self.wait(find))

    def ask(self, path: str) -> tuple[int, str]:
        """Return the status and the body of a path of its own server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def rss(self) -> float:
        """Return its resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal, and return the seconds that it takes to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(30) == 0, self.said
        return time.monotonic() - began
