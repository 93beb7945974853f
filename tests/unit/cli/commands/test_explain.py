"""Facts about `explain`: what it shows of a registry, and that it makes no network call."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.world import schemas
from tests.world.accounts import EU, US, A, B, profile, rule
from tests.world.aws import refuse
from tests.world.credential_sources import CREDENTIAL_SOURCES, sso_login, sso_session
from tests.world.machine import HOST, Machine, Result
from tests.world.terminal import on_terminal

IMAGE = f"{HOST}/team/app:1"


def explain(machine: Machine, *arguments: str, **environ: str) -> dict[str, str]:
    """Return the text of each title; lines without one belong to the title above."""
    return titles(machine.run("explain", *arguments, environ=environ))


def titles(done: Result) -> dict[str, str]:
    assert (done.code, done.stderr) == (0, b""), done
    found: dict[str, str] = {}
    title = ""
    for line in done.stdout.decode().splitlines():
        title = line[:10].strip() or title
        found[title] = f"{found[title]}; {line[11:]}" if title in found else line[11:]
    return found


@pytest.mark.tree  # each source through every program is test_aws's fact
@pytest.mark.parametrize("set_up", CREDENTIAL_SOURCES, ids=lambda f: f.__name__)
def test_the_identity_is_the_one_that_asks(
    machine: Machine, set_up: Callable[[Machine], None]
) -> None:
    """For every source of credentials, explain names it without a call, and a get then uses it."""
    set_up(machine)
    said = explain(machine, HOST)["identity"]
    assert sum(machine.aws.count().values()) == 0
    log = machine.get(AWS_ECR_DEBUG="1").stderr.decode()
    method = re.search(r"credentials from ([\w-]+)", log)

    assert method is not None
    name = {
        "env": "the environment (AWS_ACCESS_KEY_ID)",
        "shared-credentials-file": "profile 'default' in the credentials file",
        "config-file": "profile 'work' in the config file",
        "assume-role": "the role of profile 'work', arn:aws:iam::",
        "assume-role-with-web-identity": "the web identity role, arn:aws:iam::",
        "sso": "the SSO session of profile 'work', role Dev in account 123456789012",
        "login": "the aws login session of profile 'work'",
        "custom-process": "credential_process of profile 'default'",
        "container-role": "the container's role",
        "iam-role": "the instance's role, if this machine has one",
    }[method[1]]
    assert said.startswith(name)


def test_everything_that_it_says_of_a_rule(machine: Machine) -> None:
    """File and line, role and its source, region and endpoint are shown without a call to AWS."""
    base, role = machine.aws.user("base"), machine.aws.role("puller", B, external_id="x-1")
    machine.config(profile("base", base))
    path = machine.settings(
        rule(A, profile="base")
        + rule("*.eu-*", profile="base", role_arn=role.arn, external_id="x-1", region="eu-south-1")
    )
    said = explain(machine, f"{EU.format(B)}/app@sha256:{'0' * 64}")

    assert said == {
        "registry": f"{EU.format(B)}: account {B}",
        "rule": f'{path}:5: match = "*.eu-*"',
        "identity": f"the role {role.arn}, assumed with an external id from profile 'base'"
        " in the config file",
        "region": "eu-south-1",
        "endpoint": "https://api.ecr.eu-south-1.amazonaws.com",
        "cache": f"no entry in {machine.cache}/tokens",
    }
    assert machine.aws.calls == []


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        (US.format(A).replace("ecr", "ecr-fips"), "https://api.ecr-fips.us-east-1.amazonaws.com"),
        (f"{A}.dkr-ecr.eu-west-1.on.aws", "https://ecr.eu-west-1.api.aws"),
        ("public.ecr.aws", "https://api.ecr-public.us-east-1.amazonaws.com"),
    ],
)
def test_the_endpoint_is_the_one_that_is_asked(machine: Machine, host: str, endpoint: str) -> None:
    """The host's name decides: FIPS, dual-stack or ECR Public."""
    machine.login()
    assert explain(machine, host)["endpoint"] == endpoint
    machine.get(host)

    assert f"https://{machine.aws.calls[-1].host}" == endpoint


