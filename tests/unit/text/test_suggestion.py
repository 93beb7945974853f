"""Facts about `text.suggestion`: the name that was meant, and never one that does harm."""

import pytest

from docker_credential_ecrpy.settings.rule_parser import KEYS
from docker_credential_ecrpy.text.suggestion import DANGEROUS, suggest

OPTIONS = ("--profile", "--role-arn", "--all-profiles", *DANGEROUS, "--dry-run", "--json")
COMMANDS = ("configure", "doctor", "password", "cache", "get", "store", "erase", "list", "clear")
PROFILES = ("Prod", "prod-admin", "dev", "org staging")


@pytest.mark.parametrize(
    ("wrong", "known", "right"),
    [
        ("role", KEYS, "role_arn"),  # difflib's is profile
        ("arn", KEYS, "role_arn"),
        ("session_name", KEYS, "role_session_name"),
        ("aws_profile", KEYS, "profile"),
        ("Endpoint", KEYS, "endpoint_url"),
        ("mach", KEYS, "match"),
        ("account", KEYS, ""),
        ("--profiles", OPTIONS, "--profile"),
        ("--role", OPTIONS, "--role-arn"),
        ("--dryrun", OPTIONS, "--dry-run"),
        ("--remov", OPTIONS, "--remove"),
        ("--region", OPTIONS, ""),  # difflib's is --remove
        ("--rem", OPTIONS, ""),
        ("--remove-all", OPTIONS, ""),
        ("--under", OPTIONS, ""),
        ("--store", OPTIONS, ""),
        ("--creds", OPTIONS, ""),
        ("clean", COMMANDS, ""),
        ("clea", COMMANDS, "clear"),
        ("era", COMMANDS, ""),
        ("config", COMMANDS, "configure"),
        ("lst", COMMANDS, "list"),
        ("prod", PROFILES, "Prod"),
        ("admin", PROFILES, "prod-admin"),
        ("staging", PROFILES, "org staging"),
        ("qa", PROFILES, ""),
        ("x", (), ""),
    ],
)
def test_the_name_that_was_meant(wrong: str, known: tuple[str, ...], right: str) -> None:
    """Whole words count more than letters; what removes something needs almost all of them."""
    assert suggest(wrong, known) == right
