"""A real terminal of a given width, on which the helper runs."""

import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from tests.world.machine import Machine

_INTERRUPT = b"\x03"  # what ^C types


def on_terminal(
    machine: Machine, columns: int, *arguments: str, raw: bool = False, **environ: str
) -> str:
    """Run the helper on a terminal of this many columns; return the final display.

    Unless `raw`, line ends are as in a file, and overwritten text is left out.
    """
    _, shown = run_on_terminal(machine, *arguments, columns=columns, environ=environ)
    if raw:
        return shown
    lines = shown.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rpartition("\r")[2] for line in lines)


def run_on_terminal(
    machine: Machine,
    *arguments: str,
    columns: int = 80,
    typed: bytes = b"",
    before: Callable[[], object] = lambda: None,
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the helper on a terminal of this many columns; return its exit code and output.

    typed: the answers to its prompts; before: what happens while the first one is open.
    """
    if sys.platform == "win32":
        pytest.skip("needs a terminal of Unix")
    import fcntl
    import pty
    import termios

    def take_terminal() -> None:
        """Make the terminal the one that controls the session, and let its ^C send a signal."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell has background jobs ignore it

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {"TERM": "xterm", **machine.environ, **(environ or {})}
    with subprocess.Popen(
        [*machine.program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        cwd=machine.root,
        start_new_session=True,
        preexec_fn=take_terminal if _INTERRUPT in typed else None,  # noqa: PLW1509 - two system calls
    ) as child:
        os.close(theirs)
        shown, is_interrupted = b"", False
        try:
            while more := _read(ours, again=_INTERRUPT if is_interrupted else b""):
                shown += more
                if typed and shown.rstrip().endswith(b"]:"):
                    before()
                    os.write(ours, typed)
                    typed, is_interrupted = b"", _INTERRUPT in typed
        except OSError:
            pass  # Linux reports this when the other end is closed
        except BaseException:
            child.kill()  # such as a timeout: or else its end would be waited for
            raise
    os.close(ours)
    return child.returncode, shown.decode()


def _read(terminal: int, *, again: bytes) -> bytes:
    """Return what a terminal shows next. Raises OSError at its end.

    again: what is typed each half second, as users do: a signal that arrives just before Python
    begins to read does not end the read.
    """
    while again and not select.select([terminal], [], [], 0.5)[0]:
        os.write(terminal, again)
    return os.read(terminal, 65536)
