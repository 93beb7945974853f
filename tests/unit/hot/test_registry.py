"""Recognizing ECR registries by host name."""

import itertools
import string
from collections.abc import Iterator

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import registry
from tests.world.hosts import HOSTS, NOT_ECR

A = "123456789012"

HOST = f"{A}.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize("host", HOSTS, ids=HOSTS)
def test_every_host_form_is_understood(host: str) -> None:
    """Each partition's hosts give their account, region, service, suffix and variant."""
    found = registry.parse(host)

    assert found is not None
    assert found.host == host
    assert found.account == ("" if found.public else A)
    assert (
        found.region,
        found.service,
        found.suffix,
        found.fips,
        found.dual_stack,
    ) == HOSTS[host]


@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        "https://{}",
        "http://{}",
        "HTTPS://{}",
        "oci://{}",
        "{}/",
        "{}:443",
        "{}:",
        "https://{}:8443/v2/",
        "{}/team/app",
        "{}/v1/?a=b",
        "{}?a=b",
        "{}/v2/?from=https://evil.org/",
        "{}/://",
        "https://{}/://evil.org",
        "{}#part",
        "https://AWS:pa:ss@{}/v2/",
        "https://me@example.com:pass@{}",
        "{}.",
        "https://{}.:443/v2/",
    ],
)
@pytest.mark.parametrize("host", HOSTS, ids=HOSTS)
def test_whatever_surrounds_the_host_is_dropped(host: str, shape: str) -> None:
    """Scheme, user info, port, path, query, upper case and a trailing dot change nothing."""
    for written in (host, host.upper(), host.title()):
        found = registry.parse(shape.format(written))

        assert found is not None
        assert found.host == host


@pytest.mark.parametrize("server_url", NOT_ECR.values(), ids=NOT_ECR)
def test_anything_else_is_not_ecr(server_url: str) -> None:
    """Other registries, and addresses that only look like ECR's, are not ECR."""
    assert registry.parse(server_url) is None


# RFC 3986: unreserved, reserved, and the escape character.
OF_A_URL = string.ascii_letters + string.digits + "-._~" + ":/?#[]@" + "!$&'()*+,;=" + "%"


def test_an_address_holds_what_a_url_may() -> None:
    """An address may hold every URL character; with any other, it names no registry."""
    characters = [chr(code) for code in range(160)]
    taken = [one for one in characters if registry.parse(f"https://{HOST}/team/a{one}b")]

    assert set(taken) == set(OF_A_URL)


def test_a_region_holds_what_a_host_name_may() -> None:
    """A region has letters, digits and dashes; any other character makes the host invalid."""
    found = {one: registry.parse(f"{A}.dkr.ecr.r{one}1.amazonaws.com") for one in OF_A_URL}
    regions = {one: taken.region for one, taken in found.items() if taken}

    letters = string.ascii_letters + string.digits + "-"
    assert regions == {one: f"r{one}1".lower() for one in letters}


def test_a_scheme_holds_what_it_may() -> None:
    """A scheme has letters, digits and three signs (RFC 3986, section 3.1)."""
    taken = [one for one in OF_A_URL if registry.parse(f"s{one}3://{HOST}")]

    assert set(taken) == {*string.ascii_letters, *string.digits, *"+-."}


@pytest.mark.parametrize("region", ["a", "1", "a" * 63])
def test_a_label_of_the_host_has_1_to_63_characters(region: str) -> None:
    """A region may have the length of a DNS label; `NOT_ECR` has a longer one."""
    found = registry.parse(f"{A}.dkr.ecr.{region}.amazonaws.com")

    assert found is not None
    assert found.region == region


@pytest.mark.parametrize(("length", "understood"), [(64 * 1024, True), (64 * 1024 + 1, False)])
def test_an_address_has_64_kib_at_most(length: int, understood: bool) -> None:
    """An address may have 64 Ki characters; a longer one was truncated and names no registry."""
    written = f"{HOST}/".ljust(length, "a")

    assert (registry.parse(written) is not None) == understood
    assert registry.parse_host(written) == (HOST if understood else "")


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://index.docker.io/v1/", "index.docker.io"),
        ("LocalHost:5000", "localhost"),
        ("", ""),
        (".", ""),
        ("https://", ""),
        ("a..b", ""),
        ("-a.b", ""),
        ("a-.b", ""),
        ("a.b-", ""),
        ("a_b", ""),
        ("a.b:x", ""),
        ("a.b:1:2", ""),
        ("a b", ""),
        ("[::1]", ""),
        ("a" * 63 + ".b", "a" * 63 + ".b"),
        ("a" * 64 + ".b", ""),
    ],
)
def test_the_host_of_any_address_is_found(written: str, host: str) -> None:
    """The host of any registry is found; an invalid name gives none."""
    assert registry.parse_host(written) == host


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (A, True),
        ("000000000000", True),
        (A[1:], False),
        (A + "3", False),
        (A[1:] + "a", False),
        (A[1:] + " ", False),
        (A[1:] + "\xb2", False),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661\u0662", False),
        ("", False),
    ],
)
def test_an_account_id_is_recognized(text: str, is_one: bool) -> None:
    """An account id has twelve ASCII digits."""
    assert registry.is_account(text) == is_one


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    """Every text gives a registry or None, and a registry's host is part of the text."""
    found = registry.parse(text)

    assert found is None or found.host in text.lower()


