"""The command of a `credential_process`: by a shell or not, and why it failed."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk import inputs
from docker_credential_ecrpy.aws.sdk.credential_process import process
from docker_credential_ecrpy.aws.sdk.inputs import Inputs
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs.program import Program
from docker_credential_ecrpy.hot.identity import FILE
from tests.world import in_process
from tests.world.machine import Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")
ANSWER = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "made-up"}


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer").write_text(json.dumps(ANSWER))
    _program(tmp_path, "bin/keys", 'cat "$HOME/answer"')
    _program(tmp_path, "bin/a b", 'cat "$HOME/answer"')
    return tmp_path


def _program(home: Path, name: str, code: str, mode: int = 0o755) -> Path:
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(mode)
    return path


def _error(command: str) -> str:
    with pytest.raises(HelperError) as caught:
        process.retrieve(command, "work", Watch())
    text = str(caught.value)
    start = "credential_process of AWS profile 'work' "
    assert text.startswith(start)
    assert caught.value.refused
    return text.removeprefix(start)


SHELL = {
    "~/bin/keys",
    "  ~/bin/keys --json",
    "$HOME/bin/keys",
    "${HOME}/bin/keys",
    '"$HOME/bin/a b" --json',
    '"${HOME}/bin/a b"',
    "$UNSET/bin/keys; ~/bin/keys",
    "A=1 bin/keys",
    "A=1 B='x y' bin/keys",
    "PATH=$HOME/bin:$PATH keys",
    "PATH=~/bin:$PATH keys",
    "cat ~/answer",
    "cat $HOME/answer",
    "cat answer | cat",
    "cat answer|cat",
    "cat answer 2>/dev/null",
    "cat answer 2>&1",
    "cat <answer",
    "cat < answer",
    "cat missing || cat answer",
    "true && cat answer",
    "true; cat answer",
    "true&&cat answer",
    "cd bin && ./keys",
    "(cat answer)",
    "{ cat answer; }",
    "cat $(echo answer)",
    "cat `echo answer`",
    'cat "$(echo answer)"',
    "exec cat answer",
    "command cat answer",
    ". bin/keys",
    "test -f answer && cat answer",
    "if true; then cat answer; fi",
    "bin/k*",
    "sh -c 'cat answer' | cat",
}
PLAIN = {
    "bin/keys",
    "'bin/a b' --json",
    '"bin/a b"',
    "bin/a\\ b",
    "sh -c 'cat ~/answer | cat'",
    'sh -c "cat ~/answer | cat"',
    # The inner shell expands these, as with the AWS CLI.
    'sh -c "found=$(cat answer); echo \\"$found\\""',
    'env A=1 /bin/sh -ec "HOME=$HOME; cat answer"',
    "bin/keys --url=https://host/?a=1&b=2",
    "bin/keys --conn a;b 'x | y' \"x > y\" pa$word 50% #1",
    'bin/keys -n "env | {Version: 1, Key: .KEY}"',
}


@pytest.mark.parametrize("command", sorted(SHELL | PLAIN))
def test_a_command_runs_as_it_is_meant(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell runs what only a shell can; all else runs as with the AWS CLI."""
    watch = Watch()
    started: list[Sequence[str]] = []
    start = watch.start

    def note(command: Sequence[str]) -> Program:
        started.append(command)
        return start(command)

    monkeypatch.setattr(watch, "start", note)

    assert process.retrieve(command, "work", watch)["access_key"] == "AKIA"
    assert ([*started[0][:2]] == ["/bin/sh", "-c"]) == (command in SHELL)


def test_the_arguments_are_as_they_were_written(home: Path) -> None:
    """What may be a password or a URL is not expanded."""
    _program(home, "bin/keys", "test \"$1$2\" = 'pa$word?a=1&b=2' && cat answer")

    assert process.retrieve("bin/keys pa$word ?a=1&b=2", "work", Watch())


def test_the_files_of_a_shells_command_are_noted(home: Path) -> None:
    """A change of the program, of the shell or of a file in the command is another identity."""
    (home / "more").touch()
    noted = Inputs()
    with inputs.recording(noted):
        process.retrieve("A=1 ~/bin/keys < $HOME/more 2>>log | cat", "work", Watch())

    files = {name for kind, _, name in noted if kind == FILE}
    cat = str(shutil.which("cat"))
    assert files >= {"/bin/sh", str(home / "bin/keys"), str(home / "more"), cat}
    assert not any(name.endswith("log") for name in files)


