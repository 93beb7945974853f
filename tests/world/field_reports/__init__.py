"""Reports from the field: set-ups in which a pull failed, each with its cause and its cure.

A key is the source, and then what the report says. The source is a public thread, such as
`helper#249` (tests/README.md lists the short names), or `setup` for one that was broken on purpose.
"""

from tests.world.broken_setups import Way
from tests.world.failures import Failure
from tests.world.field_reports import (
    aws_answers,
    aws_files,
    docker_files,
    names,
    network,
    pulls,
    sources,
)

ENGINE = pulls.DOCTOR | docker_files.DOCTOR | names.DOCTOR
"""Those of `DOCTOR` that depend on Docker's engine; the others need the proxy to this world."""

_AREAS = (pulls, docker_files, names, aws_files, aws_answers, network, sources)

DOCTOR: dict[str, Way] = {}
"""What `doctor` must name first; doing what it says makes the pull work."""

ERRORS: dict[str, Failure] = {}
"""What the error of a `get` must say."""

for _area in _AREAS:
    assert DOCTOR.keys().isdisjoint(_area.DOCTOR), _area
    assert ERRORS.keys().isdisjoint(_area.ERRORS), _area
    DOCTOR |= _area.DOCTOR
    ERRORS |= _area.ERRORS
