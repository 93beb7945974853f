"""JSON of small texts: as the standard library reads and writes it."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.tokens import json_text

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _both(data: bytes) -> list[Any]:
    """Return what both parsers make of a text: the value's repr, or that it is an error."""
    found: list[Any] = []
    for parse in (json_text.parse, json.loads):
        try:
            found.append(repr(parse(data)))
        except (ValueError, RecursionError):
            found.append(ValueError)
    return found


@given(
    st.dictionaries(st.text(), _VALUES, max_size=4),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(["", " ", "\n\t\r", "}", ",", "\0", "\xa0", "{}"]),
)
def test_an_object_is_read_as_json_reads_it(
    value: dict[str, Any], is_ascii: bool, encoding: str, end: str
) -> None:
    """In each encoding, with blanks behind it, and not with anything else."""
    text = json.dumps(value, ensure_ascii=is_ascii) + end
    mine, theirs = _both(text.encode(encoding, "surrogatepass"))

    assert mine == theirs


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"{", b"{}", b" {}", b"[]", b"1", b'"x"', b"null", b"{} {}", b"{}x", b"{}\0"),
        *(b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e400}', b'{"a": 1,}', b"{'a': 1}"),
        *(b"{\xff}", b'{"a" 1}', b'{"a": "\n"}', b'{"a": "\\ud800"}', b'{"a": "\\x"}'),
        *(b'{"a": ' + b"[" * 100_000, b'{"a":' * 100_000, b"\xef\xbb\xbf{}", b'{"a": tru}'),
        b'{"a": 1, "a": 2}',
    ],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
def test_any_other_text_is_read_as_json_reads_it(data: bytes) -> None:
    """The same value, or an error where that is one."""
    mine, theirs = _both(data)

    assert mine == theirs


@given(st.text() | st.text("\"\\/\b\f\n\r\t\x7f\ud800\udcff<>&'"))
def test_a_text_is_quoted_as_json_quotes_it(text: str) -> None:
    """Whatever is in it."""
    assert json_text.quote(text) == json.dumps(text)


def test_an_interpreter_without_the_c_parts_does_the_same() -> None:
    """Then `json` itself does it."""
    code = (
        "import sys; sys.modules['_json'] = None\n"
        "from docker_credential_ecrpy.tokens import json_text\n"
        "assert json_text.parse(b'{\"a\": [1]}') == {'a': [1]}\n"
        "assert json_text.quote('\\u00fc\"') == '\"\\\\u00fc\\\\\"\"'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
