"""A JSON file that is edited as text, so that what nobody asked to change stays.

Every byte outside of the members that are set or removed is kept: order, indentation, line
endings, escapes, and keys that mean nothing to us. What is added looks like what stands beside it.

It is for files that Go programs read: keys at the top are found in upper and lower case alike.
https://pkg.go.dev/encoding/json#Unmarshal
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
from docker_credential_ecrpy.files import bounded, text_edits
from docker_credential_ecrpy.files.text_edits import Edit
from docker_credential_ecrpy.text.sanitize import one_line

REMOVED = object()
"""In a value's place: the member goes."""

Path = tuple[str, ...]
"""The keys that lead to a member: one, or two for a member of an object at the top."""

_DEEPEST = 700  # Docker itself reads ten thousand; nobody writes ten
_BLANKS = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"[\s,]*(//|/\*|#)")
_BOMS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _not_json(constant: str) -> NoReturn:
    msg = f"{constant} is no value of JSON"
    raise ValueError(msg)


class Number:
    """In a number's place, whose value nobody looks at: a huge one would cost time, or fail."""

    def __init__(self, _text: str) -> None:
        pass


_DECODER = json.JSONDecoder(parse_constant=_not_json, parse_int=Number, parse_float=Number)


@dataclass(frozen=True)
class Member:
    """A key and its value; `start`, `colon`, `at` and `end` are offsets into the text.

    Those of the key, of the end of the key, of the value, and of its end.
    """

    key: str
    value: Any
    start: int
    colon: int
    at: int
    end: int


