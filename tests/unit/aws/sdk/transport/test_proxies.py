"""Facts about which proxy a request uses."""

from collections.abc import Callable

import pytest

from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.aws.sdk.transport.proxies import Proxy
from docker_credential_ecrpy.errors import HelperError
from tests.world import credential_sources
from tests.world.machine import Machine

ECR = "https://api.ecr.us-east-1.amazonaws.com/"
PROXY = {"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "http://plain:3128"}


@pytest.mark.parametrize(
    ("value", "origin", "user", "password"),
    [
        ("http://proxy:3128", "http://proxy:3128", None, ""),
        ("proxy:3128", "http://proxy:3128", None, ""),
        ("//proxy:3128", "http://proxy:3128", None, ""),
        (" http://Proxy:3128/ \r", "http://proxy:3128", None, ""),
        ("HTTP://proxy", "http://proxy:80", None, ""),
        ("https://proxy/", "https://proxy:443", None, ""),
        ("socks5://proxy", "socks5://proxy:1080", None, ""),
        ("socks5h://proxy:9", "socks5h://proxy:9", None, ""),
        ("http://[fd00::5]:3128", "http://[fd00::5]:3128", None, ""),
        ("http://10.0.0.1:3128", "http://10.0.0.1:3128", None, ""),
        ("http://me:pass@proxy:1", "http://proxy:1", "me", "pass"),
        ("me:pass@proxy:1", "http://proxy:1", "me", "pass"),
        ("http://me@proxy:1", "http://proxy:1", "me", ""),
        ("http://me:@proxy:1", "http://proxy:1", "me", ""),
        (r"http://corp\me:p%40ss@proxy:1", "http://proxy:1", r"corp\me", "p@ss"),
        ("http://me:p@s/s#w?r%d:d@proxy:1", "http://proxy:1", "me", "p@s/s#w?r%d:d"),
        ("http://me:pässwörd@proxy:1", "http://proxy:1", "me", "pässwörd"),
    ],
)
def test_each_form_of_a_proxy(value: str, origin: str, user: str | None, password: str) -> None:
    """A scheme and a port are optional, and a password may have any character."""
    found = proxies.find(ECR, {"HTTPS_PROXY": value})

    assert found is not None
    assert (found.origin, found.user, found.password) == (origin, user, password)
    assert proxies.parse("HTTPS_PROXY", found.url) == found
    assert not password or password not in repr(found)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("'http://proxy:3128'", "HTTPS_PROXY is not the URL of a proxy; write it as http://"),
        ("http://me:hunter2@proxy:port", "is not the URL of a proxy"),
        ("http://", "is not the URL of a proxy"),
        ("http://.corp:3128", "is not the URL of a proxy"),
        ("proxy..corp", "is not the URL of a proxy"),
        (f"http://{'x' * 64}.corp:3128", "is not the URL of a proxy"),
        ("http://proxy:0", "is not the URL of a proxy"),
        ("http://proxy:65536", "is not the URL of a proxy"),
        ("http://fd00::5:3128", "is not the URL of a proxy"),
        ("http://me:hunter2@a b:1", "is not the URL of a proxy"),
        ("me:hunter2://x@proxy:1", "is not the URL of a proxy"),
        ("socks://proxy:1", "has a proxy for socks://, which is not supported; use http://"),
        ("socks4://me:hunter2@proxy:1", "has a proxy for socks4://, which is not supported"),
    ],
)
def test_what_is_no_proxy(value: str, says: str) -> None:
    """The variable is named, and its value is not repeated."""
    with pytest.raises(HelperError) as caught:
        proxies.find(ECR, {"HTTPS_PROXY": value})

    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "a:1"}, "HTTPS_PROXY"),
        ({"https_proxy": "a:1"}, "https_proxy"),
        ({"https_proxy": "a:1", "HTTPS_PROXY": "b:1"}, "https_proxy"),
        ({"https_proxy": "", "HTTPS_PROXY": "b:1"}, "HTTPS_PROXY"),
        ({"HTTP_PROXY": "a:1", "ALL_PROXY": "b:1", "all_proxy": "c:1"}, None),
    ],
)
def test_which_variable_counts(environ: dict[str, str], name: str | None) -> None:
    """Lower case wins, an empty value counts as unset, and a scheme has its own variable."""
    found = proxies.find(ECR, environ)

    assert (found and found.name) == name


