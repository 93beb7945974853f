"""Facts about the programs that Docker finds under our names."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker import installed_helpers
from docker_credential_ecrpy.docker.discover import find_program

OURS = "docker-credential-x (docker-credential-ecrpy) 9.9"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts stand in for them")


def put(directory: Path, name: str, script: str = f"echo '{OURS}'") -> Path:
    """Write a program that runs a script."""
    directory.mkdir(exist_ok=True)
    path = directory / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def environ(*directories: Path | str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, directories))}


def test_the_first_on_path_is_it(tmp_path: Path) -> None:
    """The first program on PATH is run; a directory that is named twice or linked counts once."""
    a, b = put(tmp_path / "a", "ecr-login"), put(tmp_path / "b", "ecr-login", "echo 0.7.1")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    found = installed_helpers.find_helper(
        "ecr-login", environ(a.parent, b.parent, tmp_path / "c", a.parent)
    )

    assert found.paths == (str(a), str(b))
    assert found.is_ours()
    assert found.read_version() == OURS


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 0.7.1", "0.7.1"),
        ("echo no >&2; exit 3", "it prints nothing, with exit code 3"),
        ("printf 'a\\nb\\033[1m'", "a b"),
        ("yes", "it prints more than 64 KiB"),
        ("yes >&2 & sleep 0.1; echo 1.0", "1.0"),
    ],
)
def test_what_another_program_says(tmp_path: Path, script: str, version: str) -> None:
    """The version is one printable line, or says that nothing is printed."""
    put(tmp_path, "ecr-login", script)
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.read_version() == version
    assert not found.is_ours()


def test_a_program_leaves_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """awslabs' helper would create one in the user's home, and root would own it there."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    log = 'mkdir -p "${AWS_ECR_CACHE_DIR:-$HOME/.ecr}/log" 2>/dev/null'
    put(tmp_path, "ecr-login", f"{log}; echo 0.6.4")
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.read_version() == "0.6.4"
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_what_a_program_leaves_is_ended(tmp_path: Path) -> None:
    """A child of it that goes on is killed, also one that fills its output."""
    pid = tmp_path / "pid"
    put(tmp_path, "ecr-login", f"yes >/dev/null & echo $! >{pid}; echo 1.0")
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.read_version() == "1.0"
    end = time.monotonic() + 10
    while _runs(int(pid.read_text())):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process runs, and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not state.startswith("Z")


def test_one_that_does_not_start(tmp_path: Path) -> None:
    """A program that does not start is found, and the reason is in its version."""
    put(tmp_path, "ecr-login").write_bytes(b"\x7fELF")
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.read_version().startswith("it does not start: ")


def test_one_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has a time limit, also for the child processes of the program."""
    monkeypatch.setattr(installed_helpers, "SECONDS", 0.2)
    put(tmp_path, "ecr-login", "sleep 30")

    assert (
        installed_helpers.find_helper("ecr-login", environ(tmp_path)).read_version()
        == "no answer within 0.2 s"
    )


@pytest.mark.parametrize(
    ("scripts", "chosen", "answering"),
    [
        ({}, "ecr-login", []),
        ({"ecr-login": OURS, "ecrpy": OURS}, "ecr-login", ["ecr-login", "ecrpy"]),
        ({"ecrpy": OURS}, "ecrpy", ["ecrpy"]),
        ({"ecr-login": "0.7.1", "ecrpy": OURS}, "ecrpy", ["ecrpy"]),
        ({"ecr-login": "0.7.1"}, "ecr-login", []),
    ],
    ids=str,
)
def test_the_name_for_dockers_file(
    tmp_path: Path, scripts: dict[str, str], chosen: str, answering: list[str]
) -> None:
    """It is the drop-in's name, unless only the other name leads to this program."""
    for name, said in scripts.items():
        put(tmp_path, name, f"echo '{said}'")

    assert find_program(environ(tmp_path))[:2] == (chosen, answering)


