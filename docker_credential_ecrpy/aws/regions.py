"""AWS regions: the partition of one, the default one, and hosts that look like ECR's.

A region's name tells its partition. botocore's list is loaded only for a name of another form.
"""

import difflib
import re
from collections.abc import Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.text.sanitize import one_line

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


def list_regions(service: str) -> list[str]:
    """Return the regions of all partitions in which botocore knows a service, sorted."""
    from botocore.loaders import Loader  # takes time to load: only for an unusual region name
    from botocore.regions import EndpointResolver

    resolver = EndpointResolver(Loader().load_data("endpoints"))
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
    from botocore.loaders import Loader  # a session would fail on wrong AWS settings

    data = Loader().load_data("partitions")
    return {
        region: str(partition["outputs"]["dnsSuffix"])
        for partition in data["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }


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
