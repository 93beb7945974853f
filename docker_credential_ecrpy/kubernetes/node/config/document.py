"""A CredentialProviderConfig as text: parsed strictly, and edited without touching the rest.

It is YAML or JSON, and the kubelet refuses keys that occur twice. Edits insert or replace text, so
that comments, order and other providers keep every byte; the result is parsed again and compared
with what was meant, since a wrong edit would keep the kubelet from starting.
"""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.files.text_edits import Edit, apply_edits, line_end
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.config import block
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

MAX_SIZE = 1024 * 1024
"""The most bytes of a configuration; etcd and ConfigMaps have the same limit."""
_DEEPEST = 20  # levels; a configuration has six
_MOST_NODES = 50_000  # an alias that is used again counts again
_BLANKS = " \t\r\n"
_CORE = "tag:yaml.org,2002:"
_TRUE = frozenset(("y", "yes", "true", "on"))
_LETTERS_OF_BOOLEANS = frozenset(("y", "Y", "n", "N"))
_FIX = "fix it by hand: the kubelet does not start with it"


class Number:
    """Stands for a number or a date: no field of a configuration is one."""


@dataclass(frozen=True)
class Node:
    """A value and its place in the text.

    value: a dict, list, str or bool, None, or Number. start, end: its offsets, without comments
    after it. column: of its first character, from 0. is_flow: whether it is written as in JSON.
    keys: of a mapping, with their offsets: start, end. children: its values.
    """

    value: Any
    start: int
    end: int
    column: int
    is_flow: bool
    keys: tuple[tuple[str, int, int], ...] = ()
    children: tuple["Node", ...] = ()

    def get(self, key: str) -> "Node | None":
        """Return the value of a mapping's key that is present and not null, or None."""
        for (name, _, _), child in zip(self.keys, self.children, strict=False):
            if name == key and child.value is not None:
                return child
        return None


