"""Facts about `configure`: what it makes of Docker's file and of ours, and what it says."""

import base64
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world.machine import HOST, Machine, Result
from tests.world.terminal import run_on_terminal

WHERE = "123456789012@us-east-1"
OTHER = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
TOKEN = base64.b64encode(b'{"payload":"hunter2","expiration":1700000000}').decode()
AUTH = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
DESKTOP = """{
\t"auths": {
\t\t"https://index.docker.io/v1/": {},
\t\t"ghcr.io": {}
\t},
\t"credsStore": "desktop",
\t"currentContext": "desktop-linux",
\t"plugins": {
\t\t"-x-cli-hints": {
\t\t\t"enabled": "true"
\t\t}
\t},
\t"features": {
\t\t"hooks": "true"
\t}
}"""
tree = pytest.mark.tree
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Docker's")


@pytest.fixture(name="docker")
def _docker(machine: Machine) -> Path:
    """Docker's file; on the stage's PATH is this program, and no other."""
    command = " ".join(f"'{part}'" for part in machine.program)
    program = machine.file(
        "bin/docker-credential-ecr-login", f'#!/bin/sh\nexec {command} "$@"\n', mode=0o700
    )
    if sys.platform == "win32":
        line = " ".join(f'"{part}"' for part in machine.program)
        machine.file("bin/docker-credential-ecr-login.cmd", f"@{line} %*\n")
    machine.environ["PATH"] = str(program.parent)
    return machine.home / ".docker" / "config.json"


def configure(machine: Machine, *arguments: str, code: int = 0, **environ: str) -> Result:
    done = machine.run("configure", *arguments, environ=environ)
    assert done.code == code, done
    if code:
        assert done.stdout == b""
    assert b"hunter2" not in done.stdout + done.stderr
    assert TOKEN.encode() not in done.stdout + done.stderr
    assert AUTH.encode() not in done.stdout + done.stderr
    return done


def write(docker: Path, made: Any) -> bytes:
    """Write Docker's file and return it."""
    docker.parent.mkdir(exist_ok=True)
    text = made if isinstance(made, str | bytes) else json.dumps(made, indent=4)
    docker.write_bytes(text if isinstance(text, bytes) else text.encode())
    return docker.read_bytes()


def read(docker: Path) -> Any:
    return json.loads(docker.read_bytes().decode("utf-8", "replace"), parse_int=str)


def names(docker: Path) -> list[str]:
    return sorted(path.name for path in docker.parent.iterdir() if path.suffix != ".bak")


def test_a_machine_that_has_nothing(machine: Machine, docker: Path) -> None:
    """Docker's file is made as Docker would, shown as a diff, and a second run changes nothing."""
    done = configure(machine, WHERE)

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
    ]
    assert configure(machine, WHERE).stdout == b"nothing to change: it is so already\n"
    assert not machine.cache.exists()
    if sys.platform != "win32":
        assert docker.stat().st_mode & 0o777 == 0o600
        assert docker.parent.stat().st_mode & 0o777 == 0o700


def test_docker_desktops_file(machine: Machine, docker: Path) -> None:
    """Its store stays, and so does all else; what was there before is kept beside it."""
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
    """It goes, and that is said, with the time at which its token expired; others stay."""
    other = {"auth": base64.b64encode(b"me:hunter2").decode()}
    write(docker, {"auths": {f"https://{HOST}": {"auth": AUTH}, "ghcr.io": other}})
    done = configure(machine, WHERE)

    assert read(docker) == {"auths": {"ghcr.io": other}, "credHelpers": {HOST: "ecr-login"}}
    assert f"the login under auths for https://{HOST} goes".encode() in done.stdout
    assert b"whose token expired at 2023-11-14T22:13:20Z" in done.stdout
    assert b"403 Forbidden" in done.stdout


@tree
def test_entries_that_hold_nothing_stay(machine: Machine, docker: Path) -> None:
    """They are what a login leaves that a store keeps."""
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
    """Byte for byte, whatever the file looked like; and each of both a second time is nothing."""
    write(docker, before)
    configure(machine, WHERE)
    helpers = {key.casefold(): value for key, value in read(docker).items()}["credhelpers"]

    assert helpers[HOST] == "ecr-login"
    assert b"nothing to change" in configure(machine, WHERE).stdout
    configure(machine, "--remove", WHERE)
    assert docker.read_bytes() == before
    assert b"nothing to change" in configure(machine, "--remove", WHERE).stdout
    assert names(docker) == ["config.json"]


