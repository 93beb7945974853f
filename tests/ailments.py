"""Ways in which a set-up is broken: what `doctor` has to name first, and how each is mended."""

import base64
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.clinic import IMAGE, Clinic
from tests.sources import sso_login, sso_session
from tests.stage import HOST
from tests.test_accounts import EU, A, profile, rule
from tests.world.aws import refuse, reset
from tests.world.web import Authority, Request, Response


@dataclass
class Broken:
    """What is wrong: the check that has to be named first, what it says, and how it is mended.

    mend: does what it says where that is no command of ours.
    """

    check: str
    seen: str
    fix: str = ""
    mend: Callable[[], object] | None = None
    image: str = IMAGE
    right: str = ""
    """Another image, which is to be pulled when all is mended."""


def expired_login(clinic: Clinic) -> Broken:
    clinic.configure(auths=clinic.old_login())
    return Broken("old login", "(1 h 0 min ago), and docker sends that: 403 Forbidden")


def login_of_another_region(clinic: Clinic) -> Broken:
    password = clinic.stage.aws.password(clinic.user.arn, "eu-west-1")
    auth = base64.b64encode(f"AWS:{password}".encode()).decode()
    clinic.configure(auths={HOST: {"auth": auth}})
    return Broken("old login", "h 59 min), and docker sends that: 403 Forbidden")


def expired_login_by_url(clinic: Clinic) -> Broken:
    clinic.configure(auths=clinic.old_login(key=f"https://{HOST}/v2/"))
    return Broken("old login", f"a login for https://{HOST}/v2/ under auths, whose token expired")


def login_in_a_variable(clinic: Clinic) -> Broken:
    variable = json.dumps({"auths": clinic.old_login()})
    clinic.stage.environ["DOCKER_AUTH_CONFIG"] = variable
    clinic.program("docker", "echo Docker version 29.1.0, build 1", "first")
    return Broken(
        "old login",
        "DOCKER_AUTH_CONFIG has a login",
        "unset DOCKER_AUTH_CONFIG",
        lambda: clinic.stage.environ.pop("DOCKER_AUTH_CONFIG"),
    )


def nothing_configured(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={"ghcr.io": "desktop"})
    return Broken("asked by docker", "docker goes on anonymously")


def key_with_a_scheme(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={f"https://{HOST}": "ecr-login"})
    return Broken("asked by docker", f"has the key 'https://{HOST}'")


def key_with_a_path(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={f"{HOST}/team": "ecr-login"})
    return Broken("asked by docker", f"has the key '{HOST}/team'")


def key_with_a_wildcard(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={"*.amazonaws.com": "ecr-login"})
    return Broken("asked by docker", "'*.amazonaws.com', and docker knows no wildcards")


def key_in_upper_case(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={HOST.upper(): "ecr-login"})
    return Broken("asked by docker", "in lower case")


def full_name_of_the_program(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={HOST: "docker-credential-ecr-login"})
    return Broken("asked by docker", "docker-credential-docker-credential-ecr-login")


def another_helper(clinic: Clinic) -> Broken:
    clinic.configure(credHelpers={HOST: "osxkeychain"})
    return Broken("asked by docker", "'osxkeychain' for")


def desktop_of_windows(clinic: Clinic) -> Broken:
    clinic.configure(credsStore="desktop.exe")
    return Broken("asked by docker", "its credsStore 'desktop.exe'")


def store_that_docker_finds(clinic: Clinic) -> Broken:
    clinic.config.unlink()
    clinic.program("pass", "exit 1")
    clinic.program("docker-credential-pass", "exit 1")
    if sys.platform == "darwin":
        clinic.program("docker-credential-osxkeychain", "exit 1")
    return Broken("asked by docker", "the store that it finds by itself")


def not_json(clinic: Clinic) -> Broken:
    good = clinic.config.read_text()
    clinic.write("// my registries\n" + good)
    return Broken(
        "docker config",
        "it is not JSON: line 1, column 1",
        "take the comments out",
        lambda: clinic.write(good),
    )


