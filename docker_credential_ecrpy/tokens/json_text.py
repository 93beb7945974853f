"""JSON of small texts, by the C parts of the standard library's `json`.

The rest of `json` loads `re` and `enum`, which takes a quarter of a cached `get`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from _json import encode_basestring_ascii, make_scanner  # of CPython
except ImportError:
    make_scanner = None  # type: ignore[assignment,misc]  # mypy takes it for no optional

_BLANKS = " \t\n\r"


class _Options:
    """The options of `json.JSONDecoder`, by default."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> float:
        return float(name)


def parse(data: bytes) -> "Any":
    """Return the value in a JSON text, as `json.loads` does. Raises ValueError, RecursionError."""
    if make_scanner is None or data[:1] != b"{" or b"\0" in data:  # not UTF-8, or not an object
        import json

        return json.loads(data)
    text = data.decode("utf-8", "surrogatepass")
    try:
        value, end = make_scanner(_Options)(text, 0)  # type: ignore[arg-type]  # it takes attributes
    except StopIteration as exc:
        msg = "no JSON"
        raise ValueError(msg) from exc
    if text[end:].strip(_BLANKS):
        msg = "more than one JSON value"
        raise ValueError(msg)
    return value


def quote(text: str) -> str:
    """Return a text as a JSON string of ASCII characters, as `json.dumps` does."""
    if make_scanner is None:
        import json

        return json.dumps(text)
    return encode_basestring_ascii(text)
