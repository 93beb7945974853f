"""Facts about asking AWS: every source of credentials, endpoints, caches and limits."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import sources
from tests.stage import HOST, NOT_FOUND, Result, Stage
from tests.test_registry import HOSTS
from tests.world import aws as world

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


@pytest.mark.parametrize("source", sources.SOURCES, ids=lambda source: source.__name__)
def test_every_source_of_credentials_works(stage: Stage, source: Callable[[Stage], None]) -> None:
    """Cold, the right identity asks ECR once; cached, nobody asks anybody."""
    arn, others = sources.SOURCES[source]
    source(stage)

    secrets = {stage.get().secret for _ in range(2)}

    (secret,) = secrets
    assert stage.aws.issued[secret].arn == arn
    assert stage.aws.count() == {"ecr": 1, **others}


@pytest.mark.parametrize("host", ENDPOINTS, ids=ENDPOINTS)
def test_each_host_asks_its_own_endpoint(stage: Stage, host: str) -> None:
    """FIPS hosts ask the FIPS API, dual-stack hosts the dual-stack API, each in its partition."""
    stage.login()
    assert stage.get(host).secret in stage.aws.issued

    (call,) = stage.aws.calls
    assert call.host == ENDPOINTS[host]
    assert call.region == HOSTS[host][0]


def test_the_endpoint_table_is_complete() -> None:
    """No host form is left out of it."""
    assert set(ENDPOINTS) == set(HOSTS)


@pytest.mark.parametrize(
    "host", [HOST, *(host for host in ENDPOINTS if "fips" in host or "dkr-ecr" in host)]
)
def test_an_endpoint_that_the_user_names_is_asked(stage: Stage, host: str) -> None:
    """AWS_ENDPOINT_URL_ECR wins, also for hosts that ask for FIPS or dual-stack."""
    stage.login()
    result = stage.get(host, AWS_ENDPOINT_URL_ECR="https://ecr.example.com")

    assert result.secret in stage.aws.issued
    assert stage.aws.calls[0].host == "ecr.example.com"


def test_an_endpoint_in_the_profile_is_asked(stage: Stage) -> None:
    """The services section of the AWS config counts, and can be ignored."""
    stage.login()
    stage.config(
        "[default]\nservices = local\n[services local]\necr =\n  endpoint_url = https://x.test\n"
    )

    stage.get()
    stage.get(AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")

    assert [call.host for call in stage.aws.calls] == ["x.test", ENDPOINTS[HOST]]


def test_the_environments_fips_switch_counts(stage: Stage) -> None:
    """AWS_USE_FIPS_ENDPOINT chooses the FIPS API for a plain host too."""
    stage.login()
    stage.get(AWS_USE_FIPS_ENDPOINT="true")

    assert stage.aws.calls[0].host == "api.ecr-fips.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.cn",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.amazonaws.eu",
        "123456789012.dkr-ecr.us-east-1.on.amazonwebservices.com.cn",
    ],
)
def test_a_region_of_another_partition_is_not_asked(stage: Stage, host: str) -> None:
    """One partition's token never goes to another's registry."""
    stage.login()

    assert "does not belong to" in stage.get(host).error
    assert stage.aws.count() == {}


def test_a_region_that_botocore_does_not_know_is_asked(stage: Stage) -> None:
    """A new region needs no release of anything."""
    stage.login()
    assert stage.get("123456789012.dkr.ecr.xx-newplace-7.amazonaws.com").secret

    assert stage.aws.calls[0].host == "api.ecr.xx-newplace-7.amazonaws.com"


def test_the_region_comes_from_the_host(stage: Stage) -> None:
    """Whatever the environment says; ECR Public is always us-east-1's."""
    stage.login()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        stage.environ[name] = "ap-south-1"
    stage.get()
    stage.get("public.ecr.aws")

    assert [call.region for call in stage.aws.calls] == ["us-east-1", "us-east-1"]


def test_an_empty_profile_is_no_profile(stage: Stage) -> None:
    """CI systems set variables to nothing."""
    stage.login()

    assert stage.get(AWS_PROFILE="").secret in stage.aws.issued


