"""What can go wrong, as one tree.

HelperError           what is wrong, and what to do about it
├── DeadlineExceeded  the time for this call was up
└── WireText          one of the protocol's exact texts, for the client alone
"""

import re

_MAX_TEXT = 400  # characters of somebody else's text that an error repeats
_REDACTED = "[redacted]"
# A secret access key has exactly 40 characters of base64; session and authorization tokens
# have hundreds. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
_LOOKS_SECRET = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])|[A-Za-z0-9+/=_-]{100,}"
)

_WORD = re.compile(r"\S+")


class HelperError(Exception):
    """Something a person has to know: `message` says what is wrong, `hint` what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class DeadlineExceeded(HelperError):
    """The time for this call was up."""


class WireText(HelperError):
    """One of Docker's exact texts: it goes to standard output, and nothing to a person."""


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
