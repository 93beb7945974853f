"""Roles of profiles with their own source: the credentials that assume them, and the identity."""

from collections.abc import Callable

import pytest

from tests.world import credential_sources, in_process
from tests.world.aws import ACCOUNT, Keys
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role"


def _profile(machine: Machine, text: str, name: str = "work", role: str = "puller") -> None:
    arn = machine.aws.role(role).arn
    path = machine.home / ".aws" / "config"
    before = path.read_text() if path.exists() else ""
    machine.config(f"{before}[profile {name}]\nrole_arn = {arn}\n{text}")
    machine.environ["AWS_PROFILE"] = "work"


def _lines(keys: Keys) -> str:
    return f"aws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n"


def _keys(machine: Machine) -> None:
    _profile(machine, _lines(machine.aws.user()))


def _itself(machine: Machine) -> None:
    credential_sources.role_with_a_process(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text() + "source_profile = work\n")


def _sso(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    path = machine.home / ".aws" / "config"
    role = machine.aws.role()
    path.write_text(
        path.read_text().replace("[profile work]", f"[profile work]\nrole_arn = {role.arn}")
    )


def _middle(machine: Machine) -> None:
    credential_sources.role_with_a_process(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("profile work", "profile middle"))
    _profile(machine, "source_profile = middle\n", role="last")


@pytest.mark.parametrize(
    ("set_up", "signer", "role"),
    [
        (_keys, credential_sources.USER, "puller"),
        (_sso, f"{ASSUMED}/Dev/session", "puller"),
        (credential_sources.role_with_a_process, f"{ASSUMED}/process/session", "puller"),
        (_itself, f"{ASSUMED}/process/session", "puller"),
        (_middle, f"{ASSUMED}/puller/session", "last"),
    ],
)
def test_a_profiles_own_credentials_assume_its_role(
    machine: Machine, set_up: Callable[[Machine], None], signer: str, role: str
) -> None:
    """The role is assumed once, with the profile's own credentials, also within a chain."""
    set_up(machine)

    in_process.get(machine.environ)

    calls = [
        (call.kind, call.arn)
        for call in machine.aws.calls
        if call.kind in ("ecr", "sts:AssumeRole")
    ]
    assert calls[-2:] == [("sts:AssumeRole", signer), ("ecr", f"{ASSUMED}/{role}/session")]


def test_its_arguments_are_sent(machine: Machine) -> None:
    """As for other roles: the external id, the session's name and its life."""
    lines = _lines(machine.aws.user())
    _profile(machine, f"{lines}external_id = x-1\nrole_session_name = me\nduration_seconds = 900\n")
    machine.aws.role("puller", external_id="x-1")

    in_process.get(machine.environ)

    (sent,) = machine.aws.assumed
    assert (sent["ExternalId"], sent["RoleSessionName"], sent["DurationSeconds"]) == (
        "x-1",
        "me",
        "900",
    )


def test_a_change_of_its_program_is_another_identity(machine: Machine) -> None:
    """The program is recorded in the entry: the next `get` after an edit asks AWS again."""
    credential_sources.role_with_a_process(machine)
    in_process.get(machine.environ)
    in_process.get(machine.environ)
    assert machine.aws.count()["ecr"] == 1

    program = machine.root / "process.py"
    program.write_text(program.read_text() + "# edited\n")
    in_process.get(machine.environ)

    assert machine.aws.count()["ecr"] == 2


@pytest.mark.parametrize("extra", ["source_profile = base\n", "credential_source = Environment\n"])
def test_a_named_source_wins(machine: Machine, extra: str) -> None:
    """As with the AWS CLI, which reads no process beside them."""
    base = machine.aws.user("base")
    machine.config(f"[profile base]\n{_lines(base)}")
    machine.environ["AWS_ECR_PROFILE_" + ACCOUNT] = "work"  # over the keys in the environment
    machine.environ |= base.environ
    _profile(machine, f"credential_process = /nowhere/program\n{extra}")

    in_process.get(machine.environ)

    assert next(call.arn for call in machine.aws.calls) == base.arn
