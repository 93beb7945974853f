"""Text of others made fit for an error or a terminal: one line, printable, no secrets."""

import re

_MAX_TEXT = 400  # characters of somebody else's text that an error repeats
_REDACTED = "[redacted]"
# A secret access key has exactly 40 characters of base64; session and authorization tokens
# have hundreds. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
_LOOKS_SECRET = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])|[A-Za-z0-9+/=_-]{100,}"
)
_WORD = re.compile(r"\S+")


def without_user_info(text: str) -> str:
    """Return a text whose URLs have neither user names nor passwords."""
    # By words, since one expression for it all takes quadratic time, which nothing can end.
    return _WORD.sub(_without_user_info, text) if "://" in text else text


def _without_user_info(found: re.Match[str]) -> str:
    scheme, separator, rest = found[0].partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def printable(text: str) -> str:
    """Return a text as one line that a terminal shows as it is."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def one_line(text: str) -> str:
    """Return somebody else's text fit for an error: one line, bounded, nothing secret-shaped."""
    line = printable(_LOOKS_SECRET.sub(_REDACTED, without_user_info(text)))
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."
