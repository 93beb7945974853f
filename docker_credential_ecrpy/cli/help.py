"""Commands and groups whose help begins with examples and whose errors name a near miss."""

from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import Any, TypeVar

import click

from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.names import HELP_OPTIONS
from docker_credential_ecrpy.text.console import wrap_command
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
"""The registry of examples."""
SETTINGS = {"help_option_names": list(HELP_OPTIONS)}
"""click's settings for the program; its commands inherit them."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _WithExamples(click.Command):
    """A command or a group. examples: what to type after its name, and what that does."""

    def __init__(
        self, name: str, *, examples: Sequence[tuple[str, str]] = (), **options: Any
    ) -> None:
        super().__init__(name, **options)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises click.UsageError, whose `ctx` is this command's."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as exc:
            exc.ctx = exc.ctx or ctx  # click leaves it out for an option without its value
            raise

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first paragraph, the examples, and then the rest."""
        first, _, rest = cleandoc(self.help or "").partition("\n\n")
        formatter.write_paragraph()
        formatter.write_text(first)
        with formatter.section("Examples"):
            for arguments, meaning in self.examples:
                example = f"{ctx.command_path} {arguments}".rstrip()
                formatter.write(wrap_command(example, formatter.width, "  ") + "\n")
                with formatter.indentation(), formatter.indentation():
                    formatter.write_text(meaning)
        if rest:
            formatter.write_paragraph()
            formatter.write_text(rest)


class Command(_WithExamples):
    """A click command whose help begins with examples."""


class Group(_WithExamples, click.Group):
    """A click group whose error for an unknown command names the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and the other arguments. Raises click.UsageError for none."""
        if args and not args[0].startswith("-") and not ctx.resilient_parsing:
            self.find(ctx, args[0])
        return super().resolve_command(ctx, args)

    def find(self, ctx: click.Context, name: str, others: Sequence[str] = ()) -> click.Command:
        """Return a command of the group. Raises click.UsageError for an unknown one.

        others: names that are no commands of the group and may have been meant, too.
        """
        command = self.get_command(ctx, name)
        if command is None:
            names = [*self.commands, *others]
            near = suggest(name, names)
            hint = f"did you mean {near}?" if near else f"choose from {', '.join(names)}"
            msg = f"unknown command: {one_line(name) or '(empty)'}; {hint}"
            raise click.UsageError(msg, ctx)
        return command


class CommandGroup(Group):
    """A command with arguments of its own, whose first word may name another command."""

    allow_extra_args = False
    allow_interspersed_args = True

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, invoke_without_command=True, subcommand_metavar="", **options)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the context of the command that the arguments name, or this one's."""
        inner = self.commands.get(args[0]) if args else None
        if inner is None:
            return super().make_context(info_name, args, parent, **extra)
        outer = self.context_class(
            self, info_name=info_name, parent=parent, **self.context_settings
        )
        return inner.make_context(args[0], args[1:], outer, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters; its arguments do not belong to the path of a command in it."""
        params = super().get_params(ctx)
        if ctx.command is self:
            return params
        return [param for param in params if not isinstance(param, click.Argument)]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage, without those of a command in it."""
        return click.Command.collect_usage_pieces(self, ctx)


def verbose_option(function: _Function) -> _Function:
    """Add -v and --verbose to a command: it logs to standard error."""
    option = click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_turn_on_log,
        help="Log each step to standard error, as AWS_ECR_DEBUG=1 does.",
    )
    return option(function)


def _turn_on_log(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted and not ctx.resilient_parsing:
        ctx.ensure_object(CommandContext).turn_on_log()