@tree
def test_two_are_taken_back_in_either_order(machine: Machine, docker: Path) -> None:
    """Also where the file was changed by hand meanwhile: then what was added alone goes."""
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
    """Though the backup has it."""
    write(docker, {"auths": {HOST: {"auth": AUTH}}})
    configure(machine, WHERE)
    configure(machine, "--remove", WHERE)

    assert read(docker) == {"auths": {}}


@tree
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{\n  // a comment\n}", "take the comments out"),
        (b"[]", "it is not an object"),
        (b'{"auths": {}, "auths": {}}', '"auths" is there 2 times'),
        (b'{"credHelpers": 1}', '"credHelpers" is not an object'),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (f'{{"auths": {{"a": {{"auth": "{AUTH}" hunter2'.encode(), "it is not JSON"),
    ],
    ids=["comments", "list", "duplicates", "number", "BOM", "broken"],
)
def test_a_file_that_cannot_be_edited(
    machine: Machine, docker: Path, text: bytes, says: str
) -> None:
    """An error on standard error alone, exit code 1, and nothing is touched."""
    write(docker, text)
    done = configure(machine, WHERE, code=1)

    assert says in done.stderr.decode()
    assert str(docker) in done.stderr.decode()
    assert (docker.read_bytes(), names(docker)) == (text, ["config.json"])


@tree
@pytest.mark.parametrize(
    "key",
    [f"https://{HOST}", f"{HOST}/team", f"{HOST}:443", HOST.upper(), f"{HOST}."],
)
def test_a_key_that_docker_does_not_find(machine: Machine, docker: Path, key: str) -> None:
    """It goes, the bare host comes in its place, and that is said."""
    write(docker, {"credHelpers": {key: "ecr-login", "gcr.io": "gcloud"}})
    done = configure(machine)

    assert read(docker) == {"credHelpers": {"gcr.io": "gcloud", HOST: "ecr-login"}}
    assert b"Docker looks for the bare host name" in done.stdout


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
    """Another's, the whole program's name, or a name that is not on PATH."""
    write(docker, {"credHelpers": {HOST: value}})
    configure(machine, WHERE)

    assert read(docker) == {"credHelpers": {HOST: after}}


@tree
def test_an_escaped_key(machine: Machine, docker: Path) -> None:
    """It is the same key, and stays as it is written."""
    text = f'{{"credHelpers": {{"{HOST}": "ecr-login"}}}}'.replace(".dkr", "\\u002edkr")
    before = write(docker, text)
    configure(machine, WHERE)

    assert docker.read_bytes() == before


class TestRegistries:
    """Which registries are meant."""

    @tree
    @pytest.mark.parametrize(
        ("arguments", "hosts"),
        [
            ((f"https://{HOST}/team/app:1",), [HOST]),
            (("123456789012@cn-north-1",), ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"]),
            (("--public",), ["public.ecr.aws"]),
            ((WHERE, OTHER, "--public"), [HOST, OTHER, "public.ecr.aws"]),
            (("images.example.com:8443/app",), ["images.example.com:8443"]),
        ],
        ids=str,
    )
    def test_by_name(
        self, machine: Machine, docker: Path, arguments: tuple[str, ...], hosts: list[str]
    ) -> None:
        """By account and region, by any address, and by a private name with its port."""
        machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
        configure(machine, *arguments)

        assert read(docker) == {"credHelpers": dict.fromkeys(hosts, "ecr-login")}

    @tree
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), "name a registry"),
            (("alpine",), "is not an ECR registry"),
            (("12345@us-east-1",), "an account id has 12 digits, and 12345 has 5"),
            (("123456789012@us-eest-1",), "did you mean us-east-1 "),
            (("",), "names no registry"),
            (("--nope",), "no such option"),
            (("--podman", "--creds-store"), "podman knows no credsStore"),
            (("--all-profiles", "--profile", "a"), "leave --profile and --role-arn out"),
            ((WHERE, "--role-arn", "role"), "is not such as arn:aws:iam"),
            (("--creds-store", "--fallback", "ecr-login"), "is this program"),
        ],
        ids=str,
    )
    def test_wrong_usage(
        self, machine: Machine, docker: Path, arguments: tuple[str, ...], says: str
    ) -> None:
        """Exit code 2, on standard error alone, and nothing is written."""
        done = configure(machine, *arguments, code=2)

        assert says in done.stderr.decode()
        assert not docker.exists()

    def test_those_that_the_file_knows(self, machine: Machine, docker: Path) -> None:
        """Logins, also those that a store keeps, and helpers of ours."""
        write(
            docker,
            {
                "auths": {HOST: {"auth": AUTH}, OTHER: {}, "ghcr.io": {"auth": AUTH}},
                "credHelpers": {"public.ecr.aws": "ecr-login", "gcr.io": "gcloud"},
            },
        )
        configure(machine)

        assert read(docker)["credHelpers"] == {
            "public.ecr.aws": "ecr-login",
            "gcr.io": "gcloud",
            HOST: "ecr-login",
            OTHER: "ecr-login",
        }
        assert list(read(docker)["auths"]) == [OTHER, "ghcr.io"]

    @tree
    def test_all_of_them_are_taken_back(self, machine: Machine, docker: Path) -> None:
        """Of ours, with the store; a second time there is nothing left to do."""
        made = {"credHelpers": {HOST: "ecr-login", "a": "ecrpy", "b": "x"}, "credsStore": "ecrpy"}
        write(docker, made)
        configure(machine, "--remove")

        assert read(docker) == {"credHelpers": {"b": "x"}}
        assert b"nothing to change" in configure(machine, "--remove").stdout

    @tree
    def test_another_helper_is_not_taken_away(self, machine: Machine, docker: Path) -> None:
        """And that is said."""
        before = write(docker, {"credHelpers": {HOST: "desktop"}})
        done = configure(machine, "--remove", WHERE)

        assert f"{HOST} stays: its helper is 'desktop'".encode() in done.stdout
        assert docker.read_bytes() == before


