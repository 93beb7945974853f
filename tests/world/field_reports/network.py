"""Reports about proxies, certificates and clocks."""

from tests.world.broken_setups import Way
from tests.world.failures import Failure

DOCTOR: dict[str, Way] = {}

ERRORS: dict[str, Failure] = {}
