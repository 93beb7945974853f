"""Facts about several accounts at once: which identity calls AWS, and how often."""

import pytest

from tests.world.accounts import EU, US, A, B, C, profile, rule
from tests.world.aws import refuse
from tests.world.credential_sources import instance, sso_login, web_identity
from tests.world.machine import HOST, NOT_FOUND, Machine


@pytest.fixture(name="users")
def _users(machine: Machine) -> dict[str, str]:
    """Return the ARNs of three profiles' users; another user's keys are in the environment."""
    text, arns = "", {}
    for name, account in (("a", A), ("b", B), ("c", C)):
        keys = machine.aws.user(name, account)
        text += profile(name, keys)
        arns[name] = keys.arn
    machine.config(text)
    machine.login("ambient")
    return arns


def test_each_account_by_its_own_profile(machine: Machine, users: dict[str, str]) -> None:
    """A rule's profile wins over the environment's keys; accounts without a rule use the keys."""
    machine.settings(rule(A, profile="a") + rule("*.eu-west-1.*", profile="b"))

    assert machine.who(US.format(A)) == users["a"]
    assert machine.who(EU.format(A)) == users["a"]
    assert machine.who(EU.format(C)) == users["b"]
    assert machine.who(US.format(C)).endswith("user/ambient")


@pytest.mark.parametrize("ambient", ["keys", "web identity", "profile"])
def test_a_profile_that_is_named_is_used(
    machine: Machine, users: dict[str, str], ambient: str
) -> None:
    """A rule's profile wins over keys, a web identity and AWS_PROFILE of the environment."""
    machine.settings(rule(A, profile="a"))
    if ambient == "web identity":
        role = machine.aws.role("pod")
        token = machine.file("oidc", "a-token")
        machine.aws.web_identity_tokens.add("a-token")
        del machine.environ["AWS_ACCESS_KEY_ID"]
        machine.environ |= {"AWS_ROLE_ARN": role.arn, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    elif ambient == "profile":
        del machine.environ["AWS_ACCESS_KEY_ID"]
        machine.environ["AWS_PROFILE"] = "b"

    assert machine.who() == users["a"]


@pytest.mark.parametrize("base", ["a", ""], ids=["a profile", "the environment"])
def test_a_role_is_assumed_from_its_profile_or_else_the_ambient_identity(
    machine: Machine, users: dict[str, str], base: str
) -> None:
    """AssumeRole gets all the options of the rule."""
    role = machine.aws.role("puller", C, external_id="x-1")
    options = {"role_arn": role.arn, "external_id": "x-1", "role_session_name": "me"}
    by = {"profile": base} if base else {}
    machine.settings(rule(C, **options, **by) + "duration = 1800\n")

    assert machine.who(US.format(C)).startswith(f"arn:aws:sts::{C}:assumed-role/puller/")
    (call,) = (call for call in machine.aws.calls if call.kind == "sts:AssumeRole")
    assert call.arn == users.get(base, call.arn)
    assert call.arn.endswith("user/ambient") == (not base)
    (asked,) = machine.aws.assumed
    names = ("ExternalId", "RoleSessionName", "DurationSeconds")
    assert [asked[name] for name in names] == ["x-1", "me", "1800"]


def test_a_role_by_a_variable_from_a_web_identity(machine: Machine) -> None:
    """A CI job uses its web identity for its own account, and a role for another; no file."""
    web_identity(machine)
    role = machine.aws.role("there", B)
    machine.environ[f"AWS_ECR_ROLE_ARN_{B}"] = role.arn

    assert machine.who(US.format(A)).startswith(f"arn:aws:sts::{A}:assumed-role/puller/")
    assert machine.who(US.format(B)).startswith(f"arn:aws:sts::{B}:assumed-role/there/")
    calls = {"sts:AssumeRoleWithWebIdentity": 2, "sts:AssumeRole": 1, "ecr": 2}
    assert machine.aws.count() == calls


def test_a_default_that_is_written_out_is_the_same_identity(machine: Machine) -> None:
    """A rule that states the default session name and duration shares the identity."""
    machine.login()
    role = machine.aws.role()
    machine.settings(
        rule(A, role_arn=role.arn)
        + rule(B, role_arn=role.arn, role_session_name="docker-credential-ecrpy")
        + "duration = 3600\n"
    )
    for account in (A, B):
        machine.who(US.format(account))

    assert machine.aws.count() == {"ecr": 1, "sts:AssumeRole": 1}


def test_a_role_is_renewed_when_its_session_ends(machine: Machine) -> None:
    """A token is due for renewal when the session of its role ends."""
    machine.login()
    role = machine.aws.role()
    machine.aws.session_life = 3
    machine.settings(rule(A, role_arn=role.arn))
    machine.who()
    written, refresh, expires = machine.entries()[0].read_bytes().split(b" ")[2:5]

    assert int(refresh) - int(written) < 5_000_000_000
    assert int(expires) - int(written) > 3_600_000_000_000


def test_a_role_that_may_not_be_assumed_is_reported_with_its_rule(
    machine: Machine, users: dict[str, str]
) -> None:
    """The error names the identity, the denied action, and the rule that chose the role."""
    role = machine.aws.role(external_id="x-1")
    path = machine.settings(rule(A, profile="a", role_arn=role.arn))
    error = machine.get().error

    assert f"{users['a']} may not call sts:AssumeRole on {role.arn}" in error
    assert f"(AWS identity chosen by {path}:3)" in error
    assert "trust policy" in error


def test_a_chosen_roles_errors_are_reported(machine: Machine) -> None:
    """When STS does not know the environment's keys, the error blames them, and no profile."""
    machine.login()
    role = machine.aws.role()
    machine.aws.keys.clear()
    machine.settings(rule(A, role_arn=role.arn))
    error = machine.get().error

    assert "STS does not know the AWS access key from the environment" in error


def test_an_ecr_error_names_the_chosen_role(machine: Machine) -> None:
    """The error names the role, and not the profile that assumed it."""
    machine.login()
    role = machine.aws.role()
    machine.settings(rule(A, role_arn=role.arn))
    machine.aws.faults["ecr"] = refuse("UnrecognizedClientException")

    assert f"from the role {role.arn}" in machine.get().error


@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_missing_profile_is_reported(machine: Machine, users: dict[str, str], by: str) -> None:
    """The error names file, line and key, or variable; the near miss; and the existing profiles."""
    path = machine.settings("\n" + rule(A, profile="aa" if by == "file" else "a"))
    if by == "variable":
        machine.environ[f"AWS_ECR_PROFILE_{A}"] = "aa"
    error = machine.get().error

    place = f"{path}:4: profile = 'aa'" if by == "file" else f"AWS_ECR_PROFILE_{A}"
    assert error.startswith(f"{place}: AWS profile 'aa' is not in ")
    assert "did you mean 'a'?" in error
    assert "the profiles are: a, b, c" in error
    assert error.count(str(path)) == (by == "file")


def test_rules_that_lead_to_one_identity_share_its_call(
    machine: Machine, users: dict[str, str]
) -> None:
    """Two rules with one profile and region make one call; another region makes another call."""
    machine.settings(rule(A, profile="a") + rule(B, profile="a") + rule(C, profile="b"))
    hosts = [US.format(A), US.format(B), US.format(C), EU.format(A), EU.format(B)]
    asked = [machine.who(host) for host in hosts * 2]

    assert asked == [users[name] for name in "aabaa"] * 2
    assert machine.aws.count() == {"ecr": 3}


def test_ten_accounts_through_one_identity_make_one_call(machine: Machine) -> None:
    """Ten cold gets at once, with a role by a rule, make one call to STS and one to ECR."""
    machine.login()
    role = machine.aws.role()
    machine.settings(rule("*.dkr.ecr.us-*", role_arn=role.arn))
    results = machine.get_many([US.format(f"{number:012}") for number in range(10)])

    assert len({result.secret for result in results}) == 1
    assert machine.aws.count() == {"ecr": 1, "sts:AssumeRole": 1}


def test_a_private_name_gets_its_registrys_token(machine: Machine, users: dict[str, str]) -> None:
    """The token comes from that registry's region by the rule's profile; both hosts share it."""
    host = "images.example.com"
    machine.settings(rule(host, registry=EU.format(B), profile="b") + rule(B, profile="b"))

    assert machine.who(f"https://{host}/v2/") == users["b"]
    assert machine.who(EU.format(B)) == users["b"]
    assert machine.who(host) == users["b"]
    assert [(call.kind, call.region) for call in machine.aws.calls] == [("ecr", "eu-west-1")]
    assert machine.run("list").stdout.decode().count("https://") == 2
    machine.settings("")
    assert machine.run("list").stdout.decode().count("https://") == 1


def test_a_login_to_a_private_name_is_stored(machine: Machine) -> None:
    """Such a login is stored and erased as one to ECR itself."""
    host = "images.example.com"
    machine.login()
    machine.settings(rule(host, registry=US.format(A)))
    password = machine.aws.password("arn:aws:iam::1:user/other", "us-east-1")
    login = f'{{"ServerURL": "{host}", "Username": "AWS", "Secret": "{password}"}}'
    machine.run("store", stdin=login.encode())

    assert machine.who(host).endswith("user/other")
    assert machine.run("erase", stdin=host.encode()).code == 0
    assert machine.who(host).endswith("user/dev")


def test_a_login_to_a_private_name_ends_with_its_rule(machine: Machine) -> None:
    """A login is not used once its private name stands for another registry, or for none."""
    host = "images.example.com"
    machine.login()
    password = machine.aws.password("arn:aws:iam::1:user/other", "us-east-1")
    login = f'{{"ServerURL": "{host}", "Username": "AWS", "Secret": "{password}"}}'.encode()
    for text in (rule(host, registry=EU.format(B)), ""):
        machine.settings(rule(host, registry=US.format(A)))
        machine.run("store", stdin=login)
        assert machine.who(host).endswith("user/other")
        machine.settings(text)
        done = machine.get(host)

        assert password.encode() not in done.stdout
        assert (done.code == 0) == bool(text)

    assert machine.run("erase", stdin=host.encode()).code == 0
    assert not [path for path in machine.entries("logins") if path.name.startswith(host)]


def test_a_private_name_of_ecr_public_works_anonymously(machine: Machine) -> None:
    """A private name of ECR Public is "not found" without credentials, as ECR Public itself."""
    machine.settings(rule("images.example.com", registry="public.ecr.aws"))

    assert machine.get("images.example.com").stdout == NOT_FOUND


def test_a_rules_profile_is_never_replaced(machine: Machine) -> None:
    """A profile without credentials is an error; the machine's role does not replace it."""
    instance(machine)
    machine.config("[profile a]\nregion = us-east-1\n")
    path = machine.settings(rule(A, profile="a") + rule(B))
    error = machine.get().error

    assert error.startswith(f"{path}:3: AWS profile 'a' in ")
    assert "has no credentials" in error
    assert machine.who(US.format(B)).startswith(f"arn:aws:sts::{A}:assumed-role/instance/")


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_ROLE_ARN"])
def test_empty_variables_do_no_harm(machine: Machine, name: str) -> None:
    """CI systems set empty variables: the token is cached, and profiles are found."""
    machine.config(profile("a", machine.aws.user(), f"aws_account_id = {A}\n"))
    machine.settings(rule(A, profile="auto"))
    machine.environ[name] = ""
    for _ in range(3):
        assert machine.who().endswith("user/dev")

    assert machine.aws.count() == {"ecr": 1}
    assert b"a token for this host" in machine.run("explain", HOST).stdout


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "--check", HOST],
        ["password", HOST],
        ["cache", "list"],
        ["configure", "--dry-run", HOST],
        ["doctor", HOST],
    ],
    ids=lambda command: command[0],
)
def test_every_command_works_with_the_profile_of_an_account(
    machine: Machine, command: list[str]
) -> None:
    """Each command may load more of the AWS SDK than the search for a profile did."""
    machine.config(profile("a", machine.aws.user(), f"aws_account_id = {A}\n"))
    machine.settings(rule(A, profile="auto"))
    machine.who()
    result = machine.run(*command)

    assert result.stdout
    assert b"unexpected" not in result.stdout + result.stderr


