"""What a `credential_process` printed: usable keys, or the field that is wrong."""

import json
from typing import Any

import pytest

from docker_credential_ecrpy.aws.sdk.credential_process.answer import Fault, read

GOOD = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "made-up"}
TEXT = json.dumps(GOOD)


def _changed(**fields: Any) -> bytes:
    """Return an output with other fields; those that are None are left out."""
    answer = {name: value for name, value in {**GOOD, **fields}.items() if value is not None}
    return json.dumps(answer).encode()


@pytest.mark.parametrize(
    "output",
    [
        TEXT.encode(),
        f"\n  {TEXT}\r\n".encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        _changed(Version=1.0),
        _changed(SessionToken=""),
        b'{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "made-up", "Expiration": null}',
        _changed(Expiration="2999-01-01T00:00:00Z"),
        _changed(Expiration="2999-01-01T00:00:00.000+02:00"),
        _changed(expiration="soon", extra=[1]),
    ],
)
def test_it_is_used(output: bytes) -> None:
    """Also in the encodings of PowerShell, and with any time zone."""
    found = read(output, b"")

    assert not isinstance(found, Fault), found
    assert (found["access_key"], found["secret_key"]) == ("AKIA", "made-up")


# Standard output and error -> what is wrong, and what to do.
FAULTS: dict[str, tuple[bytes, bytes, str, str]] = {
    "nothing": (b" \n", b"", "printed nothing", "in a terminal"),
    "a reason alone": (b"", b"\x1b[1mlog in first\x1b[0m", "printed nothing: log in first", "term"),
    "standard error": (b"", TEXT.encode(), "to standard error", "to standard output"),
    "a banner": (b"Welcome!\n" + TEXT.encode(), b"", "other text before its JSON", "nothing else"),
    "a warning behind": (TEXT.encode() + b"\nbye", b"", "other text after its JSON", "nothing"),
    "variables": (b"export AWS_SECRET_ACCESS_KEY=x", b"", "settings or variables", "Version"),
    "an INI file": (b"[x]\naws_secret_access_key = x", b"", "settings or variables", "Version"),
    "half": (TEXT.encode()[:-5], b"", "damaged or cut short", "in a terminal"),
    "words": (b"hello", b"", "did not print the JSON", "AccessKeyId"),
    "a list": (b"[]", b"", "did not print the JSON", "AccessKeyId"),
    "deep": (b"[" * 100_000, b"", "did not print the JSON", "AccessKeyId"),
    "the form of sts": (
        json.dumps({"Credentials": GOOD}).encode(),
        b"",
        "inside 'Credentials'",
        "jq",
    ),
    "no version": (_changed(Version=None), b"", "without Version", 'add "Version": 1'),
    "version as text": (_changed(Version="1"), b"", 'the text "1" as Version', "without quotes"),
    "version 2": (_changed(Version=2), b"", "printed 2 as Version", '"Version": 1'),
    "no key": (_changed(AccessKeyId=None), b"", "without AccessKeyId", "add AccessKeyId"),
    "a null key": (b'{"Version": 1, "AccessKeyId": null, "SecretAccessKey": "x"}', b"", "", ""),
    "an empty key": (_changed(SecretAccessKey=""), b"", "SecretAccessKey is empty", "terminal"),
    "a number": (_changed(SessionToken=5), b"", "SessionToken is not a text", "SessionToken"),
    "lower case": (
        b'{"version": 1, "accessKeyId": "AKIA", "secretAccessKey": "x"}',
        b"",
        "'version' in place of 'Version'",
        "capitals count",
    ),
    "other names": (
        _changed(AccessKeyId=None, aws_access_key_id="AKIA"),
        b"",
        "'aws_access_key_id' in place of 'AccessKeyId'",
        "write the name as AccessKeyId",
    ),
    "a session without its token": (
        _changed(AccessKeyId="ASIA1"),
        b"",
        "without SessionToken",
        "add the SessionToken",
    ),
    "a token of another name": (
        _changed(AccessKeyId="ASIA1", sessionToken="x"),
        b"",
        "'sessionToken' in place of 'SessionToken'",
        "capitals",
    ),
    "no time zone": (
        _changed(Expiration="2999-01-01T00:00:00"),
        b"",
        "'2999-01-01T00:00:00' as Expiration, which has no time zone",
        "Z for UTC",
    ),
    "empty expiry": (_changed(Expiration=""), b"", "Expiration is empty", "leave Expiration out"),
    "expiry in words": (_changed(Expiration="soon"), b"", "'soon' as Expiration", "print it as"),
    "expiry as a number": (_changed(Expiration=4e9), b"", "Expiration is not a text", "UTC"),
    "expiry as digits": (_changed(Expiration="4000000000"), b"", "is not a time", "UTC"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str) -> None:
    """The field, and what to change; never what was printed, which may be secret."""
    stdout, stderr, what, hint = FAULTS[name]
    found = read(stdout, stderr)

    assert isinstance(found, Fault)
    assert what in found.what
    assert hint in found.hint
    assert "made-up" not in str(found)