def test_an_account_and_a_region(machine: Machine) -> None:
    """They name the registry."""
    machine.login()
    said = explain(machine, f"{A}@eu-west-1")

    assert said["registry"] == f"{EU.format(A)}: account {A}"


def test_the_endpoint_of_a_rule(machine: Machine) -> None:
    """It is shown without its path, as in errors."""
    machine.login()
    machine.settings(rule(A, endpoint_url="https://vpce-1.example.com"))

    assert explain(machine, HOST)["endpoint"] == "https://vpce-1.example.com"


def test_a_variable_that_chooses(machine: Machine) -> None:
    """The variable is named, and the rule that it overrides."""
    machine.config(profile("a", machine.aws.user("a")))
    path = machine.settings(rule(A, profile="b"))
    said = explain(machine, IMAGE, **{f"AWS_ECR_PROFILE_{A}": "a"})

    assert said["variable"] == f"AWS_ECR_PROFILE_{A}"
    assert said["rule"] == f'{path}:2: match = "{A}"'
    assert said["identity"].startswith("profile 'a'")


def test_why_no_rule_matched(machine: Machine) -> None:
    """The file does not exist, has no rule, or no rule matches."""
    machine.login()
    path = machine.cache / "config.toml"

    assert explain(machine, HOST)["rule"] == f"none: {path} does not exist"
    machine.settings("# nothing")
    assert explain(machine, HOST)["rule"] == f"none: {path} has no rule"
    machine.settings(rule(B))
    assert explain(machine, HOST)["rule"] == f"none: the only rule in {path} does not match"
    machine.settings(rule(B) + rule("*.eu-*"))
    assert explain(machine, HOST)["rule"] == f"none: the 2 rules in {path} do not match"


def test_a_private_name(machine: Machine) -> None:
    """The registry behind it is shown."""
    machine.login()
    machine.settings(rule("images.example.com", registry=US.format(B)))
    said = explain(machine, "images.example.com:8443/app")

    assert said["registry"] == f"images.example.com: private name of {US.format(B)}, account {B}"


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("image", ["alpine:3.19", "ghcr.io/org/app", "localhost:5000/app"])
def test_what_is_not_ecrs(machine: Machine, image: str, fallback: bool) -> None:
    """The fallback that answers is named, or the text that Docker gets without one."""
    program = machine.file("bin/docker-credential-pass", "#!/bin/sh\n", mode=0o700)
    machine.environ["PATH"] = f"{program.parent}{os.pathsep}{machine.environ['PATH']}"
    path = machine.settings('fallback = "pass"\n' if fallback else "")
    said = explain(machine, image)

    assert said["registry"].endswith(": not an ECR registry")
    assert said["answer"] == (
        f"from {program}, the fallback in {path}:1"
        if fallback
        else '"credentials not found in native keychain": clients then pull without credentials'
    )


def test_a_fallback_that_is_not_there(machine: Machine) -> None:
    """It is an error: a get would fail too."""
    machine.settings('fallback = "nobody"\n')
    done = machine.run("explain", "ghcr.io")

    assert done.code == 1
    assert b"docker-credential-nobody is not on PATH" in done.stderr


def test_ecr_public_without_credentials(machine: Machine) -> None:
    """It is no failure, since pulls work anonymously."""
    said = explain(machine, "public.ecr.aws/nginx/nginx:1")

    assert said["identity"].startswith(
        "none; public images can be pulled without: no AWS credentials found"
    )


def test_without_a_home(machine: Machine) -> None:
    """There is no file of rules."""
    machine.login()
    del machine.environ["HOME"], machine.environ["USERPROFILE"]

    assert explain(machine, HOST)["rule"] == "none: there is no home directory"


