"""Facts about the controller as a process: what it sees, what it writes, and how it ends."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.world.aws import Fault, refuse
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.controller import Controller
from tests.world.kube.discovery import CUSTOM
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import FOREIGN, auths, docker_secret
from tests.world.web import Request

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
SECRETS = Resource("secrets", "Secret")
NAMESPACES = Resource("namespaces", "Namespace")
MERGE = "application/merge-patch+json"
Start = Callable[..., Controller]


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api() as api:
        api.store.add_namespace("shop")
        yield api


@pytest.fixture(name="start")
def _start(api: KubeApi, machine: Machine, tmp_path: Path) -> Iterator[Start]:
    machine.login()
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Controller(api, machine, tmp_path, *arguments))


def password(api: KubeApi, namespace: str = "shop") -> str:
    """Return the password of the registry in the Secret; "" for none."""
    found = api.store.get("secrets", namespace, "ecr")
    member = auths(found).get(HOST, {}) if found else {}
    return str(member.get("password", ""))


def writes(api: KubeApi, namespace: str = "shop") -> int:
    return api.store.writes.get(("secrets", namespace, "ecr"), 0)


def edit(api: KubeApi, patch: dict[str, Any]) -> None:
    api.store.patch(SECRETS, ("shop", "ecr"), patch, MERGE)


def test_the_first_refresh_is_at_the_start(api: KubeApi, start: Start, machine: Machine) -> None:
    """The Secret is there within seconds; then it is ready, and nothing more is written."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    controller.wait(lambda: controller.ask("/readyz")[0] == 200)
    time.sleep(2)

    assert password(api) in machine.aws.issued
    assert writes(api) == 1
    assert len(api.seen("get", "secrets")) == 1
    assert machine.aws.count() == {"ecr": 1}
    assert controller.ask("/healthz") == (200, "ok\n")
    assert controller.ask("/other")[0] == 404


def test_what_others_do_is_undone(api: KubeApi, start: Start, machine: Machine) -> None:
    """A deletion and an edit are seen by the watch; AWS is not asked for another token."""
    controller = start("--namespace", "shop")
    token = controller.wait(lambda: password(api))
    api.store.delete(SECRETS, ("shop", "ecr"), {})
    assert controller.wait(lambda: password(api), 5) == token
    edit(api, {"data": docker_secret({"auths": FOREIGN})["data"]})
    assert controller.wait(lambda: password(api), 5) == token

    found = api.store.get("secrets", "shop", "ecr")
    assert found
    assert set(auths(found)) == {"docker.io", HOST}
    assert machine.aws.count() == {"ecr": 1}


def test_a_token_is_refreshed_before_its_half(api: KubeApi, start: Start, machine: Machine) -> None:
    """Again and again, in place."""
    machine.aws.token_life = 6
    controller = start("--namespace", "shop")
    first = controller.wait(lambda: password(api))
    made = api.store.get("secrets", "shop", "ecr")
    seen = {first}

    def see() -> bool:
        seen.add(password(api))
        return len(seen) == 4

    controller.wait(see, 60)

    after = api.store.get("secrets", "shop", "ecr")
    assert made
    assert after
    assert after["metadata"]["uid"] == made["metadata"]["uid"]
    assert seen <= set(machine.aws.issued)


def test_a_new_namespace_gets_its_secret_within_seconds(api: KubeApi, start: Start) -> None:
    """And one that ends is left alone."""
    controller = start("--namespace", "team-*")
    controller.wait(lambda: controller.ask("/readyz")[0] == 200)
    api.store.add_namespace("team-a")
    controller.wait(lambda: password(api, "team-a"), 5)
    api.store.delete(NAMESPACES, ("", "team-a"), {})
    api.store.finish_namespace("team-a")
    api.store.add_namespace("team-b")
    controller.wait(lambda: password(api, "team-b"), 5)

    assert not password(api, "shop")
    assert not any("team-a: " in line for line in controller.said)


def test_aws_is_down_and_comes_back(api: KubeApi, start: Start, machine: Machine) -> None:
    """The Secret keeps its bytes, the failure is said once, and then it is refreshed."""
    machine.aws.token_life = 4
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    machine.aws.faults["ecr"] = refuse("ServiceUnavailable", status=503)
    before = password(api)
    controller.wait_for_line("shop/ecr: ")
    time.sleep(4)
    assert password(api) == before
    assert sum("shop/ecr: " in line for line in controller.said) == 1
    assert 'failures_total{reason="TokenUnavailable"}' in controller.ask("/metrics")[1]
    machine.aws.faults.clear()

    controller.wait(lambda: password(api) != before)
    controller.wait_for_line("shop/ecr: it works again")


