"""Bare `configure`: the choice on a terminal, and what it says where there is none."""

import re
from pathlib import Path

import pytest

from tests.world.configure import AUTH, OTHER, SSO, WHERE, configure, list_names, read, write
from tests.world.machine import HOST, Machine
from tests.world.terminal import run_on_terminal

tree = pytest.mark.tree
CONFIG = (
    f"[profile dev]\nsso_account_id = 111111111111\nregion = eu-west-1\n{SSO}"
    f"[profile prod]\nsso_account_id = 210987654321\nregion = eu-west-1\n{SSO}"
    "[profile nowhere]\nregion = eu-west-1\n"
)
ROLE = "arn:aws:iam::111111111111:role/puller"
DEV = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"


def choose(machine: Machine, typed: bytes, *arguments: str, code: int = 0) -> str:
    """Run `configure` on a terminal, with an answer; return what it shows, without colours."""
    done, shown = run_on_terminal(machine, "configure", *arguments, columns=200, typed=typed)
    assert done == code, shown
    assert AUTH not in shown
    return re.sub(r"\033\[[\d;]*m", "", shown).replace("\r\n", "\n")


@pytest.fixture(name="before")
def _before(machine: Machine, docker: Path) -> bytes:
    """Docker's file with two logins, and three AWS profiles, of which two have a registry."""
    machine.config(CONFIG)
    return write(docker, {"auths": {f"https://{HOST}": {"auth": AUTH}, OTHER: {"auth": AUTH}}})


@tree
def test_what_is_offered(machine: Machine, docker: Path, before: bytes) -> None:
    """A numbered list has the logins of Docker's file first, then the profiles; q stops."""
    shown = choose(machine, b"q\n")

    assert f"  1  {HOST}  in {docker} as https://{HOST}\n" in shown
    assert f"  2  {OTHER}  in {docker}\n" in shown
    assert f"  3  {DEV}  AWS profile 'dev'\n" in shown
    assert f"  4  {OTHER}  AWS profile 'prod'\n" in shown
    assert "nowhere" not in shown
    assert "which ones? numbers such as 1,3-5; all; q to stop [1-2]: " in shown
    assert shown.endswith("nothing was written\n")
    assert docker.read_bytes() == before


@tree
@pytest.mark.parametrize(
    ("typed", "hosts", "profiles"),
    [
        (b"\n", [HOST, OTHER], []),
        (b"1\n", [HOST], []),
        (b"1,3\n", [HOST, DEV], ["dev"]),
        (b" 4 , 1 \n", [OTHER, HOST], ["prod"]),
        (b"3 1\n", [DEV, HOST], ["dev"]),
        (b"1,1\n", [HOST], []),
        (b"2-3\n", [OTHER, DEV], ["dev"]),
        (b"all\n1-3\n", [HOST, OTHER, DEV], ["dev"]),
        (b"2-1\n1-9\n1-\n1\n", [HOST], []),
        (b"9\n0\nx\n,\n2,4\n3\n", [DEV], ["dev"]),
    ],
    ids=str,
)
@pytest.mark.usefixtures("before")
def test_the_answer(
    machine: Machine, docker: Path, typed: bytes, hosts: list[str], profiles: list[str]
) -> None:
    """Enter chooses the logins; numbers choose registries; other answers are asked again."""
    choose(machine, typed)

    assert list(read(docker)["credHelpers"]) == hosts
    settings = machine.cache / "config.toml"
    rules = settings.read_text() if settings.exists() else ""
    assert re.findall(r'profile = "(\w+)"', rules) == profiles


@tree
def test_a_wrong_answer(machine: Machine, docker: Path, before: bytes) -> None:
    """It is answered with what is wrong, and what to type."""
    shown = choose(machine, b"9\n2,4\n,\nq\n")

    assert "'9' is not a number in the list; type 1 to 4\n" in shown
    assert f"{OTHER} is chosen twice, with two identities; choose one of them\n" in shown
    assert "type a number, 1 to 4\n" in shown
    assert docker.read_bytes() == before


@tree
@pytest.mark.parametrize("typed", [b"\x04", b"\x03"], ids=["end of input", "interrupt"])
def test_no_answer(machine: Machine, docker: Path, before: bytes, typed: bytes) -> None:
    """A line below the question says that nothing was written; the exit code is 130."""
    shown = choose(machine, typed, code=130)

    assert shown.endswith("\nnothing was written\n")
    assert docker.read_bytes() == before


@tree
def test_profiles_alone(machine: Machine, docker: Path) -> None:
    """Where Docker's file has no login, Enter stops."""
    machine.config(CONFIG)
    shown = choose(machine, b"\n")

    assert "q to stop [q]: " in shown
    assert not docker.exists()


@tree
def test_all(machine: Machine, docker: Path) -> None:
    """Enter stands for all, and not for each number, where all are in Docker's file."""
    write(docker, {"auths": {HOST: {"auth": AUTH}, OTHER: {"auth": AUTH}}})

    assert "q to stop [all]: " in choose(machine, b"\n")
    assert list(read(docker)["credHelpers"]) == [HOST, OTHER]


