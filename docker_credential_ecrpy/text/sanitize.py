"""Sanitizes foreign text for errors and terminals: one line, printable, secrets redacted.

Known secrets are redacted by their values. In texts of other programs and services, which may hold
secrets that this process has never seen, what looks like a secret is redacted too.
"""

import re

from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.expression import expression

_MAX_TEXT = 400  # characters of foreign text in an error
_MAX_START = 120  # of them, for the start of a long text whose end counts
_TRACEBACK = "Traceback (most recent call last)"
_MOST_READ = 16 * 1024  # characters of it that are searched for secrets
# Secret access keys have exactly 40 characters of base64, and tokens hundreds:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
_LOOKS_SECRET = expression(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])|[A-Za-z0-9+/=_-]{100,}"
)
# A value behind the name of a secret, as programs print settings, headers and JSON.
_NAMED_SECRET = expression(
    r"""((?:secret|password|passwd|token|access_?key)["']?(?:\s?=\s?|["']\s?:\s?|:\s?["'])["']?)"""
    r"""[^\s"',;&]{4,}""",
    re.IGNORECASE,
)
# Commands to a terminal: colours and cursor (CSI), titles and links (OSC), strings, and the rest.
_ESCAPE = expression(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[!-/]*[0-~]"
)


def strip_escapes(text: str) -> str:
    """Return a text without the commands to a terminal that programs print for colours."""
    return _ESCAPE.sub("", text) if "\x1b" in text or "\x9b" in text else text


def strip_user_info(text: str) -> str:
    """Return a text whose URLs have neither user names nor passwords."""

    def strip_word(found: re.Match[str]) -> str:
        scheme, separator, rest = found[0].partition("://")
        return scheme + separator + rest.rpartition("@")[2]

    # Word by word: one expression for the whole text takes quadratic time, uninterruptibly.
    return re.sub(r"\S+", strip_word, text) if "://" in text else text


def make_printable(text: str) -> str:
    """Return a text as one line, with "?" for each unprintable character."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def lower_first(text: str) -> str:
    """Return a text that begins in lower case, unless its first word is in capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def fits_line(text: str) -> bool:
    """Whether a text can be printed as it is: one line, bounded, without unprintable characters."""
    return len(text) <= _MAX_TEXT and make_printable(text) == text


def one_line(text: str) -> str:
    """Return foreign text fit for an error: one line, bounded, likely secrets redacted.

    A text that decides something is compared as it was before this.
    """
    line = _clean(text)
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."


def shorten_log(text: str) -> str:
    """Return as `one_line` what a program printed before it failed: most reasons are at its end.

    Of a line that was written over, as by a progress bar, the last state counts, and of a traceback
    of Python's the exception.
    """
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    starts = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if starts:
        after = [line for line in lines[starts[-1] + 1 :] if not line.startswith(" ")]
        lines = after if any(after) else lines
    text = "\n".join(lines)
    at = max(len(text) - _MOST_READ, 0)
    line = _clean(text[text.find("\n", at) + 1 :] if at else text)
    if len(line) <= _MAX_TEXT:
        return line
    return f"{line[:_MAX_START]} ... {line[_MAX_START + 5 - _MAX_TEXT :]}"


def _clean(text: str) -> str:
    known = strip_user_info(secrets.redact_start(strip_escapes(text), _MOST_READ))
    likely = _NAMED_SECRET.sub(rf"\1{secrets.MARK}", _LOOKS_SECRET.sub(secrets.MARK, known))
    return make_printable(likely)
