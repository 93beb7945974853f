"""Regions and their partitions."""

import botocore.session
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError
from tests.world.accounts import A


def test_every_region_has_its_partitions_suffix() -> None:
    """Each region of botocore's table has its suffix, so a new partition is noticed."""
    session = botocore.session.Session()
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    found = {
        region: partition["outputs"]["dnsSuffix"]
        for partition in partitions
        for region in partition["regions"]
        if not region.endswith("-global")
    }

    assert {region: regions.dns_suffix(region) for region in found} == found
    assert set(regions.list_regions("ecr")) <= set(found)
    assert set(found) == set(regions._list_suffixes())


def test_a_region_that_is_newer_than_botocore() -> None:
    """An unknown region's name tells its partition."""
    assert regions.dns_suffix("us-east-17") == "amazonaws.com"
    assert regions.dns_suffix("cn-southwest-2") == "amazonaws.com.cn"


@hypothesis_settings(max_examples=30)
@given(st.text(max_size=20))
def test_any_text_is_a_region_or_an_error(text: str) -> None:
    """Any text is a region, or gives a one-line error."""
    try:
        said = regions.dns_suffix(text)
    except HelperError as exc:
        said = str(exc)

    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("host", "right", "is_sure"),
    [
        (f"{A}.dkr.ecr.us-esat-1.amazonaws.com", f"{A}.dkr.ecr.us-east-1.amazonaws.com", True),
        (f"{A}.dkr.ecr.useast1.amazonaws.com", f"{A}.dkr.ecr.us-east-1.amazonaws.com", True),
        (f"{A}.dkr.ecr.us-west-3.amazonaws.com", f"{A}.dkr.ecr.us-west-1.amazonaws.com", False),
        (
            f"{A}.dkr.ecr.zz-north-1.amazonaws.com",
            f"{A}.dkr.ecr.cn-north-1.amazonaws.com.cn",
            False,
        ),
        (f"{A}.dkr.ecr.zz-9.amazonaws.com", "", True),
        (f"{A}.dkr.ecr.cn-north-1.amazonaws.com", f"{A}.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        (f"{A}.dkr-ecr.us-east1.on.aws", f"{A}.dkr-ecr.us-east-1.on.aws", True),
        (
            f"{A}.dkr-ecr-fips.cn-north-1.on.aws",
            f"{A}.dkr-ecr-fips.cn-north-1.on.amazonwebservices.com.cn",
            True,
        ),
    ],
)
def test_a_host_with_a_wrong_region(host: str, right: str, is_sure: bool) -> None:
    """The host that was meant is known, and whether the region may only be new."""
    wrong = regions.find_wrong_host(host)

    assert wrong is not None
    assert (wrong.right, wrong.is_sure) == (right, is_sure)
    assert right in wrong.hint


def test_a_host_with_a_right_region() -> None:
    """So is each region of each partition, also in a dual-stack host, and ECR Public."""
    hosts = [f"{A}.dkr-ecr.us-gov-west-1.on.aws", f"{A}.dkr-ecr.us-iso-east-1.on.aws.ic.gov"]
    hosts += [regions.make_host(A, region) for region in regions.list_regions("ecr")]

    assert [each for each in (*hosts, "public.ecr.aws") if regions.find_wrong_host(each)] == []
