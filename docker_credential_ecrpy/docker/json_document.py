"""Edits JSON as text: the rest keeps every byte, and new members copy the style beside them.

As in Go, keys at the top match in any case: https://pkg.go.dev/encoding/json#Unmarshal
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.files.text_edits import Edit, apply_edits, line_end, quote
from docker_credential_ecrpy.text import secret_sources
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

REMOVED = object()
"""A value that removes its member."""

Path = tuple[str, ...]
"""The keys that lead to a member: one, or two for a member of an object at the top."""

_DEEPEST = 700  # levels; Docker reads ten thousand
_BLANKS = " \t\r\n"
_SPACE = re.compile(f"[{_BLANKS}]*")
_COMMENT = re.compile(r"[\s,]*(//|/\*|#)")
_BOMS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _refuse_constant(constant: str) -> NoReturn:
    msg = f"{constant} is not valid JSON"
    raise ValueError(msg)


class Number:
    """Stands for any number: to parse a huge one is slow, or fails."""

    def __init__(self, _text: str) -> None: ...


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=Number, parse_float=Number)


@dataclass(frozen=True)
class Member:
    """A key and its value; `start` to `colon` and `at` to `end` are their spans in the text."""

    key: str
    value: Any
    start: int
    colon: int
    at: int
    end: int


class JsonDocument:
    """The text of a JSON file with one object.

    file: its path, for errors. data: its content; only blanks mean {}. Raises HelperError for
    anything else.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self._members: dict[str, list[Member]] = {}
        secret_sources.note_settings(data.decode("utf-8", "surrogateescape"))
        if data.startswith(_BOMS_OF_UTF_16):
            self._refuse("it is UTF-16, which Docker does not read", "save it as UTF-8")
        if data.startswith(codecs.BOM_UTF8):
            problem = "it begins with a byte order mark, which Docker does not read"
            self._refuse(problem, "save it as UTF-8 without one")
        # Bytes that are not UTF-8 stay unchanged; Docker accepts them.
        self.text = data.decode("utf-8", "surrogateescape")
        if not self.text.strip(_BLANKS):
            self.text = ""
            return
        try:
            self._start = _skip_blanks(self.text, 0)
            value, self._end = _DECODER.raw_decode(self.text, self._start)
            bounded.check_depth(value, _DEEPEST)
        except (ValueError, RecursionError) as exc:
            reason, hint = one_line(str(exc)), "fix it by hand"
            if isinstance(exc, RecursionError):
                reason = "it is nested too deeply"
            elif isinstance(exc, json.JSONDecodeError):
                reason = lower_first(exc.msg)
                reason = f"line {exc.lineno}, column {exc.colno}: {reason}"
                if _COMMENT.match(self.text, exc.pos):
                    hint = "remove the comments: JSON has none"
            self._refuse(f"it is not JSON: {reason}", hint, exc)
        if not isinstance(value, dict):
            self._refuse("it is not an object", "write an object, such as {}")
        rest = _skip_blanks(self.text, self._end)
        if rest != len(self.text):
            line = self.text.count("\n", 0, rest) + 1
            self._refuse(f"line {line} has text after the object", "remove it")

    def members(self, section: str = "") -> list[Member]:
        """Return the members of the object, or of its member `section`; [] if missing or null.

        Raises HelperError where the section is not an object, or has a duplicate.
        """
        if not section:
            return self._top
        found = self._find(section)
        if found is None or found.value is None:
            return []
        if not isinstance(found.value, dict):
            self._refuse(f'"{section}" is not an object', f'write it as "{section}": {{}}')
        if found.key not in self._members:
            self._members[found.key] = list(_scan_members(self.text, found.at))
        return self._members[found.key]

    def value(self, key: str) -> Any:
        """Return the value of a member at the top, or None. Raises HelperError for duplicates."""
        found = self._find(key)
        return found.value if found else None

    def apply(self, changes: Mapping[Path, Any]) -> bytes:
        """Return the file with members set to strings, or REMOVED; creates missing sections.

        Changes all members with a key. Raises HelperError as `members` does.
        """
        if not self.text:
            return _build_file(changes)
        by_section: dict[str, dict[str, Any]] = {}
        at_top: dict[str, Any] = {}
        for (top, *below), value in changes.items():
            found = self._find(top)
            key = found.key if found else top
            target = by_section.setdefault(key, {}) if below else at_top
            target[below[0] if below else key] = value
        edits: list[Edit] = []
        for section, wanted in by_section.items():
            if at_top.get(section) is REMOVED:
                continue
            if self.value(section) is not None:
                edits += self._make_edits(section, wanted)
            elif made := {key: value for key, value in wanted.items() if value is not REMOVED}:
                at_top[section] = made
        edits += self._make_edits("", at_top)
        return apply_edits(self.text, edits).encode("utf-8", "surrogateescape")

    @cached_property
    def _top(self) -> list[Member]:
        return list(_scan_members(self.text, self._start)) if self.text else []

    def _find(self, key: str) -> Member | None:
        found = [member for member in self._top if member.key.casefold() == key.casefold()]
        if len(found) > 1:
            self._refuse(f'"{key}" occurs {len(found)} times', "merge them into one")
        return found[0] if found else None

    def _refuse(self, problem: str, hint: str, cause: Exception | None = None) -> NoReturn:
        msg = f"{one_line(self.file)}: {problem}"
        raise HelperError(msg, hint=hint) from cause

    def _make_edits(self, section: str, wanted: Mapping[str, Any]) -> Iterator[Edit]:
        """Yield the edits of a section, or of the whole object for ""."""
        found = self._find(section) if section else None
        start, end = (found.at, found.end) if found else (self._start, self._end)
        depth, members = (1 if found else 0), self.members(section)
        kept = [member for member in members if wanted.get(member.key) is not REMOVED]
        for member in kept:
            value = wanted.get(member.key, member.value)
            if value != member.value:
                yield member.at, member.end, self._format(value, depth + 1)
        added = {key: value for key, value in wanted.items() if value is not REMOVED}
        for member in members:
            added.pop(member.key, None)
        texts = self._format_members(added, depth + 1)
        if not kept:
            if texts or members:
                yield start + 1, end - 1, self._fill(texts, depth)
            return
        last = kept[-1]
        for member, following in itertools.pairwise(members):
            if wanted.get(member.key) is REMOVED and member.start < last.start:
                yield member.start, following.start, ""
        # Remove all after the last kept member with its comma; the blanks before } stay.
        tail = "".join(f",{self._find_separator(members)}{text}" for text in texts)
        if tail or members[-1].end > last.end:
            yield last.end, members[-1].end, tail

    def _find_separator(self, members: Sequence[Member]) -> str:
        """Return the blanks before a new last member: those before the present last one."""
        blanks = self.text[: members[-1].start]
        blanks = blanks[len(blanks.rstrip(_BLANKS)) :]
        return blanks if "\n" in blanks or len(members) > 1 else self._blank

    def _fill(self, members: Sequence[str], depth: int) -> str:
        """Return the text between the braces of an object of new members."""
        if not members:
            return ""
        if self._indent is None:
            return f",{self._blank}".join(members)
        outer = line_end(self.text) + self._indent * depth
        inner = outer + self._indent
        return f"{inner}{f',{inner}'.join(members)}{outer}"

    def _format(self, value: Any, depth: int) -> str:
        if not isinstance(value, dict):
            return quote(value)
        return "{" + self._fill(self._format_members(value, depth + 1), depth) + "}"

    def _format_members(self, members: Mapping[str, Any], depth: int) -> list[str]:
        return [f"{quote(k)}{self._colon}{self._format(v, depth)}" for k, v in members.items()]

    @cached_property
    def _indent(self) -> str | None:
        """The indent of one level, a tab (as Docker's) without members; None for one line."""
        blanks = self.text[self._start + 1 : self._top[0].start] if self._top else "\n\t"
        return blanks.rpartition("\n")[2] if "\n" in blanks else None

    @cached_property
    def _colon(self) -> str:
        """What stands between a key and its value."""
        return self.text[self._top[0].colon : self._top[0].at] if self._top else ": "

    @property
    def _blank(self) -> str:
        return " " if self._colon.endswith(" ") else ""


def _build_file(changes: Mapping[Path, Any]) -> bytes:
    """Return a whole file, indented as Docker does."""
    made: dict[str, Any] = {}
    for (*above, key), value in changes.items():
        if value is not REMOVED:
            target = made.setdefault(above[0], {}) if above else made
            target[key] = value
    return (json.dumps(made, indent="\t", ensure_ascii=False) + "\n").encode()


def _scan_members(text: str, at: int) -> Iterator[Member]:
    """Yield the members of the object at an offset of valid JSON."""
    at = _skip_blanks(text, at + 1)
    while text[at] != "}":
        start = at
        key, colon = _DECODER.raw_decode(text, at)
        value_at = _skip_blanks(text, _skip_blanks(text, colon) + 1)
        value, end = _DECODER.raw_decode(text, value_at)
        yield Member(key, value, start, colon, value_at, end)
        at = _skip_blanks(text, end)
        if text[at] == ",":
            at = _skip_blanks(text, at + 1)


def _skip_blanks(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
