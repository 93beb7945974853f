"""Broken set-ups: the cause that `doctor` must name first, and the fix of each."""

import base64
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.world.accounts import EU, A, profile, rule
from tests.world.aws import refuse, reset
from tests.world.credential_sources import sso_login, sso_session
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST
from tests.world.web import Authority, Request, Response


@dataclass
class Broken:
    """The check that must be named first, its message, and the fix.

    repair: does what the message says if that is no command of ours.
    """

    check: str
    seen: str
    fix: str = ""
    repair: Callable[[], object] | None = None
    image: str = IMAGE
    right: str = ""
    """Another image, whose pull must work after the fix."""


def expired_login(docker_host: DockerHost) -> Broken:
    docker_host.configure(auths=docker_host.old_login())
    return Broken("old-login", "(1 h 0 min ago): 403 Forbidden")


def login_of_another_region(docker_host: DockerHost) -> Broken:
    password = docker_host.machine.aws.password(docker_host.user.arn, "eu-west-1")
    auth = base64.b64encode(f"AWS:{password}".encode()).decode()
    docker_host.configure(auths={HOST: {"auth": auth}})
    return Broken("old-login", "h 59 min): 403 Forbidden")


def expired_login_by_url(docker_host: DockerHost) -> Broken:
    docker_host.configure(auths=docker_host.old_login(key=f"https://{HOST}/v2/"))
    return Broken("old-login", f"docker sends the old login for https://{HOST}/v2/ in ")


def login_in_a_variable(docker_host: DockerHost) -> Broken:
    variable = json.dumps({"auths": docker_host.old_login()})
    docker_host.machine.environ["DOCKER_AUTH_CONFIG"] = variable
    docker_host.client()
    return Broken(
        "old-login",
        f"docker sends the login for {HOST} in DOCKER_AUTH_CONFIG",
        "unset DOCKER_AUTH_CONFIG",
        lambda: docker_host.machine.environ.pop("DOCKER_AUTH_CONFIG"),
    )


def nothing_configured(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={"ghcr.io": "desktop"})
    return Broken("credential-helper", "docker pulls anonymously")


def key_with_a_scheme(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={f"https://{HOST}": "ecr-login"})
    return Broken("credential-helper", f"has the key 'https://{HOST}'")


def key_with_a_path(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={f"{HOST}/team": "ecr-login"})
    return Broken("credential-helper", f"has the key '{HOST}/team'")


def key_with_a_wildcard(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={"*.amazonaws.com": "ecr-login"})
    return Broken("credential-helper", "'*.amazonaws.com', and docker supports no wildcards")


def key_in_upper_case(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={HOST.upper(): "ecr-login"})
    return Broken("credential-helper", "in lower case")


def full_name_of_the_program(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={HOST: "docker-credential-ecr-login"})
    return Broken("credential-helper", "docker-credential-docker-credential-ecr-login")


def another_helper(docker_host: DockerHost) -> Broken:
    docker_host.configure(credHelpers={HOST: "osxkeychain"})
    return Broken("credential-helper", "'osxkeychain' for")


def desktop_of_windows(docker_host: DockerHost) -> Broken:
    docker_host.configure(credsStore="desktop.exe")
    return Broken("credential-helper", "its credsStore 'desktop.exe'")


def store_that_docker_finds(docker_host: DockerHost) -> Broken:
    docker_host.config.unlink()
    docker_host.program("pass", "exit 1")
    docker_host.program("docker-credential-pass", "exit 1")
    if sys.platform == "darwin":
        docker_host.program("docker-credential-osxkeychain", "exit 1")
    return Broken("credential-helper", "its default store on this machine")


def not_json(docker_host: DockerHost) -> Broken:
    good = docker_host.config.read_text()
    docker_host.write("// my registries\n" + good)
    return Broken(
        "docker-config",
        "it is not JSON: line 1, column 1",
        "remove the comments: JSON has none",
        lambda: docker_host.write(good),
    )


def with_a_mark(docker_host: DockerHost) -> Broken:
    good = docker_host.config.read_text()
    docker_host.config.write_bytes(b"\xef\xbb\xbf" + good.encode())
    return Broken(
        "docker-config", "byte order mark", "save it as UTF-8", lambda: docker_host.write(good)
    )