def test_the_problem(tmp_path: Path) -> None:
    """The problem is another program of that name, with its version; or there is none."""
    ours, other = put(tmp_path / "a", "ecr-login").parent, tmp_path / "b"
    shadow = put(other, "ecr-login", f"echo {'no ' * 60}")

    def problem(*path: Path) -> installed_helpers.InstallProblem | None:
        return installed_helpers.find_problem(
            installed_helpers.find_helper("ecr-login", environ(*path)), environ(*path)
        )

    assert problem(ours) is problem(ours, other) is None
    assert problem(other, ours) == installed_helpers.InstallProblem(
        f"{shadow} is another program ({'no ' * 40})",
        "remove it from PATH, or put the directory of this program before its directory",
    )


def test_the_directory_to_put_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is that of the running program."""
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "docker-credential-ecrpy")])

    assert f"or put {tmp_path} before its directory" in installed_helpers.explain_order()


@pytest.mark.parametrize(
    ("path", "link"), [("", ""), ("/usr/bin", ""), ("/usr/bin:/usr/local/bin", "ln -s ")]
)
def test_one_that_is_not_there(tmp_path: Path, path: str, link: str) -> None:
    """The fix is a command for a symlink, where /usr/local/bin is on PATH."""
    program = tmp_path / "a b" / "docker-credential-ecr-login"
    code = "import sys\nfrom docker_credential_ecrpy.docker import installed_helpers as helpers\n"
    code += "sys.argv[0] = sys.argv[1]\nnone = helpers.InstalledHelper('no-such', ())\n"
    code += f"found = helpers.find_problem(none, {{'PATH': {path!r}}})\n"
    code += "print(found.seen, found.fix, found.command, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(program)], capture_output=True, text=True, check=True
    )
    seen, fix, command = done.stdout.split("\n")[:3]

    assert seen == "docker-credential-no-such is not on PATH, where docker looks for it"
    if link:
        link += f"'{program}' /usr/local/bin/docker-credential-no-such"
        assert (fix, command.removeprefix("sudo ")) == ("link it into a directory on PATH", link)
    else:
        assert (fix, command) == (f"put {program.parent} on PATH", "")


@pytest.mark.parametrize(
    ("interpreter", "command"),
    [
        ("/x/pipx/venvs/p/bin/python", "pipx reinstall docker-credential-ecrpy"),
        ("/x/Application Support/pipx/venvs/p/python", "pipx reinstall docker-credential-ecrpy"),
        ("/x/uv/tools/p/bin/python3", "uv tool install --reinstall docker-credential-ecrpy"),
        ("/x/python3.9", "python3 -m pip install --force-reinstall docker-credential-ecrpy"),
    ],
)
def test_a_script_whose_interpreter_is_gone(tmp_path: Path, interpreter: str, command: str) -> None:
    """It is this program, and the cure installs it again."""
    path = put(tmp_path, "ecr-login")
    first = f"#!{interpreter}\n"
    if " " in interpreter:  # as pip writes it
        first = f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n"
    path.write_text(f"{first}from docker_credential_ecrpy.__main__ import start\n")
    program = installed_helpers.find_helper("ecr-login", environ(tmp_path))
    problem = installed_helpers.find_problem(program, environ(tmp_path))

    assert problem
    assert problem.seen == f"{path} is this program, and its interpreter {interpreter} is gone"
    assert problem.command == command


def test_the_version_of_awslabs_helper(tmp_path: Path) -> None:
    """Its `version` prints that of a library, and `-v` its own."""
    said = "amazon-ecr-credential-helper\\nVersion:    0.6.0\\nGit commit: 1\\n"
    path = put(tmp_path, "ecr-login", f"test $1 = -v && printf '{said}' || echo 0.6.4")

    assert installed_helpers.read_awslabs_version(str(path)) == "0.6.0"
    assert installed_helpers.read_awslabs_version(str(put(tmp_path, "x"))) == ""
