"""Facts about the README and docs/: links resolve, examples work, tables agree with the program.

What a page shows of the program's output is compared in promises/test_documented_output.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from _pytest.mark import ParameterSet

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.cli.help import CommandGroup
from docker_credential_ecrpy.cli.names import HELP_TEXT
from docker_credential_ecrpy.hot import identity, paths, protocol, registry
from docker_credential_ecrpy.kubernetes.service_account import ROLE
from docker_credential_ecrpy.settings import loader, rule_parser
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from tests.world.documents import (
    DOCUMENTS,
    PAGES,
    Document,
    find_page,
    quoted,
    split_arguments,
)
from tests.world.tree import REPOSITORY
from tools import reference

pytestmark = pytest.mark.tree
PACKAGE_FILES = sorted((REPOSITORY / "docker_credential_ecrpy").rglob("*.py"))
# What the program answers itself, without an argument.
ACTIONS = ("get", "store", "erase", "list", "version", "-v", "-V", "--version", "-h", "--help")
# Symptoms on the troubleshooting page that Docker, a registry or the system prints.
FOREIGN = {
    "403 Forbidden",
    "Your authorization token has expired",
    "no basic auth credentials",
    "Cannot connect to the Docker daemon",
    "context ... not found",
    "unable to resolve docker endpoint: open ... ca.pem",
    "client version ... is too old",
    "permission denied while trying to connect to the Docker daemon socket",
    "denied: ... not authorized to perform: ecr:BatchGetImage",
    "denied: ... not authorized to perform: signer:SignPayload",
    "denied: ... not authorized to perform: ecr:CreateRepository",
    "error pulling image configuration",
    "no matching manifest for",
    "toomanyrequests: Rate exceeded",
    "toomanyrequests: Data limit exceeded",
    'exec: "docker-credential-ecr-login": executable file not found in $PATH',
    "not found",
    "segmentation fault",
}
# Words that a reader has to read twice, or that no technical text of today has.
ARCHAIC = (
    *("mend", "mends", "mended", "heed", "heeds", "heeded", "anew", "whom", "a person"),
    *("nobody is asked", "it is so already", "no matter of ours", "mind:", "goes", "told"),
    *("is asked", "what was there before", "of its own accord", "born", "whose it is", "odd"),
    *("looks at everything", "finds all of these", "not only milliseconds"),
)
# Variables that the package reads, and that are no setting of a user.
NOT_SETTINGS = {
    "AWS_ECR_FALLBACK_OF": "how this program recognises itself behind a fallback",
    "COMPUTERNAME": "the machine's name on Windows",
    "COMP_WORD": "the protocol of shell completion",
    "COMP_WORDS": "the same",
    "HOME": "the home directory",
    "PATH": "where helpers are looked up",
    "PATHEXT": "the same on Windows",
    "PYTHONPATH": "a setting of the interpreter",
    "SUDO_UID": "set by sudo",
    "USERPROFILE": "the home directory on Windows",
}
# Variables that botocore reads, and that decide no identity.
READ_BY_BOTOCORE = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
}


def _each(find: Callable[[Document], list[str]]) -> list[ParameterSet]:
    """Return a parameter for each different text that `find` returns of each document."""
    return [
        pytest.param(document, text, id=f"{document.name}: {text}"[:120])
        for document in DOCUMENTS
        for text in dict.fromkeys(find(document))
    ]


# --- links ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("document", "link"), _each(lambda document: document.links))
def test_links_lead_somewhere(document: Document, link: str) -> None:
    """The file and the heading that a link names exist; other sites are named by HTTPS."""
    target = document.resolve(link)
    if target is None:
        assert link.startswith("https://")
        return
    path, anchor = target

    assert path.exists()
    assert not anchor or anchor in Document(path).anchors


def test_pages_link_to_pages_by_relative_paths() -> None:
    """GitHub and the built site both follow these; a file outside of docs/ has its URL."""
    for page in PAGES:
        for link in page.links:
            target = page.resolve(link)
            if target and target[0].suffix == ".md":
                inside = target[0].is_relative_to(REPOSITORY / "docs")
                assert inside != link.startswith(HOMEPAGE), link


def test_the_menu_has_every_page() -> None:
    """Each page has one place in mkdocs.yml, and each place has a page."""
    settings = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    flat: list[str] = []
    for entry in settings["nav"]:
        (value,) = entry.values()
        flat += [value] if isinstance(value, str) else [v for e in value for v in e.values()]
    pages = [name for name in flat if not name.startswith(HOMEPAGE)]

    assert sorted(pages) == sorted(page.name.removeprefix("docs/") for page in PAGES)
    assert settings["strict"] is True
    assert settings["repo_url"] == HOMEPAGE


# --- examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("document", "arguments"), _each(lambda document: document.our_commands))
def test_commands_are_understood(document: Document, arguments: str) -> None:
    """Each command line of this program names a command, options and arguments that it has."""
    check_arguments(split_arguments(arguments))


@pytest.mark.parametrize(
    "arguments",
    [text for row in find_page("configure").table("## What to type") for text in row[:1]],
)
def test_the_table_of_what_to_type(arguments: str) -> None:
    """The arguments of `configure` in the table are understood."""
    (typed,) = quoted(arguments) or [""]
    check_arguments(["configure", *split_arguments(typed)])


def check_arguments(arguments: list[str]) -> None:
    """Raise for a command line that the program does not understand; run nothing."""
    if arguments[:1] == ["help"]:
        arguments = arguments[1:]
    if not arguments or arguments[0] in ACTIONS:
        assert len(arguments) < 2
        return
    command: click.Command = program
    context = click.Context(program, info_name=PACKAGE, **program.context_settings)
    while isinstance(command, click.Group) and arguments:
        if isinstance(command, CommandGroup) and arguments[0] not in command.commands:
            break
        name, *arguments = arguments
        assert name in command.commands
        command = command.commands[name]
        context = click.Context(command, parent=context, info_name=name)
    try:
        command.make_parser(context).parse_args(arguments)
    except click.UsageError as exc:
        pytest.fail(exc.format_message())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_blocks_are_what_they_say(document: Document) -> None:
    """JSON and YAML parse, and TOML is a config.toml that loads."""
    for block in document.blocks("json"):
        json.loads(block.text)
    for block in document.blocks("yaml"):
        assert isinstance(yaml.safe_load(block.text), dict)
    for block in document.blocks("toml"):
        source = TomlDocument(document.name, block.text.encode(), loader.TABLE)
        found = loader.parse(source)
        assert found.rules or found.fallback or block.text.startswith("#:schema ")


def test_there_are_examples() -> None:
    """The tests above are of something."""
    assert sum(len(document.blocks("toml")) for document in DOCUMENTS) > 8
    assert sum(len(document.our_commands) for document in DOCUMENTS) > 40


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_words_are_plain(document: Document) -> None:
    """No archaic or vague words, also not in the output that a page shows."""
    found = [
        word
        for word in ARCHAIC
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", document.text, re.IGNORECASE)
    ]

    assert found == []


def _list_symptoms() -> list[str]:
    return re.findall(r"\*\*`([^`]+)`", find_page("troubleshooting").text)


@pytest.mark.parametrize("symptom", [text for text in _list_symptoms() if text not in FOREIGN])
def test_symptoms_are_texts_of_the_program(symptom: str) -> None:
    """Each part of an error that the page quotes is in the source, with "..." for its values."""
    parts = re.split(r"\.\.\.|;", symptom.replace("25 s", "... s"))

    assert all(part.strip() in _read_literals() for part in parts)


@cache
def _read_literals() -> str:
    """Return the sources, with texts that are written on several lines in one, without values."""
    python = "".join(path.read_text("utf-8") for path in PACKAGE_FILES)
    joined = re.sub(r'"\s*\n\s*(?:msg \+= |hint \+= )?f?"', "", python)
    launcher = (REPOSITORY / "binary" / "launcher.c").read_text("utf-8")
    return re.sub(r"\{[^{}]*\}", "...", joined) + launcher


def test_symptoms_of_other_programs_are_on_the_page() -> None:
    """The list of them has none that the page no longer quotes."""
    assert {*_list_symptoms()} >= FOREIGN


# --- tables -----------------------------------------------------------------------------------


def test_the_tables_of_the_reference_are_current() -> None:
    """Commands, options and the keys of config.toml, as `make reference` writes them."""
    page = find_page("reference").text

    assert reference.render(page) == page, "run `make reference`"


def test_the_reference_has_every_variable() -> None:
    """Every variable that the package reads is in a table, and the tables have no others."""
    page = find_page("reference")
    heading = "## Environment variables"
    rows = page.table(heading, 0) + page.table(heading, 1)
    shown = {name for row in rows for name in quoted(row[0])}
    read = {
        name
        for path in PACKAGE_FILES
        for name in re.findall(
            r"""environ(?:\.get\(|\[|, )["']([A-Z][A-Z0-9_]+)["']""", path.read_text("utf-8")
        )
    }
    read |= {*identity.DECIDING_VARIABLES, identity._CONTAINER_TOKEN, "DOCKER_AUTH_CONFIG"}
    read |= {identity.PROFILE_OF + "<account>", identity.ROLE_OF + "<account>", ROLE}

    assert shown == (read - {*NOT_SETTINGS}) | READ_BY_BOTOCORE


def test_the_help_names_variables_of_the_reference() -> None:
    """Each variable in the program's help is in the reference."""
    text = find_page("reference").text
    for name in re.findall(r"\b(?:AWS|NO)_[A-Z_]+(?:<account>)?", HELP_TEXT):
        assert name in text


def test_the_reference_has_every_key() -> None:
    """The keys of config.toml are those that its reader knows."""
    page = find_page("reference")
    top = [quoted(row[0])[0].strip("[]") for row in page.table("## config.toml", 0)]
    in_rule = [quoted(row[0])[0] for row in page.table("## config.toml", 1)]

    assert top == [*loader.KEYS]
    assert sorted(in_rule) == sorted(rule_parser.KEYS)


def test_the_accounts_page_names_every_key() -> None:
    """Its section on rules; what a key means is in the reference alone."""
    section = find_page("accounts").text.partition("\n## Rules\n")[2].partition("\n## ")[0]

    assert {*quoted(section)} >= {*rule_parser.KEYS}
    assert "(reference.md#configtoml)" in section


def test_the_reference_has_every_exit_code() -> None:
    """Success, a problem, wrong usage and an interrupt."""
    codes = [int(row[0]) for row in find_page("reference").table("## Exit codes")]
    wrong = click.UsageError("").exit_code

    assert codes == [protocol.OK, protocol.FAILED, wrong, protocol.INTERRUPTED]


def test_the_reference_has_the_exact_texts_of_the_protocol() -> None:
    """Clients compare these."""
    shown = [text for row in find_page("reference").table("## Protocol") for text in quoted(row[1])]

    assert {protocol.NOT_FOUND, "no credentials server URL", "no credentials username"} <= {*shown}


def test_the_reference_has_every_host_form() -> None:
    """Each suffix of ECR's hosts, and both hosts of ECR Public."""
    rows = find_page("reference").table("## Host names")
    names = {name for row in rows for cell in row for name in quoted(cell)}

    assert {*registry.SUFFIXES, *registry.DUAL_STACK_SUFFIXES, *registry.PUBLIC_HOSTS} <= names


def test_the_reference_has_every_file() -> None:
    """Each folder of the cache, the settings, and both kinds of backups."""
    rows = find_page("reference").table("## Files")
    shown = {Path(quoted(row[0])[0]).name for row in rows}
    folders = {paths.TOKENS, paths.LOGINS, paths.REGISTRIES, paths.ELSEWHERE, paths.LOCKS}

    assert shown == {paths.CONFIG_NAME, *folders, "<file>.<time>.bak", "<file>.<time>.none.bak"}


def _read_schema(name: str) -> Any:
    return json.loads((REPOSITORY / "docs" / "schemas" / name).read_text(encoding="utf-8"))


def _find_enums(schema: Any) -> Iterator[list[Any]]:
    """Yield each enum in a JSON Schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema["enum"]
        for value in schema.values():
            yield from _find_enums(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _find_enums(value)


def test_the_reference_names_members_of_the_json_documents() -> None:
    """The members in the table are those of each command's schema, which the link leads to."""
    for command, link, members in find_page("reference").table("## JSON output"):
        name = command.strip("`").removesuffix(" --json").replace(" ", "-")
        schema = _read_schema(f"{name}.schema.json")

        assert f"[{name}.schema.json]" in link
        assert ["schema_version", "command", *quoted(members)] == [*schema["properties"]]


def test_the_doctor_page_has_every_check() -> None:
    """The ids are those of the JSON document's schema."""
    shown = [quoted(row[0])[0] for row in find_page("doctor").table("## What it checks")]
    (known,) = [e for e in _find_enums(_read_schema("doctor.schema.json")) if "old-login" in e]

    assert sorted(shown) == sorted(known)


def test_the_architecture_has_every_room() -> None:
    """The table names each folder of the package."""
    package = REPOSITORY / "docker_credential_ecrpy"
    rooms = {path.name for path in package.iterdir() if path.is_dir()}
    rows = find_page("architecture").table("## Rooms")
    shown = {quoted(row[0])[0].rstrip("/") for row in rows}

    assert rooms - {"__pycache__"} == {name for name in shown if not name.endswith(".py")}
