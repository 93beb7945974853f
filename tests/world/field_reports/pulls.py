"""Reports about what the registry, and the storage behind it, answer."""

from tests.world.broken_setups import Way
from tests.world.failures import Failure

DOCTOR: dict[str, Way] = {}

ERRORS: dict[str, Failure] = {}
