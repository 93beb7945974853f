"""Reports about what STS, ECR and the sources of credentials refuse."""

from tests.world.broken_setups import Way
from tests.world.failures import Failure

DOCTOR: dict[str, Way] = {}

ERRORS: dict[str, Failure] = {}
