"""Facts about the kubelet's configuration as text: strict parsing, and edits that keep the rest."""

import json
import subprocess
import sys

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument, Number

FILE = "/etc/config.yaml"


def load(text: str) -> ConfigDocument:
    return ConfigDocument(FILE, text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, "b", null, true]}', {"a": [Number, "b", None, True]}),
        ('\n {"a": {"b": []}}\n', {"a": {"b": []}}),
        ("a:\n- b\n- c: d\n", {"a": ["b", {"c": "d"}]}),
        ("a: yes\nb: off\nc: y\nd: 'y'\n", {"a": True, "b": False, "c": True, "d": "y"}),
        ("a: ~\nb:\nc: 12\nd: 1.5\n", {"a": None, "b": None, "c": Number, "d": Number}),
        ("a: 2026-01-01\n", {"a": Number}),
        ("a: &x [b]\nc: *x\n", {"a": ["b"], "c": ["b"]}),
        ("a: |\n  b\n  c\nd: e\n", {"a": "b\nc\n", "d": "e"}),
        ("---\na: b\n", {"a": "b"}),
        ("\ufeffa: b\n", {"a": "b"}),
        ("a: b\n---\nc: d\n", {"a": "b"}),
        ("a: b\n---\n{{", {"a": "b"}),
        ("a:\tb\t# c\nd:\t[\te\t]\t\n", {"a": "b", "d": ["e"]}),
    ],
)
def test_yaml_and_json_are_parsed(text: str, value: object) -> None:
    """Values are those of YAML 1.1, as the kubelet reads it: the first document, also with tabs."""
    assert _plain(load(text).root.value) == value


def _plain(value: object) -> object:
    if isinstance(value, Number):
        return Number
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("# nothing\n", "it is empty"),
        ("a: b\na: c\n", "line 2: the key 'a' occurs twice"),
        ('{"a": 1,\n"a": 2}', "the key 'a' occurs twice"),
        ('{"a": 1,}', "line 1: it is not JSON"),
        ('{"a": 1} x', "it has text after the object"),
        ("{a: b}", "it is not JSON"),
        ("a: [b\n", "it is not YAML"),
        ("a: b\n\tc: d\n", "line 2: it is not YAML"),
        ("\ta: b\n", "line 1: it is not YAML"),
        ("1: b\n", "line 1: a key is not a string"),
        ("a: !!python/object:os.system b\n", "is unknown"),
        ("a: !x b\n", "the tag !x is unknown"),
        ("a: *b\n", "it is not YAML: found undefined alias"),
        ("- " * 30 + "a\n", "nested too deeply"),
        ('{"a":' * 30 + "1" + "}" * 30, "nested too deeply"),
    ],
)
def test_what_cannot_be_parsed_is_refused(text: str, problem: str) -> None:
    """The error names the file, the line and the problem, and that the kubelet does not start."""
    with pytest.raises(HelperError) as error:
        load(text)
    assert error.value.message.startswith(f"{FILE}: ")
    assert problem in error.value.message
    assert error.value.hint == "fix it by hand: the kubelet does not start with it"


def test_bytes_that_are_no_text_are_refused() -> None:
    """The kubelet reads UTF-8."""
    with pytest.raises(HelperError, match="not UTF-8"):
        ConfigDocument(FILE, b"a: \xff\n")


def test_a_file_that_is_too_large_is_refused() -> None:
    """No parser sees more than a MiB."""
    with pytest.raises(HelperError, match="larger than 1 MiB"):
        ConfigDocument(FILE, b"# " + b"x" * (1 << 20) + b"\na: b\n")


def test_aliases_cannot_multiply_without_end() -> None:
    """Nested aliases, which stand for billions of nodes, are refused and not expanded."""
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(HelperError, match="nested too deeply, or too large"):
        load("\n".join(lines) + "\n")


APPENDED = [
    ("a:\n- b\n", 'a:\n- b\n- "x"\n- "y"\n'),
    ("a:\n  - b # why\n  # end\nc: d\n", 'a:\n  - b # why\n  - "x"\n  - "y"\n  # end\nc: d\n'),
    ("a:\n  -   b", 'a:\n  -   b\n  - "x"\n  - "y"'),
    ("a:\r\n- b\r\nc: d\r\n", 'a:\r\n- b\r\n- "x"\r\n- "y"\r\nc: d\r\n'),
    ("a: [b]\nc: d\n", 'a: [b,"x","y"]\nc: d\n'),
    ("a: [b, c] # why\n", 'a: [b, c, "x", "y"] # why\n'),
    ("a: [\n  b\n]\n", 'a: [\n  b,\n  "x",\n  "y"\n]\n'),
    ("a:\n- |\n  b\nc: d\n", 'a:\n- |\n  b\n- "x"\n- "y"\nc: d\n'),
    ('{"a":["b"]}', '{"a":["b","x","y"]}'),
    ('{\n  "a": [\n    "b"\n  ]\n}\n', '{\n  "a": [\n    "b",\n    "x",\n    "y"\n  ]\n}\n'),
]


