"""Edits of our own settings, `~/.ecr/config.toml`, from bytes to bytes.

What an edit is not about stays as it is, byte for byte, and what an edit puts in, the opposite one
takes out again. Each result is read as `settings` reads it, and compared with what was meant,
before it is returned.
"""

import codecs
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import text_edits
from docker_credential_ecrpy.files.text_edits import Edit
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import loader, rule_parser, rules
from docker_credential_ecrpy.settings.toml_document import TOP, Statement, TomlDocument
from docker_credential_ecrpy.text.sanitize import one_line

_WHERE_ASKED = ("registry", "endpoint_url", "region")
_NOTHING, _COMMENT, _STATEMENT = range(3)  # what a line holds

_Table = dict[str, Any]


def choose(data: bytes, file: str, host: str, *, profile: str, role_arn: str) -> bytes:
    """Return the settings with a rule that gives `host` this profile, role, or both.

    data: the file as it is, b"" for none. file: its path, for errors. host: as a client sends it.
    The rule that decides stays where it says so already; a rule of this very host is changed in
    its place; another one gets a rule of this host above it, that asks in the same place. Where
    none decides, a rule of the whole account is added.

    Raises HelperError for settings that are not sound, for a host that no rule can mean yet, for
    texts that are no profile or role, and for a file that has to be edited by hand.
    """
    _check_identity(profile, role_arn)
    page = _Page(file, data)
    choice = rules.choose(host, page.rules, {})
    if choice is None:
        msg = f"{one_line(host)} is not an ECR registry"
        hint = 'if it stands for one, write a rule for it by hand, with match and registry = "..."'
        raise HelperError(msg, hint=hint)
    if _identity(choice) == (profile, role_arn):
        return data
    name, rule = choice.registry.host, choice.rule
    if rule is None:
        table = _table(choice.registry.account or name, profile, role_arn, {})
        text, tables = page.with_table(len(page.tables), table), [*page.tables, table]
    else:
        number = next(n for n, other in enumerate(page.rules) if other is rule)
        old, above, below = page.tables[number], page.tables[:number], page.tables[number:]
        if rule.pattern.text == name:
            table = _table(old["match"], profile, role_arn, old)
            text, tables = page.with_keys(number, table), [*above, table, *below[1:]]
        else:
            table = _table(name, profile, role_arn, old)
            text, tables = page.with_table(number, table), [*above, table, *below]
    by_hand = f"write this by hand, above all rules that match it: {', '.join(_lines(table))}"
    after = page.verified(text, tables, page.fallback, by_hand)
    chosen = rules.choose(host, after.rules, {})
    if chosen is None or _identity(chosen) != (profile, role_arn):
        reason = "another rule would decide"
        raise page.unsafe(reason, by_hand)
    return after.data


def forget(data: bytes, file: str, host: str, *, account_too: bool) -> bytes:
    """Return the settings without the rule whose `match` is the host itself.

    account_too: also without that of its account's id. A comment that stands directly above a
    rule goes with it. Raises HelperError like `choose`.
    """
    found = registry.parse(host)
    name = found.host if found else registry.host_of(host)
    for match in (name, found.account if found and account_too else ""):
        page = _Page(file, data)
        texts = [rule.pattern.text for rule in page.rules]
        if match not in texts:
            continue
        number = texts.index(match)
        by_hand = f"remove the rule with match = {_quoted(match)} by hand"
        text = page.without_lines(*page.lines_of_table(number, by_hand))
        tables = [*page.tables[:number], *page.tables[number + 1 :]]
        data = page.verified(text, tables, page.fallback, by_hand).data
    return data


