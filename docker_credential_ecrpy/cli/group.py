"""The command line for users, read by click (https://click.palletsprojects.com)."""

from collections.abc import Sequence

import click

from docker_credential_ecrpy.cli import mistakes, names
from docker_credential_ecrpy.cli.commands import (
    cache,
    completion,
    configure,
    doctor,
    explain,
    password,
)
from docker_credential_ecrpy.cli.commands.kubernetes import (
    kubelet,
    kubelet_check,
    kubelet_config,
    kubelet_install,
    pull_secret,
    pull_secrets,
    pull_secrets_manifests,
)
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, SETTINGS, Group
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.text.sanitize import lower_first, one_line


@click.group(cls=Group, no_args_is_help=False, context_settings=SETTINGS)
def program() -> None:
    """Configure and diagnose docker-credential-ecrpy."""


for _module in (
    configure,
    doctor,
    explain,
    password,
    cache,
    completion,
    kubelet,
    pull_secret,
    pull_secrets,
):
    program.add_command(_module.command)
for _part in (kubelet_config, kubelet_install, kubelet_check):
    kubelet.command.add_command(_part.command)
pull_secrets.command.add_command(pull_secrets_manifests.command)

# What each action reads from standard input.
_INPUTS = {"get": HOST, "erase": HOST}


def run_command(arguments: Sequence[str], context: CommandContext) -> int:
    """Run the command that the arguments begin with; without any, complete a line for a shell.

    Returns the exit code. Raises HelperError, and OSError where standard output cannot be written.
    """
    if not arguments:
        return completion.answer(program, context)
    try:
        if arguments[0] in names.HELP:
            return _show_help(arguments[1:], context)
        if arguments[0] in names.ACTIONS:
            return _show_help(arguments[:1], context)
        code = program.main(
            list(arguments),
            prog_name=context.name,
            complete_var="",  # a shell asks without arguments, whatever variable click looks at
            standalone_mode=False,
            obj=context,
        )
    except click.UsageError as exc:
        _report_usage(exc, context, arguments)
        return exc.exit_code
    except click.Abort:
        return protocol.INTERRUPTED
    return int(code or protocol.OK)


def _show_help(words: Sequence[str], context: CommandContext) -> int:
    """Print the help of a command or an action. Raises click.UsageError for another word."""
    words = [word for word in words if word not in names.HELP_OPTIONS]
    command: click.Command = program
    at = click.Context(program, info_name=context.name, **program.context_settings)
    if words[0] in names.ACTIONS:
        if len(words) > 1:
            raise _no_commands(words[0], words[1], at)
        context.console.say(_describe_action(words[0], context.name))
        return protocol.OK
    for word in words:
        if not isinstance(command, Group):
            raise _no_commands(str(command.name), word, at)
        command = command.find(at, word, () if at.parent else tuple(names.ACTIONS))
        at = click.Context(command, parent=at, info_name=word)
    context.console.say_as_is(command.get_help(at))
    return protocol.OK


def _no_commands(name: str, word: str, at: click.Context) -> click.UsageError:
    return click.UsageError(f"unknown command: {name} {one_line(word)}; {name} has none", at)


def _describe_action(action: str, name: str) -> str:
    does = names.ACTIONS[action]
    given = _INPUTS.get(action)
    example = f"echo {given} | {name} {action}" if given else f"{name} {action}"
    text = f"Usage: {name} {action}\n\n  {does[:1].upper()}{does[1:]}.\n"
    if action != "version":
        text += "  Docker runs it: https://github.com/docker/docker-credential-helpers\n"
    return text if action == "store" else f"{text}\nExample:\n  {example}"


def _report_usage(exc: click.UsageError, context: CommandContext, arguments: Sequence[str]) -> None:
    """Write the usage, what is wrong, and where the help is, to standard error."""
    at = exc.ctx or click.Context(program, info_name=context.name)
    text = mistakes.describe_mistake(exc, arguments)
    text = lower_first(text).rstrip(".")  # as our own errors are written
    usage = at.get_usage() if at.parent else names.USAGE.format(name=context.name)
    context.console.note(f"{usage}\n{context.name}: {text}")
    path = at.command_path.partition(" ")[2]
    topic = f"{context.name} help {path}".rstrip()
    context.console.note(f"'{topic}' has examples")
