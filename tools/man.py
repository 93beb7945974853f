"""The manual pages of both programs, from the help text and the commands."""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import click

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.cli.group import program as commands
from docker_credential_ecrpy.cli.main import HELP, USAGE

REST = """\
.SH FILES
.TP
.I ~/.ecr
tokens and logins, one file each, readable by their owner alone
.TP
.I ~/.ecr/config.toml
whom to be for which registry, and the credential helper for others
.TP
.I ~/.docker/config.json
where Docker is told to run this program
.TP
.IR ~/.aws/config ", " ~/.aws/credentials
profiles, as for the AWS CLI
.SH EXIT STATUS
.TP
.B 0
nothing is wrong
.TP
.B 1
there is a problem: a line says what is wrong and what to do
.TP
.B 2
a command was used wrongly: a line says how it is used
.SH SEE ALSO
.BR docker (1),
.BR podman (1),
.BR aws (1)
"""


def roff(text: str) -> str:
    """Return text with what roff would take as its own written so that it is printed."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace("~", "\\(ti").replace("^", "\\(ha").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def page(program: str) -> str:
    """Return the manual page of one of the programs: man(7). It has no date, only a version.

    The help's first lines are the synopsis; a line at the margin that ends in a colon, with
    indented pairs of term and meaning below, is a section; other indented lines are examples.
    """
    text = HELP.format(name=program, usage=USAGE.format(name=program))
    usage, _, body = text.partition("\n\n")
    ways = [line.partition(program)[2].strip() for line in usage.splitlines()]
    lines = [
        f'.TH {program.upper()} 1 "" "{PACKAGE} {__version__}" "User Commands"',
        ".nh",  # what is to be copied stays whole
        ".ad l",
        ".SH NAME",
        f"{roff(program)} \\- Docker credential helper for Amazon ECR",
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
    lines += of_commands(program)
    text = "\n".join(lines)
    # A paragraph has a text: none before a section, and none twice.
    return re.sub(r"(\.PP\n)+(?=\.(SH|SS|PP))", "", f"{text}\n") + REST


def term(text: str) -> list[str]:
    """Return the lines before the meaning of a term."""
    return [".TP", f".B {roff(text)}"]


def of_commands(program: str) -> Iterator[str]:
    """Yield the lines of a section for each command, and of a part for each that it is made of."""
    top = click.Context(commands, info_name=program)
    for name, command in commands.commands.items():
        context = click.Context(command, parent=top, info_name=name)
        yield f".SH {name.upper()}"
        yield from of_command(context)
        if isinstance(command, click.Group):
            for part, inner in command.commands.items():
                yield f".SS {name} {part}"
                yield from of_command(click.Context(inner, parent=context, info_name=part))


def of_command(context: click.Context) -> Iterator[str]:
    """Yield the lines of one command: its usage, what it does, examples and options."""
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f".B {roff(context.command_path)}", roff(usage))
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):  # click leaves the lines of such a one as they are
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
