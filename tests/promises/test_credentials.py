"""Every source of credentials, the caches of the AWS CLI, and each identity's own token."""

import json
import re
import sys
import time
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.hot import cache, identity
from tests.world import aws as world
from tests.world import credential_sources
from tests.world.damage import damage, is_expiry
from tests.world.machine import HOST, Machine
from tests.world.tree import REPOSITORY

MFA = "arn:aws:iam::123456789012:mfa/dev"


@pytest.mark.parametrize(
    "source", credential_sources.CREDENTIAL_SOURCES, ids=lambda source: source.__name__
)
def test_every_source_of_credentials_works(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """The right identity calls ECR once for a cold get, and a cached get makes no network call."""
    arn, others = credential_sources.CREDENTIAL_SOURCES[source]
    source(machine)

    secrets = {machine.get().secret for _ in range(2)}

    (secret,) = secrets
    assert machine.aws.issued[secret].arn == arn
    assert machine.aws.count() == {"ecr": 1, **others}


@pytest.mark.tree
def test_every_documented_source_is_tried() -> None:
    """The table of docs/credentials.md has the sources of this test, and no other."""
    page = (REPOSITORY / "docs" / "credentials.md").read_text()
    table = page.partition("\n## Supported sources\n")[2].partition("| --- | --- |\n")[2]
    rows = re.findall(r"^\| (.+?) \|", table.partition("\n\n")[0], re.MULTILINE)

    assert rows == [*credential_sources.DOCUMENTED]
    tried = [source for row in credential_sources.DOCUMENTED.values() for source in row]
    assert sorted(tried, key=repr) == sorted(credential_sources.CREDENTIAL_SOURCES, key=repr)


@pytest.mark.parametrize(
    "source",
    [
        credential_sources.environment,
        credential_sources.assumed_role,
        credential_sources.web_identity,
    ],
)
def test_empty_variables_count_as_unset(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """Every deciding variable may be set and empty at once, as CI systems do."""
    source(machine)
    names = [name for name in identity.DECIDING_VARIABLES if name.startswith("AWS_")]
    empty = dict.fromkeys(set(names) - set(machine.environ), "")

    assert machine.get(**empty).secret in machine.aws.issued


def test_a_cached_role_of_the_aws_cli_is_used(machine: Machine) -> None:
    """One `aws` call with an MFA code serves Docker too: no STS call, no prompt."""
    role = machine.aws.role(mfa_serial=MFA)
    _mfa_profile(machine, role.arn)
    keys = machine.aws.session(role.arn)
    credential_sources.cli_cached_role(machine, {"RoleArn": role.arn, "SerialNumber": MFA}, keys)

    secret = machine.get().secret

    assert machine.aws.issued[secret].arn == keys.arn
    assert machine.aws.count() == {"ecr": 1}


def test_an_mfa_profile_without_a_cached_role_fails_at_once(machine: Machine) -> None:
    """The error names the command, without a prompt: standard input carries the protocol."""
    _mfa_profile(machine, machine.aws.role(mfa_serial=MFA).arn)

    error = machine.get().error

    assert "AWS profile 'work' needs an MFA code" in error
    assert error.endswith("aws sts get-caller-identity --profile work")
    assert machine.aws.count() == {}


def _mfa_profile(machine: Machine, role: str) -> None:
    credential_sources.named_profile(machine)
    config = (machine.home / ".aws" / "config").read_text().replace("profile work", "profile base")
    machine.config(
        config + f"[profile work]\nrole_arn = {role}\nsource_profile = base\nmfa_serial = {MFA}\n"
    )


def test_roles_are_stored_for_the_aws_cli(machine: Machine) -> None:
    """Two tokens of two regions need one AssumeRole; its credentials are cached with mode 0600."""
    credential_sources.assumed_role(machine)
    machine.get()
    machine.get(HOST.replace("us-east-1", "eu-west-1"))

    assert machine.aws.count() == {"sts:AssumeRole": 1, "ecr": 2}
    (kept,) = (machine.home / ".aws" / "cli" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_an_unwritable_cli_cache_does_not_prevent_a_get(machine: Machine) -> None:
    """A file in place of the cache directory does not prevent a get."""
    credential_sources.assumed_role(machine)
    (machine.home / ".aws" / "cli").touch()

    assert machine.get().secret in machine.aws.issued


@pytest.mark.parametrize(
    "source",
    [
        credential_sources.assumed_role,
        credential_sources.web_identity,
        credential_sources.sso_session,
        credential_sources.aws_login,
        credential_sources.container,
        credential_sources.pod_identity,
    ],
    ids=lambda source: source.__name__,
)
def test_a_token_is_due_when_its_session_ends(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """A token is renewed when the role session that fetched it ends."""
    machine.aws.session_life = machine.aws.login_life = 4
    source(machine)
    first = machine.get().secret
    assert machine.get().secret == first
    assert machine.aws.count()["ecr"] == 1

    time.sleep(4.1)
    assert machine.get().secret != first
    assert machine.aws.count()["ecr"] == 2


def test_a_token_ends_with_its_session_where_it_cannot_be_renewed(machine: Machine) -> None:
    """A token is not used once its credentials have expired, although AWS states a longer life."""
    credential_sources.environment_with_session(machine)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    machine.environ["AWS_CREDENTIAL_EXPIRATION"] = end
    assert machine.get().secret
    time.sleep(3.1)

    for _ in range(2):
        error = machine.get().error
        assert error.startswith("the AWS credentials from the environment have expired")
    assert machine.entries() == []


def test_a_token_of_aws_login_ends_with_it_while_aws_is_down(machine: Machine) -> None:
    """The tokens of other sources are used until they expire themselves."""
    machine.aws.login_life = 3
    for source in (credential_sources.role_from_aws_login, credential_sources.aws_login):
        source(machine)
        last = machine.get().secret
        assert last in machine.aws.issued
    machine.aws.faults |= dict.fromkeys(("ecr", "signin:CreateOAuth2Token"), world.reset())
    time.sleep(3.1)

    assert machine.get().error
    kept = [cache.read_any(str(path))[0] for path in machine.entries()]
    hours = {round((entry.expires - entry.written) / cache.SECOND / 3600) for entry in kept}
    assert hours == {0, 12}


_FILES = ["", "{}", "null", "[]", '{"Credentials": {}}', '{"Credentials": []}', "\0\0", "\xff"]
_NESTED = '{"a": ' * 600 + "1" + "}" * 600


@pytest.mark.parametrize("damage", [*_FILES, "[" * 100_000, _NESTED])
def test_a_damaged_cache_of_the_aws_cli_is_ignored(machine: Machine, damage: str) -> None:
    """A full disk leaves such files: the role is assumed again, and the file is rewritten."""
    credential_sources.assumed_role(machine)
    machine.get()
    (kept,) = (machine.home / ".aws" / "cli" / "cache").iterdir()
    kept.write_bytes(damage.encode("latin-1"))
    for entry in machine.entries():
        entry.unlink()

    assert machine.get().secret in machine.aws.issued
    assert json.loads(kept.read_text())["Credentials"]
    assert machine.aws.count() == {"sts:AssumeRole": 2, "ecr": 2}


_SSO = {"accessToken", "expiresAt"}
_RENEWAL = {"refreshToken", "clientId", "clientSecret", "registrationExpiresAt"}
_LOGIN = {"accessToken", "clientId", "refreshToken", "dpopKey"}
_LOGIN |= {f"accessToken.{name}" for name in ("accessKeyId", "secretAccessKey", "sessionToken")}
_LOGIN |= {"accessToken.accountId", "accessToken.expiresAt"}
_SESSIONS: dict[Callable[[Machine], None], tuple[str, set[str]]] = {
    credential_sources.sso_session: ("sso", _SSO),
    credential_sources.sso_session_that_can_be_renewed: ("sso", _SSO),
    credential_sources.sso_session_that_needs_a_refresh: ("sso", _SSO | _RENEWAL),
    credential_sources.sso_legacy: ("sso", _SSO),
    credential_sources.aws_login: ("login", _LOGIN),
    credential_sources.aws_login_that_needs_a_refresh: ("login", _LOGIN),
    credential_sources.assumed_role: ("cli", set()),
}


def _give_values(name: str) -> list[object]:
    return [2, "2035-01-01T00:00:00"] if is_expiry(name) else [2]  # no text, no time zone


@pytest.mark.parametrize("source", _SESSIONS, ids=lambda source: source.__name__)
def test_a_damaged_field_of_a_session_counts_as_missing(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """The error names the command that begins a new session; a role is assumed again.

    What only the renewal of an SSO session needs may be damaged until then.
    """
    folder, needed = _SESSIONS[source]
    source(machine)
    if folder == "cli":
        machine.get()
    (kept,) = (machine.home / ".aws" / folder / "cache").iterdir()
    fields = json.loads(kept.read_text())
    refresh_tokens = {**machine.aws.login_refresh_tokens}
    command = "run: aws login" if folder == "login" else "run: aws sso login"

    for name, damaged in damage(fields, _give_values):
        kept.write_text(json.dumps(damaged))
        machine.aws.login_refresh_tokens |= refresh_tokens  # each serves once
        for entry in machine.entries():
            entry.unlink()
        result = machine.get()
        if name in needed:
            assert f"{command} --profile work" in result.error, (name, damaged)
        else:
            assert result.secret in machine.aws.issued, (name, damaged)


@pytest.mark.parametrize(
    "source", [credential_sources.assumed_role, credential_sources.sso_session_that_needs_a_refresh]
)
@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
def test_unwritable_caches_do_not_prevent_a_get(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """A renewed SSO session serves this call without a cache, and no temporary file is left."""
    source(machine)
    (machine.home / ".aws" / "cli").touch()
    sso = machine.home / ".aws" / "sso" / "cache"
    for file in [*sso.glob("*.json")]:
        keep = file.read_text()
        file.unlink()
        # Not even root replaces a directory by a file.
        file.mkdir() if "sso" not in source.__name__ else file.write_text(keep)

    assert machine.get().secret in machine.aws.issued
    assert not list((machine.home / ".aws").rglob("*.tmp"))
    assert not list((machine.home / ".aws").rglob(".new-*"))


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_two_identities_never_share_a_token(machine: Machine, variable: str) -> None:
    """Another file, profile or key gives another token."""
    secrets = set()
    for number in range(2):
        keys = machine.aws.user(f"user{number}")
        text = (
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        path = machine.file(f"file{number}", text)
        secret = machine.get(**{variable: str(path)}).secret
        assert machine.aws.issued[secret].arn == keys.arn
        secrets.add(secret)
        secret = machine.get(**keys.environ).secret
        assert machine.aws.issued[secret].arn == keys.arn
        secrets.add(secret)

    assert len(secrets) == 4


def test_an_edit_in_place_is_another_identity(machine: Machine) -> None:
    """The next get uses the new keys, although the file is as long as before."""
    for name in ("one", "two", "six"):
        keys = machine.aws.user(name)
        machine.config(
            f"[default]\naws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}\n"
        )
        assert machine.aws.issued[machine.get().secret].arn == keys.arn


class TestTrust:
    """Which CA bundle is trusted."""

    def test_requests_variable_counts(self, machine: Machine) -> None:
        """REQUESTS_CA_BUNDLE counts after AWS_CA_BUNDLE, as in botocore."""
        machine.login()
        bundle = machine.environ.pop("AWS_CA_BUNDLE")

        assert machine.get(REQUESTS_CA_BUNDLE=bundle).secret

    def test_openssls_variable_counts(self, machine: Machine) -> None:
        """SSL_CERT_FILE works as in the Go helper, also for STS."""
        credential_sources.assumed_role(machine)
        bundle = machine.environ.pop("AWS_CA_BUNDLE")

        assert machine.get(SSL_CERT_FILE=bundle).secret

    def test_the_profiles_bundle_counts(self, machine: Machine) -> None:
        """`ca_bundle` in the AWS config wins over SSL_CERT_FILE."""
        machine.login()
        bundle = machine.environ.pop("AWS_CA_BUNDLE")
        machine.config(f"[default]\nca_bundle = {bundle}\n")

        assert machine.get(SSL_CERT_FILE="/dev/null").secret

    @pytest.mark.parametrize(
        "source", [credential_sources.environment, credential_sources.assumed_role]
    )
    def test_empty_settings_do_not_count(
        self, machine: Machine, source: Callable[[Machine], None]
    ) -> None:
        """An empty variable is skipped for every service; see also `TestEmptyTrust`."""
        source(machine)
        bundle = machine.environ["AWS_CA_BUNDLE"]
        empty = dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "")

        assert machine.get(**empty, SSL_CERT_FILE=bundle).secret
