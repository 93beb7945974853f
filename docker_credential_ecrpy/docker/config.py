"""Docker's config.json: where it is, what it says of registries, and what it ought to.

The order in which Docker asks is that of docker/cli, cli/config/configfile/file.go.
"""

import base64
import binascii
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.files import search_path
from docker_credential_ecrpy.files.replace import read_user_file
from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.tokens.token import password_expiry

HELPER_NAMES = ("ecr-login", "ecrpy")
"""What our programs are called in it: after `HELPER_PREFIX`, the drop-in's name first."""
AUTHS = "auths"
HELPERS = "credHelpers"
STORE = "credsStore"
AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""A variable that from docker 28.3 on goes before the file."""

_SECRETS = ("auth", "username", "password", "identitytoken", "registrytoken")


def is_our_helper(helper: str) -> bool:
    """Whether a helper's name is one of ours, or by mistake that of the whole program."""
    return helper.removeprefix(HELPER_PREFIX) in HELPER_NAMES


def shown_key(key: str) -> str:
    """Return a key for a person: without the password that it may have before its host."""
    scheme, separator, rest = key.rpartition("://")
    return one_line(scheme + separator + rest.rpartition("@")[2])


def bare_host(key: str) -> str:
    """Return what Docker looks for where a key means it; "" where it means no registry.

    That is the host in lower case, with its port: but none where it is one of ECR's own.
    """
    host = registry.parse_host(key)
    if not host or registry.parse(host):
        return host
    authority = re.split("[/?#]", key.partition("://")[2] or key, maxsplit=1)[0]
    port = authority.rpartition("@")[2].partition(":")[2]
    return f"{host}:{port}" if port else host


def config_path(environ: Mapping[str, str]) -> str:
    """Return where Docker's config.json is: in `$DOCKER_CONFIG`, or else in `~/.docker`.

    https://docs.docker.com/reference/cli/docker/#environment-variables
    """
    directory = environ.get("DOCKER_CONFIG") or os.path.join(_home(environ), ".docker")
    return os.path.join(directory, "config.json")


def auth_file_paths(environ: Mapping[str, str]) -> list[str]:
    """Return the files of podman, buildah and skopeo, in the order that they are read in.

    The last one is there after a restart, too. `$REGISTRY_AUTH_FILE` goes before all.
    https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
    """
    if environ.get("REGISTRY_AUTH_FILE"):
        return [environ["REGISTRY_AUTH_FILE"]]
    home = _home(environ)
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    found = [os.path.join(config, "containers", "auth.json")]
    if sys.platform == "linux":
        run = environ.get("XDG_RUNTIME_DIR")
        of_user = f"/run/containers/{os.getuid()}/auth.json"
        found.insert(0, os.path.join(run, "containers", "auth.json") if run else of_user)
    return found


def _home(environ: Mapping[str, str]) -> str:
    # Docker's own client asks the user database, too, where there is no HOME.
    return paths.home(environ) or os.path.expanduser("~")


@dataclass(frozen=True)
class Login:
    """What a file holds for a registry. key: what it stands under.

    expires: nanoseconds since the epoch (UTC), where the password of an ECR login says so.
    """

    key: str
    username: str = ""
    password: str = field(default="", repr=False)
    expires: int | None = None

    @classmethod
    def read(cls, key: str, fields: object) -> "Login | None":
        """Return the login that an entry of `auths` is; None for an empty one, as Docker leaves it.

        Raises ValueError where Docker could not read it.
        """
        if not _holds_any(fields):
            return None
        problem = "it is not an object"
        if isinstance(fields, dict):
            fields = {key.casefold(): value for key, value in fields.items()}
            username, password = fields.get("username", ""), fields.get("password", "")
            if fields.get("auth"):
                username, password = _decode_auth(fields["auth"])
            if isinstance(username, str) and isinstance(password, str):
                return cls(key, username, password, password_expiry(password))
            problem = "its user name and password are not strings"
        raise ValueError(problem)


