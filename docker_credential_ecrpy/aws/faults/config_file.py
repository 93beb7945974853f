"""AWS's config and credentials files: where they are, their sections, and why one does not parse.

No value of a file is part of an error: it may be a secret.
"""

import codecs
import configparser
import os
import re
from collections.abc import Iterator

from botocore.exceptions import ConfigParseError

from docker_credential_ecrpy.aws.faults.unreadable import explain_unreadable
from docker_credential_ecrpy.aws.sdk import limits
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.text.sanitize import one_line

VARIABLES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# Both as in configparser, which strips a line before it looks for a section.
_HEADER = re.compile(r"(\s*)\[(.+)\]")
_CONFLICT = re.compile(r"<{7} |={7}$|>{7} |\|{7} ")
_LONG = ("aws_session_token", "aws_security_token", "aws_secret_access_key")
_SETTING = re.compile(r"(\s*)([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$")


@dataclass(frozen=True)
class Setting:
    """A key in a file, in lower case, and its value; the line is counted from 1 on.

    hidden: whether it is only a part of the value of the line before.
    """

    key: str
    value: str
    line: int
    hidden: bool


@dataclass(frozen=True)
class Section:
    """A section as a user sees it. hidden: whether it is only the value of the line before."""

    file: "ConfigFile"
    header: str
    line: int
    hidden: bool = False
    settings: list[Setting] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The file and line, as an error names them."""
        return f"{one_line(self.file.path)}:{self.line}"

    def find_place(self, setting: Setting) -> str:
        """Return the file and line of a key, as an error names them."""
        return f"{one_line(self.file.path)}:{setting.line}"


@dataclass(frozen=True)
class ConfigFile:
    """One of the two files. variable: the variable that names it, or ""."""

    path: str
    variable: str
    is_config: bool

    def read_sections(self) -> Iterator[Section]:
        """Yield the sections of a file, also of one that does not parse."""
        try:
            data = bounded.read(self.path, limits.MAX_CONFIG)
        except (OSError, ValueError):
            return
        section, indent = Section(self, "", 0), -1
        for number, line in enumerate(data.decode("utf-8-sig", "replace").split("\n"), 1):
            if header := _HEADER.match(line):
                yield section
                # A line that is indented deeper than the key before it belongs to its value.
                hidden = 0 <= indent < len(header[1])
                section = Section(self, header[2], number, hidden)
                indent = indent if hidden else -1
            elif setting := _SETTING.match(line):
                hidden = 0 <= indent < len(setting[1])
                found = Setting(setting[2].lower(), setting[3], number, hidden)
                section.settings.append(found)
                indent = indent if hidden else len(setting[1])
        yield section


def list_files() -> list[ConfigFile]:
    """Return the config file and the credentials file, as botocore finds them."""
    found = paths.aws_files(os.environ)
    named = [name if os.environ.get(name) else "" for name in VARIABLES]
    kinds = (True, False)
    return [ConfigFile(*file) for file in zip(found, named, kinds, strict=False)]


def list_sections() -> list[Section]:
    """Return the sections of both files."""
    found = (section for file in list_files() for section in file.read_sections())
    return [section for section in found if section.header]


def find_unreadable_file() -> HelperError | None:
    """Return the error for a config or credentials file that cannot be read."""
    files = list_files()
    errors = [explain_unreadable(file.path, file.variable) for file in files]
    return next(filter(None, [*errors, *map(_explain_content, files)]), None)


def _explain_content(file: ConfigFile) -> HelperError | None:
    """Return the error for a file that is read, and in which nothing is found."""
    try:
        data = bounded.read(file.path, limits.MAX_CONFIG)
    except (OSError, ValueError):
        return None
    path = one_line(file.path)
    if b"\r" in data and b"\n" not in data:
        msg = f"the lines of {path} end in carriage returns alone, so it counts as one line"
        return HelperError(msg, hint="save it with the line ends of Unix", refused=True)
    if file.variable and not data.strip():
        msg = f"{path}, which {file.variable} names, is empty"
        command = f"unset {file.variable}"
        return HelperError(msg, hint=f"fill it, or run: {command}", command=command, refused=True)
    return None


def explain_parse_error(exc: ConfigParseError) -> HelperError | None:
    """Return the error for a file that does not parse: its line, the reason and the cure."""
    path, error = str(exc.kwargs.get("path", "")), exc.kwargs.get("error")
    try:
        data = bounded.read(path, limits.MAX_CONFIG)
    except (OSError, ValueError):
        return None
    found = _find_encoding_fault(data) or _find_fault(error, data)
    if found is None:
        return None
    line, reason, cure = found
    msg = f"the AWS settings are wrong: {one_line(path)}:{line}: {reason}"
    return HelperError(msg, hint=cure, refused=True)


def _find_encoding_fault(data: bytes) -> tuple[int, str, str] | None:
    if data.startswith(codecs.BOM_UTF8):
        reason = "the file begins with a byte order mark (BOM)"
        return 1, reason, "save it as UTF-8 without BOM"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:200]:
        return 1, "the file is encoded as UTF-16", "save the text as UTF-8"
    try:
        data.decode()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        return line, "a character is not encoded as UTF-8", "save the text as UTF-8"
    return None


def _find_fault(error: object, data: bytes) -> tuple[int, str, str] | None:
    """Return line, reason and cure for an exception of configparser's or botocore's."""
    lines = data.decode().split("\n")
    if isinstance(error, configparser.DuplicateSectionError):
        name = f"[{one_line(error.section)}]"
        first = _find_header(lines, error.section)
        return (
            error.lineno or 1,
            f"the section {name} is there twice",
            f"merge it into the one in line {first}",
        )
    if isinstance(error, configparser.DuplicateOptionError):
        name, section = one_line(error.option), one_line(error.section)
        return error.lineno or 1, f"{name} is there twice in [{section}]", "remove one of the two"
    if isinstance(error, configparser.MissingSectionHeaderError):
        line = error.lineno
        if not lines[line - 1].lstrip().startswith("["):
            if known := _find_other_kind(lines[line - 1]):
                return (line, *known)
            cure = "write the section above that line, such as [default]"
            return line, "there is text before the first section", cure
        return (line, *_NO_BRACKET)
    if isinstance(error, configparser.ParsingError):
        return _explain_line(getattr(error, "lineno", None) or error.errors[0][0], lines)
    if isinstance(error, ValueError):  # an indented block without "="
        for line, text in enumerate(lines, 1):
            if text[:1].isspace() and text.strip() and "=" not in text:
                return _explain_line(line, lines)
    return None


_NO_BRACKET = ("the section has no closing bracket", "write the ] at the end of that line")


def _find_other_kind(text: str) -> tuple[str, str] | None:
    """Return what a file is whose text begins like that, and the cure; None for AWS's own kind."""
    if _CONFLICT.match(text):
        return "a merge conflict is not resolved", "remove its marks, and one of the two versions"
    if text.lstrip().startswith("{"):
        cure = "write [default] and its three keys as key = value instead"
        return "the file is JSON, as an AWS command prints it", cure
    if text.lstrip("\ufeff").lower().startswith("access key id,"):
        cure = "import it with: aws configure import --csv file://FILE; or write [default] and both"
        return "the file is the CSV file of a new key", f"{cure} keys as key = value"
    return None


def _explain_line(line: int, lines: list[str]) -> tuple[int, str, str]:
    text, before = lines[line - 1], _SETTING.match(lines[line - 2]) if line > 1 else None
    if text.lstrip().startswith("["):
        return (line, *_NO_BRACKET)
    if _CONFLICT.match(text):
        return (line, *(_find_other_kind(text) or _NO_BRACKET))
    if before and before[2].lower() in _LONG and re.fullmatch(r"\S{20,}", text.rstrip()):
        reason = f"the line seems to be the rest of {before[2]} in the line before"
        return line, reason, "write it on one line"
    reason = "the line is neither a section nor a key with a value"
    return line, reason, "write it as key = value, or remove it"


def _find_header(lines: list[str], section: str) -> int:
    headers = [_HEADER.match(line) for line in lines]
    return next((i for i, one in enumerate(headers, 1) if one and one[2] == section), 1)
