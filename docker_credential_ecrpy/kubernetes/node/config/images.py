"""The `matchImages` of ECR: one pattern for each form of host that `hot.registry` knows."""

from collections.abc import Iterator

from docker_credential_ecrpy.hot.registry import DUAL_STACK_SUFFIXES, PUBLIC_HOSTS, SUFFIXES


def list_patterns() -> list[str]:
    """Return the patterns of all hosts that this program answers for without a rule."""
    return [*_list_private(), *PUBLIC_HOSTS]


def _list_private() -> Iterator[str]:
    for suffixes, form in ((SUFFIXES, "dkr.ecr"), (DUAL_STACK_SUFFIXES, "dkr-ecr")):
        for fips in ("", "-fips"):
            for suffix in sorted(suffixes):
                yield f"*.{form}{fips}.*.{suffix}"
