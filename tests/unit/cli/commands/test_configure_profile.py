"""`configure --profile`: the profile's own registry, unknown profiles, missing credentials."""

import os
from pathlib import Path

import pytest

from docker_credential_ecrpy.settings.editor import SCHEMA_URL
from tests.world.configure import AUTH, OTHER, SSO, WHERE, configure, read, write
from tests.world.machine import HOST, Machine

tree = pytest.mark.tree
CONFIG = (
    f"[profile prod]\nsso_account_id = 210987654321\nregion = eu-west-1\n{SSO}"
    "[profile role]\nrole_arn = arn:aws:iam::210987654321:role/r\nsource_profile = base\n"
    "[profile base]\nregion = eu-west-1\naws_access_key_id = a\naws_secret_access_key = b\n"
    "[profile no-region]\nsso_account_id = 210987654321\n"
    "[profile typo]\nsso_account_id = 210987654321\nregion = eu-wst-1\n"
)
RULE = '[[registry]]\nmatch = "210987654321"\nprofile = "{}"\n'


class TestAlone:
    """Without a registry, account and region are those of the profile."""

    @pytest.mark.parametrize("profile", ["prod", "role"])
    def test_its_registry(self, machine: Machine, docker: Path, profile: str) -> None:
        """The registry and its rule are added; logins of other registries are kept."""
        machine.config(CONFIG)
        write(docker, {"auths": {HOST: {"auth": AUTH}}})
        done = configure(machine, "--profile", profile)

        made = {"auths": {HOST: {"auth": AUTH}}, "credHelpers": {OTHER: "ecr-login"}}
        assert read(docker) == made
        rules = (machine.cache / "config.toml").read_text()
        assert rules == f"#:schema {SCHEMA_URL}\n\n{RULE.format(profile)}"
        assert done.stderr == b""
        assert f"next: docker pull {OTHER}/<repository>:<tag>; ".encode() in done.stdout

    @tree
    @pytest.mark.parametrize(
        ("profile", "says"),
        [
            ("base", "it names no account; run: {} configure <account>@eu-west-1 --profile base"),
            (
                "no-region",
                "it names no region; run: {} configure 210987654321@<region> --profile no-region",
            ),
            ("typo", "did you mean eu-west-1"),
            ("auto", "needs a registry; run: {} configure <account>@<region> --profile auto"),
        ],
    )
    def test_what_a_profile_lacks(
        self, machine: Machine, docker: Path, profile: str, says: str
    ) -> None:
        """The error says what is missing, and what to type; the exit code is 2."""
        machine.config(CONFIG)
        done = configure(machine, "--profile", profile, code=2)

        assert says.format("docker-credential-ecrpy") in done.stderr.decode()
        assert not docker.exists()

    @tree
    def test_all_registries_of_an_account(self, machine: Machine, docker: Path) -> None:
        """With a registry, the profile's own is not added."""
        machine.config(CONFIG)
        configure(machine, WHERE, "--profile", "prod")

        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}

    @tree
    def test_removal(self, machine: Machine, docker: Path) -> None:
        """--remove --profile removes the registries that use it, also once it is gone."""
        config = machine.config(CONFIG)
        configure(machine, "--profile", "prod")
        configure(machine, WHERE, "--profile", "base")
        config.unlink()
        configure(machine, "--remove", "--profile", "prod")

        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}
        settings = (machine.cache / "config.toml").read_text()
        assert 'profile = "base"' in settings
        assert 'profile = "prod"' not in settings
        done = configure(machine, "--remove", "--profile", "prod", code=2)
        assert b"AWS profile 'prod' is not in " in done.stderr  # nor in a rule
        machine.config(CONFIG)
        done = configure(machine, "--remove", "--profile", "prod")
        assert done.stdout == b"not configured: nothing to change\n"

    @tree
    @pytest.mark.parametrize("profile", ["prdo", "base"])
    def test_removal_with_another_profile(
        self, machine: Machine, docker: Path, profile: str
    ) -> None:
        """A registry stays whose rule has another profile than the one that is named."""
        machine.config(CONFIG)
        configure(machine, WHERE, "--profile", "prod")
        before = docker.read_bytes()
        configure(machine, "--remove", WHERE, "--profile", profile, code=2)

        assert docker.read_bytes() == before

    @tree
    def test_removal_by_role(self, machine: Machine, docker: Path) -> None:
        """--remove --role-arn removes the registries that use the role, and no others."""
        arn = "arn:aws:iam::123456789012:role/puller"
        configure(machine, WHERE, "--role-arn", arn)
        configure(machine, OTHER)
        configure(machine, "--remove", "--role-arn", arn)

        assert read(docker) == {"credHelpers": {OTHER: "ecr-login"}}


