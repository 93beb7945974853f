"""Facts about the diff that users see: it is correct, quick, and has no secrets."""

import difflib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.docker import diff
from docker_credential_ecrpy.docker.json_document import REMOVED, JsonDocument
from docker_credential_ecrpy.files.replace import Rewrite
from tests.world.machine import HOST

SECRET = "hunter2/s3cret+"
STRINGS = st.sampled_from([SECRET, f'a"{SECRET}', f"\u00e9\\{SECRET}\n", f"http://u:{SECRET}@h/"])
KEYS = st.sampled_from(
    ["a", "auth", "password", "x:y", f"https://u:{SECRET}@h/v1", f"u:{SECRET}@h", 'q"uote', ""]
)
VALUES = st.recursive(
    st.none() | st.booleans() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "auths": st.dictionaries(KEYS, VALUES, max_size=4),
        "credHelpers": st.dictionaries(KEYS, st.sampled_from(["desktop", "ecr-login"])),
        "credsStore": st.just("desktop"),
        "HttpHeaders": VALUES,
        "proxies": VALUES,
        f"https://u:{SECRET}@h": VALUES,
    },
)


def shown(before: bytes, after: bytes, *, is_json: bool = True) -> str:
    return "\n".join(diff.render(Rewrite("f", before, after, is_json=is_json)))


@given(
    DOCUMENTS,
    st.sampled_from([None, 1, "\t"]),
    st.sampled_from([None, (",", ":")]),
    st.booleans(),
    st.booleans(),
)
def test_it_holds_no_secrets(
    made: dict[str, Any], indent: Any, separators: Any, slashes: bool, ascii_only: bool
) -> None:
    """Secrets are redacted anywhere in the file, in any style, also when they are removed."""
    text = json.dumps(made, indent=indent, separators=separators, ensure_ascii=ascii_only)
    if slashes:
        text = text.replace("/", "\\/").replace("@", "\\u0040")
    source = JsonDocument("f", text.encode())
    keys = [member.key for member in source.members("auths")]
    after = source.apply(
        {("credHelpers", HOST): "ecr-login", **{("auths", key): REMOVED for key in keys[::2]}}
    )
    output = shown(text.encode(), after)

    assert HOST in output
    assert "hunter2" not in output
    assert "s3cret" not in output


def test_numbers_are_secrets_too() -> None:
    """Numbers are redacted: one may be a PIN."""
    output = shown(b'{"auths": {"h": {"auth": 1234, "b": [-5.6e7]}}}', b"{}")

    assert output.splitlines()[-2:] == ['-{"auths": {"h": {"auth": "...", "b": ["..."]}}}', "+{}"]


def test_what_names_helpers_is_shown() -> None:
    """The names of credential helpers are shown."""
    made = {"credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud"}, "currentContext": "x"}
    output = shown(json.dumps(made).encode(), b"{}")

    assert "..." not in output


def test_settings_are_shown_as_they_are() -> None:
    """TOML is shown unchanged, except for the password in a URL."""
    text = b'[[registry]]\nmatch = "1"\nendpoint_url = "https://u:hunter2@h"\n'

    assert shown(b"", text, is_json=False).splitlines()[3:] == [
        "+[[registry]]",
        '+match = "1"',
        '+endpoint_url = "https://h"',
    ]


def test_one_long_line() -> None:
    """JSON with one very long line is shown indented."""
    made = {"auths": {f"r{n}": {} for n in range(30)}, "n": [1, [], "a b"], "credsStore": "x"}
    text = json.dumps(made, separators=(",", ":")).encode()
    output = shown(text, text[:-1] + b',"credHelpers":{"h":"ecr-login"}}')

    assert output.splitlines()[2:] == [
        "@@ -37,4 +37,7 @@",
        '     "..."',
        "   ],",
        '-  "credsStore": "x"',
        '+  "credsStore": "x",',
        '+  "credHelpers": {',
        '+    "h": "ecr-login"',
        "+  }",
        " }",
    ]


