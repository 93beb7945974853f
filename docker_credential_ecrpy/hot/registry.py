"""ECR registries, recognized by host name alone.

The host forms are those of the Amazon ECR user guide ("Private registry authentication", "Making
requests to Amazon ECR registries"). The suffixes are those of botocore's partitions: a dual-stack
registry is under `on.` where the API is under `api.`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# ECR Public answers for every region through one API, in us-east-1.
# https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
PUBLIC_REGION: "Final" = "us-east-1"
PUBLIC_HOSTS: "Final" = {"public.ecr.aws": False, "ecr-public.aws.com": True}
"""Host of ECR Public -> whether it is dual-stack."""

SUFFIXES: "Final" = frozenset(
    (
        "amazonaws.com",  # aws, aws-us-gov
        "amazonaws.com.cn",  # aws-cn
        "amazonaws.eu",  # aws-eusc
        "c2s.ic.gov",  # aws-iso
        "sc2s.sgov.gov",  # aws-iso-b
        "cloud.adc-e.uk",  # aws-iso-e
        "csp.hci.ic.gov",  # aws-iso-f
    )
)
DUAL_STACK_SUFFIXES: "Final" = frozenset(
    (
        "on.aws",  # aws, aws-us-gov
        "on.amazonwebservices.com.cn",  # aws-cn
        "on.amazonwebservices.eu",  # aws-eusc
        "on.aws.ic.gov",  # aws-iso
        "on.aws.scloud",  # aws-iso-b
        "on.cloud-aws.adc-e.uk",  # aws-iso-e
        "on.aws.hci.ic.gov",  # aws-iso-f
    )
)

MAX_URL: "Final" = 64 * 1024
"""The most characters that an address may have."""
ACCOUNT_DIGITS: "Final" = 12
"""The number of digits in an AWS account id."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_LABEL = frozenset(_LETTERS + _DIGITS + "-")
_SCHEME = frozenset(_LETTERS + _DIGITS + "+-.")
# The characters of a URL (RFC 3986, section 2). All others are refused, so that no two programs
# read the host differently, and so that an address needs no escape inside a JSON string.
_URL = frozenset(_LETTERS + _LETTERS.upper() + _DIGITS + "-._~:/?#[]@!$&'()*+,;=%")
_MAX_LABEL = 63  # octets in a DNS label (RFC 1035, section 2.3.4)


class Registry:
    """One ECR registry, as described by its host name.

    host: the name in lower case, without port or trailing dot.
    account: the twelve digits of its AWS account, or "" for ECR Public.
    region: the AWS region whose API issues its authorization tokens.
    service: the API's name in boto3, "ecr" or "ecr-public".
    suffix: what follows the region in the host name, such as "amazonaws.com".
    fips, dual_stack: the kind of API endpoint that the host name stands for.
    """

    __slots__ = ("account", "dual_stack", "fips", "host", "region", "service", "suffix")

    def __init__(
        self,
        host: str,
        *,
        account: str,
        region: str,
        service: str,
        suffix: str,
        fips: bool = False,
        dual_stack: bool = False,
    ) -> None:
        self.host = host
        self.account = account
        self.region = region
        self.service = service
        self.suffix = suffix
        self.fips = fips
        self.dual_stack = dual_stack

    def override(self, *, host: str = "", region: str = "") -> "Registry":
        """Return this registry with another host name, another region, or both."""
        return Registry(
            host or self.host,
            account=self.account,
            region=region or self.region,
            service=self.service,
            suffix=self.suffix,
            fips=self.fips,
            dual_stack=self.dual_stack,
        )

    @property
    def public(self) -> bool:
        """Whether this is ECR Public, where pulls work without any credentials."""
        return self.service == "ecr-public"

    @property
    def endpoint(self) -> str:
        """The name of its API endpoint: safe as a file name, and never a host name.

        Registries with the same endpoint share their authorization tokens: a token is valid for
        every registry that the principal can reach through it.
        https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
        """
        variant = ("-fips" if self.fips else "") + ("-dual" if self.dual_stack else "")
        return f"{self.service}{variant}@{self.region}.{self.suffix}"


def parse(server_url: str) -> "Registry | None":
    """Return the ECR registry that `server_url` names, or None. Never raises.

    server_url: what a client sends: a host, with or without scheme, user info, port, path, query,
    upper case and a trailing dot.
    """
    host = parse_host(server_url)
    if not host:
        return None
    if host in PUBLIC_HOSTS:
        return Registry(
            host,
            account="",
            region=PUBLIC_REGION,
            service="ecr-public",
            suffix="aws",
            dual_stack=PUBLIC_HOSTS[host],
        )
    labels = host.split(".")
    account = labels[0]
    if not is_account(account):
        return None
    if labels[1:3] in (["dkr", "ecr"], ["dkr", "ecr-fips"]):
        kind, rest, suffixes = labels[2], labels[3:], SUFFIXES
    elif labels[1:2] in (["dkr-ecr"], ["dkr-ecr-fips"]):
        kind, rest, suffixes = labels[1], labels[2:], DUAL_STACK_SUFFIXES
    else:
        return None
    suffix = ".".join(rest[1:])
    if suffix not in suffixes:
        return None
    return Registry(
        host,
        account=account,
        region=rest[0],
        service="ecr",
        suffix=suffix,
        fips=kind.endswith("-fips"),
        dual_stack=suffixes is DUAL_STACK_SUFFIXES,
    )


def is_account(text: str) -> bool:
    """Whether a text is an AWS account id."""
    return len(text) == ACCOUNT_DIGITS and text.isascii() and text.isdigit()


def parse_host(server_url: str) -> str:
    """Return the host name in `server_url`, in lower case, or "" if there is no valid one.

    A valid name consists of DNS labels: no address in brackets, no escapes, no Unicode.
    """
    # Longer input is truncated.
    if len(server_url) > MAX_URL or not _URL.issuperset(server_url):
        return ""
    scheme, separator, rest = server_url.partition("://")
    if not (separator and scheme[:1].isalpha() and _SCHEME.issuperset(scheme.lower())):
        rest = server_url  # no scheme: the :// is in the path or query
    for end in "/?#":
        rest = rest.partition(end)[0]
    host, _, port = rest.rpartition("@")[2].partition(":")
    if port and not port.isdigit():
        return ""
    host = host.lower().removesuffix(".")
    for label in host.split("."):
        if not label or len(label) > _MAX_LABEL or not _LABEL.issuperset(label):
            return ""
        if label[0] == "-" or label[-1] == "-":
            return ""
    return host
