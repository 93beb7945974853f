"""Where Docker or podman gets a registry's credentials from.

Docker's order is that of docker/cli: cli/config/memorystore, then cli/config/configfile/file.go;
podman's that of containers/image: pkg/docker/config/config.go.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum

from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker.config import AUTH_VARIABLE, AUTHS, DockerConfig, Login
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import read_user_file
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.text.sanitize import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_READS_VARIABLE_FROM = (28, 3)
PODMANS_FILES = "containers-auth.json"
"""The name by which registries.conf means the files, beside those of helpers."""
_SYSTEM_CONF = "/etc/containers/registries.conf"
_VERSION = re.compile(r"\b(\d+)\.(\d+)\.\d+")

SourceKind = Enum(
    "SourceKind", ["ENVIRONMENT", "HELPER", "STORE", "DEFAULT_STORE", "FILE", "NOTHING"]
)
"""Where Docker finds credentials, in its lookup order."""


@dataclass(frozen=True)
class CredentialSource:
    """name: the credential helper, as in config.json. login: what a file or variable holds.

    file: the file of podman's that decides, or "".
    """

    kind: SourceKind
    name: str = ""
    login: Login | None = None
    file: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether Docker runs a program with one of our names."""
        return self.name in docker_config.HELPER_NAMES


def lookup_credentials(
    host: str, config: DockerConfig, variable: DockerConfig | None, default_store: str
) -> CredentialSource:
    """Return where Docker gets the credentials for a host.

    variable: DOCKER_AUTH_CONFIG, if Docker reads it. default_store: as `config.default_store`.
    """
    if variable and (found := _find_login(host, variable)):
        return CredentialSource(SourceKind.ENVIRONMENT, login=found)
    helper = config.helpers.get(host)
    if helper:
        return CredentialSource(SourceKind.HELPER, helper)
    if config.store and helper is None:
        return CredentialSource(SourceKind.STORE, config.store)
    if not config.has_any and default_store:
        return CredentialSource(SourceKind.DEFAULT_STORE, default_store)
    found = _find_login(host, config)
    return CredentialSource(SourceKind.FILE if found else SourceKind.NOTHING, login=found)


@dataclass(frozen=True)
class PodmanConf:
    """What registries.conf says. file: the path of the one that has `credential-helpers`, or "".

    helpers: what that names. blocked: the registries that podman does not pull from, each with the
    path of its file.
    """

    helpers: tuple[str, ...] = (PODMANS_FILES,)
    file: str = ""
    blocked: tuple[tuple[str, str], ...] = ()

    def find_block(self, host: str, repository: str) -> str:
        """Return what blocks an image's registry or namespace, in words, or ""."""
        names = _list_namespaces(host, repository)
        found = (f"{file} has blocked = true for {at}" for at, file in self.blocked if at in names)
        return next(found, "")


def lookup_in_podman(
    host: str, files: Sequence[DockerConfig], conf: PodmanConf, repository: str = ""
) -> CredentialSource:
    """Return where podman, buildah and skopeo get the credentials for a host or an image of it.

    files: in their order; no credsStore counts. A helper of `conf` that has no credentials is
    followed by the next: that of another program is taken to have none, if something comes after.
    """
    found = CredentialSource(SourceKind.NOTHING)
    for helper in conf.helpers:
        if helper != PODMANS_FILES:
            source = CredentialSource(SourceKind.STORE, helper, file=conf.file)
            if source.is_ours:
                return source
            found = source if found.kind is SourceKind.NOTHING else found
            continue
        for config in files:
            if name := config.helpers.get(host):
                return CredentialSource(SourceKind.HELPER, name, file=config.file)
            if login := _find_podmans_login(host, repository, config):
                return CredentialSource(SourceKind.FILE, login=login, file=config.file)
    return found


