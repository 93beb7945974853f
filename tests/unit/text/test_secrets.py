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

SHORT = "hunter2"
SECRET = "Kanarie-/+=%41&'\"\\é x"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of another test is known, and none of this one is afterwards."""
    monkeypatch.setattr(secrets, "_known", {})
    monkeypatch.setattr(secrets, "_spared", {})
    monkeypatch.setattr(secrets, "_index", secrets._Index())


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
    secrets._index = secrets._Index()
    secret = f"Kanarie-1234{secret}x"
    secrets.note(secret)

    assert secret not in secrets.redact(before + secret + after)


def test_secrets_that_overlap() -> None:
    """Nothing of either is left, and they have one mark."""
    secrets.note("abcdefgh1234")
    secrets.note("efgh12345678")

    assert secrets.redact("x abcdefgh12345678 y") == "x [redacted] y"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://me:hunter2/x@p:1", "http://me:hunter2/x@p:1, or port 'hunter2'"),
        ("me:hunter22@host:1", "me:hunter22@host:1 and hunter22"),
        ("http://ghp_token0123@host", "no ghp_token0123"),
        ("http://me:hunter%2F2x@host", "hunter/2x and hunter%2F2x and aHVudGVyLzJ4"),
        ("http://h/?sig=hunter2&x=1", "http://h/?sig=hunter2&x=1 and hunter2"),
        ("me:hunter2%40h", "Invalid endpoint: me:hunter2 and me:hunter2%40h"),
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
    """One of four to eleven characters may be part of other words, which stay."""
    secret_sources.note_url("http://me:port1@host")

    assert secrets.redact("port1 'port1' xport1 port12") == "[redacted] '[redacted]' xport1 port12"


@pytest.mark.parametrize(
    "word",
    [
        *("docker", "password", "Kanarienvog", "us-east-1", "us-gov-east-1a", "123456789012"),
        "123456789012.dkr.ecr.us-east-1.amazonaws.com",
    ],
)
def test_a_password_that_is_a_word(word: str) -> None:
    """Letters alone, a region and an account id are redacted within the address, which is gone."""
    secret_sources.note_url(f"http://me:{word}@host")

    text = f"{word}, {word}@host and me:{word}"
    assert secrets.redact(f"{text} at http://me:{word}@host/") == (
        f"{word}, {word}@host and [redacted] at http://[redacted]@host/"
    )


def test_the_host_in_use_stays() -> None:
    """A secret that is equal to it, or a part, is redacted elsewhere only."""
    secrets.spare("hunter2.example.com")
    secrets.note("hunter2")
    secrets.note("hunter2.example.com")

    text = secrets.redact("https://hunter2.example.com/x: hunter2, xhunter2.example.com")
    assert text == "https://hunter2.example.com/x: [redacted], x[redacted]"


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize(
    ("words", "is_noted"),
    [
        (["--password", SHORT], True),
        (["--password=" + SHORT], True),
        (["--db-token", SHORT], True),
        (["--api-key:" + SHORT], True),
        (["-p", SHORT], True),
        (["--otp", SHORT], True),
        (["--pin", SHORT], True),
        (["--key", SHORT], True),
        (["--credential", SHORT], True),
        (["-u", f"me:{SHORT}"], True),
        (["-H", f"Authorization: Bearer {SHORT}"], True),
        (["PGPASSWORD=" + SHORT], True),
        (["sh", "-c", f"TOKEN={SHORT} tool; tool"], True),
        ([f"https://h/?token={SHORT}"], True),
        (["-p", "8080"], False),
        (["--profile", SHORT], False),
        (["--key-file", SHORT], False),
        (["--token", "--verbose", SHORT], False),
    ],
)
def test_the_words_of_a_command(before: int, words: list[str], *, is_noted: bool) -> None:
    """Options, variables and headers that name a secret, with any number of words before."""
    secret_sources.note_command([*["/bin/tool", "get", "-v"][:before], *words])

    text = f"no {SHORT} at 8080"
    assert secrets.redact(text) == (text.replace(SHORT, "[redacted]") if is_noted else text)


@pytest.mark.parametrize(
    "argument",
    [
        "123456789012@us-east-1",
        "12345@us-east-1",
        "host:5000/app@sha256:1",
        f"app:1@sha256:{'0' * 64}",
        "dev@example.com",
        "arn:aws:iam::123456789012:role/x/me@example.com",
    ],
)
def test_an_argument_without_a_secret(argument: str) -> None:
    """Accounts, images and profiles that contain an @ stay."""
    secret_sources.note_arguments([argument])

    assert secrets.redact(argument) == argument


@pytest.mark.parametrize("text", ["x" * 20_000, f"x {SHORT} " * 5000, f"xx{SECRET}" * 2000])
def test_a_long_foreign_text_is_cut(text: str) -> None:
    """It is cut before it is searched, and no secret is cut in half."""
    secrets.note(SHORT)
    secrets.note(SECRET)
    for most in range(100, 140):
        shown = secrets.redact_start(text, most)

        assert len(shown) <= most + len(SECRET) * 20
        assert not any(part in shown for part in ("hunt", "Kana"))


def test_a_user_name_of_the_home_is_no_secret() -> None:
    """Paths are not shredded by a proxy's user name that is also the user's own."""
    environ = {"HOME": "/home/somebody", "HTTPS_PROXY": "http://somebody:hunter2@p"}
    secret_sources.note_environment(environ)

    assert secrets.redact("/home/somebody/x: hunter2") == "/home/somebody/x: [redacted]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "canary-7Q"),
        ("AWS_SESSION_TOKEN", "canary-7Q"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer canary-7Q"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/x?key=canary-7Q"),
        ("AWS_BEARER_TOKEN_BEDROCK", "canary-7Q"),
        ("AWS_ENDPOINT_URL_STS", "https://me:canary-7Q@h"),
        ("https_proxy", "me:canary-7Q@h:1"),
        ("ALL_PROXY", "socks5://me:canary-7Q@h:1"),
        ("DOCKER_AUTH_CONFIG", '{"auths": {"h": {"identitytoken": "canary-7Q"}}}'),
        ("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"h": {"auth": "dTpjYW5hcnktN1E="}}})),
        ("DOCKER_HOST", "tcp://me:canary-7Q@h"),
    ],
)
def test_a_variable(name: str, value: str) -> None:
    """Its secret is known by the variable's name."""
    secret_sources.note_environment({name: value})

    assert "canary" not in secrets.redact("no canary-7Q or 'canary-7Q'")


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/canarycanary/0b1c22dd-canary"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/0b1c22dd-canary"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/v2/credentials/0b1c22dd-canary?x=1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "169.254.170.2/v2/0b1c22dd-canary"),
    ],
)
def test_an_address_of_container_credentials(name: str, uri: str) -> None:
    """Its path is a secret, as a whole and in its last part."""
    secret_sources.note_environment({name: uri})

    assert "canary" not in secrets.redact(f"404 at {uri}: no 0b1c22dd-canary")
    assert secrets.redact("no credentials") == "no credentials"


