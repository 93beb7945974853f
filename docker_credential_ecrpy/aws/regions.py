"""AWS regions: the partition of one, the default one, and hosts that look like ECR's.

A region's name tells its partition. botocore's list is loaded only for a name of another form, and
for commands that look for a misspelt one.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

# The prefix of each partition's regions, and its DNS suffix; a test compares them to botocore's.
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_SUFFIXES = {
    **dict.fromkeys(("af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"), "amazonaws.com"),
    "us-gov": "amazonaws.com",
    "cn": "amazonaws.com.cn",
    "eusc-de": "amazonaws.eu",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "eu-isoe": "cloud.adc-e.uk",
    "us-isof": "csp.hci.ic.gov",
}
# The rest of a name, before its number: this covers regions that botocore does not know yet.
_SIDES = ("central", "north", "east", "south", "west")
_CORNERS = ("northeast", "northwest", "southeast", "southwest")
# A region of a continent or a country in which AWS had none before.
_NEW = re.compile(rf"[a-z]{{2}}-(?:{'|'.join(_SIDES + _CORNERS)})-\d{{1,2}}", re.ASCII)
# An account id, also as AWS's console shows it: 1234-5678-9012.
_ACCOUNT = re.compile(r"(?<![\w-])(?:\d{12}|\d{4}-\d{4}-\d{4})(?![\w-])", re.ASCII)
_NAME = re.compile(r"(?<![\w-])[a-z]{2,5}(?:-[a-z]+){1,3}-\d{1,2}(?![\w-])", re.ASCII)


def dns_suffix(region: str) -> str:
    """Return the DNS suffix of a region's partition, such as "amazonaws.com".

    Raises HelperError, with similar names as its hint, for an unknown region.
    """
    where, side, number = ["", "", *region.rsplit("-", 2)][-3:]
    sound = side in _SIDES + _CORNERS and number.isascii() and number.isdigit()
    if sound and where in _SUFFIXES:
        return _SUFFIXES[where]
    listed = _list_suffixes()
    if region in listed:  # its partition is missing in this table
        return listed[region]
    near = difflib.get_close_matches(region.lower(), list_regions("ecr"), n=2, cutoff=0.8)
    msg = f"{one_line(region)!r} is not an AWS region"
    hint = f"did you mean {' or '.join(sorted(near))}?" if near else "write one such as us-east-1"
    raise HelperError(msg, hint=hint)


def make_host(account: str, region: str) -> str:
    """Return the host of an account's registry in a region. Raises HelperError as `dns_suffix`."""
    return f"{account}.dkr.ecr.{region}.{dns_suffix(region)}"


@dataclass(frozen=True)
class WrongHost:
    """What is wrong with the region or the suffix in an ECR host.

    right: the host that was probably meant, or "". is_sure: False for a region that is only unknown
    to botocore, and may be new.
    """

    reason: str
    right: str
    is_sure: bool

    @property
    def hint(self) -> str:
        """What to do."""
        return f"write {self.right}" if self.right else "write a region such as us-east-1"


def find_wrong_host(host: str) -> WrongHost | None:
    """Return what is wrong with the region or the suffix of an ECR host; None for any other."""
    found = registry.parse(host)
    if found is None or found.public:
        return None
    region = found.region
    try:
        suffix = _suffix_as(found, region)
    except HelperError as exc:
        near = suggest(region, list_regions("ecr"))
        may_be_new = bool(_NEW.fullmatch(region))
        return WrongHost(f"{exc.message}, in {host}", _move(found, near), is_sure=not may_be_new)
    if suffix != found.suffix:
        reason = f"region {region} does not belong to {found.suffix}, in {host}"
        return WrongHost(reason, _move(found, region), is_sure=True)
    known = list_regions("ecr")
    if region in known:
        return None
    alike = [name for name in known if name.startswith(region[: region.rindex("-") + 1])]
    right = _move(found, suggest(region, alike) or suggest(region, known))
    reason = f"{region!r} is not a region that the AWS SDK knows, in {host}"
    return WrongHost(reason, right, is_sure=False)