@pytest.mark.parametrize(("before", "after"), APPENDED)
def test_items_are_appended_in_the_style_beside_them(before: str, after: str) -> None:
    """Comments, line ends and the rest keep every byte."""
    document = load(before)
    sequence = document.root.get("a")
    assert sequence
    meant = document.root.value | {"a": [*sequence.value, "x", "y"]}
    assert document.apply(document.append(sequence, ["x", "y"]), meant).decode() == after


ASSIGNED = [
    ("a: b\nc: d\n", "c", "x", 'a: b\nc: "x"\n'),
    ("a: b # why\nc:\n- d\n- e\nf: g\n", "c", ["x"], 'a: b # why\nc: ["x"]\nf: g\n'),
    ("a: b # why\n", "c", ["x"], 'a: b # why\nc:\n  - "x"\n'),
    ("a: b\n", "c", {"d": True, "e": [{"f": "g"}]}, None),
    ("a: b\n", "c", [], "a: b\nc: []\n"),
    ('{"a": "b"}', "c", "x", '{"a": "b","c": "x"}'),
    ('{\n  "a": "b"\n}', "c", ["x"], '{\n  "a": "b",\n  "c": [\n    "x"\n  ]\n}'),
    ('{\n  "a": "b"\n}', "a", ["x"], '{\n  "a": ["x"]\n}'),
]


@pytest.mark.parametrize(("before", "key", "value", "after"), ASSIGNED)
def test_a_key_is_assigned(before: str, key: str, value: object, after: str | None) -> None:
    """A value is replaced in place, or a member is added after the last one."""
    document = load(before)
    meant = document.root.value | {key: value}
    done = document.apply(document.assign(document.root, key, value), meant).decode()
    assert done == (after or 'a: b\nc:\n  d: true\n  e:\n    - f: "g"\n')


REMOVED = [
    ("a:\n- b\n- c # why\n- d\n", 1, "a:\n- b\n- d\n"),
    ("a:\n# one\n- b: c\n  d: e\n# two\n- f: g\n", 0, "a:\n# one\n# two\n- f: g\n"),
    ("a:\n- b\n- c\nd: e\n", 1, "a:\n- b\nd: e\n"),
    ("a:\n- b\n- c", 1, "a:\n- b\n"),
    ("a:\r\n- b\r\n- c\r\n", 0, "a:\r\n- c\r\n"),
    ('{"a": ["b", "c"]}', 0, '{"a": ["c"]}'),
    ('{"a": ["b", "c"]}', 1, '{"a": ["b"]}'),
]


@pytest.mark.parametrize(("before", "at", "after"), REMOVED)
def test_an_item_is_removed(before: str, at: int, after: str) -> None:
    """Its lines go, or it and its comma; comments on lines of their own stay."""
    document = load(before)
    sequence = document.root.get("a")
    assert sequence
    left = [each for n, each in enumerate(sequence.value) if n != at]
    meant = document.root.value | {"a": left}
    assert document.apply(document.remove(sequence, at), meant).decode() == after


def test_an_edit_with_another_result_is_refused() -> None:
    """An anchor that is used twice would change in both places: nothing is returned."""
    document = load("a: &x\n- b\nc: *x\n")
    sequence = document.root.get("a")
    assert sequence
    with pytest.raises(HelperError, match="cannot edit safely"):
        document.apply(document.append(sequence, ["d"]), {"a": ["b", "d"], "c": ["b"]})


def test_the_parser_in_python_is_enough() -> None:
    """The standalone programs have PyYAML without its extension in C."""
    code = (
        "import sys; sys.modules['yaml._yaml'] = sys.modules['_yaml'] = None;"
        f"from {ConfigDocument.__module__} import ConfigDocument;"
        "print(ConfigDocument('f', b'a: [b]\\nc:\\n- d\\n').root.value);"
        "assert not sys.modules['yaml'].__with_libyaml__"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "{'a': ['b'], 'c': ['d']}"


def test_json_keeps_its_tabs() -> None:
    """JSON that is indented with tabs is no YAML, and is edited all the same."""
    text = json.dumps({"a": ["b"]}, indent="\t")
    document = load(text)
    sequence = document.root.get("a")
    assert sequence
    done = document.apply(document.append(sequence, ["c"]), {"a": ["b", "c"]}).decode()
    assert done == json.dumps({"a": ["b", "c"]}, indent="\t")
