"""The checks of `doctor` on the files of Docker and podman. They make no network call."""

import fnmatch
import shlex
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from docker_credential_ecrpy.docker import credential_lookup
from docker_credential_ecrpy.docker.config import (
    AUTH_VARIABLE,
    AUTHS,
    HELPER_NAMES,
    HELPERS,
    DockerConfig,
    Login,
    shown_key,
)
from docker_credential_ecrpy.docker.credential_lookup import SourceKind
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    check_from_error,
    configure_fix,
    quoted,
)
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import expiry


def check_docker(facts: Facts) -> Iterator[Check]:
    """Yield the checks on the files of Docker and podman."""
    yield _check_config(facts)
    if facts.host:
        yield _check_old_login(facts)
        yield _check_mechanism(facts)
    if facts.is_ecrs:
        yield from _check_podman(facts)


def _check_config(facts: Facts) -> Check:
    name, config = "docker config", facts.machine.config
    directory = facts.machine.environ.get("DOCKER_CONFIG")
    if isinstance(config, HelperError):
        check = check_from_error(name, config)
        if directory and directory.rstrip("/").endswith("config.json"):
            return replace(
                check, fix="DOCKER_CONFIG has to be the directory that config.json is in"
            )
        return check
    if config.problems:
        broken = f"{config.file}: {config.problems[0]}, so docker reads nothing of it"
        if facts.is_ecrs and _are_removable(config, facts.host):
            return Check(name, FAIL, broken, *configure_fix(facts.host))
        return Check(name, FAIL, broken, "mend that entry by hand, or take it out")
    if config.data is None:
        where = ", where DOCKER_CONFIG leads" if directory else ""
        return Check(name, SKIP, f"{config.file} is not there{where}: docker does without")
    said = [f"{len(config.helpers)} under {HELPERS}"] if config.helpers else []
    said += [f"credsStore {quoted(config.store)}"] if config.store else []
    said += [f"{len(config.logins)} under {AUTHS}"] if config.logins else []
    said = said or ["nothing of credentials"]
    return Check(name, PASS, f"{config.file}: {', '.join(said)}")


def _are_removable(config: DockerConfig, host: str) -> bool:
    """Whether all that Docker cannot read are logins for a host, which `configure` removes."""
    keys = config.login_keys(host)
    return all(problem.section == AUTHS and problem.key in keys for problem in config.problems)


def _check_old_login(facts: Facts) -> Check:
    """Judge the login that an earlier `docker login` stored: once expired, it leads to HTTP 403."""
    name = "old login"
    if not facts.is_ecrs:
        return Check(name, SKIP, f"{facts.host} is none of ECR's: its login is no matter of ours")
    config, found = facts.machine.config, facts.mechanism
    if not isinstance(config, DockerConfig) or found is None:
        return Check(name, SKIP, "docker's config.json cannot be read")
    if found.kind == SourceKind.ENVIRONMENT and found.login:
        return _check_variable(name, found.login, facts)
    keys = config.login_keys(facts.host)
    if not keys:
        return Check(name, PASS, f"none under {AUTHS}")
    sent = found.login if found.kind == SourceKind.FILE else None
    login = sent or next((login for login in config.logins if login.key in keys), None)
    key = shown_key(login.key if login else keys[0])
    seen = f"{config.file} has a login for {key} under {AUTHS}, {_name_expiry(login, facts)}"
    if sent is None:
        seen += "; docker does not use it, others may"
        return Check(name, WARN, seen, *configure_fix(facts.host))
    status, said = _judge_login(sent, facts)
    return Check(name, status, f"{seen}, and docker sends that{said}", *configure_fix(facts.host))


def _check_variable(name: str, login: Login, facts: Facts) -> Check:
    variable = AUTH_VARIABLE
    status, said = _judge_login(login, facts)
    seen = f"{variable} has a login for {shown_key(login.key)}, {_name_expiry(login, facts)}"
    seen += f", and docker sends that before it looks into config.json{said}"
    return Check(name, status, seen, f"unset {variable}, wherever it is set", f"unset {variable}")


def _judge_login(login: Login, facts: Facts) -> tuple[str, str]:
    """Return the check's status for a login that Docker sends, and the registry's reply."""
    refusal = facts.find_refusal(login)
    return (FAIL, f": {refusal} {HTTPStatus(refusal).phrase}") if refusal else (WARN, "")


