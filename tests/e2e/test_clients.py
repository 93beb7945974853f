"""The main job with real clients: pull, push and build by ECR names, without a login."""

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.world import engines
from tests.world.aws import EXPIRED_TEXT
from tests.world.engine_host import ECR, ECR_2, ECR_EU, ELSEWHERE, PUBLIC, Done, EngineHost
from tests.world.entries import list_files

NOT_LOGGED_IN = "no AWS credentials found"
CURE = "run 'aws configure sso'"


class TestDocker:
    """Docker's own client, in each installed version."""

    def test_the_403_of_an_expired_login_and_its_fix(
        self, engine_host: EngineHost, docker: str, app: str
    ) -> None:
        """An expired `auths` entry fails the pull; with the helper the same pull works."""
        # With an existing login, Docker does not look for a password manager for this one.
        engine_host.configure(auths={"other.example.com": {}})
        password = engine_host.aws.password("arn", "us-east-1", life=1)
        login = (docker, "login", "--username", "AWS", "--password-stdin", ECR)
        engine_host.run(*login, stdin=password.encode()).ok()
        image = f"{ECR}/{app}"
        engine_host.run(docker, "pull", image).ok()
        engine_host.forget_image(image)
        time.sleep(1.1)

        done = engine_host.run(docker, "pull", image).failed()
        assert EXPIRED_TEXT in done.text
        assert ECR in json.loads(engine_host.config.read_text())["auths"]

        engine_host.login_to_aws()
        engine_host.use_helper()
        engine_host.run(docker, "pull", image).ok()
        assert engine_host.aws.count() == {"ecr": 1}

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_everything_through_one_call(
        self, engine_host: EngineHost, docker: str, app: str, mode: str
    ) -> None:
        """Pull, push, build, a manifest, podman, buildah, skopeo: one ECR call in all."""
        engine_host.login_to_aws()
        if mode == "credHelpers":
            engine_host.configure(credHelpers={ECR: "ecr-login"})
        else:
            engine_host.use_helper_for_all()
        image, pushed = f"{ECR}/{app}", f"{ECR}/{app}-{mode}"

        engine_host.run(docker, "pull", image).ok()
        engine_host.run(docker, "tag", image, pushed).ok()
        engine_host.run(docker, "push", pushed).ok()
        engine_host.forget_image(image, pushed)
        context = engine_host.dockerfile(image)
        for buildkit in ("0", "1") if engines.has_buildkit(docker) else ("0",):
            step = (docker, "build", "--no-cache", "--pull", context)
            engine_host.run(*step, DOCKER_BUILDKIT=buildkit).ok()
            engine_host.forget_image(image)
        manifest = engine_host.run(docker, "manifest", "inspect", pushed).ok()

        assert json.loads(manifest.stdout)["schemaVersion"] == 2
        if mode == "credHelpers":  # podman, buildah and skopeo do not read credsStore
            for command in (_podman, _buildah, _skopeo):
                engine_host.run(*command(engine_host, pushed)).ok()
        assert engine_host.aws.count() == {"ecr": 1}

    def test_another_registry_beside_it(
        self, engine_host: EngineHost, docker: str, app: str
    ) -> None:
        """As credsStore, the helper answers "not found" for other registries, without a message."""
        engine_host.login_to_aws()
        engine_host.use_helper_for_all()

        for host in (ELSEWHERE, ECR, PUBLIC):
            done = engine_host.run(docker, "pull", f"{host}/{app}").ok()
            assert "docker-credential" not in done.text
        assert engine_host.aws.count() == {"ecr": 1, "ecr-public": 1}

    def test_a_short_lived_token(self, engine_host: EngineHost, docker: str, app: str) -> None:
        """The token expires between two pulls, and the second works."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        engine_host.aws.token_life = 3
        image = f"{ECR}/{app}"
        for _ in range(2):
            engine_host.run(docker, "pull", image).ok()
            engine_host.forget_image(image)
            time.sleep(3.1)
        assert engine_host.aws.count() == {"ecr": 2}

    def test_two_regions_and_two_accounts(
        self, engine_host: EngineHost, docker: str, app: str
    ) -> None:
        """Two accounts in one region share a token: two calls, not three."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        for host in (ECR, ECR_2, ECR_EU):
            engine_host.run(docker, "pull", f"{host}/{app}").ok()

        assert sorted(call.region for call in engine_host.aws.calls) == ["eu-west-1", "us-east-1"]

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_login_and_logout(
        self, engine_host: EngineHost, docker: str, app: str, mode: str
    ) -> None:
        """A login with another token is used; after logout a fresh token is."""
        engine_host.login_to_aws()
        (engine_host.use_helper if mode == "credHelpers" else engine_host.use_helper_for_all)()
        other = engine_host.aws.password("arn:aws:iam::1:role/other", "us-east-1")
        image = f"{ECR}/{app}"

        login = (docker, "login", "--username", "AWS", "--password-stdin", ECR)
        assert "Login Succeeded" in engine_host.run(*login, stdin=other.encode()).ok().stdout
        assert other not in engine_host.config.read_text()
        assert json.loads(engine_host.get().ok().stdout)["Secret"] == other
        engine_host.run(docker, "pull", image).ok()
        engine_host.forget_image(image)
        assert engine_host.aws.count() == {}

        done = engine_host.run(docker, "logout", ECR).ok()
        assert "WARNING" not in done.text
        engine_host.run(docker, "pull", image).ok()
        assert engine_host.aws.count() == {"ecr": 1}

    def test_a_login_elsewhere_shows_what_to_do(self, engine_host: EngineHost, docker: str) -> None:
        """The client shows our error instead of losing the password."""
        engine_host.use_helper_for_all()
        login = (docker, "login", "--username", "me", "--password-stdin", ELSEWHERE)

        done = engine_host.run(*login, stdin=b"hunter2").failed()

        assert "credHelpers" in done.text
        assert "hunter2" not in done.text

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_bad_credentials_are_reported_at_a_pull(
        self, engine_host: EngineHost, docker: str, app: str, mode: str
    ) -> None:
        """Standard error shows our error with its fix, and the pull fails."""
        (engine_host.use_helper if mode == "credHelpers" else engine_host.use_helper_for_all)()
        done = engine_host.run(docker, "pull", f"{ECR}/{app}").failed()

        assert NOT_LOGGED_IN in done.stderr
        assert CURE in done.stderr

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_ecr_public_works_anonymously(
        self, engine_host: EngineHost, docker: str, app: str, mode: str
    ) -> None:
        """The pull works without credentials, and without a message of ours."""
        (engine_host.use_helper if mode == "credHelpers" else engine_host.use_helper_for_all)()
        before = engine_host.universe.front.anonymous_tokens

        done = engine_host.run(docker, "pull", f"{PUBLIC}/{app}").ok()

        assert "docker-credential" not in done.text
        assert engine_host.universe.front.anonymous_tokens > before


