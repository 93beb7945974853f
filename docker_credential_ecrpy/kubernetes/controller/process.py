"""The process of the controller: its endpoints, its signals, and its end."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.kubernetes.controller import health
from docker_credential_ecrpy.kubernetes.controller.metrics import CONTENT_TYPE, Metrics

_BEAT = 3600.0  # seconds; a signal ends the wait


class Controller(Protocol):
    """What runs until the end of the process."""

    def readiness(self) -> tuple[bool, str]:
        """Return whether it works, and what to say of it."""

    def start(self) -> None:
        """Begin, in threads that do not keep the process alive."""


def run(controller: Controller, metrics: Metrics, listen: str, say: Callable[[str], None]) -> None:
    """Run the controller until SIGTERM or SIGINT, which end the process at once.

    listen: the address of its endpoints. Raises HelperError before it begins.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = health.HealthServer(
        listen,
        {
            "/healthz": lambda: health.answer(is_good=True),
            "/readyz": lambda: health.answer(*controller.readiness()),
            "/metrics": lambda: (200, CONTENT_TYPE, metrics.render()),
        },
    )
    server.start()
    say(f"listening on port {server.port}")
    controller.start()
    while not ended.wait(_BEAT):
        pass
    program = sys.modules.get("docker_credential_ecrpy.files.programs.program")
    if program:  # a credential_process that hangs
        program.send(program.list_descendants(os.getpid()), "SIGKILL")
    os._exit(protocol.OK)  # a thread may wait for AWS: nothing of it has to be finished
