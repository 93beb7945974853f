"""Authorization tokens: contents, expiry, and the reply."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.token import (
    Token,
    parse_authorization,
    password_expiry,
    reply_tail,
    token_from_login,
)

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND


def _password(fields: object) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()


def test_a_token_does_not_show_its_password() -> None:
    """Neither repr nor str shows the password."""
    token = Token("AWS", "hunter2", NOW)

    assert "hunter2" not in f"{token!r} {token}"


@pytest.mark.parametrize(
    ("life", "credentials_life", "refresh", "expires"),
    [
        (12 * HOUR, None, 6 * HOUR, 12 * HOUR),
        (12 * HOUR, HOUR, HOUR, 12 * HOUR),
        (12 * HOUR, 8 * HOUR, 6 * HOUR, 12 * HOUR),
        (4 * cache.SECOND, None, 2 * cache.SECOND, 4 * cache.SECOND),
        (1000 * HOUR, None, 6 * HOUR, 12 * HOUR),
        (12 * HOUR, -HOUR, -HOUR, 12 * HOUR),
    ],
    ids=["half life", "short session", "long session", "seconds", "too good", "dead session"],
)
def test_when_a_token_is_due(
    life: int, credentials_life: int | None, refresh: int, expires: int
) -> None:
    """A token is due at half its life or its session's end, and is valid twelve hours at most."""
    session = None if credentials_life is None else NOW + credentials_life
    entry = Token("AWS", "x", NOW + life, session).entry(NOW)

    assert (entry.written, entry.refresh, entry.expires) == (NOW, NOW + refresh, NOW + expires)


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_reply_is_json_for_any_login(username: str, password: str) -> None:
    """The reply is one line of valid JSON for any login."""
    tail = reply_tail(Token(username, password, NOW))
    reply = b'{"ServerURL":"host",' + tail

    assert json.loads(reply) == {"ServerURL": "host", "Username": username, "Secret": password}
    assert reply.count(b"\n") == 1


def test_what_aws_sends_is_understood() -> None:
    """AWS's token is base64 of user name, colon and password; a password may hold colons."""
    encoded = base64.b64encode(b"AWS:pass:word").decode()
    token = parse_authorization(encoded, NOW, None)

    assert (token.username, token.password, token.expires) == ("AWS", "pass:word", NOW)


@pytest.mark.parametrize("text", ["", "AWS:x", "%%%", "QVdT", "QVdTOg==", "OnBhc3M=", "/w=="])
def test_an_invalid_token_is_refused(text: str) -> None:
    """Not base64, no colon, no password, no user name, not text: ValueError."""
    with pytest.raises(ValueError):
        parse_authorization(text, NOW, None)


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
    ],
)
def test_how_long_a_login_is_kept(password: str, expires: int) -> None:
    """A login is stored until the expiration in its password, and twelve hours at most."""
    entry = token_from_login("AWS", password, NOW).login_entry(NOW)

    assert (entry.refresh, entry.expires) == (expires, expires)
