"""What `doctor` looks at on this machine, whichever registry it is about."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from docker_credential_ecrpy.docker import credential_lookup, installed_helpers
from docker_credential_ecrpy.docker.config import (
    HELPER_NAMES,
    DockerConfig,
    auth_file_paths,
    bare_host,
    config_path,
    default_store,
    is_our_helper,
)
from docker_credential_ecrpy.docker.installed_helpers import InstalledHelper
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files import search_path
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import SettingText
from docker_credential_ecrpy.tokens import recent

Fact = TypeVar("Fact")


class NotLookedAt(DeadlineExceeded):
    """The time was up before this had its turn."""


def attempt(call: Callable[[], Fact]) -> Fact | HelperError:
    """Return what a call returns, or the HelperError that it raises."""
    try:
        return call()
    except HelperError as exc:
        return exc


@dataclass
class Machine:
    """What is the same for every registry.

    until: the `time.monotonic()` by which all that is asked has to have answered.
    """

    helper: Helper
    until: float
    environ: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environ = self.helper.environ

    def left(self) -> float:
        """Return the seconds that there are. Raises NotLookedAt where there are none."""
        seconds = self.until - time.monotonic()
        if seconds > 0:
            return seconds
        msg = "the time was up before this was looked at"
        raise NotLookedAt(msg, hint="AWS_ECR_TIMEOUT sets it, in seconds")

    def look(self) -> None:
        """Gather all of it. It takes longer than the time that is left by some seconds at most."""
        _ = self.settings, self.config, self.variable, self.podman, self.default_store
        with ThreadPoolExecutor(max_workers=3) as pool:  # each may hang
            docker = pool.submit(lambda: self.docker)
            list(pool.map(InstalledHelper.read_version, self.programs.values()))
            docker.result()

    @cached_property
    def settings(self) -> Settings | HelperError:
        """Our own config.toml."""
        return attempt(self.helper.load_settings)

    @cached_property
    def config(self) -> DockerConfig | HelperError:
        """Docker's config.json."""
        return attempt(lambda: DockerConfig.load(config_path(self.environ)))

    @cached_property
    def variable(self) -> DockerConfig | HelperError | None:
        """What DOCKER_AUTH_CONFIG holds; None where it is not set."""
        return attempt(lambda: credential_lookup.read_variable(self.environ))

    @cached_property
    def docker(self) -> str:
        """What `docker --version` says, where that matters; "" where there is no docker."""
        path = search_path.find("docker", self.environ)
        if not path or self.variable is None:
            return ""
        try:
            done = installed_helpers.run(
                [path, "--version"], min(installed_helpers.SECONDS, self.left())
            )
        except (OSError, subprocess.TimeoutExpired, DeadlineExceeded):
            return ""
        return done.stdout.decode("utf-8", "replace").strip()

    @property
    def heeded(self) -> DockerConfig | None:
        """What DOCKER_AUTH_CONFIG holds, where docker reads it."""
        heeds = credential_lookup.reads_variable(self.docker)
        return self.variable if heeds and isinstance(self.variable, DockerConfig) else None

    @cached_property
    def default_store(self) -> str:
        """The store that Docker takes where its file says nothing; "" for none."""
        return default_store(self.environ)

    @cached_property
    def podman(self) -> list[DockerConfig | HelperError]:
        """The files of podman, buildah and skopeo that are there."""
        files = [file for file in auth_file_paths(self.environ) if os.path.exists(file)]
        return [attempt(lambda file=file: DockerConfig.load(file)) for file in files]  # type: ignore[misc]  # mypy knows no lambda with a default

    @cached_property
    def absent_helpers(self) -> list[str]:
        """The other credential helpers that config.json names, and that are not on PATH."""
        if not isinstance(self.config, DockerConfig):
            return []
        names = dict.fromkeys([self.config.store, *self.config.helpers.values()])
        others = [name for name in names if name and not is_our_helper(name)]
        return [
            name for name in others if not installed_helpers.find_helper(name, self.environ).paths
        ]

    @property
    def fallback(self) -> SettingText | None:
        """The credential helper for other registries, where our settings name one."""
        return self.settings.fallback if isinstance(self.settings, Settings) else None

    @cached_property
    def has_fallback(self) -> bool:
        """Whether that is there."""
        name = self.fallback.text if self.fallback else ""
        return bool(name and installed_helpers.find_helper(name, self.environ).paths)

    @cached_property
    def programs(self) -> dict[str, InstalledHelper]:
        """What Docker finds under each of our names."""
        return {name: installed_helpers.find_helper(name, self.environ) for name in HELPER_NAMES}

    def registries(self) -> list[str]:
        """Return the hosts that are ours and that there is a word of: Docker's, or lately asked."""
        keys: list[str] = []
        if isinstance(self.config, DockerConfig):
            helpers = self.config.helpers.items()
            keys = [key for key, helper in helpers if is_our_helper(helper)]
            keys += [login.key for login in self.config.logins]
        if self.heeded:
            keys += [login.key for login in self.heeded.logins]
        hosts = [bare_host(key) for key in keys]
        if not hosts and self.helper.find_directory():
            hosts = recent.list_hosts(self.helper.find_directory())
        return [host for host in dict.fromkeys(hosts) if host and self._is_ours(host)]

    def _is_ours(self, host: str) -> bool:
        if registry.parse(host):
            return True
        chosen = attempt(lambda: self.helper.choose(host))  # by a rule, where they make sense
        return chosen is not None and not isinstance(chosen, HelperError)
