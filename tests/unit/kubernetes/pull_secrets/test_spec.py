"""Facts about what a resource asks for."""

from typing import Any

import pytest

from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import Selection
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret, parse
from tests.world.hosts import HOST
from tests.world.pull_secrets import OTHER_HOST

SHORT = "123456789012@us-east-1"


def expand(text: str) -> str:
    return HOST if text == SHORT else text


def resource(namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "r", "uid": "u-9"} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, "spec": {"registries": [HOST], "secretName": "ecr"} | spec}


def test_a_resource_of_a_namespace() -> None:
    """The least that it names is a Secret and a registry; registries are named once."""
    wanted = parse(resource(registries=[SHORT, OTHER_HOST, HOST]), expand)

    owner = "ECRPullSecret/r"
    assert wanted == PullSecret("u-9", "shop", "ecr", (HOST, OTHER_HOST), owner=owner)
    assert wanted.target("shop") == Target("shop", "ecr", owner=owner)


def test_a_resource_of_the_cluster() -> None:
    """It selects namespaces, and everything else is the same."""
    selection = {
        "include": ["team-*"],
        "exclude": ["team-b"],
        "labelSelector": {
            "matchLabels": {"team": "a"},
            "matchExpressions": [{"key": "env", "operator": "Exists"}],
        },
        "optIn": True,
    }
    spec = {"form": "argocd", "repository": "charts/app", "serviceAccounts": ["default"]}
    wanted = parse(resource("", namespaces=selection, **spec), expand)

    assert wanted.namespaces == Selection(
        ["team-*"], ["team-b"], {"team": "a"}, [{"key": "env", "operator": "Exists"}], opt_in=True
    )
    assert wanted.accounts == ("default",)
    owner = "ClusterECRPullSecret/r"
    target = Target("team-a", "ecr", Form.ARGO_CD, "charts/app", owner)
    assert wanted.target("team-a") == target


def test_a_resource_of_a_namespace_stays_there() -> None:
    """Its namespaces would be a way out of its own."""
    assert parse(resource(namespaces={"include": ["*"]}), expand).namespaces is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no registry": ({"registries": []}, "no registry is named"),
    "registries is a text": ({"registries": HOST}, "registries is no list of texts"),
    "registries has a number": ({"registries": [1]}, "registries is no list of texts"),
    "no name": ({"secretName": ""}, "secretName: '' is no name"),
    "a wrong name": ({"secretName": "Ecr"}, "secretName: 'Ecr' is no name"),
    "a newline": ({"secretName": "ecr\n"}, "is no name"),
    "a number": ({"secretName": 1}, "secretName is no text"),
    "form": ({"form": "argo"}, "form: 'argo' is unknown"),
    "two registries": (
        {"form": "username-password", "registries": [HOST, OTHER_HOST]},
        "holds one registry's login, not 2",
    ),
    "repository": ({"repository": "a"}, "repository needs the form argocd"),
    "rules of another namespace": ({"rules": "team-a.prod"}, "rules: 'team-a.prod' is no name"),
    "rules elsewhere": ({"rules": "../prod"}, "rules: '../prod' is no name of rules"),
    "no repository": ({"form": "argocd", "repository": "oci://a"}, "is no repository"),
}


@pytest.mark.parametrize(("spec", "says"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_an_error(spec: dict[str, Any], says: str) -> None:
    """The API validates resources, but its definition may be an older one."""
    with pytest.raises(Refusal) as refused:
        parse(resource(**spec), expand)

    assert refused.value.reason is Reason.INVALID_SPEC
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "selection",
    [{"include": ["A"]}, {"exclude": ["a b"]}, {"labelSelector": {"matchExpressions": [{}]}}],
)
def test_a_selection_without_a_meaning_is_an_error(selection: dict[str, Any]) -> None:
    """It must not select nothing, or everything, in silence."""
    with pytest.raises(Refusal) as refused:
        parse(resource("", namespaces=selection), expand)

    assert refused.value.reason is Reason.INVALID_SPEC
