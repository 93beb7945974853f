"""Facts about `doctor`: what it names first, and that doing what it says helps."""

import base64
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy import __version__
from tests.world.accounts import A, B, rule
from tests.world.aws import delay
from tests.world.broken_setups import WAYS, Way, treat
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST, Machine
from tests.world.registry import PUBLIC
from tests.world.terminal import on_terminal
from tests.world.web import Response

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
OTHER = f"{B}.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(name="docker_host")
def _clinic(machine: Machine, scripts: Path) -> DockerHost:
    return DockerHost(machine, scripts)


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
    """Then all is well. In tests/e2e it is a real engine that pulls then."""
    treat(docker_host, way)


def test_what_it_says_of_a_working_set_up(docker_host: DockerHost) -> None:
    """Files, programs, identity, endpoint, proxy, certificates, token, registry and image."""
    docker_host.machine.get()
    found = docker_host.doctor(IMAGE)

    assert found.of("docker config")["seen"] == f"{docker_host.config}: 1 under credHelpers"
    assert f"version {__version__}" in found.of("program")["seen"]
    assert found.of("credentials")["seen"] == "the environment (AWS_ACCESS_KEY_ID)"
    endpoint = found.of("endpoint")["seen"]
    assert endpoint.startswith("https://api.ecr.us-east-1.amazonaws.com answers in ")
    assert f"through the proxy {docker_host.machine.server.url}" in endpoint
    assert f"trusted: {docker_host.machine.environ['AWS_CA_BUNDLE']}" in endpoint
    assert found.of("identity")["seen"] == docker_host.user.arn
    assert found.of("token")["seen"].startswith("a token for this host, kept for ")
    assert docker_host.machine.aws.count()["ecr"] == 1


def test_empty_settings_of_trust_do_not_count(docker_host: DockerHost) -> None:
    """The next one does, for AWS and for the registry."""
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
    """Of a role, for example."""
    role = docker_host.machine.aws.role("puller")
    docker_host.machine.settings(rule(A, role_arn=role.arn))
    seen = docker_host.doctor(HOST).of("identity")["seen"]

    assert seen.startswith(f"arn:aws:sts::{A}:assumed-role/puller/session, until 20")
    assert seen.endswith(("(in 59 min)", "(in 1 h 0 min)"))


@pytest.mark.parametrize("kind", ["ecr", "sts:GetCallerIdentity", "unknown", "all", "registry"])
def test_it_ends_within_the_time_whatever_hangs(docker_host: DockerHost, kind: str) -> None:
    """And names who does not answer."""
    hang = 60.0
    if kind == "registry":
        docker_host.instead = lambda request: time.sleep(hang) if request.host == HOST else None
    elif kind == "all":
        docker_host.instead = lambda _: time.sleep(hang)
    else:
        docker_host.machine.aws.faults[kind] = delay(hang)
    before = time.monotonic()
    found = docker_host.doctor(IMAGE, AWS_ECR_TIMEOUT="4")

    assert time.monotonic() - before < hang / 2  # and not 4, since machines may be busy
    if kind == "sts:GetCallerIdentity":  # networks may be closed to STS alone
        assert found.cause["check"] == "identity"
        assert found.cause["status"] == "warn"
    elif kind == "unknown":
        assert found.cause["check"] == "endpoint"
    else:
        where = HOST if kind == "registry" else "api.ecr.us-east-1.amazonaws.com"
        assert where in found.failed["seen"]


def test_an_old_login_that_docker_does_not_use(docker_host: DockerHost) -> None:
    """Others may: a warning, and exit code 0; and --fix takes it away."""
    auths = docker_host.old_login()
    docker_host.configure(auths=auths, credHelpers={HOST: "ecr-login"})
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["check"]) == (0, "old login")
    assert "docker does not use it, others may" in found.cause["seen"]
    assert docker_host.doctor(HOST, "--fix").found["cause"] is None
    assert json.loads(docker_host.config.read_text()) == {
        "auths": {},
        "credHelpers": {HOST: "ecr-login"},
    }