def test_an_outage_is_a_few_lines(api: KubeApi, start: Start, machine: Machine) -> None:
    """Not one for each namespace; the metric counts each, and a new reason is said at once."""
    for number in range(30):
        api.store.add_namespace(f"team-{number}")
    machine.aws.faults["ecr"] = refuse("ServiceUnavailable", status=503)
    controller = start("--namespace", "team-*")
    controller.wait(lambda: "0 of 30 secrets have" in controller.ask("/readyz")[1])
    there = docker_secret({"auths": FOREIGN}, immutable=True) | {"metadata": {"name": "ecr"}}
    api.store.create(SECRETS, "team-1", there)
    machine.aws.faults.clear()
    controller.wait_for_line("team-1/ecr is immutable")

    said = [line for line in controller.said if f"/ecr: {HOST}: " in line]
    assert len(said) == 5, controller.said


def test_an_immutable_secret_is_said_once(api: KubeApi, start: Start) -> None:
    """Not each minute, and not at each event; and it is not deleted."""
    there = docker_secret({"auths": FOREIGN}, immutable=True) | {"metadata": {"name": "ecr"}}
    api.store.create(SECRETS, "shop", there)
    controller = start("--namespace", "shop")
    controller.wait_for_line("is immutable")
    for number in range(3):
        edit(api, {"metadata": {"labels": {"a": str(number)}}})
        time.sleep(0.5)

    assert sum("is immutable" in line for line in controller.said) == 1
    assert not api.seen("delete")
    assert controller.ask("/readyz") == (503, "0 of 1 secrets have valid logins\n")


def test_a_watch_that_is_gone_begins_again(api: KubeApi, start: Start) -> None:
    """After 410 it lists again, and sees what happened meanwhile."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    api.ending.set()  # every watch ends
    time.sleep(0.5)
    api.store.delete(SECRETS, ("shop", "ecr"), {})
    api.store.compact()
    api.ending.clear()

    controller.wait(lambda: password(api))


def test_a_secret_that_went_before_its_watch_began_is_restored(api: KubeApi, start: Start) -> None:
    """No event tells of one that was created after a list, and deleted before the next."""
    api.ending.set()
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    time.sleep(0.3)
    api.store.delete(SECRETS, ("shop", "ecr"), {})
    api.store.compact()
    api.ending.clear()

    controller.wait(lambda: password(api))


def test_a_watch_that_fails_lists_again(api: KubeApi, start: Start) -> None:
    """An API that was restored from a backup may refuse the place with another code than 410."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    before = len(api.seen("list", "secrets"))
    api.fail(400, verb="watch", times=10**9)
    api.ending.set()

    controller.wait(lambda: len(api.seen("list", "secrets")) > before)
    time.sleep(3)
    assert sum("a fault of the test" in line for line in controller.said) == 1


@pytest.mark.parametrize("is_gone", [True, False], ids=["410", "closed"])
def test_watches_that_end_at_once_are_no_flood(
    api: KubeApi, start: Start, *, is_gone: bool
) -> None:
    """Whether the API has lost its place again and again, or a proxy closes each of them."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    if is_gone:
        api.fail(410, verb="watch", times=10**9)
    api.ending.set()
    time.sleep(4)

    assert 2 <= len(api.seen("watch", "secrets")) <= 12
    assert len(api.seen("list", "secrets")) <= 12
    api.faults.clear()
    api.ending.clear()
    api.store.delete(SECRETS, ("shop", "ecr"), {})
    controller.wait(lambda: password(api))


def test_a_rotated_token_of_the_pod_is_read_again(
    api: KubeApi, start: Start, tmp_path: Path
) -> None:
    """With the least rights, in a pod; see the client's own tests for its files."""
    rule = Rule(["get", "patch", "list", "watch"], ["secrets"], "shop", ["ecr"])
    token = api.access.add_user("u", rule, Rule(["create"], ["secrets"], "shop"))
    api.kubeconfig(tmp_path / "kubeconfig", token)
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))

    assert {call.verb for call in api.seen(resource="secrets")} <= {
        *("get", "list", "watch", "create", "patch"),
    }
    assert not api.seen(resource="namespaces")


def test_without_the_right_to_watch_it_polls(api: KubeApi, start: Start, tmp_path: Path) -> None:
    """The denial is said once, and the Secret is fresh all the same."""
    rule = Rule(["get", "patch"], ["secrets"], "shop", ["ecr"])
    token = api.access.add_user("u", rule, Rule(["create"], ["secrets"], "shop"))
    api.kubeconfig(tmp_path / "kubeconfig", token)
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    controller.wait_for_line("cannot list resource")
    time.sleep(3)

    assert sum("cannot list resource" in line for line in controller.said) == 1
    assert len(api.seen("list", "secrets")) < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_during_a_call_to_aws(
    api: KubeApi, start: Start, machine: Machine, number: int
) -> None:
    """Within a second."""
    asked = threading.Event()

    def hang(_: Request) -> None:
        asked.set()
        time.sleep(30)

    machine.aws.faults["ecr"] = Fault(hang)
    controller = start("--namespace", "shop")
    controller.wait(asked.is_set)

    assert controller.end(number) < 1