class TestIdentity:
    """Whom this program is to be."""

    def test_a_profile(self, machine: Machine, docker: Path) -> None:
        """A rule for the account, which goes again."""
        machine.config("[profile prod]\nregion = eu-west-1\n")
        done = configure(machine, WHERE, "--profile", "prod")
        path = machine.cache / "config.toml"

        assert path.read_text() == '[[registry]]\nmatch = "123456789012"\nprofile = "prod"\n'
        assert done.stderr == b""
        assert f"written: {path}".encode() in done.stdout
        assert b"nothing to change" in configure(machine, WHERE, "--profile", "prod").stdout
        configure(machine, WHERE, "--remove")
        assert path.read_bytes() == b""

    @tree
    def test_a_profile_that_is_not_there(self, machine: Machine, docker: Path) -> None:
        """A warning: it may be made later."""
        done = configure(machine, WHERE, "--profile", "prdo")

        assert done.stderr == b"warning: AWS profile 'prdo' is not in the AWS config file\n"

    @tree
    def test_a_role(self, machine: Machine, docker: Path) -> None:
        """For the registry, above the rule that there is."""
        rule = '[[registry]]\nmatch = "*"\nprofile = "a"\n'
        path = machine.settings(rule)
        arn = "arn:aws:iam::123456789012:role/puller"
        configure(machine, WHERE, "--role-arn", arn)

        new = f'[[registry]]\nmatch = "{HOST}"\nrole_arn = "{arn}"\n\n'
        assert path.read_text() == new + rule

    @tree
    def test_the_rule_of_a_private_name(self, machine: Machine, docker: Path) -> None:
        """It stays when the registry goes: without it, the name would mean nothing."""
        path = machine.settings(
            f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n'
        )
        before = path.read_bytes()
        configure(machine, "images.example.com")
        configure(machine, "images.example.com", "--remove")

        assert read(docker) == {}
        assert path.read_bytes() == before

    @tree
    def test_settings_that_are_none(self, machine: Machine, docker: Path) -> None:
        """Where the environment wants none, Docker's file can still be written."""
        configure(machine, WHERE, AWS_ECR_CONFIG=os.devnull)
        done = configure(machine, WHERE, "--profile", "a", code=1, AWS_ECR_CONFIG=os.devnull)

        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}
        assert b"config.toml" in done.stderr

    def test_all_profiles(self, machine: Machine, docker: Path) -> None:
        """Each with its own; what is left out, and why, is said; a second run changes nothing."""
        machine.config(
            "[default]\noutput = json\n"
            "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x/\n"
            "[profile sso]\nsso_session = s\nsso_account_id = 111111111111\n"
            "sso_role_name = R\nregion = eu-west-1\n"
            "[profile role]\nrole_arn = arn:aws-cn:iam::222222222222:role/r\n"
            "source_profile = sso\nregion = cn-north-1\n"
            "[profile two]\nsso_account_id = 333333333333\nregion = us-east-1\n"
            "[profile too]\nsso_account_id = 333333333333\nregion = us-east-1\n"
            "[profile typo]\nsso_account_id = 444444444444\nregion = us-eest-1\n"
            "[profile nowhere]\nsso_account_id = 555555555555\n"
        )
        done = configure(machine, "--all-profiles")
        helpers = [
            "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
        ]
        assert read(docker) == {"credHelpers": dict.fromkeys(helpers, "ecr-login")}
        settings = (machine.cache / "config.toml").read_text()
        assert re.findall(r'match = "(\d+)"\nprofile = "(\w+)"', settings) == [
            ("222222222222", "role"),
            ("111111111111", "sso"),
        ]
        told = done.stderr.decode()
        assert "AWS profile 'default' is left out: it names no account\n" in told
        assert "AWS profile 'nowhere' is left out: it names no region\n" in told
        assert "AWS profile 'typo' is left out: 'us-eest-1' is no AWS region" in told
        host = "333333333333.dkr.ecr.us-east-1.amazonaws.com"
        assert f"{host} is left out, since 2 profiles are of it: too, two; choose one" in told
        assert b"nothing to change" in configure(machine, "--all-profiles").stdout

        configure(machine, host, "--profile", "too")
        assert b"since 2 profiles" not in configure(machine, "--all-profiles").stderr

    @tree
    def test_no_profile_at_all(self, machine: Machine, docker: Path) -> None:
        """An error, which says what to do instead."""
        done = configure(machine, "--all-profiles", code=1)

        assert b"no AWS profile names an account" in done.stderr
        assert not docker.exists()


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


