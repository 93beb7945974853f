"""How the commands answer mistakes in a registry's name and in options."""

import json
from pathlib import Path

import click
import pytest

from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.cli.mistakes import describe_mistake
from docker_credential_ecrpy.text.suggestion import DANGEROUS
from tests.world.configure import OTHER
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree
ACCOUNT = "123456789012"
COMMANDS = ("configure", "password", "doctor", "explain")


@tree
@pytest.mark.parametrize("command", COMMANDS)
def test_an_account_alone(machine: Machine, command: str) -> None:
    """The error says to add the region, and names the default region in a full command."""
    done = machine.run(command, ACCOUNT)
    known = machine.run(command, ACCOUNT, environ={"AWS_REGION": "eu-west-1"})

    assert done.code == known.code == 2
    hint = f"{ACCOUNT} names no region; add the region: {ACCOUNT}@<region>"
    assert f"{hint}\n" in done.stderr.decode()
    example = f"{hint}, such as: docker-credential-ecrpy {command} {ACCOUNT}@eu-west-1\n"
    assert example in known.stderr.decode()


@tree
@pytest.mark.parametrize(
    ("rest", "what"), [(":443", "port"), ("/team/app:1", "path"), (":443/team/app", "port")]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_account_and_region_with_more(
    machine: Machine, command: str, rest: str, what: str
) -> None:
    """The error has the host name to write, for a port or a path."""
    done = machine.run(command, f"{ACCOUNT}@us-east-1{rest}")

    assert done.code == 2
    hint = f"a {what} needs the registry's host name; write {HOST}{rest}\n"
    assert hint in done.stderr.decode()


@tree
def test_an_image_with_a_digest(machine: Machine) -> None:
    """Digits before a digest are an image of Docker Hub."""
    assert machine.run("explain", f"{ACCOUNT}@sha256:{'0' * 64}").code == 0


@tree
@pytest.mark.parametrize("name", ["a\nb\x1b[31mX", "a\tb"])
def test_a_profile_that_cannot_be_printed(machine: Machine, name: str) -> None:
    """No command is suggested for it, and no control character is printed."""
    said = machine.run("configure", "--profile", name).stderr.decode()

    assert "aws configure sso" not in said
    assert said.replace("\n", "").isprintable()


@tree
@pytest.mark.parametrize("value", ["a/b", "docker-credential-pass", "ecr-login"])
def test_a_fallback_that_is_no_helper(machine: Machine, value: str) -> None:
    """It is a mistake of usage, and names no line of a file."""
    done = machine.run("configure", "--fallback", value)

    assert done.code == 2
    assert b"invalid value for --fallback: " in done.stderr
    assert b"config.toml" not in done.stderr


@tree
@pytest.mark.parametrize("command", COMMANDS)
def test_a_region_alone(machine: Machine, command: str) -> None:
    """The error says to add the account."""
    done = machine.run(command, "us-east-1")

    assert done.code == 2
    hint = "us-east-1 names no account; add the account: <account>@us-east-1\n"
    assert hint in done.stderr.decode()


@tree
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/team/app", f"{HOST}/team/app"),
        (f"{ACCOUNT}:us-east-1", HOST),
        (f"us-east-1@{ACCOUNT}", HOST),
        (f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.co/team/app", HOST),
        (f"{ACCOUNT}.us-east-1.amazonaws.com", HOST),
        (f"{ACCOUNT}/team/app:1", f"{ACCOUNT}.dkr.ecr.<region>.amazonaws.com/team/app:1"),
        ("1234-5678-9012/app", f"{ACCOUNT}.dkr.ecr.<region>.amazonaws.com/app"),
        (f"{ACCOUNT}:443", f"{ACCOUNT}@<region>"),
        ("1234-5678-9012", f"{ACCOUNT}@<region>"),
        ("us-east-1/team/app", "<account>.dkr.ecr.us-east-1.amazonaws.com/team/app"),
        ("cn-north-1/team/app", "<account>.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app"),
        ("Team/app", "team/app"),
    ],
)
def test_another_name_of_a_registry(machine: Machine, name: str, meant: str) -> None:
    """The error has the registry, or how to write it."""
    done = machine.run("explain", name)

    assert done.code == 2
    assert done.stderr.decode().splitlines()[-2].endswith((f" {meant}", f" {meant}?"))