@pytest.mark.parametrize("start", ["", "http:", "http://"])
@pytest.mark.parametrize("host", ["169.254.170.23", "localhost:8080", "creds.internal"])
def test_the_host_of_container_credentials(start: str, host: str) -> None:
    """It is no secret, whatever is wrong with the address."""
    for path in ("", "/", "/x"):
        value = f"{start}{host}{path}"
        secret_sources.note_environment({"AWS_CONTAINER_CREDENTIALS_FULL_URI": value})

        assert secrets.redact(f"no answer from {host}") == f"no answer from {host}"


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
        ("DB_PASSWORD", "/run/token"),
        ("AUTH_DOMAIN", "localhost:4566"),
        ("TOKENIZERS_PARALLELISM", "169.254.170.23"),
        ("PIP_INDEX_URL", "https://me:169.254.170.23@pypi.test/simple"),
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
        "[default]\naws_secret_access_key = canary-7Q\n",
        "[default]\n  external_id=canary-7Q",
        "[services x]\nsts =\n  endpoint_url = http://me:canary-7Q@h\n",
        "[default]\ncredential_process = /bin/x --token canary-7Q\n",
        "[default]\ncredential_process = sh -c 'PASSWORD=canary-7Q x'\n",
        *(
            f"[default]\ncredential_process = {command}\n"
            for command in (
                "export OKTA_PASSWORD=canary-7Q; x",
                "OKTA_PASSWORD=canary-7Q&&x",
                "(x --password canary-7Q)",
                "x --password canary-7Q|jq .",
                "x --password canary-7Q&",
                "x --password=canary-7Q>/dev/null",
                "x --secret-id canary-7Q # y",
                "echo canary-7Q | x --password-stdin",
                "cd /; printf '%s' \"canary-7Q\"|x",
                "x --password-stdin <<<canary-7Q",
                'bash -c "export PASSWORD=canary-7Q; x"',
            )
        ),
        'external_id = "canary-7Q"\n',
        "registry = [{match = 'a', external_id = 'canary-7Q'}]",
        '{"auths": {"https://me:canary-7Q@h": {}}}',
        '{"auths":{"h":{"password":"canary-7Q"}}}',
        '{"auths": {"h": {"password": "c\\u0061nary-7Q"}}}',
        '{"auths": {"h": {"auth": "QVdTOmNhbmFyeS03UQ=="',
        '{"HttpHeaders": {"X-Meta": "canary-7Q"}}',
        '{"proxies": {"default": {"httpsProxy": "me:canary-7Q@h"}}}',
        '{"secret": "canary-7Q" nonsense',
    ],
)
def test_a_settings_file(text: str) -> None:
    """Secrets in INI, TOML and JSON are known, also in a file that no parser takes."""
    secret_sources.note_settings(text)

    assert "canary" not in secrets.redact("no canary-7Q")


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
    secrets.note("canary-7Q")
    secrets.redact(text)

    assert time.process_time() - before < 20  # and not minutes


@pytest.mark.parametrize(
    "text",
    [
        '{"SecretAccessKey": "canary-7Q", "x": 1}',
        "password=canary-7Q failed",
        "AWS_SESSION_TOKEN='canary-7Q'",
        "token: 'canary-7Q'",
    ],
)
def test_an_unknown_secret_in_a_foreign_text(text: str) -> None:
    """What stands behind the name of a secret is redacted, though nobody noted it."""
    assert "canary" not in one_line(text)


def test_a_sentence_about_a_secret_is_shown() -> None:
    """Messages of AWS that speak of tokens stay readable."""
    text = "ExpiredToken: The security token included in the request is expired"

    assert one_line(text) == text
