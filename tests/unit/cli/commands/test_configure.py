"""How `configure` changes Docker's file, undoes that, and shows it."""

import base64
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world.configure import (
    AUTH,
    DESKTOP,
    OTHER,
    WHERE,
    configure,
    list_names,
    read,
    write,
)
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Docker's")


def test_a_machine_that_has_nothing(machine: Machine, docker: Path) -> None:
    """Docker's file is made as Docker would, shown as a diff, and a second run changes nothing."""
    machine.login()
    done = configure(machine, WHERE)
    after = (
        f"next: docker pull {HOST}/<repository>:<tag>; if it fails: {machine.name} doctor <image>"
    )

    assert docker.read_text() == f'{{\n\t"credHelpers": {{\n\t\t"{HOST}": "ecr-login"\n\t}}\n}}\n'
    assert done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "--- /dev/null",
        f"+++ {docker}",
        "@@ -0,0 +1,5 @@",
        "+{",
        '+\t"credHelpers": {',
        f'+\t\t"{HOST}": "ecr-login"',
        "+\t}",
        "+}",
        f"written: {docker}",
        after,
    ]
    again = configure(machine, WHERE).stdout.decode()
    assert again == f"already configured: nothing to change\n{after}\n"
    assert not machine.cache.exists()
    if sys.platform != "win32":
        assert docker.stat().st_mode & 0o777 == 0o600
        assert docker.parent.stat().st_mode & 0o777 == 0o700


def test_docker_desktops_file(machine: Machine, docker: Path) -> None:
    """Its store and everything else is kept; the backup has the previous content."""
    before = write(docker, DESKTOP)
    done = configure(machine, WHERE)

    added = f',\n\t"credHelpers": {{\n\t\t"{HOST}": "ecr-login"\n\t}}\n}}'
    assert docker.read_text() == DESKTOP.removesuffix("\n}") + added
    (backup,) = docker.parent.glob("*.bak")
    assert backup.read_bytes() == before
    assert str(backup).encode() in done.stdout
    configure(machine, "--remove", WHERE)
    assert docker.read_bytes() == before


def test_the_old_login_that_a_403_comes_from(machine: Machine, docker: Path) -> None:
    """It is removed, and a note says so, with the expiry of its token; others are kept."""
    other = {"auth": base64.b64encode(b"me:hunter2").decode()}
    write(docker, {"auths": {f"https://{HOST}": {"auth": AUTH}, "ghcr.io": other}})
    done = configure(machine, WHERE)

    assert read(docker) == {"auths": {"ghcr.io": other}, "credHelpers": {HOST: "ecr-login"}}
    note = f"note: the old login for https://{HOST} under auths is removed: its token expired at "
    note += "2023-11-14T22:13:20Z ("
    assert note.encode() in done.stdout
    assert b" ago), and a pull with it gets 403 Forbidden\n" in done.stdout


@tree
def test_entries_that_hold_nothing_stay(machine: Machine, docker: Path) -> None:
    """An empty entry belongs to a login in a store, and is kept."""
    write(docker, {"auths": {HOST: {}, f"https://{HOST}": {"auth": ""}}, "credsStore": "desktop"})
    configure(machine, WHERE)

    assert list(read(docker)["auths"]) == [HOST, f"https://{HOST}"]


SHAPES = {
    "empty": b"",
    "blanks": b" \r\n\t",
    "{}": b"{}",
    "{ }": b"{ }\n",
    "null": b'{"credHelpers": null, "auths": null}',
    "no helpers": b'{\n    "credHelpers": {\n    },\n    "z": 1e400\n}',
    "WSL": b'{\r\n  "credsStore": "desktop.exe"\r\n}\r\n',
    "GitLab": json.dumps({"auths": {"registry.gitlab.com": {"auth": AUTH}}}).encode(),
    "another's": json.dumps({"credHelpers": {HOST: "desktop"}}, separators=(",", ":")).encode(),
    "other case": b'{"CredHelpers": {"gcr.io": "gcloud"}}',
    "no UTF-8": b'{"x": "\xff", "y": "\\ud800", "n": ' + b"9" * 5000 + b"}",
    "deep": b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
}


@tree
@pytest.mark.parametrize("before", SHAPES.values(), ids=SHAPES)
def test_what_is_added_is_taken_back(machine: Machine, docker: Path, before: bytes) -> None:
    """--remove restores every byte, in any style; a second run of either changes nothing."""
    write(docker, before)
    configure(machine, WHERE)
    helpers = {key.casefold(): value for key, value in read(docker).items()}["credhelpers"]

    assert helpers[HOST] == "ecr-login"
    assert b"nothing to change" in configure(machine, WHERE).stdout
    configure(machine, "--remove", WHERE)
    assert docker.read_bytes() == before
    assert b"nothing to change" in configure(machine, "--remove", WHERE).stdout
    assert list_names(docker) == ["config.json"]


