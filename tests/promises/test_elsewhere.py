"""Facts about notes: hosts that are not ECR's, and the rules, are noted, but not for too long."""

import json
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.helper import rule_table
from docker_credential_ecrpy.hot import cache, identity, paths, registry
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


def test_the_rules_are_kept_and_not_shown(machine: Machine) -> None:
    """No `cache list`, `list` or `erase` sees the table; `cache clear` removes it, uncounted."""
    machine.settings("")
    machine.get("ghcr.io")
    (rules,) = machine.rules()
    for arguments in (["cache", "list", "--json"], ["list"], ["erase"], ["cache", "clear", HOST]):
        done = machine.run(*arguments, stdin=b"ghcr.io", command=MODULE)
        assert done.code == 0
        assert b"rules@" not in done.stdout
        assert rules.exists()
    assert (
        json.loads(machine.run("cache", "list", "--json", command=MODULE).stdout)["entries"] == []
    )

    assert b"the cache is empty" in machine.run("cache", "clear", command=MODULE).stdout
    assert machine.rules() == []


def test_expired_rules_are_swept(machine: Machine) -> None:
    """They expire like a token, and are removed with the expired tokens."""
    machine.login()
    machine.settings("")
    machine.get("ghcr.io")
    (rules,) = machine.rules()
    entry, subject = cache.read_any(str(rules))
    entry_file.write(str(rules), subject, cache.Entry(1, 2, 2, entry.reply))
    old = rules.rename(rules.with_name(f"{paths.RULES}~{'0' * 32}"))

    machine.get(HOST)
    assert not old.exists()
    (rules,) = machine.rules()
    assert cache.read_any(str(rules))[0].written > entry.written


def test_settings_are_checked_once(machine: Machine) -> None:
    """Each action knows from the table that there is no mistake, until the settings change."""
    rules = "[[registry]]\nmatch = '1*.on.aws'\n[[registry]]\nmatch = '12*.on.aws'\n"
    path = machine.settings(rules.replace("12*", "2*"))
    machine.get("ghcr.io")
    (table,) = machine.rules()
    entry, subject = cache.read_any(str(table))
    path.write_text(rules)
    part = identity.settings_part(machine.environ)
    assert "never reached" in machine.get("gcr.io").error

    _, subject = rule_table.place(str(machine.cache), part)
    entry_file.write(str(table), subject, entry)  # as if these rules had been found right
    assert machine.get("gcr.io").stdout == NOT_FOUND