def as_json(machine: Machine, *arguments: str, **environ: str) -> dict[str, Any]:
    """Return the document, which has to be of the documented form."""
    done = machine.run("explain", "--json", *arguments, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    found: dict[str, Any] = json.loads(done.stdout)
    schemas.check(found, "explain")
    return found


class TestJson:
    """--json."""

    def test_a_registry(self, machine: Machine) -> None:
        """Rule, identity, region, endpoint and the cached token's times; never the token."""
        machine.config(profile("a", machine.aws.user("a")))
        path = machine.settings(rule(A, profile="a"))
        secret = machine.get().secret
        found = as_json(machine, "--check", HOST)
        entry = found.pop("cache")["entry"]

        assert found == {
            "schema_version": 1,
            "command": "explain",
            "host": HOST,
            "registry": {"host": HOST, "account": A, "public": False},
            "rule": {"file": str(path), "line": 2, "match": A},
            "variable": None,
            "fallback": None,
            "identity": "profile 'a' in the config file",
            "reason": None,
            "region": "us-east-1",
            "endpoint": "https://api.ecr.us-east-1.amazonaws.com",
            "caller": machine.aws.issued[secret].arn,
            "profile_fix": None,
            "error": None,
        }
        assert entry["kind"] in ("host", "endpoint")
        assert entry["expires_seconds"] - entry["written_seconds"] in range(43_100, 43_201)
        assert secret not in str(entry)

    def test_a_private_name(self, machine: Machine) -> None:
        """The registry behind it; and the files that are not used, with why."""
        machine.login()
        machine.settings(rule("images.example.com", registry=US.format(B)))
        machine.get("images.example.com")
        for path in machine.entries():
            path.write_bytes(b"x")
        found = as_json(machine, "images.example.com")

        assert found["registry"]["host"] == US.format(B)
        assert found["cache"]["entry"] is None
        assert {unused["reason"] for unused in found["cache"]["unused"]} == {"it is damaged"}

    @pytest.mark.parametrize("fallback", [False, True])
    def test_another_registry(self, machine: Machine, fallback: bool) -> None:
        """The helper that answers for it, or null."""
        program = machine.file("bin/docker-credential-pass", "#!/bin/sh\n", mode=0o700)
        machine.environ["PATH"] = f"{program.parent}{os.pathsep}{machine.environ['PATH']}"
        path = machine.settings('fallback = "pass"\n' if fallback else "")
        found = as_json(machine, "ghcr.io/org/app")

        assert found["registry"] is None
        assert found["fallback"] == (
            {"program": str(program), "place": f"{path}:1"} if fallback else None
        )

    def test_no_identity_and_no_cache(self, machine: Machine) -> None:
        """ECR Public works without; the reason is there."""
        found = as_json(machine, "public.ecr.aws/nginx/nginx", AWS_ECR_DISABLE_CACHE="1")

        assert found["identity"] is None
        assert found["reason"].startswith("no AWS credentials found")
        assert found["cache"] == {"directory": None, "entry": None, "unused": []}
        assert found["registry"] == {"host": "public.ecr.aws", "account": None, "public": True}

    @pytest.mark.parametrize(
        ("settings", "name", "message", "known"),
        [
            ("", HOST, "no AWS credentials found", True),
            ("x", HOST, ":1: this is not TOML", False),
            (rule(A, profile="nobody"), HOST, "AWS profile 'nobody' is not in ", True),
            ('fallback = "nobody"\n', "ghcr.io/a", "docker-credential-nobody is not on", False),
        ],
        ids=["credentials", "settings", "profile", "fallback"],
    )
    def test_an_error(
        self, machine: Machine, settings: str, name: str, message: str, *, known: bool
    ) -> None:
        """It is in the document, with what is known, and on standard error; the code is 1."""
        machine.settings(settings)
        done = machine.run("explain", "--json", name)
        found = json.loads(done.stdout)
        schemas.check(found, "explain")

        assert done.code == 1
        assert message in found["error"]["message"]
        assert message.encode() in done.stderr
        assert (found["registry"] is not None) == known

    def test_the_command_that_fixes_an_error(self, machine: Machine) -> None:
        """It is a member of its own, and null without an error."""
        machine.environ["AWS_PROFILE"] = "work"
        sso_session(machine)
        sso_login(machine, "corp", time.time() - 60)
        done = machine.run("explain", "--json", "--check", HOST)
        error = json.loads(done.stdout)["error"]

        assert error["command"] == "aws sso login --profile work"
        assert error["hint"].endswith(error["command"])


@pytest.mark.tree
class TestLog:
    """-v."""

    def test_each_step_of_a_run_that_fails(self, machine: Machine) -> None:
        """The settings file, the number of rules, the chosen rule and the cache are logged."""
        path = machine.settings(rule(B) + rule(A, profile="nobody"))
        done = machine.run("explain", "-v", HOST)
        log = done.stderr.decode()

        assert done.code == 1
        assert f" settings: {path}\n" in log
        assert " settings: 2 rules\n" in log
        assert f" rule: {path}:" in log

    def test_a_search_of_the_cache(self, machine: Machine) -> None:
        """The places without an entry are named, with the reason."""
        done = machine.run("explain", "-v", HOST)

        assert done.code == 1
        assert f" cache: no host entry for {HOST}: " in done.stderr.decode()

    def test_settings_that_are_wrong(self, machine: Machine) -> None:
        """The file is logged before it is read."""
        path = machine.settings("x")

        assert f" settings: {path}\n" in machine.run("explain", "-v", HOST).stderr.decode()


class TestCache:
    """What it says of the cache."""

    def test_a_token(self, machine: Machine) -> None:
        """Its file, age, refresh and expiry are shown, never the token."""
        machine.login()
        secret = machine.get().secret
        done = machine.run("explain", HOST)
        said = titles(done)["cache"]
        (path,) = (path for path in machine.entries() if path.name.startswith(HOST))

        assert said.startswith(f"a token for this host:; {path}; stored at 20")
        due = re.search(r"refresh from \S+Z \(in (\d+) h (\d+) min\)", said)
        assert due
        assert 6 * 60 * 0.9 - 1 <= int(due[1]) * 60 + int(due[2]) <= 6 * 60
        assert re.search(r"expires at \S+Z \(in (11 h 59|12 h 0) min\)", said)
        assert secret.encode() not in done.stdout + done.stderr
        assert machine.aws.count() == {"ecr": 1}

    def test_a_token_that_will_be_shared(self, machine: Machine) -> None:
        """Another account of the same identity shares it."""
        machine.login()
        machine.get()

        said = explain(machine, US.format(B))["cache"]
        assert said.startswith("a token of its endpoint, used for this host too:; ")

    def test_a_login(self, machine: Machine) -> None:
        """It takes precedence over tokens, and is not refreshed."""
        machine.login()
        machine.get()
        login = f'{{"ServerURL": "{HOST}", "Username": "AWS", "Secret": "x"}}'
        machine.run("store", stdin=login.encode())
        said = explain(machine, HOST)["cache"]

        del machine.environ["AWS_ACCESS_KEY_ID"]
        assert b"logins/" in machine.run("explain", HOST).stdout  # also where nobody could ask
        assert said.startswith(f"a stored login, used until it expires:; {machine.cache}/logins/")
        assert "refresh" not in said

    def test_a_token_that_is_not_used(self, machine: Machine) -> None:
        """The reason is shown."""
        machine.login()
        machine.get()
        for path in machine.entries():
            path.write_bytes(b"x")

        assert explain(machine, HOST)["cache"].count("not used: it is damaged") == 2

    def test_no_cache(self, machine: Machine) -> None:
        """AWS_ECR_DISABLE_CACHE turns it off."""
        machine.login()

        assert explain(machine, HOST, AWS_ECR_DISABLE_CACHE="1")["cache"] == "off"


class TestCheck:
    """--check."""

    def test_the_callers_arn(self, machine: Machine) -> None:
        """One call to STS with the credentials of a pull finds it, and none to ECR."""
        machine.login()
        role = machine.aws.role("puller", B)
        machine.settings(rule(B, role_arn=role.arn))
        said = explain(machine, US.format(B), "--check")

        assert said["caller"] == f"arn:aws:sts::{B}:assumed-role/puller/session"
        assert machine.aws.count() == {"sts:AssumeRole": 1, "sts:GetCallerIdentity": 1}

    def test_a_failure_is_told_after_what_is_known(self, machine: Machine) -> None:
        """The error is on standard error only, with exit code 1."""
        machine.login()
        machine.aws.faults["sts:GetCallerIdentity"] = refuse("ExpiredToken", "x", 403)
        done = machine.run("explain", HOST, "--check")

        assert done.code == 1
        assert b"\nendpoint   https://" in done.stdout
        assert b"the AWS credentials from the environment have expired" in done.stderr
        assert b"expired" not in done.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (rule(A, profile="nobody"), ":3: profile = 'nobody': AWS profile 'nobody' is not in "),
        (rule(A, profile="auto"), ':3: profile = "auto": no AWS profile names account'),
        ("x", ":1: this is not TOML"),
        ("", "no AWS credentials found"),
    ],
)
def test_what_would_fail_is_told(machine: Machine, settings: str, says: str) -> None:
    """The error is that of a get, without a network call."""
    machine.settings(settings)
    done = machine.run("explain", HOST)

    assert (done.code, says in done.stderr.decode()) == (1, True)
    assert machine.aws.calls == []