def test_a_dry_run(machine: Machine, docker: Path) -> None:
    """It shows the same and writes nothing."""
    before = write(docker, {"auths": {HOST: {"auth": AUTH}}})
    done = configure(machine, WHERE, "--profile", "a", "--dry-run")

    assert f'+        "{HOST}": "ecr-login"'.encode() in done.stdout
    assert b"nothing was written (--dry-run)" in done.stdout
    assert docker.read_bytes() == before
    assert not machine.cache.exists()


@tree
def test_where_docker_config_says(machine: Machine, docker: Path) -> None:
    """And not in the home."""
    configure(machine, WHERE, DOCKER_CONFIG=str(machine.root / "there"))

    assert read(machine.root / "there" / "config.json") == {"credHelpers": {HOST: "ecr-login"}}
    assert not docker.exists()


@tree
@posix
def test_a_file_that_may_not_be_written(machine: Machine, docker: Path) -> None:
    """Neither is our own then: an error before anything is written."""
    write(docker, "{}")
    docker.parent.chmod(0o500)
    prefix = []
    if os.geteuid() == 0:
        prefix = [shutil.which("setpriv") or "", "--bounding-set=-all", "--inh-caps=-all"]
    done = machine.run("configure", WHERE, "--profile", "a", command=[*prefix, *machine.program])

    assert done.code == 1
    assert b"is read-only; make it yours to write" in done.stderr
    assert (docker.read_bytes(), names(docker)) == (b"{}", ["config.json"])
    assert not (machine.cache / "config.toml").exists()


@tree
@pytest.mark.parametrize("indent", [None, 2])
def test_no_secret_is_shown(machine: Machine, docker: Path, indent: int | None) -> None:
    """Of any entry, on any stream, nor in the log; `configure` looks for each of them itself."""
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
    """It takes a few seconds at most."""
    auths = {f"registry-{n}.example.com": {"auth": AUTH} for n in range(30_000)}
    write(docker, json.dumps({"auths": auths | {HOST: {"auth": AUTH}}}, indent=indent))
    done = configure(machine, WHERE)

    assert len(done.stdout.splitlines()) < 30
    assert read(docker) == {"auths": auths, "credHelpers": {HOST: "ecr-login"}}


# --- on a terminal ----------------------------------------------------------------------------


def on_terminal(machine: Machine, *arguments: str, **options: Any) -> tuple[int, str]:
    """Run a command on a terminal; return exit code and what it shows, with a file's line ends."""
    code, shown = run_on_terminal(machine, *arguments, **options)
    return code, shown.replace("\r\n", "\n")