def test_a_cached_role_of_the_aws_cli_serves(stage: Stage) -> None:
    """One `aws` call with an MFA code is enough for Docker too; no STS, no prompt."""
    role = stage.aws.role(mfa_serial=MFA)
    _mfa_profile(stage, role.arn)
    keys = stage.aws.session(role.arn)
    sources.cli_cached_role(stage, {"RoleArn": role.arn, "SerialNumber": MFA}, keys)

    secret = stage.get().secret

    assert stage.aws.issued[secret].arn == keys.arn
    assert stage.aws.count() == {"ecr": 1}


def test_an_mfa_profile_without_a_cached_role_fails_at_once(stage: Stage) -> None:
    """Standard input is the protocol: it says which command to type, and asks nothing."""
    _mfa_profile(stage, stage.aws.role(mfa_serial=MFA).arn)

    error = stage.get().error

    assert "AWS profile 'work' needs an MFA code" in error
    assert error.endswith("aws sts get-caller-identity --profile work")
    assert stage.aws.count() == {}


def _mfa_profile(stage: Stage, role: str) -> None:
    sources.named_profile(stage)
    config = (stage.home / ".aws" / "config").read_text().replace("profile work", "profile base")
    stage.config(
        config + f"[profile work]\nrole_arn = {role}\nsource_profile = base\nmfa_serial = {MFA}\n"
    )


def test_roles_are_left_for_the_aws_cli(stage: Stage) -> None:
    """Two regions need two tokens, and one AssumeRole; its credentials are kept 0600."""
    sources.assumed_role(stage)
    stage.get()
    stage.get(HOST.replace("us-east-1", "eu-west-1"))

    assert stage.aws.count() == {"sts:AssumeRole": 1, "ecr": 2}
    (kept,) = (stage.home / ".aws" / "cli" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_cli_cache_that_cannot_be_written_costs_nothing(stage: Stage) -> None:
    """A file in the place of its directory."""
    sources.assumed_role(stage)
    (stage.home / ".aws" / "cli").touch()

    assert stage.get().secret in stage.aws.issued


def test_a_token_is_due_when_its_session_ends(stage: Stage) -> None:
    """Users report that a token dies with the role session that fetched it."""
    stage.aws.session_life = 3
    sources.environment_with_session(stage)
    keys = next(iter(stage.aws.keys.values()))
    stage.environ["AWS_CREDENTIAL_EXPIRATION"] = time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(keys.expires)
    )
    first = stage.get().secret
    assert stage.get().secret == first

    time.sleep(3.1)
    # Renewal fails, since the session is over; the token in hand still lives.
    assert stage.get().secret == first
    assert stage.aws.count()["ecr"] == 1


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (sources.assumed_role, "sts:AssumeRole"),
        (sources.web_identity, "sts:AssumeRoleWithWebIdentity"),
        (sources.sso_session, "sso:GetRoleCredentials"),
        (sources.environment, None),
    ],
    ids=["assumed role", "web identity", "SSO", "static"],
)
def test_a_herd_makes_one_call(
    stage: Stage, source: Callable[[Stage], None], kind: str | None
) -> None:
    """Sixteen processes for four accounts of one region, started at once, cold."""
    source(stage)
    hosts = [f"{number % 4:012}{HOST[12:]}" for number in range(16)]

    secrets = {result.secret for result in stage.get_many(hosts)}

    assert len(secrets) == 1
    assert stage.aws.count() == Counter({"ecr": 1} | ({kind: 1} if kind else {}))


