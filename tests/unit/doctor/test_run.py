"""The run of `doctor` around its checks."""

from typing import cast

import pytest

from docker_credential_ecrpy.doctor import run
from docker_credential_ecrpy.doctor.check import Check, CheckId
from docker_credential_ecrpy.doctor.facts import Facts


def test_a_judge_that_breaks_is_a_failed_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The report still has the other checks."""

    def judge(_facts: Facts) -> list[Check]:
        raise KeyError("ACCOUNT_ID")

    monkeypatch.setattr(run, "_JUDGES", {judge: CheckId.PROGRAM})
    facts = cast("Facts", None)  # this judge looks at none

    (check,) = run._judge(judge, facts)

    assert (check.id, check.status) == (CheckId.PROGRAM, "fail")
    assert check.seen.endswith("'ACCOUNT_ID'")
