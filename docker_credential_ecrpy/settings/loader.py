"""Our own settings, `~/.ecr/config.toml`, read and checked whole.

Every mistake is an error with file, line and key: an ignored rule may be the one that separates two
accounts.
"""

import errno
import os
import re
from collections.abc import Callable, Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import Place, Rule, SettingText
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.settings.toml_document import TomlDocument

TABLE = "registry"
KEYS = ("fallback", TABLE)
HELPER_PREFIX = "docker-credential-"
"""The prefix of every credential helper's program name."""
MAX_SIZE = 256 * 1024
"""The file's limit in bytes: about two thousand rules."""

_TRIES = 20
_HELPER = expression(rf"(?!{HELPER_PREFIX})[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """The content of config.toml.

    file: its path, or "" if the environment names none. stamp: its `identity.stamp` when read.
    fallback: the credential helper for other registries, without `HELPER_PREFIX`.
    is_checked_now: whether this process has checked the very data of the stamp.
    """

    file: str
    stamp: str
    rules: tuple[Rule, ...] = ()
    fallback: SettingText | None = None
    is_checked_now: bool = False


def is_helper_name(name: object) -> bool:
    """Whether a text is the name of a credential helper, without `HELPER_PREFIX`."""
    return isinstance(name, str) and _HELPER.fullmatch(name) is not None


def load(
    environ: Mapping[str, str], was_checked: Callable[[str], bool] = lambda _: False
) -> Settings:
    """Return the settings; empty if there is no file and the environment names none.

    was_checked: whether the file with this `identity.stamp` is known to have no mistake.
    Raises HelperError for an unreadable or invalid file.
    """
    file = paths.config_file(environ)
    try:
        data, stamp = _read(file)
    except (OSError, ValueError) as exc:
        if not paths.has_settings(environ):
            return Settings(file, identity.MISSING)
        raise _explain_unreadable(file, exc, environ) from exc
    from docker_credential_ecrpy.settings.toml_document import TomlDocument

    document = TomlDocument(file, data, TABLE)
    # The file may have been another one for the moment between two equal stamps.
    is_exact = _is_stamp_of(data, stamp)
    if is_exact and was_checked(stamp):
        return accept(document, stamp)
    return parse(document, stamp, is_checked_now=is_exact)


def _explain_unreadable(
    file: str, exc: OSError | ValueError, environ: Mapping[str, str]
) -> HelperError:
    reason = getattr(exc, "strerror", None) or str(exc)
    msg = f"{one_line(file)} cannot be read: {one_line(reason)}"
    is_named, command = bool(environ.get("AWS_ECR_CONFIG")), ""
    hint = "point AWS_ECR_CONFIG at a TOML file, or unset it" if is_named else "fix or remove it"
    if isinstance(exc, PermissionError):
        from docker_credential_ecrpy.files.user import permissions

        whose, command = permissions.take_back(file)
        if whose:
            hint = f"{whose}, as after sudo: {command}"
        elif not is_named:
            hint = "make it readable for this user; to use no settings, set"
            hint += f" AWS_ECR_CONFIG={os.devnull}"
    return HelperError(msg, hint=hint, command=command)


def _read(file: str) -> tuple[bytes, str]:
    """Return a file's content and its stamp. Raises OSError and ValueError."""
    for _ in range(_TRIES):
        stamp = identity.file_stamp(file)
        data = b"" if file == os.devnull else bounded.read(file, MAX_SIZE)
        if stamp == identity.file_stamp(file):
            return data, stamp
    raise OSError(errno.EBUSY, "it keeps changing")


def _is_stamp_of(data: bytes, stamp: str) -> bool:
    """Whether a stamp has the digest of this very content."""
    return stamp.endswith(identity.data_state(data).partition(".")[2])


def parse(
    source: "TomlDocument", stamp: str = identity.MISSING, *, is_checked_now: bool = False
) -> Settings:
    """Return the settings in a TOML file. Raises HelperError if they are invalid."""
    from docker_credential_ecrpy.settings import rule_parser  # needed only if there is a file
    from docker_credential_ecrpy.settings.toml_document import TOP

    for key in source.parsed:
        if key not in KEYS:
            hint = f"put it below a line [[{TABLE}]]"
            if key not in rule_parser.KEYS:
                hint = rule_parser.suggest_key(key, KEYS)
            raise source.error_at(TOP, key, f"unknown key {rule_parser.shown(key)}", hint)
    name = source.parsed.get("fallback")
    if "fallback" in source.parsed and not is_helper_name(name):
        msg = f"fallback = {rule_parser.shown(name)} is not a credential helper"
        hint = f'write its program name without {HELPER_PREFIX}, such as fallback = "pass"'
        raise source.error_at(TOP, "fallback", msg, hint)
    tables = source.parsed.get(TABLE, [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        msg = f"{TABLE} is not a list of tables"
        raise source.error_at(TOP, TABLE, msg, f"write [[{TABLE}]], with double brackets")
    rules = tuple(rule_parser.read(source, n, table) for n, table in enumerate(tables))
    rule_parser.check_reach(source, rules)
    return Settings(source.file, stamp, rules, _find_fallback(source), is_checked_now)


def accept(source: "TomlDocument", stamp: str) -> Settings:
    """Return the settings in a TOML file that `parse` has accepted before."""
    from docker_credential_ecrpy.settings import rule_reader

    tables = source.parsed.get(TABLE, [])
    rules = tuple(rule_reader.read(source, n, table) for n, table in enumerate(tables))
    return Settings(source.file, stamp, rules, _find_fallback(source))


def _find_fallback(source: "TomlDocument") -> SettingText | None:
    from docker_credential_ecrpy.settings.toml_document import TOP

    name = source.parsed.get("fallback")
    place = Place(source.file, lambda: source.line(TOP, "fallback"))
    return SettingText(name, place) if name else None
