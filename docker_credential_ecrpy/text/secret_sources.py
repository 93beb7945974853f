"""What is secret in addresses, variables, settings and answers, by their names and their form.

Each function notes what it finds, so that `secrets.redact` knows it.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.text.secrets import SHORTEST, note, percent_decoded, to_bytes

_LONG_NAME = 8  # characters of a user name that is not a word of our own texts
_LONG_VALUE = 16  # characters that no name of a region, zone or service has
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|api_?key|private_?key|external_?id|signature$"
    r"|auth(?!or(?!iz)|s$|_type|_scheme)",
    re.IGNORECASE,
)
_QUERY_NAME = re.compile(r"key|sig|code|token|secret|pass|auth|cred", re.IGNORECASE)
_NO_SECRET_NAME = re.compile(r"(?:_file|_path|_dir|_sock|_expiration|_type)$", re.IGNORECASE)
_URL_NAME = re.compile(r"ur[il]s?(?:_|$)|endpoint|(?<!no_)proxy", re.IGNORECASE)
_URL_WORD = re.compile(r"[^\s\"'<>]+")
_CONTAINER_URI = re.compile(r"AWS_CONTAINER_CREDENTIALS_\w*URI", re.IGNORECASE)
_OF_AWS = ("AWS_", "BOTO")
_OURS = "AWS_ECR_"
# Settings in the text of an INI, JSON and TOML file; the text may be damaged.
_LINE = re.compile(r"^[ \t]*([\w.-]{1,80})[ \t]*[:=][ \t]*(\S[^\n]*)", re.MULTILINE)
_MEMBER = re.compile(r'"([\w.-]{1,80})"\s*[:=]\s*"((?:[^"\\\n]|\\.)*)"')
_PAIR = re.compile(r"""[{,]\s*([\w.-]{1,80})\s*=\s*["']((?:[^"'\\\n]|\\.)*)["']""")
_HEADERS = re.compile(r'"HttpHeaders"\s*:\s*\{([^}]*)', re.IGNORECASE)
_HEADER = re.compile(r':\s*"((?:[^"\\\n]|\\.)*)"')
_OPTION = re.compile(r"(?:^|[\s'\"])-*([\w-]{1,80})(?:=|\s+)(\S+)")


def note_url(url: str, home: str = "") -> None:
    """Note what is secret in an address, also in one without a scheme: user info and query.

    A password may hold a slash, an @ or a colon, though it should not. home: a user name that is
    part of this path is no secret.
    """
    url = url.strip()
    rest = url.partition("://")[2] or url
    info, at, host = rest.rpartition("@")
    if at:
        _note_user_info(info, host, home)
    query = host.partition("?")[2]
    note(query)
    for field in re.split("[&;]", query):
        name, _, value = field.partition("=")
        if _QUERY_NAME.search(name) or len(value) >= _LONG_VALUE:
            note(value)  # and not that of ?region=us-east-1


def _note_user_info(info: str, host: str, home: str) -> None:
    # With the @, and with the host if it is short, it can stand nowhere but in the address.
    note(f"{info}@" if len(info) >= SHORTEST else f"{info}@{host}")
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


def is_secret_name(name: str) -> bool:
    """Whether a variable, a setting or a header of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET_NAME.search(name)


def _is_secret(name: str, value: str) -> bool:
    """Whether a value is a secret by its name, and not a path, as XAUTHORITY or SSH_AUTH_SOCK."""
    is_path = value.startswith(("/", "~")) and "auth" in name.lower()
    return is_secret_name(name) and not is_path


def note_environment(environ: Mapping[str, str]) -> None:
    """Note the secrets in variables: values of secret names, and addresses."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    for name, value in environ.items():
        note_setting(name, value, home)
        if value.lstrip().startswith("{"):  # such as DOCKER_AUTH_CONFIG
            note_settings(value)


def note_setting(name: str, value: str, home: str = "") -> None:
    """Note what is secret in the value of a variable or setting."""
    if _CONTAINER_URI.fullmatch(name):
        _note_credentials_uri(value)
    elif _URL_NAME.search(name):
        note_url(value, home)
    elif _is_secret(name, value):
        note(value)
        note(value.partition(" ")[2])  # after "Bearer"
    _note_urls(value, home)
    if " -" in value or "=" in value:  # a command, such as a credential_process
        for option, text in _OPTION.findall(value):
            if is_secret_name(option):
                note(text.strip("'\""))


def _note_credentials_uri(uri: str) -> None:
    """Note an address of container credentials: who knows it may ask for them."""
    note_url(uri)
    for field in re.split("[&;]", uri.partition("?")[2]):
        note(field.partition("=")[2])
    path = uri.partition("://")[2].partition("/")[2] or uri
    path = path.partition("?")[0].strip("/")
    if "/" in path:
        note(path)
    for part in path.split("/"):
        if len(part) >= _LONG_NAME and not (part.isalpha() and part.islower()):
            note(part)


def _note_urls(text: str, home: str = "") -> None:
    """Note what is secret in the addresses that a text has a user name in."""
    if "://" not in text or "@" not in text:
        return
    for word in _URL_WORD.findall(text):  # word by word: one expression takes quadratic time
        if "://" in word and "@" in word:
            note_url(word, home)


def note_settings(text: str) -> None:
    """Note the secrets in the text of a settings file in INI, TOML or JSON, damaged or not."""
    values = _LINE.findall(text) + _MEMBER.findall(text) + _PAIR.findall(text)
    for block in _HEADERS.findall(text):
        values += [("secret", value) for value in _HEADER.findall(block)]
    for name, value in values:
        bare = value.strip().strip("\"'")
        note_setting(name, bare)
        if "\\" in bare:
            try:
                note_setting(name, str(json.loads(f'"{bare}"')))
            except ValueError:
                pass  # not a string with escapes
        if name.lower() == "auth":
            _note_docker_auth(bare)
    _note_urls(text)  # such as the keys of Docker's logins


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
            if name == "authorizationToken":
                _note_docker_auth(text)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program that calls no AWS: without AWS identity and secrets."""
    return {
        name: value
        for name, value in environ.items()
        if not (name.upper().startswith(_OF_AWS) and not name.upper().startswith(_OURS))
        and not _is_secret(name, value)
        and not ("@" in value and _URL_NAME.search(name))
    }
