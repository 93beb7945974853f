"""Edits JSON as text: the rest keeps every byte, and new members copy the style beside them.

As in Go, keys at the top match in any case, and a repeated object adds to the ones before it:
https://pkg.go.dev/encoding/json#Unmarshal
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.files.text_edits import Edit, apply_edits, line_end, quote
from docker_credential_ecrpy.hot.values import dataclass
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
        self._members: dict[int, list[Member]] = {}
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

        Where a key occurs several times, the last one counts. Raises HelperError where the section
        is not an object.
        """
        if not section:
            return self._top
        return [member for each in self._list_objects(section) for member in self._scan(each)]

    def value(self, key: str) -> Any:
        """Return the value of a member at the top, or None: the last one that is not null."""
        values = [member.value for member in self._find(key) if member.value is not None]
        return values[-1] if values else None

    def apply(self, changes: Mapping[Path, Any]) -> bytes:
        """Return the file with members set to strings, or REMOVED; creates missing sections.

        Changes all members with a key. Raises HelperError as `members` does.
        """
        if not self.text:
            return _build_file(changes)
        by_section: dict[str, dict[str, Any]] = {}
        at_top: dict[str, Any] = {}
        for (top, *below), value in changes.items():
            if below:
                by_section.setdefault(top, {})[below[0]] = value
            else:
                at_top |= dict.fromkeys(self._list_keys(top), value)
        edits: list[Edit] = []
        for section, wanted in by_section.items():
            keys = self._list_keys(section)
            if at_top.get(keys[-1]) is REMOVED:
                continue
            if objects := self._list_objects(section):
                edits += self._edit_objects(objects, wanted)
            elif made := {key: value for key, value in wanted.items() if value is not REMOVED}:
                at_top[keys[-1]] = made
        edits += self._make_edits(None, at_top)
        return apply_edits(self.text, edits).encode("utf-8", "surrogateescape")

    @cached_property
    def _top(self) -> list[Member]:
        return list(_scan_members(self.text, self._start)) if self.text else []

    def _find(self, key: str) -> list[Member]:
        return [member for member in self._top if member.key.casefold() == key.casefold()]

    def _list_keys(self, key: str) -> list[str]:
        """Return the forms in which a key occurs at the top, or itself for none."""
        return [member.key for member in self._find(key)] or [key]

    def _list_objects(self, section: str) -> list[Member]:
        """Return the objects that make up a section: those after the last null."""
        found: list[Member] = []
        for member in self._find(section):
            if member.value is not None and not isinstance(member.value, dict):
                self._refuse(f'"{section}" is not an object', f'write it as "{section}": {{}}')
            found = [] if member.value is None else [*found, member]
        return found

    def _scan(self, member: Member) -> list[Member]:
        if member.at not in self._members:
            self._members[member.at] = list(_scan_members(self.text, member.at))
        return self._members[member.at]

    def _refuse(self, problem: str, hint: str, cause: Exception | None = None) -> NoReturn:
        msg = f"{one_line(self.file)}: {problem}"
        raise HelperError(msg, hint=hint) from cause

    def _edit_objects(self, objects: Sequence[Member], wanted: Mapping[str, Any]) -> Iterator[Edit]:
        """Yield the edits of a section's objects; the last one gets the new members."""
        keys = {member.key for each in objects for member in self._scan(each)}
        present = {key: value for key, value in wanted.items() if key in keys}
        for each in objects[:-1]:
            here = {member.key for member in self._scan(each)}
            yield from self._make_edits(each, {k: present[k] for k in present if k in here})
        here = {member.key for member in self._scan(objects[-1])}
        own = {key: value for key, value in wanted.items() if key in here or key not in keys}
        yield from self._make_edits(objects[-1], own)

    def _make_edits(self, found: Member | None, wanted: Mapping[str, Any]) -> Iterator[Edit]:
        """Yield the edits of a section's object, or of the whole one for None."""
        start, end = (found.at, found.end) if found else (self._start, self._end)
        depth, members = (1, self._scan(found)) if found else (0, self._top)
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
