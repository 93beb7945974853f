"""Facts about notes: hosts that are not ECR's are noted, and a note is not used for too long."""

import json
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.accounts import profile, rule
from tests.world.machine import HOST, MODULE, NOT_FOUND, Machine

HOSTS = [
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
    "123456789012.dkr-ecr.us-west-2.on.aws",
    HOST,
]
# An earlier version of this program that does not know one form of ECR's hosts.
EARLIER = """
import sys
from docker_credential_ecrpy.__main__ import main
from docker_credential_ecrpy.hot import registry

registry.SUFFIXES -= {sys.argv[1]}
registry.DUAL_STACK_SUFFIXES -= {sys.argv[1]}
sys.argv = ["docker-credential-ecr-login", "get"]
sys.exit(main())
"""
pytestmark = pytest.mark.tree


def _get_by_earlier_version(machine: Machine, host: str) -> None:
    found = registry.parse(host)
    assert found is not None
    command = [sys.executable, "-c", EARLIER, found.suffix]
    for _ in range(2):  # the second get is answered by the note
        done = machine.run(stdin=host.encode(), command=command)
        assert (done.code, done.stdout) == (1, NOT_FOUND)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("command", ["get", "password"])
def test_a_new_host_form_works_after_an_upgrade(machine: Machine, host: str, command: str) -> None:
    """An earlier version's note does not answer for a host that this version knows."""
    machine.login()
    machine.settings("")
    _get_by_earlier_version(machine, host)
    assert len(machine.entries("elsewhere")) == 1

    if command == "get":
        assert machine.get(host).secret in machine.aws.issued
    else:
        printed = machine.run("password", host, command=MODULE).stdout.decode().strip()
        assert printed in machine.aws.issued


def test_a_private_names_token_is_not_used_for_an_ecr_host(machine: Machine) -> None:
    """A token for a private name is not used once this version knows the name as an ECR host."""
    machine.login()
    keys = machine.aws.user("other")
    machine.config(profile("other", keys))
    host = "222222222222.dkr.ecr.us-isof-east-1.csp.hci.ic.gov"
    machine.settings(rule("*.csp.hci.ic.gov", registry=HOST, profile="other"))
    done = machine.run(
        stdin=host.encode(), command=[sys.executable, "-c", EARLIER, "csp.hci.ic.gov"]
    )
    assert machine.aws.issued[done.secret].arn == keys.arn
    for path in machine.entries():
        entry, subject = cache.read_any(str(path))
        entry.refresh = entry.written
        entry_file.write(str(path), subject, entry)

    assert machine.aws.issued[machine.get(host).secret].arn != keys.arn


@pytest.mark.parametrize("where", ["tokens", "logins"])
def test_a_note_among_tokens_or_logins_is_a_miss(machine: Machine, where: str) -> None:
    """Version 0.1.0 left notes there for hosts that it did not know."""
    machine.login()
    machine.settings("")
    directory, now = str(machine.cache), time.time_ns()
    found = registry.parse(HOST)
    assert found is not None
    line = identity.line(machine.environ)
    note = cache.Entry(now, now + 3600 * cache.SECOND, now + 3600 * cache.SECOND, b"")
    places = [cache.token_place(directory, name, line) for name in (HOST, found.endpoint)]
    if where == "logins":
        places = [cache.login_place(directory, HOST)]
    for place in places:
        entry_file.write(*place, note)

    assert machine.get().secret in machine.aws.issued
    assert machine.aws.count() == {"ecr": 1}


def test_a_note_is_forgotten_with_its_host(machine: Machine) -> None:
    """`erase` and `cache clear`, for the host or all, remove the note; until then it is listed."""
    path = machine.settings("")
    for forget in (["erase"], ["cache", "clear", "ghcr.io"], ["cache", "clear"]):
        assert machine.get("ghcr.io").stdout == NOT_FOUND
        (note,) = machine.entries("elsewhere")
        assert note.name.startswith("ghcr.io~")
        document = json.loads(machine.run("cache", "list", "--json", command=MODULE).stdout)
        (listed,) = document["entries"]
        assert (listed["kind"], listed["registry"]) == ("not-ecr", "ghcr.io")
        assert listed["problem"] is None

        done = machine.run(*forget, stdin=b"ghcr.io", command=MODULE)
        assert done.code == 0
        assert machine.entries("elsewhere") == []
    assert path.exists()


def test_an_expired_note_is_swept(machine: Machine, tmp_path: Path) -> None:
    """Expired notes are swept when a token is fetched, as expired tokens are."""
    machine.login()
    place = cache.elsewhere_place(str(machine.cache), "ghcr.io", "me")
    entry_file.write(*place, cache.Entry(1, 2, 2, b""))

    machine.get()
    assert machine.entries("elsewhere") == []
