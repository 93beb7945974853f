"""Our own settings, `~/.ecr/config.toml`, read and checked whole.

What is wrong is told with file, line and key before any of it is used: a rule that is not
understood may be the one that keeps two accounts apart.
"""

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded, racy
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.settings.rules import Place, Rule, Written
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.settings.toml_document import TomlDocument

TABLE = "registry"
KEYS = ("fallback", TABLE)
HELPER_PREFIX = "docker-credential-"
"""How the name of every credential helper's program begins."""
MAX_SIZE = 256 * 1024
"""Bytes that the file may have; two thousand rules."""

_TRIES = 20
_HELPER = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """What the file says.

    file: its path, or "" where the environment names none.
    stamp: the `identity.stamp` of what was read.
    fallback: what the name of the credential helper for other registries ends in.
    """

    file: str
    stamp: str
    rules: tuple[Rule, ...] = ()
    fallback: Written | None = None


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings; none of them where there is no file and none was asked for.

    Raises HelperError for a file that cannot be read or does not make sense.
    """
    file = paths.config_file(environ)
    try:
        data, stamp = _read(file)
    except (OSError, ValueError) as exc:
        if not paths.has_settings(environ):
            return Settings(file, identity.MISSING)
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        msg = f"{one_line(file)} cannot be read: {one_line(reason)}"
        hint = "mend it, or remove it"
        if environ.get("AWS_ECR_CONFIG"):
            hint = "point AWS_ECR_CONFIG at a TOML file, or unset it"
        raise HelperError(msg, hint=hint) from exc
    from docker_credential_ecrpy.settings.toml_document import TomlDocument

    return _settings(TomlDocument(file, data, TABLE), stamp)


def parse(source: "TomlDocument") -> Settings:
    """Return the settings that a text is. Raises HelperError for one that does not make sense."""
    return _settings(source, identity.MISSING)


def _read(file: str) -> tuple[bytes, str]:
    """Return what a file holds, and its stamp of that moment. Raises OSError and ValueError."""
    for _ in range(_TRIES):
        racy.wait([file])
        stamp = identity.stamp_of(file)
        data = b"" if file == os.devnull else bounded.read(file, MAX_SIZE)
        if stamp == identity.stamp_of(file):
            return data, stamp
    raise OSError(errno.EBUSY, "it changes all the time")


def _settings(source: "TomlDocument", stamp: str) -> Settings:
    from docker_credential_ecrpy.settings import rule_parser  # only for a file
    from docker_credential_ecrpy.settings.toml_document import TOP

    parsed = source.parsed
    for key in parsed:
        if key not in KEYS:
            of_rule = key in rule_parser.KEYS
            hint = f"put it below a line [[{TABLE}]]" if of_rule else rule_parser.unknown(key, KEYS)
            raise source.wrong(TOP, key, f"unknown key {rule_parser.shown(key)}", hint)
    fallback = parsed.get("fallback")
    if fallback is not None:
        _check_fallback(source, fallback)
    tables = parsed.get(TABLE, [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        msg = f"{TABLE} is not a list of tables"
        raise source.wrong(TOP, TABLE, msg, f"write [[{TABLE}]], in two pairs of brackets")
    rules = tuple(rule_parser.read(source, n, table) for n, table in enumerate(tables))
    rule_parser.check_reach(source, rules)
    if fallback is None:
        return Settings(source.file, stamp, rules)
    place = Place(source.file, lambda: source.line(TOP, "fallback"))
    return Settings(source.file, stamp, rules, Written(fallback, place))


def _check_fallback(source: "TomlDocument", value: object) -> None:
    if isinstance(value, str) and _HELPER.fullmatch(value) and not value.startswith(HELPER_PREFIX):
        return
    from docker_credential_ecrpy.settings import rule_parser
    from docker_credential_ecrpy.settings.toml_document import TOP

    msg = f"fallback = {rule_parser.shown(value)} is not a credential helper"
    hint = (
        f'write what the name of its program has after {HELPER_PREFIX}, such as fallback = "pass"'
    )
    raise source.wrong(TOP, "fallback", msg, hint)