def test_plain_http_has_its_own_variable() -> None:
    """In a CGI program, a client can set HTTP_PROXY: there it does not count."""
    found = proxies.find("http://ecr.example.com", PROXY)

    assert found == Proxy("HTTP_PROXY", "http", "plain", 3128)
    assert proxies.find("http://ecr.example.com", PROXY | {"REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("amazonaws.com", True),
        (".amazonaws.com", True),
        ("*.amazonaws.com", True),
        ("*.AmazonAWS.com.", True),
        ("api.ecr.us-east-1.amazonaws.com", True),
        ("api.ecr.us-east-1.amazonaws.com:443", True),
        ("api.ecr.us-east-1.amazonaws.com:8443", False),
        (".amazonaws.com:443", True),
        ("localhost, 127.0.0.1 , .amazonaws.com", True),
        ("localhost .amazonaws.com", True),
        ("localhost,,*", True),
        ("naws.com", False),
        ("com", True),
        (".", False),
        ("*.", False),
        ("*amazonaws.com", False),
        ("10.0.0.0/8,fd00::/8", False),
        ("a.b:x,:443,[", False),
    ],
)
def test_names_that_are_reached_directly(no_proxy: str, direct: bool) -> None:
    """NO_PROXY has names, with their subdomains, and with or without a port."""
    found = proxies.find(ECR, PROXY | {"NO_PROXY": no_proxy})

    assert (found is None) == direct


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.9.9.9/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("10.1.2.3", "10.1.2.3:80", False),
        ("10.1.2.3", "fd00::/8", False),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("110.1.2.3", "10.1.2.3", False),
        ("[fd00::5]", "fd00::/8", True),
        ("[fd00::5]", "fd00::5", True),
        ("[fd00::5]", "FD00:0::5", True),
        ("[fd00::5]", "[fd00::5]", True),
        ("[fd00::5]", "[fd00::5]:443", True),
        ("[fd00::5]", "[fd00::5]:80", False),
        ("[fe00::5]", "fd00::/8", False),
    ],
)
def test_addresses_that_are_reached_directly(host: str, no_proxy: str, direct: bool) -> None:
    """NO_PROXY has addresses and ranges, as in Go and curl."""
    found = proxies.find(f"https://{host}", PROXY | {"no_proxy": no_proxy})

    assert (found is None) == direct


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fe80::1%25eth0]",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]",
        "localhost:4566",
    ],
)
def test_metadata_and_this_machine_need_no_proxy(host: str) -> None:
    """No NO_PROXY is needed for them."""
    for scheme in ("http", "https"):
        assert proxies.find(f"{scheme}://{host}/latest", PROXY) is None


@pytest.mark.parametrize(
    "source",
    [credential_sources.instance, credential_sources.container],
    ids=lambda one: one.__name__,
)
def test_a_role_needs_no_no_proxy(machine: Machine, source: Callable[[Machine], None]) -> None:
    """Instance and container metadata are asked directly, although a proxy is set for HTTP."""
    source(machine)
    del machine.environ["NO_PROXY"]

    assert machine.get(HTTP_PROXY="http://127.0.0.1:9").secret


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"https_proxy": "http://me:x@proxy:1"}, "the proxy http://proxy:1 in https_proxy"),
        ({"https_proxy": "http://proxy:1", "NO_PROXY": "*"}, "https_proxy"),
        ({"HTTPS_PROXY": "'quoted'"}, "HTTPS_PROXY"),
        ({}, "HTTPS_PROXY"),
    ],
)
def test_a_proxy_as_an_error_names_it(environ: dict[str, str], says: str) -> None:
    """With the variable that has it, and without its login; the variable alone without one."""
    assert proxies.describe(ECR, environ) == says


def test_botocore_reaches_it_directly(machine: Machine) -> None:
    """The SDK uses no proxy for it, and its error names the entry of NO_PROXY."""
    machine.login()
    url = "https://api.ecr.us-east-1.amazonaws.invalid"
    error = machine.get(AWS_ENDPOINT_URL=url, NO_PROXY="*.amazonaws.invalid:443").error

    assert error.startswith(
        f"the name of {url} does not resolve; AWS_ENDPOINT_URL sends the request there: if it is"
        " left over, run: unset AWS_ENDPOINT_URL; otherwise remove '*.amazonaws.invalid:443' from"
        " NO_PROXY if only the proxy in HTTPS_PROXY reaches it; otherwise check the region"
    )