@tree
def test_two_are_taken_back_in_either_order(machine: Machine, docker: Path) -> None:
    """After an edit by hand, --remove removes only what `configure` added."""
    before = write(docker, "{ }\n")
    configure(machine, WHERE)
    configure(machine, OTHER)
    configure(machine, "--remove", WHERE)
    assert read(docker) == {"credHelpers": {OTHER: "ecr-login"}}
    configure(machine, "--remove", OTHER)
    assert docker.read_bytes() == before

    configure(machine, WHERE)
    write(docker, {**read(docker), "detachKeys": "ctrl-x"})
    configure(machine, "--remove")
    assert read(docker) == {"detachKeys": "ctrl-x"}


@tree
def test_a_removed_login_does_not_come_back(machine: Machine, docker: Path) -> None:
    """--remove does not restore an old login from the backup."""
    write(docker, {"auths": {HOST: {"auth": AUTH}}})
    configure(machine, WHERE)
    configure(machine, "--remove", WHERE)

    assert read(docker) == {"auths": {}}


@tree
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{\n  // a comment\n}", "remove the comments: JSON has none"),
        (b"[]", "it is not an object"),
        (b'{"credHelpers": 1}', '"credHelpers" is not an object'),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (f'{{"auths": {{"a": {{"auth": "{AUTH}" hunter2'.encode(), "it is not JSON"),
    ],
    ids=["comments", "list", "number", "BOM", "broken"],
)
def test_a_file_that_cannot_be_edited(
    machine: Machine, docker: Path, text: bytes, says: str
) -> None:
    """The error is on standard error alone, with exit code 1, and nothing is written."""
    write(docker, text)
    done = configure(machine, WHERE, code=1)

    assert says in done.stderr.decode()
    assert str(docker) in done.stderr.decode()
    assert (docker.read_bytes(), list_names(docker)) == (text, ["config.json"])


@tree
@pytest.mark.parametrize(
    "key",
    [f"https://{HOST}", f"{HOST}/team", f"{HOST}:443", HOST.upper(), f"{HOST}."],
)
def test_a_key_that_docker_does_not_find(machine: Machine, docker: Path, key: str) -> None:
    """It is replaced by the bare host, and a note says so."""
    write(docker, {"credHelpers": {key: "ecr-login", "gcr.io": "gcloud"}})
    done = configure(machine, WHERE)

    assert read(docker) == {"credHelpers": {"gcr.io": "gcloud", HOST: "ecr-login"}}
    assert b"Docker looks up the bare host name" in done.stdout


@tree
@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("docker-credential-ecr-login", "ecr-login"),
        ("desktop", "ecr-login"),
        ("ecrpy", "ecr-login"),
        (None, "ecr-login"),
        (5, "ecr-login"),
    ],
)
def test_a_helper_that_does_not_lead_here(
    machine: Machine, docker: Path, value: Any, after: str
) -> None:
    """Another helper, the whole program's name, or a name that is not on PATH is replaced."""
    write(docker, {"credHelpers": {HOST: value}})
    configure(machine, WHERE)

    assert read(docker) == {"credHelpers": {HOST: after}}


@tree
def test_an_escaped_key(machine: Machine, docker: Path) -> None:
    """It counts as the same key, and keeps its spelling."""
    text = f'{{"credHelpers": {{"{HOST}": "ecr-login"}}}}'.replace(".dkr", "\\u002edkr")
    before = write(docker, text)
    configure(machine, WHERE)

    assert docker.read_bytes() == before


def test_a_dry_run(machine: Machine, docker: Path) -> None:
    """It shows the same diff, writes nothing, and does not say what is next."""
    machine.config("[profile a]\n")
    before = write(docker, {"auths": {HOST: {"auth": AUTH}}})
    done = configure(machine, WHERE, "--profile", "a", "--dry-run")

    assert f'+        "{HOST}": "ecr-login"'.encode() in done.stdout
    assert b"nothing was written (--dry-run)" in done.stdout
    assert b"next:" not in done.stdout
    assert docker.read_bytes() == before
    assert not machine.cache.exists()


@tree
def test_where_docker_config_says(machine: Machine, docker: Path) -> None:
    """The file in DOCKER_CONFIG is edited, and not the one in the home directory."""
    configure(machine, WHERE, DOCKER_CONFIG=str(machine.root / "there"))

    assert read(machine.root / "there" / "config.json") == {"credHelpers": {HOST: "ecr-login"}}
    assert not docker.exists()