def with_fallback(data: bytes, file: str, name: str) -> bytes:
    """Return the settings with this fallback helper, or with none where `name` is "".

    name: what the name of the helper's program ends in. Raises HelperError like `choose`.
    """
    page = _Page(file, data)
    if name == page.fallback:
        return data
    line = f"fallback = {_quoted(name)}"
    if name:
        _Page(file, line.encode(errors="replace"))  # raises what is to say about the name
    statement = page.source.statements.get((TOP, "fallback"))
    if statement is None:
        first = next(iter(page.source.statements.values()), None)
        text = page.with_lines(page.first_line(first) if first else None, [line])
    elif name:
        text = page.edited(page.new_value(statement, name))
    else:
        text = page.without_lines(*page.span(statement))
    by_hand = f"write {line} by hand" if name else "remove the line of fallback by hand"
    return page.verified(text, page.tables, name, by_hand).data


def _check_identity(profile: str, role_arn: str) -> None:
    if not (profile or role_arn):
        msg = "neither a profile nor a role is given"
        raise HelperError(msg, hint="name one of them, or both")
    if profile != profile.strip() or not profile.isprintable():
        msg = f"{rule_parser.shown(profile)} is not the name of a profile"
        raise HelperError(msg, hint="write it without blanks around it")
    if role_arn and not rules.ROLE_ARN.fullmatch(role_arn):
        msg = f"{rule_parser.shown(role_arn)} is not the ARN of a role"
        raise HelperError(msg, hint='write it such as "arn:aws:iam::123456789012:role/puller"')


def _identity(choice: rules.Choice) -> tuple[str, str]:
    return choice.profile, choice.role.arn if choice.role else ""


def _table(match: str, profile: str, role_arn: str, old: Mapping[str, Any]) -> _Table:
    """Return the rule that takes the place of `old` for what `match` means."""
    same_role = role_arn and role_arn == old.get("role_arn")
    kept = (*_WHERE_ASKED, *(rule_parser.ROLE_KEYS if same_role else ()))
    new = {key: old[key] for key in kept if key in old}
    new |= {"match": match, "profile": profile, "role_arn": role_arn}
    return {key: new[key] for key in rule_parser.KEYS if new.get(key)}


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"[[{loader.TABLE}]]", *(f"{key} = {_quoted(table[key])}" for key in table)]


def _inline(table: Mapping[str, Any]) -> str:
    return f"{{{', '.join(_lines(table)[1:])}}}"


def _quoted(value: str | int) -> str:
    """Return a value as TOML, whose basic strings have all the escapes of JSON."""
    return json.dumps(value, ensure_ascii=False)


