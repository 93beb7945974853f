"""Write the commands and their options into docs/reference.md, from the program itself.

    python tools/reference.py

A test compares the page with the program; after a change of an option, run this.
"""

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.cli.group import program

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
BEGIN, END = "<!-- commands: written by tools/reference.py -->", "<!-- end of commands -->"


def walk_commands(context: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the context of each command that is not a group, in the order of the help."""
    context = context or click.Context(program, info_name=PACKAGE, **program.context_settings)
    command = context.command
    if not isinstance(command, click.Group):
        yield context
        return
    for name, inner in command.commands.items():
        yield from walk_commands(inner.context_class(inner, parent=context, info_name=name))


def list_options(context: click.Context) -> list[tuple[str, str]]:
    """Return the names and the meaning of each option of a command, but for --help."""
    help_names = context.help_option_names
    options = [
        option
        for option in context.command.get_params(context)
        if isinstance(option, click.Option) and not {*option.opts} & {*help_names}
    ]
    records = (option.get_help_record(context) for option in options)
    return [record for record in records if record]


def describe_command(context: click.Context) -> str:
    """Return the section on one command."""
    first = cleandoc(context.command.help or "").partition("\n\n")[0]
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    name = context.command_path.removeprefix(f"{PACKAGE} ")
    lines = [f"### {name}", "", first.replace("\n", " "), "", "```text", usage, "```", ""]
    options = list_options(context)
    if options:
        lines += ["| option | meaning |", "| --- | --- |"]
        lines += [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in options]
        lines.append("")
    return "\n".join(lines)


def render(page: str) -> str:
    """Return the text of the page with the program's commands in it."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    sections = "\n".join(map(describe_command, walk_commands()))
    return f"{before}{BEGIN}\n\n{sections}\n{END}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