def _name_expiry(login: Login | None, facts: Facts) -> str:
    if login is None or login.expires is None:
        return "which does not say when it expires"
    return f"whose token {expiry(login.expires, facts.now)}"


def _check_mechanism(facts: Facts) -> Check:
    name, found, host = "asked by docker", facts.mechanism, facts.host
    config = facts.machine.config
    if found is None or not isinstance(config, DockerConfig):
        return Check(name, SKIP, "docker's config.json cannot be read")
    public = isinstance(facts.choice, Choice) and facts.choice.registry.public
    if found.is_ours:
        where = HELPERS if found.kind == SourceKind.HELPER else "credsStore"
        return Check(name, PASS, f"{where} says {found.name!r} for {host}{_note_variable(facts)}")
    if found.kind == SourceKind.ENVIRONMENT:
        return Check(name, WARN, f"not at all: {AUTH_VARIABLE} goes before")
    seen = _describe_mechanism(found, facts, config)
    if not isinstance(facts.choice, Choice):
        return Check(name, SKIP, seen)
    if found.kind == SourceKind.FILE and not facts.find_refusal(found.login):
        return Check(name, WARN, seen, *configure_fix(facts.host))
    return Check(name, WARN if public else FAIL, seen, *configure_fix(facts.host))


def _describe_mechanism(
    found: credential_lookup.CredentialSource, facts: Facts, config: DockerConfig
) -> str:
    """Return what Docker does instead of running this program."""
    host, helper = facts.host, quoted(found.name)
    mistaken = config.mistaken_keys(host)
    wild = [key for key in config.helpers if "*" in key and fnmatch.fnmatchcase(host, key)]
    if mistaken:
        return (
            f"{HELPERS} has the key {shown_key(mistaken[0])!r}, where docker looks for"
            f" {host!r}: without a scheme, a port or a path, in lower case"
        )
    if wild:
        return f"{HELPERS} has the key {shown_key(wild[0])!r}, and docker knows no wildcards there"
    if found.name.startswith(HELPER_PREFIX):
        return (
            f"config.json says {helper} for {host}, so docker looks for the program"
            f" {HELPER_PREFIX}{one_line(found.name)}: it puts {HELPER_PREFIX!r}"
            " before it itself"
        )
    return {
        SourceKind.HELPER: f"{HELPERS} says {helper} for {host}, which is another helper",
        SourceKind.STORE: f"docker asks its credsStore {helper} for {host}, not this program",
        SourceKind.DEFAULT_STORE: f"docker asks {helper}, the store that it finds by itself",
        SourceKind.FILE: f"docker sends the login under {AUTHS}, and does not ask this program",
        SourceKind.NOTHING: f"{config.file} says nothing of {host}: docker goes on anonymously",
    }[found.kind]


def _note_variable(facts: Facts) -> str:
    """Return a note on the variable where it is set and not used for this host, or ""."""
    machine, variable = facts.machine, AUTH_VARIABLE
    if machine.variable is None:
        return ""
    if isinstance(machine.variable, HelperError):
        return f"; {variable} is set and cannot be read: docker says so, and goes on without"
    if not credential_lookup.reads_variable(machine.docker or ""):
        return f"; {variable} is set, and heeded from docker 28.3 on"
    return f"; {variable} has nothing for it"


def _check_podman(facts: Facts) -> Iterator[Check]:
    """Yield a check for each problem in the files of podman, buildah and skopeo."""
    name = "podman"
    for config in facts.machine.podman:
        if isinstance(config, HelperError):
            yield check_from_error(name, config, WARN)
            continue
        keys = config.login_keys(facts.host)
        login = next((login for login in config.logins if login.key in keys), None)
        if keys and config.helpers.get(facts.host) not in HELPER_NAMES:
            seen = (
                f"{config.file} has a login for {shown_key(keys[0])}, {_name_expiry(login, facts)}"
            )
            command = f"podman logout {shlex.quote(shown_key(keys[0]))}"
            fix = "podman, buildah and skopeo send that: take it out"
            yield Check(name, WARN, seen, fix, command)
