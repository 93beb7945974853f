"""The container image of the Containerfile: built, run and copied from by the real engines."""

import json
import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from docker_credential_ecrpy import HOMEPAGE, __version__
from tests.world import engines, installations
from tests.world.documents import find_page
from tests.world.engine_host import ECR, Done, EngineHost
from tests.world.products import DROP_IN, IMAGE, NAME
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.binary
TAG = "docker-credential-ecrpy:test"
DIRECTORY = "/usr/local/bin"
CONTAINERFILE = REPOSITORY / "Containerfile"
SAID = f"{DROP_IN} ({NAME}) {__version__}\n"
EKS = REPOSITORY / "deploy" / "kubernetes" / "kubelet" / "eks"
BUSYBOX = Path("/bin/busybox")


@pytest.fixture(name="image")
def _image(engine_host: EngineHost) -> Iterator[str]:
    """The image, built by the line that `make image` runs."""
    line = engine_host.run(
        "make", "--dry-run", "--directory", str(REPOSITORY), "image", f"TAG={TAG}"
    )
    assert installations.command("container image") == "make image"
    built = line.ok().stdout.splitlines()
    command = next(each for each in built if each.startswith("docker build ")).split()
    assert command == ["docker", "build", "--file", CONTAINERFILE.name, "--tag", TAG, "dist/image"]
    command[command.index(CONTAINERFILE.name)] = str(CONTAINERFILE)
    engine_host.run(engines.find("docker"), *command[1:-1], str(IMAGE), DOCKER_BUILDKIT="0").ok()
    yield TAG
    engine_host.forget_image(TAG)


def test_it_answers(engine_host: EngineHost, image: str) -> None:
    """Read-only, without capabilities and as any user; a `get` needs no other certificates."""
    docker = engines.find("docker")
    run = (docker, "run", "--rm", "--interactive", "--read-only", "--cap-drop=ALL", "--user=12345")
    for program in (DROP_IN, NAME):
        named = engine_host.run(*run, "--network=none", f"--entrypoint={program}", image, "version")
        assert named.ok().stdout == SAID.replace(DROP_IN, program, 1)
    assert engine_host.run(*run, "--network=none", image, "version").ok().stdout == SAID

    keys = [f"--env={name}={value}" for name, value in engine_host.aws.user().environ.items()]
    bundle = "/etc/ssl/certs/ca-certificates.crt"  # here the loopback world's, over the image's
    mount = f"--volume={bundle}:{bundle}:ro"
    get = engine_host.run(
        *run, "--network=host", *keys, mount, image, "get", stdin=ECR.encode()
    ).ok()
    assert json.loads(get.stdout)["Secret"] in engine_host.aws.issued


def test_it_installs_the_kubelets_plugin(engine_host: EngineHost, image: str) -> None:
    """With the arguments of the DaemonSet, in its directory of the node."""
    (pod,) = (
        each["spec"]["template"]["spec"]
        for each in yaml.safe_load_all((EKS / "daemonset.yaml").read_text())
        if each["kind"] == "DaemonSet"
    )
    (container,) = pod["initContainers"]
    (mount,) = (each["mountPath"] for each in container["volumeMounts"])
    node = engine_host.root / "node"
    node.mkdir()
    provider = {
        "name": "ecr-credential-provider",
        "matchImages": ["*.dkr.ecr.*.amazonaws.com"],
        "defaultCacheDuration": "12h",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    }
    kind = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig"}
    (node / "config.json").write_text(json.dumps({**kind, "providers": [provider]}))
    run = ("run", "--rm", "--read-only", "--network=none", f"--volume={node}:{mount}", image)
    engine_host.run(engines.find("docker"), *run, *container["args"]).ok()

    said = engine_host.run(str(node / "ecr-credential-provider"), "version").ok().stdout
    assert said == SAID.replace(DROP_IN, "ecr-credential-provider", 1)