def test_a_profile_of_the_registrys_account_is_suggested(machine: Machine) -> None:
    """That is for an identity of another account, or without credentials, and no other one."""
    command = f"docker-credential-ecrpy configure {HOST} --profile prod"
    of_a = (
        f"[profile prod]\ncredential_process = '{sys.executable}' --role arn:aws:iam::{A}:role/x\n"
    )
    machine.config(of_a + f"[profile b]\nrole_arn = {ROLE_B}\nsource_profile = prod\n")
    said = explain(machine, HOST, AWS_PROFILE="b")["profile"]

    assert said == f"use the AWS profile of account {A}: 'prod'; {command}"
    assert "profile" not in explain(machine, HOST, AWS_PROFILE="prod")
    failed = machine.run("explain", "--json", HOST)
    assert json.loads(failed.stdout)["error"]["command"] == command

    machine.config(f"{of_a}[profile empty]\nregion = eu-west-1\n")
    machine.settings(f'[[registry]]\nmatch = "{A}"\nprofile = "empty"\n')
    failed = machine.run("explain", "--json", HOST)
    assert json.loads(failed.stdout)["error"]["command"] == command


def test_the_account_of_the_caller_counts(machine: Machine) -> None:
    """With --check it is known, also for keys in the environment."""
    machine.login()
    machine.config(f"[profile prod]\nsso_account_id = {A}\n")

    assert "profile" in explain(machine, HOST)
    assert "profile" not in explain(machine, HOST, "--check")