class JsonDocument:
    """The text of a JSON file that has one object.

    file: its path, for errors. data: what it holds; nothing but blanks stands for {}. Raises
    HelperError where that is not JSON, or not an object.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self._members: dict[str, list[Member]] = {}
        if data.startswith(_BOMS_OF_UTF_16):
            self._refuse("it is UTF-16, which Docker does not read", "save it as UTF-8")
        if data.startswith(codecs.BOM_UTF8):
            self._refuse(
                "it begins with a byte order mark, which Docker does not read",
                "save it as UTF-8 without one",
            )
        # Bytes that are no UTF-8 come through unharmed; Docker, too, reads on over them.
        self.text = data.decode("utf-8", "surrogateescape")
        if not self.text.strip(" \t\r\n"):
            self.text = ""
            return
        try:
            at = _after_blanks(self.text, 0)
            value, end = _DECODER.raw_decode(self.text, at)
            bounded.check_depth(value, _DEEPEST)
        except json.JSONDecodeError as exc:
            where = f"line {exc.lineno}, column {exc.colno}"
            hint = "mend it by hand"
            if _COMMENT.match(self.text, exc.pos):
                hint = "take the comments out, which JSON has none of"
            reason = exc.msg[0].lower() + exc.msg[1:]
            self._refuse(f"it is not JSON: {where}: {reason}", hint, exc)
        except (ValueError, RecursionError) as exc:
            reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
            msg = f"it is not JSON: {one_line(reason)}"
            self._refuse(msg, "mend it by hand", exc)
        if not isinstance(value, dict):
            self._refuse("it is not an object", "it has to be such as {}")
        if _after_blanks(self.text, end) != len(self.text):
            line = self.text.count("\n", 0, _after_blanks(self.text, end)) + 1
            self._refuse(f"something follows the object, in line {line}", "take it out")

    def members(self, section: str = "") -> list[Member]:
        """Return the members of the object, or of the one that its member `section` is.

        There are none where the section is missing or null. Raises HelperError where it is
        neither that nor an object, or is there twice.
        """
        if not section:
            return self._top
        found = self._section(section)
        if found is None or found.value is None:
            return []
        if not isinstance(found.value, dict):
            self._refuse(f'"{section}" is not an object', f'it has to be such as "{section}": {{}}')
        if found.key not in self._members:
            self._members[found.key] = list(_members(self.text, found.at))
        return self._members[found.key]

    def value(self, key: str) -> Any:
        """Return the value of a member at the top, or None. Raises HelperError for two of it."""
        found = self._section(key)
        return None if found is None else found.value

    def changed(self, changes: Mapping[Path, Any]) -> bytes:
        """Return the file with each member set to its value, or without it where that is REMOVED.

        Values are strings. An object that is missing is made; one that is null is, too. What
        is said of a key goes for each member of it. Raises HelperError as `members` does.
        """
        if not self.text:
            return self._new(changes)
        of_sections: dict[str, dict[str, Any]] = {}
        at_top: dict[str, Any] = {}
        for path, value in changes.items():
            found = self._section(path[0])
            key = found.key if found else path[0]
            if len(path) == 1:
                at_top[key] = value
            else:
                of_sections.setdefault(key, {})[path[1]] = value
        edits: list[Edit] = []
        for section, wanted in of_sections.items():
            if at_top.get(section) is REMOVED:
                continue
            found = self._section(section)
            members = self.members(section)
            if found is not None and found.value is not None:
                edits += self._edits(found.at, found.end, members, wanted, depth=1)
            elif any(value is not REMOVED for value in wanted.values()):
                at_top[section] = {k: v for k, v in wanted.items() if v is not REMOVED}
        start = _after_blanks(self.text, 0)
        end = len(self.text.rstrip(" \t\r\n"))
        edits += self._edits(start, end, self._top, at_top, depth=0)
        return text_edits.apply(self.text, edits).encode("utf-8", "surrogateescape")

    # --- reading ------------------------------------------------------------------------------

    @cached_property
    def _top(self) -> list[Member]:
        return list(_members(self.text, _after_blanks(self.text, 0))) if self.text else []

    def _section(self, key: str) -> Member | None:
        found = [member for member in self._top if member.key.casefold() == key.casefold()]
        if len(found) > 1:
            self._refuse(f'"{key}" is there {len(found)} times', "make one of them")
        return found[0] if found else None

    def _refuse(self, problem: str, hint: str, cause: Exception | None = None) -> NoReturn:
        msg = f"{one_line(self.file)}: {problem}"
        raise HelperError(msg, hint=hint) from cause

    # --- writing ------------------------------------------------------------------------------

    def _new(self, changes: Mapping[Path, Any]) -> bytes:
        """Return a whole file, indented as Docker does."""
        made: dict[str, Any] = {}
        for path, value in changes.items():
            if value is not REMOVED:
                inner = made if len(path) == 1 else made.setdefault(path[0], {})
                inner[path[-1]] = value
        return (json.dumps(made, indent="\t", ensure_ascii=False) + "\n").encode()

    def _edits(
        self,
        start: int,
        end: int,
        members: Sequence[Member],
        wanted: Mapping[str, Any],
        *,
        depth: int,
    ) -> Iterator[Edit]:
        """Yield what has to be done to the object from `start` to `end`."""
        present = {member.key for member in members}
        for member in members:
            value = wanted.get(member.key, member.value)
            if value is not REMOVED and value != member.value:
                yield member.at, member.end, self._written(value, depth + 1)
        added = [
            self._member(key, value, depth + 1)
            for key, value in wanted.items()
            if key not in present and value is not REMOVED
        ]
        last = [member for member in members if wanted.get(member.key) is not REMOVED][-1:]
        for member, following in itertools.pairwise(members):
            gone = wanted.get(member.key) is REMOVED
            if gone and last and member.start < last[0].start:
                yield member.start, following.start, ""
        if last:
            # What was behind the last one that stays goes with its comma; blanks before } stay.
            separator = self._separator(members)
            tail = "".join(f",{separator}{text}" for text in added)
            if tail or members[-1].end > last[0].end:
                yield last[0].end, members[-1].end, tail
        elif added or members:
            yield start + 1, end - 1, self._filling(added, depth)

    def _separator(self, members: Sequence[Member]) -> str:
        """Return the blanks that a new last member has before it: those of the last one."""
        blanks = self.text[: members[-1].start]
        blanks = blanks[len(blanks.rstrip(" \t\r\n")) :]
        if "\n" in blanks or len(members) > 1:
            return blanks
        return " " if self._colon.endswith(" ") else ""

    def _filling(self, added: Sequence[str], depth: int) -> str:
        """Return what stands between the braces of an object that had nothing to keep."""
        if not added:
            return ""
        if self._indent is None:
            return f",{' ' if self._colon.endswith(' ') else ''}".join(added)
        lines = f",{self._line(depth + 1)}".join(added)
        return f"{self._line(depth + 1)}{lines}{self._line(depth)}"

    def _written(self, value: Any, depth: int) -> str:
        if not isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        members = [self._member(key, inner, depth + 1) for key, inner in value.items()]
        return "{" + self._filling(members, depth) + "}"

    def _member(self, key: str, value: Any, depth: int) -> str:
        return json.dumps(key, ensure_ascii=False) + self._colon + self._written(value, depth)

    def _line(self, depth: int) -> str:
        return text_edits.line_end(self.text) + (self._indent or "") * depth

    @cached_property
    def _indent(self) -> str | None:
        """What a level is indented by; None where all is in one line."""
        if not self._top:
            return "\t"  # as Docker does
        blanks = self.text[_after_blanks(self.text, 0) + 1 : self._top[0].start]
        return blanks.rpartition("\n")[2] if "\n" in blanks else None

    @cached_property
    def _colon(self) -> str:
        """What stands between a key and its value."""
        if not self._top:
            return ": "
        return self.text[self._top[0].colon : self._top[0].at]


def _members(text: str, at: int) -> Iterator[Member]:
    """Yield the members of the object that begins at an offset, of a text that is JSON."""
    at = _after_blanks(text, at + 1)
    while text[at] != "}":
        start = at
        key, colon = _DECODER.raw_decode(text, at)
        value_at = _after_blanks(text, _after_blanks(text, colon) + 1)
        value, end = _DECODER.raw_decode(text, value_at)
        yield Member(key, value, start, colon, value_at, end)
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
