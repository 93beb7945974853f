"""Authorization tokens: contents, expiry, and the reply."""

import base64

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.token import Token, parse_authorization

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND


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


@pytest.mark.parametrize(("credentials_life", "expires"), [(HOUR, HOUR), (13 * HOUR, 12 * HOUR)])
def test_a_token_may_end_with_its_credentials(credentials_life: int, expires: int) -> None:
    """Those of `aws login` do; its refresh time stays the same."""
    token = Token("AWS", "x", NOW + 12 * HOUR, NOW + credentials_life, ends_with_credentials=True)

    entry = token.entry(NOW)

    assert (entry.refresh, entry.expires) == (NOW + min(6 * HOUR, expires), NOW + expires)


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