def test_a_herd_fails_with_one_call(stage: Stage) -> None:
    """Sixteen processes that are denied ask once, and each says why."""
    stage.login()
    stage.aws.latency = 0.5
    stage.aws.faults["ecr"] = world.refuse("AccessDeniedException", "no")

    errors = {result.error for result in stage.get_many([HOST] * 16)}

    assert len(errors) == 1
    assert stage.aws.count()["ecr"] <= 2  # one that starts after the first has failed asks anew


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_two_identities_never_share_a_token(stage: Stage, variable: str) -> None:
    """Another file with another key, another profile, another key: other tokens."""
    secrets = set()
    for number in range(2):
        keys = stage.aws.user(f"user{number}")
        text = (
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        path = stage.file(f"file{number}", text)
        secret = stage.get(**{variable: str(path)}).secret
        assert stage.aws.issued[secret].arn == keys.arn
        secrets.add(secret)
        secret = stage.get(**keys.environ).secret
        assert stage.aws.issued[secret].arn == keys.arn
        secrets.add(secret)

    assert len(secrets) == 4


def test_an_edit_in_place_is_another_identity(stage: Stage) -> None:
    """Keys of the same length, written over: the next get asks as the new user."""
    for name in ("one", "two", "six"):
        keys = stage.aws.user(name)
        stage.config(
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        assert stage.aws.issued[stage.get().secret].arn == keys.arn


class TestTrust:
    """Whose certificates count."""

    def test_requests_variable_counts(self, stage: Stage) -> None:
        """REQUESTS_CA_BUNDLE is botocore's own second choice."""
        stage.login()
        bundle = stage.environ.pop("AWS_CA_BUNDLE")

        assert stage.get(REQUESTS_CA_BUNDLE=bundle).secret

    def test_openssls_variable_counts(self, stage: Stage) -> None:
        """SSL_CERT_FILE works as it does for the Go helper, also for STS."""
        sources.assumed_role(stage)
        bundle = stage.environ.pop("AWS_CA_BUNDLE")

        assert stage.get(SSL_CERT_FILE=bundle).secret

    def test_the_profiles_bundle_counts(self, stage: Stage) -> None:
        """ca_bundle in the AWS config, over SSL_CERT_FILE."""
        stage.login()
        bundle = stage.environ.pop("AWS_CA_BUNDLE")
        stage.config(f"[default]\nca_bundle = {bundle}\n")

        assert stage.get(SSL_CERT_FILE="/dev/null").secret


class TestLimits:
    """Nothing that hangs takes longer than AWS_ECR_TIMEOUT."""

    @pytest.mark.parametrize(
        ("source", "kind"),
        [
            (sources.environment, "ecr"),
            (sources.assumed_role, "sts:AssumeRole"),
            (sources.instance, "imds:token"),
            (sources.container, "container"),
            (sources.sso_session, "sso:GetRoleCredentials"),
        ],
        ids=["ECR", "STS", "IMDS", "container", "SSO"],
    )
    def test_a_call_that_hangs(
        self, stage: Stage, source: Callable[[Stage], None], kind: str
    ) -> None:
        """Whichever service it is."""
        source(stage)
        stage.aws.faults[kind] = world.delay(30)
        stage.environ["AWS_METADATA_SERVICE_TIMEOUT"] = "30"
        began = time.monotonic()

        error = stage.get(AWS_ECR_TIMEOUT="2").error

        assert time.monotonic() - began < 10
        assert "within 2 s" in error
        assert "AWS_ECR_TIMEOUT" in error

    def test_a_credential_process_that_hangs_is_ended(self, stage: Stage) -> None:
        """It is killed with the call that waits for it."""
        mark = stage.root / "mark"
        code = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
        sources.process(stage, code)

        assert (
            "no answer from the AWS credentials within 2 s" in stage.get(AWS_ECR_TIMEOUT="2").error
        )
        process = stage.root / "/proc" / mark.read_text() / "stat"
        deadline = time.monotonic() + 5
        while _runs(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(process)

    def test_a_credential_process_reads_no_protocol(self, stage: Stage) -> None:
        """Its standard input is empty, and its environment the user's own."""
        keys = stage.aws.user()
        answer = {"Version": 1, "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
        code = (
            "import json, os, sys\nassert sys.stdin.read() == ''\n"
            "assert os.environ['MINE'] == 'kept'\n"
            f"print({json.dumps(answer)!r})"
        )
        sources.process(stage, code)

        assert stage.get(MINE="kept").secret in stage.aws.issued

    @pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e999"])
    def test_a_limit_that_is_none_is_an_error(self, stage: Stage, text: str) -> None:
        """It says what it takes."""
        stage.login()

        assert "not a number of seconds above 0; set it to one such as 25" in (
            stage.get(AWS_ECR_TIMEOUT=text).error
        )

    def test_ecr_public_is_not_waited_for_longer(self, stage: Stage) -> None:
        """And ends as not found, so that the pull goes on anonymously."""
        stage.login()
        stage.aws.faults["ecr-public"] = world.delay(30)

        assert stage.get("public.ecr.aws", AWS_ECR_TIMEOUT="1") == Result(1, NOT_FOUND, b"")


def _runs(stat: Path) -> bool:
    try:
        return stat.read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
