"""`configure --undo`: the files from before the last change."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.user.backup import list_backups
from tests.world.configure import AUTH, DESKTOP, OTHER, WHERE, configure, list_names, read, write
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree


@pytest.fixture(autouse=True)
def _profile(machine: Machine) -> None:
    machine.config(
        "[profile prod]\naws_access_key_id = a\naws_secret_access_key = b\n[profile dev]\n"
    )


@pytest.fixture(name="settings")
def _settings(machine: Machine) -> Path:
    return machine.cache / "config.toml"


def backups(path: Path) -> list[Path]:
    """Return the backups of a file, oldest first."""
    return [Path(backup.path) for backup in reversed(list_backups(str(path)))]


def test_both_files(machine: Machine, docker: Path, settings: Path) -> None:
    """Both get every byte of their previous content back; the diff shows it first."""
    before = write(docker, DESKTOP)
    rules = machine.settings('[[registry]]\nmatch = "*"\nprofile = "dev"\n').read_bytes()
    configure(machine, WHERE, "--profile", "prod")
    after = docker.read_bytes(), settings.read_bytes()
    done = configure(machine, "--undo")

    assert (docker.read_bytes(), settings.read_bytes()) == (before, rules)
    lines = done.stdout.decode().splitlines()
    assert f'-\t\t"{HOST}": "ecr-login"' in lines
    assert '-profile = "prod"' in lines
    assert f"note: --undo restores {docker} from {backups(docker)[0]}" in lines
    assert f"written: {docker}; the previous content: {backups(docker)[-1]}" in lines
    assert not any(line.startswith("next:") for line in lines)

    configure(machine, "--undo")
    assert (docker.read_bytes(), settings.read_bytes()) == after
    configure(machine, "--undo")
    assert (docker.read_bytes(), settings.read_bytes()) == (before, rules)


@tree
def test_only_what_changed_together(machine: Machine, docker: Path, settings: Path) -> None:
    """config.toml, which an earlier run changed, keeps its rules."""
    machine.settings("# mine\n")
    configure(machine, WHERE, "--profile", "prod")
    rules = settings.read_bytes()
    configure(machine, OTHER)
    configure(machine, "--undo")

    assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}
    assert settings.read_bytes() == rules


@tree
def test_files_that_the_change_created(machine: Machine, docker: Path, settings: Path) -> None:
    """They are emptied, in a form that Docker reads; a second undo fills them again."""
    configure(machine, WHERE, "--profile", "prod")
    after = docker.read_bytes(), settings.read_bytes()
    done = configure(machine, "--undo")

    assert (read(docker), settings.read_bytes()) == ({}, b"")
    assert f"note: --undo empties {docker}: the last change created it".encode() in done.stdout
    configure(machine, "--undo")
    assert (docker.read_bytes(), settings.read_bytes()) == after


@tree
def test_an_edit_by_hand(machine: Machine, docker: Path) -> None:
    """The diff shows that it is undone too, and the new backup has it."""
    before = write(docker, DESKTOP)
    configure(machine, WHERE)
    edited = write(docker, {**read(docker), "detachKeys": "ctrl-x"})
    done = configure(machine, "--undo")

    assert docker.read_bytes() == before
    assert b'-    "detachKeys": "..."' in done.stdout
    assert backups(docker)[-1].read_bytes() == edited
    configure(machine, "--undo")
    assert docker.read_bytes() == edited


@tree
def test_a_file_that_was_broken_by_hand(machine: Machine, docker: Path) -> None:
    """It is restored; its content, which may be secret, is not shown."""
    before = write(docker, DESKTOP)
    configure(machine, WHERE)
    broken = write(docker, f'{{"auths": {{"x": {{"auth": "{AUTH}" hunter2')
    done = configure(machine, "--undo")

    assert docker.read_bytes() == before
    assert b"@@ not shown: " in done.stdout
    assert backups(docker)[-1].read_bytes() == broken


@tree
def test_a_file_that_was_removed(machine: Machine, docker: Path) -> None:
    """It is created again."""
    before = write(docker, DESKTOP)
    configure(machine, WHERE)
    docker.unlink()
    configure(machine, "--undo")

    assert docker.read_bytes() == before


@tree
def test_a_removal(machine: Machine, docker: Path) -> None:
    """--undo after --remove adds the registries again."""
    configure(machine, WHERE, OTHER)
    before = docker.read_bytes()
    configure(machine, "--remove")
    configure(machine, "--undo")

    assert docker.read_bytes() == before


@tree
def test_a_dry_run(machine: Machine, docker: Path) -> None:
    """It shows the diff, and writes nothing."""
    configure(machine, WHERE)
    before, names = docker.read_bytes(), backups(docker)
    done = configure(machine, "--undo", "--dry-run")

    assert b"nothing was written (--dry-run)" in done.stdout
    assert (docker.read_bytes(), backups(docker)) == (before, names)


@tree
def test_no_backup(machine: Machine, docker: Path) -> None:
    """An error says so, and suggests no removal."""
    before = write(docker, DESKTOP)
    done = configure(machine, "--undo", code=1)

    says = f"configure changed nothing that can be undone: there is no backup of {docker} and "
    assert says.encode() in done.stderr
    assert b"--remove" not in done.stderr
    assert (docker.read_bytes(), list_names(docker)) == (before, ["config.json"])


@tree
def test_files_that_are_as_in_their_backups(machine: Machine, docker: Path) -> None:
    """Nothing is written where the user has restored the backup by hand."""
    before = write(docker, DESKTOP)
    configure(machine, WHERE)
    write(docker, before)
    done = configure(machine, "--undo")

    assert done.stdout == b"nothing to undo: the files are as in their backups\n"
    assert len(backups(docker)) == 1


@tree
def test_a_change_that_was_interrupted(machine: Machine, docker: Path) -> None:
    """The backup that it left, which equals the file, is skipped; the change before is undone."""
    before = write(docker, DESKTOP)
    configure(machine, WHERE)
    leftover = docker.with_name(f"{docker.name}.2999-01-01T00-00-00Z.bak")
    leftover.write_bytes(docker.read_bytes())
    configure(machine, "--undo")

    assert docker.read_bytes() == before


@tree
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_directory_that_cannot_be_listed(machine: Machine, docker: Path, settings: Path) -> None:
    """An error names it, and config.toml is not restored alone."""
    write(docker, DESKTOP)
    configure(machine, WHERE, "--profile", "prod")
    before = docker.read_bytes(), settings.read_bytes()
    docker.parent.chmod(0o300)
    prefix = []
    if os.geteuid() == 0:  # root lists any directory, with its capabilities
        prefix = [shutil.which("setpriv") or "", "--bounding-set=-all", "--inh-caps=-all"]
    try:
        done = machine.run("configure", "--undo", command=[*prefix, *machine.program])
    finally:
        docker.parent.chmod(0o700)

    assert done.code == 1
    assert f"{docker.parent} cannot be read: permission denied".encode() in done.stderr
    assert before == (docker.read_bytes(), settings.read_bytes())


@tree
@pytest.mark.parametrize(
    "arguments",
    [
        (WHERE,),
        ("--profile", "prod"),
        ("--role-arn", "arn:aws:iam::123456789012:role/puller"),
        ("--all-profiles",),
        ("--public",),
        ("--creds-store",),
        ("--fallback", ""),
        ("--remove",),
    ],
    ids=str,
)
def test_other_arguments(machine: Machine, docker: Path, arguments: tuple[str, ...]) -> None:
    """--undo refuses them, with exit code 2."""
    write(docker, DESKTOP)
    configure(machine, WHERE)
    before = docker.read_bytes()
    done = configure(machine, "--undo", *arguments, code=2)

    assert b"--undo takes no registry" in done.stderr
    assert docker.read_bytes() == before


@tree
@pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
def test_podman(machine: Machine, docker: Path) -> None:
    """--podman undoes the change of podman's files, both of them."""
    write(docker, DESKTOP)
    text = json.dumps({"auths": {HOST: {"auth": AUTH}}})
    run = machine.file("run/containers/auth.json", text)
    directory = str(machine.root / "run")
    configure(machine, WHERE, "--podman", XDG_RUNTIME_DIR=directory)
    configure(machine, "--undo", "--podman", XDG_RUNTIME_DIR=directory)

    assert run.read_text() == text
    assert read(machine.home / ".config" / "containers" / "auth.json") == {}
    assert docker.read_text() == DESKTOP