def test_fix_changes_nothing_where_nothing_is_wrong(docker_host: DockerHost) -> None:
    """Nor what is not safe to change."""
    before = docker_host.config.read_bytes()
    docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))
    docker_host.doctor(HOST, "--fix").failed  # noqa: B018 - it asserts

    assert docker_host.config.read_bytes() == before
    assert [path.name for path in docker_host.config.parent.iterdir()] == ["config.json"]


def test_fix_says_what_it_does(docker_host: DockerHost) -> None:
    """As configure does; with --json, only JSON is on standard output."""
    docker_host.configure(auths=docker_host.old_login())
    said = docker_host.machine.run("doctor", "--fix", HOST).stdout.decode()

    assert f'+\t\t"{HOST}": "ecr-login"' in said
    assert "written: " in said
    assert said.endswith("nothing is wrong\n")


def test_a_login_that_still_works(docker_host: DockerHost) -> None:
    """Is a warning of what comes."""
    docker_host.configure(auths=docker_host.old_login(life=3600))
    found = docker_host.doctor(HOST)

    assert found.done.code == 0
    assert "whose token expires at" in found.cause["seen"]
    assert "and docker sends that" in found.cause["seen"]


@pytest.mark.parametrize(
    ("version", "check"), [("20.10.24", None), ("28.2.2", None), ("28.3.0", "old login")]
)
def test_whether_docker_heeds_the_variable(
    docker_host: DockerHost, version: str, check: str | None
) -> None:
    """It does from 28.3 on."""
    variable = json.dumps({"auths": docker_host.old_login()})
    docker_host.program("docker", f"echo Docker version {version}, build 1")
    found = docker_host.doctor(HOST, DOCKER_AUTH_CONFIG=variable)

    assert (found.found["cause"] or {}).get("check") == check


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"credHelpers": {"a": "b"}}',
        "[]",
        json.dumps({"auths": {HOST: {"auth": "QVdTOng="}}, "credHelpers": {}}),
        json.dumps({"auths": {HOST: {"username": "AWS", "password": "x"}}}),
    ],
    ids=["no JSON", "other fields", "a list", "a login and other fields", "a login in the open"],
)
def test_a_variable_of_another_kind(docker_host: DockerHost, text: str) -> None:
    """Such as GitLab's: docker does without."""
    found = docker_host.doctor(HOST, DOCKER_AUTH_CONFIG=text)

    assert found.done.code == 0
    assert "DOCKER_AUTH_CONFIG" in found.of("asked by docker")["seen"]


def test_of_two_logins_the_one_that_docker_sends(docker_host: DockerHost) -> None:
    """That of the bare host: the other one is not what fails."""
    stale = docker_host.old_login(key=f"https://{HOST}/v1/")
    docker_host.configure(auths=stale | docker_host.old_login(life=3600))
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["check"]) == (0, "old login")
    assert "whose token expires at" in found.cause["seen"]


def test_podmans_file(docker_host: DockerHost) -> None:
    """What it has for the registry, podman sends."""
    path = docker_host.machine.file(
        "run/containers/auth.json", json.dumps({"auths": docker_host.old_login()})
    )
    found = docker_host.doctor(HOST)

    assert found.cause["check"] == "podman"
    assert str(path) in found.cause["seen"]
    assert found.cause["command"] == f"podman logout {HOST}"


