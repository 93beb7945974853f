"""Facts about reports from the field: the true cause is named first, with the cure that works."""

import sys

import pytest

from tests.world.broken_setups import check_fix
from tests.world.docker_host import DockerHost
from tests.world.field_reports import DOCTOR, ERRORS
from tests.world.machine import Machine


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
@pytest.mark.tree
@pytest.mark.parametrize("report", DOCTOR)
def test_doctor_names_the_cause_and_the_cure_works(docker_host: DockerHost, report: str) -> None:
    """After the cure no check fails. In tests/e2e a real engine pulls some images."""
    check_fix(docker_host, DOCTOR[report])


@pytest.mark.parametrize("report", ERRORS)
def test_a_get_says_cause_and_cure(machine: Machine, report: str) -> None:
    """One line on both streams: what is wrong; what to do."""
    failure = ERRORS[report]
    failure.set_up(machine)

    said, _, cure = machine.get().error.partition("; ")
    assert failure.cause in said
    assert failure.cure in cure
    if failure.calls is not None:
        assert machine.aws.count()["ecr"] == failure.calls
