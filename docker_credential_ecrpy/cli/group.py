"""The command line for users, read by click (https://click.palletsprojects.com)."""

from collections.abc import Sequence

import click

from docker_credential_ecrpy.cli import arguments as command_line
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


@click.group(no_args_is_help=False)
def program() -> None:
    """Set up and examine docker-credential-ecrpy."""


for _module in (configure, doctor, explain, password, cache, completion):
    program.add_command(_module.command)


def run_command(arguments: Sequence[str], context: CommandContext) -> int:
    """Run the command that the arguments begin with; without any, complete a line for a shell.

    Returns the exit code. Raises HelperError, and OSError where standard output cannot be written.
    """
    if not arguments:
        return completion.answer(program, context)
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    try:
        code = program.main(
            list(arguments),
            prog_name=context.name,
            complete_var="",  # a shell asks without arguments, whatever variable click looks at
            standalone_mode=False,
            obj=context,
        )
    except click.UsageError as exc:
        at = exc.ctx or click.Context(program, info_name=context.name)
        text = command_line.describe_mistake(exc)
        text = text[:1].lower() + text[1:].rstrip(".")  # as our own errors are written
        context.console.note(f"{at.get_usage()}\n{context.name}: {text}")
        context.console.note(f"'{at.command_path} --help' has examples")
        return exc.exit_code
    except click.Abort:
        return protocol.INTERRUPTED
    return int(code or protocol.OK)
