"""Facts about access keys in a file, as the manifests mount them from a Secret."""

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from pathlib import Path

from docker_credential_ecrpy.kubernetes.manifests import workload
from docker_credential_ecrpy.kubernetes.manifests.options import Options
from tests.world.hosts import HOST
from tests.world.kube.controller import Controller
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import auths
from tests.world.web import Authority

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
MERGE = "application/merge-patch+json"


def test_new_keys_are_used_without_a_restart(
    authority: Authority, machine: Machine, tmp_path: Path
) -> None:
    """By the variables that the manifests set; the next refresh has the new identity."""
    options = Options("i", name="ecr", registries=[HOST], credentials="keys")
    pod = workload.make_deployment(options)["spec"]["template"]["spec"]
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    (mount,) = pod["containers"][0]["volumeMounts"]
    name = "AWS_SHARED_CREDENTIALS_FILE"
    assert variables[name] == f"{mount['mountPath']}/{workload.CREDENTIALS}"
    file = tmp_path / workload.CREDENTIALS
    machine.environ |= variables | {name: str(file)}

    def write(user: str) -> None:
        lines = (
            f"{key.lower()} = {value}" for key, value in machine.aws.user(user).environ.items()
        )
        fresh = file.with_suffix(".new")
        fresh.write_text("\n".join(["[default]", *lines, ""]))
        fresh.replace(file)

    with KubeApi(authority) as api:
        api.store.add_namespace("shop")

        def user() -> str:
            found = api.store.get("secrets", "shop", "ecr")
            login = auths(found).get(HOST) if found else None
            return machine.aws.issued[login["password"]].arn if login else ""

        write("first")
        with Controller(api, machine, tmp_path, "--namespace", "shop") as controller:
            controller.wait(lambda: user().endswith("user/first"))
            write("second")
            data = {"data": {".dockerconfigjson": "eyJhdXRocyI6e319"}}
            api.store.patch(Resource("secrets", "Secret"), ("shop", "ecr"), data, MERGE)
            controller.wait(lambda: user().endswith("user/second"))
