"""Docker's config.json and podman's auth.json: their paths, and their helpers and logins."""

import base64
import os
import re
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.files.replace import read_user_file
from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.tokens.login import password_expiry

HELPER_NAMES = ("ecr-login", "ecrpy")
"""Our programs, without `HELPER_PREFIX`; the drop-in's name first."""
AUTHS = "auths"
HELPERS = "credHelpers"
STORE = "credsStore"
AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""Docker 28.3 and later read this variable before the file."""

_SECRETS = ("auth", "username", "password", "identitytoken", "registrytoken")


def is_our_helper(helper: str) -> bool:
    """Whether a helper's name is one of ours, even with the prefix, which is a mistake."""
    return helper.removeprefix(HELPER_PREFIX) in HELPER_NAMES


def shown_key(key: str) -> str:
    """Return a key for output: without the password that its URL may have."""
    scheme, separator, rest = key.rpartition("://")
    return one_line(scheme + separator + rest.rpartition("@")[2])


def bare_host(key: str) -> str:
    """Return the key that Docker looks up for the registry of `key`, or "" for no registry.

    That is its host in lower case, with its port unless the registry is ECR's own.
    """
    host = registry.parse_host(key)
    if not host or registry.parse(host):
        return host
    authority = re.split("[/?#]", key.partition("://")[2] or key, maxsplit=1)[0]
    port = authority.rpartition("@")[2].partition(":")[2]
    return f"{host}:{port}" if port else host


def config_path(environ: Mapping[str, str]) -> str:
    """Return the path of Docker's config.json: in `$DOCKER_CONFIG`, or else in `~/.docker`.

    https://docs.docker.com/reference/cli/docker/#environment-variables
    """
    directory = environ.get("DOCKER_CONFIG") or os.path.join(_find_home(environ), ".docker")
    return os.path.join(directory, "config.json")


def auth_file_paths(environ: Mapping[str, str]) -> list[str]:
    """Return the files of podman, buildah and skopeo, in the order in which they read them.

    The last one survives a restart. `$REGISTRY_AUTH_FILE` replaces all of them.
    https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
    """
    if environ.get("REGISTRY_AUTH_FILE"):
        return [environ["REGISTRY_AUTH_FILE"]]
    home = _find_home(environ)
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    found = [os.path.join(config, "containers", "auth.json")]
    if sys.platform == "linux":
        run = environ.get("XDG_RUNTIME_DIR")
        of_user = f"/run/containers/{os.getuid()}/auth.json"
        found.insert(0, os.path.join(run, "containers", "auth.json") if run else of_user)
    return found


def _find_home(environ: Mapping[str, str]) -> str:
    # Without HOME, Docker's client reads the user database.
    return paths.home(environ) or os.path.expanduser("~")


@dataclass(frozen=True)
class Login:
    """What a file holds for a registry, under a key.

    expires: nanoseconds since the epoch (UTC), where the password of an ECR login says so.
    """

    key: str
    username: str = ""
    password: str = field(default="", repr=False)
    expires: int | None = None


@dataclass(frozen=True)
class Problem:
    """An entry that Docker cannot read, or with no key, a section. text: why."""

    section: str
    key: str | None
    text: str

    def __str__(self) -> str:
        at = "" if self.key is None else f", {shown_key(self.key)!r}:"
        return f"{self.section}{at} {self.text}"


def _holds_any(fields: object) -> bool:
    """Whether an entry of `auths` has a secret: a login in a store leaves an empty one."""
    if isinstance(fields, dict):
        return any(value for key, value in fields.items() if key.casefold() in _SECRETS)
    return fields is not None


def _read_login(key: str, fields: object) -> Login | Problem | None:
    """Return the login or the problem in an entry of `auths`; None for an empty entry."""
    if not _holds_any(fields):
        return None
    if not isinstance(fields, dict):
        return Problem(AUTHS, key, "it is not an object")
    fields = {name.casefold(): value for name, value in fields.items()}
    username, password = fields.get("username", ""), fields.get("password", "")
    if fields.get("auth"):
        try:
            # As Go, which skips line ends and no other blanks.
            digits = str(fields["auth"]).replace("\r", "").replace("\n", "")
            text = base64.b64decode(digits, validate=True).decode("utf-8", "replace")
        except ValueError:
            return Problem(AUTHS, key, "its auth is not base64")
        username, colon, password = text.partition(":")
        if not (colon and username):
            return Problem(AUTHS, key, "its auth has no user name and password")
        password = password.strip("\0")
    if not (isinstance(username, str) and isinstance(password, str)):
        return Problem(AUTHS, key, "its user name and password are not strings")
    return Login(key, username, password, password_expiry(password))


