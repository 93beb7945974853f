"""A real terminal, of a width, that the helper runs on."""

import os
import struct
import sys

from tests.stage import Stage


def on_terminal(
    stage: Stage, columns: int, *arguments: str, raw: bool = False, **environ: str
) -> str:
    """Run the helper on a terminal of so many columns; return what it then shows.

    Unless `raw`, line ends are as in a file, and what was written over is left out.
    """
    if sys.platform == "win32":
        raise NotImplementedError
    import fcntl
    import pty
    import termios

    child, terminal = pty.fork()
    size = struct.pack("HHHH", 40, columns, 0, 0)
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, size)
        os.chdir(stage.root)
        environ = {"TERM": "xterm", **stage.environ, **environ}
        os.execvpe(stage.program[0], [*stage.program, *arguments], environ)  # noqa: S606
    shown = b""
    try:
        while more := os.read(terminal, 65536):
            shown += more
    except OSError:
        pass  # the other end is closed, as Linux says it
    os.waitpid(child, 0)
    os.close(terminal)
    if raw:
        return shown.decode()
    lines = shown.decode().replace("\r\n", "\n").split("\n")
    return "\n".join(line.rpartition("\r")[2] for line in lines)
