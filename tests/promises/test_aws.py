"""Facts about asking AWS: every source of credentials, endpoints, caches and limits."""

import json
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import exceptions

from docker_credential_ecrpy.aws.context import SERVICES, CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.session import make_session
from docker_credential_ecrpy.hot import identity, registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world import aws as world
from tests.world import credential_sources
from tests.world.hosts import HOSTS
from tests.world.machine import HOST, NOT_FOUND, Machine, Result

MFA = "arn:aws:iam::123456789012:mfa/dev"
# host -> the API that botocore's endpoint rules give for it
ENDPOINTS = {
    "123456789012.dkr.ecr.us-east-1.amazonaws.com": "api.ecr.us-east-1.amazonaws.com",
    "123456789012.dkr.ecr.ap-southeast-5.amazonaws.com": "api.ecr.ap-southeast-5.amazonaws.com",
    "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com": "api.ecr.us-gov-west-1.amazonaws.com",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": "api.ecr.cn-north-1.amazonaws.com.cn",
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu": "api.ecr.eusc-de-east-1.amazonaws.eu",
    "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov": "api.ecr.us-iso-east-1.c2s.ic.gov",
    "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov": "api.ecr.us-isob-east-1.sc2s.sgov.gov",
    "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk": "api.ecr.eu-isoe-west-1.cloud.adc-e.uk",
    "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov": (
        "api.ecr.us-isof-south-1.csp.hci.ic.gov"
    ),
    "123456789012.dkr.ecr-fips.us-east-2.amazonaws.com": "api.ecr-fips.us-east-2.amazonaws.com",
    "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com": (
        "api.ecr-fips.us-gov-east-1.amazonaws.com"
    ),
    "123456789012.dkr-ecr.us-west-2.on.aws": "ecr.us-west-2.api.aws",
    "123456789012.dkr-ecr-fips.us-west-2.on.aws": "ecr-fips.us-west-2.api.aws",
    "123456789012.dkr-ecr.us-gov-west-1.on.aws": "ecr.us-gov-west-1.api.aws",
    "123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn": (
        "ecr.cn-northwest-1.api.amazonwebservices.com.cn"
    ),
    "123456789012.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu": (
        "ecr.eusc-de-east-1.api.amazonwebservices.eu"
    ),
    "public.ecr.aws": "api.ecr-public.us-east-1.amazonaws.com",
    "ecr-public.aws.com": "ecr-public.us-east-1.api.aws",
}


