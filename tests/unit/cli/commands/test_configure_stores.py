"""`configure` for a credsStore and for podman, and its warnings."""

import json
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.settings.editor import SCHEMA_URL
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
        """The old store becomes the fallback, and --remove restores it."""
        machine.login()
        machine.file("bin/docker-credential-desktop", "#!/bin/sh\n", mode=0o700)
        before = write(docker, DESKTOP)
        done = configure(machine, "--creds-store", "--fallback", "desktop")
        settings = machine.cache / "config.toml"

        assert docker.read_text() == DESKTOP.replace('"desktop"', '"ecr-login"')
        assert settings.read_text() == f'#:schema {SCHEMA_URL}\n\nfallback = "desktop"\n'
        assert done.stderr == b"" or sys.platform == "win32"
        assert b"nothing to change" in configure(machine, "--creds-store").stdout
        configure(machine, "--creds-store", "--remove")
        assert docker.read_bytes() == before
        assert settings.read_bytes() == b""

    def test_without_one_there_is_no_guess(self, machine: Machine, docker: Path) -> None:
        """Without a terminal, the error names the option to add."""
        before = write(docker, DESKTOP)
        done = configure(machine, "--creds-store", code=2)

        assert b"--fallback desktop" in done.stderr
        assert docker.read_bytes() == before

    @tree
    def test_a_fallback_that_is_not_there(self, machine: Machine, docker: Path) -> None:
        """A warning says that the fallback is not on PATH."""
        done = configure(machine, "--creds-store", "--fallback", "nobody")

        assert b"warning: docker-credential-nobody is not on PATH" in done.stderr

    @tree
    def test_logins_that_docker_would_no_longer_use(self, machine: Machine, docker: Path) -> None:
        """A warning names the first five of the other registries, and counts the rest."""
        logins = {f"r{n}.example.com": {"auth": AUTH} for n in range(9)}
        write(docker, {"auths": logins | {HOST: {"auth": AUTH}}})
        done = configure(machine, "--creds-store")

        assert b"under auths for r0.example.com, " in done.stderr
        assert b" and 4 more: name the helper that stores them by --fallback" in done.stderr
        assert read(docker) == {"auths": logins, "credsStore": "ecr-login"}

    @tree
    @pytest.mark.skipif(sys.platform != "linux", reason="the store of Linux")
    def test_the_store_that_docker_would_choose(self, machine: Machine, docker: Path) -> None:
        """Docker uses it no longer once a helper is named: a warning says how to keep it."""
        machine.login()
        machine.file("bin/docker-credential-secretservice", "#!/bin/sh\n", mode=0o700)
        done = configure(machine, WHERE)

        assert b'add "credsStore": "secretservice" to ' in done.stderr
        assert configure(machine, WHERE).stderr == b""


class TestPodman:
    """In podman's files."""

    @pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
    def test_both_of_its_files(self, machine: Machine, docker: Path) -> None:
        """The lasting file gets the helper; the old login is removed from the first file."""
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
        """Its secrets are redacted as in any other file."""
        file = machine.file("auth", json.dumps({"auths": {HOST: {"auth": AUTH}}}))
        done = configure(machine, WHERE, OTHER, "--podman", REGISTRY_AUTH_FILE=str(file))

        assert read(file)["credHelpers"] == dict.fromkeys((HOST, OTHER), "ecr-login")
        assert b"classic 'docker build'" not in done.stdout


class TestWarnings:
    """Warnings name what keeps pulls from working; the exit code is still 0."""

    @tree
    def test_the_classic_builder(self, machine: Machine, docker: Path) -> None:
        """A note says that it gets a token for each registry that has a helper."""
        assert b"classic 'docker build'" not in configure(machine, WHERE).stdout
        assert b"gets a token for each of the 2 registries" in configure(machine, OTHER).stdout

    @posix
    def test_another_program_of_that_name(self, machine: Machine, docker: Path) -> None:
        """A warning names a program that is before this one on PATH, and what to do."""
        fake = machine.file("fake/docker-credential-ecr-login", "#!/bin/sh\necho 0.9\n", mode=0o700)
        done = configure(machine, WHERE, PATH=f"{fake.parent}:{machine.environ['PATH']}")

        assert (
            f"warning: {fake} is another program (0.9): remove it from PATH" in done.stderr.decode()
        )
        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}

    @tree
    @posix
    def test_our_other_name_is_used_then(self, machine: Machine, docker: Path) -> None:
        """Our other name replaces the one that leads to the other program."""
        write(docker, {"credHelpers": {HOST: "ecr-login"}})
        fake = machine.file("fake/docker-credential-ecr-login", "#!/bin/sh\necho 0.9\n", mode=0o700)
        ours = machine.root / "bin" / "docker-credential-ecr-login"
        (fake.parent / "docker-credential-ecrpy").symlink_to(ours)
        done = configure(machine, WHERE, PATH=f"{fake.parent}:{machine.environ['PATH']}")

        assert read(docker) == {"credHelpers": {HOST: "ecrpy"}}
        assert b"so the helper is set to 'ecrpy'" in done.stderr

    @tree
    def test_no_program(self, machine: Machine, docker: Path) -> None:
        """A warning says that this program is not on PATH."""
        done = configure(machine, WHERE, PATH=str(machine.root / "none"))

        assert b"warning: docker-credential-ecr-login is not on PATH" in done.stderr


@tree
def test_what_docker_cannot_read(machine: Machine, docker: Path) -> None:
    """A warning names an entry that Docker cannot read, unless it is removed."""
    write(docker, {"auths": {"x.example": {"auth": "!!"}, HOST: {"auth": "??"}}})
    done = configure(machine, WHERE)

    assert b"'x.example': its auth is not base64" in done.stderr
    assert HOST.encode() not in done.stderr
