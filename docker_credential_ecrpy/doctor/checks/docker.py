"""The checks of `doctor` on the files of Docker and podman. They make no network call."""

import fnmatch
from collections.abc import Iterator
from http import HTTPStatus

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker.config import AUTHS, HELPERS, DockerConfig, Login, shown_key
from docker_credential_ecrpy.docker.credential_lookup import CredentialSource, SourceKind
from docker_credential_ecrpy.doctor import check
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    CheckId,
    configure_fix,
    quote,
)
from docker_credential_ecrpy.doctor.checks.podman import check_podman, check_podman_too
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.doctor.probes.engine import Engine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.settings.path_variables import check_path
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import expiry

_VARIABLE = docker_config.AUTH_VARIABLE


def check_docker(facts: Facts) -> Iterator[Check]:
    """Yield the checks on the files of Docker and podman."""
    if facts.machine.for_podman:
        yield from check_podman(facts)
        return
    yield _check_config(facts)
    if facts.machine.engine:
        yield _check_engine(facts.machine.engine, facts)
    if facts.host:
        yield _check_old_login(facts)
        yield _check_mechanism(facts)
    if facts.is_ecrs:
        yield from check_podman_too(facts)


def _check_config(facts: Facts) -> Check:
    check_id, config = CheckId.DOCKER_CONFIG, facts.machine.config
    directory = facts.machine.environ.get("DOCKER_CONFIG")
    if isinstance(config, HelperError):
        found = check.check_from_error(check_id, config)
        if directory and directory.rstrip("/").endswith("config.json"):
            fix = "set DOCKER_CONFIG to the directory of config.json"
            return replace(found, fix=fix)
        return found
    if wrong := check_path("DOCKER_CONFIG", facts.machine.environ, expands=False):
        return check.check_from_error(check_id, wrong)
    if config.problems:
        broken = f"{config.file}: {config.problems[0]}, so docker ignores the whole file"
        keys = config.login_keys(facts.host)  # `configure` removes these
        removable = all(at.section == AUTHS and at.key in keys for at in config.problems)
        if facts.is_ecrs and removable:
            return Check(check_id, FAIL, broken, *configure_fix(facts.host, has_login=True))
        return Check(check_id, FAIL, broken, "fix that entry by hand, or remove it")
    if config.data is None:
        where = " (DOCKER_CONFIG names its directory)" if directory else ""
        return Check(
            check_id, SKIP, f"{config.file} does not exist{where}: docker uses its defaults"
        )
    said = [f"{len(config.helpers)} under {HELPERS}"] if config.helpers else []
    said += [f"credsStore {quote(config.store)}"] if config.store else []
    said += [f"{len(config.logins)} under {AUTHS}"] if config.logins else []
    return Check(check_id, PASS, f"{config.file}: {', '.join(said) or 'no credential settings'}")


def _check_engine(engine: Engine | HelperError, facts: Facts) -> Check:
    check_id = CheckId.ENGINE
    if isinstance(engine, HelperError):
        podman = facts.machine.lookup_in_podman(facts.host)
        is_podmans = podman and podman.is_ours and not podman.file.endswith("config.json")
        return check.check_from_error(check_id, engine, WARN if is_podmans else FAIL)
    if not engine.is_asked:
        return Check(check_id, SKIP, f"{engine.address} is not asked")
    return Check(check_id, PASS, f"{engine.address} answers")


def _check_old_login(facts: Facts) -> Check:
    """Judge the login that an earlier `docker login` stored: once expired, it leads to HTTP 403."""
    check_id = CheckId.OLD_LOGIN
    if not facts.is_ecrs:
        return Check(
            check_id, SKIP, f"{facts.host} is not an ECR registry: its login is not checked"
        )
    config, found = facts.machine.config, facts.mechanism
    if not isinstance(config, DockerConfig) or found is None:
        return Check(check_id, SKIP, "docker's config.json cannot be read")
    if found.kind == SourceKind.ENVIRONMENT and found.login:
        return _check_variable(check_id, found.login, facts)
    keys = config.login_keys(facts.host)
    if not keys:
        return Check(check_id, PASS, f"none under {AUTHS}")
    sent = found.login if found.kind == SourceKind.FILE else None
    login = sent or _find_login(config, facts.host)
    key = shown_key(login.key if login else keys[0])
    fix, expires = configure_fix(facts.host, has_login=True), _name_expiry(login, facts)
    if sent is None:
        seen = f"{config.file} has an old login for {key} ({AUTHS}); {expires}"
        return Check(check_id, WARN, f"{seen}; docker does not use it, other clients may", *fix)
    status, said = _judge_login(sent, facts)
    seen = f"docker sends the old login for {key} in {config.file} ({AUTHS}); {expires}{said}"
    return Check(check_id, status, seen, *fix)