def test_a_region_of_another_partition_is_reported(machine: Machine) -> None:
    """The error names the rule's line, and nothing is sent to that region."""
    machine.login()
    path = machine.settings(rule(A, region="cn-north-1"))
    says = f"region cn-north-1 does not belong to amazonaws.com; check the region in {path}:3"

    assert says in machine.get().error
    assert says in machine.run("explain", HOST).stderr.decode()
    assert machine.aws.calls == []


def test_an_endpoint_and_a_region_of_a_rule(machine: Machine, users: dict[str, str]) -> None:
    """The call uses the rule's endpoint or region, and each endpoint has its own token."""
    machine.settings(
        rule(A, profile="a", endpoint_url="https://vpce-1.example.com/")
        + rule(B, profile="a", region="ap-south-1")
        + rule(C, profile="a")
    )
    for account in (A, B, C):
        assert machine.who(US.format(account)) == users["a"]

    assert [(call.host, call.region) for call in machine.aws.calls] == [
        ("vpce-1.example.com", "us-east-1"),
        ("api.ecr.ap-south-1.amazonaws.com", "ap-south-1"),
        ("api.ecr.us-east-1.amazonaws.com", "us-east-1"),
    ]


def test_an_endpoint_of_a_rule_for_a_fips_host(machine: Machine, users: dict[str, str]) -> None:
    """The endpoint is called as written: the AWS SDK would refuse it together with FIPS."""
    host = US.format(A).replace("ecr", "ecr-fips")
    machine.settings(rule(A, profile="a", endpoint_url="https://vpce-1.example.com"))

    assert machine.who(host) == users["a"]
    assert machine.aws.calls[0].host == "vpce-1.example.com"


