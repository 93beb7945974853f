"""Fixes by `configure`: for an identity of another account, and for the host in another region."""

import shlex
from collections.abc import Mapping, Sequence

from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.doctor.check import FAIL, Check, CheckId, configure_fix, quote
from docker_credential_ecrpy.doctor.deadline import attempt
from docker_credential_ecrpy.doctor.facts import EcrFacts, Facts
from docker_credential_ecrpy.errors import HelperError, NoCredentials
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.settings import editor
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import fits_line

_MOST_NAMED = 5  # profiles in one sentence
_OF_IDENTITY = (CheckId.CREDENTIALS, CheckId.TOKEN, CheckId.REGISTRY, CheckId.IMAGE)


def fix_by_configure(checks: Sequence[Check], facts: Facts) -> list[Check]:
    """Return the checks; a failure that `configure` can end has that as its fix."""
    if not isinstance(facts, EcrFacts):
        return list(checks)
    failed = next((c for c in checks if c.status == FAIL and c.id in _OF_IDENTITY), None)
    fixed = failed and (_fix_other_host(failed, facts) or _fix_other_account(failed, facts))
    return [fixed if fixed and check is failed else check for check in checks]


@dataclass(frozen=True)
class ProfileFix:
    """AWS profiles of a registry's account: how to use one, and the command for the first."""

    fix: str
    command: str


def suggest_profile(
    host: str, choice: Choice, account: str, environ: Mapping[str, str], *, podman: bool = False
) -> ProfileFix | None:
    """Return how to use an AWS profile of the registry's account; one of its region comes first.

    host: as Docker names the registry. account: the identity's, or "" if it is not known. podman:
    for podman's files. Returns None for an identity of the same account, and for no known profile.
    """
    own = choice.registry
    if not own.account or own.account == account:
        return None
    known = attempt(lambda: gateway.list_profiles(environ))
    if isinstance(known, HelperError):
        return None
    known = sorted(known, key=lambda profile: profile.region != own.region)
    found = [p.name for p in known if p.account == own.account and _is_usable(p.name)]
    if not found:
        return None
    names = ", ".join(map(quote, found[:_MOST_NAMED]))
    several = "use one of the AWS profiles" if len(found) > 1 else "use the AWS profile"
    fix = f"{several} of account {own.account}: {names}"
    if choice.chosen_at and choice.chosen_at.line == 0:  # it wins over what `configure` writes
        fix += f", and unset {choice.chosen_at}"
    _, command, _ = configure_fix(host, has_login=False, podman=podman)
    return ProfileFix(fix, f"{command} --profile {shlex.quote(found[0])}")


def _is_usable(name: str) -> bool:
    """Whether a rule and a command can have a profile's name."""
    return editor.is_profile_name(name) and fits_line(name)


def _fix_other_host(check: Check, facts: EcrFacts) -> Check | None:
    """Return the check with the fix for another region's host that the client has no entry for."""
    host, machine = facts.other_host, facts.machine
    if not host or check.id is not CheckId.IMAGE:
        return None
    found = machine.lookup(host)
    if found is None or found.is_ours:
        return None
    _, command, _ = configure_fix(host, has_login=False, podman=machine.for_podman)
    fix = f"configure {machine.client} for {host}, then {check.fix}"
    return replace(check, fix=fix, command=command)


def _fix_other_account(check: Check, facts: EcrFacts) -> Check | None:
    """Return the check with the profile to use, if the identity is of another account or none."""
    account = _find_account(facts)
    known = account or check.id is CheckId.CREDENTIALS
    if not (known and _is_about(check, facts)):
        return None
    machine = facts.machine
    found = suggest_profile(
        facts.host, facts.choice, account, machine.environ, podman=machine.for_podman
    )
    if found is None:
        return None
    seen, own = check.seen, facts.choice.registry.account
    if account:
        seen += f"; the identity belongs to account {account}, and the registry to {own}"
    return replace(check, seen=seen, fix=found.fix, command=found.command)


def _find_account(facts: EcrFacts) -> str:
    """Return the account of the identity, or "" if it is not known."""
    if facts.caller and not isinstance(facts.caller, HelperError):
        return facts.caller.account
    return "" if isinstance(facts.preview, HelperError) else facts.preview.account


def _is_about(check: Check, facts: EcrFacts) -> bool:
    """Whether a failure is about what the identity may do or finds, or about none at all."""
    if check.id is CheckId.CREDENTIALS:
        return isinstance(facts.preview, NoCredentials)
    if check.id is CheckId.TOKEN:
        return isinstance(facts.token, HelperError) and facts.token.refused
    if facts.pull is None or isinstance(facts.pull, HelperError):
        return False
    last = facts.pull.replies[-1]
    return bool(last.action) or last.code == "NAME_UNKNOWN"
