"""Facts about the checks on AWS and on the registry."""

import json
import sys
import time

import pytest

from tests.world.accounts import A, rule
from tests.world.aws import delay
from tests.world.credential_sources import instance
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST
from tests.world.registry import LAYERS, PUBLIC
from tests.world.web import Response

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def test_empty_settings_of_trust_do_not_count(docker_host: DockerHost) -> None:
    """The next setting counts, for AWS and for the registry."""
    bundle = docker_host.machine.environ["AWS_CA_BUNDLE"]
    docker_host.machine.environ |= {
        "AWS_CA_BUNDLE": "",
        "REQUESTS_CA_BUNDLE": "",
        "SSL_CERT_FILE": bundle,
    }
    diagnosis = docker_host.doctor(IMAGE)

    assert diagnosis.done.code == 0
    assert f"trusted: {bundle}" in diagnosis.of("endpoint")["seen"]


def test_a_session_says_when_it_ends(docker_host: DockerHost) -> None:
    """The expiry of a role's session is shown."""
    role = docker_host.machine.aws.role("puller")
    docker_host.machine.settings(rule(A, role_arn=role.arn))
    seen = docker_host.doctor(HOST).of("identity")["seen"]

    assert seen.startswith(f"arn:aws:sts::{A}:assumed-role/puller/session, until 20")
    assert seen.endswith(("(in 59 min)", "(in 1 h 0 min)"))


@pytest.mark.parametrize(
    "kind", ["ecr", "sts:GetCallerIdentity", "unknown", "all", "registry", "storage"]
)
def test_it_ends_within_the_time_whatever_hangs(docker_host: DockerHost, kind: str) -> None:
    """The failing check names the server that does not answer."""
    hang = 60.0
    where = {"registry": HOST, "storage": LAYERS}.get(kind, "api.ecr.us-east-1.amazonaws.com")
    if kind in ("registry", "storage"):
        docker_host.instead = lambda request: time.sleep(hang) if request.host == where else None
    elif kind == "all":
        docker_host.instead = lambda _: time.sleep(hang)
    else:
        docker_host.machine.aws.faults[kind] = delay(hang)
    before = time.monotonic()
    found = docker_host.doctor(IMAGE, AWS_ECR_TIMEOUT="4")

    assert time.monotonic() - before < hang / 2  # and not 4, since machines may be busy
    if kind == "sts:GetCallerIdentity":  # networks may be closed to STS alone
        assert found.cause["id"] == "identity"
        assert found.cause["status"] == "warn"
    elif kind == "unknown":
        assert found.cause["id"] == "endpoint"
    else:
        assert where in found.failed["seen"]


def test_ecr_public(docker_host: DockerHost) -> None:
    """It works without credentials: only an expired login fails."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    docker_host.configure()
    found = docker_host.doctor(f"{PUBLIC}/team/app:1")
    assert found.done.code == 0
    assert found.of("token")["status"] == "skip"
    assert found.of("token")["seen"] == "no credentials to request it with: pulls are anonymous"
    assert found.of("image")["status"] == "pass"

    docker_host.configure(auths=docker_host.old_login(PUBLIC))
    assert docker_host.doctor(PUBLIC).failed["id"] == "old-login"


def test_one_error_is_one_problem(docker_host: DockerHost) -> None:
    """Without credentials, the token is skipped as the identity is, and only one check fails."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    found = docker_host.doctor(HOST)

    assert found.failed["id"] == "credentials"
    assert found.found["problems"] == 1
    for name in ("identity", "token", "registry"):
        assert found.of(name)["status"] == "skip"
    assert found.of("token")["seen"] == "no credentials to request it with"


