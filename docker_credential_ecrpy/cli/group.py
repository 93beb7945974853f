"""The command line for a person, made of its commands.

click reads it: that is usage, help, and the completion of three shells.
https://click.palletsprojects.com
"""

from collections.abc import Sequence

import click

from docker_credential_ecrpy.cli.commands import (
    cache,
    completion,
    configure,
    doctor,
    explain,
    password,
)
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.hot import protocol

WRONG_USAGE = 2
"""The exit code for arguments that make no sense, as of every Unix program."""


@click.group(no_args_is_help=False)
def program() -> None:
    """Set up and examine docker-credential-ecrpy."""


for _command in (
    configure.command,
    doctor.command,
    explain.command,
    password.command,
    cache.command,
    completion.command,
):
    program.add_command(_command)


def run_command(arguments: Sequence[str], given: CommandContext) -> int:
    """Run the command that the arguments begin with; return the exit code.

    Without any, a shell asks how a line may go on.

    Raises HelperError, and OSError where standard output cannot be written to.
    """
    if not arguments:
        return completion.answer(program, given)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        code = program.main(
            list(arguments),
            prog_name=given.name,
            complete_var="",  # a shell's question has no arguments, whatever click would look at
            standalone_mode=False,
            obj=given,
        )
    except click.UsageError as exc:
        usage = exc.ctx.get_usage() + "\n" if exc.ctx else ""
        path = exc.ctx.command_path if exc.ctx else given.name
        given.console.note(f"{usage}{given.name}: {_sentence(exc.format_message())}")
        given.console.note(f"'{path} --help' has examples")
        return WRONG_USAGE
    except click.Abort:
        return protocol.INTERRUPTED
    return protocol.OK if code is None else int(code)


def _sentence(text: str) -> str:
    """Return a sentence of click's in the voice of this program."""
    return text[:1].lower() + text[1:].rstrip(".")
