"""Several accounts in one build, with other registries, by real clients."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.world import engines
from tests.world.accounts import profile, rule
from tests.world.aws import ACCOUNT, delay
from tests.world.engine_host import (
    ECR,
    ECR_2,
    ECR_3,
    IMAGES,
    LOGIN,
    OTHER_ACCOUNT,
    PRIVATE,
    THIRD_ACCOUNT,
    Done,
    EngineHost,
)

Build = Callable[[EngineHost, str], Done]
HOSTS = (ECR, ECR_2, ECR_3)


@pytest.fixture(name="accounts")
def _accounts(engine_host: EngineHost) -> dict[str, str]:
    """Three accounts, each readable by one identity only; return host -> that ARN.

    The identities: a user's keys; a role with an external id, from that user; a web identity. The
    keys in the environment may read none of the accounts.
    """
    aws = engine_host.aws
    base = aws.user("base")
    vendor = aws.role("vendor", OTHER_ACCOUNT, external_id="x-1")
    pod = aws.role("pod", THIRD_ACCOUNT)
    aws.web_identity_tokens.add("a-token")
    token = engine_host.root / "oidc-token"
    token.write_text("a-token")
    folder = engine_host.home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        profile("prod", base)
        + f"[profile vendor]\nrole_arn = {vendor.arn}\nexternal_id = x-1\nsource_profile = prod\n"
        + f"[profile pod]\nrole_arn = {pod.arn}\nweb_identity_token_file = {token}\n"
    )
    engine_host.settings(_rules("prod", "vendor", "pod"))
    engine_host.login_to_aws()
    session = "arn:aws:sts::{}:assumed-role/{}/session"
    readers = {
        ECR: base.arn,
        ECR_2: session.format(OTHER_ACCOUNT, "vendor"),
        ECR_3: session.format(THIRD_ACCOUNT, "pod"),
    }
    engine_host.universe.front.readers.update({host: {arn} for host, arn in readers.items()})
    return readers


def _rules(*profiles: str) -> str:
    accounts = (ACCOUNT, OTHER_ACCOUNT, THIRD_ACCOUNT)
    return "\n".join(
        rule(account, profile=name) for account, name in zip(accounts, profiles, strict=True)
    )


CALLS = {"ecr": 3, "sts:AssumeRole": 1, "sts:AssumeRoleWithWebIdentity": 1}


class TestThreeAccounts:
    """Three accounts, three profiles, two regions, one Dockerfile."""

    def test_one_build_from_all(
        self, engine_host: EngineHost, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """Each stage pulls from another account by its own identity, with one call for each."""
        engine_host.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        context = engine_host.dockerfile(*(f"{host}/{app}" for host in HOSTS))
        for _ in range(2):
            build(engine_host, context).ok()
            engine_host.forget_image(*(f"{host}/{app}" for host in HOSTS))

        assert engine_host.aws.count() == CALLS
        issued = {(token.arn, token.region) for token in engine_host.aws.issued.values()}
        assert issued == {(accounts[host], host.split(".")[3]) for host in HOSTS}

    def test_it_fails_without_the_rules(
        self, engine_host: EngineHost, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """The ambient identity may read none of them, so the rules made the build work."""
        engine_host.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        engine_host.settings("")

        done = build(engine_host, engine_host.dockerfile(f"{ECR_2}/{app}")).failed()
        assert "403" in done.text or "not authorized" in done.text

    def test_a_rule_that_changes_while_a_build_runs(
        self, engine_host: EngineHost, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """That build succeeds with its first identity; the next one uses the new identity."""
        other = engine_host.aws.user("other", THIRD_ACCOUNT)
        config = engine_host.home / ".aws" / "config"
        config.write_text(config.read_text() + profile("other", other))
        readers = engine_host.universe.front.readers
        readers[ECR_3].add(other.arn)
        engine_host.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        engine_host.aws.faults["ecr"] = delay(0.7)
        context = engine_host.dockerfile(*(f"{host}/{app}" for host in HOSTS))
        names = [f"{host}/{app}" for host in HOSTS]

        def edit() -> None:
            engines.until(lambda: engine_host.aws.count()["ecr"] > 0, "the build")
            engine_host.settings(_rules("prod", "vendor", "other"))

        with engines.meanwhile(edit):
            build(engine_host, context).ok()
        engine_host.forget_image(*names)
        readers[ECR_3] = {other.arn}
        engine_host.aws.faults.clear()
        build(engine_host, context).ok()

        assert json.loads(engine_host.get(ECR_3).ok().stdout)["Secret"] in {
            password for password, token in engine_host.aws.issued.items() if token.arn == other.arn
        }

    def test_a_private_name(
        self, engine_host: EngineHost, docker: str, app: str, accounts: dict[str, str]
    ) -> None:
        """A rule that names the registry behind the private name makes the pull work."""
        engine_host.configure(credHelpers={IMAGES: "ecr-login"})
        engine_host.settings(rule(IMAGES, registry=ECR_3, profile="pod"))

        engine_host.run(docker, "pull", f"{IMAGES}/{app}").ok()
        assert {call.region for call in engine_host.aws.calls if call.kind == "ecr"} == {
            "eu-west-1"
        }


@pytest.fixture(name="password_store")
def _password_store(engine_host: EngineHost) -> Iterator[None]:
    """`pass`, set up with its own key, and docker-credential-pass as the fallback."""
    engines.find("docker-credential-pass")
    engine_host.environ["GNUPGHOME"] = f"{engine_host.short}/gpg"  # socket paths are limited
    engine_host.run("mkdir", "-m", "700", engine_host.environ["GNUPGHOME"]).ok()
    gpg = (engines.find("gpg"), "--batch", "--pinentry-mode", "loopback", "--passphrase", "")
    engine_host.run(*gpg, "--quick-generate-key", "me@example.com", "default", "default", "0").ok()
    engine_host.run(engines.find("pass"), "init", "me@example.com").ok()
    engine_host.use_helper_for_all()
    engine_host.settings('fallback = "pass"\n')
    engine_host.login_to_aws()
    yield
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=engine_host.environ, check=False)


@pytest.mark.usefixtures("password_store")
class TestFallback:
    """One config.json with only `credsStore`: ECR, and a registry with passwords."""

    def test_login_pull_and_logout(self, engine_host: EngineHost, docker: str, app: str) -> None:
        """Both pulls work; the password is in the other helper's store only."""
        user, password = LOGIN
        image = f"{PRIVATE}/{app}"
        engine_host.run(docker, "pull", image).failed()

        login = (docker, "login", "--username", user, "--password-stdin", PRIVATE)
        done = engine_host.run(*login, stdin=password.encode()).ok()
        assert "Login Succeeded" in done.stdout
        assert json.loads(engine_host.config.read_text())["credsStore"] == "ecr-login"
        engine_host.run(docker, "pull", image).ok()
        engine_host.run(docker, "pull", f"{ECR}/{app}").ok()
        helper = ("docker-credential-ecr-login", "list")
        assert set(json.loads(engine_host.run(*helper).ok().stdout).values()) == {user, "AWS"}
        files = [path for path in engine_host.home.rglob("*") if path.is_file()]
        assert not any(password.encode() in path.read_bytes() for path in files)

        engine_host.forget_image(image)
        assert "WARNING" not in engine_host.run(docker, "logout", PRIVATE).ok().text
        engine_host.run(docker, "pull", image).failed()
        assert engine_host.aws.count() == {"ecr": 1}

    def test_one_build_from_both(self, engine_host: EngineHost, build: Build, app: str) -> None:
        """One stage comes from ECR, one with the other helper's password."""
        user, password = LOGIN
        fields = {"ServerURL": PRIVATE, "Username": user, "Secret": password}
        store = ("docker-credential-ecr-login", "store")
        engine_host.run(*store, stdin=json.dumps(fields).encode()).ok()
        engine_host.get().ok()  # the classic builder asks for the hosts that `list` prints

        build(engine_host, engine_host.dockerfile(f"{ECR}/{app}", f"{PRIVATE}/{app}")).ok()
        assert engine_host.aws.count() == {"ecr": 1}
