"""Regions and their partitions."""

import botocore.session
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError


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
