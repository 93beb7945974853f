"""Reads what `configure` needs from this machine."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker.config import AUTHS, HELPER_NAMES, DockerConfig
from docker_credential_ecrpy.docker.installed_helpers import find_helper, find_problem
from docker_credential_ecrpy.docker.message import Message, MessageId
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import read_user_file
from docker_credential_ecrpy.files.user.backup import read_backups
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.hot.values import dataclass, field, replace
from docker_credential_ecrpy.settings import editor, loader
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.local_credentials import LocalCredentials
    from docker_credential_ecrpy.aws.profiles import ProfileSummary

Hosts = dict[str, tuple[str, str]]
"""Registries, each with its AWS profile and role; "" for none."""
Profiles = Callable[[Mapping[str, str]], "list[ProfileSummary]"]
"""Returns the AWS profiles of an environment; called only where needed."""
Credentials = Callable[[Mapping[str, str]], "LocalCredentials"]
"""Returns which identities may have credentials."""


@dataclass(frozen=True)
class ConfigureRequest:
    """What the user asks for.

    store: become Docker's credsStore, for all registries. fallback: the credential helper for
    other registries; None where the user names none. identity: the AWS profile and role to use,
    also for registries from Docker's file; for a removal without a registry, that of those to
    remove. all_profiles: the registry of each AWS profile. podman: edit podman's files.
    """

    hosts: Hosts = field(default_factory=dict)
    store: bool = False
    fallback: str | None = None
    remove: bool = False
    identity: tuple[str, str] = ("", "")
    all_profiles: bool = False
    podman: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing is named, so that the registries are those of Docker's file."""
        named = self.hosts or self.store or self.all_profiles
        return not named and self.fallback is None


@dataclass(frozen=True)
class Offer:
    """A registry that the user may choose. profile: the AWS profile that has it, or "".

    key: its key in Docker's file where that has one, or "".
    """

    host: str
    profile: str = ""
    key: str = ""


@dataclass(frozen=True)
class DockerFacts:
    """What `configure` reads on this machine.

    config: the file that gets the helpers. others: files that its client reads before it.
    helper, answering, helper_warning: as `find_program` returns them. environ: the environment.
    settings_file, settings: our own; "" for no place for them, None for no file.
    fallback: the helper that they name, or "". now: nanoseconds since the epoch (UTC).
    found: the registries of the AWS profiles or Docker's file, where the request names none;
    None where no AWS profile has one. offers: those of them, and of the profiles, that are not
    configured yet. left_out: why AWS profiles are left out, or cannot be read.
    installed: the helpers on PATH, of those that may be the fallback.
    credentials: which identities may have credentials; None where that is not looked up.
    For a removal, backups: earlier contents of `config`, newest first; elsewhere: the
    registries for which other clients' files name this program, each with the file.
    """

    config: DockerConfig
    helper: str
    answering: Sequence[str]
    helper_warning: Message | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[DockerConfig] = ()
    settings_file: str = ""
    settings: bytes | None = None
    fallback: str = ""
    now: int = 0
    found: Hosts | None = field(default_factory=dict)
    offers: Sequence[Offer] = ()
    left_out: Sequence[Message] = ()
    installed: Sequence[str] = ()
    default_store: str = ""
    credentials: "LocalCredentials | None" = None
    backups: Sequence[bytes] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)


def discover(
    request: ConfigureRequest,
    helper: Helper,
    profiles: Profiles,
    credentials: "Credentials | None" = None,
) -> DockerFacts:
    """Return the facts for a request. Raises HelperError for what cannot be read.

    credentials: looks up which identities may have credentials; None to leave that out.
    """
    environ = helper.environ
    *first, last = list_files(environ, podman=request.podman)
    config, *others = map(DockerConfig.load, (last, *first))
    found, offers, left_out = _find_registries(request, helper, config, profiles)
    program, answering, warning = find_program(environ)
    names = filter(None, (request.fallback, config.store))
    facts = DockerFacts(
        config=config,
        helper=program,
        answering=answering,
        helper_warning=warning,
        environ=environ,
        others=others,
        settings_file=settings_path(environ),
        now=helper.clock(),
        found=found,
        offers=offers,
        left_out=left_out,
        installed=[name for name in names if find_helper(name, environ).paths],
        default_store=docker_config.default_store(environ) if config.is_dockers else "",
    )
    facts = read_files(facts, request)
    return _add_credentials(facts, credentials) if credentials and not request.remove else facts


