"""Facts about the offline look for AWS credentials."""

import os
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws import local_credentials
from docker_credential_ecrpy.aws.local_credentials import LocalCredentials, find_local_credentials
from docker_credential_ecrpy.errors import HelperError

KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hunter2\n"
SSO = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = R\n"
OFF = {"AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(name="home")
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory for the AWS files; the system has no file of boto 2."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setattr(local_credentials, "_BOTO_FILES", ("~/.boto",))
    return home


def find(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> LocalCredentials:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return find_local_credentials(dict(os.environ))


@pytest.mark.parametrize(
    ("config", "environ", "ambient"),
    [
        ("", {}, False),
        ("[default]\nregion = us-east-1\noutput = json\n", {}, False),
        (f"[profile prod]\n{SSO}", {}, False),
        (f"[default]\n{KEYS}", {}, True),
        (f"[default]\n{SSO}", {}, True),
        ("[default]\ncredential_process = x\n", {}, True),
        ("[default]\nlogin_session = x\n", {}, True),
        ("", {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, True),
        ("", {"AWS_ACCESS_KEY_ID": ""}, False),
        ("", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:x"}, True),
        ("", {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"}, True),
        ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1"}, True),
        (f"[profile prod]\n{SSO}", {"AWS_PROFILE": "prod"}, True),
        (f"[profile prod]\n{SSO}", {"AWS_DEFAULT_PROFILE": "prod"}, True),
        (f"[profile prod]\n{SSO}", {"AWS_PROFILE": "prdo"}, False),
        (f"[default]\n{KEYS}", {"AWS_PROFILE": "prdo", "AWS_ACCESS_KEY_ID": "A"}, False),
        ("[profile prod]\nregion = x\n", {"AWS_PROFILE": "prod"}, False),
    ],
    ids=str,
)
def test_ambient_credentials(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environ: dict[str, str],
    ambient: bool,
) -> None:
    """Any source that botocore knows counts; a missing AWS_PROFILE counts against all of them."""
    (home / ".aws" / "config").write_text(config)

    assert find(monkeypatch, OFF | environ).ambient is ambient


def test_the_credentials_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its profiles count like those of the config file."""
    (home / ".aws" / "credentials").write_text(f"[default]\n{KEYS}[dev]\n{KEYS}")
    (home / ".aws" / "config").write_text("[profile empty]\nregion = us-east-1\n")
    found = find(monkeypatch, OFF)

    assert found.known == {"default", "dev", "empty"}
    assert found.filled == {"default", "dev"}
    assert "hunter2" not in repr(found)


def test_a_file_of_boto_2(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore still reads ~/.boto."""
    (home / ".boto").write_text("[Credentials]\n")

    assert find(monkeypatch, OFF).ambient


@pytest.mark.parametrize(
    ("vendor", "environ", "ambient"),
    [
        ("Amazon EC2\n", {}, True),
        ("Amazon EC2\n", OFF, False),
        ("QEMU\n", {}, False),
        ("QEMU\n", {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, True),
    ],
)
def test_an_ec2_instance(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    environ: dict[str, str],
    ambient: bool,
) -> None:
    """Its role may have credentials, unless the metadata is disabled."""
    (home / "vendor").write_text(vendor)
    monkeypatch.setattr(local_credentials, "_VENDOR", str(home / "vendor"))
    monkeypatch.setattr(local_credentials, "_XEN", str(home / "none"))

    assert find(monkeypatch, environ).ambient is ambient


def test_wrong_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken AWS config file is an error."""
    (home / ".aws" / "config").write_text("[default\n")

    with pytest.raises(HelperError, match="the AWS settings are wrong"):
        find(monkeypatch, OFF)
