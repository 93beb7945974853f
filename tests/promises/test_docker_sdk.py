"""The helper driven by Docker's own Python SDK, an independent client."""

from pathlib import Path

import pytest
from docker.credentials import CredentialsNotFound, Store, StoreError

from tests.world.machine import HOST, Machine


@pytest.fixture(params=["ecr-login", "ecrpy"], name="store")
def _store(
    request: pytest.FixtureRequest, machine: Machine, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    monkeypatch.setenv("PATH", str(scripts), prepend=":")
    for name, value in machine.environ.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    return Store(request.param)


def test_get(store: Store, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK gets the token, cold and cached."""
    for name, value in machine.aws.user().environ.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        reply = store.get(HOST)

        assert reply["ServerURL"] == HOST
        assert reply["Username"] == "AWS"
        assert reply["Secret"] in machine.aws.issued
    assert machine.aws.count() == {"ecr": 1}


def test_store_list_and_erase(store: Store) -> None:
    """A login is stored, listed and returned, and is gone after `erase`."""
    store.store(HOST, "AWS", "a password")
    assert store.get(f"https://{HOST}")["Secret"] == "a password"
    assert store.list() == {f"https://{HOST}": "AWS"}

    store.erase(HOST)
    assert store.list() == {}


@pytest.mark.parametrize("host", ["ghcr.io", "public.ecr.aws"])
def test_not_found(store: Store, host: str) -> None:
    """A host that is not ECR's, or that needs no credentials, is "not found", no other error."""
    with pytest.raises(CredentialsNotFound):
        store.get(host)


def test_an_error_is_reported(store: Store) -> None:
    """The SDK's error quotes our line."""
    with pytest.raises(StoreError, match="no AWS credentials found") as caught:
        store.get(HOST)
    assert not isinstance(caught.value, CredentialsNotFound)


def test_a_login_elsewhere_is_refused(store: Store) -> None:
    """A login to another registry is refused instead of lost."""
    with pytest.raises(StoreError, match="credHelpers"):
        store.store("ghcr.io", "me", "hunter2")