def read_files(facts: DockerFacts, request: ConfigureRequest) -> DockerFacts:
    """Return the facts with the files as they are now. Raises HelperError for unreadable ones.

    Another program may have changed them since, such as while the user answered a question.
    """
    environ, file = facts.environ, facts.settings_file
    *first, last = list_files(environ, podman=request.podman)
    config, *others = map(DockerConfig.load, (last, *first))
    fallback = loader.load(environ).fallback
    facts = replace(
        facts,
        config=config,
        others=others,
        settings=read_user_file(file) if file else None,
        fallback=fallback.text if fallback else "",
    )
    if not request.remove:
        return facts
    elsewhere = _find_elsewhere(environ, config)
    return replace(facts, backups=read_backups(config.file), elsewhere=elsewhere)


def _find_registries(
    request: ConfigureRequest, helper: Helper, config: DockerConfig, profiles: Profiles
) -> tuple[Hosts | None, list[Offer], list[Message]]:
    """Return the registries that a request leaves open, as `found`, `offers` and `left_out`."""
    if request.all_profiles:
        found, left_out = _find_by_profiles(profiles(helper.environ), helper, remove=request.remove)
        return found, [], left_out
    if not request.is_open:
        return {}, [], []
    hosts = dict.fromkeys(_find_in_config(request, helper, config), request.identity)
    if request.remove:
        return hosts, [], []
    return hosts, *_list_offers(hosts, helper, config, profiles)


def _add_credentials(facts: DockerFacts, credentials: "Credentials") -> DockerFacts:
    """Return the facts with the identities that may have credentials, or why that is unknown."""
    try:
        return replace(facts, credentials=credentials(facts.environ))
    except HelperError as exc:
        warning = Message(MessageId.AWS_SETTINGS, str(exc), exc.command)
        return replace(facts, left_out=list(dict.fromkeys((*facts.left_out, warning))))


def list_files(environ: Mapping[str, str], *, podman: bool) -> list[str]:
    """Return the files that `configure` edits; the last one gets the helpers."""
    if podman:
        return docker_config.auth_file_paths(environ)
    return [docker_config.config_path(environ)]


def list_edited(environ: Mapping[str, str], *, podman: bool) -> list[str]:
    """Return the files that `configure` edits for a client, with our settings."""
    return [*list_files(environ, podman=podman), *filter(None, [settings_path(environ)])]


def settings_path(environ: Mapping[str, str]) -> str:
    """Return the path of our own settings, or "" where there is no place for them."""
    file = paths.config_file(environ)
    return "" if file == os.devnull else file  # which means: no settings


def find_program(environ: Mapping[str, str]) -> tuple[str, list[str], Message | None]:
    """Return the name of this program for Docker's file, by the programs on PATH.

    Then the names under which Docker finds this program and not another one; and what keeps Docker
    from running it, or None.
    """
    found = [find_helper(name, environ) for name in HELPER_NAMES]
    ours = [program for program in found if program.is_ours()]
    program = (ours or found)[0]
    warning = None
    if problem := find_problem(program, environ):
        text = f"{problem.seen}: {problem.command or problem.fix}"
        warning = Message(MessageId.PROGRAM_NOT_RUN, text, problem.command)
    elif found[0].paths and (problem := find_problem(found[0], environ)):
        text = f"{problem.seen}, so the helper is set to {program.name!r}"
        warning = Message(MessageId.PROGRAM_SHADOWED, text)
    return program.name, [program.name for program in ours], warning


