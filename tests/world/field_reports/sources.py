"""Reports about sources of AWS credentials."""

from tests.world.broken_setups import Way
from tests.world.failures import FAILURES, Failure

DOCTOR: dict[str, Way] = {}

ERRORS: dict[str, Failure] = {
    "helper#229 an SSO session that is over": FAILURES["SSO session expired"],
}
