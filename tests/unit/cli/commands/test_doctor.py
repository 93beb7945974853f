"""Facts about `doctor`: the cause that it names, the fix that works, and --fix."""

import base64
import os
import shutil
import sys
import time

import pytest

from docker_credential_ecrpy import __version__
from tests.world.accounts import A, B
from tests.world.aws import delay
from tests.world.broken_setups import WAYS, Way, check_fix
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST
from tests.world.terminal import on_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
OTHER = f"{B}.dkr.ecr.us-east-1.amazonaws.com"


def test_nothing_is_wrong_where_nothing_is(docker_host: DockerHost) -> None:
    """Every check passes, and the exit code is 0."""
    diagnosis = docker_host.doctor(IMAGE)

    assert diagnosis.done.code == 0
    assert diagnosis.found["cause"] is None
    assert {item["status"] for item in diagnosis.found["checks"]} == {"pass"}


@pytest.mark.tree
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_cause_is_named_first_and_doing_what_is_said_helps(
    docker_host: DockerHost, way: Way
) -> None:
    """After the fix no check fails. In tests/e2e a real engine pulls the image then."""
    check_fix(docker_host, way)


def test_what_it_says_of_a_working_set_up(docker_host: DockerHost) -> None:
    """It shows files, programs, identity, endpoint, proxy, trust, token, registry and image."""
    docker_host.machine.get()
    found = docker_host.doctor(IMAGE)

    assert found.of("docker-config")["seen"] == f"{docker_host.config}: 1 under credHelpers"
    assert f"version {__version__}" in found.of("program")["seen"]
    assert found.of("credentials")["seen"] == "the environment (AWS_ACCESS_KEY_ID)"
    endpoint = found.of("endpoint")["seen"]
    assert endpoint.startswith("https://api.ecr.us-east-1.amazonaws.com answers in ")
    assert f"through the proxy {docker_host.machine.server.url}" in endpoint
    assert f"trusted: {docker_host.machine.environ['AWS_CA_BUNDLE']}" in endpoint
    assert found.of("identity")["seen"] == docker_host.user.arn
    assert found.of("token")["seen"].startswith("a token for this host, cached ")
    assert docker_host.machine.aws.count()["ecr"] == 1


def test_fix_changes_nothing_where_nothing_is_wrong(docker_host: DockerHost) -> None:
    """It also changes nothing that is not safe to change."""
    before = docker_host.config.read_bytes()
    docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))
    docker_host.doctor(HOST, "--fix").failed  # noqa: B018 - it asserts

    assert docker_host.config.read_bytes() == before
    assert [path.name for path in docker_host.config.parent.iterdir()] == ["config.json"]


def test_fix_says_what_it_does(docker_host: DockerHost) -> None:
    """It prints the diff and the file, as configure does."""
    docker_host.configure(auths=docker_host.old_login())
    said = docker_host.machine.run("doctor", "--fix", HOST).stdout.decode()

    assert f'+\t\t"{HOST}": "ecr-login"' in said
    assert "written: " in said
    assert said.endswith("no problem found\n")


def test_without_a_registry_it_looks_at_all_that_docker_is_told_of(docker_host: DockerHost) -> None:
    """Each registry has its own block; a check with the same result is shown once."""
    docker_host.configure(credHelpers={HOST: "ecr-login", OTHER: "ecr-login", "ghcr.io": "x"})
    docker_host.machine.aws.clock_offset = 100
    said = docker_host.machine.run("doctor").stdout.decode()

    assert f"\n{HOST}\n" in said
    assert f"\n{OTHER}\n" in said
    assert said.count("docker config:") == 1
    assert "warning: this machine's clock is 1 min behind AWS's" in said


def test_one_that_hangs_leaves_the_others_their_time(docker_host: DockerHost) -> None:
    """Each registry has its share of the time."""
    docker_host.configure(credHelpers={HOST: "ecr-login", OTHER: "ecr-login"})
    docker_host.instead = lambda request: time.sleep(30) if request.host == HOST else None
    found = docker_host.doctor(AWS_ECR_TIMEOUT="5")

    assert HOST in found.failed["seen"]
    registries = [item for item in found.found["checks"] if item["id"] == "registry"]
    assert [item["status"] for item in registries] == ["fail", "pass"]


def test_without_any_registry(docker_host: DockerHost) -> None:
    """The fix is the command that configures one."""
    docker_host.config.unlink()
    found = docker_host.doctor().failed

    assert found["seen"] == "docker has no ECR registry configured"
    assert found["command"] == "docker-credential-ecrpy configure"
    assert "ACCOUNT@REGION" in found["fix"]


