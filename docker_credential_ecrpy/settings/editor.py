"""Edits of our own settings, `~/.ecr/config.toml`, from bytes to bytes.

All other text keeps every byte, and the opposite edit restores the file. Each result is parsed,
and compared with the intended rules, before it is returned.
"""

import codecs
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.text_edits import Edit, apply_edits, line_end, quote
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import loader, rule_parser, rule_reader, rules
from docker_credential_ecrpy.settings.toml_document import TOP, Statement, TomlDocument
from docker_credential_ecrpy.text.sanitize import one_line

SCHEMA_URL = (
    "https://raw.githubusercontent.com/docker-credential-ecrpy/docker-credential-ecrpy/main"
    "/docs/schemas/config.schema.json"
)
"""The JSON Schema of the settings; editors with Taplo read it from the file's first line."""

_SCHEMA_LINE = f"#:schema {SCHEMA_URL}".encode()
_NOTHING, _COMMENT, _STATEMENT = range(3)  # what a line holds

_Table = dict[str, Any]


def add_schema(data: bytes) -> bytes:
    """Return the content of a new file, with a first line that names its schema."""
    return _SCHEMA_LINE + b"\n\n" + data


def drop_schema(data: bytes) -> bytes:
    """Return b"" for a file that has nothing but that line, and any other content unchanged."""
    return b"" if data.strip() == _SCHEMA_LINE else data


def choose(data: bytes, file: str, host: str, *, profile: str, role_arn: str) -> bytes:
    """Return the settings with a rule that gives `host` this profile, role, or both.

    data: the file as it is, b"" for none. file: its path, for errors. host: as a client sends it.
    A rule for exactly this host is changed in place. Above any other rule that matches, one for
    this host is inserted, with the same endpoint. Without a match, a rule for the account is added.

    Raises HelperError for invalid settings, for a host that is neither ECR's nor a private name,
    for an invalid profile or role, and for a file that has to be edited by hand.
    """
    _check_identity(profile, role_arn)
    page = _Page(file, data)
    choice = rules.choose(host, page.rules, {})
    if choice is None:
        msg = f"{one_line(host)} is not an ECR registry"
        hint = 'if it stands for one, write a rule for it by hand, with match and registry = "..."'
        raise HelperError(msg, hint=hint)
    if (choice.profile, choice.role.arn if choice.role else "") == (profile, role_arn):
        return data
    name, rule = choice.registry.host, choice.rule
    number = next((n for n, other in enumerate(page.rules) if other is rule), len(page.rules))
    old, match = (page.tables[number], name) if rule else ({}, choice.registry.account or name)
    above, below = page.tables[:number], page.tables[number:]
    if rule and rule.pattern.text == name:
        table = _make_table(old["match"], profile, role_arn, old)
        text, tables = page.change_keys(number, table), [*above, table, *below[1:]]
    else:
        table = _make_table(match, profile, role_arn, old)
        text, tables = page.insert_table(number, table), [*above, table, *below]
    by_hand = f"write this by hand, above all rules that match it: {', '.join(_lines(table))}"
    return page.verify(text, tables, page.fallback, by_hand).data


def forget(data: bytes, file: str, host: str, *, account_too: bool) -> bytes:
    """Return the settings without the rule whose `match` is the host itself.

    account_too: also without the rule of its account. A comment directly above a rule is removed
    with it. Raises HelperError like `choose`.
    """
    found = registry.parse(host)
    name = found.host if found else registry.parse_host(host)
    for match in (name, found.account if found and account_too else ""):
        page = _Page(file, data)
        texts = [rule.pattern.text for rule in page.rules]
        if match not in texts:
            continue
        number = texts.index(match)
        by_hand = f"remove the rule with match = {quote(match)} by hand"
        text = page.remove_lines(*page.lines_of_table(number, by_hand))
        tables = [*page.tables[:number], *page.tables[number + 1 :]]
        data = page.verify(text, tables, page.fallback, by_hand).data
    return data


