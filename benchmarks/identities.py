"""The AWS identities of the scenarios, each set up as in the tests."""

import functools
import time
from collections.abc import Callable

from tests.world import credential_sources
from tests.world.machine import Machine

STATIC, ROLE, WEB = "static keys", "assumed role", "web identity"
SSO, SSO_SESSION, PROCESS = "SSO", "SSO session", "credential_process"


def set_up(machine: Machine, identity: str, seconds: float) -> None:
    """Give the machine an identity; a credential_process takes this many seconds to answer."""
    _SET_UPS[identity](machine, seconds)


def _as_the_tests_do(make: Callable[[Machine], None], machine: Machine, _: float) -> None:
    make(machine)


def _process(machine: Machine, seconds: float) -> None:
    """Make a credential_process that takes this long, and prints the same keys each time."""
    end = time.gmtime(time.time() + machine.aws.session_life)
    answer = credential_sources.process_answer(machine, time.strftime("%Y-%m-%dT%H:%M:%SZ", end))
    file = machine.file("keys.json", answer)
    program = machine.file("process", f"#!/bin/sh\nsleep {seconds}\ncat '{file}'\n", mode=0o700)
    machine.config(f"[default]\ncredential_process = {program}\n")


_SET_UPS: dict[str, Callable[[Machine, float], None]] = {
    STATIC: functools.partial(_as_the_tests_do, credential_sources.environment),
    ROLE: functools.partial(_as_the_tests_do, credential_sources.assumed_role),
    WEB: functools.partial(_as_the_tests_do, credential_sources.web_identity),
    SSO: functools.partial(_as_the_tests_do, credential_sources.sso_legacy),
    SSO_SESSION: functools.partial(_as_the_tests_do, credential_sources.sso_session),
    PROCESS: _process,
}
