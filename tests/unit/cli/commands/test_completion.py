"""Facts about completion: what each script completes in its shell, without an error."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.names import COMMANDS, COMPLETE
from tests.world import engines
from tests.world.accounts import EU, B
from tests.world.entries import make_folder
from tests.world.machine import HOST, Machine

NAMES = ("docker-credential-ecr-login", "docker-credential-ecrpy")
ALL_COMMANDS = {*COMMANDS, "get", "store", "erase", "list", "version", "help"}
OTHER = EU.format(B)
# Each has its shell read our script and then do as the shell does when the user presses Tab.
BASH = """\
eval "$("$1" completion bash)"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
words=($(complete -p -- "$1"))
for at in "${!words[@]}"; do [ "${words[at]}" != -F ] || function=${words[at + 1]}; done
"$function" "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """\
"$1" completion zsh >script
shift
compdef() { names=("$@") }
_describe() { local name=$@[-1]; print -l -- "${(@P)name}" }
source ./script
words=("$@") CURRENT=$#
[[ " $names " == *" $1 "* ]] && $names[1]
"""
FISH = """\
$argv[1] completion fish | source
complete -C (string join ' ' -- $argv[2..])
"""
DRIVERS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@pytest.fixture(name="shell", params=DRIVERS)
def _shell(request: pytest.FixtureRequest, machine: Machine) -> str:
    """Each shell that is installed, with both programs on its PATH."""
    if sys.platform == "win32" or not shutil.which(request.param):
        engines.missing(f"{request.param} is not installed")
    for name in NAMES:
        command = shlex.join(machine.program)
        machine.file(f"bin/{name}", f'#!/bin/sh\nexec {command} "$@"\n', mode=0o700)
    machine.environ["PATH"] = f"{machine.root}/bin:{machine.environ['PATH']}"
    return str(request.param)


def tab(
    machine: Machine, shell: str, *words: str, name: str = NAMES[1], **environ: str
) -> set[str]:
    """Return the completions of the last word in a shell."""
    options = {"bash": ["--norc", "-c", BASH, "bash"], "zsh": ["-fc", ZSH, "zsh"]}
    command = [shell, *options.get(shell, ["--no-config", "-c", FISH]), name, name, *words]
    done = machine.run(command=command, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    lines = done.stdout.decode().splitlines()
    return {line.partition("\t")[0].partition(":")[0] for line in lines if line}


def answered(machine: Machine, *words: str, **environ: str) -> list[list[str]]:
    """Return the answer to a shell's script for the last word."""
    *before, word = words
    asked = {"COMP_WORDS": "\n".join(["x", *before]), "COMP_WORD": word, COMPLETE: "bash"}
    done = machine.run(environ={**asked, **environ})
    assert done.stderr == b""
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_commands(machine: Machine, shell: str, name: str) -> None:
    """Commands and Docker's actions are completed for both names of the program."""
    assert tab(machine, shell, "", name=name) == ALL_COMMANDS
    assert tab(machine, shell, "c", name=name) == {"cache", "completion", "configure"}
    assert tab(machine, shell, "cache", "", name=name) == {"clear", "list"}
    assert tab(machine, shell, "help", "e", name=name) == {"erase", "explain"}
    assert tab(machine, shell, "help", "ge", name=name) == {"get"}
    assert tab(machine, shell, "-", name=name) == {"-V", "--version", "-h", "--help"}
    assert tab(machine, shell, "get", "-", name=name) == {"-h", "--help"}
    assert tab(machine, shell, "get", "", name=name) == set()


@pytest.mark.tree
def test_options(machine: Machine, shell: str) -> None:
    """The options of the command are completed."""
    options = {"--region", "--docker-config-json", "--verbose", "--help"}

    assert tab(machine, shell, "password", "--") == options