def _check_variable(check_id: CheckId, login: Login, facts: Facts) -> Check:
    status, said = _judge_login(login, facts)
    seen = f"docker sends the login for {shown_key(login.key)} in {_VARIABLE}, and does not read"
    seen += f" config.json; {_name_expiry(login, facts)}{said}"
    command = f"unset {_VARIABLE}"
    return Check(check_id, status, seen, f"{command}, wherever it is set", command)


def _find_login(config: DockerConfig, host: str) -> Login | None:
    keys = config.login_keys(host)
    return next((login for login in config.logins if login.key in keys), None)


def _judge_login(login: Login, facts: Facts) -> tuple[str, str]:
    """Return the check's status for a login that Docker sends, and the registry's reply."""
    refusal = facts.find_refusal(login)
    return (FAIL, f": {refusal} {HTTPStatus(refusal).phrase}") if refusal else (WARN, "")


def _name_expiry(login: Login | None, facts: Facts) -> str:
    if login is None or login.expires is None:
        return "it does not say when it expires"
    return f"its token {expiry(login.expires, facts.now)}"


def _check_mechanism(facts: Facts) -> Check:
    check_id, found, host = CheckId.CREDENTIAL_HELPER, facts.mechanism, facts.host
    config = facts.machine.config
    if found is None or not isinstance(config, DockerConfig):
        return Check(check_id, SKIP, "docker's config.json cannot be read")
    if found.is_ours:
        where = HELPERS if found.kind == SourceKind.HELPER else "credsStore"
        return Check(
            check_id, PASS, f"{where} says {found.name!r} for {host}{_note_variable(facts)}"
        )
    if found.kind == SourceKind.ENVIRONMENT:
        return Check(check_id, WARN, f"docker runs none: {_VARIABLE} takes precedence")
    seen = _describe_mechanism(found, facts, config)
    wrong = regions.find_wrong_host(host)
    if not isinstance(facts.choice, Choice) or (wrong and wrong.is_sure):
        return Check(check_id, SKIP, seen)  # there is nothing to configure
    accepted = found.kind == SourceKind.FILE and not facts.find_refusal(found.login)
    status = WARN if accepted or facts.choice.registry.public else FAIL
    fix = configure_fix(host, has_login=bool(config.login_keys(host)))
    return Check(check_id, status, seen, *fix)


def _describe_mechanism(found: CredentialSource, facts: Facts, config: DockerConfig) -> str:
    """Return what Docker does instead of running this program."""
    host, helper = facts.host, quote(found.name)
    if mistaken := config.mistaken_keys(host):
        return (
            f"{HELPERS} has the key {shown_key(mistaken[0])!r}, where docker looks for"
            f" {host!r}: without a scheme, a port or a path, in lower case"
        )
    wild = [key for key in config.helpers if "*" in key and fnmatch.fnmatchcase(host, key)]
    if wild:
        return (
            f"{HELPERS} has the key {shown_key(wild[0])!r}, and docker supports no wildcards there"
        )
    if found.name.startswith(HELPER_PREFIX):
        return (
            f"config.json says {helper} for {host}, so docker looks for the program"
            f" {HELPER_PREFIX}{one_line(found.name)}: docker adds the prefix"
        )
    return {
        SourceKind.HELPER: f"{HELPERS} says {helper} for {host}, which is another helper",
        SourceKind.STORE: f"docker runs its credsStore {helper} for {host}, not this program",
        SourceKind.DEFAULT_STORE: f"docker runs {helper}, its default store on this machine",
        SourceKind.FILE: f"docker sends the login under {AUTHS}, and does not run this program",
        SourceKind.NOTHING: f"{config.file} has no entry for {host}: docker pulls anonymously",
    }[found.kind]


def _note_variable(facts: Facts) -> str:
    """Return a note on the variable where it is set and not used for this host, or ""."""
    variable = facts.machine.variable
    if variable is None:
        return ""
    if isinstance(variable, HelperError):
        return f"; {_VARIABLE} is set but invalid: docker warns, and ignores it"
    if not facts.machine.variable_in_use:
        return f"; {_VARIABLE} is set; docker reads it from version 28.3 on"
    return f"; {_VARIABLE} has no login for it"
