"""What `doctor` finds on this machine: Docker's and our files, and the programs on PATH."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker import credential_lookup, installed_helpers
from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.docker.credential_lookup import CredentialSource, PodmanConf
from docker_credential_ecrpy.docker.installed_helpers import InstalledHelper, find_helper
from docker_credential_ecrpy.doctor.deadline import Deadline, attempt
from docker_credential_ecrpy.doctor.probes.engine import Engine, probe_engine
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.directory import Refused
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import dataclass, field, replace
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Choice, SettingText
from docker_credential_ecrpy.tokens import recent


@dataclass(frozen=True)
class Machine:
    """What is the same for every registry. A file that cannot be used is replaced by its error.

    cache: our cache's directory, or "". settings: our config.toml. config: Docker's config.json.
    variable: the content of DOCKER_AUTH_CONFIG; None where it is not set.
    docker: what `docker --version` prints, where that matters; "" where there is no docker, and
    None until it is run. default_store: the store that Docker takes by default, or "".
    for_podman: whether podman is judged, and not docker. podman: the files of podman, buildah and
    skopeo that exist, without Docker's. podmans_conf: what registries.conf says.
    programs: the programs that Docker finds under each of our names.
    fallback: the helper for other registries that our settings name.
    engine: what Docker's client pulls with; None without a client, or until it is asked.
    refusals: why the cache's directory, or folders in it, must not be used.
    """

    environ: Mapping[str, str]
    cache: str
    settings: Settings | HelperError
    config: DockerConfig | HelperError
    variable: DockerConfig | HelperError | None
    default_store: str
    podman: list[DockerConfig | HelperError]
    programs: dict[str, InstalledHelper]
    fallback: SettingText | None
    for_podman: bool = False
    podmans_conf: PodmanConf = field(default_factory=PodmanConf)
    docker: str | None = None
    engine: Engine | HelperError | None = None
    refusals: tuple[Refused, ...] = ()

    @property
    def variable_in_use(self) -> DockerConfig | None:
        """The content of DOCKER_AUTH_CONFIG, where this version of docker reads it."""
        in_use = credential_lookup.reads_variable(self.docker or "")
        return self.variable if in_use and isinstance(self.variable, DockerConfig) else None

    @property
    def client(self) -> str:
        """The client that is judged, as its command is called."""
        return "podman" if self.for_podman else "docker"

    def lookup(self, host: str) -> CredentialSource | None:
        """Return where the client that is judged gets a host's credentials; None as below."""
        return self.lookup_in_podman(host) if self.for_podman else self.lookup_in_docker(host)

    def lookup_in_docker(self, host: str) -> CredentialSource | None:
        """Return where docker gets a host's credentials; None where its file cannot be read."""
        if not isinstance(self.config, DockerConfig):
            return None
        return credential_lookup.lookup_credentials(
            host, self.config, self.variable_in_use, self.default_store
        )

    def lookup_in_podman(self, host: str, repository: str = "") -> CredentialSource | None:
        """Return where podman gets the credentials; None where it cannot read a file."""
        files = [each for each in (*self.podman, self.config) if isinstance(each, DockerConfig)]
        if len(files) <= len(self.podman):
            return None
        return credential_lookup.lookup_in_podman(host, files, self.podmans_conf, repository)


def read_machine(helper: Helper, *, for_podman: bool = False) -> Machine:
    """Return what the files of this machine hold. Runs no program."""
    environ = helper.environ
    settings = attempt(helper.load_settings)
    podman = filter(os.path.exists, docker_config.auth_file_paths(environ))
    return Machine(
        environ=environ,
        cache=helper.find_directory(),
        settings=settings,
        config=attempt(lambda: DockerConfig.load(docker_config.config_path(environ))),
        variable=attempt(lambda: credential_lookup.read_variable(environ)),
        default_store=docker_config.default_store(environ),
        podman=[attempt(lambda file=file: DockerConfig.load(file)) for file in podman],  # type: ignore[misc]  # mypy knows no lambda with a default
        programs={name: find_helper(name, environ) for name in docker_config.HELPER_NAMES},
        fallback=settings.fallback if isinstance(settings, Settings) else None,
        refusals=tuple(helper.list_refusals()),
        for_podman=for_podman,
        podmans_conf=credential_lookup.read_podmans_conf(environ),
    )


def ask_docker(machine: Machine, deadline: Deadline) -> Machine:
    """Return the machine with docker's version, which is read only if the variable is set."""
    if machine.docker is not None:
        return machine
    path = search_path.find("docker", machine.environ) if machine.variable else ""
    try:
        seconds = min(installed_helpers.SECONDS, deadline.left())
        said = installed_helpers.run([path, "--version"], seconds)[0] if path else b""
    except (OSError, HelperError, DeadlineExceeded):
        said = b""
    return replace(machine, docker=said.decode("utf-8", "replace").strip())


def ask_programs(machine: Machine, deadline: Deadline) -> Machine:
    """Return the machine once docker, its engine and our programs have answered.

    It may end some seconds after the deadline.
    """
    config = machine.config if isinstance(machine.config, DockerConfig) else None
    with ThreadPoolExecutor(max_workers=4) as pool:  # each may hang
        asked = pool.submit(ask_docker, machine, deadline)
        engine = pool.submit(
            attempt,
            lambda: (
                None
                if machine.for_podman
                else probe_engine(machine.environ, config, deadline.left())
            ),
        )
        list(pool.map(InstalledHelper.read_version, machine.programs.values()))
        return replace(asked.result(), engine=engine.result())


def list_registries(helper: Helper, machine: Machine) -> list[str]:
    """Return the ECR hosts and private names in Docker's files, or else the last ones used."""
    keys: list[str] = []
    own = machine.podman if machine.for_podman else [machine.variable_in_use]  # it has no helpers
    for config in (machine.config, *own):
        if isinstance(config, DockerConfig):
            keys += config.our_keys + [login.key for login in config.logins]
    hosts = [docker_config.bare_host(key) for key in keys]
    if not hosts and machine.cache:
        hosts = recent.list_hosts(machine.cache)
    return [host for host in dict.fromkeys(hosts) if host and _is_ours(host, helper)]


def _is_ours(host: str, helper: Helper) -> bool:
    # Other hosts by a rule, where the settings can be used.
    return bool(registry.parse(host)) or isinstance(attempt(lambda: helper.choose(host)), Choice)
