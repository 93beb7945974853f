"""Which registries and identities `configure` gets, and the rules that it writes."""

import os
import re
from pathlib import Path

import pytest

from docker_credential_ecrpy.settings.editor import SCHEMA_URL
from tests.world.configure import AUTH, OTHER, SSO, WHERE, configure, read, write
from tests.world.machine import HOST, Machine
from tests.world.terminal import run_on_terminal

tree = pytest.mark.tree


class TestRegistries:
    """Which registries are configured."""

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
        """A name is an account and region, any address, or a private name with its port."""
        machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
        configure(machine, *arguments)

        assert read(docker) == {"credHelpers": dict.fromkeys(hosts, "ecr-login")}

    @tree
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), "no AWS profile with an account and a region"),
            (("alpine",), "so docker takes this for Docker Hub's"),
            (("12345@us-east-1",), "an account id has 12 digits, and 12345 has 5"),
            (("123456789012@us-eest-1",), "did you mean us-east-1 "),
            (("",), "names no registry"),
            (("--nope",), "no such option"),
            (("--podman", "--creds-store"), "podman has no credsStore"),
            (("--all-profiles", "--profile", "a"), "leave --profile and --role-arn out"),
            ((WHERE, "--role-arn", "role"), "write it such as arn:aws:iam"),
            (("--creds-store", "--fallback", "ecr-login"), "is this program"),
            (("--remove", "--profile", ""), "--profile: it is empty; name one, or leave"),
            (("--remove", "--role-arn", " "), "--role-arn: it is empty; name one, or leave"),
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
        """Enter on a terminal configures all logins of ECR registries, stored logins too."""
        write(
            docker,
            {
                "auths": {HOST: {"auth": AUTH}, OTHER: {}, "ghcr.io": {"auth": AUTH}},
                "credHelpers": {"public.ecr.aws": "ecr-login", "gcr.io": "gcloud"},
            },
        )
        code, _ = run_on_terminal(machine, "configure", typed=b"\n")

        assert code == 0
        assert read(docker)["credHelpers"] == {
            "public.ecr.aws": "ecr-login",
            "gcr.io": "gcloud",
            HOST: "ecr-login",
            OTHER: "ecr-login",
        }
        assert list(read(docker)["auths"]) == [OTHER, "ghcr.io"]

    @tree
    def test_all_of_them_are_taken_back(self, machine: Machine, docker: Path) -> None:
        """--remove alone removes all helpers of ours, and the store; then nothing is left to do."""
        made = {"credHelpers": {HOST: "ecr-login", "a": "ecrpy", "b": "x"}, "credsStore": "ecrpy"}
        write(docker, made)
        configure(machine, "--remove")

        assert read(docker) == {"credHelpers": {"b": "x"}}
        assert b"nothing to change" in configure(machine, "--remove").stdout

    @tree
    def test_another_helper_is_not_taken_away(self, machine: Machine, docker: Path) -> None:
        """A note says that it is kept."""
        before = write(docker, {"credHelpers": {HOST: "desktop"}})
        done = configure(machine, "--remove", WHERE)

        assert f"{HOST} is kept: its helper is 'desktop'".encode() in done.stdout
        assert docker.read_bytes() == before


