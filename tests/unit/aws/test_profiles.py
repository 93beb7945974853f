"""Facts about the account and the region of AWS profiles, read from their files alone."""

import os
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.profiles import find_account, list_profiles
from tests.world.accounts import A, B, C

ROLE = f"arn:aws:iam::{A}:role/puller"
PROFILES = {
    "sso": {"sso_account_id": A},
    "role": {"role_arn": ROLE, "source_profile": "other"},
    "gov role": {"role_arn": f"arn:aws-us-gov:iam::{A}:role/puller"},
    "login": {"login_session": f"arn:aws:iam::{A}:user/dev"},
    "assumed login": {"login_session": f"arn:aws:sts::{A}:assumed-role/puller/dev"},
    "granted": {"granted_sso_account_id": A, "credential_process": "granted x --profile other"},
    "process ARN": {"credential_process": f"/opt/tool --role-arn={ROLE}"},
    "process number": {"credential_process": f"aws-sso process --account {A} --role Dev"},
    "process joined": {"credential_process": f"tool --account={A}"},
    "process, role first": {"credential_process": f"t --mfa arn:aws:iam::{B}:mfa/x --role {ROLE}"},
    "saml": {"x_principal_arn": f"arn:aws:sts::{A}:assumed-role/puller/dev"},
    "azure": {"azure_default_role_arn": ROLE},
    "google": {"google_config.role_arn": ROLE},
    "adfs": {"adfs_config.role_arn": ROLE},
    "noted": {"aws_account_id": A},
    "behind": {"role_arn": "arn:of-no-account", "source_profile": "noted"},
    "behind twice": {"source_profile": "behind"},
    "by a command": {"credential_process": "aws configure export-credentials --profile 'saml'"},
    "by a joined command": {"credential_process": "tool --profile=sso --json"},
}
NONE = {
    "empty": {},
    "two roles": {"credential_process": f"t {ROLE} arn:aws:iam::{B}:role/puller"},
    "13 digits": {"credential_process": f"tool --id {A}0"},
    "part of a word": {"credential_process": f"tool-{A} x.{A}"},
    "itself": {"source_profile": "itself"},
    "in a loop": {"source_profile": "in the loop"},
    "in the loop": {"source_profile": "in a loop"},
    "gone": {"source_profile": "nobody"},
}
OTHER = {"other": {"sso_account_id": C}}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_its_account(name: str) -> None:
    """In a key of AWS's or of another program, in a command, or in the profile behind it."""
    assert find_account({**PROFILES, **OTHER}, name)[1] == A


@pytest.mark.parametrize("name", NONE)
def test_a_profile_may_name_no_account(name: str) -> None:
    """Also where a command names two, and where profiles name each other."""
    assert find_account({**NONE, **OTHER}, name) == ("", "")


def test_a_profile_has_the_region_of_the_one_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own comes first, then that of its source, then the default."""
    file = tmp_path / "config"
    file.write_text(
        "[default]\nregion = eu-west-1\n"
        "[profile own]\nregion = us-east-1\nsource_profile = base\n"
        "[profile behind]\nsource_profile = own\n"
        "[profile by]\ncredential_process = tool --profile own\n"
        "[profile base]\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    found = {profile.name: profile.region for profile in list_profiles({})}

    us, eu = "us-east-1", "eu-west-1"
    assert found == {"default": eu, "own": us, "behind": us, "by": us, "base": eu}
