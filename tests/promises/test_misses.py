"""Facts about the work of a cache miss."""

import json
import sys

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.machine import HOST, Machine

COUNTED = """
import json, os, sys
from docker_credential_ecrpy.__main__ import main
from docker_credential_ecrpy.hot import identity, registry

counts = {"parsed": 0, "identities": 0, "opened": 0}

def counted(module, name, key, wanted=lambda *_: True):
    real = getattr(module, name)
    def call(*args, **options):
        counts[key] += bool(wanted(*args))
        return real(*args, **options)
    setattr(module, name, call)

host = sys.argv[1]
counted(registry, "parse", "parsed", lambda address: address == host)
counted(identity, "line", "identities")
counted(os, "open", "opened", lambda path, *_: f"/tokens/{host}~" in str(path))
sys.argv = ["docker-credential-ecr-login", "get"]
code = main()
sys.stderr.write(json.dumps(counts))
sys.exit(code)
"""
pytestmark = pytest.mark.tree


def _get(machine: Machine, host: str = HOST) -> dict[str, int]:
    """Return how often a `get` parses the host, builds the identity, and opens the host's entry."""
    done = machine.run(stdin=host.encode(), command=[sys.executable, "-c", COUNTED, host])
    assert done.code == 0, done
    assert json.loads(done.stdout)["Secret"] in machine.aws.issued
    counts: dict[str, int] = json.loads(done.stderr)
    return counts


@pytest.mark.parametrize("settings", [None, "", '[[registry]]\nmatch = "*"\n'])
def test_a_miss_repeats_no_work(machine: Machine, settings: str | None) -> None:
    """The host's entry is opened once before and once after the lock is taken.

    The hot path and the rules parse the address. The identity is built by the hot path, again
    when the files have settled, and again before the token is written.
    """
    machine.login()
    if settings is not None:
        machine.settings(settings)

    assert _get(machine) == {"parsed": 2, "identities": 3, "opened": 2}
    assert _get(machine) == {"parsed": 1, "identities": 1, "opened": 1}


def test_a_renewal_checks_the_files_once_more(machine: Machine) -> None:
    """The old token may serve during a renewal only while the settings are unchanged."""
    machine.login()
    _get(machine)
    for path in machine.entries():
        entry, subject = cache.read_any(str(path))
        entry.refresh = entry.written
        entry_file.write(str(path), subject, entry)
    counts = _get(machine)

    assert counts == {"parsed": 2, "identities": 5, "opened": 2}


def test_another_registry_of_the_region_needs_no_settings(machine: Machine) -> None:
    """Without settings, the endpoint's token answers at once."""
    machine.login()
    _get(machine)

    assert _get(machine, HOST.replace("123456789012", "210987654321")) == {
        "parsed": 1,
        "identities": 1,
        "opened": 1,
    }