class TestUnknown:
    """A profile that does not exist is refused before anything is written."""

    @tree
    @pytest.mark.parametrize("registries", [(), (WHERE,), (WHERE, OTHER, "--public")], ids=str)
    @pytest.mark.parametrize(
        ("config", "hint"),
        [
            (CONFIG, "did you mean 'prod'? (profiles: base, no-region, prod, role, typo)"),
            ("", "run: aws configure sso --profile prdo"),
            ("[profile x]\n", "run: aws configure sso --profile prdo (profiles: x)"),
            ("".join(f"[profile p{n}]\n" for n in range(9)), "--profile prdo\n"),
        ],
        ids=["near", "none", "other", "many"],
    )
    def test_it_is_refused(
        self, machine: Machine, docker: Path, registries: tuple[str, ...], config: str, hint: str
    ) -> None:
        """The error names the near miss, and a short list of profiles."""
        machine.config(config)
        done = configure(machine, *registries, "--profile", "prdo", code=2)

        said = done.stderr.decode()
        assert "invalid value for --profile: AWS profile 'prdo' is not in " in said
        assert hint in said
        assert not docker.exists()
        assert not machine.cache.exists()

    @tree
    def test_in_the_credentials_file(self, machine: Machine, docker: Path) -> None:
        """A profile of that file exists, too."""
        machine.config("[dev]\naws_access_key_id = x\naws_secret_access_key = y\n", "credentials")
        done = configure(machine, WHERE, "--profile", "dev")

        assert done.stderr == b""

    @tree
    def test_a_broken_aws_config(self, machine: Machine, docker: Path) -> None:
        """It is an error with exit code 1, and a warning where no profile is named."""
        machine.config("[broken")
        done = configure(machine, WHERE, "--profile", "prod", code=1)

        assert b"the AWS settings are wrong" in done.stderr
        assert not docker.exists()
        done = configure(machine, WHERE)
        assert done.stderr.startswith(b"warning: the AWS settings are wrong")
        assert done.stderr.count(b"\n") == 1

    @tree
    def test_auto(self, machine: Machine, docker: Path) -> None:
        """It stands for the account's only profile, and is no name."""
        machine.config(CONFIG)
        configure(machine, WHERE, "--profile", "auto")

        assert 'profile = "auto"' in (machine.cache / "config.toml").read_text()

    @tree
    def test_removal(self, machine: Machine, docker: Path) -> None:
        """--remove works for a profile that is gone."""
        config = machine.config(CONFIG)
        configure(machine, OTHER, "--profile", "prod")
        config.unlink()
        configure(machine, OTHER, "--profile", "prod", "--remove")

        assert read(docker) == {}


