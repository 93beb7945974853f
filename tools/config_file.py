"""The format of ~/.ecr/config.toml: its keys, their meaning and examples, in one place.

The manual page of section 5, the JSON Schema and the tables in docs/reference.md are made from it;
a test compares it with the parser. Limits, defaults and allowed characters are the parser's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from docker_credential_ecrpy.settings import rule_parser
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX, MAX_SIZE, TABLE
from docker_credential_ecrpy.settings.rule_parser import DURATIONS
from docker_credential_ecrpy.settings.rules import AUTO, Role

ACCOUNT = "123456789012"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
_ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/puller")


@dataclass(frozen=True)
class Key:
    """One key.

    examples, default: values as TOML has them. needs: the key that must be present too, or "".
    """

    name: str
    type: str
    meaning: str
    examples: tuple[str, ...] = ()
    default: str = ""
    needs: str = ""


def _describe_text(key: str) -> str:
    """Return the limits of a key's text, from the parser's pattern. Raises ValueError."""
    pattern = rule_parser._FORMS[key][0].pattern  # noqa: SLF001 - so that the two cannot differ
    found = re.fullmatch(r"\[\\w(.+)\]\{(\d+),(\d+)\}", pattern)
    if not found:
        msg = f"{key}: {pattern} is not a set of characters with limits"
        raise ValueError(msg)
    return f"{found[2]} to {found[3]} letters, digits and _{found[1]}"


TOP_KEYS = (
    Key(
        "fallback",
        "string",
        f"The credential helper for registries that are not ECR registries: the name of its "
        f"program after {HELPER_PREFIX}. With it, one credsStore serves every registry.",
        ('"pass"', '"secretservice"', '"osxkeychain"', '"wincred"', '"desktop"'),
    ),
    Key(
        TABLE,
        "array of tables",
        "The rules, from top to bottom. The first rule whose match applies to the host wins; "
        "if none applies, the AWS identity is the one that the AWS CLI uses.",
    ),
)
"""The keys above the first rule."""

RULE_KEYS = (
    Key(
        "match",
        "string",
        "The registries that the rule applies to: a 12-digit account id, a host name without "
        "scheme, port and path, or a glob over host names. Required.",
        (f'"{ACCOUNT}"', f'"{HOST}"', '"*.dkr.ecr.eu-*.amazonaws.com"'),
    ),
    Key(
        "profile",
        "string",
        f'The AWS profile to use, even if the environment holds access keys. "{AUTO}" selects '
        "the one profile of the registry's account: by sso_account_id, role_arn or "
        "login_session, or else by the account in granted_sso_account_id, credential_process, "
        "x_principal_arn, azure_default_role_arn, google_config.role_arn or adfs_config.role_arn, "
        "or else by aws_account_id.",
        ('"prod"', f'"{AUTO}"'),
    ),
    Key(
        "role_arn",
        "string",
        "The ARN of a role to assume, from profile if the rule has one, or else from the AWS "
        "identity that the AWS CLI uses.",
        (f'"{_ROLE.arn}"',),
    ),
    Key(
        "external_id",
        "string",
        f"The external id that the role's trust policy requires: {_describe_text('external_id')}.",
        ('"partner-7"',),
        needs="role_arn",
    ),
    Key(
        "role_session_name",
        "string",
        f"The session name that CloudTrail shows: {_describe_text('role_session_name')}.",
        ('"docker"',),
        default=f'"{_ROLE.session_name}"',
        needs="role_arn",
    ),
    Key(
        "duration",
        "integer",
        f"The lifetime of the role's session in seconds, from {DURATIONS[0]} to {DURATIONS[-1]}.",
        ("3600",),
        default=str(_ROLE.duration),
        needs="role_arn",
    ),
    Key(
        "registry",
        "string",
        "The ECR registry that match stands for, if match is a private name or a pull-through "
        "proxy in front of ECR. A glob then has to end in a domain of your own, such as "
        "*.example.com.",
        (f'"{HOST}"',),
    ),
    Key(
        "endpoint_url",
        "string",
        "The ECR API endpoint to call, such as a VPC endpoint: an http or https URL without user "
        "info, query and fragment.",
        ('"https://vpce-0123-abcd.api.ecr.us-west-2.vpce.amazonaws.com"',),
    ),
    Key(
        "region",
        "string",
        "The region to call, if it is not the one in the host name.",
        ('"eu-west-1"',),
    ),
)
"""The keys of a rule, which is a [[registry]] table."""

MATCH_FORMS = (
    (f'"{ACCOUNT}"', "every private registry of the account, in every region and host form"),
    (f'"{HOST}"', "one registry"),
    ('"*.dkr.ecr.eu-*.amazonaws.com"', "a glob: * is any characters, dots included"),
    (f'"{ACCOUNT}.dkr.ecr.us-east-?.*"', "? is one character"),
    ('"[12]*.dkr.ecr.us-east-1.*"', "[...] is one character of a set, [!...] one outside of it"),
)

VARIABLES = {
    "AWS_ECR_CONFIG": "The file to read in place of ~/.ecr/config.toml.",
    "AWS_ECR_PROFILE_<account>": (
        "The AWS profile for one account. It replaces the rule's profile and role, and leaves its "
        "endpoint_url and region."
    ),
    "AWS_ECR_ROLE_ARN_<account>": (
        "The role to assume for one account, from that account's AWS_ECR_PROFILE if it is set. It "
        "replaces the rule's profile and role; external_id, role_session_name and duration still "
        "apply if the rule has the same role."
    ),
}
"""The environment variables that concern the file."""

RECIPES = (
    (
        "One profile for each account, and a role for all registries in Europe:",
        f"""\
[[registry]]
match = "{ACCOUNT}"
profile = "prod"

[[registry]]
match = "*.dkr.ecr.eu-*.amazonaws.com"
role_arn = "arn:aws:iam::210987654321:role/puller"
external_id = "partner-7"
""",
    ),
    (
        "SSO: the profile of the registry's account, whichever account it is:",
        f"""\
[[registry]]
match = "*"
profile = "{AUTO}"
""",
    ),
    (
        "A private name in front of ECR, with an API endpoint in a VPC:",
        """\
[[registry]]
match = "images.example.com"
registry = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
endpoint_url = "https://vpce-0123-abcd.api.ecr.us-west-2.vpce.amazonaws.com"
profile = "prod"
""",
    ),
    (
        "Docker Hub and other registries beside ECR:",
        """\
fallback = "pass"
""",
    ),
)
"""Complete files, each with its purpose."""

LIMIT_KIB = MAX_SIZE // 1024
NAME = f"{PACKAGE}-config"
SCHEMA_URL = (
    f"{HOMEPAGE.replace('github.com', 'raw.githubusercontent.com')}"
    "/main/docs/schemas/config.schema.json"
)
"""The address of the JSON Schema, for editors."""


def find_key(keys: Sequence[Key], name: str) -> Key:
    """Return the key of that name. Raises StopIteration."""
    return next(key for key in keys if key.name == name)
