"""Facts about the check of an image, and what a registry's refusals mean."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Check
from docker_credential_ecrpy.doctor.checks.image import check_image
from docker_credential_ecrpy.doctor.facts import EcrFacts
from docker_credential_ecrpy.doctor.probes.trace import PullTrace, Reply
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.docker_host import DockerHost
from tests.world.machine import HOST
from tests.world.registry import PUBLIC

NONE = HelperError("no AWS credentials found", hint="run 'aws configure sso'", command="aws x")
BASE, MANIFEST, LAYER = (Reply(what, 200, "", "", "", 1) for what in ("base", "manifest", "layer"))
ARN = "arn:aws:iam::123456789012:user/dev"


def _check(
    *replies: Reply,
    status: str | HelperError = "",
    host: str = HOST,
    engine: str = "",
    podman: bool = False,
    **trace: object,
) -> Check:
    found = registry.parse(host)
    assert found is not None
    environ = {"DOCKER_HOST": engine, "DOCKER_DEFAULT_PLATFORM": "linux/amd64" if podman else ""}
    client = "podman" if podman else "docker"
    machine: Any = SimpleNamespace(environ=environ, client=client, for_podman=podman, engine=None)
    pull = replace(PullTrace((BASE, *replies)), platform="linux/amd64", **trace)  # type: ignore[arg-type]  # of many types
    facts = EcrFacts(
        machine=machine,
        image=Image(host, "team/app", "1"),
        now=0,
        choice=Choice(found),
        preview=NONE,
        endpoint=NONE,
        caller=None,
        token=NONE,
        pull=pull,
        download=None,
        other_host="",
        image_status=status,
    )
    return check_image(facts)


def _refuse(
    message: str, status: int = 403, code: str = "DENIED", action: str = "", what: str = "manifest"
) -> Reply:
    return Reply(what, status, code, message, action, 1)


def _denial(action: str, why: str, who: str = ARN) -> Reply:
    on = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/ours"
    text = f"User: {who} is not authorized to perform: {action} on resource: {on} {why}"
    return _refuse(text, action=action)


MISSING = _refuse("Requested image not found", 404, "MANIFEST_UNKNOWN")


def test_a_registry_that_delivers_itself() -> None:
    """Then there is no storage to name."""
    layer = Reply("layer", 206, "", "", "", 1)
    found = _check(MANIFEST, layer)

    assert (found.status, found.seen.partition(" can ")[2]) == (
        PASS,
        "be pulled: manifest, config and one layer, in 2 ms",
    )


@pytest.mark.parametrize(
    ("reply", "fix"),
    [
        (_denial("ecr:X", "because no identity-based policy allows"), "the identity's policy; for"),
        (_denial("ecr:X", "because no session policy allows it"), "session policy that the role"),
        (_denial("ecr:X", "because no permissions boundary allows it"), "permissions boundary of"),
        (_denial("ecr:X", "because no service control policy allows it"), "organization's service"),
        (_denial("ecr:X", "because no resource control policy allows"), "organization's resource"),
        (_denial("ecr:X", "because no resource-based policy allows it"), "the repository policy"),
        (_denial("ecr:X", "because no VPC endpoint policy allows it"), "endpoint com.amazonaws.us"),
        (_denial("signer:SignPayload", ""), "/signing-profiles/ours in the identity's policy"),
        (_denial("signer:SignPayload", ""), "managed signing signs each push as the identity"),
        (_denial("ecr:CreateRepository", ""), "as the first push with create-on-push does"),
        (_denial("kms:Decrypt", ""), "the repository is encrypted with that key"),
        (_refuse("Upstream too many requests", 429), "credentials in Secrets Manager"),
        (_refuse("upstream registry unavailable", 503), "does not answer ECR"),
        (_refuse("Cannot access the secret in Secrets Manager"), "renew the credentials"),
        (_refuse("KMS key is pending deletion", 400), "enable the KMS key of the repository"),
        (_refuse("Rate exceeded", 429, "TOOMANYREQUESTS"), "authenticate, since anonymous pulls"),
        (_refuse("it redirects to https://x", 307, ""), "docker does not send the token"),
        (_refuse("blob unknown", 404, "BLOB_UNKNOWN", what="layer"), "push the image again"),
        (_refuse("", 405, ""), "check the host name, HTTPS_PROXY"),
    ],
)
def test_the_fix_of_a_refusal(reply: Reply, fix: str) -> None:
    """It is for what the registry says."""
    found = _check(reply)

    assert found.status == FAIL
    assert fix in found.fix


def test_a_denial_names_who_was_refused() -> None:
    """It may be a role of ECR's own."""
    role = "arn:aws:sts::1:assumed-role/AWSServiceRoleForECRPullThroughCache/x"
    found = _check(_denial("signer:SignPayload", "", role))

    assert found.seen.startswith(f"{role} is not permitted signer:SignPayload")
    assert found.fix.startswith("exclude the repositories of the cache rule")


def test_the_upstreams_login_can_be_validated() -> None:
    """A command of the AWS CLI does so."""
    command = _check(_refuse("The authentication to the upstream registry failed")).command

    assert command == (
        "aws ecr validate-pull-through-cache-rule --ecr-repository-prefix team --region us-east-1"
    )


def test_an_anonymous_limit_has_the_command_of_the_credentials() -> None:
    """The cure is to authenticate."""
    limit = _refuse("Data limit exceeded", 429, "TOOMANYREQUESTS")
    found = _check(limit, host=PUBLIC)

    assert found.seen.endswith("Data limit exceeded: this pull is anonymous")
    assert (found.fix.endswith(NONE.hint or "?"), found.command) == (True, NONE.command)


