"""The checks of `doctor` on our own program and settings. They make no network call."""

from collections.abc import Iterator

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws.regions import explain_not_ecr, looks_like_ecr
from docker_credential_ecrpy.docker import installed_helpers
from docker_credential_ecrpy.docker.config import HELPERS, DockerConfig, is_our_helper
from docker_credential_ecrpy.docker.installed_helpers import InstalledHelper, find_helper
from docker_credential_ecrpy.doctor import check
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    CheckId,
    check_from_error,
    quote,
)
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text.sanitize import one_line


def check_programs(facts: Facts) -> Iterator[Check]:
    """Yield the checks on the program that Docker runs, on our rules, and on a refused cache."""
    yield _check_program(facts)
    yield _check_rules(facts)
    for refused in facts.machine.refusals:
        seen = f"{refused.effect}: {refused}"
        yield Check(CheckId.CACHE, WARN, seen, refused.hint, refused.command)


def _check_program(facts: Facts) -> Check:
    check_id, found, known = CheckId.PROGRAM, facts.mechanism, facts.machine.programs
    client, podman = facts.machine.client, facts.machine.for_podman
    if _is_elsewhere(facts) and not (found and found.is_ours):
        return Check(check_id, SKIP, f"{client} does not run this program for {facts.host}")
    ours = next((program for program in known.values() if program.is_ours()), None)
    program = known[found.name] if found and found.is_ours else ours or next(iter(known.values()))
    problem = installed_helpers.find_problem(program, facts.machine.environ)
    if problem is None:
        return _check_version(check_id, program)
    seen = problem.seen + _describe_others(program)
    path = program.paths[0] if program.paths else ""
    go = installed_helpers.read_awslabs_version(path) if path else ""
    if go:
        seen = f"{path} is another program (amazon-ecr-credential-helper {go})"
        seen += _describe_others(program)
    works = bool(go and facts.is_ecrs) and installed_helpers.has_login_for(
        program, facts.host, facts.machine.environ
    )
    status = WARN if works else FAIL
    seen += f", which has a login for {facts.host}, by its own settings" if works else ""
    if not (ours and facts.is_ecrs):
        return Check(check_id, status, seen, problem.fix, problem.command)
    file = "auth.json" if podman else "config.json"
    fix = f"configure {client} to run {ours.paths[0]}: its name in {file} is {ours.name!r}"
    rest = check.configure_fix(facts.host, has_login=False, podman=podman)[1:]
    return Check(check_id, status, seen, fix, *rest)


def _is_elsewhere(facts: Facts) -> bool:
    """Whether the registry is surely not ECR's: the settings are valid, and its name is no typo."""
    known = not isinstance(facts.machine.settings, HelperError)
    return bool(facts.host) and known and not (facts.is_ecrs or looks_like_ecr(facts.host))


def _check_version(check_id: CheckId, program: InstalledHelper) -> Check:
    said = program.read_version().rpartition(" ")[2]
    if said != __version__:
        seen = f"{program.paths[0]} is version {said}, and this program is {__version__}"
        return Check(check_id, WARN, seen, installed_helpers.explain_order())
    if risk := search_path.find_risk(program.paths[0]):
        seen = f"{program.paths[0]}: another user of this machine can replace it: {risk}"
        fix = "keep others from writing there, or install the program elsewhere"
        return Check(check_id, WARN, seen, fix, risk.command)
    return Check(check_id, PASS, f"{program.paths[0]}, version {said}{_describe_others(program)}")


def _describe_others(program: InstalledHelper) -> str:
    others = ", ".join(program.paths[1:])
    return f"; also on PATH, after it: {others}" if others else ""


def check_other_helpers(facts: Facts) -> Iterator[Check]:
    """Yield a check for each configured credential helper that is not on PATH."""
    check_id, machine = CheckId.OTHER_HELPERS, facts.machine
    config, fallback = machine.config, machine.fallback
    if isinstance(config, DockerConfig):
        store = "" if machine.for_podman else config.store  # podman reads none
        for name in dict.fromkeys([store, *config.helpers.values()]):
            if not name or is_our_helper(name) or find_helper(name, machine.environ).paths:
                continue
            where = "credsStore" if name == store else HELPERS
            seen = f"{where} says {quote(name)}, and {HELPER_PREFIX}{one_line(name)} is not on PATH"
            seen += f": {machine.client} fails for its registries"
            yield Check(check_id, WARN, seen, f"install it, or remove it from {config.file}")
    if fallback and not find_helper(fallback.text, machine.environ).paths:
        status = FAIL if facts.host and facts.choice is None else WARN
        seen = f"{fallback.place}: fallback = {fallback.text!r}, and {HELPER_PREFIX}{fallback.text}"
        seen += " is not on PATH: registries that are not ECR have no login"
        yield Check(check_id, status, seen, "install it, or name another fallback there")


def _check_rules(facts: Facts) -> Check:
    check_id, settings, choice = CheckId.RULES, facts.machine.settings, facts.choice
    if isinstance(settings, HelperError):
        return check_from_error(check_id, settings)
    if isinstance(choice, HelperError):
        return check_from_error(check_id, choice)
    if not facts.host:
        count = len(settings.rules)
        seen = f"{settings.file}: {count} rule{'s' * (count > 1)}" if count else "none"
        return Check(check_id, PASS, seen)
    if choice is None:
        return _check_other_host(check_id, facts)
    if choice.chosen_at and choice.chosen_at.line == 0:
        return Check(check_id, PASS, f"{choice.chosen_at} chooses the identity")
    if choice.rule:
        return Check(check_id, PASS, f'{choice.rule.place}: match = "{choice.rule.pattern.text}"')
    return Check(check_id, PASS, "no rule matches: uses the identity that the AWS CLI would use")


def _check_other_host(check_id: CheckId, facts: Facts) -> Check:
    """Judge a registry that is not ECR's."""
    found, fallback = facts.mechanism, facts.machine.fallback
    reason = f"{facts.host} {explain_not_ecr(facts.host)}"
    if looks_like_ecr(facts.host):
        return Check(check_id, FAIL, reason, "correct the host name")
    if found and found.is_ours and fallback:
        seen = f"{fallback.place}: fallback = {fallback.text!r} answers for {facts.host}"
        return Check(check_id, PASS, seen)
    if found and found.is_ours:
        seen = f"{facts.machine.client} runs this program for {facts.host}, which has no login for"
        fix = "set fallback in config.toml to another helper, or remove the entry from"
        fix += f" {found.file}" if found.file else " docker's config.json"
        return Check(check_id, WARN, f"{seen} it: {reason}", fix)
    seen = f"Docker Hub and other registries need nothing from this program: {reason}"
    fix = f"for an image of ECR, name its registry too: {PACKAGE} doctor"
    return Check(check_id, WARN, seen, f"{fix} <account>.dkr.ecr.<region>.amazonaws.com/<image>")