class TestMissingCredentials:
    """A warning where neither the environment nor ~/.aws has credentials for a registry."""

    @tree
    @pytest.mark.parametrize(
        ("config", "arguments", "environ", "says"),
        [
            ("", (), {}, "no AWS credentials in the environment or ~/.aws; run: aws configure sso"),
            ("[default]\nregion = us-east-1\n", (), {}, "in the environment or ~/.aws; run"),
            (CONFIG, (), {}, "default profile; add --profile with one of: base, no-region, prod"),
            (
                "[profile p]\nregion = us-east-1\n",
                ("--profile", "p"),
                {},
                (
                    "no credentials in ~/.aws/config or ~/.aws/credentials; run: "
                    "aws configure sso --profile p\n"
                ),
            ),
            (
                CONFIG,
                (),
                {"AWS_ECR_PROFILE_123456789012": "gone"},
                "warning: AWS profile 'gone' is not in ~/.aws/config or ~/.aws/credentials; run",
            ),
            ("", ("--profile", "auto"), {}, "no AWS profile exists here; run: aws configure sso"),
        ],
        ids=str,
    )
    def test_warning(
        self,
        machine: Machine,
        docker: Path,
        *,
        config: str,
        arguments: tuple[str, ...],
        environ: dict[str, str],
        says: str,
    ) -> None:
        """One warning says what is missing, and what to type; the file is written."""
        machine.config(config)
        machine.environ |= environ
        for more in ((), ("--dry-run",)):
            done = configure(machine, WHERE, *arguments, *more)

            assert done.stderr.decode().startswith("warning: ")
            assert says in done.stderr.decode()
            assert done.stderr.count(b"\n") == 1
        assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}

    @tree
    @pytest.mark.parametrize(
        ("arguments", "environ"),
        [
            ((WHERE,), {"AWS_ACCESS_KEY_ID": "x"}),
            ((WHERE,), {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}),
            ((WHERE,), {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"}),
            ((WHERE,), {"AWS_PROFILE": "base"}),
            ((WHERE,), {"AWS_ECR_PROFILE_123456789012": "base"}),
            ((WHERE, "--profile", "base"), {}),
            (("--public",), {}),
            (("--creds-store",), {}),
            (("--remove", WHERE), {}),
        ],
        ids=str,
    )
    def test_no_false_alarm(
        self,
        machine: Machine,
        docker: Path,
        arguments: tuple[str, ...],
        environ: dict[str, str],
    ) -> None:
        """Nothing is said where credentials may exist, or are not needed."""
        machine.config(CONFIG)
        machine.environ |= environ
        if "AWS_EC2_METADATA_SERVICE_ENDPOINT" in environ:
            del machine.environ["AWS_EC2_METADATA_DISABLED"]

        assert configure(machine, *arguments).stderr == b""

    @tree
    @pytest.mark.parametrize(
        ("arguments", "environ", "says"),
        [
            ((WHERE,), {"AWS_PROFILE": "gone"}, "; correct it, or unset it: unset AWS_PROFILE\n"),
            (
                (OTHER, "--role-arn", "arn:aws:iam::123456789012:role/x", "--dry-run"),
                {"AWS_PROFILE": "bse", "AWS_ACCESS_KEY_ID": "x"},
                "; did you mean 'base'? Or unset it: unset AWS_PROFILE\n",
            ),
            (("--creds-store",), {"AWS_DEFAULT_PROFILE": "x"}, "it: unset AWS_DEFAULT_PROFILE\n"),
        ],
        ids=str,
    )
    def test_a_profile_of_the_environment_that_is_none(
        self,
        machine: Machine,
        docker: Path,
        arguments: tuple[str, ...],
        environ: dict[str, str],
        says: str,
    ) -> None:
        """Every pull would fail, whatever else has credentials: nothing is written."""
        machine.config(CONFIG)
        done = configure(machine, *arguments, code=1, **environ)

        assert " is not in ~/.aws/config or ~/.aws/credentials; " in done.stderr.decode()
        assert done.stderr.decode().endswith(says)
        assert not docker.exists()

    @tree
    @pytest.mark.parametrize(
        "arguments", [(WHERE, "--profile", "base"), ("--public",), ("--remove", WHERE)], ids=str
    )
    def test_where_another_profile_decides(
        self, machine: Machine, docker: Path, arguments: tuple[str, ...]
    ) -> None:
        """Or none is needed, the missing profile of the environment does not matter."""
        machine.config(CONFIG)

        assert configure(machine, *arguments, AWS_PROFILE="gone").stderr == b""

    @tree
    def test_each_identity_once(self, machine: Machine, docker: Path) -> None:
        """Many registries of one identity are one warning."""
        done = configure(machine, WHERE, OTHER, "--public")

        assert done.stderr.count(b"warning: ") == 1

    @tree
    def test_a_store(self, machine: Machine, docker: Path) -> None:
        """A credsStore has no registry to look at: any credentials will do."""
        done = configure(machine, "--creds-store")

        assert b"no AWS credentials in the environment or ~/.aws" in done.stderr

    @tree
    def test_settings_that_are_none(self, machine: Machine, docker: Path) -> None:
        """AWS_ECR_CONFIG=/dev/null means no rules: the ambient identity is looked at."""
        done = configure(machine, WHERE, AWS_ECR_CONFIG=os.devnull)

        assert b"no AWS credentials in the environment or ~/.aws" in done.stderr


class TestNext:
    """The closing line."""

    @tree
    def test_it_is_the_last_line(self, machine: Machine, docker: Path) -> None:
        """It names the first registry, and the program as it was called."""
        machine.login()
        done = configure(machine, OTHER, WHERE)

        assert done.stdout.decode().splitlines()[-1] == (
            f"next: docker pull {OTHER}/<repository>:<tag>;"
            " if it fails: docker-credential-ecrpy doctor <image>"
        )

    @tree
    @pytest.mark.parametrize(
        ("arguments", "start"),
        [
            ((WHERE, "--podman"), f"next: podman pull {HOST}/"),
            (("--creds-store",), "next: docker pull <registry>/"),
            (("--public",), "next: docker pull public.ecr.aws/"),
        ],
        ids=str,
    )
    def test_its_forms(
        self, machine: Machine, docker: Path, arguments: tuple[str, ...], start: str
    ) -> None:
        """The client is podman for --podman; a store has no registry to name."""
        file = str(machine.root / "auth.json")
        done = configure(machine, *arguments, REGISTRY_AUTH_FILE=file)

        assert done.stdout.decode().splitlines()[-1].startswith(start)

    @tree
    def test_where_there_is_none(self, machine: Machine, docker: Path) -> None:
        """After --remove and --undo, and for --dry-run, no pull is next."""
        configure(machine, WHERE)
        for arguments in ((OTHER, "--dry-run"), ("--remove", WHERE), ("--undo",)):
            assert b"next:" not in configure(machine, *arguments).stdout


class TestBroken:
    """A profile that no pull can use is refused, and nothing is written."""

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            ("role_arn = arn:aws:iam::210987654321:role/r\nsource_profile = p\n", "itself"),
            ("role_arn = arn:aws:iam::210987654321:role/r\nsource_profile = x\n", "exist"),
            ("role_arn = arn:aws:iam::210987654321:role/r\n", "neither source_profile nor"),
            ("sso_session = gone\nsso_account_id = 210987654321\nsso_role_name = r\n", "gone"),
            ("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n", "aws_secret_access_key"),
        ],
        ids=["loop", "no source", "no source named", "no session", "half a key"],
    )
    def test_it(self, machine: Machine, docker: Path, lines: str, said: str) -> None:
        machine.config(f"[profile p]\n{lines}")
        done = machine.run("configure", OTHER, "--profile", "p")

        assert done.code == 1
        assert said in done.stderr.decode()
        assert not docker.exists()
        assert not (machine.home / ".ecr" / "config.toml").exists()
