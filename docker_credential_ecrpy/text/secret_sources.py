"""What is secret in addresses, AWS's variables, settings files, requests and answers.

A secret is known by its place: by names of AWS, Docker and this program, and not by how any other
variable is called. Each function notes what it finds, so that `secrets.redact` knows it.
"""

import base64
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.secrets import LONG, SHORTEST, note, percent_decoded, to_bytes

# The last two texts of `note_settings`, and how many secrets were known after each.
_latest: list[tuple[int, str]] = []
_LONG_NAME = 8  # characters of a user name that is not a word of our own texts
_LONG_VALUE = 16  # characters that no name of a region, zone or service has
_SECRET_VARIABLE = expression(
    r"AWS_(?:SECRET_ACCESS_KEY|SECRET_KEY|SESSION_TOKEN|SECURITY_TOKEN|EXTERNAL_ID"
    r"|CONTAINER_AUTHORIZATION_TOKEN|BEARER_TOKEN_\w+)",
    re.IGNORECASE,
)
_CONTAINER_URI = expression(r"AWS_CONTAINER_CREDENTIALS_\w*URI", re.IGNORECASE)
_ADDRESS_VARIABLE = expression(
    r"(?:https?|all|ftp)_proxy|AWS_\w*(?:ENDPOINT|URL)\w*|DOCKER_HOST", re.IGNORECASE
)
# A setting or field of AWS's files and answers, of Docker's files and of a login to store.
_SECRET_SETTING = expression(
    r"(?:aws_?)?secret_?(?:access_?)?(?:key)?|(?:aws_?)?(?:session|security)_?token|external_?id"
    r"|(?:access|refresh|id|authorization|identity|registry|bearer|web_?identity)_?token"
    r"|client_?secret|password|passwd|auth|saml_?assertion",
    re.IGNORECASE,
)
_ADDRESS_SETTING = expression(r"endpoint_?url|(?:https?|ftp|all)_?proxy", re.IGNORECASE)
_QUERY_NAME = expression(r"key|sig|code|token|secret|pass|auth|cred", re.IGNORECASE)
_URL_WORD = expression(r"[^\s\"'<>]+")
_URL_SCHEME = expression(r"^\s*\w+:/*")
_OPERATORS = frozenset("();<>|&")  # characters of a shell's operators
# An option or a variable on a command line.
_SECRET_OPTION = expression(
    r"(?:password|passwd|passphrase|token|secret|api_?key)s?(?:[-_](?:id|code|text|value))?$"
    r"|(?:^|[-_])(?:p|u|pw|pwd|pass|pin|otp|key|user|auth\w*|credentials?|bearer)$",
    re.IGNORECASE,
)
_ASSIGNED = expression(r"-*([\w-]{1,80})[=:](.+)", re.DOTALL)
# Settings in the text of an INI, JSON and TOML file; the text may be damaged.
_LINE = expression(r"^[ \t]*([\w.-]{1,80})[ \t]*[:=][ \t]*(\S[^\n]*)", re.MULTILINE)
_MEMBER = expression(r'"([\w.-]{1,80})"\s*[:=]\s*"((?:[^"\\\n]|\\.)*)"')
_PAIR = expression(r"""[{,]\s*([\w.-]{1,80})\s*=\s*["']((?:[^"'\\\n]|\\.)*)["']""")
_HEADERS = expression(r'"HttpHeaders"\s*:\s*\{([^}]*)', re.IGNORECASE)
_HEADER = expression(r':\s*"((?:[^"\\\n]|\\.)*)"')
# An image of a registry or with a digest, or the ARN of a role: the text before an @ is no secret.
_NO_ADDRESS = expression(r"[\w.-]+(?::\d+)?/.*|.*@\w+:[0-9a-fA-F]{32,}|arn:.*", re.DOTALL)


def is_secret_variable(name: str) -> bool:
    """Whether a variable of this name holds a secret, as AWS_SECRET_ACCESS_KEY does."""
    return _SECRET_VARIABLE.fullmatch(name) is not None


def note_url(url: str, home: str = "") -> None:
    """Note what is secret in an address, also in one without a scheme: user info and query.

    A password may hold a slash, an @ or a colon, though it should not. home: a user name that is
    part of this path is no secret.
    """
    url = url.strip()
    rest = url.partition("://")[2] or url
    rest = rest if "@" in rest else rest.replace("%40", "@")  # as some users write it
    info, at, host = rest.rpartition("@")
    if at:
        _note_user_info(info, host, home)
    for field in re.split("[&;]", host.partition("?")[2]):
        name, _, value = field.partition("=")
        if _QUERY_NAME.search(name) or len(value) >= _LONG_VALUE:
            note(f"{name}={value}")
            note(value)  # and not that of ?region=us-east-1


def _note_user_info(info: str, host: str, home: str) -> None:
    # With the @, and with the host if it is short or a word, it stands in the address alone.
    is_word = len(info) < SHORTEST or info.isalnum()
    note(f"{info}@{host}" if is_word and len(info) < LONG else f"{info}@")
    user, _, password = info.partition(":")
    # Parsers end the address at a slash in the password, and take what is before it as the host;
    # some do so with one that is written as %2F.
    pieces = re.split("[/?#@:]|%[0-9A-Fa-f]{2}", password)
    is_torn = len(pieces) > 1
    for secret in (info, password, *pieces, *(piece.lower() for piece in pieces)):
        note(secret)
    if user not in home and (is_torn or len(user) >= _LONG_NAME):
        note(user)
    note(_basic(info))


def _basic(info: str) -> str:
    """Return user info as a header has it."""
    return base64.b64encode(percent_decoded(to_bytes(info))[0]).decode()