@dataclass(frozen=True)
class DockerConfig:
    """A config.json or auth.json. data: its content, None for no file."""

    file: str
    data: bytes | None
    source: JsonDocument

    @classmethod
    def parse(cls, file: str, data: bytes | None) -> "DockerConfig":
        """Parse the content of a file. file: its path, for errors. Raises HelperError."""
        return cls(file, data, JsonDocument(file, data or b""))

    @classmethod
    def load(cls, file: str) -> "DockerConfig":
        """Read a file. Raises HelperError where it is unreadable or its sections are no objects."""
        config = cls.parse(file, read_user_file(file))
        _ = config.source.members(HELPERS), config.source.members(AUTHS), config.source.value(STORE)
        return config

    @cached_property
    def helpers(self) -> dict[str, str]:
        """The credential helper of each registry."""
        members = self.source.members(HELPERS)
        return {member.key: member.value for member in members if isinstance(member.value, str)}

    @property
    def our_keys(self) -> list[str]:
        """The keys under credHelpers that name one of our programs."""
        return [key for key, helper in self.helpers.items() if is_our_helper(helper)]

    @cached_property
    def store(self) -> str:
        """The credential helper for all other registries, or ""."""
        value = self.source.value(STORE)
        return value if isinstance(value, str) else ""

    @cached_property
    def logins(self) -> list[Login]:
        """The entries under `auths` that Docker can read, except empty ones."""
        return [entry for entry in self._entries if isinstance(entry, Login)]

    @cached_property
    def problems(self) -> list[Problem]:
        """The entries that Docker cannot read: one is enough, and Docker rejects the whole file."""
        found = [entry for entry in self._entries if isinstance(entry, Problem)]
        found += [
            Problem(HELPERS, member.key, "it is not a string")
            for member in self.source.members(HELPERS)
            if not isinstance(member.value, str | None)
        ]
        if not isinstance(self.source.value(STORE), str | None):
            found.append(Problem(STORE, None, "is not a string"))
        return found

    @property
    def has_any(self) -> bool:
        """Whether the file configures credentials; if not, Docker uses its default store."""
        return bool(self.store or self.helpers or self.source.members(AUTHS))

    @property
    def is_dockers(self) -> bool:
        """Whether the file is Docker's and not podman's."""
        return os.path.basename(self.file) == "config.json"

    def login_keys(self, host: str) -> list[str]:
        """Return the keys of the logins for a host, in any form: with a scheme, a port, a path."""
        return self._keys_of_logins.get(host, [])

    def mistaken_keys(self, host: str) -> list[str]:
        """Return the keys under credHelpers for a host that are not the one Docker looks up."""
        return [key for key in self.helpers if key != host and bare_host(key) == host]

    @cached_property
    def _keys_of_logins(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, fields in self._auths.items():
            if _holds_any(fields):
                found.setdefault(bare_host(key), []).append(key)
        return found

    @cached_property
    def _entries(self) -> list[Login | Problem | None]:
        return [_read_login(key, fields) for key, fields in self._auths.items()]

    @cached_property
    def _auths(self) -> dict[str, Any]:
        """The value of each key under `auths`: the last one, as Docker reads them."""
        return {member.key: member.value for member in self.source.members(AUTHS)}


def default_store(environ: Mapping[str, str]) -> str:
    """Return the store that Docker uses when its file configures none, or "".

    docker/cli, cli/config/credentials/default_store*.go.
    """
    name = {"win32": "wincred", "darwin": "osxkeychain"}.get(sys.platform)
    if not name:
        name = "pass" if search_path.find("pass", environ) else "secretservice"
    return name if search_path.find(HELPER_PREFIX + name, environ) else ""
