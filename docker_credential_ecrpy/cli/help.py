"""A command whose help begins with examples."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

import click

from docker_credential_ecrpy.text.console import wrap_command

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
"""The registry of examples."""


class Command(click.Command):
    """A click command. examples: what to type after its name, and what that does."""

    def __init__(self, name: str, *, examples: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(name, **options)
        self.examples = tuple(examples)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first sentence, the examples, and then the rest."""
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