@tree
@posix
def test_a_file_that_may_not_be_written(machine: Machine, docker: Path) -> None:
    """Our own settings are not written either: the error comes first."""
    write(docker, "{}")
    machine.config("[profile a]\n")
    docker.parent.chmod(0o500)
    prefix = []
    if os.geteuid() == 0:
        prefix = [shutil.which("setpriv") or "", "--bounding-set=-all", "--inh-caps=-all"]
    done = machine.run("configure", WHERE, "--profile", "a", command=[*prefix, *machine.program])

    assert done.code == 1
    assert b"is read-only; make it writable" in done.stderr
    assert (docker.read_bytes(), list_names(docker)) == (b"{}", ["config.json"])
    assert not (machine.cache / "config.toml").exists()


@tree
@pytest.mark.parametrize("indent", [None, 2])
def test_no_secret_is_shown(machine: Machine, docker: Path, indent: int | None) -> None:
    """No secret of any entry is on any stream or in the log."""
    password = {"auth": AUTH}
    made = {
        "HttpHeaders": {"Authorization": "hunter2"},
        "proxies": {"default": {"httpsProxy": "http://u:hunter2@proxy:3128"}},
        "auths": {
            f"AWS:hunter2@{HOST}": password,
            HOST: {"username": "AWS", "password": "hunter2", "identitytoken": "hunter2"},
            f"https://u:hunter2@{OTHER}/v1": {"registrytoken": "hunter2"},
            "x": ["hunter2"],
        },
    }
    write(docker, json.dumps(made, indent=indent))
    log = machine.root / "log"
    configure(machine, WHERE, OTHER, AWS_ECR_LOG=str(log), AWS_ECR_DEBUG="1")

    assert read(docker)["auths"] == {"x": ["hunter2"]}
    assert not log.exists() or "hunter2" not in log.read_text()


@tree
@pytest.mark.parametrize("indent", [None, 2])
def test_a_file_of_five_megabytes(machine: Machine, docker: Path, indent: int | None) -> None:
    """The diff of a large file is short, and takes a few seconds at most."""
    auths = {f"registry-{n}.example.com": {"auth": AUTH} for n in range(30_000)}
    write(docker, json.dumps({"auths": auths | {HOST: {"auth": AUTH}}}, indent=indent))
    done = configure(machine, WHERE)

    assert len(done.stdout.splitlines()) < 30
    assert read(docker) == {"auths": auths, "credHelpers": {HOST: "ecr-login"}}


@tree
def test_variables_that_are_wrong_are_refused(machine: Machine, docker: Path) -> None:
    """Nothing is written for a DOCKER_CONFIG that is the file, or for one that no shell expands."""
    write(docker, {})
    machine.environ["DOCKER_CONFIG"] = str(docker)
    assert "set it to its directory" in configure(machine, WHERE, code=1).stderr.decode()

    odd = machine.file("a\x9b31mb/config.json", "{}")
    machine.environ["DOCKER_CONFIG"] = str(odd)
    assert "/ab" in configure(machine, WHERE, code=1).stderr.decode().rpartition("directory, ")[2]

    machine.environ["DOCKER_CONFIG"] = "~/.docker"
    assert 'DOCKER_CONFIG="$HOME/.docker"' in configure(machine, WHERE, code=1).stderr.decode()
    assert read(docker) == {}


def test_a_region_that_is_wrong(machine: Machine, docker: Path) -> None:
    """Nothing is written for a host that cannot be right; a region that may be new is written."""
    for wrong, right in {
        HOST.replace("us-east-1", "us-esat-1"): HOST,
        f"{HOST}.cn": HOST,
        HOST.replace("us-east-1", "cn-north-1"): HOST.replace("us-east-1", "cn-north-1") + ".cn",
    }.items():
        done = configure(machine, wrong, code=2)
        assert f"in {wrong}; write {right}\n".encode() in done.stderr
    assert not docker.exists()
    done = configure(machine, HOST.replace("us-east-1", "us-east-9"))
    assert f"unless it is new, write {HOST}\n".encode() in done.stderr


def test_a_page_about_an_image(machine: Machine, docker: Path) -> None:
    """The registry of the image is configured, and not the host of the page."""
    done = configure(machine, "https://gallery.ecr.aws/nginx/nginx")

    assert list(read(docker)["credHelpers"]) == ["public.ecr.aws"]
    assert b"warning: docker cannot pull by this name: it is that of a page in" in done.stderr