def test_an_index_without_the_platform() -> None:
    """The command pulls one that there is."""
    platforms = ("windows/amd64", *(f"linux/p{number}" for number in range(20)))
    found = _check(MANIFEST, is_unsuitable=True, platforms=platforms)

    assert "has no image for linux/amd64; it has: windows/amd64, linux/p0, linux/p1" in found.seen
    assert "linux/p8" not in found.seen
    assert found.command == f"docker pull --platform linux/p0 {HOST}/team/app:1"


@pytest.mark.parametrize(
    ("engine", "status"),
    [
        ("", FAIL),
        ("unix:///run/docker.sock", FAIL),
        ("ssh://me@arm", WARN),
        ("tcp://arm:2376", WARN),
    ],
)
def test_an_engine_elsewhere_may_have_another_platform(engine: str, status: str) -> None:
    """Then it is a warning."""
    index = _check(MANIFEST, engine=engine, is_unsuitable=True, platforms=("linux/arm64",))
    image = _check(MANIFEST, LAYER, engine=engine, image_platform="windows/amd64")

    assert (index.status, image.status) == (status, status)


@pytest.mark.skipif(sys.platform == "win32", reason="docker may run containers of Windows")
@pytest.mark.parametrize(
    ("platform", "engine", "status", "seen"),
    [
        ("windows/amd64", "", FAIL, "is an image for windows/amd64: docker on Linux cannot use it"),
        ("unknown/unknown", "", FAIL, "is an image for unknown/unknown: docker on Linux"),
        ("linux/arm64", "", WARN, "on linux/amd64 it runs by emulation or not at all"),
        ("linux/arm64", "tcp://arm:2376", PASS, "can be pulled"),
        ("linux/amd64", "", PASS, "can be pulled"),
        ("linux/386", "", PASS, "can be pulled"),
        ("linux", "", PASS, "can be pulled"),
        ("", "", PASS, "can be pulled"),
    ],
)
def test_the_platform_of_an_image(platform: str, engine: str, status: str, seen: str) -> None:
    """Docker refuses another system's, and takes another processor's."""
    found = _check(MANIFEST, LAYER, engine=engine, image_platform=platform)

    assert (found.status, seen in found.seen) == (status, True)


def test_an_index_for_another_system() -> None:
    """Emulation does not help: nothing of it is proposed."""
    found = _check(MANIFEST, is_unsuitable=True, platforms=("windows/amd64", "windows/arm64"))

    assert found.seen.endswith("it has: windows/amd64, windows/arm64, and none for Linux")
    assert (found.fix, found.command) == ("build it for linux/amd64", "")


def test_a_variable_that_podman_does_not_read() -> None:
    """The platform that it names was looked for, and is not podman's."""
    found = _check(MANIFEST, podman=True, platforms=("linux/arm64",))

    assert (found.status, found.fix) == (SKIP, "")


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ("ARCHIVED", "cannot be pulled: it is archived"),
        ("ACTIVATING", "is being restored from the archive"),
        ("ACTIVE", "team/app has no tag '1'"),
        ("", "team/app has no tag '1'"),
        (NONE, "team/app has no tag '1', or it is archived, which ECR does not tell: no AWS cr"),
    ],
)
def test_an_archived_image(status: str | HelperError, seen: str) -> None:
    """ECR's API tells it from one that was never pushed."""
    assert seen in _check(MISSING, status=status).seen


def test_the_word_archive() -> None:
    """It counts in the registry's words, and not in names."""
    said = _refuse("The image is archived", 404, "MANIFEST_UNKNOWN")
    named = _refuse("Image of archive/x not found", 404, "NAME_UNKNOWN")

    assert "it is archived" in _check(said).seen
    assert "there is no repository" in _check(named).seen


def test_an_index_whose_image_is_gone() -> None:
    """A lifecycle policy may expire the images of an index."""
    found = _check(MANIFEST, MISSING)

    assert "is an index, and its image for linux/amd64 is not there" in found.seen
    assert "lifecycle policy" in found.fix


def test_a_chart() -> None:
    """Helm reads Docker's file, so it is a warning."""
    found = _check(MANIFEST, Reply("layer", 206, "", "", "", 1), artifact="application/vnd.x+json")

    assert found.status == WARN
    assert "is no container image but application/vnd.x+json" in found.seen


def test_an_index_of_attestations() -> None:
    """Docker has nothing to pull."""
    found = _check(MANIFEST, is_unsuitable=True)

    assert (found.status, "is an index that lists no image" in found.seen) == (FAIL, True)


def test_an_index_in_an_index() -> None:
    """It is not followed."""
    assert _check(MANIFEST).status == SKIP


@pytest.mark.parametrize("name", [f"{PUBLIC}:443/team/app:1", f"{PUBLIC.upper()}/team/app:1"])
def test_a_name_that_ecr_public_needs_no_credentials_for(
    docker_host: DockerHost, name: str
) -> None:
    """Docker pulls anonymously: that is a warning, for `doctor` as for `explain`."""
    found = docker_host.doctor(name)

    assert (found.done.code, found.cause["status"]) == (0, "warn")
    assert found.cause["fix"] == f"write {PUBLIC}/team/app:1"
    assert docker_host.machine.run("explain", name).code == 0


@pytest.mark.parametrize("end", ["@sha256:abc", ":1:2", ":$TAG", ":${TAG}"])
def test_a_tag_that_is_none(docker_host: DockerHost, end: str) -> None:
    """No other tag is proposed: only the writer knows the right one."""
    cause = docker_host.doctor(f"{HOST}/team/app{end}").failed

    assert f"it has {end[1:]!r}" in cause["seen"]
    assert cause["fix"] == "correct the name"
    assert not cause["command"]