Build = Callable[[EngineHost, str], Done]


class TestBuild:
    """The classic builder and BuildKit, of each docker client that has them."""

    def test_from_three_registries(self, engine_host: EngineHost, build: Build, app: str) -> None:
        """One Dockerfile with two accounts and two regions makes two calls."""
        engine_host.login_to_aws()
        engine_host.configure(credHelpers=dict.fromkeys((ECR, ECR_2, ECR_EU), "ecr-login"))
        context = engine_host.dockerfile(*(f"{host}/{app}" for host in (ECR, ECR_2, ECR_EU)))

        build(engine_host, context).ok()
        assert engine_host.aws.count() == {"ecr": 2}

    def test_beside_another_registry(self, engine_host: EngineHost, build: Build, app: str) -> None:
        """As credsStore: one stage from ECR, and one from another registry."""
        engine_host.login_to_aws()
        engine_host.use_helper_for_all()
        engine_host.get().ok()  # the classic builder asks for the hosts that `list` prints

        build(engine_host, engine_host.dockerfile(f"{ECR}/{app}", f"{ELSEWHERE}/{app}")).ok()
        assert engine_host.aws.count() == {"ecr": 1}

    @pytest.mark.parametrize("mode", ["credHelpers", "credsStore"])
    def test_bad_credentials_are_reported(
        self, engine_host: EngineHost, build: Build, app: str, mode: str
    ) -> None:
        """The output shows our error with its fix, and the build fails."""
        if mode == "credHelpers":
            engine_host.configure(credHelpers={ECR: "ecr-login"})
        else:
            engine_host.use_helper_for_all()
            engine_host.login_to_aws()
            engine_host.get().ok()  # `list` then prints the host; the keys become invalid next
            engine_host.run("docker-credential-ecr-login", "erase", stdin=ECR.encode()).ok()
            del engine_host.environ["AWS_ACCESS_KEY_ID"]
            del engine_host.environ["AWS_SECRET_ACCESS_KEY"]
            registries = engine_host.home / ".ecr" / "registries"
            (registries / ECR).touch(0o600)
        done = build(engine_host, engine_host.dockerfile(f"{ECR}/{app}")).failed()

        assert NOT_LOGGED_IN in done.text
        assert CURE in done.text


def _podman(engine_host: EngineHost, image: str) -> list[str]:
    return [engines.find("podman"), *engine_host.storage(), "pull", image]


def _buildah(engine_host: EngineHost, image: str) -> list[str]:
    return [engines.find("buildah"), *engine_host.storage(), "pull", image]


def _skopeo(engine_host: EngineHost, image: str) -> list[str]:
    return [engines.find("skopeo"), "copy", f"docker://{image}", f"dir:{engine_host.root}/copied"]


