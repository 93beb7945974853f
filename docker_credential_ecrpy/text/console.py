"""Text for the user: line width, colours and progress on a terminal, plain lines elsewhere.

Results go to standard output; questions, progress and errors go to standard error.
"""

import json
import os
import re
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol, watchdog
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.log import is_set, write_stderr
from docker_credential_ecrpy.text.sanitize import lower_first

SCHEMA_VERSION = 1
"""The version of the JSON documents; their schemas are in docs/schemas."""

_COLOURS = {"good": "32", "warning": "33", "bad": "1;31", "strong": "1"}  # ECMA-48, SGR
# Members of the documents that have one of few values or a fixed form, in docs/schemas.
_CONSTANTS = frozenset(
    ("action", "account", "expires", "id", "kind", "refresh", "region", "status", "written")
)
_FIRST_SIGN = 0.4  # seconds before progress is shown
_SIGNS = "|/-\\"
_NARROWEST = 20  # columns; a narrower terminal is not supported
_USUAL = 80  # columns, for a terminal of unknown width
_INDENT = re.compile(r" *(\S+(?: \S+)*  +)?")


class Console:
    """The standard output and standard error of a command; known secrets are redacted on both."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.width = self._width(protocol.STDOUT)
        """The columns of the terminal on standard output; None where it is not a terminal."""

    def say(self, text: str = "", *, mark: str = "", style: str = "") -> None:
        """Write a text to standard output, with its first `mark` in a style of `_COLOURS`.

        Raises HelperError where it cannot be written, and BrokenPipeError.
        """
        text = self.fit(secrets.redact(text), self.width)
        self.say_as_is(self._colour(text, mark, style))

    def note(self, text: str) -> None:
        """Write a text to standard error; a failed write is ignored."""
        fitted = self.fit(secrets.redact(text), self._width(protocol.STDERR))
        write_stderr(f"{fitted}\n".encode(errors="backslashreplace"))

    def say_as_is(self, text: str, style: str = "") -> None:
        """Write a text to standard output without wrapping it, in a style of `_COLOURS` or none."""
        text = secrets.redact(text)
        self.say_unredacted(self._colour(text, text, style))

    @staticmethod
    def say_unredacted(text: str) -> None:
        """Write a text to standard output as it is: a secret that is asked for, or a script."""
        try:
            with watchdog.Paused():
                protocol.send(f"{text}\n".encode(errors="backslashreplace"))
        except BrokenPipeError:
            raise  # the reader left, as `head` does
        except OSError as exc:
            msg = f"the output cannot be written: {lower_first(exc.strerror or str(exc))}"
            raise HelperError(msg, hint="free some space, or write it elsewhere") from exc

    def say_document(self, command: str, members: Mapping[str, object]) -> None:
        """Write the JSON document of a command to standard output, in ASCII."""
        document = {"schema_version": SCHEMA_VERSION, "command": command, **_redact_all(members)}
        self.say_unredacted(json.dumps(document, indent=2))  # redacted, and so still JSON

    def fit_command(self, text: str, indent: str) -> str:
        """Return a command to type, on several lines if it is too long for the terminal."""
        return indent + text if self.width is None else wrap_command(text, self.width, indent)

    @staticmethod
    def fit(text: str, width: int | None) -> str:
        """Return a text with its lines wrapped at blanks to `width` columns.

        Wrapped lines are indented to the line's second column, which two blanks separate.
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
    def show_progress(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show on a terminal what is being done; yield a function that changes that text."""
        width = self._width(protocol.STDERR)
        if width is None or self.environ.get("TERM") == "dumb" or self._logs_here():
            yield lambda _: None
            return
        over = threading.Event()
        shown = [what]

        def spin() -> None:
            count = longest = 0
            while not over.wait(_FIRST_SIGN if count == 0 else 0.1):
                text = f"{secrets.redact(shown[0])} ..."[: width - 3]
                longest = max(longest, len(text))
                sign = _SIGNS[count % len(_SIGNS)]
                line = f"\r{sign} {text:<{longest}}"
                write_stderr(line.encode(errors="backslashreplace"))
                count += 1
            if count:
                write_stderr(b"\r" + b" " * (longest + 2) + b"\r")

        def change(text: str) -> None:
            shown[0] = text

        thread = threading.Thread(target=spin, daemon=True)
        thread.start()
        try:
            yield change
        finally:
            over.set()
            thread.join()

    def _logs_here(self) -> bool:
        """Whether log lines are written to standard error, between which progress is unreadable."""
        return is_set(self.environ, "AWS_ECR_DEBUG")

    def _colour(self, text: str, mark: str, style: str) -> str:
        # https://no-color.org: any value that is not empty
        plain = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        if not (mark and style) or plain or self.width is None:
            return text
        return text.replace(mark, f"\033[{_COLOURS[style]}m{mark}\033[0m", 1)

    def _width(self, descriptor: int) -> int | None:
        """Return the columns of the terminal at a descriptor; None where it is not a terminal."""
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


def _redact_all(value: Any) -> Any:
    """Return a value of a JSON document with its strings redacted, except keys and constants."""
    if isinstance(value, str):
        return secrets.redact(value)
    if isinstance(value, Mapping):
        return {k: each if k in _CONSTANTS else _redact_all(each) for k, each in value.items()}
    return list(map(_redact_all, value)) if isinstance(value, list | tuple) else value


def wrap_command(command: str, width: int, indent: str) -> str:
    """Return a command to type, indented and wrapped to `width` columns."""
    if len(indent) + len(command) <= width:
        return indent + command
    lines = _wrap(command, max(width - len(indent) - len("   \\"), _NARROWEST))
    return " \\\n".join(f"{indent}{'  ' if n else ''}{line}" for n, line in enumerate(lines))


def _wrap(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """Wrap a text at blanks only, so that names and addresses can be copied."""
    wrapper = textwrap.TextWrapper(width, first, others)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(text)
