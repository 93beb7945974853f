"""Facts about help: each way to ask for it, what it shows, and that it fits every terminal."""

import re
import sys
from inspect import cleandoc

import click
import pytest

from docker_credential_ecrpy import HOMEPAGE, __version__
from docker_credential_ecrpy.cli import names
from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.cli.help import Command, Group
from tests.world.machine import HOST, Machine
from tests.world.terminal import on_terminal

pytestmark = pytest.mark.tree


def list_paths() -> list[tuple[str, ...]]:
    """Return the words of each command and group."""
    found: list[tuple[str, ...]] = []
    for name, command in program.commands.items():
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, part) for part in command.commands]
    return found


PATHS = list_paths()


def said(machine: Machine, *arguments: str, **environ: str) -> str:
    done = machine.run(*arguments, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    return done.stdout.decode()


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_each_command_has_its_help(machine: Machine, path: tuple[str, ...]) -> None:
    """The same by -h, --help and the word help before it."""
    shown = said(machine, *path, "--help")

    assert shown == said(machine, *path, "-h") == said(machine, "help", *path)
    assert shown.startswith(f"Usage: docker-credential-ecrpy {' '.join(path)} ")
    assert "  -h, --help" in shown


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_each_help_begins_with_the_sentence_of_the_list(path: tuple[str, ...]) -> None:
    """The help of a command and the list of commands say the same; examples follow."""
    command: click.Command = program
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert isinstance(command, Command | Group)
    short, text = str(command.short_help), cleandoc(str(command.help))

    assert re.match(rf"{re.escape(short[0].upper() + short[1:])}[.,]", text)
    assert command.examples


@pytest.mark.parametrize("action", names.ACTIONS)
def test_each_action_has_its_help(machine: Machine, action: str) -> None:
    """It reads nothing and calls nobody."""
    shown = said(machine, "help", action)

    assert shown == said(machine, action, "--help") == said(machine, action, "-h")
    assert shown.startswith(f"Usage: docker-credential-ecrpy {action}\n")
    assert machine.aws.calls == []


@pytest.mark.parametrize(
    "arguments", [("help",), ("--help",), ("-h",), ("help", "help"), ("help", "--help")]
)
def test_the_help_of_the_program(machine: Machine, arguments: tuple[str, ...]) -> None:
    """It names each command as its own help does, each action, and how to begin."""
    shown = said(machine, *arguments)

    for name, command in program.commands.items():
        assert f"  {name:<12} {command.short_help}\n" in shown
    for name, meaning in names.ACTIONS.items():
        assert f"  {name:<8} {meaning}\n" in shown
    for name, meaning in names.HELP.items():
        assert f"  {name:<12} {meaning}\n" in shown
    assert "docker-credential-ecrpy configure 123456789012@us-east-1\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nonsense",), "unknown command: nonsense; choose from configure, doctor, "),
        (("docter",), "unknown command: docter; did you mean doctor?"),
        (("verson",), "unknown command: verson; did you mean version?"),
        (("cache", "lst"), "unknown command: lst; did you mean list?"),
        (("cache", "list", "x"), "unknown command: list x; list has none"),
        (("list", "x"), "unknown command: list x; list has none"),
        (("",), "unknown command: (empty)"),
        (("a\nb",), "unknown command: a b"),
    ],
)
def test_the_help_of_nothing(machine: Machine, words: tuple[str, ...], says: str) -> None:
    """The exit code is 2, and a near miss is named."""
    done = machine.run("help", *words)

    assert (done.code, done.stdout) == (2, b"")
    assert says in done.stderr.decode()


@pytest.mark.parametrize("argument", ["version", "--version", "-V", "-v"])
def test_the_version(machine: Machine, argument: str) -> None:
    """Each of the usual options prints it."""
    shown = said(machine, argument)

    assert shown == f"docker-credential-ecrpy (docker-credential-ecrpy) {__version__}\n"


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("path", [(), *PATHS], ids=" ".join)
def test_it_fits_the_terminal(machine: Machine, columns: int, path: tuple[str, ...]) -> None:
    """No line is longer, but for a word that cannot be broken."""
    shown = on_terminal(machine, columns, *(path or ("--help",)), *(["-h"] if path else []))

    assert shown.startswith("Usage: ")
    for line in shown.splitlines():
        longest = max(map(len, line.split()), default=0)
        assert len(line) <= max(columns, longest + 8), line


@pytest.mark.parametrize(
    "environ",
    [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LANG": "C", "LC_ALL": "C"}, {"LANG": "", "TERM": ""}],
    ids=str,
)
def test_it_is_plain_ascii_in_a_pipe(machine: Machine, environ: dict[str, str]) -> None:
    """Whatever terminal and language the environment names."""
    for path in [(), *PATHS]:
        assert said(machine, "help", *path, **environ).isascii()
        assert "\033" not in said(machine, "help", *path, **environ)


class TestVerbose:
    """-v, --verbose."""

    @pytest.mark.parametrize("option", ["-v", "--verbose"])
    @pytest.mark.parametrize(
        "command", [("explain", "--check"), ("password",), ("doctor",)], ids=" ".join
    )
    def test_it_logs_what_the_variable_logs(
        self, machine: Machine, command: tuple[str, ...], option: str
    ) -> None:
        """To standard error, without a token; standard output stays the same kind."""
        machine.login()
        machine.get()  # then all three find a cached token
        by_variable = machine.run(*command, HOST, environ={"AWS_ECR_DEBUG": "1"})
        done = machine.run(*command, HOST, option)

        assert done.code == by_variable.code
        assert log_texts(done.stderr) == log_texts(by_variable.stderr)
        assert machine.run(*command, HOST).stderr == b""
        (secret,) = machine.aws.issued
        assert secret.encode() not in done.stderr

    def test_what_was_fetched(self, machine: Machine) -> None:
        """The log says which call was made."""
        machine.login()
        done = machine.run("password", "-v", HOST)

        assert b"https://api.ecr.us-east-1.amazonaws.com" in done.stderr
        assert done.stdout.decode().strip() in machine.aws.issued


def log_texts(log: bytes) -> set[str]:
    """Return the texts of log lines, of which there has to be one; each number in them is 0."""
    texts = {line.partition(" ms  ")[2] for line in log.decode().splitlines()}
    assert texts
    return {re.sub(r"\d+", "0", text) for text in texts}


def test_an_unexpected_error_names_the_address_for_reports(machine: Machine) -> None:
    """It says how to get details, and where to send them."""
    code = (
        "import os, sys\nfrom docker_credential_ecrpy.cli import main\n"
        "def fail(*_): raise ZeroDivisionError('it broke')\n"
        "main._run_command = fail\n"
        "sys.exit(main.run_cli(['x', 'explain', 'y'], os.environ, None))"
    )
    done = machine.run(command=[sys.executable, "-c", code])

    assert (done.code, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "x: unexpected error: it broke; run it again with AWS_ECR_DEBUG=1, and report what that"
        f" prints at {HOMEPAGE}/issues\n"
    )
