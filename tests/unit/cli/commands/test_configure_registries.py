"""Which registries and identities `configure` is asked for, and the rules that it writes."""

import os
import re
from pathlib import Path

import pytest

from tests.world.configure import AUTH, OTHER, WHERE, configure, read, write
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree


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
    """Which AWS identity to use."""

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
        assert "AWS profile 'typo' is left out: 'us-eest-1' is not an AWS region" in told
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