def test_a_signal_ends_a_credential_process_too(
    api: KubeApi, start: Start, machine: Machine, tmp_path: Path
) -> None:
    """Its program hangs, and is not left behind."""
    mark = tmp_path / "pid"
    script = tmp_path / "slow.py"
    script.write_text(
        f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    machine.environ.pop("AWS_ACCESS_KEY_ID", None)
    machine.environ.pop("AWS_SECRET_ACCESS_KEY", None)
    machine.config(f"[default]\ncredential_process = {sys.executable} {script}\n")
    controller = start("--namespace", "shop")
    controller.wait(lambda: mark.exists() and mark.read_text())
    assert controller.end() < 1
    time.sleep(0.2)

    status = Path(f"/proc/{mark.read_text()}/status")
    assert not status.exists() or "Z (zombie)" in status.read_text()


def test_two_replicas_do_not_fight(api: KubeApi, start: Start, machine: Machine) -> None:
    """Each leaves the fresh token of the other."""
    one, two = start("--namespace", "shop"), start("--namespace", "shop")
    one.wait(lambda: one.ask("/readyz")[0] == 200)
    two.wait(lambda: two.ask("/readyz")[0] == 200)
    time.sleep(3)

    assert writes(api) <= 2
    assert password(api) in machine.aws.issued


def test_two_controllers_with_other_registries_do_not_fight(api: KubeApi, start: Start) -> None:
    """Each owns its registries, and leaves those of the other."""
    other = HOST.replace("us-east-1", "eu-west-1")
    one, two = start("--namespace", "shop"), start("--namespace", "shop", other)
    one.wait(lambda: one.ask("/readyz")[0] == 200)
    two.wait(lambda: two.ask("/readyz")[0] == 200)
    time.sleep(2)
    before = writes(api)
    edit(api, {"data": docker_secret({"auths": FOREIGN})["data"]})
    one.wait(lambda: writes(api) > before + 1)
    time.sleep(3)
    found = api.store.get("secrets", "shop", "ecr")

    assert found
    assert set(auths(found)) == {HOST, other, "docker.io"}
    assert before <= 2
    assert writes(api) <= before + 3


def test_a_fight_slows_down(api: KubeApi, start: Start) -> None:
    """Another program that undoes each write gets fewer and fewer of them, and is said once."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    end = time.monotonic() + 6
    while time.monotonic() < end:
        if password(api):
            edit(api, {"data": docker_secret({"auths": FOREIGN})["data"]})
        time.sleep(0.05)
    first = writes(api)
    controller.wait(lambda: password(api), 10)

    assert first <= 2 * 7
    assert sum("again and again" in line for line in controller.said) == 1


def test_events_are_about_the_secret(api: KubeApi, start: Start, machine: Machine) -> None:
    """Its creation, a failure with its cure, and that it works again; each is one Event."""
    machine.aws.token_life = 4
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    machine.aws.faults["ecr"] = refuse("ServiceUnavailable", status=503)
    controller.wait_for_line(f"shop/ecr: {HOST}: ")
    time.sleep(2)
    machine.aws.faults.clear()
    controller.wait_for_line("it works again")

    def events() -> list[dict[str, Any]]:
        found = api.store.every("events")
        return [each for each in found if each["metadata"]["namespace"] == "shop"]

    controller.wait(lambda: len(events()) == 3)
    assert [(one["type"], one["reason"]) for one in events()] == [
        ("Normal", "Created"),
        ("Warning", "TokenUnavailable"),
        ("Normal", "Recovered"),
    ]
    about = {"apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "ecr"}
    assert all(one["involvedObject"] == about for one in events())
    assert not any(token in str(events()) for token in machine.aws.issued)


def test_without_the_right_to_events_that_is_said_once(
    api: KubeApi, start: Start, tmp_path: Path
) -> None:
    """With the right that is missing, and the Secrets are written."""
    rule = Rule(["get", "patch", "list", "watch", "create"], ["secrets"])
    lists = Rule(["list", "watch"], ["namespaces"])
    api.kubeconfig(tmp_path / "kubeconfig", api.access.add_user("u", rule, lists))
    api.store.add_namespace("store")
    controller = start("--namespace", "s*")
    controller.wait(lambda: password(api) and password(api, "store"))
    controller.wait(lambda: controller.ask("/readyz")[0] == 200)

    said = [line for line in controller.said if "vents" in line]
    assert len(said) == 1
    assert 'cannot create resource "events"' in said[0]
    assert ": create events in the namespace s" in said[0]


def test_without_the_right_to_namespaces_that_is_said_once(
    api: KubeApi, start: Start, tmp_path: Path
) -> None:
    """Neither an end nor a flood, and it is not ready."""
    rule = Rule(["get", "patch", "list", "watch", "create"], ["secrets"])
    api.kubeconfig(tmp_path / "kubeconfig", api.access.add_user("u", rule))
    controller = start("--namespace", "s*")
    controller.wait_for_line(": list namespaces everywhere")
    time.sleep(3)

    assert sum("cannot list" in line for line in controller.said) == 1
    assert controller.ask("/readyz") == (503, "0 of 0 secrets were tried\n")
    assert len(api.seen("list", "namespaces")) < 6


def test_a_signal_ends_it_during_a_call_to_the_api(api: KubeApi, start: Start) -> None:
    """Of a round, and of its watches."""
    api.latency = lambda call: 30 if call.resource == "secrets" else 0
    controller = start("--namespace", "shop")
    controller.wait(lambda: len(api.seen(resource="secrets")) >= 2)

    assert controller.end() < 1


@pytest.mark.parametrize("how", [("--namespace", "team-*"), ("--resources",)], ids=str)
def test_it_is_not_ready_before_it_knows_what_is_wanted(
    open_api: Callable[..., KubeApi], machine: Machine, tmp_path: Path, how: tuple[str, ...]
) -> None:
    """While namespaces and resources are read, nothing is wanted yet: that is not ready."""
    machine.login()
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", status=400)
    with open_api(custom=True) as api:
        spec = {"registries": [HOST], "secretName": "ecr"}
        for number in range(20):
            api.store.add_namespace(f"team-{number}")
            found = {"metadata": {"name": "ecr"}, "spec": spec}
            api.store.create(CUSTOM[0], f"team-{number}", found)
        with Controller(api, machine, tmp_path, *how) as controller:
            answers = []

            def ask() -> bool:
                answers.append(controller.ask("/readyz"))
                return "0 of 20 secrets have" in answers[-1][1]

            controller.wait(ask)
    assert {code for code, _ in answers} == {503}, answers


def test_readiness_says_how_many_have_valid_logins(
    api: KubeApi, start: Start, machine: Machine
) -> None:
    """It does not flap with a new namespace, nor when AWS is down and the logins are valid."""
    controller = start("--namespace", "team-*")
    controller.wait(
        lambda: controller.ask("/readyz") == (200, "0 of 0 secrets have valid logins\n")
    )
    machine.aws.faults["ecr"] = refuse("ServiceUnavailable", status=503)
    api.store.add_namespace("team-a")
    controller.wait_for_line("team-a/ecr: ")
    assert controller.ask("/readyz") == (503, "0 of 1 secrets have valid logins\n")
    machine.aws.faults.clear()
    controller.wait(lambda: controller.ask("/readyz")[0] == 200)
    machine.aws.faults["ecr"] = refuse("ServiceUnavailable", status=503)
    api.latency = lambda call: 1 if call.namespace == "team-b" else 0
    api.store.add_namespace("team-b")
    controller.wait(lambda: "1 of 2" in controller.ask("/readyz")[1], 5)

    assert controller.ask("/readyz") == (200, "1 of 2 secrets have valid logins\n")


def test_a_token_is_on_disk_only_where_that_is_asked_for(
    api: KubeApi, start: Start, machine: Machine
) -> None:
    """With --cache, as for get."""
    controller = start("--namespace", "shop")
    controller.wait(lambda: password(api))
    assert not machine.cache.exists()
    controller.end()
    api.store.delete(SECRETS, ("shop", "ecr"), {})
    controller = start("--namespace", "shop", "--cache")
    controller.wait(lambda: password(api))

    assert machine.get().secret == password(api)


def test_a_pod_has_no_home(api: KubeApi, start: Start, machine: Machine) -> None:
    """Its user has none, and its file system is read-only."""
    for name in ("HOME", "USERPROFILE"):
        machine.environ.pop(name, None)
    controller = start("--namespace", "shop")

    controller.wait(lambda: password(api))
    assert not [line for line in controller.said if "home" in line.lower()]


def test_no_secret_is_shown(api: KubeApi, start: Start) -> None:
    """Neither in the log nor in the metrics; and the memory stays below 100 MB."""
    controller = start("--namespace", "shop", "-v")
    token = controller.wait(lambda: password(api))
    controller.wait(lambda: controller.ask("/readyz")[0] == 200)
    status, metrics = controller.ask("/metrics")
    shown = metrics + "\n".join(controller.said)

    assert status == 200
    assert f'registry="{HOST}"' in metrics
    assert "ecrpy_pull_secret_wanted 1.0" in metrics
    assert token not in shown
    assert "canary-bearer" not in shown
    if sys.platform == "linux":
        assert controller.rss() < 100