@pytest.mark.parametrize(
    ("script", "from_file"),
    [
        ('eval "$("$1" completion zsh)"', False),
        ('autoload -Uz compinit && compinit -i; eval "$("$1" completion zsh)"', False),
        ('"$1" completion zsh >$NAME; fpath=($PWD $fpath); autoload compinit; compinit -i', True),
    ],
    ids=["bare", "after compinit", "a file in fpath"],
)
def test_zsh_with_and_without_its_completion(
    machine: Machine, script: str, from_file: bool
) -> None:
    """Both programs complete, and nothing is printed or asked."""
    if sys.platform == "win32" or not shutil.which("zsh"):
        engines.missing("zsh is not installed")
    name = machine.file(
        f"bin/{NAMES[1]}", f'#!/bin/sh\nexec {shlex.join(machine.program)} "$@"\n', mode=0o700
    )
    shown = "; ".join(f"print -r -- $_comps[{name}]" for name in NAMES)
    command = ["zsh", "-fc", f"{script}; {shown}", "zsh", str(name)]
    done = machine.run(command=command, environ={"NAME": "_docker-credential-ecrpy"})

    assert (done.code, done.stderr) == (0, b"")
    assert done.stdout == b"_docker-credential-ecrpy\n" * 2
    assert from_file == (machine.root / "_docker-credential-ecrpy").exists()


@pytest.mark.tree
@pytest.mark.parametrize("command", [["explain"], ["password"], ["cache", "clear"]])
def test_registries(machine: Machine, shell: str, command: list[str]) -> None:
    """Known hosts and those in Docker's config.json are completed."""
    machine.login()
    machine.get()
    helpers = {OTHER: "ecr-login", "public.ecr.aws": "ecrpy", "ghcr.io": "pass", "https://x/": ""}
    machine.file("home/.docker/config.json", json.dumps({"credHelpers": helpers}))

    assert tab(machine, shell, *command, "") >= {HOST, OTHER, "public.ecr.aws"}
    assert tab(machine, shell, *command, "21") == {OTHER}
    assert tab(machine, shell, *command, "gh") == set()


@pytest.mark.tree
@pytest.mark.skipif(not shutil.which("bash"), reason="the other shells quote by themselves")
def test_what_is_offered_is_quoted(machine: Machine) -> None:
    """Text from a file is quoted: bash takes it as one word and runs nothing of it."""
    machine.file(
        f"bin/{NAMES[1]}",
        f'#!/bin/sh\n[ $# = 0 ] || exec {shlex.join(machine.program)} "$@"\n'
        "printf 'plain\\ta $(b)\\thelp\\n'\n",
        mode=0o700,
    )
    machine.environ["PATH"] = f"{machine.root}/bin:{machine.environ['PATH']}"

    assert tab(machine, "bash", "") == {r"a\ \$\(b\)"}


@pytest.mark.tree
class TestAnswer:
    """The answers to the scripts."""

    def test_help_is_beside_each(self, machine: Machine) -> None:
        """Each completion has a help text; after an action of Docker's there is none."""
        assert answered(machine, "expl")[0][:2] == ["plain", "explain"]
        assert answered(machine, "expl")[0][2].startswith("show the rule")
        assert answered(machine, "get", "") == []
        assert answered(machine, "help", "expl")[0][1] == "explain"

    def test_an_option_with_an_equals_sign(self, machine: Machine) -> None:
        """bash splits it into words; the value is not completed as a registry."""
        make_folder(machine.root / "home/.ecr/registries")
        machine.file("home/.ecr/registries/us-east-1.example.com", "")

        assert answered(machine, "password", "--region", "=", "us") == []
        assert answered(machine, "password", "us")[0][1] == "us-east-1.example.com"

    @pytest.mark.parametrize("word", ["'12", '"12', "1\\2"])
    def test_a_quoted_word(self, machine: Machine, word: str) -> None:
        """Its quotes are removed before it is completed."""
        machine.login()
        machine.get()

        assert [fields[1] for fields in answered(machine, "explain", word)] == [HOST]

    @pytest.mark.parametrize(
        "text",
        ["{", "[]", '{"credHelpers": 1}', '{"credHelpers": {"\\u0000": "ecrpy"}}', "[" * 9999],
    )
    def test_what_cannot_be_read_is_nothing(self, machine: Machine, text: str) -> None:
        """A broken file causes no completion and no error."""
        machine.file("home/.docker/config.json", text)
        machine.settings("x = [")

        assert answered(machine, "explain", "") == []
        assert answered(machine, "explain", "", HOME="", USERPROFILE="") == []
        assert answered(machine, "explain", "", AWS_ECR_DISABLE_CACHE="1") == []

    @pytest.mark.parametrize(
        "environ", [{}, {"COMP_WORDS": ""}, {"COMP_WORD": "\n\t"}, {"COMP_WORDS": "x\n\n\n--\n-"}]
    )
    def test_an_environment_of_any_shape(self, machine: Machine, environ: dict[str, str]) -> None:
        """Any value of the variables causes no error."""
        done = machine.run(environ={COMPLETE: "nonsense", **environ})

        assert (done.code in (0, 1), done.stderr) == (True, b"")

    def test_it_is_quick(self, machine: Machine) -> None:
        """botocore is not loaded."""
        code = (
            "import os, sys\nfrom docker_credential_ecrpy.cli.main import run_cli\n"
            "code = run_cli(['x'], os.environ, None)\n"
            "sys.exit(code or bool({'botocore', 'boto3', 'urllib3'} & set(sys.modules)))"
        )
        words = {COMPLETE: "bash", "COMP_WORDS": "x\nexplain", "COMP_WORD": ""}
        done = machine.run(command=[sys.executable, "-c", code], environ=words)

        assert (done.code, done.stderr) == (0, b"")

    def test_a_command_is_run_though_the_variable_is_set(self, machine: Machine) -> None:
        """Completion needs the variable and no arguments."""
        machine.login()
        done = machine.run("explain", HOST, environ={COMPLETE: "bash_complete"})

        assert done.stdout.startswith(b"registry ")


