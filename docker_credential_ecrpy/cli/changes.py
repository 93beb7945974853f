"""Carries out a plan of `configure`: shows it, writes its files, and prints what was done."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

from docker_credential_ecrpy.docker import diff
from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.message import Message
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import FileChanged, HelperError
from docker_credential_ecrpy.files.user.turn import take_turn
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.console import Console

_MOST_TRIES = 5  # plans, while other programs change the files


@dataclass(frozen=True)
class Output:
    """How the plan is carried out, and what is printed. action: as in the JSON document."""

    console: Console
    action: str
    dry_run: bool
    as_json: bool
    quiet: bool

    def report(self, make: Callable[[], Plan], files: Collection[str], unneeded: str) -> None:
        """Make a plan of changes to files, carry it out, and print it.

        make: reads the files and plans, again if another program changes one meanwhile; other runs
        wait. unneeded: the line where nothing changes. Raises HelperError.
        """
        for tries_left in reversed(range(_MOST_TRIES)):
            try:
                with nullcontext() if self.dry_run else take_turn(files):
                    self._report_once(make(), unneeded)
                return
            except FileChanged as exc:
                if not tries_left:
                    raise
                self.console.note(f"{exc.message}; the changes are planned again")

    def _report_once(self, plan: Plan, unneeded: str) -> None:
        if self.as_json:
            self._print_json(plan)
            return
        if not self.quiet:
            carry_out(self.console, plan, dry_run=self.dry_run)
        elif not self.dry_run:
            apply_plan(plan, self.console.environ, self.console.note)
        if not (plan.needed or self.quiet):
            self.console.say(unneeded)
        for warning in plan.warnings:
            self.console.note(f"warning: {warning}")

    def _print_json(self, plan: Plan) -> None:
        diffs = {rewrite.file: "\n".join(diff.render(rewrite)) for rewrite in plan.needed}
        written: dict[str, str] = {}
        if not self.dry_run:
            done = apply_plan(plan, self.console.environ, self.console.note)
            written = {at.file: backup for at, backup in done}
        members = {
            "action": self.action,
            "dry_run": self.dry_run,
            "files": [
                {"file": file, "backup": written.get(file) or None, "diff": text}
                for file, text in diffs.items()
            ],
            "notes": list(map(_as_json, plan.notes)),
            "warnings": list(map(_as_json, plan.warnings)),
        }
        with _noting(self.console, _describe(written)):
            self.console.say_document("configure", members)


def carry_out(console: Console, plan: Plan, *, dry_run: bool) -> None:
    """Show the plan, and unless for a dry run, write its files. Raises HelperError."""
    for rewrite in plan.needed:
        for line in diff.render(rewrite, console.width):
            style = {"+": "good", "-": "bad"}.get(line[:1], "")
            console.say_as_is(line, style if line[:3] not in ("+++", "---") else "strong")
    for note in plan.notes:
        console.say(f"note: {note}")
    if dry_run:
        if plan.needed:
            console.say("nothing was written (--dry-run)")
        return
    done = apply_plan(plan, console.environ, console.note)
    lines = _describe({rewrite.file: backup for rewrite, backup in done})
    with _noting(console, lines):
        for line in lines:
            console.say(line)


def _describe(written: Mapping[str, str]) -> list[str]:
    """Return a line for each file that was written, with its backup, if there is one."""
    return [
        f"written: {file}" + (f"; the previous content: {backup}" if backup else "")
        for file, backup in written.items()
    ]


@contextmanager
def _noting(console: Console, lines: Sequence[str]) -> Iterator[None]:
    """Write lines to standard error where standard output cannot be written."""
    try:
        yield
    except (HelperError, OSError):
        for line in lines:
            console.note(line)
        raise


def say_next(console: Console, pull: str, doctor: str) -> None:
    """Print the commands to type next, each on lines of its own where one line is too long."""
    line = f"next: {pull}; if it fails: {doctor}"
    if console.width is None or len(line) <= console.width:
        console.say(line)
        return
    for title, typed in (("next:", pull), ("if it fails:", doctor)):
        console.say(title)
        console.say_as_is(console.fit_command(typed, "  "))


def _as_json(message: Message) -> dict[str, str | None]:
    return {"id": message.id.value, "text": message.text, "command": message.command or None}