class ConfigDocument:
    """The text of a configuration. Raises HelperError where it cannot be parsed.

    file: its path, for errors. data: its content.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        try:
            self.text = data.decode()
        except UnicodeDecodeError as exc:
            self.refuse(f"it is not UTF-8: {exc.reason}", exc)
        if len(data) > MAX_SIZE:
            self.refuse("it is larger than 1 MiB")
        if not self.text.strip():
            self.refuse("it is empty")
        # The kubelet reads what begins with a brace as JSON: https://pkg.go.dev/k8s.io/apimachinery
        self.is_json = self.text.lstrip().startswith("{")
        self.root = self._parse_json() if self.is_json else self._parse_yaml()

    def line(self, node: Node) -> int:
        """Return the line of a value, from 1."""
        return self.text.count("\n", 0, node.start) + 1

    def refuse(self, problem: str, cause: Exception | None = None) -> NoReturn:
        """Raise HelperError for a problem of the whole file."""
        msg = f"{one_line(self.file)}: {problem}"
        raise HelperError(msg, hint=_FIX) from cause

    def append(self, sequence: Node, values: Iterable[Any]) -> list[Edit]:
        """Return the edits that add items to a sequence that has at least one."""
        last = sequence.children[-1]
        if sequence.is_flow:
            separator = "," + self._find_blanks(last.start)
            indent = len(separator) - separator.rfind("\n") - 1 if "\n" in separator else None
            texts = [separator + self._format_flow(value, indent) for value in values]
            return [(last.end, last.end, "".join(texts))]
        at = self._find_line_end(last.end)
        end, column = line_end(self.text), self._find_dash(sequence.children[0])
        lines = [line for value in values for line in block.format_item(value, column)]
        return [(at, at, "".join(end + line for line in lines))]

    def assign(self, mapping: Node, key: str, value: Any) -> list[Edit]:
        """Return the edits that set a key of a mapping that has others."""
        names = [name for name, _, _ in mapping.keys]
        if key in names:
            at = names.index(key)
            child = mapping.children[at]
            if child.is_flow:
                blank = " " if child.start == child.end else ""  # nothing stands there
                return [(child.start, child.end, blank + json.dumps(value, ensure_ascii=False))]
            colon = self.text.index(":", mapping.keys[at][2]) + 1
            return [(colon, child.end, " " + json.dumps(value, ensure_ascii=False))]
        last = mapping.children[-1]
        if mapping.is_flow:
            blanks = self._find_blanks(mapping.keys[-1][1])
            indent = len(blanks) - blanks.rfind("\n") - 1 if "\n" in blanks else None
            text = f'"{key}": {self._format_flow(value, indent)}'
            return [(last.end, last.end, f",{blanks}{text}")]
        at = self._find_line_end(last.end)
        lines = block.format_member(key, value, mapping.column)
        return [(at, at, "".join(line_end(self.text) + line for line in lines))]

    def remove(self, sequence: Node, at: int) -> list[Edit]:
        """Return the edits that remove an item of a sequence that has others."""
        items = sequence.children
        if not sequence.is_flow:
            start = self.text.rfind("\n", 0, self.text.rindex("-", 0, items[at].start)) + 1
            end = self.text.find("\n", self._find_line_end(items[at].end)) + 1
            return [(start, end or len(self.text), "")]
        if at + 1 < len(items):
            return [(items[at].start, items[at + 1].start, "")]
        return [(items[at - 1].end, items[at].end, "")]

    def apply(self, edits: Iterable[Edit], meant: Any) -> bytes:
        """Return the text after edits. Raises HelperError where its value is not what was meant."""
        data = apply_edits(self.text, edits).encode()
        try:
            is_right = ConfigDocument(self.file, data).root.value == meant
        except HelperError:
            is_right = False
        if not is_right:
            msg = f"{one_line(self.file)} is written in a way that this program cannot edit safely"
            hint = "write its providers one below the other, without anchors, or edit it by hand"
            raise HelperError(msg, hint=hint)
        return data

    def _find_dash(self, item: Node) -> int:
        """Return the column of the dash before an item."""
        dash = self.text.rindex("-", 0, item.start)
        return dash - (self.text.rfind("\n", 0, dash) + 1)

    def _find_line_end(self, at: int) -> int:
        """Return the offset of the end of the line on which a value ends."""
        if self.text[at - 1 : at] == "\n":  # a block scalar ends with its line
            at -= 1
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return end - (self.text[end - 1 : end] == "\r")

    def _find_blanks(self, at: int) -> str:
        """Return the blanks before an offset."""
        before = self.text[:at]
        return before[len(before.rstrip(_BLANKS)) :]

    def _format_flow(self, value: Any, indent: int | None) -> str:
        """Return a value as JSON, on one line for None, and else indented from that column on."""
        if indent is None or not isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        text = json.dumps(value, ensure_ascii=False, indent=2)
        return text.replace("\n", line_end(self.text) + " " * indent)

    def _parse_json(self) -> Node:
        start = len(self.text) - len(self.text.lstrip(_BLANKS))
        try:
            value, end = _DECODER.raw_decode(self.text, start)
            bounded.check_depth(value, _DEEPEST)
        except RecursionError as exc:
            self.refuse("it is nested too deeply", exc)
        except json.JSONDecodeError as exc:
            self.refuse(f"line {exc.lineno}: it is not JSON: {lower_first(exc.msg)}", exc)
        except ValueError as exc:
            self.refuse(str(exc), exc)
        if self.text[end:].strip(_BLANKS):
            self.refuse("it has text after the object")
        return self._scan(start)

    def _scan(self, at: int) -> Node:
        """Return the node of the JSON value at an offset."""
        column = at - (self.text.rfind("\n", 0, at) + 1)
        value, end = _DECODER.raw_decode(self.text, at)
        if not isinstance(value, dict | list):
            return Node(value, at, end, column, is_flow=True)
        keys, children, at_child = [], [], self._skip(at + 1)
        while at_child < end - 1:
            if isinstance(value, dict):
                key, key_end = _DECODER.raw_decode(self.text, at_child)
                keys.append((key, at_child, key_end))
                at_child = self._skip(self._skip(key_end) + 1)
            children.append(self._scan(at_child))
            at_child = self._skip(children[-1].end)
            if self.text[at_child] == ",":
                at_child = self._skip(at_child + 1)
        return Node(
            value, at, end, column, is_flow=True, keys=tuple(keys), children=tuple(children)
        )

    def _skip(self, at: int) -> int:
        while self.text[at] in _BLANKS:
            at += 1
        return at

    def _parse_yaml(self) -> Node:
        import yaml  # slow: for this document alone

        from docker_credential_ecrpy.kubernetes.node.config import yaml_text

        try:
            found = yaml_text.compose(self.text)
        except yaml.MarkedYAMLError as exc:
            line = f"line {exc.problem_mark.line + 1}: " if exc.problem_mark else ""
            self.refuse(f"{line}it is not YAML: {one_line(str(exc.problem or exc.context))}", exc)
        except (yaml.YAMLError, RecursionError) as exc:
            self.refuse(f"it is not YAML: {one_line(str(exc))}", exc)
        if found is None:
            self.refuse("it is empty")
        self._nodes_left = _MOST_NODES
        return self._convert(found, 0)

    def _convert(self, found: Any, depth: int) -> Node:
        """Return the node of one of PyYAML's. Raises HelperError."""
        start, column = found.start_mark.index, found.start_mark.column
        line = f"line {found.start_mark.line + 1}: "
        self._nodes_left -= 1
        if depth > _DEEPEST or self._nodes_left < 0:
            self.refuse(line + "it is nested too deeply, or too large")
        if found.id == "scalar":
            scalar = self._convert_scalar(found, line)
            return Node(
                scalar, start, found.end_mark.index, column, is_flow=found.style not in ("|", ">")
            )
        pairs = found.value if found.id == "mapping" else [(None, item) for item in found.value]
        keys: list[tuple[str, int, int]] = []
        for key, _ in pairs:
            if key is None:
                continue
            name = self._convert(key, depth + 1)
            if not isinstance(name.value, str):
                self.refuse(f"line {self.line(name)}: a key is not a string")
            if name.value in (before for before, _, _ in keys):
                self.refuse(f"line {self.line(name)}: {_repeated(name.value)}")
            keys.append((name.value, name.start, name.end))
        children = tuple(self._convert(child, depth + 1) for _, child in pairs)
        value: Any = [child.value for child in children]
        if found.id == "mapping":
            value = dict(zip((name for name, _, _ in keys), value, strict=True))
        end = found.end_mark.index if found.flow_style or not children else children[-1].end
        return Node(value, start, end, column, bool(found.flow_style), tuple(keys), children)

    def _convert_scalar(self, found: Any, line: str) -> Any:
        kind, text = found.tag.removeprefix(_CORE), found.value
        is_plain = found.style in (None, "")
        if kind == "bool" or (is_plain and text in _LETTERS_OF_BOOLEANS):
            return text.lower() in _TRUE
        if kind == "null":
            return None
        if kind in ("int", "float", "timestamp"):
            return Number()
        if kind not in ("str", "merge", "value"):
            self.refuse(f"{line}the tag {one_line(found.tag)} is unknown")
        return text


def _repeated(key: str) -> str:
    return f"the key {one_line(key)!r} occurs twice"


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, as json's hook for pairs. Raises ValueError for a key that repeats."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(_repeated(key))
        found[key] = value
    return found


def _build_number(_text: str) -> Number:
    return Number()


_DECODER = json.JSONDecoder(
    object_pairs_hook=build_object,
    parse_constant=_build_number,
    parse_int=_build_number,
    parse_float=_build_number,
)
