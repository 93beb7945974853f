"""Authorization tokens: contents, expiry, and the reply."""

import base64
from collections import Counter

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.token import Token, jitter, parse_authorization, refresh_time

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND
ORIGIN = "here:1"


def test_a_token_does_not_show_its_password() -> None:
    """Neither repr nor str shows the password."""
    token = Token("AWS", "hunter2", NOW)

    assert "hunter2" not in f"{token!r} {token}"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a jitter: its tokens are due a bit earlier."""
    monkeypatch.setattr(cache, "find_origin", lambda: ORIGIN)


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
    """A token is due before half its life or its session's end, and valid twelve hours at most."""
    session = None if credentials_life is None else NOW + credentials_life
    entry = Token("AWS", "x", NOW + life, session).entry(NOW)
    early = int(max(refresh, 0) // 10 * jitter(ORIGIN))

    assert refresh_time(NOW, NOW + expires, session, 0) == NOW + refresh
    assert (entry.written, entry.refresh) == (NOW, NOW + refresh - early)
    assert (entry.expires, entry.origin) == (NOW + expires, ORIGIN)


def test_a_refresh_is_up_to_a_tenth_earlier_and_never_later() -> None:
    """The jitter moves it from the whole time to nine tenths of it."""
    due = [refresh_time(NOW, NOW + 12 * HOUR, None, share / 100) - NOW for share in range(101)]

    assert due == sorted(due, reverse=True)
    assert (due[0], due[50], due[100]) == (6 * HOUR, 5.7 * HOUR, 5.4 * HOUR)


def test_the_jitter_is_the_machines() -> None:
    """It is the same for one machine and boot, whatever it fetches."""
    assert jitter(ORIGIN) == jitter(ORIGIN) != jitter("there:1")
    assert 0.1 < jitter(ORIGIN) < 0.9, "the tests above need one that shows"


@pytest.mark.parametrize("name", ["ip-10-0-{}-{}.ec2.internal:", "runner:{}-{}", "{}{}"])
def test_the_jitter_spreads_machines_evenly(name: str) -> None:
    """Ten thousand names that differ in a few digits: a hundredth, more or less, in each part."""
    shares = [jitter(name.format(high, low)) for high in range(100) for low in range(100, 200)]
    parts = Counter(int(share * 100) for share in shares)

    assert set(parts) == set(range(100))
    assert 50 < min(parts.values()) <= max(parts.values()) < 150


@pytest.mark.parametrize(("credentials_life", "expires"), [(HOUR, HOUR), (13 * HOUR, 12 * HOUR)])
def test_a_token_may_end_with_its_credentials(credentials_life: int, expires: int) -> None:
    """Those of `aws login` do; its refresh time stays the same."""
    session = NOW + credentials_life
    token = Token("AWS", "x", NOW + 12 * HOUR, session, ends_with_credentials=True)

    entry = token.entry(NOW)

    assert entry.refresh == refresh_time(NOW, NOW + 12 * HOUR, session, jitter(ORIGIN))
    assert (entry.refresh < entry.expires, entry.expires) == (True, NOW + expires)


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
