"""The main job, with real clients: pull, push and build by ECR names, without a login."""

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e import engines
from tests.e2e.conftest import ECR, ECR_2, ECR_EU, ELSEWHERE, PUBLIC, Done, Machine
from tests.world.aws import EXPIRED_TEXT

NOT_LOGGED_IN = "no AWS credentials found"
CURE = "run 'aws configure sso'"


class TestDocker:
    """Docker's own client, in each version that is here."""

    def test_the_403_of_an_expired_login_and_its_cure(
        self, machine: Machine, docker: str, app: str
    ) -> None:
        """An expired `auths` entry fails the pull; with the helper the same pull works."""
        # With a login there already, Docker does not look for a password manager to keep this one.
        machine.configure(auths={"other.example.com": {}})
        password = machine.aws.password("arn", "us-east-1", life=1)
        login = (docker, "login", "--username", "AWS", "--password-stdin", ECR)
        machine.run(*login, stdin=password.encode()).ok()
        image = f"{ECR}/{app}"
        machine.run(docker, "pull", image).ok()
        machine.forget_image(image)
        time.sleep(1.1)

        done = machine.run(docker, "pull", image).failed()
        assert EXPIRED_TEXT in done.text
        assert ECR in json.loads(machine.config.read_text())["auths"]

        machine.login_to_aws()
        machine.use_helper()
        machine.run(docker, "pull", image).ok()
        assert machine.aws.count() == {"ecr": 1}

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_everything_through_one_call(
        self, machine: Machine, docker: str, app: str, mode: str
    ) -> None:
        """Pull, push, build, a manifest, podman, buildah, skopeo: one call of ECR in all."""
        machine.login_to_aws()
        if mode == "credHelpers":
            machine.configure(credHelpers={ECR: "ecr-login"})
        else:
            machine.use_helper_for_all()
        image, pushed = f"{ECR}/{app}", f"{ECR}/{app}-{mode}"

        machine.run(docker, "pull", image).ok()
        machine.run(docker, "tag", image, pushed).ok()
        machine.run(docker, "push", pushed).ok()
        machine.forget_image(image, pushed)
        context = machine.dockerfile(image)
        for buildkit in ("0", "1") if engines.has_buildkit(docker) else ("0",):
            step = (docker, "build", "--no-cache", "--pull", context)
            machine.run(*step, DOCKER_BUILDKIT=buildkit).ok()
            machine.forget_image(image)
        manifest = machine.run(docker, "manifest", "inspect", pushed).ok()

        assert json.loads(manifest.stdout)["schemaVersion"] == 2
        if mode == "credHelpers":  # podman and its like do not read credsStore
            for command in (_podman, _buildah, _skopeo):
                machine.run(*command(machine, pushed)).ok()
        assert machine.aws.count() == {"ecr": 1}

    def test_another_registry_beside_it(self, machine: Machine, docker: str, app: str) -> None:
        """As credsStore, the helper leaves registries that are not ECR alone, in silence."""
        machine.login_to_aws()
        machine.use_helper_for_all()

        for host in (ELSEWHERE, ECR, PUBLIC):
            done = machine.run(docker, "pull", f"{host}/{app}").ok()
            assert "docker-credential" not in done.text
        assert machine.aws.count() == {"ecr": 1, "ecr-public": 1}

    def test_a_token_of_seconds(self, machine: Machine, docker: str, app: str) -> None:
        """It expires between two pulls, and the second works."""
        machine.login_to_aws()
        machine.use_helper()
        machine.aws.token_life = 3
        image = f"{ECR}/{app}"
        for _ in range(2):
            machine.run(docker, "pull", image).ok()
            machine.forget_image(image)
            time.sleep(3.1)
        assert machine.aws.count() == {"ecr": 2}

    def test_two_regions_and_two_accounts(self, machine: Machine, docker: str, app: str) -> None:
        """Two accounts in one region share a token: two calls, not three."""
        machine.login_to_aws()
        machine.use_helper()
        for host in (ECR, ECR_2, ECR_EU):
            machine.run(docker, "pull", f"{host}/{app}").ok()

        assert sorted(call.region for call in machine.aws.calls) == ["eu-west-1", "us-east-1"]

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_login_and_logout(self, machine: Machine, docker: str, app: str, mode: str) -> None:
        """A login with another token is used; after logout a fresh one is."""
        machine.login_to_aws()
        (machine.use_helper if mode == "credHelpers" else machine.use_helper_for_all)()
        other = machine.aws.password("arn:aws:iam::1:role/other", "us-east-1")
        image = f"{ECR}/{app}"

        login = (docker, "login", "--username", "AWS", "--password-stdin", ECR)
        assert "Login Succeeded" in machine.run(*login, stdin=other.encode()).ok().stdout
        assert other not in machine.config.read_text()
        assert json.loads(machine.get().ok().stdout)["Secret"] == other
        machine.run(docker, "pull", image).ok()
        machine.forget_image(image)
        assert machine.aws.count() == {}

        done = machine.run(docker, "logout", ECR).ok()
        assert "WARNING" not in done.text
        machine.run(docker, "pull", image).ok()
        assert machine.aws.count() == {"ecr": 1}

    def test_a_login_elsewhere_is_told_what_to_do(self, machine: Machine, docker: str) -> None:
        """Rather than losing the password: the client shows our line."""
        machine.use_helper_for_all()
        login = (docker, "login", "--username", "me", "--password-stdin", ELSEWHERE)

        done = machine.run(*login, stdin=b"hunter2").failed()

        assert "credHelpers" in done.text
        assert "hunter2" not in done.text

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_bad_credentials_are_told_at_a_pull(
        self, machine: Machine, docker: str, app: str, mode: str
    ) -> None:
        """The person sees our line with the cure on standard error, and the pull fails."""
        (machine.use_helper if mode == "credHelpers" else machine.use_helper_for_all)()
        done = machine.run(docker, "pull", f"{ECR}/{app}").failed()

        assert NOT_LOGGED_IN in done.stderr
        assert CURE in done.stderr

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_ecr_public_works_anonymously(
        self, machine: Machine, docker: str, app: str, mode: str
    ) -> None:
        """Without any credentials, and without a word from us."""
        (machine.use_helper if mode == "credHelpers" else machine.use_helper_for_all)()
        before = machine.universe.front.anonymous_tokens

        done = machine.run(docker, "pull", f"{PUBLIC}/{app}").ok()

        assert "docker-credential" not in done.text
        assert machine.universe.front.anonymous_tokens > before