@tree
def test_an_account_as_the_console_shows_it(machine: Machine) -> None:
    """The dashes in it change nothing."""
    machine.login()

    assert HOST in machine.run("explain", "1234-5678-9012@us-east-1").stdout.decode()


@tree
@pytest.mark.parametrize("name", [HOST.upper(), f"{HOST}:443", f"https://{HOST}"])
def test_a_name_that_docker_reads_differently(machine: Machine, name: str) -> None:
    """`explain` fails, as a pull does; `configure` warns, and configures the right host."""
    machine.login()
    image = f"{name}/team/app"
    failed = machine.run("explain", image)
    done = machine.run("configure", image)

    assert failed.code == 1
    assert failed.stderr.decode().strip().endswith(f"; write {HOST}/team/app")
    assert done.stderr.decode().splitlines()[0].startswith("warning: docker ")
    config = json.loads((machine.home / ".docker" / "config.json").read_text())
    assert config == {"credHelpers": {HOST: "ecr-login"}}


@tree
def test_an_image_without_a_registry(machine: Machine) -> None:
    """The registry that Docker has is named. `explain` does not fail: Docker Hub may have it."""
    machine.login()
    assert machine.run("explain", "team/app:1").code == 0

    machine.file("home/.docker/config.json", json.dumps({"credHelpers": {HOST: "ecr-login"}}))
    said = f"so docker takes this for Docker Hub's; you have {HOST}: write {HOST}/team/app:1\n"
    for command, code in (("explain", 0), ("configure", 2)):
        done = machine.run(command, "team/app:1")
        assert (done.code, said in done.stderr.decode()) == (code, True)
    assert machine.run("explain", "docker.io/team/app:1").code == 0


@tree
def test_a_name_that_looks_like_a_region(machine: Machine) -> None:
    """An image of Docker Hub may have such a name."""
    done = machine.run("explain", "my-app-1")

    assert (done.code, done.stderr) == (0, b"")
    assert b"index.docker.io: not an ECR registry" in done.stdout


@tree
def test_the_region_that_the_files_name(machine: Machine) -> None:
    """Docker's file is asked first, then the AWS profiles; two answers are no answer."""

    def answer(text: str) -> str:
        environ = {"AWS_DEFAULT_REGION": "ap-south-1"}
        said = machine.run("configure", text, environ=environ).stderr.decode()
        return said.partition("configure ")[2].partition("such as: ")[2].split("\n")[0]

    command = "docker-credential-ecrpy configure "
    machine.config(
        f"[profile one]\nsso_account_id = {ACCOUNT}\nregion = eu-central-1\n"
        "[profile two]\nsso_account_id = 210987654321\nregion = eu-west-1\n"
    )
    assert answer(ACCOUNT) == f"{command}{ACCOUNT}@eu-central-1"
    assert answer("eu-west-1") == f"{command}210987654321@eu-west-1"

    machine.file("home/.docker/config.json", json.dumps({"credHelpers": {HOST: "ecr-login"}}))
    assert answer(ACCOUNT) == f"{command}{ACCOUNT}@us-east-1"

    both = dict.fromkeys((HOST, HOST.replace("us-east-1", "eu-west-1")), "ecr-login")
    machine.file("home/.docker/config.json", json.dumps({"credHelpers": both}))
    assert answer(ACCOUNT) == ""

    machine.file("home/.docker/config.json", "{broken")
    machine.config("[broken")
    assert answer(ACCOUNT) == f"{command}{ACCOUNT}@ap-south-1"


@tree
def test_the_rest_of_the_command_is_repeated(machine: Machine) -> None:
    """The suggested command has all options and arguments that the user typed."""
    options = ("--profile", "my prod", "--dry-run")
    done = machine.run("configure", ACCOUNT, OTHER, *options, environ={"AWS_REGION": "eu-west-1"})

    command = f"configure {ACCOUNT}@eu-west-1 {OTHER} --profile 'my prod' --dry-run\n"
    assert command in done.stderr.decode()


