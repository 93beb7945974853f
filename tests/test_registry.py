"""Facts about `registry.parse`."""

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy import registry

A = "123456789012"

# host, (region, service, suffix, FIPS, dual-stack)
HOSTS = {
    f"{A}.dkr.ecr.us-east-1.amazonaws.com": ("us-east-1", "ecr", "amazonaws.com", 0, 0),
    f"{A}.dkr.ecr.ap-southeast-5.amazonaws.com": ("ap-southeast-5", "ecr", "amazonaws.com", 0, 0),
    f"{A}.dkr.ecr.us-gov-west-1.amazonaws.com": ("us-gov-west-1", "ecr", "amazonaws.com", 0, 0),
    f"{A}.dkr.ecr.cn-north-1.amazonaws.com.cn": ("cn-north-1", "ecr", "amazonaws.com.cn", 0, 0),
    f"{A}.dkr.ecr.eusc-de-east-1.amazonaws.eu": ("eusc-de-east-1", "ecr", "amazonaws.eu", 0, 0),
    f"{A}.dkr.ecr.us-iso-east-1.c2s.ic.gov": ("us-iso-east-1", "ecr", "c2s.ic.gov", 0, 0),
    f"{A}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov": ("us-isob-east-1", "ecr", "sc2s.sgov.gov", 0, 0),
    f"{A}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk": ("eu-isoe-west-1", "ecr", "cloud.adc-e.uk", 0, 0),
    f"{A}.dkr.ecr.us-isof-south-1.csp.hci.ic.gov": (
        "us-isof-south-1",
        "ecr",
        "csp.hci.ic.gov",
        0,
        0,
    ),
    f"{A}.dkr.ecr-fips.us-east-2.amazonaws.com": ("us-east-2", "ecr", "amazonaws.com", 1, 0),
    f"{A}.dkr.ecr-fips.us-gov-east-1.amazonaws.com": (
        "us-gov-east-1",
        "ecr",
        "amazonaws.com",
        1,
        0,
    ),
    f"{A}.dkr-ecr.us-west-2.on.aws": ("us-west-2", "ecr", "on.aws", 0, 1),
    f"{A}.dkr-ecr-fips.us-west-2.on.aws": ("us-west-2", "ecr", "on.aws", 1, 1),
    f"{A}.dkr-ecr.us-gov-west-1.on.aws": ("us-gov-west-1", "ecr", "on.aws", 0, 1),
    f"{A}.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn": (
        "cn-northwest-1",
        "ecr",
        "on.amazonwebservices.com.cn",
        0,
        1,
    ),
    f"{A}.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu": (
        "eusc-de-east-1",
        "ecr",
        "on.amazonwebservices.eu",
        0,
        1,
    ),
    "public.ecr.aws": ("us-east-1", "ecr-public", "aws", 0, 0),
    "ecr-public.aws.com": ("us-east-1", "ecr-public", "aws", 0, 1),
}
HOST = f"{A}.dkr.ecr.us-east-1.amazonaws.com"
LABEL_63 = "a" * 63

