"""The secret values that this process knows, and texts without them.

What holds secrets notes them here as it reads them: `note` a value, `note_url` an address,
`note_settings` the text of a file, `note_environment` the variables. The boundaries, which print,
log or leave a note for other processes, pass each text through `redact`. So no message has to know
which of its words came from a secret, and in which form.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

MARK = "[redacted]"
"""What stands in the place of a secret."""

_SHORTEST = 4  # bytes; shorter secrets are redacted with the user info around them only
_WORD = 6  # bytes; a shorter secret may be part of any word, so it is redacted as a word alone
_LONG_NAME = 8  # characters of a user name that is not a word of our own texts
_TIMES_ENCODED = 2  # an address inside of another one's query
_ENCODED = 12  # characters of base64 that do not come about by chance
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|api_?key|private_?key|external_?id|signature$"
    r"|auth(?!or(?!iz)|s$|_type|_scheme)",
    re.IGNORECASE,
)
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
_WORDS = frozenset(("true", "false", "null", "none", "basic", "bearer"))
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")

_known: dict[str, None] = {}
_index: tuple[int, dict[bytes, list[bytes]]] = (0, {})


def note(secret: str) -> None:
    """Note a secret; one of fewer than four bytes would be found in any text, and is not noted."""
    secret = secret.strip()
    if len(secret) >= _SHORTEST and secret.casefold().rstrip(",}]") not in _WORDS:
        _known[secret] = None


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
        note(field.partition("=")[2])


def _note_user_info(info: str, host: str, home: str) -> None:
    # With the @, and with the host if it is short, it can stand nowhere but in the address.
    note(f"{info}@" if len(info) >= _SHORTEST else f"{info}@{host}")
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
    return base64.b64encode(_percent_decoded(_to_bytes(info))[0]).decode()


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


def redact(text: str) -> str:
    """Return a text with `MARK` in the place of every known secret, in any usual encoding."""
    forms = _list_forms()
    data = text.encode("utf-8", "surrogatepass")
    view, places = data, list(range(len(data) + 1))
    spans = list(_find(view, places, forms))
    for _ in range(_TIMES_ENCODED if b"%" in data else 0):
        view, inner = _percent_decoded(view)
        places = [places[at] for at in inner]
        spans += _find(view, places, forms)
    if not spans:
        return text
    pieces: list[bytes] = []
    last = 0
    for start, end in _merge(spans):
        at = b"@" if data[end - 1 : end] == b"@" else b""  # an address stays one
        pieces += [data[last:start], MARK.encode(), at]
        last = end
    return b"".join([*pieces, data[last:]]).decode("utf-8", "replace")


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that overlap or touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            first, before = merged.pop()
            merged.append((first, max(end, before)))
        else:
            merged.append((start, end))
    return merged


def _find(
    data: bytes, places: list[int], forms: Mapping[bytes, list[bytes]]
) -> Iterator[tuple[int, int]]:
    """Yield where forms of secrets are: their start and end, of `places`."""
    for at in range(len(data) - _SHORTEST + 1):
        for form in forms.get(data[at : at + _SHORTEST], ()):
            end = at + len(form)
            if data.startswith(form, at) and (len(form) >= _WORD or _is_word(data, at, end)):
                yield places[at], places[end]


def _is_word(data: bytes, start: int, end: int) -> bool:
    around = data[max(start - 1, 0) : start], data[end : end + 1]
    return not any(byte.isalnum() for byte in around)


def _percent_decoded(data: bytes) -> tuple[bytes, list[int]]:
    """Return the bytes of a text without %-escapes, and where each of them is in it."""
    decoded, at = bytearray(), 0
    places: list[int] = []
    for found in _PERCENT.finditer(data):
        decoded += data[at : found.start()] + bytes([int(found[1], 16)])
        places += range(at, found.start() + 1)
        at = found.end()
    decoded += data[at:]
    places += range(at, len(data) + 1)
    return bytes(decoded), places


def _list_forms() -> Mapping[bytes, list[bytes]]:
    """Return the forms of all secrets by their first bytes, the longest first."""
    global _index  # noqa: PLW0603 - what is known is known to the whole process
    secrets = list(_known)
    if _index[0] != len(secrets):
        found: dict[bytes, list[bytes]] = {}
        for form in {form for secret in secrets for form in _encode(secret)}:
            if len(form) >= _SHORTEST:
                found.setdefault(form[:_SHORTEST], []).append(form)
        for forms in found.values():
            forms.sort(key=len, reverse=True)
        _index = len(secrets), found
    return _index[1]


def _encode(secret: str) -> Iterator[bytes]:
    """Yield the forms of a secret in texts: as it is, decoded, escaped, quoted, in base64.

    `redact` itself finds a form that is percent-encoded, in whole or in part.
    """
    plain = _percent_decoded(_to_bytes(secret))[0].decode("utf-8", "surrogateescape")
    for text in {secret, plain, " ".join(secret.split())}:
        data = _to_bytes(text)
        yield data
        for form in (
            text,
            text.replace(" ", "+"),
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            repr(text)[1:-1],
            ascii(text)[1:-1],
            repr(data)[2:-1],
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            text.replace("'", "'\"'\"'"),  # as shlex quotes it
        ):
            yield form.encode("utf-8", "surrogatepass")
        for shift in range(3):  # inside of a longer text its first character may be at any place
            encoded = base64.b64encode(b"\0" * shift + data).rstrip(b"=")
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(data) + shift) % 3 else 0)]
            if len(inner) >= _ENCODED:
                yield inner
                yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _to_bytes(text: str) -> bytes:
    """Return the bytes of a text; those of a variable as they are in the environment."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate from JSON
        return text.encode("utf-8", "surrogatepass")