def test_a_fix_that_is_a_command_is_a_member(docker_host: DockerHost) -> None:
    """A program finds the command without reading the sentence."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    assert docker_host.doctor(HOST).failed["command"] == "aws configure sso"

    docker_host.machine.settings(rule(A, profile="auto"))
    assert docker_host.doctor(HOST).failed["command"] == "aws configure sso"

    docker_host.machine.settings(rule(A, profile="nobody"))
    failed = docker_host.doctor(HOST).failed
    assert failed["command"] == "aws configure sso --profile nobody"
    assert failed["fix"].startswith("there is no profile; create this one with: aws configure sso")

    docker_host.machine.config("[profile nobodi]\nregion = x\n")
    failed = docker_host.doctor(HOST).failed
    assert failed["fix"] == "did you mean 'nobodi'? the profiles are: nobodi"
    assert failed["command"] is None


@pytest.mark.parametrize(
    ("region", "fix", "command"),
    [
        ("us-esat-1", "did you mean us-west-1 or us-east-1?", None),
        (
            "zz-9",
            "use one that this command lists: aws account list-regions",
            "aws account list-regions",
        ),
    ],
)
def test_an_unknown_region(
    docker_host: DockerHost, region: str, fix: str, command: str | None
) -> None:
    """A near miss is named, or else the command that lists the regions."""
    found = docker_host.doctor(HOST.replace("us-east-1", region)).of("region")

    assert (found["fix"], found["command"]) == (fix, command)


def test_a_role_from_instance_metadata_passes_only_once_it_is_used(
    docker_host: DockerHost,
) -> None:
    """The settings do not show whether the instance has a role: without an answer, it is none."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    nothing = "http://127.0.0.1:1/"
    found = docker_host.doctor(
        HOST, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=nothing
    )
    assert (found.of("credentials")["status"], found.failed["id"]) == ("skip", "identity")
    assert found.of("credentials")["seen"] == (
        "the instance's role, if this machine has one: no credentials came from there"
    )

    instance(docker_host.machine)
    found = docker_host.doctor(HOST)
    assert found.of("credentials")["status"] == "pass"
    assert found.of("credentials")["seen"] == "the instance's role"


@pytest.mark.parametrize("reference", ["A/b", "team/app:-1", "team/app@sha256:1"])
def test_an_image_that_is_misspelt(docker_host: DockerHost, reference: str) -> None:
    """The check of the image fails."""
    assert docker_host.doctor(f"{HOST}/{reference}").failed["id"] == "image"


def test_a_clock_that_is_off_while_a_token_works(docker_host: DockerHost) -> None:
    """It is a warning, since the next fetch will fail."""
    docker_host.machine.get()
    docker_host.machine.aws.clock_offset = 3600
    found = docker_host.doctor(IMAGE)

    assert (found.done.code, found.cause["id"]) == (0, "clock")


def test_an_explicit_deny(docker_host: DockerHost) -> None:
    """The fix names the policy's owner, and no text is repeated."""
    message = f"User: {docker_host.user.arn} is not authorized to perform: ecr:BatchGetImage on"
    message += " resource: team/app with an explicit deny in a resource-based policy"
    body = json.dumps({"errors": [{"code": "DENIED", "message": message}]}).encode()
    docker_host.instead = lambda request: (
        Response(403, body) if "manifests" in request.path else None
    )
    found = docker_host.doctor(IMAGE).failed

    assert found["seen"].endswith("HTTP 403, with an explicit deny in a resource-based policy")
    assert found["seen"].count("ecr:BatchGetImage") == 1
    assert found["fix"].startswith("ask the owner of that policy")


def test_a_cache_that_cannot_be_written(docker_host: DockerHost) -> None:
    """It is a warning, which says what does not work; a disabled cache is not."""
    docker_host.machine.file("home/.ecr", "")
    found = docker_host.doctor(HOST)
    assert (found.done.code, found.cause["id"]) == (0, "cache")
    assert found.cause["seen"].startswith("no new tokens are cached: ")
    assert found.cause["seen"].endswith(f"{docker_host.machine.cache} is not a directory")

    docker_host.machine.cache.unlink()
    (docker_host.machine.cache / "tokens").mkdir(parents=True)
    document = docker_host.machine.file("home/.ecr/tokens/report.odt~", "mine")
    found = docker_host.doctor(HOST)
    assert (found.done.code, found.cause["id"]) == (0, "cache")
    assert "'report.odt~', which this program did not create" in found.cause["seen"]
    assert found.cause["seen"].startswith("tokens are not cached, so each pull calls AWS: ")
    assert found.cause["fix"].startswith("move it elsewhere, or set AWS_ECR_CACHE_DIR")

    document.unlink()
    docker_host.machine.cache.chmod(0o777)
    found = docker_host.doctor(HOST)
    assert (found.done.code, found.cause["id"]) == (0, "cache")
    assert found.cause["command"] == f"chmod go-w {docker_host.machine.cache}"
    assert found.of("token")["seen"].endswith("; not cached")
    docker_host.machine.cache.chmod(0o700)

    assert docker_host.doctor(HOST, AWS_ECR_DISABLE_CACHE="1").found["cause"] is None