NOT_ECR = {
    "Docker Hub": "https://index.docker.io/v1/",
    "another registry": "ghcr.io",
    "suffix attack": f"{HOST}.evil.org",
    "suffix attack without a dot": f"{HOST}evil.org",
    "prefix attack": f"evil.org.{HOST}",
    "prefix attack with a dash": f"evil-{HOST}",
    "user info attack": f"https://{HOST}@evil.org/",
    "user info and port attack": f"{HOST}:443@evil.org",
    "path attack": f"evil.org/{HOST}",
    "query attack": f"evil.org?{HOST}",
    "fragment attack": f"evil.org#@{HOST}",
    "backslash attack": f"evil.org\\@{HOST}",
    "public suffix attack": "public.ecr.aws.evil.org",
    "public prefix attack": "xpublic.ecr.aws",
    "11 digits": HOST[1:],
    "13 digits": "1" + HOST,
    "letters in the account": "12345678901a" + HOST[12:],
    "arabic digits": "١٢٣٤٥٦٧٨٩٠١٢" + HOST[12:],
    "empty region": f"{A}.dkr.ecr..amazonaws.com",
    "no region": f"{A}.dkr.ecr.amazonaws.com",
    "two regions": f"{A}.dkr.ecr.us-east-1.us-east-1.amazonaws.com",
    "empty label at the start": f".{HOST}",
    "two dots at the end": f"{HOST}..",
    "region that begins with a dash": f"{A}.dkr.ecr.-east-1.amazonaws.com",
    "region that ends in a dash": f"{A}.dkr.ecr.us-east-.amazonaws.com",
    "region with an underscore": f"{A}.dkr.ecr.us_east_1.amazonaws.com",
    "label of 64": f"{A}.dkr.ecr.{LABEL_63}a.amazonaws.com",
    "not dkr": f"{A}.dks.ecr.us-east-1.amazonaws.com",
    "not ecr": f"{A}.dkr.ecs.us-east-1.amazonaws.com",
    "API host": "api.ecr.us-east-1.amazonaws.com",
    "VPC endpoint": "vpce-1-2.dkr.ecr.us-east-1.vpce.amazonaws.com",
    "dual-stack form on the other suffix": f"{A}.dkr-ecr.us-east-1.amazonaws.com",
    "standard form on the dual-stack suffix": f"{A}.dkr.ecr.us-east-1.on.aws",
    "S3": "s3.us-east-1.amazonaws.com",
    "unicode in the host": f"{A}.dkr.ecr.us-east-1.amazonaws.c\u043em",
    "full-width dot": HOST.replace(".", "\uff0e"),
    "unicode in the path": f"{HOST}/r\xe9po",
    "NUL": f"{HOST}\0",
    "NUL and a suffix": f"{HOST}\0.evil.org",
    "control character": f"{HOST}\x07",
    "line break": f"{HOST}\nevil.org",
    "blank": f"{HOST} evil.org",
    "quote": f'{HOST}/"',
    "percent escape": HOST.replace(".", "%2e"),
    "port that is no number": f"{HOST}:https",
    "two ports": f"{HOST}:443:443",
    "IPv6": "https://[::1]/",
    "scheme without a host": "https://",
    "scheme that begins with a digit": f"1s://{HOST}",
    "two schemes": f"https://https://{HOST}",
    "only dots": "...",
    "nothing": "",
    "longer than an input may be": HOST + "/" + "a" * 65536,
}


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
    """No other registry, and no address that only looks like ECR's, is taken for it."""
    assert registry.parse(server_url) is None


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    """Any text is a registry or None, and a registry's host is within the text."""
    found = registry.parse(text)

    assert found is None or found.host in text.lower()


@given(st.sampled_from(sorted(HOSTS)), st.text(min_size=1, max_size=3), st.integers(0, 60))
def test_a_changed_host_is_that_host_or_not_ecr_or_differs(host: str, more: str, at: int) -> None:
    """Putting characters into a host never yields the registry of another account."""
    changed = host[:at] + more + host[at:]

    found = registry.parse(changed)

    if found is not None and not found.public:
        assert found.account == A
        assert found.host.endswith(found.suffix)


def test_registries_of_one_region_share_an_endpoint() -> None:
    """Accounts do not matter to the endpoint; region, variant, partition and service do."""
    endpoints = {host: found.endpoint for host in HOSTS if (found := registry.parse(host))}
    other_account = registry.parse(HOST.replace(A, "210987654321"))

    assert other_account is not None
    assert other_account.endpoint == endpoints[HOST]
    assert len(set(endpoints.values())) == len(HOSTS)
    assert not any(registry.parse(endpoint) for endpoint in endpoints.values())


def test_every_partition_that_botocore_knows_has_its_suffix_here() -> None:
    """A partition that a new botocore brings is noticed by its DNS suffixes."""
    loader = botocore.session.Session().get_component("data_loader")
    partitions = loader.load_data("partitions")["partitions"]
    standard = {one["outputs"]["dnsSuffix"] for one in partitions}
    dual = {"on." + one["outputs"]["dualStackDnsSuffix"].removeprefix("api.") for one in partitions}

    assert standard == registry.SUFFIXES
    # Nobody has seen registry hosts of the isolated partitions' dual-stack domains documented.
    unseen = {
        suffix for suffix in dual if "ic.gov" in suffix or "scloud" in suffix or "adc-e" in suffix
    }
    assert dual - unseen == registry.DUAL_STACK_SUFFIXES