@pytest.mark.parametrize("deep", [300, 600])
def test_one_long_line_that_is_deep(deep: int) -> None:
    """Deep nesting and huge numbers are shown too."""
    text = b'{"a":' + b"[" * deep + b"9" * 5000 + b"]" * deep + b"}"
    output = shown(text, text[:-1] + b',"credsStore":"ecr-login"}')

    assert '+  "credsStore": "ecr-login"' in output
    assert max(map(len, output.splitlines())) < 200


def test_control_characters_are_not_shown() -> None:
    """Control characters and bytes that are not UTF-8 are replaced."""
    output = shown(b'{"credsStore": "\\u001b[1m\x7f\xff"}'.replace(b"\\u001b", b"\xc2\x9b"), b"{}")

    assert '-{"credsStore": "?[1m??"}' in output


def test_line_ends_are_no_change() -> None:
    """A file with CRLF line ends has the same diff as one with LF."""
    output = shown(b'{\r\n "a": 1\r\n}\r\n', b'{\r\n "a": 1,\r\n "credsStore": "x"\r\n}\r\n')

    assert output.splitlines()[3:] == [
        " {",
        '- "a": "..."',
        '+ "a": "...",',
        '+ "credsStore": "x"',
        " }",
    ]


LINES = st.lists(st.sampled_from(["a", "b", "c", "{", "}", "x", "y"]), max_size=12)


def applied(before: list[str], output: list[str]) -> list[str]:
    """Return the lines after a diff is applied; its hunks have to match them."""
    after, at = [], 0
    for line in output[2:]:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            first = int(start) - (length != "0")
            after += before[at:first]
            at = first
        else:
            if line[0] != "+":
                assert before[at] == line[1:]
                at += 1
            if line[0] != "-":
                after.append(line[1:])
    return after + before[at:]


@given(LINES, LINES)
def test_it_is_a_diff(before: list[str], after: list[str]) -> None:
    """Applied to the old lines, the diff gives the new ones; it has the usual headers."""
    texts = ["\n".join(lines).encode() for lines in (before, after)]
    output = list(diff.render(Rewrite("f", texts[0], texts[1], is_json=False)))
    other = list(difflib.unified_diff(before, after, "f", "f", lineterm=""))

    assert bool(output) is (before != after)
    assert applied(before, output) == after
    assert output[:2] == other[:2]


@pytest.mark.parametrize("every", [40_000, 3])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.timeout(30)  # difflib takes minutes
def test_large_files_are_quick(indent: int | None, every: int) -> None:
    """A diff of tens of thousands of logins, of which one or a third are removed, is quick."""
    auths = {f"r{n}.example.com": {"auth": "x" * 60} for n in range(40_000)}
    made = {"credHelpers": {"a": "b"}, "auths": auths, "credsStore": "desktop"}
    source = JsonDocument("f", json.dumps(made, indent=indent).encode())
    changes: dict[tuple[str, ...], Any] = {("credHelpers", HOST): "ecr-login"}
    changes |= {("auths", key): REMOVED for key in list(auths)[::every]}
    output = list(diff.render(Rewrite("f", source.text.encode(), source.apply(changes))))

    assert sum(line.startswith("-") for line in output) >= 40_000 // every


@pytest.mark.parametrize("broken", [b'{"auths": {"x": "hunter2"', b"[]", b"\xff\xfe{}"])
def test_broken_json_is_not_shown(broken: bytes) -> None:
    """Neither as the old content nor as the new one: its secrets cannot be found."""
    for before, after in ((broken, b"{}"), (b"{}", broken)):
        first, second, third = diff.render(Rewrite("a.json", before, after))

        assert (first, second) == ("--- a.json", "+++ a.json")
        assert third.startswith("@@ not shown: a.json: it is ")
        assert "hunter2" not in third