Build = Callable[[Machine, str], Done]


class TestBuild:
    """The classic builder and BuildKit, of each docker client that has them."""

    def test_from_three_registries(self, machine: Machine, build: Build, app: str) -> None:
        """One Dockerfile, two accounts and two regions: two calls."""
        machine.login_to_aws()
        machine.configure(credHelpers=dict.fromkeys((ECR, ECR_2, ECR_EU), "ecr-login"))
        context = machine.dockerfile(*(f"{host}/{app}" for host in (ECR, ECR_2, ECR_EU)))

        build(machine, context).ok()
        assert machine.aws.count() == {"ecr": 2}

    def test_beside_another_registry(self, machine: Machine, build: Build, app: str) -> None:
        """As credsStore: one stage from ECR, and one from a registry that is not."""
        machine.login_to_aws()
        machine.use_helper_for_all()
        machine.get().ok()  # the classic builder asks for what `list` knows

        build(machine, machine.dockerfile(f"{ECR}/{app}", f"{ELSEWHERE}/{app}")).ok()
        assert machine.aws.count() == {"ecr": 1}

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_bad_credentials_are_told(
        self, machine: Machine, build: Build, app: str, mode: str
    ) -> None:
        """The person sees our line with the cure, and the build fails."""
        if mode == "credHelpers":
            machine.configure(credHelpers={ECR: "ecr-login"})
        else:
            machine.use_helper_for_all()
            machine.login_to_aws()
            machine.get().ok()  # so that `list` knows the host; then the keys go bad
            machine.run("docker-credential-ecr-login", "erase", stdin=ECR.encode()).ok()
            del machine.environ["AWS_ACCESS_KEY_ID"]
            registries = machine.home / ".ecr" / "registries"
            (registries / ECR).touch(0o600)
        done = build(machine, machine.dockerfile(f"{ECR}/{app}")).failed()

        assert NOT_LOGGED_IN in done.text
        assert CURE in done.text


def _podman(machine: Machine, image: str) -> list[str]:
    return [engines.find("podman"), *machine.storage(), "pull", image]


def _buildah(machine: Machine, image: str) -> list[str]:
    return [engines.find("buildah"), *machine.storage(), "pull", image]


def _skopeo(machine: Machine, image: str) -> list[str]:
    return [engines.find("skopeo"), "copy", f"docker://{image}", f"dir:{machine.root}/copied"]


@pytest.mark.parametrize(
    "command", [_podman, _buildah, _skopeo], ids=["podman", "buildah", "skopeo"]
)
class TestContainersImage:
    """podman, buildah and skopeo; they read credHelpers, and not credsStore."""

    def test_it_pulls_through_one_call(
        self, machine: Machine, app: str, command: Callable[[Machine, str], list[str]]
    ) -> None:
        """Twice, with one call of ECR."""
        machine.login_to_aws()
        machine.use_helper()
        for _ in range(2):
            machine.run(*command(machine, f"{ECR}/{app}")).ok()

        assert machine.aws.count() == {"ecr": 1}

    def test_bad_credentials_are_told(
        self, machine: Machine, app: str, command: Callable[[Machine, str], list[str]]
    ) -> None:
        """Our line with the cure, and the command fails."""
        machine.use_helper()
        done = machine.run(*command(machine, f"{ECR}/{app}")).failed()

        assert NOT_LOGGED_IN in done.text
        assert CURE in done.text

    def test_ecr_public_works_anonymously(
        self, machine: Machine, app: str, command: Callable[[Machine, str], list[str]]
    ) -> None:
        """Without any credentials."""
        machine.use_helper()

        machine.run(*command(machine, f"{PUBLIC}/{app}")).ok()


