"""Facts about endpoints: which API each registry's host calls."""

import pytest

from tests.world.hosts import HOSTS
from tests.world.machine import HOST, Machine

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
    "123456789012.dkr-ecr.us-iso-east-1.on.aws.ic.gov": "ecr.us-iso-east-1.api.aws.ic.gov",
    "123456789012.dkr-ecr.us-isob-east-1.on.aws.scloud": "ecr.us-isob-east-1.api.aws.scloud",
    "123456789012.dkr-ecr.eu-isoe-west-1.on.cloud-aws.adc-e.uk": (
        "ecr.eu-isoe-west-1.api.cloud-aws.adc-e.uk"
    ),
    "123456789012.dkr-ecr-fips.eu-isoe-west-1.on.cloud-aws.adc-e.uk": (
        "ecr-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"
    ),
    "123456789012.dkr-ecr.us-isof-south-1.on.aws.hci.ic.gov": (
        "ecr.us-isof-south-1.api.aws.hci.ic.gov"
    ),
    "public.ecr.aws": "api.ecr-public.us-east-1.amazonaws.com",
    "ecr-public.aws.com": "ecr-public.us-east-1.api.aws",
}


@pytest.mark.parametrize("host", ENDPOINTS, ids=ENDPOINTS)
def test_each_host_calls_its_own_endpoint(machine: Machine, host: str) -> None:
    """FIPS hosts call the FIPS API, dual-stack hosts the dual-stack API, each in its partition."""
    machine.login()
    assert machine.get(host).secret in machine.aws.issued

    (call,) = machine.aws.calls
    assert call.host == ENDPOINTS[host]
    assert call.region == HOSTS[host][0]


def test_the_endpoint_table_is_complete() -> None:
    """The table has every host form."""
    assert set(ENDPOINTS) == set(HOSTS)


@pytest.mark.parametrize(
    "host", [HOST, *(host for host in ENDPOINTS if "fips" in host or "dkr-ecr" in host)]
)
def test_an_endpoint_in_the_environment_is_called(machine: Machine, host: str) -> None:
    """AWS_ENDPOINT_URL_ECR wins, also for hosts that need FIPS or dual-stack."""
    machine.login()
    result = machine.get(host, AWS_ENDPOINT_URL_ECR="https://ecr.example.com")

    assert result.secret in machine.aws.issued
    assert machine.aws.calls[0].host == "ecr.example.com"


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("by", ["environment", "profile"])
def test_the_dual_stack_switch_counts(machine: Machine, region: str, fips: bool, by: str) -> None:
    """The switch chooses the dual-stack API for a plain host, alone or with FIPS."""
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


def test_an_endpoint_in_the_profile_is_called(machine: Machine) -> None:
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
def test_a_region_of_another_partition_is_not_called(machine: Machine, host: str) -> None:
    """One partition's token never reaches another's registry."""
    machine.login()

    assert "does not belong to" in machine.get(host).error
    assert machine.aws.count() == {}


def test_a_region_that_botocore_does_not_know_is_called(machine: Machine) -> None:
    """A new region needs no new release."""
    machine.login()
    assert machine.get("123456789012.dkr.ecr.xx-newplace-7.amazonaws.com").secret

    assert machine.aws.calls[0].host == "api.ecr.xx-newplace-7.amazonaws.com"


def test_the_region_comes_from_the_host(machine: Machine) -> None:
    """The host's region wins over the environment's; ECR Public is always in us-east-1."""
    machine.login()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        machine.environ[name] = "ap-south-1"
    machine.get()
    machine.get("public.ecr.aws")

    assert [call.region for call in machine.aws.calls] == ["us-east-1", "us-east-1"]