@tree
def test_a_profile_that_no_rule_can_have(machine: Machine, docker: Path, before: bytes) -> None:
    """It is not offered, neither on a terminal nor as a command."""
    machine.config(f"{CONFIG}[profile 'a\tb']\nsso_account_id = 111111111112\nregion = eu-west-1\n")

    assert "111111111112" not in choose(machine, b"q\n")
    assert b"\t" not in configure(machine, code=2).stderr


@tree
def test_a_role(machine: Machine, docker: Path, before: bytes) -> None:
    """--role-arn is the role of whatever is chosen."""
    arn = "arn:aws:iam::111111111111:role/puller"
    choose(machine, b"3\n", "--role-arn", arn)

    settings = (machine.cache / "config.toml").read_text()
    assert settings.endswith(f'profile = "dev"\nrole_arn = "{arn}"\n')


@tree
def test_what_is_configured_is_not_offered(machine: Machine, docker: Path) -> None:
    """Nor is a profile whose registry has a rule; with nothing to offer, nothing is asked."""
    machine.config(f"{CONFIG}[profile other]\nsso_account_id = 111111111111\nregion = eu-west-1\n")
    configure(machine, "--profile", "dev")
    shown = choose(machine, b"q\n")
    assert DEV not in shown
    assert "  1  " in shown

    configure(machine, "--profile", "prod")
    assert "already configured: nothing to change" in choose(machine, b"")


@tree
@pytest.mark.parametrize("option", ["--remove", "--dry-run"])
def test_options(machine: Machine, docker: Path, before: bytes, option: str) -> None:
    """--remove asks nothing, and --dry-run asks and then writes nothing."""
    shown = choose(machine, b"\n", option)

    assert ("which ones?" in shown) is (option == "--dry-run")
    assert docker.read_bytes() == before


@tree
def test_without_a_terminal(machine: Machine, docker: Path, before: bytes) -> None:
    """What was found is printed as commands to type, and nothing is written."""
    for arguments in ((), ("--podman",), ("--json", "--dry-run")):
        configure(machine, *arguments, code=2, REGISTRY_AUTH_FILE=str(docker))
    said = configure(machine, "--role-arn", ROLE, code=2).stderr.decode().splitlines()

    command = f"  {machine.name} configure --role-arn {ROLE}"
    at = said.index(
        f"{machine.name}: no registry is named, and there is no terminal to choose on; run one of:"
    )
    assert said[at + 1 : -1] == [
        f"{command} {WHERE}",
        f"{command} 210987654321@eu-west-1",
        f"{command} --profile dev",
        f"{command} --profile prod",
    ]
    assert (docker.read_bytes(), list_names(docker)) == (before, ["config.json"])
    assert not machine.cache.exists()


@tree
def test_each_command_works(machine: Machine, docker: Path, before: bytes) -> None:
    """The commands configure what was found; then nothing is left to type."""
    said = configure(machine, code=2).stderr.decode().splitlines()
    commands = [
        line.split()[2:] for line in said if line.startswith(f"  {machine.name} configure ")
    ]
    for arguments in commands:
        configure(machine, *arguments)

    assert list(read(docker)["credHelpers"]) == [HOST, OTHER, DEV]
    assert configure(machine).stdout.startswith(b"already configured: nothing to change\n")


@tree
def test_a_host_of_another_form(machine: Machine, docker: Path) -> None:
    """A registry that no account and region stand for is named by its host."""
    host = HOST.replace(".ecr.", ".ecr-fips.")
    write(docker, {"auths": {host: {"auth": AUTH}}})

    assert f"configure {host}\n".encode() in configure(machine, code=2).stderr


@tree
def test_nothing_found_without_a_terminal(machine: Machine, docker: Path) -> None:
    """The error says what to type."""
    done = configure(machine, code=2)

    text = "and no AWS profile with an account and a region; run: docker-credential-ecrpy configure"
    assert f"found no {docker}, {text} <account>@<region>\n" in done.stderr.decode()

    write(docker, "{}")
    done = configure(machine, code=2)
    assert f"found no ECR registry in {docker}, {text}" in done.stderr.decode()


@tree
def test_nothing_found_on_a_terminal(machine: Machine, docker: Path) -> None:
    """The same error: there is nothing to choose from."""
    shown = choose(machine, b"", code=2)

    assert f"found no {docker}, and no AWS profile with " in shown


@tree
def test_a_broken_aws_config(machine: Machine, docker: Path, before: bytes) -> None:
    """The logins are still offered, and a warning says what is wrong."""
    machine.config("[broken")
    shown = choose(machine, b"1\n")

    assert "warning: the AWS settings are wrong" in shown
    assert list(read(docker)["credHelpers"]) == [HOST]


@tree
def test_a_named_registry_asks_nothing(machine: Machine, docker: Path, before: bytes) -> None:
    """On a terminal, a registry on the command line is configured at once."""
    assert "which ones?" not in choose(machine, b"", WHERE)
    assert list(read(docker)["credHelpers"]) == [HOST]