class TestHerd:
    """Sixty-four at once, cold."""

    @pytest.mark.parametrize("role", [False, True], ids=["static keys", "assumed role"])
    def test_sixty_four_gets_make_one_call(self, machine: Machine, app: str, role: bool) -> None:
        """One call of ECR, one of STS with a role, and sixty-four right answers."""
        machine.login_to_aws()
        if role:
            arn = machine.aws.role().arn
            keys = {k.lower(): v for k, v in machine.aws.user("base").environ.items()}
            lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
            aws = machine.home / ".aws"
            aws.mkdir()
            (aws / "config").write_text(
                f"[profile base]\n{lines}\n"
                f"[profile work]\nrole_arn = {arn}\nsource_profile = base\n"
            )
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                del machine.environ[name]
            machine.environ["AWS_PROFILE"] = "work"
        children = [
            subprocess.Popen(
                ["docker-credential-ecr-login", "get"],
                env=machine.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(64)
        ]
        replies = [child.communicate(ECR.encode(), timeout=60) for child in children]

        assert [child.returncode for child in children] == [0] * 64
        assert {stderr for _, stderr in replies} == {b""}
        (reply,) = {stdout for stdout, _ in replies}
        assert json.loads(reply)["Secret"] in machine.aws.issued
        assert machine.aws.count() == {"ecr": 1} | ({"sts:AssumeRole": 1} if role else {})


class TestCacheInTheWay:
    """Whatever is wrong with home or cache, the pull works."""

    def test_without_a_home(self, machine: Machine, docker: str, app: str) -> None:
        """HOME unset; the client's configuration is told otherwise."""
        machine.login_to_aws()
        machine.use_helper()
        del machine.environ["HOME"]
        machine.environ["DOCKER_CONFIG"] = str(machine.config.parent)

        machine.run(docker, "pull", f"{ECR}/{app}").ok()
        machine.get().ok()
        assert machine.aws.count() == {"ecr": 2}

    def test_with_a_home_that_is_read_only(self, machine: Machine, docker: str, app: str) -> None:
        """Really so, for root too: a read-only mount."""
        machine.login_to_aws()
        machine.use_helper()
        home = str(machine.home)
        subprocess.run(["mount", "--bind", home, home], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", home], check=True)
        try:
            machine.run(docker, "pull", f"{ECR}/{app}").ok()
            done = machine.get().ok()
        finally:
            subprocess.run(["umount", home], check=True)

        assert done.stderr == ""
        assert json.loads(done.stdout)["Secret"] in machine.aws.issued

    def test_on_a_full_disk(self, machine: Machine, docker: str, app: str) -> None:
        """A small file system without a byte left, also when it fills up half-way."""
        machine.login_to_aws()
        machine.use_helper()
        disk = machine.root / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)], check=True)
        machine.environ["AWS_ECR_CACHE_DIR"] = str(disk / "cache")
        try:
            for filler in (0, 4096, 16384):
                with (disk / "filler").open("ab", buffering=0) as file:
                    try:
                        file.write(b"x" * filler)
                    except OSError:
                        pass
                machine.forget_image(f"{ECR}/{app}")
                machine.run(docker, "pull", f"{ECR}/{app}").ok()
                done = machine.get().ok()
                assert done.stderr == ""
                assert json.loads(done.stdout)["Secret"] in machine.aws.issued
            assert not list(disk.rglob(".new-*"))
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_with_damaged_entries(self, machine: Machine, docker: str, app: str) -> None:
        """A byte changed all along every entry: always a token that is right."""
        machine.login_to_aws()
        machine.use_helper()
        machine.get().ok()
        entries = sorted((machine.home / ".ecr" / "tokens").iterdir())
        whole = {path: path.read_bytes() for path in entries}
        for at in range(0, min(map(len, whole.values())), 100):
            for path, data in whole.items():
                path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
            asked = machine.aws.count()["ecr"]
            if at % 500 == 0:
                machine.forget_image(f"{ECR}/{app}")
                machine.run(docker, "pull", f"{ECR}/{app}").ok()
            assert json.loads(machine.get().ok().stdout)["Secret"] in machine.aws.issued
            assert machine.aws.count()["ecr"] == asked + 1
