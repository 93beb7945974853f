"""The parts that every manual page has in common, in man(7)."""

import re
from pathlib import Path

from docker_credential_ecrpy import PACKAGE, __version__

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"


def roff(text: str) -> str:
    """Return text with roff's special characters escaped."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace("~", "\\(ti").replace("^", "\\(ha").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def term(text: str) -> list[str]:
    """Return the lines that come before the meaning of a term."""
    return [".TP", f".B {roff(text)}"]


def link(url: str) -> str:
    """Return the line of a URL, which may be broken after a slash."""
    return f".I {roff(url)}".replace("/", "/\\:")


def start(name: str, section: int, manual: str, meaning: str) -> list[str]:
    """Return a page's first lines: title, no hyphenation, and the NAME section."""
    date = find_release_date(CHANGELOG.read_text(encoding="utf-8"))
    return [
        f'.TH {name.upper()} {section} "{date}" "{PACKAGE} {__version__}" "{manual}"',
        ".nh",  # commands and values must not be broken: users copy them
        ".ad l",
        ".SH NAME",
        f"{roff(name)} \\- {roff(meaning)}",
    ]


def find_release_date(changelog: str) -> str:
    """Return the date of this version, YYYY-MM-DD. Raises ValueError for a version without one."""
    found = re.search(rf"^## \[{re.escape(__version__)}\] - (\S+)$", changelog, re.MULTILINE)
    if not found:
        msg = f"{CHANGELOG.name} has no dated section for {__version__}"
        raise ValueError(msg)
    return found[1]