def with_a_mark(clinic: Clinic) -> Broken:
    good = clinic.config.read_text()
    clinic.config.write_bytes(b"\xef\xbb\xbf" + good.encode())
    return Broken(
        "docker config", "byte order mark", "save it as UTF-8", lambda: clinic.write(good)
    )


def damaged_login(clinic: Clinic) -> Broken:
    clinic.configure(auths={HOST: {"auth": "???"}}, credHelpers={HOST: "ecr-login"})
    return Broken("docker config", "its auth is not base64, so docker reads nothing of it")


def not_on_path(clinic: Clinic) -> Broken:
    mend = changed(clinic, "PATH", "/nowhere")
    return Broken("program", "docker-credential-ecr-login is not on PATH", "PATH", mend)


def shadowed(clinic: Clinic) -> Broken:
    other = clinic.program(
        "docker-credential-ecr-login", "echo amazon-ecr-credential-helper 0.6.0", "first"
    )
    return Broken("program", f"{other} is another program (amazon-ecr")


def program_that_does_not_start(clinic: Clinic) -> Broken:
    path = clinic.program("docker-credential-ecr-login", "", "first")
    path.write_text("#!/nowhere/python3\n")
    return Broken("program", f"{path} is another program (it does not start: ")


def directory_that_is_the_file(clinic: Clinic) -> Broken:
    mend = changed(clinic, "DOCKER_CONFIG", str(clinic.config))
    return Broken("docker config", "cannot be read", "DOCKER_CONFIG has to be the directory", mend)


def limit_that_is_no_number(clinic: Clinic) -> Broken:
    mend = changed(clinic, "AWS_ECR_TIMEOUT", "soon")
    return Broken("time limit", "AWS_ECR_TIMEOUT is 'soon'", "set it to one such as 25", mend)


def settings_with_a_mistake(clinic: Clinic) -> Broken:
    path = clinic.stage.settings('[[registry]]\nmach = "1"\n')
    return Broken("rules", f"{path}:2: unknown key", "match", path.unlink)


def eleven_digits(clinic: Clinic) -> Broken:
    host = HOST[1:]
    clinic.configure(credHelpers={host: "ecr-login"})
    return Broken(
        "rules",
        "has to begin with an account's 12 digits",
        mend=lambda: clinic.configure(credHelpers={HOST: "ecr-login"}),
        right=IMAGE,
        image=f"{host}/team/app:1",
    )


def profile_that_is_none(clinic: Clinic) -> Broken:
    clinic.stage.config(profile("prod", clinic.user))
    path = clinic.stage.settings(rule(A, profile="prd"))
    return Broken(
        "credentials",
        f"{path}:3: profile = 'prd'",
        "did you mean 'prod'?",
        lambda: path.write_text(rule(A, profile="prod")),
    )


def profile_of_the_environment_that_is_none(clinic: Clinic) -> Broken:
    mend = changed(clinic, "AWS_PROFILE", "prd")
    return Broken("credentials", "AWS profile 'prd' is not in", "unset AWS_PROFILE", mend)


def no_credentials(clinic: Clinic) -> Broken:
    for name in clinic.user.environ:
        del clinic.stage.environ[name]
    return Broken(
        "credentials",
        "no AWS credentials found",
        "aws configure",
        lambda: clinic.stage.environ.update(clinic.user.environ),
    )


def keys_that_are_gone(clinic: Clinic) -> Broken:
    keys = clinic.stage.aws.keys.pop(clinic.user.access_key)
    return Broken(
        "identity",
        "",
        mend=lambda: clinic.stage.aws.keys.update({keys.access_key: keys}),
    )


def clock_that_is_slow(clinic: Clinic) -> Broken:
    clinic.stage.aws.clock_offset = 930
    return Broken(
        "clock",
        "this machine's clock is 15 min behind AWS's",
        "set the clock",
        lambda: setattr(clinic.stage.aws, "clock_offset", 0),
    )