@pytest.mark.parametrize(
    "command", [_podman, _buildah, _skopeo], ids=["podman", "buildah", "skopeo"]
)
class TestContainersImage:
    """podman, buildah and skopeo, which read credHelpers, and not credsStore."""

    def test_it_pulls_through_one_call(
        self, engine_host: EngineHost, app: str, command: Callable[[EngineHost, str], list[str]]
    ) -> None:
        """Two pulls make one ECR call."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        for _ in range(2):
            engine_host.run(*command(engine_host, f"{ECR}/{app}")).ok()

        assert engine_host.aws.count() == {"ecr": 1}

    def test_bad_credentials_are_reported(
        self, engine_host: EngineHost, app: str, command: Callable[[EngineHost, str], list[str]]
    ) -> None:
        """The output shows our error with its fix, and the command fails."""
        engine_host.use_helper()
        done = engine_host.run(*command(engine_host, f"{ECR}/{app}")).failed()

        assert NOT_LOGGED_IN in done.text
        assert CURE in done.text

    def test_ecr_public_works_anonymously(
        self, engine_host: EngineHost, app: str, command: Callable[[EngineHost, str], list[str]]
    ) -> None:
        """The pull works without credentials."""
        engine_host.use_helper()

        engine_host.run(*command(engine_host, f"{PUBLIC}/{app}")).ok()


class TestHerd:
    """Sixty-four cold gets at once."""

    @pytest.mark.parametrize("role", [False, True], ids=["static keys", "assumed role"])
    def test_sixty_four_gets_make_one_call(
        self, engine_host: EngineHost, app: str, role: bool
    ) -> None:
        """They make one ECR call, and one STS call with a role; every answer is right."""
        engine_host.login_to_aws()
        if role:
            arn = engine_host.aws.role().arn
            keys = {k.lower(): v for k, v in engine_host.aws.user("base").environ.items()}
            lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
            aws = engine_host.home / ".aws"
            aws.mkdir()
            (aws / "config").write_text(
                f"[profile base]\n{lines}\n"
                f"[profile work]\nrole_arn = {arn}\nsource_profile = base\n"
            )
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                del engine_host.environ[name]
            engine_host.environ["AWS_PROFILE"] = "work"
        children = [
            subprocess.Popen(
                ["docker-credential-ecr-login", "get"],
                env=engine_host.environ,
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
        assert json.loads(reply)["Secret"] in engine_host.aws.issued
        assert engine_host.aws.count() == {"ecr": 1} | ({"sts:AssumeRole": 1} if role else {})


class TestCacheInTheWay:
    """Pulls with a broken home or cache."""

    def test_without_a_home(self, engine_host: EngineHost, docker: str, app: str) -> None:
        """The pull works with HOME unset; the client gets its configuration another way."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        del engine_host.environ["HOME"]
        engine_host.environ["DOCKER_CONFIG"] = str(engine_host.config.parent)

        engine_host.run(docker, "pull", f"{ECR}/{app}").ok()
        engine_host.get().ok()
        assert engine_host.aws.count() == {"ecr": 2}

    def test_with_a_home_that_is_read_only(
        self, engine_host: EngineHost, docker: str, app: str
    ) -> None:
        """The pull works on a read-only mount, which also stops root."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        home = str(engine_host.home)
        subprocess.run(["mount", "--bind", home, home], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", home], check=True)
        try:
            engine_host.run(docker, "pull", f"{ECR}/{app}").ok()
            done = engine_host.get().ok()
        finally:
            subprocess.run(["umount", home], check=True)

        assert done.stderr == ""
        assert json.loads(done.stdout)["Secret"] in engine_host.aws.issued

    def test_on_a_full_disk(self, engine_host: EngineHost, docker: str, app: str) -> None:
        """The pull works on a full file system, also on one that fills up half-way."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        disk = engine_host.root / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)], check=True)
        engine_host.environ["AWS_ECR_CACHE_DIR"] = str(disk / "cache")
        try:
            for filler in (0, 4096, 16384):
                with (disk / "filler").open("ab", buffering=0) as file:
                    try:
                        file.write(b"x" * filler)
                    except OSError:
                        pass
                engine_host.forget_image(f"{ECR}/{app}")
                engine_host.run(docker, "pull", f"{ECR}/{app}").ok()
                done = engine_host.get().ok()
                assert done.stderr == ""
                assert json.loads(done.stdout)["Secret"] in engine_host.aws.issued
            assert not list(disk.rglob(".new-*"))
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_with_damaged_entries(self, engine_host: EngineHost, docker: str, app: str) -> None:
        """The token is always right, whichever byte of each entry is changed."""
        engine_host.login_to_aws()
        engine_host.use_helper()
        engine_host.get().ok()
        entries = list_files(engine_host.home / ".ecr" / "tokens")
        whole = {path: path.read_bytes() for path in entries}
        for at in range(0, min(map(len, whole.values())), 100):
            for path, data in whole.items():
                path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
            asked = engine_host.aws.count()["ecr"]
            if at % 500 == 0:
                engine_host.forget_image(f"{ECR}/{app}")
                engine_host.run(docker, "pull", f"{ECR}/{app}").ok()
            assert json.loads(engine_host.get().ok().stdout)["Secret"] in engine_host.aws.issued
            assert engine_host.aws.count()["ecr"] == asked + 1
