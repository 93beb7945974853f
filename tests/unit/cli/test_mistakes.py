"""Facts about wrong usage: the same mistake has the same text and exit code in every command."""

import json

import pytest

from tests.world.machine import HOST, Machine

# What takes a registry.
COMMANDS = {
    "configure": ("configure",),
    "doctor": ("doctor",),
    "explain": ("explain",),
    "password": ("password",),
    "cache clear": ("cache", "clear"),
}
ECR_ONLY = ("configure", "password")
DIAGNOSES = "doctor"
"""Its report, and not its usage, says what is wrong with the host of an image."""


def said(machine: Machine, *arguments: str) -> tuple[int, str]:
    """Return the exit code, and what is said on standard error after the usage."""
    done = machine.run(*arguments)
    if done.code == 2:
        assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    errors = [line for line in lines if line.startswith("docker-credential-ecrpy: ")]
    return done.code, " ".join(errors)


@pytest.mark.tree
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("12345@us-east-1", "an account id has 12 digits, and 12345 has 5"),
        ("123456789012@us-esat-1", "did you mean us-east-1 or us-west-1?"),
        ("123456789012@", "write one such as us-east-1"),
        ("a b.c/d", "names no registry"),
        ("", "names no registry"),
        ("--nope", "no such option"),
    ],
)
def test_a_name_that_is_none(machine: Machine, command: str, text: str, says: str) -> None:
    """The exit code is 2, and one line says what is wrong."""
    machine.login()
    code, error = said(machine, *COMMANDS[command], text)

    assert (code, says in error) == (2, True), error
    assert machine.aws.calls == []


@pytest.mark.tree
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != DIAGNOSES])
@pytest.mark.parametrize(
    ("host", "says"),
    [
        (HOST[1:], "it has to begin with an account's 12 digits"),
        (f"{HOST}.evil.org", "evil.org is not an ECR registry"),
    ],
)
def test_a_host_that_looks_like_ecrs(machine: Machine, command: str, host: str, says: str) -> None:
    """It is refused in the same words everywhere."""
    assert said(machine, *COMMANDS[command], host) == (
        2,
        said(machine, "password", host)[1],
    )
    assert says in said(machine, *COMMANDS[command], host)[1]


@pytest.mark.tree
@pytest.mark.parametrize("command", COMMANDS)
def test_a_registry_that_is_not_ecr(machine: Machine, command: str) -> None:
    """It is refused where only ECR makes sense, and has an answer elsewhere."""
    code, error = said(machine, *COMMANDS[command], "ghcr.io/org/app")

    if command in ECR_ONLY:
        assert code == 2
        assert "ghcr.io is not an ECR registry; a private name for one needs a rule" in error
    else:
        assert code != 2
        assert error == ""


@pytest.mark.tree
@pytest.mark.parametrize("command", COMMANDS)
def test_settings_that_are_wrong(machine: Machine, command: str) -> None:
    """That is no wrong usage: the exit code is 1, and the file and the line are named."""
    path = machine.settings("[[registry]]\nmatch = 1\n")
    done = machine.run(*COMMANDS[command], HOST)

    assert done.code == 1
    assert f"{path}:2: ".encode() in done.stdout + done.stderr


@pytest.mark.tree
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("password", "--region", "us-esat-1"), 2),
        (("password",), 2),
        (("completion", "tcsh"), 2),
        (("cache",), 2),
        (("cache", "lsit"), 2),
        (("help", "nonsense"), 2),
        (("cache", "list"), 0),
        (("help", "cache", "list"), 0),
        (("help",), 0),
        (("nonsense",), 1),  # Docker's protocol
        (("get", "it"), 1),
    ],
)
def test_exit_codes(machine: Machine, arguments: tuple[str, ...], code: int) -> None:
    """Wrong usage of a command is 2; of one of Docker's actions, 1, as Docker has it."""
    assert machine.run(*arguments).code == code


@pytest.mark.tree
@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [
        (("configure", "--profile"), "configure"),
        (("configure", HOST, "--fallback"), "configure"),
        (("password", "--region"), "password"),
        (("cache", "list", "--nope"), "cache list"),
    ],
    ids=str,
)
def test_where_the_help_is(machine: Machine, arguments: tuple[str, ...], help_of: str) -> None:
    """The usage and the help are those of the command, also for an option without its value."""
    done = machine.run(*arguments)

    assert done.code == 2
    assert done.stderr.startswith(f"Usage: docker-credential-ecrpy {help_of} ".encode())
    assert done.stderr.endswith(f"'docker-credential-ecrpy help {help_of}' has examples\n".encode())


@pytest.mark.tree
def test_what_is_said_of_nothing(machine: Machine) -> None:
    """An entry of a name that only looks like ECR's can still be removed."""
    machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
    machine.get(HOST[1:])
    assert machine.entries("elsewhere")

    assert said(machine, "cache", "clear", HOST[1:]) == (0, "")
    assert not machine.entries("elsewhere")
    assert json.loads(machine.run("list").stdout) == {}


@pytest.mark.tree
def test_a_first_word_in_capitals(machine: Machine) -> None:
    """It keeps them: it is the name of an argument."""
    code, error = said(machine, "password", "--region", "us-east-1", HOST)

    assert code == 2
    assert error.startswith("docker-credential-ecrpy: REGISTRY|IMAGE and --region exclude")


@pytest.mark.tree
def test_a_value_of_help(machine: Machine) -> None:
    """The error comes with the usage of the command, not of the program."""
    done = machine.run("configure", "--help=1")

    assert done.code == 2
    assert done.stderr.startswith(b"Usage: docker-credential-ecrpy configure ")
