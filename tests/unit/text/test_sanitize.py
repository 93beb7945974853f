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


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[1;31mred\x1b[0m",
        "\x1b[38:2::255:0:0mred\x1b[K",
        "\x9b31mred",
        "\x1b]0;title\x07red",
        "\x1b]8;;https://x\x1b\\red\x1b]8;;\x1b\\",
        "\x1bP1$r\x1b\\red",
        "\x1b(Bred\x1b=",
        "r\x1b[1me\x1b[0md",
    ],
)
def test_commands_to_a_terminal_are_dropped(text: str) -> None:
    """Colours, titles and links of a program's message leave nothing behind."""
    assert one_line(text) == "red"


def test_a_command_to_a_terminal_without_an_end_hides_nothing() -> None:
    """The text behind it is shown."""
    assert one_line("\x1b]0;the reason") == "0;the reason"
    assert one_line("the end \x1b") == "the end ?"


def test_colours_hide_no_secret() -> None:
    """A secret with an escape sequence inside is found."""
    assert "hunter2" not in one_line("password=hun\x1b[0mter2")
