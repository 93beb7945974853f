"""Several accounts in one build, and other registries beside them, with real clients."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import engines
from tests.e2e.conftest import (
    ECR,
    ECR_2,
    ECR_3,
    IMAGES,
    LOGIN,
    OTHER_ACCOUNT,
    PRIVATE,
    THIRD_ACCOUNT,
    Done,
    Machine,
)
from tests.test_accounts import profile, rule
from tests.world.aws import ACCOUNT, delay

Build = Callable[[Machine, str], Done]
HOSTS = (ECR, ECR_2, ECR_3)


@pytest.fixture(name="accounts")
def _accounts(machine: Machine) -> dict[str, str]:
    """Three accounts, each to be read by one identity alone; returns those: host -> ARN.

    A user's keys; a role with an external id, from that user; a web identity. The environment
    has the keys of somebody who may read none of them.
    """
    aws = machine.aws
    base = aws.user("base")
    vendor = aws.role("vendor", OTHER_ACCOUNT, external_id="x-1")
    pod = aws.role("pod", THIRD_ACCOUNT)
    aws.web_identity_tokens.add("a-token")
    token = machine.root / "oidc-token"
    token.write_text("a-token")
    folder = machine.home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        profile("prod", base)
        + f"[profile vendor]\nrole_arn = {vendor.arn}\nexternal_id = x-1\nsource_profile = prod\n"
        + f"[profile pod]\nrole_arn = {pod.arn}\nweb_identity_token_file = {token}\n"
    )
    machine.settings(_rules("prod", "vendor", "pod"))
    machine.login_to_aws()
    session = "arn:aws:sts::{}:assumed-role/{}/session"
    readers = {
        ECR: base.arn,
        ECR_2: session.format(OTHER_ACCOUNT, "vendor"),
        ECR_3: session.format(THIRD_ACCOUNT, "pod"),
    }
    machine.universe.front.readers.update({host: {arn} for host, arn in readers.items()})
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
        self, machine: Machine, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """Every stage from another account, by its own identity, and nobody is asked twice."""
        machine.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        context = machine.dockerfile(*(f"{host}/{app}" for host in HOSTS))
        for _ in range(2):
            build(machine, context).ok()
            machine.forget_image(*(f"{host}/{app}" for host in HOSTS))

        assert machine.aws.count() == CALLS
        issued = {(token.arn, token.region) for token in machine.aws.issued.values()}
        assert issued == {(accounts[host], host.split(".")[3]) for host in HOSTS}

    def test_it_fails_without_the_rules(
        self, machine: Machine, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """The ambient identity may read none of them: the rules are what made it work."""
        machine.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        machine.settings("")

        done = build(machine, machine.dockerfile(f"{ECR_2}/{app}")).failed()
        assert "403" in done.text or "not authorized" in done.text

    def test_a_rule_that_changes_while_a_build_runs(
        self, machine: Machine, build: Build, app: str, accounts: dict[str, str]
    ) -> None:
        """That build ends well with whom it began, and the next one is for the new identity."""
        other = machine.aws.user("other", THIRD_ACCOUNT)
        config = machine.home / ".aws" / "config"
        config.write_text(config.read_text() + profile("other", other))
        readers = machine.universe.front.readers
        readers[ECR_3].add(other.arn)
        machine.configure(credHelpers=dict.fromkeys(HOSTS, "ecr-login"))
        machine.aws.faults["ecr"] = delay(0.7)
        context = machine.dockerfile(*(f"{host}/{app}" for host in HOSTS))
        names = [f"{host}/{app}" for host in HOSTS]

        def edit() -> None:
            engines.until(lambda: machine.aws.count()["ecr"] > 0, "the build")
            machine.settings(_rules("prod", "vendor", "other"))

        with engines.meanwhile(edit):
            build(machine, context).ok()
        machine.forget_image(*names)
        readers[ECR_3] = {other.arn}
        machine.aws.faults.clear()
        build(machine, context).ok()

        assert json.loads(machine.get(ECR_3).ok().stdout)["Secret"] in {
            password for password, token in machine.aws.issued.items() if token.arn == other.arn
        }

    def test_a_private_name(
        self, machine: Machine, docker: str, app: str, accounts: dict[str, str]
    ) -> None:
        """In front of ECR, by the rule that says for what it stands."""
        machine.configure(credHelpers={IMAGES: "ecr-login"})
        machine.settings(rule(IMAGES, registry=ECR_3, profile="pod"))

        machine.run(docker, "pull", f"{IMAGES}/{app}").ok()
        assert {call.region for call in machine.aws.calls if call.kind == "ecr"} == {"eu-west-1"}


@pytest.fixture(name="password_store")
def _password_store(machine: Machine) -> Iterator[None]:
    """`pass`, set up with a key of its own, and docker-credential-pass as the fallback."""
    engines.find("docker-credential-pass")
    machine.environ["GNUPGHOME"] = f"{machine.short}/gpg"  # its sockets' names have an end
    machine.run("mkdir", "-m", "700", machine.environ["GNUPGHOME"]).ok()
    gpg = (engines.find("gpg"), "--batch", "--pinentry-mode", "loopback", "--passphrase", "")
    machine.run(*gpg, "--quick-generate-key", "me@example.com", "default", "default", "0").ok()
    machine.run(engines.find("pass"), "init", "me@example.com").ok()
    machine.use_helper_for_all()
    machine.settings('fallback = "pass"\n')
    machine.login_to_aws()
    yield
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=machine.environ, check=False)


@pytest.mark.usefixtures("password_store")
class TestFallback:
    """One config.json with `credsStore` alone: ECR, and a registry with passwords of its own."""

    def test_login_pull_and_logout(self, machine: Machine, docker: str, app: str) -> None:
        """Pulls from both; the password is in the other helper's store, and in no file of ours."""
        user, password = LOGIN
        image = f"{PRIVATE}/{app}"
        machine.run(docker, "pull", image).failed()

        login = (docker, "login", "--username", user, "--password-stdin", PRIVATE)
        done = machine.run(*login, stdin=password.encode()).ok()
        assert "Login Succeeded" in done.stdout
        assert json.loads(machine.config.read_text())["credsStore"] == "ecr-login"
        machine.run(docker, "pull", image).ok()
        machine.run(docker, "pull", f"{ECR}/{app}").ok()
        helper = ("docker-credential-ecr-login", "list")
        assert set(json.loads(machine.run(*helper).ok().stdout).values()) == {user, "AWS"}
        files = [path for path in machine.home.rglob("*") if path.is_file()]
        assert not any(password.encode() in path.read_bytes() for path in files)

        machine.forget_image(image)
        assert "WARNING" not in machine.run(docker, "logout", PRIVATE).ok().text
        machine.run(docker, "pull", image).failed()
        assert machine.aws.count() == {"ecr": 1}

    def test_one_build_from_both(self, machine: Machine, build: Build, app: str) -> None:
        """One stage from ECR, one with the other helper's password."""
        user, password = LOGIN
        fields = {"ServerURL": PRIVATE, "Username": user, "Secret": password}
        store = ("docker-credential-ecr-login", "store")
        machine.run(*store, stdin=json.dumps(fields).encode()).ok()
        machine.get().ok()  # the classic builder asks for what `list` knows

        build(machine, machine.dockerfile(f"{ECR}/{app}", f"{PRIVATE}/{app}")).ok()
        assert machine.aws.count() == {"ecr": 1}
