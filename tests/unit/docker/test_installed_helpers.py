"""Facts about the programs that Docker finds under our names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker import installed_helpers

OURS = "docker-credential-x (docker-credential-ecrpy) 9.9"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts stand in for them")


def put(directory: Path, name: str, script: str = f"echo '{OURS}'") -> Path:
    """Write a program that does so when it is run."""
    directory.mkdir(exist_ok=True)
    path = directory / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def environ(*directories: Path | str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, directories))}


def test_the_first_on_path_is_it(tmp_path: Path) -> None:
    """Others are behind it; one directory that is named twice, or linked, is one."""
    a, b = put(tmp_path / "a", "ecr-login"), put(tmp_path / "b", "ecr-login", "echo 0.7.1")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    found = installed_helpers.find_helper(
        "ecr-login", environ(a.parent, b.parent, tmp_path / "c", a.parent)
    )

    assert found.paths == (str(a), str(b))
    assert found.is_ours
    assert found.version == OURS


def test_what_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be run, a directory, and what only a relative or empty entry would lead to."""
    put(tmp_path / "plain", "ecr-login").chmod(0o600)
    (tmp_path / "other" / "docker-credential-ecr-login").mkdir(parents=True)
    put(tmp_path / "here", "ecr-login")
    monkeypatch.chdir(tmp_path / "here")
    places = environ(tmp_path / "plain", tmp_path / "other", "", ".", "../here", tmp_path / "none")

    assert installed_helpers.find_helper("ecr-login", places).paths == ()
    assert installed_helpers.find_helper("ecr-login", {}).paths == ()


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 0.7.1", "0.7.1"),
        ("echo no >&2; exit 3", "it says nothing, with exit code 3"),
        ("printf 'a\\nb\\033[1m'", "a b?[1m"),
    ],
)
def test_what_another_program_says(tmp_path: Path, script: str, version: str) -> None:
    """In one line that a terminal can show, or that it says nothing."""
    put(tmp_path, "ecr-login", script)
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.version == version
    assert not found.is_ours


def test_one_that_does_not_start(tmp_path: Path) -> None:
    """It is there, and that is told."""
    put(tmp_path, "ecr-login").write_bytes(b"\x7fELF")
    found = installed_helpers.find_helper("ecr-login", environ(tmp_path))

    assert found.version.startswith("it does not start: ")


def test_one_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for long, not even for what it has started."""
    monkeypatch.setattr(installed_helpers, "_SECONDS", 0.2)
    put(tmp_path, "ecr-login", "sleep 30")

    assert (
        installed_helpers.find_helper("ecr-login", environ(tmp_path)).version
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
    """That of the drop-in, unless only the other one leads to this program."""
    for name, said in scripts.items():
        put(tmp_path, name, f"echo '{said}'")

    assert installed_helpers.preferred_helper(environ(tmp_path)).name == chosen
    assert installed_helpers.answering_names(environ(tmp_path)) == answering


def test_problems(tmp_path: Path) -> None:
    """It is not there; it is another's; it is there, but shadowed; and none."""
    ours, other = put(tmp_path / "a", "ecr-login").parent, tmp_path / "b"
    put(tmp_path / "c", "ecrpy")
    shadow = put(other, "ecr-login", "echo 0.7.1")

    def told(*path: Path) -> list[str]:
        return installed_helpers.installation_problems(
            installed_helpers.preferred_helper(environ(*path)), environ(*path)
        )

    assert told(ours) == told(ours, other) == []
    assert told()[0].startswith("docker-credential-ecr-login is not on PATH, where Docker looks")
    assert told(other, ours)[0].startswith(f"{shadow} is another program (0.7.1): take it off PATH")
    assert told(other, tmp_path / "c") == [
        f"{shadow} is another program (0.7.1), so Docker is told of 'ecrpy'"
    ]


def test_the_link_that_would_help(tmp_path: Path) -> None:
    """It can be typed as it is, whatever the directory is called."""
    program = tmp_path / "a b" / "docker-credential-ecr-login"
    code = "import sys\nfrom docker_credential_ecrpy import programs\nsys.argv[0] = sys.argv[1]\n"
    code += (
        "print(programs.installation_problems(programs.InstalledHelper('ecr-login', ()), {})[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(program)], capture_output=True, text=True, check=True
    )

    assert done.stdout.rstrip("\n").endswith(
        f": ln -s '{program}' /usr/local/bin/docker-credential-ecr-login"
    )