def test_an_account_and_a_region_name_a_registry(docker_host: DockerHost) -> None:
    """They name the registry, as for configure."""
    found = docker_host.doctor(f"{A}@us-east-1")

    assert {item["registry"] for item in found.found["checks"]} == {HOST}
    assert found.done.code == 0


@pytest.mark.parametrize("arguments", [("a b",), ("", "b"), ("--nope",), ("::",)])
def test_wrong_arguments(docker_host: DockerHost, arguments: tuple[str, ...]) -> None:
    """The usage is on standard error, and the exit code is 2."""
    done = docker_host.machine.run("doctor", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert b"Usage: " in done.stderr


def test_no_secret_is_said(docker_host: DockerHost) -> None:
    """No token and no password is in the text, the JSON or the log."""
    auths = docker_host.old_login() | docker_host.old_login("ghcr.io")
    auths |= docker_host.old_login(key=f"https://AWS:topsecretkey@{HOST}")
    docker_host.configure(auths=auths, HttpHeaders={"X-Meta": "topsecretheader"})
    log = docker_host.machine.root / "log"
    said = b""
    for arguments in ((IMAGE,), (IMAGE, "--json"), (IMAGE, "--fix")):
        done = docker_host.machine.run("doctor", *arguments, environ={"AWS_ECR_LOG": str(log)})
        said += done.stdout + done.stderr
    said += log.read_bytes()
    secrets = [entry["auth"] for entry in auths.values()] + list(docker_host.machine.aws.issued)
    secrets += [base64.b64decode(entry["auth"]).decode()[4:] for entry in auths.values()]

    assert len(secrets) > 4
    assert not [secret for secret in secrets if secret.encode() in said]
    assert b"topsecret" not in said


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits_the_terminal(docker_host: DockerHost, columns: int) -> None:
    """Lines are wrapped at blanks, a wrapped command can be pasted, and NO_COLOR works."""
    docker_host.configure(auths=docker_host.old_login())
    plain = on_terminal(docker_host.machine, columns, "doctor", IMAGE, NO_COLOR="1")
    lines = plain.splitlines()
    fix = next(i for i, line in enumerate(lines) if line.startswith("fix: "))
    typed = next(i for i, line in enumerate(lines) if line.startswith("  docker-credential"))
    said = " ".join(" ".join(lines[fix:typed]).split())

    assert "\033" not in plain
    for line in lines:
        longest = max(map(len, line.split()), default=0)
        assert len(line) <= max(columns, longest + 8), line
    command = " ".join(line.strip(" \\") for line in lines[typed:]).strip()
    assert said == "fix: configure docker to run this program, and remove the old login"
    assert command == f"docker-credential-ecrpy configure {HOST}"
    assert "\033[1;31mFAIL\033[0m  old login" in on_terminal(
        docker_host.machine, columns, "doctor", IMAGE
    )


def test_fix_has_the_same_time(docker_host: DockerHost) -> None:
    """It reads only files before it fixes them, and checks the network once."""
    docker_host.configure(auths=docker_host.old_login())
    docker_host.machine.aws.faults["ecr"] = delay(60)
    found = docker_host.doctor(HOST, "--fix", AWS_ECR_TIMEOUT="4")

    assert found.failed["id"] == "token"
    assert [call.kind for call in docker_host.machine.aws.calls].count("unknown") == 1
    assert found.of("old-login")["status"] == "pass"


@pytest.mark.parametrize("image", ["quay.io/team/app", "docker.io", "alpine"])
def test_fix_leaves_the_logins_of_others(docker_host: DockerHost, image: str) -> None:
    """The logins of other registries are left alone."""
    login = {"auth": base64.b64encode(b"me:hunter2").decode()}
    docker_host.configure(auths={"quay.io": login, "https://index.docker.io/v1/": login})
    before = docker_host.config.read_bytes()
    found = docker_host.doctor(image, "--fix")

    assert docker_host.config.read_bytes() == before
    assert "configure" not in str(found.found["cause"])


@pytest.mark.tree
def test_fix_that_fails_is_a_check(docker_host: DockerHost) -> None:
    """The other checks are shown too."""
    docker_host.configure(auths=docker_host.old_login())
    docker_host.config.parent.chmod(0o500)
    if os.geteuid() == 0:  # modes do not stop root
        powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        docker_host.machine.program = [
            str(shutil.which(powerless[0])),
            *powerless[1:],
            *docker_host.machine.program,
        ]
    found = docker_host.doctor(HOST, "--fix")

    assert "is read-only" in found.of("fix")["seen"]
    assert found.of("old-login")["status"] == "fail"
    docker_host.config.parent.chmod(0o700)