def set_fallback(data: bytes, file: str, name: str) -> bytes:
    """Return the settings with this fallback helper, or without any where `name` is "".

    name: the helper's program without `docker-credential-`. Raises HelperError like `choose`.
    """
    page = _Page(file, data)
    if name == page.fallback:
        return data
    line = f"fallback = {quote(name)}"
    if name:
        _Page(file, line.encode(errors="replace"))  # raises what is wrong with the name
    statement = page.source.statements.get((TOP, "fallback"))
    if statement is None:
        text = page.insert_lines(next(iter(page.source.statements.values()), None), [line])
    elif name:
        text = apply_edits(page.source.text, [page.replace_value(statement, name)])
    else:
        text = page.remove_lines(*page.span(statement))
    by_hand = f"write {line} by hand" if name else "remove the line of fallback by hand"
    return page.verify(text, page.tables, name, by_hand).data


def is_profile_name(name: str) -> bool:
    """Whether a rule can have this profile."""
    return name == name.strip() and name.isprintable()


def _check_identity(profile: str, role_arn: str) -> None:
    if not (profile or role_arn):
        msg = "neither a profile nor a role is given"
        raise HelperError(msg, hint="name one of them, or both")
    if not is_profile_name(profile):
        msg = f"{rule_parser.shown(profile)} is not the name of a profile"
        raise HelperError(msg, hint="write it without blanks around it")
    if role_arn and not rules.ROLE_ARN.fullmatch(role_arn):
        msg = f"{rule_parser.shown(role_arn)} is not the ARN of a role"
        raise HelperError(msg, hint='write it such as "arn:aws:iam::123456789012:role/puller"')


def _make_table(match: str, profile: str, role_arn: str, old: Mapping[str, Any]) -> _Table:
    """Return the rule that replaces `old` for the registries of `match`."""
    new = {**old, "match": match, "profile": profile, "role_arn": role_arn}
    same_role = role_arn == old.get("role_arn")
    keys = (key for key in rule_parser.KEYS if same_role or key not in rule_reader.ROLE_KEYS)
    return {key: new[key] for key in keys if new.get(key)}


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"[[{loader.TABLE}]]", *(f"{key} = {quote(table[key])}" for key in table)]


def _inline(table: Mapping[str, Any]) -> str:
    return f"{{{', '.join(_lines(table)[1:])}}}"


