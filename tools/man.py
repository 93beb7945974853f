"""The manual pages of both programs, from the help text and the commands."""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import click

from docker_credential_ecrpy import HOMEPAGE
from docker_credential_ecrpy.cli.group import program as commands
from docker_credential_ecrpy.cli.names import HELP_TEXT, USAGE
from tools import config_file
from tools.roff import link, roff, start, term

REST = f"""\
.SH FILES
.TP
.I ~/.ecr
cached tokens and logins, one file each, readable by their owner only
.TP
.I ~/.ecr/config.toml
the AWS identity to use for each registry, and the credential helper for other registries
.TP
.I ~/.docker/config.json
tells Docker which credential helper to run
.TP
.IR ~/.aws/config ", " ~/.aws/credentials
profiles, as for the AWS CLI
.SH EXIT STATUS
.TP
.B 0
success, no problem found
.TP
.B 1
a problem: a line says what is wrong and what to do; also every failed action of Docker's protocol
.TP
.B 2
wrong usage: an unknown option, or a missing or invalid argument
.TP
.B 130
interrupted
.SH REPORTING BUGS
{link(f"{HOMEPAGE}/issues")}
.SH SEE ALSO
.BR {roff(config_file.NAME)} (5),
.BR docker (1),
.BR podman (1),
.BR aws (1)
"""


def page(program: str) -> str:
    """Return the manual page of one of the programs: man(7).

    The help's first lines are the synopsis; a line at the margin that ends in a colon, with
    indented pairs of term and meaning below, is a section; other indented lines are examples.
    """
    text = HELP_TEXT.format(name=program, usage=USAGE.format(name=program))
    usage, _, body = text.partition("\n\n")
    ways = [line.partition(program)[2].strip() for line in usage.splitlines()]
    lines = [
        *start(program, 1, "User Commands", "Docker credential helper for Amazon ECR"),
        ".SH SYNOPSIS",
        "\n.br\n".join(f".B {roff(program)}\n{roff(way)}" for way in ways),
        ".SH DESCRIPTION",
    ]
    in_section = False
    for line in body.splitlines():
        heading = re.fullmatch(r"(\w+)( \(.*\))?:", line)
        pair = re.fullmatch(r"  (\S.*?)  +(\S.*)", line)
        if heading:
            in_section = True
            lines += [f".SH {heading[1].upper()}"]
        elif in_section and pair:
            lines += [*term(pair[1]), roff(pair[2])]
        elif line.startswith("  "):
            lines += [".nf", ".RS", roff(line.strip()), ".RE", ".fi"]
        else:
            lines.append(roff(line) if line else ".PP")
    lines += write_commands(program)
    text = "\n".join(lines)
    # man warns of an empty paragraph: remove one before a section, and a second one in a row.
    return re.sub(r"(\.PP\n)+(?=\.(SH|SS|PP))", "", f"{text}\n") + REST


def write_commands(program: str) -> Iterator[str]:
    """Yield the lines of a section for each command, and of a subsection for each subcommand."""
    top = click.Context(commands, info_name=program, **commands.context_settings)
    for name, command in commands.commands.items():
        context = click.Context(command, parent=top, info_name=name)
        yield f".SH {name.upper()}"
        yield from write_command(context)
        if isinstance(command, click.Group):
            for part, inner in command.commands.items():
                yield f".SS {name} {part}"
                yield from write_command(click.Context(inner, parent=context, info_name=part))


def write_command(context: click.Context) -> Iterator[str]:
    """Yield the lines of one command: its usage, what it does, examples and options."""
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f".B {roff(context.command_path)}", roff(usage))
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):  # click keeps the line breaks of this paragraph
            yield from (".PP", ".nf", *map(roff, paragraph.splitlines()[1:]), ".fi")
        else:
            yield from (".PP", roff(" ".join(paragraph.split())))
    examples = getattr(command, "examples", ())
    if examples:
        yield from (".PP", "Examples:")
    for arguments, meaning in examples:
        yield from (*term(f"{context.command_path} {arguments}".rstrip()), roff(meaning))
    yield from (".PP", "Options:")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            yield from (*term(record[0]), roff(" ".join(record[1].split())))