def _suffix_as(found: Registry, region: str) -> str:
    """Return the suffix that a host of the same kind has in a region. Raises HelperError."""
    standard = dns_suffix(region)
    if not found.dual_stack:
        return standard
    dual = {each["dnsSuffix"]: str(each["dualStackDnsSuffix"]) for each in _list_outputs()}
    return "on." + dual[standard].removeprefix("api.")


def _move(found: Registry, region: str) -> str:
    """Return the host of the same kind in a region, or "" for none."""
    if not region:
        return ""
    start = found.host.removesuffix(f".{found.region}.{found.suffix}")
    return f"{start}.{region}.{_suffix_as(found, region)}"


def list_regions(service: str) -> list[str]:
    """Return the regions of all partitions in which botocore knows a service, sorted."""
    from botocore.regions import EndpointResolver

    # Takes time to load: only for an unusual region name.
    from docker_credential_ecrpy.aws.sdk import embedded

    resolver = EndpointResolver(embedded.load("endpoints"))
    names: list[str] = []
    for partition in resolver.get_available_partitions():
        names += resolver.get_available_endpoints(f"api.{service}", partition)
    return sorted(names)


def registry_for_region(region: str) -> Registry:
    """Return a registry that stands for all private ones of a region: its API endpoint.

    They share its token. It has no account, and its name is not a host name. Raises HelperError as
    `dns_suffix` does.
    """
    found = Registry("", account="", region=region, service="ecr", suffix=dns_suffix(region))
    return found.override(host=found.endpoint)


def default_region(environ: Mapping[str, str]) -> str:
    """Return the region of AWS_REGION, AWS_DEFAULT_REGION or the profile, as the AWS CLI does.

    Returns "" if none of them is set. Raises HelperError for wrong AWS settings.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
    """
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if named:
        return named
    from docker_credential_ecrpy.aws import profiles  # takes 0.1 s to load: only if needed

    return profiles.find_region()


def _list_suffixes() -> dict[str, str]:
    """Return botocore's regions, each with the DNS suffix of its partition."""
    return {
        region: str(partition["outputs"]["dnsSuffix"])
        for partition in _load_partitions()
        for region in partition["regions"]
        if not region.endswith("-global")
    }


def _list_outputs() -> list[dict[str, Any]]:
    return [partition["outputs"] for partition in _load_partitions()]


def _load_partitions() -> list[dict[str, Any]]:
    # A session would fail on wrong AWS settings.
    from docker_credential_ecrpy.aws.sdk import embedded

    found: list[dict[str, Any]] = embedded.load("partitions")["partitions"]
    return found


def looks_like_ecr(host: str) -> bool:
    """Whether a host that is not ECR's was probably meant to be."""
    labels = {"dkr", "ecr", "ecr-fips", "dkr-ecr", "dkr-ecr-fips"}
    is_aws = "aws" in host and suggest_host(host)
    return not labels.isdisjoint(host.split(".")) or bool(is_aws)


def suggest_host(text: str) -> str:
    """Return the host of the registry whose account and region a text names; "" for another text.

    Such as the ARN of a repository, or a misspelt host.
    """
    accounts = set(_ACCOUNT.findall(text))
    if len(accounts) != 1:
        return ""
    names = [name for name in dict.fromkeys(_NAME.findall(text.lower())) if is_region(name)]
    return make_host(accounts.pop().replace("-", ""), names[0]) if len(names) == 1 else ""


def is_region(text: str) -> bool:
    """Whether a text is the name of a region; other names may have its form, such as my-app-1."""
    try:
        return bool(_NAME.fullmatch(text) and dns_suffix(text))
    except HelperError:
        return False


def explain_not_ecr(host: str) -> str:
    """Return why a host is not ECR's, and what to do."""
    first, no = host.split(".", maxsplit=1)[0], "is not an ECR registry"
    if not looks_like_ecr(host):
        return f"{no}; a private name for one needs a rule with registry = in config.toml"
    if meant := suggest_host(host):
        return f"{no}; did you mean {meant}?"
    if registry.is_account(first):
        return f"{no}; an ECR host looks like 123456789012.dkr.ecr.us-east-1.amazonaws.com"
    start = f"it has to begin with an account's {registry.ACCOUNT_DIGITS} digits"
    return f"{no}: {start}, and {one_line(first)!r} has {len(first)} characters"