@tree
@pytest.mark.parametrize(
    ("client", "says"),
    [
        (("--podman",), "the last change was of podman's files; add --podman\n"),
        ((), "the last change was of docker's files; leave --podman out\n"),
    ],
    ids=["podman", "docker"],
)
def test_the_other_clients_change(
    machine: Machine, docker: Path, settings: Path, client: tuple[str, ...], says: str
) -> None:
    """An undo that would restore config.toml alone is refused, and nothing is written."""
    auth = machine.root / "auth.json"
    machine.environ["REGISTRY_AUTH_FILE"] = str(auth)
    other = () if client else ("--podman",)
    configure(machine, OTHER, *other)
    configure(machine, WHERE, "--profile", "prod", *client)
    before = docker.read_bytes(), auth.read_bytes(), settings.read_bytes()
    done = configure(machine, "--undo", *other, code=1)

    assert done.stderr.decode().endswith(says)
    assert before == (docker.read_bytes(), auth.read_bytes(), settings.read_bytes())
    configure(machine, "--undo", *client)
    assert (read(auth if client else docker), settings.read_bytes()) == ({}, b"")


@tree
def test_docker_and_podman_that_share_a_file(machine: Machine, docker: Path) -> None:
    """The last change belongs to both."""
    machine.environ["REGISTRY_AUTH_FILE"] = str(docker)
    configure(machine, WHERE, "--podman")
    configure(machine, "--undo")

    assert read(docker) == {}


@tree
def test_three_backups(machine: Machine, docker: Path) -> None:
    """Each change removes the oldest backup beyond three."""
    write(docker, DESKTOP)
    for _ in range(3):
        configure(machine, WHERE)
        configure(machine, "--remove", WHERE)

    assert len(backups(docker)) == 3
    assert all(path.stat().st_mode & 0o077 == 0 for path in backups(docker)) or (
        sys.platform == "win32"
    )
