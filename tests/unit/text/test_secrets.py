"""Known secrets are redacted by their values, in every encoding and from every source."""

import base64
import json
import shlex
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.text import secret_sources, secrets
from docker_credential_ecrpy.text.sanitize import one_line

SECRET = "Kanarie-/+=%41&'\"\\é x"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of another test is known, and none of this one is afterwards."""
    monkeypatch.setattr(secrets, "_known", {})
    monkeypatch.setattr(secrets, "_index", (0, {}))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": lambda text: f"http://h/{quote(text)}?{quote(text, safe='')}",
    "encoded in lower case": lambda text: quote(text, safe="").lower().replace("kan", "Kan"),
    "encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in a form": quote_plus,
    "in JSON": json.dumps,
    "in JSON as UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "as Python shows it": repr,
    "as Python shows its bytes": lambda text: repr(text.encode()),
    "in ASCII": ascii,
    "for a shell": shlex.quote,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in the base64 of a header": lambda text: base64.b64encode(f"AWS:{text}".encode()).decode(),
    "in the middle of base64": lambda text: base64.b64encode(f"xy{text}z".encode()).decode(),
    "in the base64 of URLs": lambda text: base64.urlsafe_b64encode(f"x{text}".encode()).decode(),
}


@pytest.mark.parametrize("name", ENCODINGS, ids=ENCODINGS)
def test_a_secret_in_an_encoding(name: str) -> None:
    """It is found in each usual encoding, with other text around it."""
    secrets.note(SECRET)
    encoded = ENCODINGS[name](SECRET)
    text = secrets.redact(f"before {encoded} after")

    assert secrets.MARK in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert not any(part in text for part in ("anarie", encoded[8:-8]))


@given(st.text(), st.text(), st.text())
def test_any_secret_in_any_text(secret: str, before: str, after: str) -> None:
    """No text makes it fail, and none still has the secret."""
    secrets._known.clear()
    secrets._index = (0, {})
    secret = f"Kanarie{secret}x"
    secrets.note(secret)

    assert secret not in secrets.redact(before + secret + after)


def test_secrets_that_overlap() -> None:
    """Nothing of either is left, and they have one mark."""
    secrets.note("abcdefgh")
    secrets.note("efghijkl")

    assert secrets.redact("x abcdefghijkl y") == "x [redacted] y"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://me:hunter2/x@p:1", "http://me:hunter2/x@p:1, or port 'hunter2'"),
        ("me:hunter22@host:1", "me:hunter22@host:1 and hunter22"),
        ("http://ghp_token0123@host", "no ghp_token0123"),
        ("http://me:hunter%2F2x@host", "hunter/2x and hunter%2F2x and aHVudGVyLzJ4"),
        ("http://h/?sig=hunter2&x=1", "http://h/?sig=hunter2&x=1 and hunter2"),
        ("http://:hunter2@h", "http://:hunter2@h"),
    ],
)
def test_an_address(url: str, text: str) -> None:
    """User info, in any form, and queries are secret: whole, decoded and in parts."""
    secret_sources.note_url(url)
    shown = secrets.redact(text)

    assert not any(part in shown for part in ("hunter", "ghp_", "aHVudGVyLzJ4"))


def test_a_short_password_is_redacted_in_its_address_alone() -> None:
    """One of one to three characters would be found in every text."""
    secret_sources.note_url("http://me:a@host")
    secret_sources.note_url("b:c@host")

    text = "at http://me:a@host/ or b:c@host: a cab has no 'a' and no c"
    assert secrets.redact(text) == (
        "at http://[redacted]@host/ or [redacted]: a cab has no 'a' and no c"
    )


def test_a_short_password_is_redacted_as_a_word() -> None:
    """One of four or five characters may be part of other words, which stay."""
    secret_sources.note_url("http://me:port@host")

    assert secrets.redact("port 'port' export ports") == "[redacted] '[redacted]' export ports"


def test_a_user_name_of_the_home_is_no_secret() -> None:
    """Paths are not shredded by a proxy's user name that is also the user's own."""
    environ = {"HOME": "/home/somebody", "HTTPS_PROXY": "http://somebody:hunter2@p"}
    secret_sources.note_environment(environ)

    assert secrets.redact("/home/somebody/x: hunter2") == "/home/somebody/x: [redacted]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "canary"),
        ("AWS_SESSION_TOKEN", "canary"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer canary"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/x?key=canary"),
        ("AWS_BEARER_TOKEN_BEDROCK", "canary"),
        ("AWS_ENDPOINT_URL_STS", "https://me:canary@h"),
        ("https_proxy", "me:canary@h:1"),
        ("ALL_PROXY", "socks5://me:canary@h:1"),
        ("DOCKER_AUTH_CONFIG", '{"auths": {"h": {"identitytoken": "canary"}}}'),
        ("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"h": {"auth": "dTpjYW5hcnk="}}})),
        ("GITHUB_TOKEN", "canary"),
        ("DB_PASSWORD", "canary"),
        ("PIP_INDEX_URL", "https://me:canary@pypi.test/simple"),
        ("ANY", "see https://me:canary@pypi.test/simple"),
    ],
)
def test_a_variable(name: str, value: str) -> None:
    """Its secret is known by the variable's name, or by the form of its value."""
    secret_sources.note_environment({name: value})

    assert "canary" not in secrets.redact("no canary or 'canary'")
    assert "canary" not in str(secret_sources.without_secrets({name: value})) or name == "ANY"


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/0b1c22dd-canary"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/v2/credentials/0b1c22dd-canary?x=1"),
    ],
)
def test_an_address_of_container_credentials(name: str, uri: str) -> None:
    """Its path is a secret, as a whole and in its last part."""
    secret_sources.note_environment({name: uri})

    assert "canary" not in secrets.redact(f"404 at {uri}: no 0b1c22dd-canary")
    assert secrets.redact("no credentials") == "no credentials"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("GIT_AUTHOR_NAME", "Somebody"),
        ("NO_PROXY", "localhost"),
        ("AWS_ENDPOINT_URL", "https://localhost:4566"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("USE_TOKEN", "true"),
        ("AWS_ENDPOINT_URL", "https://localhost:4566/?region=us-east-1"),
    ],
)
def test_a_variable_without_a_secret(name: str, value: str) -> None:
    """Paths, names and addresses without user info are shown."""
    secret_sources.note_environment({name: value})

    text = "/run/token /run/agent Somebody localhost:4566 169.254.170.23 credentials true us-east-1"
    assert secrets.redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "[default]\naws_secret_access_key = canary\n",
        "[default]\n  external_id=canary",
        "[services x]\nsts =\n  endpoint_url = http://me:canary@h\n",
        "[default]\ncredential_process = /bin/x --token canary\n",
        "[default]\ncredential_process = sh -c 'PASSWORD=canary x'\n",
        'external_id = "canary"\n',
        "registry = [{match = 'a', external_id = 'canary'}]",
        '{"auths": {"https://me:canary@h": {}}}',
        '{"auths":{"h":{"password":"canary"}}}',
        '{"auths": {"h": {"password": "c\\u0061nary"}}}',
        '{"auths": {"h": {"auth": "QVdTOmNhbmFyeQ=="',
        '{"HttpHeaders": {"X-Meta": "canary"}}',
        '{"proxies": {"default": {"httpsProxy": "me:canary@h"}}}',
        '{"secret": "canary" nonsense',
    ],
)
def test_a_settings_file(text: str) -> None:
    """Secrets in INI, TOML and JSON are known, also in a file that no parser takes."""
    secret_sources.note_settings(text)

    assert "canary" not in secrets.redact("no canary")


@pytest.mark.parametrize(
    "text",
    [
        "://" * 60_000,
        "a=b " * 60_000,
        '"a":"' * 60_000,
        "{" * 200_000,
        "x" * 200_000,
        "- " * 99_999,
    ],
    ids=lambda text: text[:5],
)
def test_any_text_is_searched_in_linear_time(text: str) -> None:
    """Files and texts that were made to be slow are not."""
    before = time.process_time()
    secret_sources.note_settings(text)
    secrets.note("canary")
    secrets.redact(text)

    assert time.process_time() - before < 20  # and not minutes


@pytest.mark.parametrize(
    "text",
    [
        '{"SecretAccessKey": "canary", "x": 1}',
        "password=canary failed",
        "AWS_SESSION_TOKEN='canary'",
        "token: 'canary'",
    ],
)
def test_an_unknown_secret_in_a_foreign_text(text: str) -> None:
    """What stands behind the name of a secret is redacted, though nobody noted it."""
    assert "canary" not in one_line(text)


def test_a_sentence_about_a_secret_is_shown() -> None:
    """Messages of AWS that speak of tokens stay readable."""
    text = "ExpiredToken: The security token included in the request is expired"

    assert one_line(text) == text