@tree
@pytest.mark.parametrize("command", ["configure", "doctor", "explain"])
def test_region_is_no_option(machine: Machine, command: str) -> None:
    """The error says that a registry's name has the region."""
    done = machine.run(command, "--region", "us-east-1")

    assert done.code == 2
    hint = "no such option: --region; add the region to the registry: 123456789012@us-east-1\n"
    assert hint in done.stderr.decode()


@tree
def test_a_missing_choice_is_one_line(machine: Machine) -> None:
    """click's own text has a line for each choice."""
    done = machine.run("completion")

    assert done.code == 2
    said = done.stderr.decode().splitlines()[1].partition(": ")[2]
    assert said == "missing argument '{bash|zsh|fish}'; choose from bash, zsh, fish"


@tree
@pytest.mark.parametrize(
    ("arguments", "example"),
    [
        (("configure", "111122223333", "--region", "eu-west-1"), "111122223333@eu-west-1"),
        (("doctor", "--region=eu-west-1", "111122223333"), "111122223333@eu-west-1"),
        (("explain", f"{HOST}/app", "--region", "cn-north-1"), f"{ACCOUNT}@cn-north-1"),
        (
            ("configure", "111122223333@us-east-1", OTHER, "--region", "eu-west-1"),
            "111122223333@eu-west-1 210987654321@eu-west-1",
        ),
        (("configure", "111122223333", "--region", "eu-wst-1"), "123456789012@us-east-1"),
        (("configure", "111122223333", "--region"), "123456789012@us-east-1"),
        (("configure", "public.ecr.aws", "--region", "eu-west-1"), "123456789012@us-east-1"),
    ],
    ids=str,
)
def test_the_region_in_the_registry(
    machine: Machine, arguments: tuple[str, ...], example: str
) -> None:
    """The example has the account and the region that the user typed."""
    done = machine.run(*arguments)

    assert done.code == 2
    assert f"; add the region to the registry: {example}\n" in done.stderr.decode()


@tree
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("configure", "--remov"), "no such option: --remov; did you mean --remove?\n"),
        (("configure", "--reset"), "no such option: --reset\n"),
        (("configure", "--creds"), "no such option: --creds\n"),
        (("configure", "--role", "x"), "no such option: --role; did you mean --role-arn?\n"),
        (("configure", "--account-id", "1"), "; the account is a part of the registry's name: "),
        (("configure", "--config", "/x"), "no such option: --config; set DOCKER_CONFIG instead\n"),
        (("configure", "--podmn"), "no such option: --podmn; did you mean --podman?\n"),
        (("password", "--regin"), "no such option: --regin; did you mean --region?\n"),
        (("doctor", "--bogus"), "no such option: --bogus\n"),
    ],
    ids=str,
)
def test_an_unknown_option(machine: Machine, arguments: tuple[str, ...], says: str) -> None:
    """The near miss is named, unless it is a dangerous option."""
    done = machine.run(*arguments)

    assert done.code == 2
    assert says in done.stderr.decode()


def test_no_command_suggests_a_dangerous_option() -> None:
    """Unless it was typed but for a slip of one letter."""
    found = set()
    for name, command in program.commands.items():
        at = click.Context(command, info_name=name)
        options = [text for each in command.params for text in each.opts]
        for option in options:
            for wrong in (option[:-7], option[:4], f"{option}-all"):
                error = click.NoSuchOption(wrong, possibilities=options, ctx=at)
                said = describe_mistake(error).partition(";")[2]
                found |= {text for text in DANGEROUS if text in said and text != wrong}

    assert not found


def test_other_mistakes_are_described_by_click(tmp_path: Path) -> None:
    """Their text is unchanged."""
    error = click.BadParameter("it is wrong", param_hint="--profile")

    assert describe_mistake(error) == "Invalid value for --profile: it is wrong"
