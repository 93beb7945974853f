"""Facts about `password`: the identity of the token, and the cache that it shares with `get`."""

import base64
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.cli.commands.password import _authority
from tests.world.accounts import EU, US, A, B, profile, rule
from tests.world.aws import refuse
from tests.world.machine import HOST, Machine, Result


def password(machine: Machine, *arguments: str, **environ: str) -> str:
    """Return the one line that it prints, which has to be a token that AWS issued."""
    done = machine.run("password", *arguments, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    line, newline, rest = done.stdout.decode().partition("\n")
    assert (newline, rest) == ("\n", "")
    assert line in machine.aws.issued
    return line


def failure(machine: Machine, *arguments: str, code: int = 1, **environ: str) -> str:
    """Return its standard error; standard output has to be empty."""
    done = machine.run("password", *arguments, environ=environ)
    assert (done.code, done.stdout) == (code, b""), done
    return done.stderr.decode()


@pytest.mark.parametrize(
    "text",
    [
        HOST,
        f"https://{HOST}/v2/",
        f"{HOST}/team/app:1",
        f"{HOST}:443/team/app@sha256:{'0' * 64}",
        "images.example.com/app",
        "public.ecr.aws/nginx/nginx",
        "123456789012@us-east-1",
    ],
)
def test_a_registry_however_it_is_named(machine: Machine, text: str) -> None:
    """A host, a URL, an image, a private name and ECR Public all work."""
    machine.login()
    machine.settings(rule("images.example.com", registry=US.format(B)))

    assert password(machine, text)


@pytest.mark.parametrize("first", ["get", "password"])
def test_its_cache_is_that_of_get(machine: Machine, first: str) -> None:
    """Both make one call to AWS, whichever comes first."""
    machine.login()
    secrets = {machine.get().secret} if first == "get" else set()
    secrets |= {password(machine, HOST), machine.get().secret, password(machine, US.format(B))}

    assert len(secrets) == 1
    assert machine.aws.count() == {"ecr": 1}


def test_many_at_once_make_one_call(machine: Machine) -> None:
    """They wait for the process that calls AWS, as each get does."""
    machine.login()
    children = [machine.start_get()]
    children += [
        subprocess.Popen(
            [*machine.program, "password", *arguments],
            env=machine.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for arguments in ([HOST], ["--region", "us-east-1"], [US.format(B)])
    ]
    answers = [child.communicate(timeout=60) for child in children]

    assert [error for _, error in answers] == [b""] * 4
    (secret,) = machine.aws.issued
    assert all(secret.encode() in answer for answer, _ in answers)


def test_a_login_counts(machine: Machine) -> None:
    """A login that docker login stored is used, as in a pull."""
    login = {"ServerURL": HOST, "Username": "AWS", "Secret": "a-login-password"}
    machine.run("store", stdin=json.dumps(login).encode())
    done = machine.run("password", HOST)

    assert done == Result(0, b"a-login-password\n", b"")


def test_a_rule_decides(machine: Machine) -> None:
    """A rule chooses the identity, as in a pull."""
    keys = machine.aws.user("a")
    machine.config(profile("a", keys))
    machine.settings(rule(A, profile="a"))
    machine.login()

    assert machine.aws.issued[password(machine, HOST)].arn == keys.arn
    assert machine.aws.issued[password(machine, US.format(B))].arn != keys.arn


@pytest.mark.tree
@pytest.mark.parametrize("text", ["alpine", "ghcr.io/org/app", "localhost:5000"])
def test_what_is_not_ecrs(machine: Machine, text: str) -> None:
    """That is wrong usage: there is no token for it, and the line says what would have one."""
    said = failure(machine, text, code=2)

    assert "is not an ECR registry; a private name for one needs a rule" in said


def test_ecr_public_without_credentials(machine: Machine) -> None:
    """It is an error, although a pull works without credentials."""
    assert "no AWS credentials found" in failure(machine, "public.ecr.aws")


def test_a_refusal_is_told(machine: Machine) -> None:
    """The error is on standard error only, since a program may read standard output."""
    machine.login()
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", "no", 400)

    assert "may not call ecr:GetAuthorizationToken" in failure(machine, HOST)


def test_the_token_is_on_standard_output_alone(machine: Machine) -> None:
    """The log does not have it."""
    machine.login()
    done = machine.run("password", HOST, environ={"AWS_ECR_DEBUG": "1"})
    (secret,) = machine.aws.issued

    assert done.stdout.decode() == f"{secret}\n"
    assert done.stderr
    assert secret.encode() not in done.stderr


@pytest.mark.tree
class TestRegion:
    """--region."""

    @pytest.mark.parametrize("first", ["get", "password"])
    def test_it_shares_the_endpoints_token(self, machine: Machine, first: str) -> None:
        """It and a get make one call, whichever comes first, and it adds no known host."""
        machine.login()
        if first == "get":
            machine.get()
        else:
            password(machine, "--region", "us-east-1")
            assert machine.run("list").stdout == b"{}\n"
            assert machine.entries("registries") == []
        assert password(machine, "--region", "us-east-1") == machine.get().secret

        assert machine.aws.count() == {"ecr": 1}
        assert json.loads(machine.run("list").stdout) == {f"https://{HOST}": "AWS"}

    def test_no_rule_applies(self, machine: Machine) -> None:
        """A region has no account, so the identity is the one that the AWS CLI uses."""
        machine.config(profile("a", machine.aws.user("a")))
        machine.settings(rule("*.eu-west-1.*", profile="a"))
        machine.login("ambient")

        assert machine.aws.issued[password(machine, "--region", "eu-west-1")].arn.endswith(
            "/ambient"
        )
        assert machine.who(EU.format(A)).endswith("user/a")

    @pytest.mark.parametrize(
        ("region", "hint"),
        [
            ("us-esat-1", "did you mean us-east-1 or us-west-1?"),
            ("EU-WEST-1", "did you mean "),
            ("us-gov-wset-1", "did you mean us-gov-"),
            ("aws-global", "write one such as us-east-1"),
            ("x", "write one such as us-east-1"),
        ],
    )
    def test_a_region_that_is_none(self, machine: Machine, region: str, hint: str) -> None:
        """It is wrong usage: a near miss is named, without a network call."""
        machine.login()
        assert f"'{region}' is not an AWS region; {hint}" in failure(
            machine, "--region", region, code=2
        )
        assert machine.aws.calls == []

    @pytest.mark.parametrize(
        ("environ", "region"),
        [
            ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, "eu-west-1"),
            ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
            ({"AWS_PROFILE": "work"}, "eu-north-1"),
            ({}, "eu-central-1"),
        ],
        ids=["AWS_REGION", "AWS_DEFAULT_REGION", "profile", "default profile"],
    )
    def test_the_region_of_the_shell(
        self, machine: Machine, environ: dict[str, str], region: str
    ) -> None:
        """It is the default where neither a registry nor a region is given."""
        machine.login()
        keys = machine.aws.user()
        machine.config(
            profile("work", keys, "region = eu-north-1\n") + "[default]\nregion = eu-central-1\n"
        )

        assert machine.aws.issued[password(machine, **environ)].region == region

    def test_no_region_at_all(self, machine: Machine) -> None:
        """It is wrong usage, and the error says three ways to name a region."""
        machine.login()
        said = failure(machine, code=2)

        assert "no region; name a registry, add --region, or set AWS_REGION\n" in said

    def test_a_profile_that_is_not_there(self, machine: Machine) -> None:
        """The error names the AWS config files."""
        said = failure(machine, AWS_PROFILE="nobody")

        assert "the AWS settings are wrong: " in said
        assert "config or " in said
        assert "or the AWS_... variables" in said

    @pytest.mark.tree
    def test_a_cached_one_does_without_botocore(self, machine: Machine) -> None:
        """A cached token of a region is found without botocore."""
        machine.login()
        password(machine, "--region", "us-gov-east-1")
        code = (
            "import os, sys\nfrom docker_credential_ecrpy.cli.main import run_cli\n"
            "code = run_cli(['x', 'password', '--region', 'us-gov-east-1'], os.environ, None)\n"
            "sys.exit(code or 'botocore' in sys.modules)"
        )
        done = machine.run(command=[sys.executable, "-c", code])

        assert (done.code, done.stderr) == (0, b"")


@pytest.mark.tree
class TestDockerConfig:
    """--docker-config-json."""

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            (HOST, HOST),
            (f"https://{HOST}/v2/", HOST),
            (f"{HOST}/team/app:1@sha256:{'0' * 64}", HOST),
            ("images.example.com:8443/app", "images.example.com:8443"),
        ],
    )
    def test_what_it_holds(self, machine: Machine, text: str, key: str) -> None:
        """It holds the login for the registry as the user named it, and nothing else."""
        machine.login()
        machine.settings(rule("images.example.com", registry=HOST))
        done = machine.run("password", "--docker-config-json", text)
        (secret,) = machine.aws.issued

        auth = base64.b64encode(f"AWS:{secret}".encode()).decode()
        assert json.loads(done.stdout) == {"auths": {key: {"auth": auth}}}
        assert (done.code, done.stderr) == (0, b"")


