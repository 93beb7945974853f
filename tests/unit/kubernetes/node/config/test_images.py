"""Facts about the patterns of ECR: they match each host that this program answers for."""

import itertools

import pytest

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.kubernetes.node.config.images import list_patterns
from docker_credential_ecrpy.kubernetes.node.config.match import find_mismatch
from docker_credential_ecrpy.kubernetes.node.config.merge import read_file_providers
from tests.world import play_kubelet
from tests.world.kubelet_configs import EKS

# Each form of host of each partition, as AWS writes them.
HOSTS = [
    *(
        f"123456789012.dkr.{kind}.{region}.{suffix}"
        for kind, (region, suffix) in itertools.product(
            ("ecr", "ecr-fips"),
            (
                ("us-east-1", "amazonaws.com"),
                ("us-gov-west-1", "amazonaws.com"),
                ("cn-north-1", "amazonaws.com.cn"),
                ("eusc-de-east-1", "amazonaws.eu"),
                ("us-iso-east-1", "c2s.ic.gov"),
                ("us-isob-east-1", "sc2s.sgov.gov"),
                ("eu-isoe-west-1", "cloud.adc-e.uk"),
                ("us-isof-south-1", "csp.hci.ic.gov"),
            ),
        )
    ),
    *(
        f"123456789012.{kind}.{region}.{suffix}"
        for kind, (region, suffix) in itertools.product(
            ("dkr-ecr", "dkr-ecr-fips"),
            (
                ("us-east-1", "on.aws"),
                ("us-gov-west-1", "on.aws"),
                ("cn-north-1", "on.amazonwebservices.com.cn"),
                ("eusc-de-east-1", "on.amazonwebservices.eu"),
                ("us-iso-east-1", "on.aws.ic.gov"),
                ("us-isob-east-1", "on.aws.scloud"),
                ("eu-isoe-west-1", "on.cloud-aws.adc-e.uk"),
                ("us-isof-south-1", "on.aws.hci.ic.gov"),
            ),
        )
    ),
    "public.ecr.aws",
    "ecr-public.aws.com",
]


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_has_one_pattern(host: str) -> None:
    """The kubelet runs the plugin for every host that the program knows, by its own rule."""
    assert registry.parse(host), "the table of hosts in this test names one that is unknown"
    matched = [each for each in list_patterns() if not find_mismatch(each, f"{host}/team/app")]
    assert len(matched) == 1
    assert play_kubelet.matches(matched[0], f"{host}/team/app")


def test_each_pattern_is_of_hosts_that_the_program_knows() -> None:
    """No pattern is wider than the table of hosts, nor is there one for a host that is none."""
    for pattern in list_patterns():
        host = pattern.replace("*", "123456789012", 1).replace("*", "us-east-1")
        assert registry.parse(host), pattern
    assert len(set(list_patterns())) == len(list_patterns())


def test_the_list_has_each_suffix_in_each_form() -> None:
    """A suffix that is added to the table of hosts is in the list without any other change."""
    forms = len(registry.SUFFIXES) + len(registry.DUAL_STACK_SUFFIXES)
    assert len(list_patterns()) == 2 * forms + len(registry.PUBLIC_HOSTS)


def test_the_list_has_all_patterns_of_eks() -> None:
    """A node that replaces ecr-credential-provider loses no pattern."""
    (provider,) = read_file_providers("config.json", EKS)
    assert set(provider.match_images) <= set(list_patterns())
