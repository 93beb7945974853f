"""The run of `doctor`: gather the facts of each registry, check them, fix what is safe."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor import machine
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    SKIP,
    WARN,
    Check,
    CheckId,
    Finding,
    check_from_error,
)
from docker_credential_ecrpy.doctor.checks.aws import check_network
from docker_credential_ecrpy.doctor.checks.docker import check_docker
from docker_credential_ecrpy.doctor.checks.programs import check_other_helpers, check_programs
from docker_credential_ecrpy.doctor.deadline import Deadline, attempt
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.doctor.fixes.names import (
    explain_name,
    explain_no_registry,
    is_harmless,
    runs_for_hub,
)
from docker_credential_ecrpy.doctor.fixes.profiles import fix_by_configure
from docker_credential_ecrpy.doctor.machine import Machine, ask_programs, read_machine
from docker_credential_ecrpy.doctor.network import ask_network, find_host
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.helper.timeout import DEFAULT_TIMEOUT, read_timeout
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice

Judge = Callable[[Facts], Iterable[Check]]
# In the order of causes: a failed check explains the failures after it.
_JUDGES: dict[Judge, CheckId] = {
    check_docker: CheckId.DOCKER_CONFIG,
    check_programs: CheckId.PROGRAM,
    check_network: CheckId.REGISTRY,
    check_other_helpers: CheckId.OTHER_HELPERS,
}
"""What judges the facts -> the check that fails where that has a fault of its own."""
_MOST = 5  # registries that are checked when none is named
_MARGIN = 1.0  # seconds kept for the report


def read_deadline(environ: Mapping[str, str]) -> tuple[Deadline, list[Finding]]:
    """Return the deadline from AWS_ECR_TIMEOUT, and a finding if that is invalid."""
    findings: list[Finding] = []
    seconds = attempt(lambda: read_timeout(environ))
    if isinstance(seconds, HelperError):
        findings.append(Finding("", check_from_error(CheckId.TIME_LIMIT, seconds)))
        seconds = DEFAULT_TIMEOUT
    return Deadline(time.monotonic() + seconds - min(_MARGIN, seconds / 10)), findings


def diagnose(
    helper: Helper,
    named: Image | None,
    deadline: Deadline,
    progress: Callable[[str], None],
    *,
    for_podman: bool = False,
) -> list[Finding]:
    """Return what the checks find for an image, or for each registry that Docker's files name.

    progress: called with what is checked now. for_podman: judge what podman does.
    """
    findings: list[Finding] = []
    given = read_machine(helper, for_podman=for_podman)
    hosts: list[str] = []
    if named is None:
        given = machine.ask_docker(given, deadline)
        hosts = machine.list_registries(helper, given)
    images = _choose_images(named, hosts)
    with ThreadPoolExecutor(
        max_workers=1
    ) as pool:  # the programs may hang: run them at the same time
        asked = pool.submit(ask_programs, given, deadline)
        for done, image in enumerate(images):
            count = f" ({done + 1} of {len(images)})" if len(images) > 1 else ""
            progress(f"checking {image.host or given.client}{count}")
            # A registry that hangs does not use up the others' share of the time.
            share = deadline.share(len(images) - done)
            checks = _check_name(helper, given, image, share)
            facts = _gather(helper, Image(image.host) if checks else image, share, asked)
            known = [finding.check for finding in findings]
            checks += fix_by_configure(
                [c for judge in _JUDGES for c in _judge(judge, facts)], facts
            )
            findings += [Finding(image.host, check) for check in checks if check not in known]
    if not (named or hosts):
        seen = f"{given.client} has no ECR registry configured"
        fix = "configure one as ACCOUNT@REGION, or without an argument choose from a list"
        command = f"{PACKAGE} configure{' --podman' if for_podman else ''}"
        findings.append(Finding("", Check(CheckId.REGISTRIES, FAIL, seen, fix, command)))
    if len(hosts) > _MOST:
        others = f"{len(hosts) - _MOST} more registries are not checked: name one to check it"
        findings.append(Finding("", Check(CheckId.REGISTRIES, SKIP, others)))
    return findings


def _judge(judge: Judge, facts: Facts) -> list[Check]:
    """Return the checks of one judge; those before an unexpected error, and that, are kept."""
    found: list[Check] = []
    failed = attempt(lambda: found.extend(judge(facts)))
    if isinstance(failed, HelperError):
        found.append(check_from_error(_JUDGES[judge], failed))
    return found


def fix_files(
    helper: Helper,
    named: Image | None,
    deadline: Deadline,
    configure: Callable[[list[str]], None],
    *,
    for_podman: bool = False,
) -> list[Finding]:
    """Call `configure` with the registries that it fixes; return a finding if it fails."""
    given = ask_programs(read_machine(helper, for_podman=for_podman), deadline)
    hosts: list[str] = []
    for image in _choose_images(named, [] if named else machine.list_registries(helper, given)):
        facts = Facts(given, image, helper.clock(), _choose(helper, image))
        checks = (*check_docker(facts), *check_programs(facts))
        if any(Finding(image.host, check).is_fixable for check in checks):
            hosts.append(image.host)
    done = attempt(lambda: configure(hosts)) if hosts else None
    return (
        [Finding("", check_from_error(CheckId.FIX, done))] if isinstance(done, HelperError) else []
    )


def _choose_images(named: Image | None, hosts: list[str]) -> list[Image]:
    return [named] if named else [Image(host) for host in hosts[:_MOST] or [""]]


def _choose(helper: Helper, image: Image) -> Choice | HelperError | None:
    """Return the choice for a registry; None for another host, or where settings are wrong."""
    if not image.host or isinstance(attempt(helper.load_settings), HelperError):
        return None
    choice = attempt(lambda: helper.choose(image.host))
    return attempt(lambda: helper.resolve(choice)) if isinstance(choice, Choice) else choice


def _check_name(helper: Helper, given: Machine, image: Image, deadline: Deadline) -> list[Check]:
    """Return the check of the name, if Docker reads another one than was probably meant."""
    if error := explain_name(image, given):
        return [check_from_error(CheckId.IMAGE, error, WARN if is_harmless(image) else FAIL)]
    hosts = [] if image.names_registry else machine.list_registries(helper, given)
    if not hosts:
        return []
    has_it = find_host(helper, hosts[:_MOST], image, deadline)
    if not has_it and runs_for_hub(given):
        return []
    error = explain_no_registry(image, [has_it] if has_it else hosts, given.client)
    # A name without a slash is most often of Docker Hub's own images, of which ECR has copies.
    status = FAIL if has_it and "/" in image.repository else WARN
    return [check_from_error(CheckId.IMAGE, error, status)]


def _gather(helper: Helper, image: Image, deadline: Deadline, asked: "Future[Machine]") -> Facts:
    """Return the facts of a registry or an image; a HelperError is a fact too."""
    choice = _choose(helper, image)
    if not isinstance(choice, Choice):
        return Facts(asked.result(), image, helper.clock(), choice)
    facts = ask_network(helper, choice, image, deadline, asked)
    login = facts.mechanism.login if facts.mechanism else None
    if login is None or facts.find_refusal(login):
        return facts
    pair = login.username, login.password
    alone = Image(facts.host)
    sent = attempt(lambda: gateway.trace_pull(choice, alone, pair, deadline.left(), helper.log))
    return replace(facts, sent=sent)