def test_without_a_shell_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, or in an image that has no shell."""
    monkeypatch.setattr(process, "SHELL", "/nowhere/sh")

    error = _error("A=1 bin/keys")
    assert error.startswith("cannot be run: A=1")
    assert error.endswith("it runs without a shell here: write sh -c '...', or name one program")


# A command -> what is wrong, and what to do.
FAILED = {
    "": ("names no program", "full path"),
    "bin/keys 'x": ("has a quote or backslash without an end", "fix the quotes"),
    "'~/bin/keys'": ("has a ~ in quotes, which is not the home", "in full, or with $HOME"),
    '"~"/bin/keys': ("has a ~ in quotes, which is not the home", "in full, or with $HOME"),
    "no-such-program --x": ("cannot be run: no-such-program is not on PATH", "full path"),
    "A=1 no-such-program": ("failed with exit code 127: it names a program that is not", "path"),
    "/no/such/program": ("cannot be run: /no/such/program: No such file", "fix the path"),
    "no/such/program": ("cannot be run: no/such/program: No such file", "full path: a relative"),
    "./bin": ("cannot be run: ./bin is a directory", "name the program in it"),
    "bin/mode": ("cannot be run: bin/mode is not executable", "run: chmod +x bin/mode"),
    "'bin/m m'": ("cannot be run: bin/m m is not executable", "run: chmod +x 'bin/m m'"),
    "~/bin/mode": ("cannot be run: {home}/bin/mode is not executable", "chmod +x {home}/bin/mode"),
    "bin/keys | ~/bin/mode 2>/dev/null": ("cannot be run: {home}/bin/mode is not exec", "chmod +x"),
    "$HOME/bin/gone 2>/dev/null | cat": ("cannot be run: {home}/bin/gone: No such", "fix the path"),
    "A=1 ~/bin": ("cannot be run: {home}/bin is a directory", "name the program in it"),
    "~/bin/crlf": ("cannot be run: the lines of {home}/bin/crlf end in CR LF", "dos2unix"),
    "bin/py": ("cannot be run: bin/py names the interpreter python3.99, which is not on", "inst"),
    "~/bin/py": ("cannot be run: {home}/bin/py names the interpreter python3.99", "install it"),
    "bin/a b --json": ("cannot be run: the path bin/a b has a blank", 'write it as "bin/a b"'),
    "~/bin/a b --json": ("cannot be run: the path {home}/bin/a b has a blank", "/bin/a b"),
    "cat answe?": ("failed: cat: ", "without a shell, unlike in a terminal: write sh -c '...'"),
    "cat {answer,answer}": ("failed: cat: ", "write bash -c '...'"),
    "cat answer # it": ("failed: cat: ", "write sh -c '...'"),
    "cat http://host/?a=1": ("failed: cat: ", "run that command in a terminal"),
    "bin/long": ("failed: the first line 1 2 3", "980 the reason; run"),
    "bin/bar": ("failed: 100%; run", "terminal"),
    "bin/trace": ("failed: x.Error: no session; run", "terminal"),
    "bin/lost": ("cannot be run: bin/lost names the interpreter /no/such/sh", "first line"),
    "bin/crlf": ("cannot be run: the lines of bin/crlf end in CR LF", "dos2unix bin/crlf"),
    "bin/bare": ("cannot be run: bin/bare does not begin with a line such as #!/bin/sh", "add"),
    "bin/elf": ("cannot be run: bin/elf was built for another system", "install"),
    "bin/silent": ("failed with exit code 3, and printed no reason", "in a terminal"),
    "bin/red": ("failed: vault is sealed, see https://vault/x;", "in a terminal"),
}


@pytest.mark.parametrize("command", FAILED)
def test_a_failure_says_why(command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true cause, and the cure with the file's name."""
    _program(home, "bin/mode", "", 0o644)
    _program(home, "bin/m m", "", 0o644)
    _program(home, "bin/silent", "exit 3")
    numbers = " ".join(map(str, range(1, 981)))
    _program(home, "bin/long", f"echo 'the first line {numbers} the reason' >&2; exit 1")
    _program(home, "bin/bar", r"printf '10%%\r50%%\r100%%\r\n' >&2; exit 1")
    trace = "log\nTraceback (most recent call last):\n  File x\n    y\nx.Error: no session"
    _program(home, "bin/trace", f"echo '{trace}' >&2; exit 1")
    red = r"\033[1;31mvault\033[0m is \033]8;;https://x\033\\sealed\033]8;;\007, see https://vault/x\033[K"
    _program(home, "bin/red", f"printf '{red}\\n' >&2; exit 1")
    for name, data in {
        "lost": b"#!/no/such/sh -e\n",
        "crlf": b"#!/bin/sh\r\nexit\r\n",
        "bare": b"echo hello\n",
        "py": b"#!/usr/bin/env python3.99\n",
        "elf": b"\x7fELF" + bytes(60),
    }.items():
        (home / "bin" / name).write_bytes(data)
        (home / "bin" / name).chmod(0o755)

    error = _error(command)
    what, cure = (text.replace("{home}", str(home)) for text in FAILED[command])
    assert error.startswith(what)
    assert cure in error


@pytest.mark.skipif(Path("/bin/sh").resolve().name != "dash", reason="sh knows more here")
@pytest.mark.parametrize(
    "command",
    ["source ~/bin/keys", "set -o pipefail; cat answer | cat", "cat answer |& cat", "[[ 1 ]] && :"],
)
def test_a_command_for_bash(command: str) -> None:
    """It is to be named, where /bin/sh is another shell."""
    assert _error(command).endswith("; that is for bash, and /bin/sh runs it: write bash -c '...'")


def test_a_program_without_permission_on_path_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cure names the file that PATH leads to."""
    path = _program(home, "bin/tool", "", 0o644)
    monkeypatch.setenv("PATH", str(path.parent))

    assert _error("tool").endswith(f"{path} is not executable; run: chmod +x {path}")


def test_the_account_of_a_profile_is_used(machine: Machine, home: Path) -> None:
    """Where the output has none; botocore needs it for some endpoints."""
    machine.config(
        f"[default]\ncredential_process = cat {home}/answer | cat\naws_account_id = 123456789012\n"
    )
    machine.aws.user()
    with in_process.environment(machine.environ), pytest.raises(HelperError) as caught:
        in_process.get(machine.environ)

    assert "does not know the AWS access key from credential_process" in str(caught.value)
