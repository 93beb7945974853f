"""The report of `doctor`: its findings and their cause, as text or JSON."""

import json
from collections.abc import Sequence

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Finding, find_cause
from docker_credential_ecrpy.text.console import Console

_STYLES = {PASS: "good", WARN: "warning", FAIL: "bad", SKIP: "strong"}


def print_text(findings: Sequence[Finding], console: Console) -> None:
    """Print a line for each check, then the cause and what to do. Raises OSError."""
    several = len({finding.host for finding in findings if finding.host}) > 1
    last = ""
    for finding in findings:
        host, check = finding.host, finding.check
        if several and host and host != last:
            console.say(f"\n{host}")
            last = host
        label = check.status.upper() if check.status == FAIL else check.status
        console.say(f"{label}  {check.name}: {check.seen}", mark=label, style=_STYLES[check.status])
    console.say()
    cause = find_cause(findings)
    if cause is None:
        console.say("nothing is wrong", mark="nothing is wrong", style="good")
        return
    check = cause.check
    word = "cause" if check.status == FAIL else "mind"
    console.say(f"{word}: {check.seen}", mark=f"{word}:", style="strong")
    if check.fix:
        console.say(f"do: {check.fix}", mark="do:", style="strong")
    if check.command:
        console.say_as_is(console.fit_command(check.command, "  "))


def print_json(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings and their cause as one JSON document. Raises OSError."""
    cause = find_cause(findings)
    document = {
        "version": __version__,
        "ok": not (cause and cause.check.status == FAIL),
        "cause": _to_json(cause) if cause else None,
        "checks": [_to_json(finding) for finding in findings],
    }
    console.say_as_is(json.dumps(document, indent=2))


def _to_json(finding: Finding) -> dict[str, str]:
    check = finding.check
    return {
        "registry": finding.host,
        "check": check.name,
        "status": check.status,
        "seen": check.seen,
        "fix": check.fix,
        "command": check.command,
    }
