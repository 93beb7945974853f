"""Logins: their replies, and how long they are stored."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import cache, protocol
from docker_credential_ecrpy.tokens import json_text
from docker_credential_ecrpy.tokens.login import (
    login_entry,
    parse,
    password_expiry,
    reply_tail,
)

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND


def _password(fields: object) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_reply_is_json_for_any_login(username: str, password: str) -> None:
    """The reply is one line of valid JSON for any login."""
    tail = reply_tail(username, password)
    reply = b'{"ServerURL":"host",' + tail

    assert json.loads(reply) == {"ServerURL": "host", "Username": username, "Secret": password}
    assert reply.count(b"\n") == 1


@given(
    st.integers(0, 1 << 40),
    st.text("?>~\xff", max_size=40),
    st.tuples(st.booleans(), st.booleans()),
    st.integers(1, 90),
    st.sampled_from(["", "\n", "\r\n", " ", "\t", "\n  "]),
)
def test_an_expiry_is_read_from_every_form_of_base64(
    seconds: int, payload: str, form: tuple[bool, bool], width: int, between: str
) -> None:
    """A password that is unpadded, safe for URLs or wrapped still names its expiry."""
    padded, for_urls = form
    fields = json.dumps({"payload": payload, "expiration": seconds}, ensure_ascii=False).encode()
    digits = (base64.urlsafe_b64encode if for_urls else base64.b64encode)(fields).decode()
    digits = digits if padded else digits.rstrip("=")
    wrapped = between.join(digits[at : at + width] for at in range(0, len(digits), width))

    assert password_expiry(between + wrapped + between) == int(float(seconds) * cache.SECOND)


@given(st.text() | st.text("AQdfg-_+/= \n").map(lambda text: text * 3))
def test_any_other_password_has_no_expiry(password: str) -> None:
    """A password in another form has no expiry, and is no error."""
    assert password_expiry(password) is None


@pytest.mark.parametrize(
    ("password", "expires"),
    [
        (_password({"expiration": 1_800_000_600}), NOW + 600 * cache.SECOND),
        (_password({"expiration": 1_700_000_000}), 1_700_000_000 * cache.SECOND),
        (_password({"expiration": "1800000600"}), NOW + 600 * cache.SECOND),
        (_password({"expiration": 1_800_000_600_000}), NOW + 12 * HOUR),
        (_password({"payload": "x"}), NOW + 12 * HOUR),
        (_password({"expiration": None}), NOW + 12 * HOUR),
        (_password({"expiration": True}), NOW + 12 * HOUR),
        (_password({"expiration": "soon"}), NOW + 12 * HOUR),
        (_password({"expiration": 1e400}), NOW + 12 * HOUR),
        (_password({"expiration": float("nan")}), NOW + 12 * HOUR),
        (_password([1]), NOW + 12 * HOUR),
        ("plain", NOW + 12 * HOUR),
        ("pässword", NOW + 12 * HOUR),
        (base64.b64encode(b"[" * 5000).decode(), NOW + 12 * HOUR),
        (base64.b64encode(b'{"a": ' + b"[" * 60_000).decode(), NOW + 12 * HOUR),
        *((sign + _password({"expiration": 1_800_000_600}), NOW + 12 * HOUR) for sign in "%`="),
        (_password({"expiration": 1_800_000_600}) + "`", NOW + 12 * HOUR),
    ],
)
def test_how_long_a_login_is_kept(password: str, expires: int) -> None:
    """A login is stored until the expiration in its password, and twelve hours at most."""
    entry = login_entry("AWS", password, NOW)

    assert (entry.refresh, entry.expires) == (expires, expires)
    assert entry.reply == reply_tail("AWS", password)


def test_a_password_without_an_object_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """To parse it would load `json`, and say nothing."""
    monkeypatch.delattr(json_text, "parse")

    assert password_expiry(base64.b64encode(b"a password").decode()) is None


def test_a_mistake_of_the_program_is_no_form_of_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error, and not an answer."""
    monkeypatch.delattr(json_text, "parse")

    for read in (lambda: parse(b"{}"), lambda: password_expiry(_password({}))):
        with pytest.raises(AttributeError):
            read()


def _long(size: int) -> bytes:
    """Return the input of `store` with so many bytes."""
    login = json.dumps({"ServerURL": "a", "Username": "b", "Secret": "c"}).encode()
    return login[:-1] + b" " * (size - len(login)) + b"}"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (_long(protocol.MAX_INPUT), ("a", "b", "c")),
        (_long(protocol.MAX_INPUT + 1), None),
        (b'{"ServerURL": " a ", "Username": "b", "Secret": "c"}', (" a ", "b", "c")),
        (b'{"ServerURL": "a", "Username": "b", "Secret": "c", "more": [1]}', ("a", "b", "c")),
        (b'{"ServerURL": "a", "Username": "b"}', None),
        (b'{"ServerURL": " ", "Username": "b", "Secret": "c"}', None),
        (b'{"ServerURL": "a", "Username": "", "Secret": "c"}', None),
        (b'{"ServerURL": "a", "Username": "b", "Secret": ""}', None),
        (b'{"ServerURL": "a", "Username": "b", "Secret": null}', None),
        (b'{"ServerURL": 1, "Username": "b", "Secret": "c"}', None),
        (b'{"ServerURL": "a", "Username": ["b"], "Secret": "c"}', None),
        (b'{"ServerURL": "a", "Username": "b", "Secret": "\\ud800"}', None),
        (b'["ServerURL", "Username", "Secret"]', None),
        (b"{", None),
        (b'{"a": ' + b"[" * 60_000, None),
        (b'{"ServerURL": "a", "Username": "b", "Secret": "%b"}' % (b"c" * 65536), None),
    ],
)  # fmt: skip
def test_a_login_is_whole_or_none(data: bytes, found: tuple[str, str, str] | None) -> None:
    """Whatever is missing, empty, no text or too long needs an error, which others write."""
    assert parse(data) == found
