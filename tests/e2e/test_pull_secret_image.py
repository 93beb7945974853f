"""The image of the controller: built without a network, and run by the real engine."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.kubernetes.manifests.rights import list_rules
from docker_credential_ecrpy.kubernetes.manifests.workload import USER
from tests.world import engines, python_image
from tests.world.engine_host import ECR, EngineHost, Universe
from tests.world.kube.access import Rule
from tests.world.kube.server import KubeApi
from tests.world.pull_secrets import auths
from tests.world.tree import REPOSITORY
from tests.world.web import Authority
from tools.manifests import BASES

CONTEXT = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / "image"
WHEELS = REPOSITORY / "build" / "image-wheels"
BASE, IMAGE = "python-of-the-tests", "controller-of-the-tests"
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
LISTEN = "127.83.0.9:8080"
FEW_RIGHTS = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=192m")


def docker(engine_host: EngineHost, *arguments: str, stdin: bytes = b"") -> str:
    return engine_host.run(engines.find("docker"), *arguments, stdin=stdin).ok().stdout


@pytest.fixture(name="image")
def _image(engine_host: EngineHost, wheel: Path, tmp_path: Path) -> Iterator[EngineHost]:
    """An engine with the image, from the wheel and the locked wheels of its dependencies."""
    base, context = BytesIO(), tmp_path / "context"
    python_image.write(base)
    docker(engine_host, "import", "-", BASE, stdin=base.getvalue())
    shutil.copytree(CONTEXT, context)
    shutil.copy(wheel, context)
    if not (WHEELS / ".ready").exists():
        engines.missing(f"{WHEELS} is missing: make e2e downloads it")
    for file in WHEELS.glob("*.whl"):
        shutil.copy(file, context)
    command = ("build", "--network=none", f"--tag={IMAGE}", f"--file={context}/Containerfile")
    args = (f"--build-arg=BASE={BASE}", "--build-arg=PIP_NO_INDEX=1")
    docker(engine_host, *command, *args, str(context))
    yield engine_host
    engine_host.forget_image(IMAGE, BASE)


def test_the_controller_in_its_image(image: EngineHost, universe: Universe, tmp_path: Path) -> None:
    """As any user, it writes the Secret, and its probes answer; there is no shell, and no pip."""
    docker_run = ("run", "--rm", "--pull=never", "--network=none", *FEW_RIGHTS)
    assert __version__ in docker(image, *docker_run, IMAGE, "--version")
    shown = json.loads(docker(image, "image", "inspect", IMAGE))[0]
    assert shown["Config"]["User"] == f"{USER}:{USER}"
    assert shown["Size"] < 120e6  # the interpreter of the tests may have debug symbols

    docker(image, "create", "--name=look", IMAGE)
    listed = subprocess.run(
        ["sh", "-c", "docker export look | tar --list"],
        env=image.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    bill = tmp_path / "bill.json"
    docker(image, "cp", "look:/usr/share/sbom/docker-credential-ecrpy.cdx.json", str(bill))
    docker(image, "rm", "look")
    assert not [path for path in listed if re.search(r"(^|/)(pip|sh|bash|apt|dpkg)(/|$)", path)]
    found = {path.split("/")[-2] for path in listed if path.endswith(".dist-info/METADATA")}
    check_bill(json.loads(bill.read_text()), found)

    run_the_controller(image, universe, tmp_path)


def check_bill(bill: dict[str, object], found: set[str]) -> None:
    """It is valid, and has each package that is installed, and no other."""
    text = json.dumps(bill)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = set(re.findall(r"pkg:pypi/([\w.-]+@[\w.]+)", text))
    installed = {name.removesuffix(".dist-info").replace("_", "-") for name in found}
    assert {name.replace("@", "-").lower() for name in names} == {
        each.lower() for each in installed
    }
    assert "pkg:generic/python@" in text


def run_the_controller(image: EngineHost, universe: Universe, root: Path) -> None:
    options = BASES["namespaced"]
    credentials = root / "credentials"
    environ = universe.aws.user().environ
    lines = (f"{name.lower()} = {value}" for name, value in environ.items())
    credentials.write_text("\n".join(["[default]", *lines, ""]))
    rules = [
        Rule(one["verbs"], one["resources"], "shop", one.get("resourceNames") or ())
        for one in list_rules(options)
    ]
    with KubeApi(Authority()) as api:
        api.store.add_namespace("shop")
        folder = api.service_account(root / "pod", "ecr-pull-secrets", *rules, namespace="shop")
        values = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(api.port),
            "AWS_SHARED_CREDENTIALS_FILE": "/etc/ecr-pull-secrets/aws/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": "/bundle.pem",
        }
        words = [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
        mounts = {credentials: values["AWS_SHARED_CREDENTIALS_FILE"], folder: PLACE}
        mounts[universe.root / "bundle.pem"] = values["AWS_CA_BUNDLE"]
        for path, place in mounts.items():
            words += ["--volume", f"{path}:{place}:ro"]
        name = "controller"
        where = ("--network=host", f"--name={name}", "--user=12345:54321")
        command = ("run", "--detach", "--pull=never", *where, *FEW_RIGHTS, *words, IMAGE)
        docker(image, *command, *options.arguments, f"--listen={LISTEN}")
        try:
            wait(api, lambda: image.run(engines.find("docker"), "logs", name).text)
            with urllib.request.urlopen(f"http://{LISTEN}/readyz", timeout=5) as answer:
                assert answer.status == 200
            process = docker(image, "inspect", "--format={{.State.Pid}}", name).strip()
            status = Path(f"/proc/{process}/status").read_text()
            assert re.findall(r"^Uid:\s+(\d+)", status, re.MULTILINE) == ["12345"]
            (rss,) = re.findall(r"VmRSS:\s+(\d+)", status)
            assert int(rss) < 100 * 1024, rss
            began = time.monotonic()
            docker(image, "stop", "--time=5", name)
            assert time.monotonic() - began < 4
            assert docker(image, "inspect", "--format={{.State.ExitCode}}", name).strip() == "0"
        finally:
            docker(image, "rm", "--force", name)


def wait(api: KubeApi, explain: Callable[[], str]) -> None:
    """Wait for the Secret with a login."""
    end = time.monotonic() + 60
    while True:
        secret = api.store.get("secrets", "shop", "ecr")
        if secret and auths(secret)[ECR]["password"]:
            return
        assert time.monotonic() < end, explain()
        time.sleep(0.1)