@given(st.sampled_from(sorted(HOSTS)), st.text(min_size=1, max_size=3), st.integers(0, 60))
def test_a_changed_host_is_that_host_or_not_ecr_or_differs(host: str, more: str, at: int) -> None:
    """Inserting characters into a host never yields a registry of another account."""
    changed = host[:at] + more + host[at:]

    found = registry.parse(changed)

    if found is not None and not found.public:
        assert found.account == A
        assert found.host.endswith(found.suffix)


def test_registries_of_one_region_share_an_endpoint() -> None:
    """The endpoint depends on region, variant, partition and service, not on the account."""
    endpoints = {host: found.endpoint for host in HOSTS if (found := registry.parse(host))}
    other_account = registry.parse(HOST.replace(A, "210987654321"))

    assert other_account is not None
    assert other_account.endpoint == endpoints[HOST]
    assert len(set(endpoints.values())) == len(HOSTS)
    assert not any(registry.parse(endpoint) for endpoint in endpoints.values())


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        (HOST, "ecr@us-east-1.amazonaws.com"),
        (f"{A}.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr@cn-north-1.amazonaws.com.cn"),
        (f"{A}.dkr.ecr-fips.us-east-2.amazonaws.com", "ecr-fips@us-east-2.amazonaws.com"),
        (f"{A}.dkr-ecr.us-west-2.on.aws", "ecr-dual@us-west-2.on.aws"),
        (f"{A}.dkr-ecr-fips.us-west-2.on.aws", "ecr-fips-dual@us-west-2.on.aws"),
        ("public.ecr.aws", "ecr-public@us-east-1.aws"),
        ("ecr-public.aws.com", "ecr-public-dual@us-east-1.aws"),
    ],
)
def test_an_endpoint_keeps_its_name(host: str, endpoint: str) -> None:
    """An endpoint's name never changes: tokens and locks of the previous release use it."""
    found = registry.parse(host)

    assert found is not None
    assert found.endpoint == endpoint


@pytest.mark.parametrize("host", HOSTS, ids=HOSTS)
@pytest.mark.parametrize(
    "changes", [{}, {"host": "h"}, {"region": "r"}, {"host": "h", "region": "r"}]
)
def test_a_registry_stands_in_with_all_else_the_same(host: str, changes: dict[str, str]) -> None:
    """Overriding host or region changes nothing else."""
    found = registry.parse(host)
    assert found is not None

    made = found.override(**changes)

    as_it_was = {name: getattr(found, name) for name in registry.Registry.__slots__}
    assert {
        name: getattr(made, name) for name in registry.Registry.__slots__
    } == as_it_was | changes


def test_a_registry_is_plain_by_default() -> None:
    """A registry is neither FIPS nor dual-stack by default."""
    made = registry.Registry("h", account="", region="us-east-1", service="ecr", suffix="aws")

    assert made.endpoint == "ecr@us-east-1.aws"


def test_every_partition_that_botocore_knows_has_its_suffixes_here() -> None:
    """A partition that is new in botocore is noticed by its DNS suffixes."""
    standard = {outputs["dnsSuffix"] for _, outputs in _partitions()}
    dual = {_dual_stack_suffix(outputs) for _, outputs in _partitions()}

    assert standard == registry.SUFFIXES
    assert dual == registry.DUAL_STACK_SUFFIXES


def test_every_region_that_botocore_knows_has_registries_of_each_form() -> None:
    """Each region of each partition: standard and dual-stack, with and without FIPS."""
    for regions, outputs in _partitions():
        forms = {"dkr.ecr": outputs["dnsSuffix"], "dkr-ecr": _dual_stack_suffix(outputs)}
        for region, fips, (kind, suffix) in itertools.product(
            regions, ("", "-fips"), forms.items()
        ):
            found = registry.parse(f"{A}.{kind}{fips}.{region}.{suffix}")

            assert found is not None
            assert (found.region, found.suffix) == (region, suffix)
            assert (found.fips, found.dual_stack) == (fips == "-fips", kind == "dkr-ecr")


def _partitions() -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield the regions and the DNS suffixes of each partition of botocore."""
    loader = botocore.session.Session().get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        yield list(partition["regions"]), partition["outputs"]


def _dual_stack_suffix(outputs: dict[str, str]) -> str:
    """Return that of registries: APIs are under `api.`, registries under `on.`."""
    return "on." + outputs["dualStackDnsSuffix"].removeprefix("api.")