ROLE_B = f"arn:aws:iam::{B}:role/x"
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"
LOST = "sso_session = lost\nsso_account_id = 1\nsso_role_name = x\n"
LOOP = f"{ROLE}source_profile = default\n"


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (f"[default]\n{ROLE}source_profile = b\n[profile b]\n{LOOP}", "default"),
        (f"[default]\n{ROLE}source_profile = gone\n", "gone"),
        (f"[default]\n{ROLE}source_profile = idle\n[profile idle]\nregion = x\n", "idle"),
        (f"[default]\n{ROLE}source_profile = s\n[profile s]\n{LOST}", "lost"),
        (f"[default]\n{LOST}", "lost"),
        (f"[default]\n{ROLE}credential_source = Ec2\n", "Ec2"),
        (f"[default]\n{ROLE}web_identity_token_file = /nowhere/token\n", "/nowhere/token"),
    ],
    ids=["loop", "no source", "empty source", "session of source", "session", "kind", "token"],
)
def test_a_profile_that_cannot_work_is_told(machine: Machine, config: str, names: str) -> None:
    """What the settings show is told, without a network call."""
    machine.config(config)
    done = machine.run("explain", HOST)

    assert (done.code, names in done.stderr.decode()) == (1, True)
    assert machine.aws.calls == []