def test_ecr_public(docker_host: DockerHost) -> None:
    """Works without anything: only an expired login fails."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    docker_host.configure()
    found = docker_host.doctor(f"{PUBLIC}/team/app:1")
    assert found.done.code == 0
    assert found.of("token")["seen"].startswith("none, so pulls are anonymous: ")
    assert found.of("image")["status"] == "pass"

    docker_host.configure(auths=docker_host.old_login(PUBLIC))
    assert docker_host.doctor(PUBLIC).failed["check"] == "old login"


def test_without_a_registry_it_looks_at_all_that_docker_is_told_of(docker_host: DockerHost) -> None:
    """Each with its own identity; what is the same is said once."""
    docker_host.configure(credHelpers={HOST: "ecr-login", OTHER: "ecr-login", "ghcr.io": "x"})
    docker_host.machine.aws.clock_offset = 100
    said = docker_host.machine.run("doctor").stdout.decode()

    assert f"\n{HOST}\n" in said
    assert f"\n{OTHER}\n" in said
    assert said.count("docker config:") == 1
    assert "mind: this machine's clock is 1 min behind AWS's" in said


def test_one_that_hangs_leaves_the_others_their_time(docker_host: DockerHost) -> None:
    """Each registry has its share of it."""
    docker_host.configure(credHelpers={HOST: "ecr-login", OTHER: "ecr-login"})
    docker_host.instead = lambda request: time.sleep(30) if request.host == HOST else None
    found = docker_host.doctor(AWS_ECR_TIMEOUT="5")

    assert HOST in found.failed["seen"]
    registries = [item for item in found.found["checks"] if item["check"] == "registry"]
    assert [item["status"] for item in registries] == ["fail", "pass"]


def test_programs_that_hang_leave_the_network_its_time(docker_host: DockerHost) -> None:
    """They are asked all at once, and meanwhile."""
    names = "docker", "docker-credential-ecr-login", "docker-credential-ecrpy"
    for name in names:
        docker_host.program(name, "exec /bin/sleep 60", "first")
    before = time.monotonic()
    found = docker_host.doctor(IMAGE, AWS_ECR_TIMEOUT="4", DOCKER_AUTH_CONFIG="{}")

    assert time.monotonic() - before < 30  # and not 60
    assert "no answer within" in found.failed["seen"]
    assert found.of("image")["status"] == "pass"


@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_private_name(docker_host: DockerHost, port: str) -> None:
    """Of a rule, with the port that docker looks for it by."""
    name = f"docker.example.com{port}"
    docker_host.front.aliases["docker.example.com"] = HOST
    path = docker_host.machine.settings(rule("docker.example.com", registry=HOST))
    docker_host.configure()
    found = docker_host.doctor(f"{name}/team/app:1").failed
    assert found["command"] == f"docker-credential-ecrpy configure {name}"

    docker_host.doctor(f"{name}/team/app:1", "--fix")
    assert json.loads(docker_host.config.read_text()) == {"credHelpers": {name: "ecr-login"}}
    assert docker_host.doctor().found["checks"][0]["registry"] == name

    path.write_text(rule("docker.example.com", registry=HOST.replace("us-east-1", "eu-west-1")))
    assert f"{path}:2: see that registry = " in docker_host.doctor(name).failed["fix"]


def test_without_any_registry(docker_host: DockerHost) -> None:
    """It says what to type first."""
    docker_host.config.unlink()
    found = docker_host.doctor().failed

    assert found["seen"] == "docker is told of no ECR registry"
    assert found["command"] == "docker-credential-ecrpy configure ACCOUNT@REGION"


def test_a_registry_that_is_not_ecr(docker_host: DockerHost) -> None:
    """Is none of ours: it says who is asked for it."""
    docker_host.configure(credsStore="desktop")
    found = docker_host.doctor("ghcr.io/team/app:1")

    assert found.done.code == 0
    assert "'desktop'" in found.of("asked by docker")["seen"]
    assert "needs a rule with" in found.cause["seen"]


def test_an_account_and_a_region_name_a_registry(docker_host: DockerHost) -> None:
    """As for configure."""
    found = docker_host.doctor(f"{A}@us-east-1")

    assert {item["registry"] for item in found.found["checks"]} == {HOST}
    assert found.done.code == 0


@pytest.mark.parametrize("arguments", [("a b",), ("", "b"), ("--nope",), ("::",)])
def test_wrong_arguments(docker_host: DockerHost, arguments: tuple[str, ...]) -> None:
    """Usage, on standard error, and exit code 2."""
    done = docker_host.machine.run("doctor", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert b"Usage: " in done.stderr


@pytest.mark.parametrize("reference", ["A/b", "team/app:-1", "team/app@sha256:1"])
def test_an_image_that_is_misspelt(docker_host: DockerHost, reference: str) -> None:
    """It says how names are."""
    assert docker_host.doctor(f"{HOST}/{reference}").failed["check"] == "image"


def test_no_secret_is_said(docker_host: DockerHost) -> None:
    """Of no token, whoever holds it, in text, JSON or log."""
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


def test_a_helper_that_is_not_there(docker_host: DockerHost) -> None:
    """Such as Docker Desktop's in WSL: docker fails for the registries that it is for."""
    docker_host.configure(credsStore="desktop.exe", credHelpers={HOST: "ecr-login"})
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["check"]) == (0, "other helpers")
    assert "docker-credential-desktop.exe is not on PATH" in found.cause["seen"]