def _find_by_profiles(
    profiles: Sequence["ProfileSummary"], helper: Helper, *, remove: bool
) -> tuple[Hosts | None, list[Message]]:
    """Return the registry of each AWS profile (None for none), and why some are left out.

    No profile is given for registries to remove, or whose rules already choose it.
    """
    names: dict[str, list[str]] = {}
    left_out: list[Message] = []
    for profile in profiles:
        try:
            names.setdefault(profile_host(profile), []).append(profile.name)
        except HelperError as exc:
            text = f"AWS profile {one_line(profile.name)!r} is left out: {exc}"
            left_out.append(Message(MessageId.PROFILE_LEFT_OUT, text))
    hosts: Hosts = {}
    for host, those in names.items():
        if remove or any(is_chosen(helper, host, name) for name in those):
            hosts[host] = ("", "")
        elif len(those) == 1:
            hosts[host] = (those[0], "")
        else:
            text = f"{host} is left out: {len(those)} profiles have it:"
            text += f" {', '.join(map(one_line, those))}; choose one:"
            text += f" configure {host} --profile PROFILE"
            left_out.append(Message(MessageId.PROFILE_LEFT_OUT, text))
    return hosts if names else None, left_out


def profile_host(profile: "ProfileSummary") -> str:
    """Return the registry of an AWS profile.

    Raises HelperError where it lacks a part of it, or where no rule can have its name.
    """
    if not editor.is_profile_name(profile.name):
        msg = "its name has control characters, or blanks around it"
        raise HelperError(msg, hint="rename it in ~/.aws")
    if not (profile.account and profile.region):
        msg = f"it names no {'region' if profile.account else 'account'}"
        raise HelperError(msg)
    return regions.make_host(profile.account, profile.region)


def is_chosen(helper: Helper, host: str, profile: str) -> bool:
    """Whether the rules already choose that profile, by its name or by "auto"."""
    choice = helper.choose(host)
    try:
        return choice is not None and profile in (choice.profile, helper.resolve(choice).profile)
    except HelperError:
        return False


def _find_in_config(request: ConfigureRequest, helper: Helper, config: DockerConfig) -> list[str]:
    """Return the registries of our helpers in a file and, unless for a removal, of its logins."""
    keys = config.our_keys
    if not request.remove:  # entries count also when empty: a store has their logins
        keys += [m.key for m in config.source.members(AUTHS) if registry.parse(m.key)]
    hosts = [host for key in keys if (host := docker_config.bare_host(key))]
    if not request.remove:
        return [h for h in hosts if registry.parse(h) or helper.choose(h)]
    profile, role_arn = request.identity
    if profile:
        hosts = [h for h in hosts if is_chosen(helper, h, profile)]
    if role_arn:
        choices = {h: helper.choose(h) for h in hosts}
        hosts = [h for h, c in choices.items() if c and c.role and c.role.arn == role_arn]
    return hosts


def _list_offers(
    found: Hosts, helper: Helper, config: DockerConfig, profiles: Profiles
) -> tuple[list[Offer], list[Message]]:
    """Return the registries that are not configured yet, and why no AWS profile is among them.

    The registry of a profile counts as configured once a rule chooses any identity for it.
    """

    def is_configured(host: str) -> bool:
        mistaken = [*config.login_keys(host), *config.mistaken_keys(host)]
        return docker_config.is_our_helper(config.helpers.get(host, "")) and not mistaken

    def has_identity(host: str) -> bool:
        choice = helper.choose(host)
        return bool(choice and (choice.profile or choice.role))

    keys = {docker_config.bare_host(m.key): m.key for m in config.source.members(AUTHS)}
    offers = [Offer(host, key=keys.get(host, host)) for host in found if not is_configured(host)]
    try:
        those = profiles(helper.environ)
    except HelperError as exc:
        return offers, [Message(MessageId.AWS_SETTINGS, str(exc), exc.command)]
    for profile in those:
        with suppress(HelperError):  # of a profile without a registry
            host = profile_host(profile)
            if not (is_configured(host) and has_identity(host)):
                offers.append(Offer(host, profile.name))
    return offers, []


def _find_elsewhere(environ: Mapping[str, str], config: DockerConfig) -> dict[str, str]:
    """Return the registries for which other clients' files name this program, with the file."""
    found: dict[str, str] = {}
    for file in list_files(environ, podman=config.is_dockers):
        with suppress(HelperError):  # its client cannot read such a file either
            found |= dict.fromkeys(DockerConfig.load(file).our_keys, file)
    return found
