"""The role and identity of a pod's service account."""

import base64
import json
from collections.abc import Mapping

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import identity, registry
from docker_credential_ecrpy.kubernetes.options import Options
from docker_credential_ecrpy.kubernetes.request import Request
from docker_credential_ecrpy.kubernetes.service_account import choose_identity
from docker_credential_ecrpy.settings.rules import Choice, Role, WebIdentity
from tests.world.hosts import HOST
from tests.world.play_kubelet import VERSIONS, ServiceAccount

ARN = "arn:aws:iam::123456789012:role/"
KEY = "eks.amazonaws.com/role-arn"
FOUND = registry.parse(HOST)
assert FOUND is not None
CHOICE = Choice(FOUND, profile="node", role=Role(f"{ARN}rule"))


def choose(
    account: ServiceAccount,
    choice: Choice = CHOICE,
    options: Options | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Choice, list[str]]:
    """Return the choice for a service account, and the log."""
    log: list[str] = []
    asked = Request(VERSIONS[0], f"{HOST}/app", account.token, account.annotations)
    return choose_identity(choice, asked, options or Options(), environ or {}, log.append), log


def test_a_role_by_annotation() -> None:
    """It replaces the rule's role, and no profile is needed for it."""
    account = ServiceAccount(annotations={KEY: f" {ARN}pod\n"})

    found, log = choose(account)

    assert found.role == Role(f"{ARN}pod")
    assert found.profile == ""
    assert found.web_identity == WebIdentity(
        account.token, account.issuer, "system:serviceaccount:team:app"
    )
    assert str(found.chosen_at) == f"annotation {KEY} of service account team/app"
    assert log == [f"kubelet: role {ARN}pod for service account team/app, by {found.chosen_at}"]
    assert account.token not in repr(found)


def test_the_line_of_a_choice() -> None:
    """Role, issuer, subject and the token's digest are in it, and never the token."""
    account = ServiceAccount(annotations={KEY: f"{ARN}pod"})
    found, _ = choose(account)

    line = found.ambient("x='y'")

    assert line == (
        f"x='y' issuer='{account.issuer}' subject='system:serviceaccount:team:app'"
        f" web-identity-role='{ARN}pod' web-identity~{identity.digest(account.token)}"
    )
    assert identity.parse(line)["subject"] == "system:serviceaccount:team:app"
    assert CHOICE.ambient("x='y'") == "x='y'"


def test_without_a_token() -> None:
    """The choice stays as the rules made it."""
    account = ServiceAccount()
    account.token = ""

    assert choose(account) == (CHOICE, ["kubelet: no service account token: the node's identity"])


def test_without_a_role() -> None:
    """The node's identity, or an error that names the service account."""
    bare = Choice(CHOICE.registry, profile="node")

    found, log = choose(ServiceAccount(), bare)

    assert found == bare
    assert log == ["kubelet: service account team/app has no role: the node's identity is used"]
    with pytest.raises(HelperError) as caught:
        choose(ServiceAccount(), bare, Options(("a/b",), require_role=True))
    assert caught.value.hint == (
        "annotate it with a/b: <the role's ARN>, or set AWS_ECR_ROLE_ARN for the kubelet"
    )


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "system:serviceaccount:ns:sa"}, "ns/sa"),
        ({"sub": "someone"}, "someone"),
        ({"kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa"}}}, "ns/sa"),
        ({"kubernetes.io": {"namespace": 5, "serviceaccount": {"name": "sa"}}}, "of the request"),
        ({"kubernetes.io": [], "sub": 5, "iss": {}}, "of the request"),
        ({"sub": "a\nb\x1b[2J"}, "a b"),
        ({"sub": "ab " * 400}, ("ab " * 400)[:200]),
        ([], "of the request"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_names_in_messages(claims: object, name: str) -> None:
    """They come from the claims, whatever these are."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    _, log = choose(ServiceAccount(token=f"e30.{body}.sig"))

    assert log == [
        f"kubelet: role {ARN}rule for service account {name}, by a rule",
    ]


@pytest.mark.parametrize("length", [4, 20_000])
def test_lengths_that_sts_takes(length: int) -> None:
    """The shortest and the longest one."""
    found, _ = choose(ServiceAccount(token="x" * length))

    assert found.web_identity == WebIdentity("x" * length, "", "")
