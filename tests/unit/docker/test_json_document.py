"""Facts about edits of a JSON file: they change what they should, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.docker.json_document import REMOVED, JsonDocument, Number
from docker_credential_ecrpy.errors import HelperError

FILE = "config.json"
SECTIONS = ("credHelpers", "auths")
KEYS = st.sampled_from(["a.example.com", "b.example.com", "https://c/v1/", "d\u00e9.e", 'f"\\x'])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "credHelpers": st.none() | st.dictionaries(KEYS, st.text(), max_size=4),
        "auths": st.none() | st.dictionaries(KEYS, VALUES, max_size=4),
        "credsStore": st.text(),
        "HttpHeaders": VALUES,
        "a \u2028 b": VALUES,
        "plugins": VALUES,
    },
).flatmap(lambda made: st.permutations(list(made.items())).map(dict))
CHANGES = st.dictionaries(
    st.tuples(st.sampled_from(SECTIONS), KEYS) | st.just(("credsStore",)),
    st.text() | st.just(REMOVED),
    max_size=6,
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """Return a document, and its text in one of many styles."""
    made = draw(DOCUMENTS)
    indent = draw(st.sampled_from([None, 0, 1, 2, 4, "\t"]))
    separators = draw(st.sampled_from([None, (",", ":"), (" , ", " : "), (",", ": ")]))
    ascii_only = draw(st.booleans())
    text = json.dumps(made, indent=indent, separators=separators, ensure_ascii=ascii_only)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")  # none is in a string: those are escaped
    blanks = st.sampled_from(["", "\n", " \t", "\r\n"])
    return made, (draw(blanks) + text + draw(blanks)).encode("utf-8", "surrogatepass")


def expected(made: dict[str, Any], changes: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """Return a document after changes."""
    made = {**made, **{key: dict(made[key]) for key in SECTIONS if made.get(key)}}
    for path, value in changes.items():
        if len(path) > 1 and value is not REMOVED:
            made[path[0]] = (made.get(path[0]) or {}) | {path[1]: value}
        elif len(path) > 1:
            (made.get(path[0]) or {}).pop(path[1], None)
        elif value is REMOVED:
            made.pop(path[0], None)
        else:
            made[path[0]] = value
    return made


def kept(source: JsonDocument, changes: dict[tuple[str, ...], Any]) -> list[tuple[str, str]]:
    """Return the text of each member that does not change."""
    touched = {path[0] for path in changes}
    found = [
        (member.key, source.text[member.start : member.end])
        for member in source.members()
        if member.key not in touched
    ]
    for section in SECTIONS:
        found += [
            (f"{section}/{member.key}", source.text[member.start : member.end])
            for member in source.members(section)
            if (section, member.key) not in changes
        ]
    return found


@given(texts(), CHANGES)
def test_a_change_changes_nothing_else(
    file: tuple[dict[str, Any], bytes], changes: dict[tuple[str, ...], Any]
) -> None:
    """The document is as expected, with its keys in order; all other members keep their text."""
    made, data = file
    source = JsonDocument(FILE, data)
    after = source.apply(changes)

    wanted = expected(made, changes)
    assert json.loads(after) == wanted
    assert sorted(json.loads(after)) == sorted(wanted)
    assert kept(JsonDocument(FILE, after), changes) == kept(source, changes)
    assert JsonDocument(FILE, after).apply(changes) == after


@given(texts(), CHANGES)
def test_text_outside_of_the_object_is_kept(
    file: tuple[dict[str, Any], bytes], changes: dict[tuple[str, ...], Any]
) -> None:
    """Blanks around the object are kept, and every byte where nothing changes."""
    _, data = file
    after = JsonDocument(FILE, data).apply(changes)

    assert JsonDocument(FILE, data).apply({}) == data
    assert after[: after.index(b"{")] == data[: data.index(b"{")]
    assert after[after.rindex(b"}") :] == data[data.rindex(b"}") :]


@given(texts(), st.lists(KEYS.map(lambda key: f"new.{key}"), min_size=1, max_size=3, unique=True))
def test_an_added_member_is_removed_without_a_trace(
    file: tuple[dict[str, Any], bytes], keys: list[str]
) -> None:
    """The text is the same after both, if the object had members, or did not exist."""
    made, data = file
    if made.get("credHelpers", "") in ({}, None) or not made:
        return  # whether it was null, {} or { } cannot be seen afterwards
    added = JsonDocument(FILE, data).apply({("credHelpers", key): "x" for key in keys})
    gone: dict[tuple[str, ...], Any] = {("credHelpers", key): REMOVED for key in keys}
    if "credHelpers" not in made:
        gone = {("credHelpers",): REMOVED}

    assert JsonDocument(FILE, added).apply(gone) == data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n\t"credHelpers": {\n\t\t"h": "x"\n\t}\n}\n'),
        (" \r\n\t", '{\n\t"credHelpers": {\n\t\t"h": "x"\n\t}\n}\n'),
        ("{}", '{\n\t"credHelpers": {\n\t\t"h": "x"\n\t}\n}'),
        ('{"a": 1}', '{"a": 1, "credHelpers": {"h": "x"}}'),
        ('{"a":1}', '{"a":1,"credHelpers":{"h":"x"}}'),
        ('{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "credHelpers": {\n    "h": "x"\n  }\n}\n'),
        (
            '{\r\n\t"a": 1,\r\n\t"b": 2\r\n}',
            '{\r\n\t"a": 1,\r\n\t"b": 2,\r\n\t"credHelpers": {\r\n\t\t"h": "x"\r\n\t}\r\n}',
        ),
        ('{"credHelpers": null}', '{"credHelpers": {"h": "x"}}'),
        (
            '{\n "credHelpers": {},\n "z": 0\n}',
            '{\n "credHelpers": {\n  "h": "x"\n },\n "z": 0\n}',
        ),
        ('{"credHelpers":{"a":"b"}}', '{"credHelpers":{"a":"b","h":"x"}}'),
        ('{"CREDhelpers":{"a":"b"}}', '{"CREDhelpers":{"a":"b","h":"x"}}'),
        ('{"credHelpers":{"\\u0068":"y"}}', '{"credHelpers":{"\\u0068":"x"}}'),
        ('{"credHelpers":{"h":"y","h":"z"}}', '{"credHelpers":{"h":"x","h":"x"}}'),
        ('{"credHelpers":{"h":1e400}}', '{"credHelpers":{"h":"x"}}'),
    ],
)
def test_how_a_member_is_added(before: str, after: str) -> None:
    """It copies the style beside it, and is indented by tabs in an empty file."""
    assert JsonDocument(FILE, before.encode()).apply({("credHelpers", "h"): "x"}) == after.encode()


@pytest.mark.parametrize(
    "data",
    [b'{"a": "\xff\xfe"}', b'{"a": "\\ud800"}', b'{"a": ' + b"9" * 9999 + b', "b": 1e400}'],
    ids=["no UTF-8", "half a surrogate pair", "huge numbers"],
)
def test_values_beyond_pythons_are_kept(data: bytes) -> None:
    """Huge numbers and bytes that are not UTF-8 are kept when the file is changed."""
    after = JsonDocument(FILE, data).apply({("credsStore",): "x"})

    assert after == data[:-1] + b', "credsStore": "x"}'


def test_numbers_are_no_strings() -> None:
    """A number is never the name of a helper."""
    assert isinstance(JsonDocument(FILE, b'{"credsStore": 1}').value("credsStore"), Number)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        ("{}".encode("utf-16"), "it is UTF-16"),
        (b'{"a": 1', "it is not JSON: line 1, column "),
        (b'{\n  "a": 1,\n}', "it is not JSON: line "),
        (b'{\n  // why\n  "a": 1}', "remove the comments: JSON has none"),
        (b'{"a": 1, /* why */ "b": 2}', "remove the comments: JSON has none"),
        (b'{"a": 1 # why\n}', "remove the comments: JSON has none"),
        (b'{"a": NaN}', "NaN is not valid JSON"),
        (b"[]", "it is not an object"),
        (b'"a"', "it is not an object"),
        (b"{}\n{}", "line 2 has text after the object"),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b"\x00", "it is not JSON"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_an_invalid_file(data: bytes, says: str) -> None:
    """The error names the file, and says what is wrong and what to do."""
    with pytest.raises(HelperError) as caught:
        JsonDocument("a\nb.json", data)

    assert says in str(caught.value)
    assert str(caught.value).startswith("a b.json: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"auths": {}, "Auths": []}', '"auths" is not an object'),
        ('{"auths": []}', '"auths" is not an object'),
        ('{"auths": "x"}', '"auths" is not an object'),
    ],
)
def test_a_section_that_cannot_be_edited(text: str, says: str) -> None:
    """A section of another type is neither read nor edited."""
    source = JsonDocument(FILE, text.encode())

    with pytest.raises(HelperError, match=says):
        source.members("auths")
    with pytest.raises(HelperError, match=says):
        source.apply({("auths", "x"): "y"})


# A file -> the members of `auths` and the value of `store`, as Go reads them.
REPEATED = {
    '{"auths": {"a": "1"}, "auths": {"b": "2"}}': ({"a": "1", "b": "2"}, None),
    '{"auths": {"a": "1", "b": "0"}, "Auths": {"b": "2"}}': ({"a": "1", "b": "2"}, None),
    '{"auths": {"a": "1", "a": "2"}}': ({"a": "2"}, None),
    '{"auths": {"a": "1"}, "auths": null}': ({}, None),
    '{"auths": {"a": "1"}, "auths": null, "AUTHS": {"b": "2"}}': ({"b": "2"}, None),
    '{"store": "x", "Store": "y"}': ({}, "y"),
    '{"store": "x", "store": null}': ({}, "x"),
}


@pytest.mark.parametrize("text", REPEATED)
def test_repeated_members(text: str) -> None:
    """Objects are merged, the last key counts, and a null empties an object alone."""
    source = JsonDocument(FILE, text.encode())
    found = {member.key: member.value for member in source.members("auths")}

    assert (found, source.value("store")) == REPEATED[text]


@pytest.mark.parametrize("text", REPEATED)
def test_repeated_members_are_edited_together(text: str) -> None:
    """A new member, a changed one and a removed one are read back, also from repeated objects."""
    members, _ = REPEATED[text]
    source = JsonDocument(FILE, text.encode())
    changes = {("auths", "a"): "9", ("auths", "b"): REMOVED, ("auths", "c"): "3", ("store",): "z"}

    after = JsonDocument(FILE, source.apply(changes))

    wanted = {key: value for key, value in members.items() if key != "b"} | {"a": "9", "c": "3"}
    assert {member.key: member.value for member in after.members("auths")} == wanted
    assert after.value("store") == "z"