@pytest.mark.parametrize(
    "source", credential_sources.CREDENTIAL_SOURCES, ids=lambda source: source.__name__
)
def test_every_source_of_credentials_works(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """Cold, the right identity asks ECR once; cached, nobody asks anybody."""
    arn, others = credential_sources.CREDENTIAL_SOURCES[source]
    source(machine)

    secrets = {machine.get().secret for _ in range(2)}

    (secret,) = secrets
    assert machine.aws.issued[secret].arn == arn
    assert machine.aws.count() == {"ecr": 1, **others}


@pytest.mark.parametrize("host", ENDPOINTS, ids=ENDPOINTS)
def test_each_host_asks_its_own_endpoint(machine: Machine, host: str) -> None:
    """FIPS hosts ask the FIPS API, dual-stack hosts the dual-stack API, each in its partition."""
    machine.login()
    assert machine.get(host).secret in machine.aws.issued

    (call,) = machine.aws.calls
    assert call.host == ENDPOINTS[host]
    assert call.region == HOSTS[host][0]


def test_the_endpoint_table_is_complete() -> None:
    """No host form is left out of it."""
    assert set(ENDPOINTS) == set(HOSTS)


@pytest.mark.parametrize(
    "host", [HOST, *(host for host in ENDPOINTS if "fips" in host or "dkr-ecr" in host)]
)
def test_an_endpoint_that_the_user_names_is_asked(machine: Machine, host: str) -> None:
    """AWS_ENDPOINT_URL_ECR wins, also for hosts that ask for FIPS or dual-stack."""
    machine.login()
    result = machine.get(host, AWS_ENDPOINT_URL_ECR="https://ecr.example.com")

    assert result.secret in machine.aws.issued
    assert machine.aws.calls[0].host == "ecr.example.com"


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("by", ["environment", "profile"])
def test_the_dual_stack_switch_counts(machine: Machine, region: str, fips: bool, by: str) -> None:
    """It chooses the dual-stack API for a plain host, alone or with FIPS."""
    machine.login()
    suffix = "amazonaws.com.cn" if region.startswith("cn") else "amazonaws.com"
    api = "api.amazonwebservices.com.cn" if region.startswith("cn") else "api.aws"
    if by == "environment":
        machine.environ["AWS_USE_DUALSTACK_ENDPOINT"] = "true"
    else:
        machine.config("[default]\nuse_dualstack_endpoint = true\n")
    if fips:
        machine.environ["AWS_USE_FIPS_ENDPOINT"] = "true"

    assert machine.get(f"123456789012.dkr.ecr.{region}.{suffix}").secret in machine.aws.issued
    assert machine.aws.calls[0].host == f"ecr{'-fips' if fips else ''}.{region}.{api}"


def test_an_endpoint_in_the_profile_is_asked(machine: Machine) -> None:
    """The services section of the AWS config counts, and can be ignored."""
    machine.login()
    machine.config(
        "[default]\nservices = local\n[services local]\necr =\n  endpoint_url = https://x.test\n"
    )

    machine.get()
    machine.get(AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")

    assert [call.host for call in machine.aws.calls] == ["x.test", ENDPOINTS[HOST]]


def test_the_environments_fips_switch_counts(machine: Machine) -> None:
    """AWS_USE_FIPS_ENDPOINT chooses the FIPS API for a plain host too."""
    machine.login()
    machine.get(AWS_USE_FIPS_ENDPOINT="true")

    assert machine.aws.calls[0].host == "api.ecr-fips.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.cn",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.amazonaws.eu",
        "123456789012.dkr-ecr.us-east-1.on.amazonwebservices.com.cn",
    ],
)
def test_a_region_of_another_partition_is_not_asked(machine: Machine, host: str) -> None:
    """One partition's token never goes to another's registry."""
    machine.login()

    assert "does not belong to" in machine.get(host).error
    assert machine.aws.count() == {}


def test_a_region_that_botocore_does_not_know_is_asked(machine: Machine) -> None:
    """A new region needs no release of anything."""
    machine.login()
    assert machine.get("123456789012.dkr.ecr.xx-newplace-7.amazonaws.com").secret

    assert machine.aws.calls[0].host == "api.ecr.xx-newplace-7.amazonaws.com"


def test_the_region_comes_from_the_host(machine: Machine) -> None:
    """Whatever the environment says; ECR Public is always us-east-1's."""
    machine.login()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        machine.environ[name] = "ap-south-1"
    machine.get()
    machine.get("public.ecr.aws")

    assert [call.region for call in machine.aws.calls] == ["us-east-1", "us-east-1"]


