"""Write tables into docs/reference.md: the commands with their options, and config.toml's keys.

    python tools/reference.py

The commands are the program's own, the keys those of config_file.py. A test compares the page with
both; after a change of one, run `make reference`.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.cli.help import CommandGroup
from docker_credential_ecrpy.settings.loader import TABLE
from docker_credential_ecrpy.settings.patterns import LONGEST
from tools import config_file
from tools.config_file import Key

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
# A word that is not plain text: a value, a name or a set of characters, without a full stop.
_CODE = re.compile(r"(?<!\S)((?:\S*[_*\"?\[]|[a-z]+[A-Z])\S*?|\S+-)([.,:;]?)(?!\S)")


def walk_commands(context: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the context of each command that does something, in the order of the help."""
    context = context or click.Context(program, info_name=PACKAGE, **program.context_settings)
    command = context.command
    if not isinstance(command, click.Group) or isinstance(command, CommandGroup):
        yield context
    if not isinstance(command, click.Group):
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


def describe_keys() -> str:
    """Return the tables of config.toml: its keys, those of a rule, and the forms of `match`."""
    forms = [f"| `{form}` | {_code(meaning)} |" for form, meaning in config_file.MATCH_FORMS]
    return "\n".join(
        [
            "At the top:",
            "",
            *_make_table(config_file.TOP_KEYS),
            "",
            f"In each `[[{TABLE}]]`:",
            "",
            *_make_table(config_file.RULE_KEYS),
            "",
            f"Host names are compared in lower case. `match` has at most {LONGEST:,} characters:",
            "",
            "| match | registries |",
            "| --- | --- |",
            *forms,
            "",
        ]
    )


def _make_table(keys: Sequence[Key]) -> Iterator[str]:
    yield from ("| key | type | meaning |", "| --- | --- | --- |")
    for key in keys:
        name = f"[[{key.name}]]" if key.name == TABLE and key.type != "string" else key.name
        meaning = _code(key.meaning)
        if key.needs:
            meaning += f" Only with `{key.needs}`."
        if key.default:
            meaning += f" Default: `{key.default}`."
        yield f"| `{name}` | {key.type} | {meaning} |"


def _code(text: str) -> str:
    """Return a text for a cell, with its values and names as code."""
    return _cell(_CODE.sub(r"`\1`\2", text))


def render(page: str) -> str:
    """Return the text of the page with its tables written again."""
    page = _replace(page, "commands", "\n".join(map(describe_command, walk_commands())))
    return _replace(page, "config.toml", describe_keys())


def _replace(page: str, name: str, text: str) -> str:
    """Return the page with another text between the two comments with that name."""
    begin, end = f"<!-- {name}: written by tools/reference.py -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
