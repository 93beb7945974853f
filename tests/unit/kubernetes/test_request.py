"""A request of the kubelet, and the answer to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.request import (
    MAX_REQUEST,
    Request,
    answer,
    is_request,
    parse,
)
from docker_credential_ecrpy.text import secrets
from tests.world import play_kubelet
from tests.world.play_kubelet import VERSIONS, ServiceAccount, decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(
    ["kind", "apiVersion", "image", "serviceAccountToken", "serviceAccountAnnotations", "x"]
)


def test_a_whole_request() -> None:
    """Image, token and annotations; the token is a secret from then on, and in no `repr`."""
    account = ServiceAccount(annotations={"a": "b"})

    found = parse(play_kubelet.request("host:5000/a/b", account))

    assert found == Request(VERSIONS[0], "host:5000/a/b", account.token, {"a": "b"})
    assert found.authority == "host:5000"
    assert account.token not in repr(found)
    assert secrets.redact(f"x {account.token} y") == f"x {secrets.MARK} y"


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_older_versions(version: str) -> None:
    """They have no service accounts."""
    found = parse(play_kubelet.request("host/a", ServiceAccount(), version))

    assert found == Request(version, "host/a")
    assert not found.can_have_token


@pytest.mark.parametrize("value", [None, "absent"])
def test_missing_fields(value: str | None) -> None:
    """null is as good as absent."""
    fields = json.loads(play_kubelet.request("host/a"))
    if value is None:
        fields |= {"serviceAccountToken": None, "serviceAccountAnnotations": None}

    assert parse(json.dumps(fields).encode()) == Request(VERSIONS[0], "host/a")


def test_the_limit() -> None:
    """A request of a MiB is read, and a byte more is an error."""
    data = play_kubelet.request("host/a")
    assert parse(data + b" " * (MAX_REQUEST - len(data))).image == "host/a"
    with pytest.raises(HelperError, match="longer than 1024 KiB"):
        parse(data + b" " * (MAX_REQUEST + 1 - len(data)))


@given(
    st.dictionaries(FIELDS, JSON | st.sampled_from(VERSIONS) | st.just("CredentialProviderRequest"))
)
def test_any_fields(fields: dict[str, object]) -> None:
    """Whatever they hold, the result is a request or an error of one line."""
    data = json.dumps(fields).encode()
    try:
        found = parse(data)
    except HelperError as exc:
        assert "\n" not in str(exc)  # noqa: PT017 - either is right
    else:
        assert is_request(data)
        decode(answer(found), found.api_version)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    """They are no request."""
    assert not is_request(data)
    with pytest.raises(HelperError):
        parse(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_answers(version: str) -> None:
    """A strict decoder of the version takes them, with and without a login."""
    asked = Request(version, "host:1/a")

    assert decode(answer(asked), version) == play_kubelet.Answer("Registry", 0, {})
    assert decode(answer(asked, ("AWS", 'p"\\é'), 21600), version) == play_kubelet.Answer(
        "Registry", 21600, {"host:1": ("AWS", 'p"\\é')}
    )
    assert b'"auth"' not in answer(asked)
    assert answer(asked).count(b"\n") == 1
