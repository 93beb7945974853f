"""`configure` for a credsStore and for podman, and what it warns of."""

import json
import sys
from pathlib import Path

import pytest

from tests.world.configure import (
    AUTH,
    DESKTOP,
    OTHER,
    WHERE,
    configure,
    read,
    write,
)
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Docker's")


class TestStore:
    """Becoming Docker's store for all registries."""

    def test_with_a_fallback(self, machine: Machine, docker: Path) -> None:
        """The old store is behind this program then, and comes back when it goes."""
        machine.file("bin/docker-credential-desktop", "#!/bin/sh\n", mode=0o700)
        before = write(docker, DESKTOP)
        done = configure(machine, "--creds-store", "--fallback", "desktop")
        settings = machine.cache / "config.toml"

        assert docker.read_text() == DESKTOP.replace('"desktop"', '"ecr-login"')
        assert settings.read_text() == 'fallback = "desktop"\n'
        assert done.stderr == b"" or sys.platform == "win32"
        assert b"nothing to change" in configure(machine, "--creds-store").stdout
        configure(machine, "--creds-store", "--remove")
        assert docker.read_bytes() == before
        assert settings.read_bytes() == b""

    def test_without_one_there_is_no_guess(self, machine: Machine, docker: Path) -> None:
        """Where nobody can be asked: an error, which names the option to add."""
        before = write(docker, DESKTOP)
        done = configure(machine, "--creds-store", code=1)

        assert b"--fallback desktop" in done.stderr
        assert docker.read_bytes() == before

    @tree
    def test_a_fallback_that_is_not_there(self, machine: Machine, docker: Path) -> None:
        """A warning."""
        done = configure(machine, "--creds-store", "--fallback", "nobody")

        assert b"warning: docker-credential-nobody is not on PATH" in done.stderr

    @tree
    def test_logins_that_docker_would_no_longer_use(self, machine: Machine, docker: Path) -> None:
        """Those of other registries: a warning with their names, but not thousands of them."""
        logins = {f"r{n}.example.com": {"auth": AUTH} for n in range(9)}
        write(docker, {"auths": logins | {HOST: {"auth": AUTH}}})
        done = configure(machine, "--creds-store")

        assert b"under auths for r0.example.com, " in done.stderr
        assert b" and 4 more: log in again there" in done.stderr
        assert read(docker) == {"auths": logins, "credsStore": "ecr-login"}

    @tree
    @pytest.mark.skipif(sys.platform != "linux", reason="the store of Linux")
    def test_the_store_that_docker_would_choose(self, machine: Machine, docker: Path) -> None:
        """It does so no longer once a helper is named, which few know: a warning."""
        machine.file("bin/docker-credential-secretservice", "#!/bin/sh\n", mode=0o700)
        done = configure(machine, WHERE)

        assert b'add "credsStore": "secretservice" to ' in done.stderr
        assert configure(machine, WHERE).stderr == b""


class TestPodman:
    """In podman's files."""

    @pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
    def test_both_of_its_files(self, machine: Machine, docker: Path) -> None:
        """The helper goes to the one that lasts; the old login goes from the one that is first."""
        run = machine.file(
            "run/containers/auth.json", json.dumps({"auths": {HOST: {"auth": AUTH}}})
        )
        configure(machine, WHERE, OTHER, "--podman", XDG_RUNTIME_DIR=str(machine.root / "run"))
        lasting = machine.home / ".config" / "containers" / "auth.json"

        assert read(lasting) == {"credHelpers": dict.fromkeys((HOST, OTHER), "ecr-login")}
        assert read(run) == {"auths": {}}
        assert not docker.exists()

    @tree
    def test_a_file_of_any_name(self, machine: Machine, docker: Path) -> None:
        """What is in it is as secret as elsewhere."""
        file = machine.file("auth", json.dumps({"auths": {HOST: {"auth": AUTH}}}))
        done = configure(machine, WHERE, OTHER, "--podman", REGISTRY_AUTH_FILE=str(file))

        assert read(file)["credHelpers"] == dict.fromkeys((HOST, OTHER), "ecr-login")
        assert b"classic 'docker build'" not in done.stdout


class TestWarnings:
    """What would keep it from working; the exit code is 0 all the same."""

    @tree
    def test_the_classic_builder(self, machine: Machine, docker: Path) -> None:
        """It asks for each registry that has a helper."""
        assert b"classic 'docker build'" not in configure(machine, WHERE).stdout
        assert b"asks for each of the 2 registries" in configure(machine, OTHER).stdout

    @posix
    def test_another_program_of_that_name(self, machine: Machine, docker: Path) -> None:
        """It is before this one on PATH: which one that is, and what to do."""
        fake = machine.file("fake/docker-credential-ecr-login", "#!/bin/sh\necho 0.9\n", mode=0o700)
        done = configure(machine, WHERE, PATH=f"{fake.parent}:{machine.environ['PATH']}")

        assert f"warning: {fake} is another program (0.9): take it off PATH" in done.stderr.decode()
        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}

    @tree
    @posix
    def test_our_other_name_is_used_then(self, machine: Machine, docker: Path) -> None:
        """Also in the place of the name that leads to the other program."""
        write(docker, {"credHelpers": {HOST: "ecr-login"}})
        fake = machine.file("fake/docker-credential-ecr-login", "#!/bin/sh\necho 0.9\n", mode=0o700)
        ours = machine.root / "bin" / "docker-credential-ecr-login"
        (fake.parent / "docker-credential-ecrpy").symlink_to(ours)
        done = configure(machine, WHERE, PATH=f"{fake.parent}:{machine.environ['PATH']}")

        assert read(docker) == {"credHelpers": {HOST: "ecrpy"}}
        assert b"so Docker is told of 'ecrpy'" in done.stderr

    @tree
    def test_no_program(self, machine: Machine, docker: Path) -> None:
        """It is not where Docker looks for it."""
        done = configure(machine, WHERE, PATH=str(machine.root / "none"))

        assert b"warning: docker-credential-ecr-login is not on PATH" in done.stderr


@tree
def test_what_docker_cannot_read_is_told(machine: Machine, docker: Path) -> None:
    """Unless it goes: then there is nothing to tell."""
    write(docker, {"auths": {"x.example": {"auth": "!!"}, HOST: {"auth": "??"}}})
    done = configure(machine, WHERE)

    assert b"'x.example': its auth is not base64" in done.stderr
    assert HOST.encode() not in done.stderr