@pytest.mark.tree
class TestProfiles:
    """The names of AWS profiles."""

    def offered(
        self, monkeypatch: pytest.MonkeyPatch, machine: Machine, incomplete: str
    ) -> list[str]:
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(machine.home))
        context = click.Context(click.Command("x"))
        return [item.value for item in completion.profiles(context, None, incomplete)]

    def test_of_both_files(self, monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
        """Profiles are found in both files, but no SSO sessions and services."""
        machine.config(
            "[default]\nregion = x\n[profile prod]\n[ profile  'a b' ]\n[sso-session corp]\n"
            "[services s]\n[other]\n  [profile indented]\n# [profile comment]\n"
        )
        machine.config("[keys]\n[default]\n", "credentials")

        assert self.offered(monkeypatch, machine, "") == ["a b", "default", "keys", "prod"]
        assert self.offered(monkeypatch, machine, "pr") == ["prod"]

    def test_what_cannot_be_read_is_nothing(
        self, monkeypatch: pytest.MonkeyPatch, machine: Machine
    ) -> None:
        """A directory or a missing file gives no profile."""
        (machine.home / ".aws" / "config").mkdir(parents=True)

        assert self.offered(monkeypatch, machine, "") == []


@pytest.mark.tree
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_one_script_serves_both_names(machine: Machine, shell: str) -> None:
    """Both programs print the same script, without paths of this machine."""
    done = machine.run("completion", shell)

    assert (done.code, done.stderr) == (0, b"")
    assert done.stdout.decode() == completion.SCRIPTS[shell]
    assert all(name in completion.SCRIPTS[shell] for name in NAMES)
    assert COMPLETE in completion.SCRIPTS[shell]
    assert "@" not in completion.SCRIPTS[shell].replace("(@", "").replace('"$@"', "")


@pytest.mark.tree
@pytest.mark.parametrize("arguments", [(), ("sh",), ("bash", "zsh")])
def test_wrong_arguments(machine: Machine, arguments: Sequence[str]) -> None:
    """The usage is on standard error, and the exit code is 2."""
    done = machine.run("completion", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert b"Usage: docker-credential-" in done.stderr


@given(st.text(max_size=30))
def test_any_word_is_taken(word: str) -> None:
    """Quotes around any word do not change what it means."""
    assert completion._unquoted(f'"{word}"') == completion._unquoted(word)


def test_the_scripts_are_sound() -> None:
    """Each installed shell can parse its script."""
    for shell, script in completion.SCRIPTS.items():
        if sys.platform != "win32" and shutil.which(shell):
            subprocess.run([shell, "-n"], input=script.encode(), check=True, capture_output=True)