def clock_that_is_fast(clinic: Clinic) -> Broken:
    clinic.stage.aws.clock_offset = -3700
    return Broken(
        "clock",
        "1 h 1 min ahead of AWS's",
        mend=lambda: setattr(clinic.stage.aws, "clock_offset", 0),
    )


def changed(clinic: Clinic, name: str, value: str) -> Callable[[], object]:
    """Set a variable; return what sets it back."""
    before = clinic.stage.environ.get(name)
    clinic.stage.environ[name] = value
    if before is None:
        return lambda: clinic.stage.environ.pop(name)
    return lambda: clinic.stage.environ.update({name: before})


def proxy_that_is_down(clinic: Clinic) -> Broken:
    mend = changed(clinic, "HTTPS_PROXY", "http://127.0.0.1:9")
    return Broken("endpoint", "the proxy http://127.0.0.1:9 does not answer", "HTTPS_PROXY", mend)


def certificates_of_another(clinic: Clinic) -> Broken:
    bundle = Authority().write_bundle(clinic.stage.root / "other.pem")
    mend = changed(clinic, "AWS_CA_BUNDLE", str(bundle))
    return Broken("endpoint", "is not trusted", "set AWS_CA_BUNDLE", mend)


def may_not_get_a_token(clinic: Clinic) -> Broken:
    clinic.stage.aws.denied.add((clinic.user.arn, "ecr:GetAuthorizationToken"))
    return Broken(
        "token",
        "ecr:GetAuthorizationToken",
        mend=clinic.stage.aws.denied.clear,
    )


def throttled(clinic: Clinic) -> Broken:
    clinic.stage.aws.faults["ecr"] = refuse("ThrottlingException", "Rate exceeded")
    mend = clinic.stage.aws.faults.clear
    return Broken("token", "ECR is throttling this account", "try again in a minute", mend)


def token_of_another_region(clinic: Clinic) -> Broken:
    password = clinic.stage.aws.password(clinic.user.arn, "eu-west-1")
    login = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": password})
    clinic.stage.run("store", stdin=login.encode())

    def log_out() -> None:
        clinic.stage.run("erase", stdin=HOST.encode())  # what docker logout does

    return Broken("registry", "HTTP 403", "the login that was stored", log_out)


def rule_with_the_wrong_region(clinic: Clinic) -> Broken:
    path = clinic.stage.settings(rule(A, region="eu-west-1"))
    return Broken("registry", "its token is of the wrong region", f"{path}:3: region", path.unlink)


def token_that_is_revoked(clinic: Clinic) -> Broken:
    clinic.stage.get()
    clinic.stage.aws.issued.clear()
    return Broken("registry", "HTTP 403", "forget the token that is kept")


def may_not(action: str) -> Callable[[Clinic], Broken]:
    def broken(clinic: Clinic) -> Broken:
        clinic.front.denied[HOST] = {(clinic.user.arn, action)}
        return Broken(
            "image",
            f"{clinic.user.arn} is not permitted {action}: HTTP 403",
            f"allow {action} on team/app",
            clinic.front.denied.clear,
        )

    broken.__name__ = f"may_not_{action.partition(':')[2]}"
    return broken


def first_pull_through_the_cache(clinic: Clinic) -> Broken:
    clinic.front.pull_through.add("team")
    clinic.front.denied[HOST] = {(clinic.user.arn, "ecr:CreateRepository")}

    def allow() -> None:
        clinic.front.pull_through.clear()
        clinic.front.denied.clear()

    return Broken(
        "image",
        "is not permitted ecr:CreateRepository: HTTP 403, because no identity-based policy allows",
        "the first pull through a cache rule imports the image",
        allow,
    )


def no_such_tag(clinic: Clinic) -> Broken:
    clinic.publish("team/app", "1.2.3")
    return Broken(
        "image",
        "team/app has no tag '1.2.4'; there are: 1.2.3",
        mend=lambda: clinic.publish("team/app", "1.2.4"),
        image=f"{HOST}/team/app:1.2.4",
    )