def read_podmans_conf(environ: Mapping[str, str]) -> PodmanConf:
    """Return what the files of registries.conf say; a later one counts."""
    home = paths.home(environ)
    own = os.path.join(environ.get("XDG_CONFIG_HOME") or f"{home}/.config", "containers")
    own = os.path.join(own, "registries.conf")
    main = own if os.path.exists(own) else _SYSTEM_CONF
    files = [environ.get("CONTAINERS_REGISTRIES_CONF") or main]
    for folder in (f"{_SYSTEM_CONF}.d", f"{own}.d"):
        with suppress(OSError):
            names = sorted(name for name in os.listdir(folder) if name.endswith(".conf"))
            files += [os.path.join(folder, name) for name in names]
    found, blocked = PodmanConf(), dict[str, str]()
    for file in files:
        with suppress(HelperError, ValueError, RecursionError):
            table = tomllib.loads((read_user_file(file) or b"").decode())
            value = table.get("credential-helpers")
            if isinstance(value, list) and value:
                names = [each for each in value if isinstance(each, str)]
                found = PodmanConf(tuple(names), file)
            blocked |= _read_blocks(table.get("registry"), file)
    return replace(found, blocked=tuple((name, file) for name, file in blocked.items() if file))


def _read_blocks(tables: object, file: str) -> dict[str, str]:
    """Return the registries of a file, each with its path if it is blocked, or else ""."""
    each = (
        [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    )
    names = [str(table.get("prefix") or table.get("location") or "") for table in each]
    states = [file if table.get("blocked") is True else "" for table in each]
    return dict(zip(names, states, strict=True))


def reads_variable(version: str) -> bool:
    """Whether a docker whose `--version` prints this reads DOCKER_AUTH_CONFIG; unknown ones do."""
    found = _VERSION.search(version)
    return found is None or (int(found[1]), int(found[2])) >= _READS_VARIABLE_FROM


def read_variable(environ: Mapping[str, str]) -> DockerConfig | None:
    """Return what DOCKER_AUTH_CONFIG holds, or None where it is not set.

    Raises HelperError where Docker ignores it: for a field other than `auths` and their `auth`.
    """
    text = environ.get(AUTH_VARIABLE)
    if not text:
        return None
    found = DockerConfig.parse(AUTH_VARIABLE, text.encode("utf-8", "surrogateescape"))
    fields = {(member.key.casefold(), AUTHS) for member in found.source.members()}
    for member in found.source.members(AUTHS):
        if isinstance(member.value, dict):
            fields |= {(key.casefold(), "auth") for key in member.value}
    unknown = sorted(key for key, known in fields if key != known)
    if unknown or found.problems:
        msg = f"{AUTH_VARIABLE} has {one_line(unknown[0])!r}" if unknown else found.problems[0]
        raise HelperError(str(msg))
    return found


def _find_login(host: str, config: DockerConfig) -> Login | None:
    """Return Docker's match under `auths`: the host itself, or else the first key for it."""
    logins = [login for login in config.logins if _convert_to_hostname(login.key) == host]
    return next((login for login in logins if login.key == host), logins[0] if logins else None)


def _find_podmans_login(host: str, repository: str, config: DockerConfig) -> Login | None:
    """Return podman's match under `auths`: of the image, of a namespace, then of the host.

    containers/image, pkg/docker/config/config.go: a key with a scheme stands for its host.
    """
    exact = {login.key: login for login in config.logins}
    for name in _list_namespaces(host, repository):
        if name in exact:
            return exact[name]
    by_url = (login for login in config.logins if login.key.startswith(("http://", "https://")))
    return next((login for login in by_url if _convert_to_hostname(login.key) == host), None)


def _list_namespaces(host: str, repository: str) -> list[str]:
    """Return the names that podman looks up for an image, the most specific one first."""
    parts = [host, *filter(None, repository.split("/"))]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _convert_to_hostname(key: str) -> str:
    # docker/cli, cli/config/credentials/file_store.go; unlike `bare_host`, case counts
    _, scheme, rest = key.partition("://")
    if scheme:
        return rest.partition("/")[0].rpartition("@")[2]
    return key.partition("/")[0]