class TestIdentity:
    """Which AWS identity to use."""

    def test_a_profile(self, machine: Machine, docker: Path) -> None:
        """A rule for the account is added, and removed again; a new file names its schema."""
        machine.config(
            "[profile prod]\nregion = eu-west-1\naws_access_key_id = a\naws_secret_access_key = b\n"
        )
        done = configure(machine, WHERE, "--profile", "prod")
        path = machine.cache / "config.toml"

        rule = '[[registry]]\nmatch = "123456789012"\nprofile = "prod"\n'
        assert path.read_text() == f"#:schema {SCHEMA_URL}\n\n{rule}"
        assert done.stderr == b""
        assert f"written: {path}".encode() in done.stdout
        assert b"nothing to change" in configure(machine, WHERE, "--profile", "prod").stdout
        configure(machine, WHERE, "--remove")
        assert path.read_bytes() == b""

    @tree
    def test_the_schema_of_an_existing_file(self, machine: Machine, docker: Path) -> None:
        """A file that the user wrote gets no schema line, and keeps one that it has."""
        machine.config("[profile prod]\n")
        for before in ("# mine\n", f"#:schema {SCHEMA_URL}\n"):
            path = machine.settings(before)
            configure(machine, WHERE, "--profile", "prod")

            assert path.read_text().count("#:schema") == before.count("#:schema")
            configure(machine, WHERE, "--remove")
            assert path.read_text() in (before, "")

    @tree
    def test_a_role(self, machine: Machine, docker: Path) -> None:
        """A rule of the registry is inserted above the rule that matches it."""
        rule = '[[registry]]\nmatch = "*"\nprofile = "a"\n'
        path = machine.settings(rule)
        arn = "arn:aws:iam::123456789012:role/puller"
        configure(machine, WHERE, "--role-arn", arn)

        new = f'[[registry]]\nmatch = "{HOST}"\nrole_arn = "{arn}"\n\n'
        assert path.read_text() == new + rule

    @tree
    def test_the_rule_of_a_private_name(self, machine: Machine, docker: Path) -> None:
        """--remove keeps it: without the rule, the name is no registry."""
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
        """Docker's file is written without them; a profile needs them, and is an error."""
        machine.config("[profile a]\n")
        configure(machine, WHERE, AWS_ECR_CONFIG=os.devnull)
        done = configure(machine, WHERE, "--profile", "a", code=1, AWS_ECR_CONFIG=os.devnull)

        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}
        assert b"config.toml" in done.stderr

    def test_all_profiles(self, machine: Machine, docker: Path) -> None:
        """Each profile gets its registry; warnings name those left out; a second run is a no-op."""
        machine.config(
            "[default]\noutput = json\n"
            "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x/\n"
            "[profile sso]\nsso_session = s\nsso_account_id = 111111111111\n"
            "sso_role_name = R\nregion = eu-west-1\n"
            "[profile role]\nrole_arn = arn:aws-cn:iam::222222222222:role/r\n"
            "source_profile = sso\nregion = cn-north-1\n"
            f"[profile two]\nsso_account_id = 333333333333\nregion = us-east-1\n{SSO}"
            f"[profile too]\nsso_account_id = 333333333333\nregion = us-east-1\n{SSO}"
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
        output = done.stderr.decode()
        assert "AWS profile 'default' is left out: it names no account\n" in output
        assert "AWS profile 'nowhere' is left out: it names no region\n" in output
        assert "AWS profile 'typo' is left out: 'us-eest-1' is not an AWS region" in output
        host = "333333333333.dkr.ecr.us-east-1.amazonaws.com"
        assert f"{host} is left out: 2 profiles have it: too, two; choose one: configure" in output
        assert b"nothing to change" in configure(machine, "--all-profiles").stdout

        configure(machine, host, "--profile", "too")
        assert b"2 profiles have it" not in configure(machine, "--all-profiles").stderr

    @tree
    def test_no_profile_at_all(self, machine: Machine, docker: Path) -> None:
        """The error says what to do instead."""
        done = configure(machine, "--all-profiles", code=2)

        assert b"no AWS profile names an account" in done.stderr
        assert not docker.exists()


@tree
def test_a_rule_that_is_still_in_use_stays(machine: Machine, docker: Path) -> None:
    """A credsStore or another client's file keeps the rule; a note names that file."""
    machine.config("[profile prod]\n")
    configure(machine, WHERE, "--profile", "prod")
    rules = machine.cache / "config.toml"
    written = rules.read_bytes()
    configure(machine, "--podman", WHERE)
    done = configure(machine, "--podman", "--remove", WHERE)
    assert rules.read_bytes() == written
    note = f"note: the rule for account 123456789012 stays: {docker} still uses it\n"
    assert note in done.stdout.decode()

    write(docker, {"credsStore": "ecr-login", "credHelpers": {HOST: "ecr-login"}})
    configure(machine, "--remove", WHERE)
    assert rules.read_bytes() == written
    assert read(docker) == {"credsStore": "ecr-login"}
