"""Choosing the AWS identity to use for a registry."""

from collections.abc import Mapping

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import values
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.settings.toml_document import TomlDocument

A, B, C = "111111111111", "222222222222", "333333333333"
HOST = "{}.dkr.ecr.us-east-1.amazonaws.com"
ROLE = "arn:aws:iam::{}:role/puller"
TEXT = f"""
[[registry]]
match = "{A}"
profile = "a"
endpoint_url = "https://vpce-1.example.com"

[[registry]]
match = "*.dkr.ecr.eu-*.amazonaws.com"
profile = "europe"
role_arn = "{ROLE.format(A)}"
external_id = "x-1"

[[registry]]
match = "{B}"
region = "ap-south-1"

[[registry]]
match = "images.example.com"
registry = "{HOST.format(B)}"
profile = "private"
region = "us-west-2"

[[registry]]
match = "*.example.com"
registry = "public.ecr.aws"

[[registry]]
match = "public.ecr.aws"
region = "eu-west-1"
profile = "public"
"""


def _choose(host: str, environ: Mapping[str, str] | None = None) -> Choice | None:
    found = loader.parse(TomlDocument("f", TEXT.encode(), loader.TABLE), "-")
    return rules.choose(host, found.rules, environ or {})


@pytest.mark.parametrize(
    ("host", "line", "profile", "endpoint"),
    [
        (HOST.format(A), 3, "a", "ecr@us-east-1.amazonaws.com"),
        (f"https://{HOST.format(A).upper()}:443/v2/", 3, "a", "ecr@us-east-1.amazonaws.com"),
        (HOST.format(A).replace("us-", "eu-"), 3, "a", "ecr@eu-east-1.amazonaws.com"),
        (HOST.format(B).replace("us-", "eu-"), 8, "europe", "ecr@eu-east-1.amazonaws.com"),
        (HOST.format(B), 14, "", "ecr@ap-south-1.amazonaws.com"),
        (HOST.format(C), 0, "", "ecr@us-east-1.amazonaws.com"),
        ("images.example.com:8443/team/app", 18, "private", "ecr@us-west-2.amazonaws.com"),
        ("other.example.com", 24, "", "ecr-public@us-east-1.aws"),
        ("public.ecr.aws", 28, "public", "ecr-public@us-east-1.aws"),
    ],
)
def test_the_first_rule_that_matches_wins(
    host: str, line: int, profile: str, endpoint: str
) -> None:
    """Without a match, the ambient identity is used. ECR Public keeps its one region."""
    choice = _choose(host)

    assert choice is not None
    assert (choice.rule.place.line if choice.rule else 0) == line
    assert choice.profile == profile
    assert choice.registry.endpoint == endpoint


@pytest.mark.parametrize(
    "host", ["ghcr.io", "example.com", "https://index.docker.io/v1/", "", "\0", "[::1]:5000"]
)
def test_other_registries_have_no_choice(host: str) -> None:
    """Other registries, and invalid hosts, have no choice."""
    assert _choose(host) is None


def test_a_private_name_keeps_its_name() -> None:
    """A private name keeps its host name, and has the account of its registry."""
    choice = _choose("images.example.com")

    assert choice is not None
    assert (choice.registry.host, choice.registry.account) == ("images.example.com", B)


@pytest.mark.parametrize(
    ("environ", "profile", "role", "chosen_at"),
    [
        ({}, "a", None, "f:4"),
        ({f"AWS_ECR_PROFILE_{A}": "ci"}, "ci", None, f"AWS_ECR_PROFILE_{A}"),
        ({f"AWS_ECR_PROFILE_{A}": ""}, "a", None, "f:4"),
        ({f"AWS_ECR_PROFILE_{B}": "ci"}, "a", None, "f:4"),
        (
            {f"AWS_ECR_ROLE_ARN_{A}": ROLE.format(C)},
            "",
            ROLE.format(C),
            f"AWS_ECR_ROLE_ARN_{A}",
        ),
        (
            {f"AWS_ECR_ROLE_ARN_{A}": ROLE.format(C), f"AWS_ECR_PROFILE_{A}": "ci"},
            "ci",
            ROLE.format(C),
            f"AWS_ECR_PROFILE_{A}",
        ),
    ],
)
def test_variables_override_the_file(
    environ: dict[str, str], profile: str, role: str | None, chosen_at: str
) -> None:
    """Variables override the rule's identity; the endpoint stays the rule's."""
    choice = _choose(HOST.format(A), environ)

    assert choice is not None
    assert (choice.profile, choice.role and choice.role.arn) == (profile, role)
    assert str(choice.chosen_at) == chosen_at
    assert choice.endpoint_url == "https://vpce-1.example.com"


def test_an_external_id_belongs_to_its_role() -> None:
    """A role named by a variable keeps its external id; another role does not get it."""
    host = HOST.format(B).replace("us-", "eu-")
    choice = _choose(host, {f"AWS_ECR_ROLE_ARN_{B}": ROLE.format(A)})

    assert choice is not None
    assert choice.role == rules.Role(ROLE.format(A), "x-1")
    assert choice.profile == ""


def test_a_variables_role_has_no_options_of_a_rules() -> None:
    """A variable's role does not get the options of a rule for another role."""
    host = HOST.format(B).replace("us-", "eu-")
    choice = _choose(host, {f"AWS_ECR_ROLE_ARN_{B}": ROLE.format(C)})

    assert choice is not None
    assert choice.role == rules.Role(ROLE.format(C))
    assert choice.profile == ""


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AWS_ECR_PROFILE_prod", "x", "AWS_ECR_PROFILE_prod does not end in an account id"),
        ("AWS_ECR_PROFILE_", "x", "12 digits"),
        ("AWS_ECR_ROLE_ARN_12345678901", ROLE, "12 digits"),
        (f"AWS_ECR_ROLE_ARN_{A}", "puller", "is 'puller', which is not the ARN of a role"),
    ],
)
def test_an_invalid_variable_is_an_error(name: str, value: str, says: str) -> None:
    """The error names the invalid variable, and says what to write."""
    with pytest.raises(HelperError) as caught:
        _choose(HOST.format(A), {name: value})

    assert says in str(caught.value)


def test_each_thing_that_is_chosen_makes_another_identity() -> None:
    """Choices that differ in anything share no token."""
    plain = _choose(HOST.format(C))
    assert plain is not None
    role = rules.Role("r", "x", "s", 900)
    changes: list[Choice] = [
        plain,
        plain.with_profile("p"),
        plain.with_profile("p' role='r"),
        values.replace(plain, endpoint_url="https://a.test"),
        values.replace(plain, role=role),
        values.replace(plain, role=role, profile="p"),
        values.replace(plain, role=values.replace(role, arn="q")),
        values.replace(plain, role=values.replace(role, external_id="y")),
        values.replace(plain, role=values.replace(role, session_name="t")),
        values.replace(plain, role=values.replace(role, duration=901)),
    ]

    assert len({choice.identity("ambient") for choice in changes}) == len(changes)
    assert plain.identity("one") != plain.identity("other")
    assert "x-1" not in values.replace(plain, role=rules.Role("r", "x-1")).identity("")


def test_equal_choices_are_one_identity() -> None:
    """Equal choices are one identity, whichever rule and host they come from."""
    one = rules.choose(HOST.format(A), (), {f"AWS_ECR_PROFILE_{A}": "p"})
    other = rules.choose(HOST.format(B), (), {f"AWS_ECR_PROFILE_{B}": "p"})

    assert one is not None
    assert other is not None
    assert one.identity("x") == other.identity("x")
    assert one.registry.endpoint == other.registry.endpoint
