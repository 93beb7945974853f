"""Sanitizing the foreign text that errors quote."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.text.sanitize import one_line


@given(st.text())
def test_any_text_becomes_one_bounded_line(text: str) -> None:
    """The result is one printable line of limited length."""
    line = one_line(text)

    assert line.isprintable()
    assert len(line) <= 400


@pytest.mark.parametrize(
    "secret",
    [
        base64.b64encode(secrets.token_bytes(30)).decode(),
        secrets.token_urlsafe(300),
        base64.b64encode(secrets.token_bytes(900)).decode(),
    ],
    ids=["secret access key", "session token", "authorization token"],
)
@pytest.mark.parametrize("shape", ["{}", "key={}", '{{"SecretAccessKey": "{}"}}', "a {} b", "({})"])
def test_a_likely_secret_is_redacted(secret: str, shape: str) -> None:
    """A secret key or token in foreign text is redacted."""
    line = one_line(shape.format(secret))

    assert "[redacted]" in line
    assert secret[:20] not in line


def test_names_and_paths_are_not_redacted() -> None:
    """ARNs, hosts and paths are not redacted."""
    text = (
        "User: arn:aws:sts::123456789012:assumed-role/a-role-with-a-long-name/a-session is not "
        "at https://api.ecr.us-east-1.amazonaws.com nor in /home/somebody/.aws/config"
    )

    assert one_line(text) == text


def test_user_info_in_a_url_is_removed() -> None:
    """A URL's user info is removed and the rest stays."""
    assert one_line("at http://me:hunter2@a.test:8/x!") == "at http://a.test:8/x!"