@pytest.mark.parametrize(
    "source",
    [
        credential_sources.environment,
        credential_sources.assumed_role,
        credential_sources.web_identity,
    ],
)
def test_empty_variables_are_as_if_not_set(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """CI systems set variables to nothing: each that could decide, at once."""
    source(machine)
    names = [name for name in identity.DECIDING_VARIABLES if name.startswith("AWS_")]
    empty = dict.fromkeys(set(names) - set(machine.environ), "")

    assert machine.get(**empty).secret in machine.aws.issued


def test_a_cached_role_of_the_aws_cli_serves(machine: Machine) -> None:
    """One `aws` call with an MFA code is enough for Docker too; no STS, no prompt."""
    role = machine.aws.role(mfa_serial=MFA)
    _mfa_profile(machine, role.arn)
    keys = machine.aws.session(role.arn)
    credential_sources.cli_cached_role(machine, {"RoleArn": role.arn, "SerialNumber": MFA}, keys)

    secret = machine.get().secret

    assert machine.aws.issued[secret].arn == keys.arn
    assert machine.aws.count() == {"ecr": 1}


def test_an_mfa_profile_without_a_cached_role_fails_at_once(machine: Machine) -> None:
    """Standard input is the protocol: it says which command to type, and asks nothing."""
    _mfa_profile(machine, machine.aws.role(mfa_serial=MFA).arn)

    error = machine.get().error

    assert "AWS profile 'work' needs an MFA code" in error
    assert error.endswith("aws sts get-caller-identity --profile work")
    assert machine.aws.count() == {}


def _mfa_profile(machine: Machine, role: str) -> None:
    credential_sources.named_profile(machine)
    config = (machine.home / ".aws" / "config").read_text().replace("profile work", "profile base")
    machine.config(
        config + f"[profile work]\nrole_arn = {role}\nsource_profile = base\nmfa_serial = {MFA}\n"
    )


def test_roles_are_left_for_the_aws_cli(machine: Machine) -> None:
    """Two regions need two tokens, and one AssumeRole; its credentials are kept 0600."""
    credential_sources.assumed_role(machine)
    machine.get()
    machine.get(HOST.replace("us-east-1", "eu-west-1"))

    assert machine.aws.count() == {"sts:AssumeRole": 1, "ecr": 2}
    (kept,) = (machine.home / ".aws" / "cli" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_cli_cache_that_cannot_be_written_costs_nothing(machine: Machine) -> None:
    """A file in the place of its directory."""
    credential_sources.assumed_role(machine)
    (machine.home / ".aws" / "cli").touch()

    assert machine.get().secret in machine.aws.issued


@pytest.mark.parametrize(
    "source",
    [
        credential_sources.assumed_role,
        credential_sources.web_identity,
        credential_sources.sso_session,
        credential_sources.container,
        credential_sources.pod_identity,
    ],
    ids=lambda source: source.__name__,
)
def test_a_token_is_due_when_its_session_ends(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """Users report that a token dies with the role session that fetched it."""
    machine.aws.session_life = 4
    source(machine)
    first = machine.get().secret
    assert machine.get().secret == first
    assert machine.aws.count()["ecr"] == 1

    time.sleep(4.1)
    assert machine.get().secret != first
    assert machine.aws.count()["ecr"] == 2


def test_a_token_outlives_its_session_where_it_cannot_be_renewed(machine: Machine) -> None:
    """AWS names no such end of a token's life: better than none at all."""
    credential_sources.environment_with_session(machine)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    machine.environ |= {"AWS_CREDENTIAL_EXPIRATION": end, "AWS_ECR_LOG": str(machine.root / "log")}
    first = machine.get().secret
    time.sleep(3.1)

    assert machine.get().secret == first
    assert "not renewed: the AWS credentials from the environment have expired" in (
        (machine.root / "log").read_text()
    )


@pytest.mark.parametrize("damage", ["", "{}", "null", "[]", '{"Credentials": {}}', "\0\0", "\xff"])
def test_a_damaged_cache_of_the_aws_cli_is_as_good_as_none(machine: Machine, damage: str) -> None:
    """A full disk leaves such files; the role is assumed anew, and the file is mended."""
    credential_sources.assumed_role(machine)
    machine.get()
    (kept,) = (machine.home / ".aws" / "cli" / "cache").iterdir()
    kept.write_bytes(damage.encode("latin-1"))
    for entry in machine.entries():
        entry.unlink()

    assert machine.get().secret in machine.aws.issued
    assert json.loads(kept.read_text())["Credentials"]
    assert machine.aws.count() == {"sts:AssumeRole": 2, "ecr": 2}


@pytest.mark.parametrize(
    "source", [credential_sources.assumed_role, credential_sources.sso_session_that_needs_a_refresh]
)
@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
def test_caches_that_cannot_be_written_cost_nothing(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """A renewed SSO session serves this call also when it cannot be kept; nothing stays behind."""
    source(machine)
    (machine.home / ".aws" / "cli").touch()
    sso = machine.home / ".aws" / "sso" / "cache"
    for file in [*sso.glob("*.json")]:
        keep = file.read_text()
        file.unlink()
        # A directory cannot be replaced by a file, whoever one is.
        file.mkdir() if "sso" not in source.__name__ else file.write_text(keep)

    assert machine.get().secret in machine.aws.issued
    assert not list((machine.home / ".aws").rglob("*.tmp"))
    assert not list((machine.home / ".aws").rglob(".new-*"))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (credential_sources.assumed_role, "sts:AssumeRole"),
        (credential_sources.web_identity, "sts:AssumeRoleWithWebIdentity"),
        (credential_sources.sso_session, "sso:GetRoleCredentials"),
        (credential_sources.environment, None),
    ],
    ids=["assumed role", "web identity", "SSO", "static"],
)
def test_a_herd_makes_one_call(
    machine: Machine, source: Callable[[Machine], None], kind: str | None
) -> None:
    """Sixteen processes for four accounts of one region, started at once, cold."""
    source(machine)
    hosts = [f"{number % 4:012}{HOST[12:]}" for number in range(16)]

    secrets = {result.secret for result in machine.get_many(hosts)}

    assert len(secrets) == 1
    assert machine.aws.count() == Counter({"ecr": 1} | ({kind: 1} if kind else {}))


def test_a_failure_of_one_is_not_anothers(machine: Machine) -> None:
    """Who has less time, or another secret key, fails alone: those who wait for it ask anew."""
    machine.login()
    machine.aws.latency = 1.5
    environ = dict(machine.environ)
    first = []
    for change in ({"AWS_ECR_TIMEOUT": "1"}, {"AWS_SECRET_ACCESS_KEY": "x" * 40}):
        machine.environ = environ | change
        first.append(machine.start_get())
        time.sleep(0.6)
        machine.environ = dict(environ)
        (result,) = machine.get_many([HOST])
        assert result.secret in machine.aws.issued
        for entry in machine.entries():
            entry.unlink()
    outputs = [child.communicate()[0].decode() for child in first]

    assert "within 1 s" in outputs[0]
    assert "refused the signature" in outputs[1]


def test_a_slow_aws_is_asked_once(machine: Machine) -> None:
    """Those who wait for the lock wait for most of their time before they ask as well."""
    credential_sources.assumed_role(machine)
    machine.aws.latency = 3
    secrets = {result.secret for result in machine.get_many([HOST] * 8)}

    assert len(secrets) == 1
    assert machine.aws.count() == {"ecr": 1, "sts:AssumeRole": 1}


def test_a_herd_fails_with_one_call(machine: Machine) -> None:
    """Sixteen processes that are denied ask once, and each says why."""
    machine.login()
    machine.aws.latency = 0.5
    machine.aws.faults["ecr"] = world.refuse("AccessDeniedException", "no")

    errors = {result.error for result in machine.get_many([HOST] * 16)}

    assert len(errors) == 1
    assert machine.aws.count()["ecr"] <= 2  # one that starts after the first has failed asks anew


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_two_identities_never_share_a_token(machine: Machine, variable: str) -> None:
    """Another file with another key, another profile, another key: other tokens."""
    secrets = set()
    for number in range(2):
        keys = machine.aws.user(f"user{number}")
        text = (
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        path = machine.file(f"file{number}", text)
        secret = machine.get(**{variable: str(path)}).secret
        assert machine.aws.issued[secret].arn == keys.arn
        secrets.add(secret)
        secret = machine.get(**keys.environ).secret
        assert machine.aws.issued[secret].arn == keys.arn
        secrets.add(secret)

    assert len(secrets) == 4


def test_an_edit_in_place_is_another_identity(machine: Machine) -> None:
    """Keys of the same length, written over: the next get asks as the new user."""
    for name in ("one", "two", "six"):
        keys = machine.aws.user(name)
        machine.config(
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        assert machine.aws.issued[machine.get().secret].arn == keys.arn


class TestData:
    """What botocore knows of the services, read in a shorter way than it reads it itself."""

    def _loaders(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
        """Return botocore's own loader, and ours in its place."""
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        found = registry.parse(HOST)
        assert found is not None
        asking = CallContext(Choice(found), botocore.session.Session(), Watch())
        make_session(asking, lambda _: None)
        own: Any = botocore.session.Session().get_component("data_loader")
        return own, asking.core.get_component("data_loader")

    def test_it_is_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every file that a client is made from, and where it was found."""
        own, ours = self._loaders(monkeypatch)

        assert type(own) is not type(ours)
        for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
            assert ours.load_data_with_path(name) == own.load_data_with_path(name)
        for service in SERVICES:
            for model in ("service-2", "endpoint-rule-set-1"):
                loaded = ours.load_service_model(service, model)
                assert loaded == own.load_service_model(service, model)

    def test_what_is_not_there_is_told_as_botocore_tells_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a service that it should have, or of any other."""
        own, ours = self._loaders(monkeypatch)

        for loader in (own, ours):
            with pytest.raises(exceptions.DataNotFoundError):
                loader.load_data("nothing")
            with pytest.raises(exceptions.UnknownServiceError):
                loader.load_service_model("nothing", "service-2")

    def test_a_users_own_models_count(self, machine: Machine) -> None:
        """Those in ~/.aws/models stand before botocore's, and so do those of AWS_DATA_PATH."""
        machine.login()
        hosts = ["mine.amazonaws.com", "theirs.amazonaws.com"]
        for host, folder in zip(hosts, ("home/.aws/models", "data"), strict=True):
            rule = {"conditions": [], "endpoint": {"url": f"https://{host}"}, "type": "endpoint"}
            text = json.dumps({"version": "1.0", "parameters": {}, "rules": [rule]})
            machine.file(f"{folder}/ecr/2015-09-21/endpoint-rule-set-1.json", text)
        machine.get()
        machine.get(AWS_DATA_PATH=str(machine.root / "data"), AWS_ECR_DISABLE_CACHE="1")

        assert [call.host for call in machine.aws.calls] == hosts


class TestTrust:
    """Whose certificates count."""

    def test_requests_variable_counts(self, machine: Machine) -> None:
        """REQUESTS_CA_BUNDLE is botocore's own second choice."""
        machine.login()
        bundle = machine.environ.pop("AWS_CA_BUNDLE")

        assert machine.get(REQUESTS_CA_BUNDLE=bundle).secret

    def test_openssls_variable_counts(self, machine: Machine) -> None:
        """SSL_CERT_FILE works as it does for the Go helper, also for STS."""
        credential_sources.assumed_role(machine)
        bundle = machine.environ.pop("AWS_CA_BUNDLE")

        assert machine.get(SSL_CERT_FILE=bundle).secret

    def test_the_profiles_bundle_counts(self, machine: Machine) -> None:
        """ca_bundle in the AWS config, over SSL_CERT_FILE."""
        machine.login()
        bundle = machine.environ.pop("AWS_CA_BUNDLE")
        machine.config(f"[default]\nca_bundle = {bundle}\n")

        assert machine.get(SSL_CERT_FILE="/dev/null").secret

    @pytest.mark.parametrize(
        "source", [credential_sources.environment, credential_sources.assumed_role]
    )
    def test_empty_settings_do_not_count(
        self, machine: Machine, source: Callable[[Machine], None]
    ) -> None:
        """The next one does, for every service that is asked; see also `TestEmptyTrust`."""
        source(machine)
        bundle = machine.environ["AWS_CA_BUNDLE"]
        empty = dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "")

        assert machine.get(**empty, SSL_CERT_FILE=bundle).secret


class TestLimits:
    """Nothing that hangs takes longer than AWS_ECR_TIMEOUT."""

    @pytest.mark.parametrize(
        ("source", "kind", "who"),
        [
            (
                credential_sources.environment,
                "ecr",
                "ECR at https://api.ecr.us-east-1.amazonaws.com",
            ),
            (
                credential_sources.assumed_role,
                "sts:AssumeRole",
                "STS at https://sts.us-east-1.amazonaws.com",
            ),
            (credential_sources.instance, "imds:token", "the AWS credentials"),
            (credential_sources.container, "container", "the AWS credentials"),
            (
                credential_sources.sso_session,
                "sso:GetRoleCredentials",
                "IAM Identity Center at https://",
            ),
        ],
        ids=["ECR", "STS", "IMDS", "container", "SSO"],
    )
    def test_a_call_that_hangs(
        self, machine: Machine, source: Callable[[Machine], None], kind: str, who: str
    ) -> None:
        """Whichever service it is, the error says so."""
        source(machine)
        machine.aws.faults[kind] = world.delay(30)
        machine.environ["AWS_METADATA_SERVICE_TIMEOUT"] = "30"
        began = time.monotonic()

        error = machine.get(AWS_ECR_TIMEOUT="2").error

        assert time.monotonic() - began < 10
        assert error.startswith(f"no answer from {who}")
        assert re.search(r" within (2|1\.\d+) s;", error)  # less what came before the call
        assert "AWS_ECR_TIMEOUT" in error

    def test_a_credential_process_that_hangs_is_ended(self, machine: Machine) -> None:
        """It is killed with the call that waits for it."""
        mark = machine.root / "mark"
        code = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
        credential_sources.process(machine, code)

        error = machine.get(AWS_ECR_TIMEOUT="2").error
        assert error.startswith("no answer from credential_process of AWS profile 'default'")
        assert re.search(r" within (2|1\.\d+) s;", error)
        process = machine.root / "/proc" / mark.read_text() / "stat"
        deadline = time.monotonic() + 5
        while _runs(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(process)

    @pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
    def test_a_credential_process_has_no_terminal_and_leaves_no_child(
        self, machine: Machine
    ) -> None:
        """It cannot ask a person, and what it started itself is ended with it."""
        mark = machine.root / "mark"
        code = (
            "import subprocess, time\n"
            "try:\n    open('/dev/tty')\n    tty = 'a terminal'\n"
            "except OSError:\n    tty = 'none'\n"
            "child = subprocess.Popen(['sleep', '77'])\n"
            f"open({str(mark)!r}, 'w').write(f'{{tty}} {{child.pid}}')\ntime.sleep(60)"
        )
        credential_sources.process(machine, code)
        machine.get(AWS_ECR_TIMEOUT="2")

        tty, pid = mark.read_text().split()
        assert tty == "none"
        until = time.monotonic() + 5
        while _runs(Path("/proc", pid, "stat")) and time.monotonic() < until:
            time.sleep(0.05)
        assert not _runs(Path("/proc", pid, "stat"))

    def test_every_client_has_its_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """ECR's, and those that botocore makes for itself: 3 s, 10 s, three attempts."""
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        found = registry.parse(HOST)
        assert found is not None
        asking = CallContext(Choice(found), botocore.session.Session(), Watch())
        make_session(asking, lambda _: None)

        for service in ("ecr", "sts", "sso", "sso-oidc"):
            config: Any = asking.core.create_client(service, region_name="us-east-1").meta.config
            assert (config.connect_timeout, config.read_timeout) == (3, 10)
            assert config.retries["mode"] == "standard"
            assert config.retries["total_max_attempts"] == 3

    @pytest.mark.skipif(sys.platform != "linux", reason="how a full backlog behaves")
    def test_a_host_that_takes_no_connection(self, machine: Machine) -> None:
        """Three attempts of three seconds, and then it says so."""
        machine.login()
        with socket.socket() as listener, ExitStack() as waiting:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(2):  # the backlog is full from then on
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            port = listener.getsockname()[1]
            began = time.monotonic()
            error = machine.get(AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}").error

        assert error.startswith(f"no connection to http://127.0.0.1:{port}: it does not answer")
        assert 9 <= time.monotonic() - began < 20

    def test_a_credential_process_reads_no_protocol(self, machine: Machine) -> None:
        """Its standard input is empty, and its environment the user's own."""
        keys = machine.aws.user()
        answer = {"Version": 1, "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
        code = (
            "import json, os, sys\nassert sys.stdin.read() == ''\n"
            "assert os.environ['MINE'] == 'kept'\n"
            f"print({json.dumps(answer)!r})"
        )
        credential_sources.process(machine, code)

        assert machine.get(MINE="kept").secret in machine.aws.issued

    @pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e999", "1e11", "3601"])
    def test_a_limit_that_is_none_is_an_error(self, machine: Machine, text: str) -> None:
        """It says what it takes."""
        machine.login()

        assert "not a number of seconds above 0; set it to one such as 25" in (
            machine.get(AWS_ECR_TIMEOUT=text).error
        )

    def test_ecr_public_is_not_waited_for_longer(self, machine: Machine) -> None:
        """And ends as not found, so that the pull goes on anonymously."""
        machine.login()
        machine.aws.faults["ecr-public"] = world.delay(30)

        assert machine.get("public.ecr.aws", AWS_ECR_TIMEOUT="1") == Result(1, NOT_FOUND, b"")


def _runs(stat: Path) -> bool:
    try:
        return stat.read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