def note_arguments(words: Sequence[str]) -> None:
    """Note what is secret in the words of our own command line, such as `me:password@host`."""
    for word in words:
        info, at, _ = word.rpartition("@")
        if "://" in word or (at and ":" in info and not _NO_ADDRESS.fullmatch(word)):
            note_url(word)


def note_environment(environ: Mapping[str, str]) -> None:
    """Note the secrets in AWS's and Docker's variables, and in proxies."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    for name, value in environ.items():
        if _CONTAINER_URI.fullmatch(name):
            _note_credentials_uri(value, has_host="FULL" in name.upper())
        elif _ADDRESS_VARIABLE.fullmatch(name):
            note_url(value, home)
        elif _SECRET_VARIABLE.fullmatch(name):
            _note_token(value)
        elif name.upper() == "DOCKER_AUTH_CONFIG":
            note_settings(value)


def note_setting(name: str, value: str) -> None:
    """Note what is secret in a setting of a file, or in a field of a request or an answer."""
    if _ADDRESS_SETTING.fullmatch(name):
        note_url(value)
    elif _SECRET_SETTING.fullmatch(name):
        _note_token(value)
        if name.lower() in ("auth", "authorizationtoken"):
            _note_docker_auth(value)
    elif name.lower() == "credential_process":
        _note_command_line(value)
    _note_urls(value)


def _note_token(value: str) -> None:
    note(value)
    note(value.partition(" ")[2])  # after "Bearer"


def _note_command_line(text: str) -> None:
    """Note the secrets in a command, which runs without a shell or with one."""
    with suppress(ValueError):  # an open quote, which botocore reports
        note_command(shlex.split(text))
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        words = list(lexer)
        note_command(words)
        _note_input(words)


def _note_input(words: Sequence[str]) -> None:
    """Note what a shell's command writes into a pipe, or has as its input: it may be a password."""
    printed: list[str] | None = []
    for before, word in zip(["|", *words], words, strict=False):
        if _is_operator(word):
            for each in (printed or ()) if word.startswith("|") else ():
                note(each)
            printed = []
        elif before == "<<<":
            note(word)
        elif printed is not None and _is_operator(before):
            printed = [] if word.rpartition("/")[2] in ("echo", "printf") else None
        elif printed is not None:
            printed.append(word)


def _is_operator(word: str) -> bool:
    return bool(word) and set(word) <= _OPERATORS


def note_command(words: Sequence[str]) -> None:
    """Note the values of options and variables of a command line that hold secrets.

    A word with blanks is searched as one, such as that of `sh -c`.
    """
    option = ""
    for word in words:
        found = _ASSIGNED.fullmatch(word)
        if option and not word.startswith("-"):
            _note_option(option, word)
        if found and _SECRET_OPTION.search(found[1]):
            _note_option(found[1], found[2])
        is_option = word.startswith("-") and not found
        option = word.lstrip("-") if is_option and _SECRET_OPTION.search(word) else ""
        if "://" in word:
            note_url(word)
        if " " in word:
            with suppress(ValueError):
                if len(shlex.split(word)) > 1:
                    _note_command_line(word)


def _note_option(name: str, value: str) -> None:
    value = value.strip()
    if name.lower() in ("u", "user"):  # as of curl
        value = value.partition(":")[2]
    if not (name.lower() == "p" and value.isdigit()):  # a port
        _note_token(value)


def _note_credentials_uri(uri: str, *, has_host: bool) -> None:
    """Note an address of container credentials: who knows it may ask for them.

    has_host: whether it should have a host, which is no secret, also without http:// before it.
    """
    note_url(uri)
    for field in re.split("[&;]", uri.partition("?")[2]):
        note(field.partition("=")[2])
    path = uri.partition("?")[0]
    rest = _URL_SCHEME.sub("", path)
    if has_host or rest != path:
        path = rest.lstrip("/").partition("/")[2]
    path = path.strip("/")
    if "/" in path:
        note(path)
    for part in path.split("/"):
        if len(part) >= LONG or (len(part) >= _LONG_NAME and not part.isalpha()):
            note(part)


def _note_urls(text: str) -> None:
    """Note what is secret in the addresses that a text has a user name in."""
    if "://" not in text or "@" not in text:
        return
    for word in _URL_WORD.findall(text):  # word by word: one expression takes quadratic time
        if "://" in word and "@" in word:
            note_url(word)


def note_settings(text: str) -> None:
    """Note the secrets in the text of a settings file in INI, TOML or JSON, damaged or not."""
    global _latest  # noqa: PLW0603 - what is known is known to the whole process
    if any(known <= secrets.count() and text == noted for known, noted in _latest):
        return  # a command parses a file, before and after its change, several times
    values = _LINE.findall(text) + _MEMBER.findall(text) + _PAIR.findall(text)
    for block in _HEADERS.findall(text):
        values += [("secret", value) for value in _HEADER.findall(block)]
    for name, value in values:
        is_command = name.lower() == "credential_process"
        bare = value.strip() if is_command else value.strip().strip("\"'")
        note_setting(name, bare)
        if "\\" in bare:
            with suppress(ValueError):  # not a string with escapes
                note_setting(name, str(json.loads(f'"{bare}"')))
    _note_urls(text)  # such as the keys of Docker's logins
    _latest = [*_latest[-1:], (secrets.count(), text)]


def _note_docker_auth(value: str) -> None:
    """Note the password in an `auth` of Docker's config.json: base64 of user name and password."""
    try:
        note(base64.b64decode(value, validate=True).decode().partition(":")[2].strip("\0"))
    except ValueError:
        pass  # not one of Docker's


def note_fields(document: Any) -> None:
    """Note the secrets in the fields of a request or an answer, at any depth."""
    waiting = [("", document)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(str(key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, str | bytes):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            note_setting(name, text)
