"""The second half of the frozen program: everything except a `get` that needs no AWS."""

import encodings
import os
import signal
import sys

import before_bootstrap  # has run before

import docker_credential_ecrpy
from docker_credential_ecrpy import hot
from docker_credential_ecrpy.__main__ import ACTIONS, end, in_full
from docker_credential_ecrpy.hot import protocol

HOME: str = sys._MEIPASS  # type: ignore[attr-defined]  # the program's own directory

# PyInstaller's importer did not load the first modules of these packages: tell it where the others
# are.
for package in (docker_credential_ecrpy, hot, encodings):
    parts = package.__name__.split(".")
    package.__path__ = [*getattr(package, "__path__", ()), os.path.join(HOME, *parts)]

# Restore the user's environment for child processes. With the bootloader's variables, a child of
# the same program would act as a subprocess of this one; its start-up script removes VIRTUAL_ENV.
given = {n: v for n, v in before_bootstrap.environ.items() if not n.startswith("_PYI_")}
for name in set(os.environ) - set(given):
    del os.environ[name]
for name in set(given) - set(os.environ):
    os.environ[name] = given[name]


def interrupted(*_: object) -> None:
    """Raise KeyboardInterrupt once: the one-file parent forwards SIGINT, so it arrives twice."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def report_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the program where KeyboardInterrupt cannot be raised, such as in a weakref's callback."""
    if unraisable.exc_type is KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    sys.__unraisablehook__(unraisable)


sys.unraisablehook = report_unraisable
# Docker's actions write to descriptors. Modules would write tracebacks, as hashlib does for each
# hash without memory. The commands for users may ask a question there.
if sys.argv[1:] in ACTIONS:
    sys.stderr = None
try:
    if signal.getsignal(signal.SIGINT) is None:  # the bootloader's handler; see bootloader.c
        signal.signal(signal.SIGINT, interrupted)
    code = in_full(before_bootstrap.request)
    if signal.getsignal(signal.SIGINT) is interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no code below catches an exception
except KeyboardInterrupt:  # just before or after `in_full`
    code = protocol.INTERRUPTED
if sys.argv[1:] in ACTIONS:
    end(code)
sys.exit(code)