def damaged_login(docker_host: DockerHost) -> Broken:
    docker_host.configure(auths={HOST: {"auth": "???"}}, credHelpers={HOST: "ecr-login"})
    return Broken("docker-config", "its auth is not base64, so docker ignores the whole file")


def not_on_path(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "PATH", "/nowhere")
    return Broken("program", "docker-credential-ecr-login is not on PATH", "PATH", repair)


def shadowed(docker_host: DockerHost) -> Broken:
    other = docker_host.program(
        "docker-credential-ecr-login", "echo amazon-ecr-credential-helper 0.6.0", "first"
    )
    return Broken("program", f"{other} is another program (amazon-ecr")


def program_that_does_not_start(docker_host: DockerHost) -> Broken:
    path = docker_host.program("docker-credential-ecr-login", "", "first")
    path.write_text("#!/nowhere/python3\n")
    return Broken("program", f"{path} is another program (it does not start: ")


def directory_that_is_the_file(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "DOCKER_CONFIG", str(docker_host.config))
    return Broken("docker-config", "cannot be read", "set DOCKER_CONFIG to the directory", repair)


def limit_that_is_no_number(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "AWS_ECR_TIMEOUT", "soon")
    return Broken("time-limit", "AWS_ECR_TIMEOUT is 'soon'", "set it to one such as 25", repair)


def settings_with_a_mistake(docker_host: DockerHost) -> Broken:
    path = docker_host.machine.settings('[[registry]]\nmach = "1"\n')
    return Broken("rules", f"{path}:2: unknown key", "match", path.unlink)


def eleven_digits(docker_host: DockerHost) -> Broken:
    host = HOST[1:]
    docker_host.configure(credHelpers={host: "ecr-login"})
    return Broken(
        "rules",
        "has to begin with an account's 12 digits",
        repair=lambda: docker_host.configure(credHelpers={HOST: "ecr-login"}),
        right=IMAGE,
        image=f"{host}/team/app:1",
    )


def profile_that_is_none(docker_host: DockerHost) -> Broken:
    docker_host.machine.config(profile("prod", docker_host.user))
    path = docker_host.machine.settings(rule(A, profile="prd"))
    return Broken(
        "credentials",
        f"{path}:3: profile = 'prd'",
        "did you mean 'prod'?",
        lambda: path.write_text(rule(A, profile="prod")),
    )


def profile_of_the_environment_that_is_none(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "AWS_PROFILE", "prd")
    return Broken("credentials", "AWS profile 'prd' is not in", "unset AWS_PROFILE", repair)


def no_credentials(docker_host: DockerHost) -> Broken:
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    return Broken(
        "credentials",
        "no AWS credentials found",
        "aws configure",
        lambda: docker_host.machine.environ.update(docker_host.user.environ),
    )


def keys_that_are_gone(docker_host: DockerHost) -> Broken:
    keys = docker_host.machine.aws.keys.pop(docker_host.user.access_key)
    return Broken(
        "identity",
        "",
        repair=lambda: docker_host.machine.aws.keys.update({keys.access_key: keys}),
    )


def clock_that_is_slow(docker_host: DockerHost) -> Broken:
    docker_host.machine.aws.clock_offset = 930
    return Broken(
        "clock",
        "this machine's clock is 15 min behind AWS's",
        "set the clock",
        lambda: setattr(docker_host.machine.aws, "clock_offset", 0),
    )


def clock_that_is_fast(docker_host: DockerHost) -> Broken:
    docker_host.machine.aws.clock_offset = -3700
    return Broken(
        "clock",
        "1 h 1 min ahead of AWS's",
        repair=lambda: setattr(docker_host.machine.aws, "clock_offset", 0),
    )


def changed(docker_host: DockerHost, name: str, value: str) -> Callable[[], object]:
    """Set a variable; return a function that restores it."""
    before = docker_host.machine.environ.get(name)
    docker_host.machine.environ[name] = value
    if before is None:
        return lambda: docker_host.machine.environ.pop(name)
    return lambda: docker_host.machine.environ.update({name: before})


def proxy_that_is_down(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "HTTPS_PROXY", "http://127.0.0.1:9")
    return Broken(
        "endpoint", "the proxy http://127.0.0.1:9 refuses the connection", "HTTPS_PROXY", repair
    )