def test_a_program_of_a_source_profile_is_not_run(machine: Machine) -> None:
    """botocore checks a chain of profiles only while it loads the credentials of the last one."""
    mark = machine.root / "ran"
    machine.config(
        f"[default]\n{ROLE}source_profile = a\n"
        f"[profile a]\n{ROLE}source_profile = b\n"
        f"[profile b]\ncredential_process = touch {mark}\n"
    )

    assert "assumed from profile 'b'" in explain(machine, HOST)["identity"]
    assert not mark.exists()


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--chek", "a"), ("",), ("a b.c/d",)])
def test_wrong_arguments(machine: Machine, arguments: tuple[str, ...]) -> None:
    """The usage is on standard error, and the exit code is 2."""
    done = machine.run("explain", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert b"Usage: docker-credential-" in done.stderr


def test_its_help_has_examples(machine: Machine) -> None:
    """One of them calls AWS."""
    done = machine.run("explain", "--help")

    assert (done.code, done.stderr) == (0, b"")
    assert b"--check images.example.com" in done.stdout


def test_it_goes_on_when_its_reader_leaves(machine: Machine) -> None:
    """A reader such as head that stops reading causes no traceback."""
    machine.login()
    done = subprocess.run(
        ["sh", "-c", f'"$@" explain {HOST} | head -n 1', "sh", *machine.program],
        env=machine.environ,
        capture_output=True,
        check=True,
    )

    assert done.stderr == b""
    assert done.stdout.startswith(b"registry ")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pty")
def test_it_shows_that_it_waits_on_a_terminal(machine: Machine) -> None:
    """The result replaces the line of progress."""
    machine.login()
    machine.aws.latency = 1
    shown = on_terminal(machine, 80, "explain", "--check", HOST, raw=True)

    assert " calling AWS STS ...\r" in shown
    assert "\rregistry   " in shown
    assert "\ncaller     arn:aws:iam::" in shown


_ROLE = f"role_arn = arn:aws:iam::{A}:role/puller\n"
_KEYS = "[profile q]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + "x" * 40


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (f"{_ROLE}credential_source = Environment", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (f"{_ROLE}credential_source = EcsContainer", "_FULL_URI are not set"),
        (f"{_ROLE}credential_source = Ec2InstanceMetadata", "AWS_EC2_METADATA_DISABLED turns it"),
        (f"role_arn = x\nsource_profile = q\n{_KEYS}", "does not take role_arn = x of AWS profile"),
        ("credential_process = /nowhere/tool", "/nowhere/tool: No such file or directory"),
        ("credential_process = no-such-tool", "no-such-tool is not on PATH"),
        (
            f"{_ROLE}source_profile = q\n[profile q]\ncredential_process = /nowhere/tool",
            "of AWS profile 'q' cannot be run: /nowhere/tool",
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="there a program may be found without .exe")
def test_a_profile_that_cannot_work(machine: Machine, profile: str, says: str) -> None:
    """What this machine's files and variables show fails as a `get` does."""
    machine.config(f"[profile p]\n{profile}\n")
    done = machine.run("explain", HOST, environ={"AWS_PROFILE": "p"})

    assert done.code == 1
    assert says.encode() in done.stderr
    assert done.stderr.decode().partition(": ")[2] == machine.get(AWS_PROFILE="p").error + "\n"