class _Page:
    """Valid settings as text, with what is on each line; its edits return the new text.

    Lines count from 0. Raises HelperError for invalid settings.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.data = data
        self.source = TomlDocument(file, data, loader.TABLE)
        self.rules = loader.parse(self.source).rules
        self.tables: list[_Table] = self.source.parsed.get(loader.TABLE, [])
        self.fallback: str = self.source.parsed.get("fallback", "")
        self._text = self.source.text
        self._lines = self._text.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))
        self._end = line_end(self._text)

    def verify(self, text: str, tables: Sequence[_Table], fallback: str, by_hand: str) -> "_Page":
        """Return the page of `text`. Raises HelperError unless its rules are the intended ones."""
        data = codecs.BOM_UTF8 * self.data.startswith(codecs.BOM_UTF8) + text.encode()
        if len(data) > loader.MAX_SIZE:
            reason = f"it would be larger than {loader.MAX_SIZE // 1024} KiB"
            raise self.error_by_hand(by_hand, reason)
        try:
            after = _Page(self.source.file, data)
        except HelperError as exc:
            raise self.error_by_hand(by_hand, f"then {exc.message}") from exc
        if (after.tables, after.fallback) != (list(tables), fallback):
            raise self.error_by_hand(by_hand, "the edit would change other rules too")
        return after

    def error_by_hand(self, by_hand: str, reason: str) -> HelperError:
        """Return the error for a file that only the user can edit; by_hand: how."""
        msg = f"{one_line(self.source.file)} cannot be edited safely: {reason}"
        return HelperError(msg, hint=by_hand)

    def insert_table(self, number: int, table: Mapping[str, Any]) -> str:
        """Insert a table before table `number`, or after the last one."""
        by_hand = f"write there by hand, above all rules that match it: {_inline(table)}"
        self._check_not_inline(by_hand)
        return self.insert_lines(self.source.statements.get((number, "")), _lines(table))

    def change_keys(self, number: int, table: Mapping[str, Any]) -> str:
        """Change the keys of a table, except its `match`."""
        self._check_not_inline(f"write this rule there by hand: {_inline(table)}")
        statements, old = self.source.statements, self.tables[number]
        anchor, edits = statements[number, "match"], []
        for key in rule_parser.KEYS:
            here = statements.get((number, key))
            if here and key in table:
                anchor = here
                if table[key] != old[key]:
                    edits.append(self.replace_value(here, table[key]))
            elif here:
                first, last = self.span(here)
                edits.append((self._stop(first - 1), self._stop(last), ""))
            elif key in table:
                first, last = self.span(anchor)
                indent = self._text[self._starts[first] : anchor.start]
                at = self._stop(last)
                edits.append((at, at, f"{self._end}{indent}{key} = {quote(table[key])}"))
        return apply_edits(self._text, edits)

    def replace_value(self, statement: Statement, value: str | int) -> Edit:
        """Return the edit that changes the value of a key of ours, which has no "=" in it."""
        start = self._text.index("=", statement.start) + 1
        blanks = self._text[start : statement.end]
        return start + len(blanks) - len(blanks.lstrip()), statement.end, quote(value)

    def insert_lines(self, below: Statement | None, lines: Sequence[str]) -> str:
        """Insert a block of lines before a statement and its comments, or below all for None."""
        end, new = self._end, self._end.join(lines)
        last = max(self._filled, default=-1)
        if below is None and last >= 0:
            stop = self._stop(last)
            return apply_edits(self._text, [(stop, stop, end + end + new)])
        at = self.first_line(below) if below else 0
        close = at > 0 and self._kinds[at - 1] != _NOTHING
        new = end + new + end if close else new + end + end * (last >= 0)
        return apply_edits(self._text, [(self._starts[at], self._starts[at], new)])

    def remove_lines(self, first: int, last: int) -> str:
        """Remove lines and surplus blank lines around them; undoes `insert_lines`."""
        kinds = self._kinds
        above = max((line for line in self._filled if line < first), default=-1)
        below = min((line for line in self._filled if line > last), default=len(kinds))
        blanks_above, blanks_below = first - 1 - above, below - 1 - last
        if below == len(kinds) and above >= 0:
            return apply_edits(self._text, [(self._stop(above), self._stop(last), "")])
        fewer = blanks_below > blanks_above if blanks_below else kinds[above] == _STATEMENT
        if (above >= 0 and fewer) or below == len(kinds):
            first, below = above + 1, last + 1
        return apply_edits(self._text, [(self._starts[first], self._starts[below], "")])

    def lines_of_table(self, number: int, by_hand: str) -> tuple[int, int]:
        """Return the first and last line of a table, with the comments that belong to it."""
        self._check_not_inline(by_hand)
        mine = [where for (n, _), where in self.source.statements.items() if n == number]
        last, kinds = self.span(mine[-1])[1], self._kinds
        after = next((n for n in range(last + 1, len(kinds)) if kinds[n] != _COMMENT), len(kinds))
        next_has_them = kinds[after : after + 1] == [_STATEMENT]
        return self.first_line(mine[0]), last if next_has_them else after - 1

    def first_line(self, statement: Statement) -> int:
        """Return the line of a statement, or of the first comment directly above it."""
        line = statement.line - 1
        while line and self._kinds[line - 1] == _COMMENT:
            line -= 1
        return line

    def span(self, statement: Statement) -> tuple[int, int]:
        """Return the first and last line of a statement."""
        first = statement.line - 1
        return first, first + self._text.count("\n", statement.start, statement.end)

    @cached_property
    def _kinds(self) -> list[int]:
        comments = (line.lstrip().startswith("#") for line in self._lines)
        kinds = [_COMMENT if comment else _NOTHING for comment in comments]
        for first, last in map(self.span, self.source.statements.values()):
            kinds[first : last + 1] = [_STATEMENT] * (last + 1 - first)
        return kinds

    @property
    def _filled(self) -> list[int]:
        return [line for line, kind in enumerate(self._kinds) if kind != _NOTHING]

    def _stop(self, line: int) -> int:
        """Return where a line ends, before its line end."""
        return self._starts[line] + len(self._lines[line].rstrip("\r"))

    def _check_not_inline(self, by_hand: str) -> None:
        if (TOP, loader.TABLE) in self.source.statements:
            msg = f"{loader.TABLE} is a list in brackets, to which no table can be added"
            raise self.source.error_at(TOP, loader.TABLE, msg, by_hand)
