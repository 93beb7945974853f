"""An AWS region without a registry: its partition, and the one that one's shell is in.

A region's name says its partition, and so no list has to be loaded, nor to be new, for it: only
for one that looks like none.
"""

import difflib
from collections.abc import Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.text.sanitize import one_line

# How the regions of each partition begin, and its DNS suffix; a test holds them against botocore.
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
# The rest of a name, before its number: also of a region that botocore has not heard of yet.
_SIDES = ("central", "north", "east", "south", "west")
_CORNERS = ("northeast", "northwest", "southeast", "southwest")


def dns_suffix(region: str) -> str:
    """Return the DNS suffix of a region's partition, such as "amazonaws.com".

    Raises HelperError, with a near miss, for a name that no partition has.
    """
    where, side, number = ["", "", *region.rsplit("-", 2)][-3:]
    sound = side in _SIDES + _CORNERS and number.isascii() and number.isdigit()
    if sound and where in _SUFFIXES:
        return _SUFFIXES[where]
    listed = _listed()
    if region in listed:  # of a partition that is newer than this table
        return listed[region]
    near = difflib.get_close_matches(region.lower(), known_regions("ecr"), n=2, cutoff=0.8)
    msg = f"{one_line(region)!r} is no AWS region"
    hint = f"did you mean {' or '.join(sorted(near))}?" if near else "write one such as us-east-1"
    raise HelperError(msg, hint=hint)


def known_regions(service: str) -> list[str]:
    """Return the regions, of all partitions, in which botocore knows a service, sorted."""
    from botocore.loaders import Loader  # with its data: only where a name looks like no region
    from botocore.regions import EndpointResolver

    resolver = EndpointResolver(Loader().load_data("endpoints"))
    names: list[str] = []
    for partition in resolver.get_available_partitions():
        names += resolver.get_available_endpoints(f"api.{service}", partition)
    return sorted(names)


def registry_for_region(region: str) -> Registry:
    """Return what stands for all private registries of a region: its endpoint, as a registry.

    A token for it is that of the endpoint, which all of them share. It is of no account, and its
    name is no host's. Raises HelperError as `dns_suffix` does.
    """
    found = Registry("", account="", region=region, service="ecr", suffix=dns_suffix(region))
    return found.override(host=found.endpoint)


def default_region(environ: Mapping[str, str]) -> str:
    """Return the region of AWS_REGION, AWS_DEFAULT_REGION or the profile, as the AWS CLI has it.

    That is "" where none of them says. Raises HelperError where the AWS settings are wrong.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
    """
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if named:
        return named
    from docker_credential_ecrpy.aws import profiles  # a tenth of a second: only where it has to be

    return profiles.region()


def _listed() -> dict[str, str]:
    """Return botocore's regions, each with the DNS suffix of its partition."""
    from botocore.loaders import Loader  # and no session, which wants the AWS settings to be right

    data = Loader().load_data("partitions")
    return {
        region: str(partition["outputs"]["dnsSuffix"])
        for partition in data["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }


def looks_like_ecr(host: str) -> bool:
    """Whether a host that is none of ECR's was meant to be one."""
    return not {"dkr", "ecr", "ecr-fips", "dkr-ecr", "dkr-ecr-fips"}.isdisjoint(host.split("."))


def explain_not_ecr(host: str) -> str:
    """Return why a host is none of ECR's, and what to do about it."""
    labels = host.split(".")
    if looks_like_ecr(host):
        if not registry.is_account(labels[0]):
            return (
                f"is not an ECR registry: it has to begin with an account's"
                f" {registry.ACCOUNT_DIGITS} digits, and {one_line(labels[0])!r} has"
                f" {len(labels[0])} characters"
            )
        return (
            "is not an ECR registry: those are such as 123456789012.dkr.ecr.us-east-1.amazonaws.com"
        )
    return (
        "is not an ECR registry; a private name for one needs a rule with registry = in config.toml"
    )