def certificates_of_another(docker_host: DockerHost) -> Broken:
    bundle = Authority().write_bundle(docker_host.machine.root / "other.pem")
    repair = changed(docker_host, "AWS_CA_BUNDLE", str(bundle))
    return Broken("endpoint", "is not trusted", "set AWS_CA_BUNDLE", repair)


def may_not_get_a_token(docker_host: DockerHost) -> Broken:
    docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))
    return Broken(
        "token",
        "ecr:GetAuthorizationToken",
        repair=docker_host.machine.aws.denied.clear,
    )


def throttled(docker_host: DockerHost) -> Broken:
    docker_host.machine.aws.faults["ecr"] = refuse("ThrottlingException", "Rate exceeded")
    repair = docker_host.machine.aws.faults.clear
    return Broken("token", "ECR is throttling this account", "try again in a minute", repair)


def token_of_another_region(docker_host: DockerHost) -> Broken:
    password = docker_host.machine.aws.password(docker_host.user.arn, "eu-west-1")
    login = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": password})
    docker_host.machine.run("store", stdin=login.encode())

    def log_out() -> None:
        docker_host.machine.run("erase", stdin=HOST.encode())  # as docker logout does

    return Broken("registry", "HTTP 403", "the stored login", log_out)


def rule_with_the_wrong_region(docker_host: DockerHost) -> Broken:
    path = docker_host.machine.settings(rule(A, region="eu-west-1"))
    return Broken("registry", "its token is for the wrong region", f"{path}:3: region", path.unlink)


def token_that_is_revoked(docker_host: DockerHost) -> Broken:
    docker_host.machine.get()
    docker_host.machine.aws.issued.clear()
    return Broken("registry", "HTTP 403", "remove the cached token")


def may_not(action: str) -> Callable[[DockerHost], Broken]:
    def broken(docker_host: DockerHost) -> Broken:
        docker_host.front.denied[HOST] = {(docker_host.user.arn, action)}
        return Broken(
            "image",
            f"{docker_host.user.arn} is not permitted {action}: HTTP 403",
            f"allow {action} on team/app",
            docker_host.front.denied.clear,
        )

    broken.__name__ = f"may_not_{action.partition(':')[2]}"
    return broken


def first_pull_through_the_cache(docker_host: DockerHost) -> Broken:
    docker_host.front.pull_through.add("team")
    docker_host.front.denied[HOST] = {(docker_host.user.arn, "ecr:CreateRepository")}

    def allow() -> None:
        docker_host.front.pull_through.clear()
        docker_host.front.denied.clear()

    return Broken(
        "image",
        "is not permitted ecr:CreateRepository: HTTP 403, because no identity-based policy allows",
        "the first pull through a cache rule imports the image",
        allow,
    )


def no_such_tag(docker_host: DockerHost) -> Broken:
    docker_host.publish("team/app", "1.2.3")
    return Broken(
        "image",
        "team/app has no tag '1.2.4'; there are: 1.2.3",
        repair=lambda: docker_host.publish("team/app", "1.2.4"),
        image=f"{HOST}/team/app:1.2.4",
    )


def no_such_repository(docker_host: DockerHost) -> Broken:
    return Broken(
        "image",
        f"there is no repository 'team/apps' in account {A} in us-east-1",
        repair=lambda: docker_host.publish("team/apps", "1"),
        image=f"{HOST}/team/apps:1",
    )


def wrong_region(docker_host: DockerHost) -> Broken:
    own = EU.format(A)
    docker_host.configure(credHelpers={own: "ecr-login", HOST: "ecr-login"})

    def not_in_europe(request: Request) -> Response | None:
        if request.host == own and "/team/app/" in request.path:
            error = {"errors": [{"code": "NAME_UNKNOWN", "message": "not there"}]}
            return Response(404, json.dumps(error).encode())
        return None

    docker_host.instead = not_in_europe
    return Broken(
        "image",
        f"the region is wrong, {HOST} has it",
        f"pull it from {HOST}",
        lambda: None,  # another image is pulled
        image=f"{own}/team/app:1",
        right=IMAGE,
    )


def registry_that_is_down(docker_host: DockerHost) -> Broken:
    docker_host.instead = lambda request: Response(503, b"busy") if request.host == HOST else None
    return Broken("registry", "HTTP 503", repair=docker_host.answer_as_usual)


