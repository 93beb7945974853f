"""Reports about the files and programs of Docker and podman, and about the engine."""

from tests.world.broken_setups import Way, nothing_configured
from tests.world.failures import Failure

DOCTOR: dict[str, Way] = {
    "helper#207 no entry under credHelpers": nothing_configured,
}

ERRORS: dict[str, Failure] = {}