def test_a_fallback_that_is_not_there(docker_host: DockerHost) -> None:
    """A warning for ECR, and what is wrong elsewhere."""
    docker_host.configure(credsStore="ecr-login")
    path = docker_host.machine.settings('fallback = "pass"\n')

    assert docker_host.doctor(HOST).cause["check"] == "other helpers"
    assert (
        f"{path}:1: fallback = 'pass', and docker-"
        in docker_host.doctor("ghcr.io/a/b").failed["seen"]
    )
    docker_host.program("docker-credential-pass", "exit 1")
    assert docker_host.doctor("ghcr.io/a/b").found["cause"] is None


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        (".", "./docker-credential-ecr-login is found by way of the current directory"),
        ("relative", "relative/docker-credential-ecr-login is found by way of the current"),
        ("{root}/folder", "folder/docker-credential-ecr-login is no file"),
        ("", "docker-credential-ecr-login is not on PATH"),
    ],
)
def test_a_path_that_docker_does_not_follow(docker_host: DockerHost, path: str, seen: str) -> None:
    """It says why the program is not found, though it may be there."""
    for folder in (".", "relative"):
        docker_host.program("docker-credential-ecr-login", "exit 1", folder)
    (docker_host.machine.root / "folder" / "docker-credential-ecr-login").mkdir(parents=True)
    found = docker_host.doctor(HOST, PATH=path.format(root=docker_host.machine.root)).failed

    assert found["check"] == "program"
    assert seen in found["seen"]
    assert found["command"] == ""


def test_only_the_other_name_is_there(docker_host: DockerHost) -> None:
    """Docker is then told of that one."""
    docker_host.configure(credHelpers={HOST: "ecrpy"})
    only = docker_host.machine.root / "only"
    only.mkdir()
    (only / "docker-credential-ecr-login").symlink_to(
        docker_host.scripts / "docker-credential-ecr-login"
    )
    found = docker_host.doctor(HOST, PATH=str(only)).failed
    assert "docker-credential-ecrpy is not on PATH" in found["seen"]
    assert found["command"] == f"docker-credential-ecrpy configure {HOST}"

    assert docker_host.doctor(HOST, "--fix", PATH=str(only)).found["cause"] is None


def test_a_clock_that_is_off_while_a_token_works(docker_host: DockerHost) -> None:
    """A warning of what comes."""
    docker_host.machine.get()
    docker_host.machine.aws.clock_offset = 3600
    found = docker_host.doctor(IMAGE)

    assert (found.done.code, found.cause["check"]) == (0, "clock")