@pytest.mark.tree
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((HOST, "--region", "us-east-1"), "exclude each other"),
        (("--docker-config-json",), "--docker-config-json needs REGISTRY|IMAGE"),
        (("--docker-config-json", "--region", "us-east-1"), "needs REGISTRY|IMAGE"),
        (("a b.c/d",), "'a b.c/d' names no registry and no image"),
        (("",), "'' names no registry"),
        ((HOST, HOST), "unexpected extra argument"),
        (("--regoin", "x"), "no such option"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_arguments(machine: Machine, arguments: tuple[str, ...], says: str) -> None:
    """Usage and error are on standard error, and the exit code is 2."""
    said = failure(machine, *arguments, code=2, AWS_REGION="us-east-1")

    assert said.startswith("Usage: docker-credential-")
    assert says in said


HOSTS = st.from_regex(r"[a-z0-9]+(\.[a-z0-9]+){1,4}(:[1-9][0-9]{1,4})?", fullmatch=True)


@given(HOSTS, st.sampled_from(("", "https://", "http://")), st.sampled_from(("", "/v2/", "/a:b@c")))
def test_the_key_of_a_login_is_host_and_port(host: str, scheme: str, path: str) -> None:
    """Scheme and path are left out."""
    assert _authority(f"{scheme}{host}{path}") == host
