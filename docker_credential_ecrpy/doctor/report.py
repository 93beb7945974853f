"""The report of `doctor`: its findings and their cause, as text or as JSON."""

from collections.abc import Sequence

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Finding,
    Written,
    find_cause,
)
from docker_credential_ecrpy.text.console import Console
from docker_credential_ecrpy.text.sanitize import one_line

_STYLES = {PASS: "good", WARN: "warning", FAIL: "bad", SKIP: "strong"}
_SEVERAL = 2  # from so many problems on, they are counted


def print_text(
    findings: Sequence[Finding], console: Console, *, fix_command: str, quiet: bool
) -> None:
    """Print a line for each check, then the cause and its fix. Raises OSError.

    fix_command: the command that fixes what is safe. quiet: print problems and warnings only.
    """
    cause = find_cause(findings)
    problems = [finding for finding in findings if finding.check.status in (FAIL, WARN)]
    _print_checks(problems if quiet else findings, console)
    if cause is None:
        if not quiet:
            console.say()
            console.say("no problem found", mark="no problem found", style="good")
        return
    console.say()
    _print_summary(findings, cause, fix_command, console)
    check = cause.check
    word = "cause" if check.status == FAIL else "warning"
    console.say(f"{word}: {check.seen}", mark=f"{word}:", style="strong")
    if check.fix:
        fix = check.fix
        if check.command:  # which has a line of its own
            fix = fix.removesuffix(check.command).rstrip()
        console.say(f"fix: {fix}", mark="fix:", style="strong")
    if check.command:
        console.say_as_is(console.fit_command(one_line(check.command), "  "))


def _print_checks(findings: Sequence[Finding], console: Console) -> None:
    several = len({finding.host for finding in findings if finding.host}) > 1
    last = ""
    for finding in findings:
        host, check = finding.host, finding.check
        if several and host and host != last:
            console.say(f"\n{host}")
            last = host
        label = check.status.upper() if check.status == FAIL else check.status
        text = f"{label}  {check.id.title}: {check.seen}"
        console.say(text, mark=label, style=_STYLES[check.status])


def _print_summary(
    findings: Sequence[Finding], cause: Finding, fix_command: str, console: Console
) -> None:
    """Print how many problems and warnings there are, and the command that fixes several of them.

    The command is left out where the cause's own fix does the same.
    """
    found = [finding for finding in findings if finding.check.status in (FAIL, WARN)]
    if len(found) < _SEVERAL:
        return
    failed = sum(finding.check.status == FAIL for finding in found)
    counts = ((failed, "problem"), (len(found) - failed, "warning"))
    text = " and ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count)
    hosts = len({finding.host for finding in found if finding.host})
    text += f" in {hosts} registries" if hosts > 1 else ""
    fixable = [finding.check.command for finding in found if finding.is_fixable]
    if {*fixable} <= {cause.check.command}:
        console.say(f"{text}\n", mark=text, style="strong")
        return
    these = "all" if len(fixable) == len(found) else str(len(fixable))
    console.say(f"{text}; to fix {these} of them:", mark=text, style="strong")
    console.say_as_is(console.fit_command(one_line(fix_command), "  ") + "\n")


def print_json(
    findings: Sequence[Finding], written: Sequence[Written], console: Console, *, quiet: bool
) -> None:
    """Print the findings as one document: docs/schemas/doctor.schema.json. Raises OSError.

    quiet: leave out the checks that found no problem.
    """
    cause = find_cause(findings)
    shown = [finding for finding in findings if finding.check.status in (FAIL, WARN)]
    document = {
        "version": __version__,
        "ok": not (cause and cause.check.status == FAIL),
        "problems": sum(finding.check.status == FAIL for finding in findings),
        "warnings": sum(finding.check.status == WARN for finding in findings),
        "cause": _to_json(cause) if cause else None,
        "checks": [_to_json(finding) for finding in (shown if quiet else findings)],
        "written": [{"file": one.file, "backup": one.backup or None} for one in written],
    }
    console.say_document("doctor", document)


def _to_json(finding: Finding) -> dict[str, str | None]:
    check = finding.check
    return {
        "registry": finding.host or None,
        "id": check.id.value,
        "status": check.status,
        "seen": check.seen,
        "fix": check.fix or None,
        "command": check.command or None,
    }
