"""Facts about which namespaces get a pull secret."""

from typing import Any

import pytest

from docker_credential_ecrpy.kubernetes.pull_secrets.names import WANTED, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import (
    Selection,
    check_expression,
    check_pattern,
)

NAMESPACES: dict[str, dict[str, Any]] = {
    "default": {},
    "kube-system": {"labels": {"kubernetes.io/metadata.name": "kube-system"}},
    "team-a": {"labels": {"team": "a", "env": "prod"}},
    "team-b": {"labels": {"team": "b", "env": "dev"}},
    "team-c": {"labels": {"team": "c"}, "annotations": {WANTED: "true"}},
    "team-no": {"labels": {"team": "a"}, "annotations": {WANTED: "false"}},
    "team-gone": {"labels": {"team": "a"}, "deletionTimestamp": "2026-01-01T00:00:00Z"},
}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": values} if values else {})}


SELECTIONS = {
    "nothing": (Selection(), set()),
    "exclusions alone": (Selection(exclude=["kube-*"]), set()),
    "all": (
        Selection(include=["*"]),
        {"default", "kube-system", "team-a", "team-b", "team-c"},
    ),
    "names": (Selection(include=["default", "team-a", "absent"]), {"default", "team-a"}),
    "glob": (Selection(include=["team-?"]), {"team-a", "team-b", "team-c"}),
    "set": (Selection(include=["team-[!a]"]), {"team-b", "team-c"}),
    "excluded": (
        Selection(include=["*"], exclude=["kube-*", "team-b"]),
        {"default", "team-a", "team-c"},
    ),
    "label": (Selection(labels={"team": "a"}), {"team-a"}),
    "labels": (Selection(labels={"team": "b", "env": "prod"}), set()),
    "label and glob": (Selection(include=["*-b"], labels={"team": "a"}), set()),
    "in": (Selection(expressions=[expression("team", "In", "a", "b")]), {"team-a", "team-b"}),
    "not in": (
        Selection(expressions=[expression("team", "NotIn", "a", "b")]),
        {"default", "kube-system", "team-c"},
    ),
    "exists": (Selection(expressions=[expression("env", "Exists")]), {"team-a", "team-b"}),
    "does not exist": (
        Selection(include=["team-*"], expressions=[expression("env", "DoesNotExist")]),
        {"team-c"},
    ),
    "opt in": (Selection(opt_in=True), {"team-c"}),
    "opt in, excluded": (Selection(opt_in=True, exclude=["*-c"]), set()),
}


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS.values(), ids=SELECTIONS)
def test_which_namespaces_are_selected(selection: Selection, expected: set[str]) -> None:
    """Every condition given must be met; one that is being deleted, or opted out, never is."""
    selected = {
        name
        for name, metadata in NAMESPACES.items()
        if selection.selects({"metadata": {"name": name, **metadata}})
    }

    assert selected == expected


def test_a_namespace_in_the_phase_of_deletion_is_left_out() -> None:
    """The API says so by its phase, too."""
    namespace = {"metadata": {"name": "a"}, "status": {"phase": "Terminating"}}

    assert not Selection(include=["*"]).selects(namespace)


@pytest.mark.parametrize("pattern", ["", "Team", "a/b", "a b", "a" * 64, "$(x)"])
def test_a_pattern_that_matches_no_name_is_an_error(pattern: str) -> None:
    """A typing error must not select nothing in silence."""
    with pytest.raises(Refusal, match=r"exclude: .* is neither a name nor a glob"):
        check_pattern(pattern, "exclude")
    assert check_pattern("team-[ab]*", "exclude") == "team-[ab]*"


@pytest.mark.parametrize(
    "wrong",
    [expression("a", "in", "b"), expression("a", "In"), expression("a", "Exists", "b"), {}],
    ids=["case", "no values", "values", "nothing"],
)
def test_an_expression_without_a_meaning_is_an_error(wrong: dict[str, Any]) -> None:
    """As in the API, In and NotIn have values, and the others have none."""
    with pytest.raises(Refusal, match="matchExpressions"):
        check_expression(wrong)
    right = expression("a", "NotIn", "b")
    assert check_expression(right) == right
