"""Text for a person: its width, its colours, and a sign of life while one waits.

The voice of the commands: what was asked for goes to standard output; questions, progress and
errors go to standard error. On a terminal, lines end where it ends and colours say what is good
and bad; elsewhere a fact is one line, for whoever searches them, and there are no colours.
"""

import os
import re
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker_credential_ecrpy.hot import protocol

_COLOURS = {"good": "32", "warning": "33", "bad": "1;31", "strong": "1"}  # ECMA-48, SGR
_FIRST_SIGN = 0.4  # seconds; what is quicker needs none
_SIGNS = "|/-\\"
_NARROWEST = 20  # characters; less is no width to write in
_USUAL = 80  # of a terminal that does not say
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
        fitted = self.fitted(text, self.width)
        if mark and self._has_colours():
            fitted = fitted.replace(mark, f"\033[{_COLOURS[style]}m{mark}\033[0m", 1)
        self.say_as_is(fitted)

    def say_line(self, text: str, style: str = "") -> None:
        """Write one line to standard output as it stands, in a style."""
        if text and style and self._has_colours():
            text = f"\033[{_COLOURS[style]}m{text}\033[0m"
        self.say_as_is(text)

    def note(self, text: str) -> None:
        """Write a text to standard error, where it may not be heard."""
        fitted = self.fitted(text, self._width(protocol.STDERR))
        try:
            protocol.send(f"{fitted}\n".encode(errors="backslashreplace"), protocol.STDERR)
        except OSError:
            pass  # nobody is there; the exit code still says it

    def say_as_is(self, text: str) -> None:
        """Write a text to standard output as it stands, such as what is for a program."""
        protocol.send(f"{text}\n".encode(errors="backslashreplace"))

    def command(self, text: str, indent: str) -> str:
        """Return a command to type, on several lines where it is too long for the terminal."""
        return indent + text if self.width is None else continued(text, self.width, indent)

    @staticmethod
    def fitted(text: str, width: int | None) -> str:
        """Return a text with its lines broken at blanks to fit; what follows is indented alike.

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
            wrapper = _Wrapper(width, line[:column], " " * column)
            lines += wrapper.wrap(line[column:]) or [line]
        return "\n".join(lines)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show on a terminal that something goes on, for as long as it does."""
        width = self._width(protocol.STDERR)
        if width is None or self.environ.get("TERM") == "dumb":
            yield
            return
        over = threading.Event()
        shown = f"{what} ..."[: width - 3]

        def turn() -> None:
            count = 0
            while not over.wait(_FIRST_SIGN if count == 0 else 0.1):
                self._try(f"\r{_SIGNS[count % len(_SIGNS)]} {shown}")
                count += 1
            if count:
                self._try("\r" + " " * (len(shown) + 2) + "\r")

        thread = threading.Thread(target=turn, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @staticmethod
    def _try(text: str) -> None:
        try:
            protocol.send(text.encode(), protocol.STDERR)
        except OSError:
            pass  # the terminal is gone

    def _has_colours(self) -> bool:
        # https://no-color.org: any value but none
        plain = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        return self.width is not None and not plain

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


def continued(command: str, width: int, indent: str) -> str:
    """Return a command to type, indented, on as many lines as a shell needs to read it as one."""
    if len(indent) + len(command) <= width:
        return indent + command
    lines = _Wrapper(max(width - len(indent) - len("   \\"), _NARROWEST)).wrap(command)
    return " \\\n".join(f"{indent}{'  ' if n else ''}{line}" for n, line in enumerate(lines))


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at blanks alone: names and addresses stay whole, to be copied."""

    def __init__(self, width: int, first: str = "", others: str = "") -> None:
        super().__init__(
            width,
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )
