"""Text for the user: line width, colours and progress on a terminal, and plain lines elsewhere.

Results go to standard output; questions, progress and errors go to standard error.
"""

import os
import re
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.text.log import write_stderr

_COLOURS = {"good": "32", "warning": "33", "bad": "1;31", "strong": "1"}  # ECMA-48, SGR
_FIRST_SIGN = 0.4  # seconds before progress is shown
_SIGNS = "|/-\\"
_NARROWEST = 20  # characters; less is no width to write in
_USUAL = 80  # where the terminal does not tell
_INDENT = re.compile(r" *(\S+(?: \S+)*  +)?")


class Console:
    """Where a command's text goes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.width = self._width(protocol.STDOUT)
        """The columns of the terminal on standard output; None where that is no terminal."""

    def say(self, text: str = "", *, mark: str = "", style: str = "") -> None:
        """Write a text to standard output, with its first `mark` in a style of `_COLOURS`.

        Raises OSError when nobody reads it.
        """
        self.say_as_is(self._colour(self.fit(text, self.width), mark, style))

    def note(self, text: str) -> None:
        """Write a text to standard error, whether or not anybody reads it."""
        fitted = self.fit(text, self._width(protocol.STDERR))
        write_stderr(f"{fitted}\n".encode(errors="backslashreplace"))

    def say_as_is(self, text: str, style: str = "") -> None:
        """Write a text to standard output as it stands, such as for a program, or in a style."""
        text = self._colour(text, text, style)
        protocol.send(f"{text}\n".encode(errors="backslashreplace"))

    def fit_command(self, text: str, indent: str) -> str:
        """Return a command to type, on several lines where it is too long for the terminal."""
        return indent + text if self.width is None else wrap_command(text, self.width, indent)

    @staticmethod
    def fit(text: str, width: int | None) -> str:
        """Return a text with its lines broken at blanks to fit.

        The indent is that of the line, or of its second column, which two blanks stand before.
        """
        if width is None:
            return text
        lines: list[str] = []
        for line in text.split("\n"):
            if len(line) <= width or line.endswith("\\"):
                lines.append(line)
                continue
            match = _INDENT.match(line)
            column = len(match[0]) if match and len(match[0]) < width * 3 // 4 else 2
            lines += _wrap(line[column:], width, line[:column], " " * column) or [line]
        return "\n".join(lines)

    @contextmanager
    def show_progress(self, what: str) -> Iterator[None]:
        """Show on a terminal that work goes on, for as long as it does."""
        width = self._width(protocol.STDERR)
        if width is None or self.environ.get("TERM") == "dumb":
            yield
            return
        over = threading.Event()
        shown = f"{what} ..."[: width - 3]

        def spin() -> None:
            count = 0
            while not over.wait(_FIRST_SIGN if count == 0 else 0.1):
                write_stderr(f"\r{_SIGNS[count % len(_SIGNS)]} {shown}".encode())
                count += 1
            if count:
                write_stderr(b"\r" + b" " * (len(shown) + 2) + b"\r")

        thread = threading.Thread(target=spin, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _colour(self, text: str, mark: str, style: str) -> str:
        # https://no-color.org: any value but none
        plain = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        if not (mark and style) or plain or self.width is None:
            return text
        return text.replace(mark, f"\033[{_COLOURS[style]}m{mark}\033[0m", 1)

    def _width(self, descriptor: int) -> int | None:
        """Return the columns of the terminal at a descriptor, or None where there is none."""
        if not os.isatty(descriptor):
            return None
        chosen = self.environ.get("COLUMNS", "")
        if chosen.isascii() and chosen.isdigit() and int(chosen):
            return max(int(chosen), _NARROWEST)
        try:
            columns = os.get_terminal_size(descriptor).columns
        except OSError:
            columns = 0
        return max(columns or _USUAL, _NARROWEST)


def wrap_command(command: str, width: int, indent: str) -> str:
    """Return a command to type, indented, on as many lines as it needs to fit."""
    if len(indent) + len(command) <= width:
        return indent + command
    lines = _wrap(command, max(width - len(indent) - len("   \\"), _NARROWEST))
    return " \\\n".join(f"{indent}{'  ' if n else ''}{line}" for n, line in enumerate(lines))


def _wrap(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """Break a text at blanks only: names and addresses stay whole, to be copied."""
    wrapper = textwrap.TextWrapper(width, first, others)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(text)
