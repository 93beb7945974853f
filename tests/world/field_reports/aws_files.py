"""Reports about AWS files, profiles, keys and variables."""

from tests.world.broken_setups import Way
from tests.world.failures import Failure

DOCTOR: dict[str, Way] = {}

ERRORS: dict[str, Failure] = {}