def _holds_any(fields: object) -> bool:
    """Whether an entry of `auths` is more than the empty one that a store's login leaves."""
    if isinstance(fields, dict):
        return any(value for key, value in fields.items() if key.casefold() in _SECRETS)
    return fields is not None


def _decode_auth(auth: object) -> tuple[str, str]:
    """Return the user name and password of a login. Raises ValueError."""
    try:
        text = base64.b64decode(str(auth), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as exc:
        msg = "its auth is not base64"
        raise ValueError(msg) from exc
    username, colon, password = text.partition(":")
    if not (colon and username):
        msg = "its auth has no user name and password"
        raise ValueError(msg)
    return username, password.strip("\0")


@dataclass(frozen=True)
class Problem:
    """An entry that Docker cannot read. key: None where it is the section itself. text: why."""

    section: str
    key: str | None
    text: str

    def __str__(self) -> str:
        at = "" if self.key is None else f", {shown_key(self.key)!r}:"
        return f"{self.section}{at} {self.text}"


@dataclass(frozen=True)
class DockerConfig:
    """A config.json, or an auth.json. data: what it holds, or None where it is not there."""

    file: str
    data: bytes | None
    source: JsonDocument

    @classmethod
    def parse(cls, file: str, data: bytes | None) -> "DockerConfig":
        """Return what `data` says. file: its path, for errors. Raises HelperError."""
        return cls(file, data, JsonDocument(file, data or b""))

    @classmethod
    def load(cls, file: str) -> "DockerConfig":
        """Return what the file says. Raises HelperError where that cannot be made out."""
        config = cls.parse(file, read_user_file(file))
        for section in (HELPERS, AUTHS):
            config.source.members(section)
        config.source.value(STORE)
        return config

    @cached_property
    def helpers(self) -> dict[str, str]:
        """Registry -> the credential helper for it."""
        members = self.source.members(HELPERS)
        return {member.key: member.value for member in members if isinstance(member.value, str)}

    @cached_property
    def store(self) -> str:
        """The credential helper for all other registries, or ""."""
        value = self.source.value(STORE)
        return value if isinstance(value, str) else ""

    @cached_property
    def logins(self) -> list[Login]:
        """What `auths` holds that Docker can read, without what is empty."""
        return [entry for entry in self._entries if isinstance(entry, Login)]

    @cached_property
    def problems(self) -> list[Problem]:
        """What is in it that Docker cannot read; for one of them it reads nothing of the file."""
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
        """Whether it says anything of credentials: if not, Docker looks for a store itself."""
        return bool(self.store or self.helpers or self.source.members(AUTHS))

    @property
    def is_dockers(self) -> bool:
        """Whether it is Docker's own, and not podman's."""
        return os.path.basename(self.file) == "config.json"

    def login_keys(self, host: str) -> list[str]:
        """Return the keys under `auths`, however written, that hold something for a host."""
        return self._keys_of_logins.get(host, [])

    def mistaken_keys(self, host: str) -> list[str]:
        """Return the keys under credHelpers that mean a host, and that Docker does not find."""
        return [key for key in self.helpers if key != host and bare_host(key) == host]

    @cached_property
    def _keys_of_logins(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for member in self.source.members(AUTHS):
            if _holds_any(member.value):
                found.setdefault(bare_host(member.key), []).append(member.key)
        return found

    @cached_property
    def _entries(self) -> list[Login | Problem | None]:
        found: list[Login | Problem | None] = []
        for member in self.source.members(AUTHS):
            try:
                found.append(Login.read(member.key, member.value))
            except ValueError as exc:
                found.append(Problem(AUTHS, member.key, str(exc)))
        return found


def default_store(environ: Mapping[str, str]) -> str:
    """Return the store that Docker takes where its file says nothing; "" where there is none.

    docker/cli, cli/config/credentials/default_store*.go.
    """
    if sys.platform == "win32":
        name = "wincred"
    elif sys.platform == "darwin":
        name = "osxkeychain"
    else:
        name = "pass" if search_path.find("pass", environ) else "secretservice"
    return name if search_path.find(HELPER_PREFIX + name, environ) else ""