def no_such_repository(clinic: Clinic) -> Broken:
    return Broken(
        "image",
        f"there is no repository 'team/apps' in account {A} in us-east-1",
        mend=lambda: clinic.publish("team/apps", "1"),
        image=f"{HOST}/team/apps:1",
    )


def wrong_region(clinic: Clinic) -> Broken:
    own = EU.format(A)
    clinic.configure(credHelpers={own: "ecr-login", HOST: "ecr-login"})

    def not_in_europe(request: Request) -> Response | None:
        if request.host == own and "/team/app/" in request.path:
            error = {"errors": [{"code": "NAME_UNKNOWN", "message": "not there"}]}
            return Response(404, json.dumps(error).encode())
        return None

    clinic.instead = not_in_europe
    return Broken(
        "image",
        f"the region is wrong, {HOST} has it",
        "pull from there",
        lambda: None,  # another image is pulled
        image=f"{own}/team/app:1",
        right=IMAGE,
    )


def registry_that_is_down(clinic: Clinic) -> Broken:
    clinic.instead = lambda request: Response(503, b"busy") if request.host == HOST else None
    return Broken("registry", "HTTP 503", mend=lambda: setattr(clinic, "instead", lambda _: None))


def page_to_sign_in_on(clinic: Clinic) -> Broken:
    page = Response(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    clinic.instead = lambda request: page if request.host == HOST else None
    return Broken(
        "registry",
        "did not answer as a registry does",
        "check the host name, HTTPS_PROXY",
        lambda: setattr(clinic, "instead", lambda _: None),
    )


def not_executable(clinic: Clinic) -> Broken:
    path = clinic.program("docker-credential-ecr-login", "exit 1", "only")
    path.chmod(0o644)
    mend = changed(clinic, "PATH", str(path.parent))
    return Broken("program", f"{path} is not executable", "make it so", mend)


def region_that_is_none(clinic: Clinic) -> Broken:
    host = HOST.replace("us-east-1", "us-esat-1")
    clinic.configure(credHelpers={host: "ecr-login", HOST: "ecr-login"})
    clinic.stage.aws.faults["unknown"] = reset()
    clinic.stage.aws.faults["ecr"] = reset()
    return Broken(
        "region",
        f"'us-esat-1' in {host} is no region",
        "did you mean us-west-1 or us-east-1?",
        clinic.stage.aws.faults.clear,
        image=f"{host}/team/app:1",
        right=IMAGE,
    )


def session_that_is_over(clinic: Clinic) -> Broken:
    for name in clinic.user.environ:
        del clinic.stage.environ[name]
    sso_session(clinic.stage)
    sso_login(clinic.stage, "corp", time.time() - 60)
    return Broken(
        "identity",
        "SSO session",
        "aws sso login --profile work",
        lambda: sso_login(clinic.stage, "corp", time.time() + 3600),
    )


def role_that_may_not_be_assumed(clinic: Clinic) -> Broken:
    role = clinic.stage.aws.role("puller")
    clinic.stage.settings(rule(A, role_arn=role.arn))
    del clinic.stage.aws.roles[role.arn]
    return Broken(
        "identity",
        "sts:AssumeRole",
        mend=lambda: clinic.stage.aws.roles.update({role.arn: role}),
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


Way = Callable[[Clinic], Broken]


def treat(clinic: Clinic, way: Way, pulls: Callable[[str], bool] = lambda _: True) -> None:
    """Break a set-up, have the cause named first, do what is said, and see that all is well.

    pulls: whether Docker's engine pulls an image, where there is one.
    """
    broken = way(clinic)
    found = clinic.doctor(broken.image).failed

    assert found["check"] == broken.check, found
    assert broken.seen in found["seen"], found
    assert broken.fix in found["fix"], found
    if broken.mend:
        broken.mend()
    else:
        name, *arguments = shlex.split(found["command"])
        assert name == "docker-credential-ecrpy"
        done = clinic.stage.run(*arguments)
        assert done.code == 0, done
    after = clinic.doctor(broken.right or broken.image)
    assert after.done.code == 0, after.found["cause"]
    assert pulls(broken.right or broken.image)
