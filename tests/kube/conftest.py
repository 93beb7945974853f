"""A real cluster's API: kube-apiserver and etcd, real kubectl, and the controller beside them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.world.kube.controller import Controller
from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.kube.real.access import request_token
from tests.world.kube.real.api import RealApi
from tests.world.kube.real.server import RealServer
from tests.world.machine import Machine
from tests.world.web import Authority

Start = Callable[..., Controller]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.kube)
            item.add_marker(pytest.mark.tree)


@pytest.fixture(name="api")
def _api(kube_server: RealServer, authority: Authority) -> Iterator[RealApi]:
    """The real API without the relay, with two namespaces."""
    with RealApi(kube_server, authority, custom=True, is_direct=True) as api:
        for name in ("shop", "team-a"):
            api.store.add_namespace(name)
        yield api


@pytest.fixture(name="kubectl")
def _kubectl(api: RealApi, tmp_path: Path) -> Kubectl:
    """The administrator's."""
    return Kubectl(find_kubectl(), api.kubeconfig(tmp_path / "admin"))


@pytest.fixture(name="start")
def _start(api: RealApi, machine: Machine, tmp_path: Path) -> Iterator[Start]:
    """Starts the controller as a service account, with a token by TokenRequest."""
    machine.login()
    with ExitStack() as stack:

        def start(namespace: str, account: str, *arguments: str) -> Controller:
            token = request_token(api.real, namespace, account)
            api.kubeconfig(tmp_path / "kubeconfig", token)
            return stack.enter_context(Controller(api, machine, tmp_path, *arguments))

        yield start