@tree
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_prose_fits_the_terminal(machine: Machine, docker: Path, columns: int) -> None:
    """Each line ends where the terminal does, if it has a blank to end at; a diff's stay."""
    write(docker, {"auths": {HOST: {"auth": AUTH}, OTHER: {"auth": AUTH}}})
    diff = configure(machine, "--dry-run").stdout.decode().splitlines()
    code, shown = on_terminal(machine, "configure", "--profile", "nope", columns=columns)
    lines = re.sub(r"\033\[[\d;]*m", "", shown).splitlines()

    assert code == 0
    assert "warning: " in shown
    for line in lines:
        fits = len(line) <= columns or " " not in line.strip()
        assert fits or line in diff or line[0] in "+-@", line


@tree
@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_colours(machine: Machine, docker: Path, environ: dict[str, str], coloured: bool) -> None:
    """On a terminal that has them, unless they are not wanted."""
    _, shown = on_terminal(machine, "configure", WHERE, "--dry-run", environ=environ)

    assert ("\033[32m+{\033[0m" in shown) is coloured
    assert ("\033" in shown) is coloured


def test_there_are_no_colours_in_a_file(machine: Machine, docker: Path) -> None:
    """Nor in a pipe."""
    assert b"\033" not in configure(machine, WHERE, "--dry-run", TERM="xterm").stdout


@tree
@pytest.mark.parametrize(
    ("typed", "fallback"), [(b"\n", "desktop"), (b"y\n", "desktop"), (b"n\n", "")]
)
def test_the_store_is_asked_about(
    machine: Machine, docker: Path, typed: bytes, fallback: str
) -> None:
    """On a terminal: whether it stays as the fallback."""
    write(docker, DESKTOP)
    code, shown = on_terminal(machine, "configure", "--creds-store", typed=typed, columns=60)
    settings = machine.cache / "config.toml"

    assert code == 0, shown
    assert "keep it for registries that are not ECR? [Y/n]:" in shown
    assert read(docker)["credsStore"] == "ecr-login"
    assert settings.exists() is bool(fallback)
    if fallback:
        assert settings.read_text() == f'fallback = "{fallback}"\n'


@tree
def test_a_question_that_is_not_answered(machine: Machine, docker: Path) -> None:
    """Nothing is changed."""
    before = write(docker, DESKTOP)
    code, _ = on_terminal(machine, "configure", "--creds-store", typed=b"\x04")

    assert code == 130
    assert docker.read_bytes() == before


@tree
@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits(machine: Machine, columns: int) -> None:
    """Examples first."""
    done = configure(machine, "--help", COLUMNS=str(columns))
    lines = done.stdout.decode().splitlines()

    assert max(map(len, lines)) <= columns
    assert "Examples:" in lines
    assert "--dry-run" in done.stdout.decode()


@tree
def test_a_rule_that_is_still_in_use_stays(machine: Machine, docker: Path) -> None:
    """By a credsStore, or by podman, whose file has the registry, too."""
    configure(machine, WHERE, "--profile", "prod")
    rules = machine.cache / "config.toml"
    written = rules.read_bytes()
    configure(machine, "--podman", WHERE)
    configure(machine, "--podman", "--remove", WHERE)
    assert rules.read_bytes() == written

    write(docker, {"credsStore": "ecr-login", "credHelpers": {HOST: "ecr-login"}})
    configure(machine, "--remove", WHERE)
    assert rules.read_bytes() == written
    assert read(docker) == {"credsStore": "ecr-login"}


@tree
def test_what_docker_cannot_read_is_told(machine: Machine, docker: Path) -> None:
    """Unless it goes: then there is nothing to tell."""
    write(docker, {"auths": {"x.example": {"auth": "!!"}, HOST: {"auth": "??"}}})
    done = configure(machine, WHERE)

    assert b"'x.example': its auth is not base64" in done.stderr
    assert HOST.encode() not in done.stderr


@tree
@pytest.mark.parametrize("columns", [60, 80])
def test_a_file_in_one_line_is_shown_indented(machine: Machine, docker: Path, columns: int) -> None:
    """Where the terminal is narrower than it is."""
    made = {"auths": {}, "credsStore": "desktop", "currentContext": "default", "x": {}}
    write(docker, json.dumps(made))
    _, shown = on_terminal(machine, "configure", WHERE, "--dry-run", columns=columns)

    assert f'+    "{HOST}": "ecr-login"' in shown