def page_to_sign_in_on(docker_host: DockerHost) -> Broken:
    page = Response(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    docker_host.instead = lambda request: page if request.host == HOST else None
    return Broken(
        "registry",
        "did not answer like a registry",
        "check the host name, ",
        docker_host.answer_as_usual,
    )


def not_executable(docker_host: DockerHost) -> Broken:
    path = docker_host.program("docker-credential-ecr-login", "exit 1", "only")
    path.chmod(0o644)
    repair = changed(docker_host, "PATH", str(path.parent))
    return Broken("program", f"{path} is not executable", "make it executable", repair)


def region_that_is_none(docker_host: DockerHost) -> Broken:
    host = HOST.replace("us-east-1", "us-esat-1")
    docker_host.configure(credHelpers={host: "ecr-login", HOST: "ecr-login"})
    docker_host.machine.aws.faults["unknown"] = reset()
    docker_host.machine.aws.faults["ecr"] = reset()
    return Broken(
        "image",
        f"'us-esat-1' is not an AWS region, in {host}",
        f"write {IMAGE}",
        docker_host.machine.aws.faults.clear,
        image=f"{host}/team/app:1",
        right=IMAGE,
    )


def session_that_is_over(docker_host: DockerHost) -> Broken:
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    sso_session(docker_host.machine)
    sso_login(docker_host.machine, "corp", time.time() - 60)
    return Broken(
        "identity",
        "SSO session",
        "aws sso login --profile work",
        lambda: sso_login(docker_host.machine, "corp", time.time() + 3600),
    )


def role_that_may_not_be_assumed(docker_host: DockerHost) -> Broken:
    role = docker_host.machine.aws.role("puller")
    docker_host.machine.settings(rule(A, role_arn=role.arn))
    del docker_host.machine.aws.roles[role.arn]
    return Broken(
        "identity",
        "sts:AssumeRole",
        repair=lambda: docker_host.machine.aws.roles.update({role.arn: role}),
    )


WAYS = [
    expired_login,
    expired_login_by_url,
    login_of_another_region,
    login_in_a_variable,
    nothing_configured,
    key_with_a_scheme,
    key_with_a_path,
    key_with_a_wildcard,
    key_in_upper_case,
    full_name_of_the_program,
    another_helper,
    desktop_of_windows,
    store_that_docker_finds,
    not_json,
    with_a_mark,
    damaged_login,
    not_on_path,
    shadowed,
    program_that_does_not_start,
    directory_that_is_the_file,
    limit_that_is_no_number,
    settings_with_a_mistake,
    eleven_digits,
    profile_that_is_none,
    profile_of_the_environment_that_is_none,
    no_credentials,
    keys_that_are_gone,
    clock_that_is_slow,
    clock_that_is_fast,
    proxy_that_is_down,
    certificates_of_another,
    may_not_get_a_token,
    throttled,
    token_of_another_region,
    rule_with_the_wrong_region,
    token_that_is_revoked,
    may_not("ecr:BatchGetImage"),
    may_not("ecr:BatchCheckLayerAvailability"),
    may_not("ecr:GetDownloadUrlForLayer"),
    first_pull_through_the_cache,
    no_such_tag,
    no_such_repository,
    wrong_region,
    registry_that_is_down,
    page_to_sign_in_on,
    not_executable,
    region_that_is_none,
    session_that_is_over,
    role_that_may_not_be_assumed,
]


Way = Callable[[DockerHost], Broken]


def check_fix(
    docker_host: DockerHost, way: Way, pulls: Callable[[str], bool] = lambda _: True
) -> None:
    """Break a set-up, check the first cause, apply its fix, and check that all is well.

    pulls: whether Docker's engine pulls an image, if there is one.
    """
    broken = way(docker_host)
    found = docker_host.doctor(broken.image).failed

    assert found["id"] == broken.check, found
    assert broken.seen in found["seen"], found
    assert broken.fix in found["fix"], found
    if broken.repair:
        broken.repair()
    else:
        name, *arguments = shlex.split(found["command"])
        assert name == "docker-credential-ecrpy"
        done = docker_host.machine.run(*arguments)
        assert done.code == 0, done
    after = docker_host.doctor(broken.right or broken.image)
    assert after.done.code == 0, after.found["cause"]
    assert pulls(broken.right or broken.image)