class _Page:
    """Sound settings as text: what is on each line, and the text as it is after an edit.

    Lines count from 0. Raises HelperError for settings that are not sound.
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
        self._end = text_edits.line_end(self._text)

    def verified(self, text: str, tables: Sequence[_Table], fallback: str, by_hand: str) -> "_Page":
        """Return the page that `text` makes. Raises HelperError where that is not what is meant."""
        data = codecs.BOM_UTF8 * self.data.startswith(codecs.BOM_UTF8) + text.encode()
        reason = f"it would be larger than {loader.MAX_SIZE // 1024} KiB"
        if len(data) > loader.MAX_SIZE:
            raise self.unsafe(reason, by_hand)
        try:
            after = _Page(self.source.file, data)
        except HelperError as exc:
            reason = f"then {exc.message}"
            raise self.unsafe(reason, by_hand) from exc
        reason = "more than that would change"
        if (after.tables, after.fallback) != (list(tables), fallback):
            raise self.unsafe(reason, by_hand)
        return after

    def unsafe(self, reason: str, by_hand: str) -> HelperError:
        """Return the error over a file that only a person can edit."""
        msg = f"{one_line(self.source.file)} cannot be edited safely: {reason}"
        return HelperError(msg, hint=by_hand)

    def with_table(self, number: int, table: Mapping[str, Any]) -> str:
        """Return the text with one more table before the one of that number, or after all."""
        by_hand = f"write there by hand, above all rules that match it: {_inline(table)}"
        self._check_not_inline(by_hand)
        heading = self.source.statements.get((number, ""))
        return self.with_lines(self.first_line(heading) if heading else None, _lines(table))

    def with_keys(self, number: int, table: Mapping[str, Any]) -> str:
        """Return the text with other keys in a table, all but its `match`."""
        self._check_not_inline(f"write this rule there by hand: {_inline(table)}")
        statements, old = self.source.statements, self.tables[number]
        anchor, edits = statements[number, "match"], []
        for key in rule_parser.KEYS:
            here = statements.get((number, key))
            if here and key in table:
                anchor = here
                if table[key] != old[key]:
                    edits.append(self.new_value(here, table[key]))
            elif here:
                first, last = self.span(here)
                edits.append((self._stop(first - 1), self._stop(last), ""))
            elif key in table:
                first, last = self.span(anchor)
                indent = self._text[self._starts[first] : anchor.start]
                at = self._stop(last)
                edits.append((at, at, f"{self._end}{indent}{key} = {_quoted(table[key])}"))
        return self.edited(*edits)

    def new_value(self, statement: Statement, value: str | int) -> Edit:
        """Return the edit that gives a key of ours, which has no "=" in it, another value."""
        start = self._text.index("=", statement.start) + 1
        blanks = self._text[start : statement.end]
        start += len(blanks) - len(blanks.lstrip())
        return start, statement.end, _quoted(value)

    def edited(self, *edits: Edit) -> str:
        """Return the text after edits."""
        return text_edits.apply(self._text, edits)

    def with_lines(self, at: int | None, lines: Sequence[str]) -> str:
        """Return the text with a block of lines before line `at`, or below all where it is None."""
        end, new = self._end, self._end.join(lines)
        last = max((n for n, kind in enumerate(self._kinds) if kind), default=-1)
        if at is None and last >= 0:
            stop = self._stop(last)
            return self.edited((stop, stop, end + end + new))
        at = at or 0
        close = at > 0 and self._kinds[at - 1] != _NOTHING
        new = end + new + end if close else new + end + end * (last >= 0)
        return self.edited((self._starts[at], self._starts[at], new))

    def without_lines(self, first: int, last: int) -> str:
        """Return the text without these lines, and without the blank ones that are too many then.

        What `with_lines` makes of a text becomes that text again.
        """
        kinds = self._kinds
        above, below = first - 1, last + 1
        while above >= 0 and kinds[above] == _NOTHING:
            above -= 1
        while below < len(kinds) and kinds[below] == _NOTHING:
            below += 1
        blanks_above, blanks_below = first - 1 - above, below - 1 - last
        if below == len(kinds) and above >= 0:
            return self.edited((self._stop(above), self._stop(last), ""))
        fewer = blanks_below > blanks_above if blanks_below else kinds[above] == _STATEMENT
        if (above >= 0 and fewer) or below == len(kinds):
            first, below = above + 1, last + 1
        return self.edited((self._starts[first], self._starts[below], ""))

    def lines_of_table(self, number: int, by_hand: str) -> tuple[int, int]:
        """Return the first and last line of a table, with the comments that are its own."""
        self._check_not_inline(by_hand)
        mine = [where for (n, _), where in self.source.statements.items() if n == number]
        last = after = self.span(mine[-1])[1] + 1
        while after < len(self._kinds) and self._kinds[after] == _COMMENT:
            after += 1
        of_next = after < len(self._kinds) and self._kinds[after] == _STATEMENT
        return self.first_line(mine[0]), (last if of_next else after) - 1

    def first_line(self, statement: Statement) -> int:
        """Return the line of a statement, or of the first comment that stands directly above."""
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

    def _stop(self, line: int) -> int:
        """Return where a line ends, before its line end."""
        return self._starts[line] + len(self._lines[line].rstrip("\r"))

    def _check_not_inline(self, by_hand: str) -> None:
        if (TOP, loader.TABLE) in self.source.statements:
            msg = f"{loader.TABLE} is a list in brackets, to which no table can be added"
            raise self.source.wrong(TOP, loader.TABLE, msg, by_hand)
