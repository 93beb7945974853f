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
    _print_cause(cause, problems, console, fix_command)


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


def _print_cause(
    cause: Finding, problems: Sequence[Finding], console: Console, fix_command: str
) -> None:
    """Print how many problems there are, then the cause, its fix, and one command to run first."""
    check, fixable = cause.check, [finding for finding in problems if finding.is_fixable]
    commands = {finding.check.command for finding in fixable}
    fixes_more = not commands <= {check.command}  # than the command of the cause
    counts = _count(problems)
    if counts and fixes_more and not cause.is_fixable:
        text = f"{counts}; after the fix below, this fixes {len(fixable)} of them:"
        console.say(text, mark=counts, style="strong")
        console.say_as_is(console.fit_command(one_line(fix_command), "  ") + "\n")
    elif counts:
        console.say(f"{counts}\n", mark=counts, style="strong")
    word = "cause" if check.status == FAIL else "warning"
    console.say(f"{word}: {check.seen}", mark=f"{word}:", style="strong")
    fix, command, title = check.fix, check.command, "fix:"
    if fixes_more and cause.is_fixable:
        these = "all" if len(fixable) == len(problems) else str(len(fixable))
        command, title = fix_command, f"fix {these} of them:"
    if fix:
        # The command has a line of its own.
        fix = fix.removesuffix(check.command).rstrip() if command else fix
        console.say(f"{title} {fix}", mark=title, style="strong")
    if command:
        console.say_as_is(console.fit_command(one_line(command), "  "))


def _count(problems: Sequence[Finding]) -> str:
    """Return how many problems and warnings there are, in words; "" for only one."""
    if len(problems) < _SEVERAL:
        return ""
    failed = sum(finding.check.status == FAIL for finding in problems)
    counts = ((failed, "problem"), (len(problems) - failed, "warning"))
    text = " and ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count)
    hosts = len({finding.host for finding in problems if finding.host})
    return text + (f" in {hosts} registries" if hosts > 1 else "")


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


def _to_json(finding: Finding) -> dict[str, str | bool | None]:
    check = finding.check
    return {
        "registry": finding.host or None,
        "id": check.id.value,
        "status": check.status,
        "seen": check.seen,
        "fix": check.fix or None,
        "command": check.command or None,
        "fixable": finding.is_fixable,
    }
