"""A TOML file with the line of each key, which TOML parsers do not report.

The file is split into statements when a line is first needed; each is then parsed alone.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text import secret_sources
from docker_credential_ecrpy.text.sanitize import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOP = -1
"""The table number of the file's top level."""

_DEEPEST = 100
_MOST_PARTS = 16  # of a dotted key: a parser takes quadratic time and memory for them
_MARKS = re.compile(r'"""|\'\'\'|["\'#.=,\[\]{}\n]')
# The end of what begins with a mark; the text after an unterminated string is not parsed.
_ENDS = {
    '"""': re.compile(r'(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    "'''": re.compile(r".*?'{3,5}", re.DOTALL),
    '"': re.compile(r'(?:\\.|[^"\\\n])*"'),
    "'": re.compile(r"[^'\n]*'"),
    "#": re.compile(r"[^\n]*"),
}
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
# A comment, or a string in any of its forms, is one piece.
_PIECES = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'|#[^\n]*|.', re.DOTALL
)


@dataclass(frozen=True)
class Statement:
    """A key with its value, or a heading: its first line, from 1 on, and its span in the text."""

    line: int
    start: int
    end: int


class TomlDocument:
    """The text of a TOML file with one array of tables, `table`.

    file: its path. data: its content. Raises HelperError if that is not TOML.
    text: the data decoded, without a byte order mark, and with its own line ends.
    """

    def __init__(self, file: str, data: bytes, table: str) -> None:
        self.file, self.table = file, table
        try:
            self.text = data.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            line = data.count(b"\n", 0, exc.start) + 1
            raise self._at(line, "it is not UTF-8", "save it as UTF-8") from exc
        if deep := _find_long_key(self.text):
            line = self.text.count("\n", 0, deep) + 1
            message = f"a key has more than {_MOST_PARTS} parts"
            raise self._at(line, message, 'write lines such as key = "value"')
        try:
            self.parsed: dict[str, Any] = tomllib.loads(self.text)
            bounded.check_depth(self.parsed, _DEEPEST)
        except (ValueError, RecursionError) as exc:  # int() has a limit of digits, too
            deep = isinstance(exc, RecursionError)
            secret_sources.note_settings(self.text)
            raise self._not_toml("it is nested too deeply" if deep else str(exc)) from exc
        secret_sources.note_fields(self.parsed)

    def line(self, number: int, key: str = "") -> int:
        """Return the line of a key of table `number`, or of its heading or array; 1 at worst."""
        places = ((number, key), (number, ""), (TOP, self.table))
        return next((self.statements[at].line for at in places if at in self.statements), 1)

    def error_at(self, number: int, key: str, message: str, hint: str) -> HelperError:
        """Return the error for a key of the table `number`."""
        return self._at(self.line(number, key), message, hint)

    def _at(self, line: int, message: str, hint: str) -> HelperError:
        return HelperError(f"{one_line(self.file)}:{line}: {message}", hint=hint)

    def _not_toml(self, text: str) -> HelperError:
        where = _WHERE.search(text)
        line = int(where[1]) if where and where[1] else self.text.rstrip("\r\n").count("\n") + 1
        column = f", at column {where[2]}" if where and where[2] else ""
        reason = one_line(_WHERE.sub("", text))
        if reason[1:2].islower():
            reason = reason[0].lower() + reason[1:]
        reason = f"this is not TOML: {reason}{column}"
        return self._at(line, reason, 'write lines such as key = "value"')

    @cached_property
    def statements(self) -> dict[tuple[int, str], Statement]:
        """Table and key -> its statement, in the file's order; "" is a table's heading."""
        found: dict[tuple[int, str], Statement] = {}
        number = last = TOP
        for statement in _statements(self.text):
            text = self.text[statement.start : statement.end]
            key, value = next(iter(tomllib.loads(text).items()))
            if not text.startswith("["):
                found.setdefault((number, key), statement)
            elif key != self.table:
                found.setdefault((number := TOP, key), statement)
            elif isinstance(value, list):
                number = last = last + 1
                found[number, ""] = statement
            else:  # [table.key], of the last one
                found.setdefault((last, next(iter(value), "")), statement)
        return found


def _find_long_key(text: str) -> int:
    """Return where a key has too many parts, or 0; takes linear time."""
    at = parts = 0
    while found := _MARKS.search(text, at):
        mark, at = found[0], found.end()
        if mark in _ENDS:
            end = _ENDS[mark].match(text, at)
            if end is None:
                return 0
            at = end.end()
        elif mark == ".":
            parts += 1
            if parts >= _MOST_PARTS:
                return at
        else:
            parts = 0
    return 0


def note_secrets(text: str) -> None:
    """Note the secrets in the text of a TOML file, as it is written and as it is parsed."""
    secret_sources.note_settings(text)
    with suppress(ValueError, RecursionError):
        if not _find_long_key(text):
            secret_sources.note_fields(tomllib.loads(text))


def _statements(text: str) -> Iterator[Statement]:
    line, depth = 1, 0
    first = start = end = 0
    for found in _PIECES.finditer(text + "\n"):
        piece = found[0]
        if piece == "\n" and not depth:
            if first:
                yield Statement(first, start, end)
            first = 0
        elif not (piece.startswith("#") or piece.isspace()):
            if not first:
                first, start = line, found.start()
            end = found.end()
            depth += (piece in "[{") - (piece in "]}")
        line += piece.count("\n")