def test_an_explicit_deny(docker_host: DockerHost) -> None:
    """No other policy lifts it: what AWS says of it is said, and nothing twice."""
    message = f"User: {docker_host.user.arn} is not authorized to perform: ecr:BatchGetImage on"
    message += " resource: team/app with an explicit deny in a resource-based policy"
    body = json.dumps({"errors": [{"code": "DENIED", "message": message}]}).encode()
    docker_host.instead = lambda request: (
        Response(403, body) if "manifests" in request.path else None
    )
    found = docker_host.doctor(IMAGE).failed

    assert found["seen"].endswith("HTTP 403, with an explicit deny in a resource-based policy")
    assert found["seen"].count("ecr:BatchGetImage") == 1
    assert found["fix"].startswith("only whoever wrote that policy")


def test_a_cache_that_cannot_be_written(docker_host: DockerHost) -> None:
    """Each pull asks AWS: a warning. Where it is disabled, that was asked for."""
    docker_host.machine.file("home/.ecr", "")
    found = docker_host.doctor(HOST)
    assert (found.done.code, found.cause["check"]) == (0, "token")
    assert "each pull asks AWS" in found.cause["seen"]

    assert docker_host.doctor(HOST, AWS_ECR_DISABLE_CACHE="1").found["cause"] is None


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits_the_terminal(docker_host: DockerHost, columns: int) -> None:
    """Lines end at blanks; a command stays one for the shell; and NO_COLOR is heeded."""
    docker_host.configure(auths=docker_host.old_login())
    plain = on_terminal(docker_host.machine, columns, "doctor", IMAGE, NO_COLOR="1")
    lines = plain.splitlines()
    text = next(
        i
        for i, line in enumerate(lines)
        if line.endswith("do: have docker ask this program, without the old login")
    )

    assert "\033" not in plain
    for line in lines:
        longest = max(map(len, line.split()), default=0)
        assert len(line) <= max(columns, longest + 8), line
    command = " ".join(line.strip(" \\") for line in lines[text + 1 :]).strip()
    assert command == f"docker-credential-ecrpy configure {HOST}"
    assert "\033[1;31mFAIL\033[0m  old login" in on_terminal(
        docker_host.machine, columns, "doctor", IMAGE
    )


def test_fix_has_the_same_time(docker_host: DockerHost) -> None:
    """It looks at files alone before it mends them, and once at the network."""
    docker_host.configure(auths=docker_host.old_login())
    docker_host.machine.aws.faults["ecr"] = delay(60)
    found = docker_host.doctor(HOST, "--fix", AWS_ECR_TIMEOUT="4")

    assert found.failed["check"] == "token"
    assert [call.kind for call in docker_host.machine.aws.calls].count("unknown") == 1
    assert found.of("old login")["status"] == "pass"


@pytest.mark.parametrize("image", ["quay.io/team/app", "docker.io", "alpine"])
def test_fix_leaves_the_logins_of_others(docker_host: DockerHost, image: str) -> None:
    """They are no matter of ours."""
    login = {"auth": base64.b64encode(b"me:hunter2").decode()}
    docker_host.configure(auths={"quay.io": login, "https://index.docker.io/v1/": login})
    before = docker_host.config.read_bytes()
    found = docker_host.doctor(image, "--fix")

    assert docker_host.config.read_bytes() == before
    assert "configure" not in str(found.found["cause"])


@pytest.mark.tree
def test_fix_that_fails_is_a_check(docker_host: DockerHost) -> None:
    """With all that was seen besides."""
    docker_host.configure(auths=docker_host.old_login())
    docker_host.config.parent.chmod(0o500)
    if os.geteuid() == 0:  # whom modes do not stop
        powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        docker_host.machine.program = [
            str(shutil.which(powerless[0])),
            *powerless[1:],
            *docker_host.machine.program,
        ]
    found = docker_host.doctor(HOST, "--fix")

    assert "is read-only" in found.of("fix")["seen"]
    assert found.of("old login")["status"] == "fail"
    docker_host.config.parent.chmod(0o700)