def test_what_is_in_it(engine_host: EngineHost, image: str) -> None:
    """Both programs, certificates and licences; the labels are the project's."""
    docker = engines.find("docker")
    container = engine_host.run(docker, "create", image).ok().stdout.strip()
    engine_host.run(docker, "export", "--output", "image.tar", container).ok()
    engine_host.run(docker, "rm", container).ok()
    listed = engine_host.run("tar", "--list", "--file", "image.tar").ok().stdout.splitlines()
    files = {name for name in listed if not name.endswith("/")}
    ours = {str(path.relative_to(IMAGE)) for path in IMAGE.rglob("*") if not path.is_dir()}
    made_by_docker = {".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/mtab"}

    assert files - {*made_by_docker, "etc/resolv.conf"} == ours
    assert os.readlink(IMAGE / DIRECTORY[1:] / NAME) == DROP_IN
    bundle = (IMAGE / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") > 100
    labels = engine_host.run(docker, "inspect", "--format={{json .Config.Labels}}", image).ok()
    assert json.loads(labels.stdout)["org.opencontainers.image.source"] == HOMEPAGE


def test_other_images_copy_from_it(engine_host: EngineHost, image: str) -> None:
    """As the pages say, one program or all of the directory, and a build runs them at once."""
    if not BUSYBOX.exists():
        engines.missing(f"{BUSYBOX} is missing: apt-get install busybox-static")
    context = engine_host.root / "context"
    (context / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, context / "bin" / "sh")
    (context / "config.json").write_text("{}")
    page = find_page("install").text
    (copy,) = re.findall(r"(?m)^COPY --from=\S+ .*$", page)
    texts = {"one": f"FROM client\n{copy}\n"}
    # To another directory: the classic builder takes equal content for the same file.
    texts["alias"] = f"FROM client\nCOPY --from=x {DIRECTORY}/{NAME} /bin/\n"
    for name in ("gitlab", "kaniko"):
        (texts[name],) = (block.text for block in find_page(f"recipes/{name}").blocks("dockerfile"))
    expected = {"one": [DROP_IN], "alias": [NAME], "gitlab": [DROP_IN, NAME], "kaniko": [DROP_IN]}
    # The PATH of kaniko's image, and the shell's.
    stages = f"FROM {image} AS helper\nFROM scratch AS client\nCOPY bin/ /bin/\n"
    stages += "ENV PATH=/usr/local/bin:/kaniko:/bin\n"
    for name, text in texts.items():
        stage = re.sub(r"^FROM \S+", f"FROM client AS {name}", text)
        stages += re.sub("--from=[^ ]+", "--from=helper", stage)
        stages += "".join(f"RUN {program} version\n" for program in expected[name])
    (context / "Dockerfile").write_text(stages)
    for target, programs in expected.items():
        build = ("build", "--network=none", f"--target={target}", str(context))
        said = engine_host.run(engines.find("docker"), *build, DOCKER_BUILDKIT="0").ok().stdout
        assert re.findall(rf"(?m)^(\S+) \({NAME}\) {__version__}$", said) == programs


def test_each_builder_builds_it(
    engine_host: EngineHost, build: Callable[[EngineHost, str], Done]
) -> None:
    """Classic and BuildKit, of each client; a later stage copies the program, not a link."""
    context = engine_host.root / "context"
    shutil.copytree(IMAGE, context, symlinks=True)
    text = CONTAINERFILE.read_text().replace("FROM scratch", "FROM scratch AS helper")
    stage = f"FROM scratch\nLABEL stage=last\nCOPY --from=helper {DIRECTORY}/{NAME} /bin/\n"
    stage += f'ENTRYPOINT ["/bin/{NAME}", "version"]\n'
    (context / "Dockerfile").write_text(text + stage)
    build(engine_host, str(context)).ok()
    docker = engines.find("docker")
    built = engine_host.run(docker, "images", "--quiet", "--filter=label=stage=last").ok().stdout

    said = engine_host.run(docker, "run", "--rm", "--network=none", built.strip()).ok().stdout
    assert said == SAID.replace(DROP_IN, NAME, 1)


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_podman_builds_and_runs_it(engine_host: EngineHost, user: str) -> None:
    """As root, and rootless: as a user without a range of further users."""
    podman = engines.find("podman")
    home = Path(engine_host.short) / "home"
    shutil.copytree(IMAGE, home / "image", symlinks=True)
    shutil.copy(CONTAINERFILE, home)
    Path(engine_host.short).chmod(0o755)
    shutil.chown(home, user)
    storage = (f"--root={home}/s", f"--runroot={home}/r", "--storage-driver=vfs")
    own = (f"HOME={home}", f"XDG_RUNTIME_DIR={home}")  # runuser sets the real home
    become = ("runuser", "--user", user, "--", "env", f"--chdir={home}", *own)
    limits = []  # podman would raise them, which not every machine lets it
    for name, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        soft = min(1024, *(each for each in resource.getrlimit(limit) if each > 0))
        limits.append(f"--ulimit={name}={soft}:{soft}")

    build = (podman, *storage, "build", "--isolation=chroot", f"--file={home}/{CONTAINERFILE.name}")
    engine_host.run(*become, *build, "--tag=helper", f"{home}/image").ok()
    run = (podman, *storage, "run", "--rm", "--network=none", *limits, "localhost/helper")
    assert engine_host.run(*become, *run, "version").ok().stdout == SAID
    engine_host.run(*become, podman, "unshare", "rm", "-r", f"{home}/s")
