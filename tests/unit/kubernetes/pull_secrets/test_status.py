"""Facts about the status of a resource."""

import json

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.status import (
    Failure,
    Outcome,
    RegistryResult,
    make_status,
)
from docker_credential_ecrpy.text import secrets
from tests.world.hosts import HOST
from tests.world.pull_secrets import HOUR, LATER, NOW, OTHER_HOST, TIMES

GOOD = Outcome([RegistryResult(HOST, TIMES, TIMES.refresh)], [], 2, 2)
ERROR = HelperError("AWS refuses it", hint="aws sso login --profile dev")


def test_the_status_says_what_was_done() -> None:
    """Per registry its expiry, its last success and its next refresh; and a condition."""
    assert make_status({}, 3, GOOD, NOW) == {
        "observedGeneration": 3,
        "expiresAt": "2027-01-15T20:00:00Z",
        "lastSuccessAt": "2027-01-15T08:00:00Z",
        "nextRefreshAt": "2027-01-15T14:00:00Z",
        "secrets": {"ready": 2, "total": 2},
        "registries": [
            {
                "registry": HOST,
                "expiresAt": "2027-01-15T20:00:00Z",
                "lastSuccessAt": "2027-01-15T08:00:00Z",
                "nextRefreshAt": "2027-01-15T14:00:00Z",
            }
        ],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Refreshed",
                "message": "2 of 2 secrets are up to date",
                "observedGeneration": 3,
                "lastTransitionTime": "2027-01-15T08:00:00Z",
            }
        ],
    }


def test_a_status_without_news_is_equal() -> None:
    """It needs no write: the time of its condition stays."""
    first = make_status({}, 3, GOOD, NOW)

    assert make_status(first, 3, GOOD, NOW + HOUR) == first


def test_a_failure_keeps_the_times_of_the_old_login() -> None:
    """The secret still has that login, so its expiry counts, beside the error with its cure."""
    first = make_status({}, 3, GOOD, NOW)
    bad = Outcome([RegistryResult(HOST, None, NOW + 5 * HOUR, ERROR)], [], 0, 2)
    row = make_status(first, 3, bad, NOW + HOUR)["registries"][0]

    assert row["expiresAt"] == "2027-01-15T20:00:00Z"
    assert row["lastSuccessAt"] == "2027-01-15T08:00:00Z"
    assert row["reason"] == "TokenUnavailable"
    assert row["error"] == "AWS refuses it; aws sso login --profile dev"


def test_the_condition_turns_with_its_time() -> None:
    """It turns False at the first error, says how many there are, and turns True again."""
    failures = [
        Failure(f"shop-{n}/ecr", Refusal(Reason.IMMUTABLE, "the Secret is immutable"))
        for n in range(30)
    ]
    first = make_status({}, 3, GOOD, NOW)
    bad = make_status(first, 3, Outcome(GOOD.registries, failures, 0, 30), NOW + HOUR)
    worse = make_status(bad, 3, Outcome(GOOD.registries, failures, 0, 30), NOW + 2 * HOUR)
    good = make_status(worse, 4, GOOD, NOW + 3 * HOUR)

    assert bad["conditions"][0]["status"] == "False"
    assert bad["conditions"][0]["reason"] == "Immutable"
    assert bad["conditions"][0]["message"] == "the Secret is immutable (and 29 more)"
    assert bad["conditions"][0]["lastTransitionTime"] == "2027-01-15T09:00:00Z"
    assert len(bad["failures"]) == 10
    assert worse == bad
    assert good["conditions"][0]["lastTransitionTime"] == "2027-01-15T11:00:00Z"
    assert "failures" not in good


def test_the_first_expiry_of_several_counts() -> None:
    """The columns show the registry that needs attention first."""
    both = [*GOOD.registries, RegistryResult(OTHER_HOST, LATER, LATER.refresh)]

    assert make_status({}, 1, Outcome(both, [], 1, 1), NOW)["expiresAt"] == "2027-01-15T20:00:00Z"


def test_no_secret_is_in_a_status() -> None:
    """Whoever may read the resource need not be allowed to read secrets."""
    secrets.note("canary-secret-value")
    error = HelperError("it printed canary-secret-value\nand more")
    status = make_status({}, 1, Outcome([RegistryResult(HOST, None, NOW, error)], [], 0, 1), NOW)

    assert "canary" not in json.dumps(status)
    assert "\\n" not in json.dumps(status)
