"""An answer does not depend on the time zone, even one that Python cannot compute with."""

import sys
import time
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.hot import cache
from tests.world import credential_sources
from tests.world.machine import Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ignores TZ")

ZONES = ["Asia/Kathmandu", "UTC+25", "XXX-167:59:59YYY-100,0,1", ":/nonexistent", ".", "<>", ""]


@pytest.mark.parametrize("zone", ZONES)
def test_any_time_zone(machine: Machine, zone: str) -> None:
    """A first and a cached get are answered."""
    machine.environ["TZ"] = zone
    machine.login()
    first = machine.get().secret

    assert first in machine.aws.issued
    assert machine.get().secret == first


@pytest.mark.parametrize("zone", ["UTC", "UTC-8", "UTC+8"])
def test_a_zone_that_is_called_utc(machine: Machine, zone: str) -> None:
    """A token is due when its credentials expire, in UTC: nobody uses them longer, or less long."""
    machine.environ["TZ"] = zone
    end = time.time() + 3600
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    answer = credential_sources.process_answer(machine, expires)
    credential_sources.process(machine, f"print({answer!r})")

    assert machine.get().secret in machine.aws.issued
    for path in machine.entries():
        entry, _ = cache.read_any(str(path))
        early = end - entry.refresh / cache.SECOND
        assert -60 < early < 3600 / 10 + 60  # the machine's jitter


@pytest.mark.parametrize(
    "source", credential_sources.CREDENTIAL_SOURCES, ids=lambda source: source.__name__
)
def test_every_source_of_credentials(machine: Machine, source: Callable[[Machine], None]) -> None:
    """Expiry times of credentials are compared in UTC."""
    machine.environ["TZ"] = "UTC+25"
    source(machine)

    assert machine.get().secret in machine.aws.issued