def test_ecr_public_works_with_a_broken_rule(machine: Machine) -> None:
    """Anonymous pulls work when the rule's profile is missing, or the settings are invalid."""
    for text in (rule("*", profile="nobody"), rule("*"), "nonsense"):
        machine.settings(text)
        result = machine.get("public.ecr.aws")
        assert (result.code, result.stdout, result.stderr) == (
            1,
            b"credentials not found in native keychain\n",
            b"",
        )


@pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
def test_invalid_settings_stop_every_action(machine: Machine, action: str) -> None:
    """Every action fails, also for other registries: the settings may hide their fallback."""
    path = machine.settings('falback = "pass"')
    login = b'{"ServerURL": "ghcr.io", "Username": "me", "Secret": "hunter2"}'
    error = machine.run(action, stdin=login if action == "store" else b"ghcr.io").error

    assert error.startswith(f'{path}:1: unknown key "falback"; did you mean fallback?')


class TestAuto:
    """The rule `profile = "auto"`."""

    def test_it_finds_the_one_profile_of_the_account(self, machine: Machine) -> None:
        """The profile is found by its SSO account, its role's account, or `aws_account_id`."""
        base, other = machine.aws.user("base"), machine.aws.user("other", C)
        role = machine.aws.role("puller", B)
        machine.config(
            "[profile sso]\nsso_session = corp\nsso_role_name = Dev\n"
            f"sso_account_id = {A}\naws_account_id = {C}\n"
            "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://example.com\n"
            + profile("base", base)
            + f"[profile role]\nrole_arn = {role.arn}\nsource_profile = base\n"
            + profile("itself", other, f"aws_account_id = {C}\n")
            + f"[profile also]\naws_account_id = {B}\n"
        )
        sso_login(machine, "corp", 2**33)
        machine.settings(rule("*", profile="auto"))

        assert machine.who(US.format(A)).startswith(f"arn:aws:sts::{A}:assumed-role/Dev/")
        assert machine.who(US.format(B)).startswith(f"arn:aws:sts::{B}:assumed-role/puller/")
        assert machine.who(US.format(C)) == other.arn

    def test_ecr_public_uses_the_ambient_identity(self, machine: Machine) -> None:
        """ECR Public belongs to no account, so the ambient identity calls it."""
        machine.login()
        machine.settings(rule("*", profile="auto"))

        assert machine.who("public.ecr.aws").endswith("user/dev")

    def test_it_finds_profiles_of_other_programs(self, machine: Machine) -> None:
        """The account is in a key of theirs, in a command, or in the profile behind."""
        dev = machine.aws.user()
        machine.config(
            profile("base", dev, f"granted_sso_account_id = {B}\n")
            + "[profile tool]\n"
            + f"credential_process = tool --role arn:aws:iam::{A}:role/x --mfa 1\n"
            + "[profile other]\ncredential_process = tool process --account 999988887777\n"
        )
        path = machine.settings(rule("*", profile="auto"))

        assert machine.who(US.format(B)) == dev.arn
        assert "credential_process of AWS profile 'tool'" in machine.get(US.format(A)).error
        assert f'{path}:3: profile = "auto": no AWS profile' in machine.get(US.format(C)).error

    def test_nested_settings_are_skipped(self, machine: Machine) -> None:
        """Nested settings of the AWS config are skipped."""
        machine.config(
            "[profile b]\naws_account_id =\n  a = b\n"
            + profile("a", machine.aws.user(), f"aws_account_id = {A}\n")
        )
        machine.settings(rule(A, profile="auto"))

        assert machine.who().endswith("user/dev")

    def test_it_shares_with_a_rule_that_names_the_profile(self, machine: Machine) -> None:
        """A rule that names the profile and one that finds it share the identity."""
        machine.config(profile("a", machine.aws.user(), f"aws_account_id = {A}\n"))
        machine.settings(rule(A, profile="auto") + rule(B, profile="a"))

        assert machine.who(US.format(A)) == machine.who(US.format(B))
        assert machine.aws.count() == {"ecr": 1}

    def test_several_matches_are_listed(self, machine: Machine) -> None:
        """Each matching profile is listed with the setting that matched."""
        machine.config(
            f"[profile b]\nsso_account_id = {A}\n"
            f"[profile a]\nrole_arn = arn:aws:iam::{A}:role/x\nsource_profile = b\n"
            f"[profile c]\naws_account_id = {A}\n"
        )
        path = machine.settings(rule(A, profile="auto"))
        error = machine.get().error

        assert error.startswith(f'{path}:3: profile = "auto": 2 AWS profiles belong to account {A}')
        assert "'a' (by role_arn), 'b' (by sso_account_id)" in error

    def test_no_profile_of_the_account(self, machine: Machine) -> None:
        """The existing profiles are listed."""
        machine.config(f"[profile b]\nsso_account_id = {B}\n[profile c]\nregion = x\n")
        machine.settings(rule(A, profile="auto"))
        error = machine.get().error

        assert f"no AWS profile names account {A} (by sso_account_id, role_arn, " in error
        assert "name one in the rule: " in error
        assert f"'b' ({B}), 'c' (names no account)" in error

    def test_no_profiles_at_all(self, machine: Machine) -> None:
        """The error names the command that creates a profile."""
        machine.environ[f"AWS_ECR_PROFILE_{A}"] = "auto"
        error = machine.get().error

        assert error.startswith(f'AWS_ECR_PROFILE_{A}: profile = "auto": no AWS profile')
        assert "aws configure sso" in error

    def test_profiles_that_cannot_be_read(self, machine: Machine) -> None:
        """The error names the unreadable file."""
        path = machine.config("no section\n")
        machine.settings(rule(A, profile="auto"))

        assert str(path) in machine.get().error


def test_an_edit_of_the_settings_is_seen_at_once(machine: Machine, users: dict[str, str]) -> None:
    """A changed rule counts at once; a token of the earlier rule is not used for the later one."""
    for name in ("a", "b", "a"):
        machine.settings(rule(A, profile=name))
        assert machine.who(HOST) == users[name]

    machine.environ[f"AWS_ECR_PROFILE_{A}"] = "c"
    assert machine.who(HOST) == users["c"]
    del machine.environ[f"AWS_ECR_PROFILE_{A}"]
    assert machine.who(HOST) == users["a"]
