"""The static program in containers of the real engine: of an image with nothing else, and beside a
client in one without glibc.
"""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.engine_host import ECR, EngineHost
from tests.world.products import DROP_IN, ONE_FILE, STATIC

pytestmark = pytest.mark.binary
ONLY_IT, SMALL = "only-the-program", "busybox-and-musl"  # images
BUSYBOX = Path("/bin/busybox")
MUSL = Path(f"/lib/ld-musl-{os.uname().machine}.so.1")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CLIENT = "/client"
SMALL_FILES = {"bin/busybox": BUSYBOX, f"lib/{MUSL.name}": MUSL}
SHELL = {"bin/sh": "busybox"}


def _pack(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    """Return a root file system as tar. files: a path in it -> a file of this machine."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, path in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o755
            with path.open("rb") as file:
                archive.addfile(entry, file)
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return data.getvalue()


def _load(
    engine_host: EngineHost, name: str, files: Mapping[str, Path], links: Mapping[str, str]
) -> None:
    """Make an image of files and symlinks."""
    command = (engines.find("docker"), "import", "-", name)
    engine_host.run(*command, stdin=_pack(files, links)).ok()


def _run(*options: str, environ: dict[str, str]) -> list[str]:
    """Return a command that runs a container in this machine's network, which reaches AWS."""
    command = [engines.find("docker"), "run", "--rm", "--interactive", "--network", "host"]
    for name, value in environ.items():
        command += ["--env", f"{name}={value}"]
    return [*command, "--volume", f"{BUNDLE}:/etc/ssl/cert.pem:ro", *options]


@pytest.fixture(name="images")
def _images(engine_host: EngineHost) -> Iterator[EngineHost]:
    """An engine with an image of the program alone."""
    assert STATIC.is_file(), "not built: make binary, on Debian"
    _load(engine_host, ONLY_IT, {DROP_IN: ONE_FILE}, {})
    yield engine_host
    engine_host.forget_image(ONLY_IT, SMALL)


@pytest.fixture(name="small")
def _small(images: EngineHost) -> EngineHost:
    """An engine with an image of busybox and musl, too."""
    for path, package in ((BUSYBOX, "busybox-static"), (MUSL, "musl")):
        if not path.exists():
            engines.missing(f"{path} is missing: apt-get install {package}")
    _load(images, SMALL, SMALL_FILES, SHELL)
    return images


def test_an_image_from_scratch(images: EngineHost) -> None:
    """A read-only container without anything else answers, and its user may be anyone."""
    environ = dict(images.aws.user().environ)
    locked = ("--read-only", "--user", "12345", "--cap-drop", "ALL")
    for options in ((), locked):
        container = _run(*options, ONLY_IT, f"/{DROP_IN}", environ=environ)
        said = images.run(*container, "version").ok().stdout
        done = images.run(*container, "get", stdin=ECR.encode()).ok()

        assert said.startswith(DROP_IN)
        assert json.loads(done.stdout)["Secret"] in images.aws.issued
        assert done.stderr == ""


def test_a_file_that_is_copied_into_another_image(small: EngineHost) -> None:
    """`COPY --from` is an installation, and a build can run the program at once."""
    context = small.root / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM {ONLY_IT} AS helper\nFROM {SMALL}\n"
        f"COPY --from=helper /{DROP_IN} /usr/local/bin/\n"
        f"RUN echo {ECR} > /host && {DROP_IN} list > /listed && {DROP_IN} version\n"
    )
    docker = engines.find("docker")
    built = ("build", "--network", "host", "--tag", "installed", str(context))
    said = small.run(docker, *built, DOCKER_BUILDKIT="0").ok().stdout

    assert re.search(rf"^{DROP_IN} \(", said, re.MULTILINE)
    small.forget_image("installed")


def _with_libraries(program: Path) -> tuple[dict[str, Path], list[str]]:
    """Return a program's files, for the directory CLIENT, and the command that runs it there."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, check=True, text=True)
    found = {Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)}
    (loader,) = (path for path in found if path.name.startswith("ld-"))
    files = {f"{CLIENT}/{path.name}"[1:]: path for path in (program, *found)}
    return files, [f"{CLIENT}/{loader.name}", "--library-path", CLIENT, f"{CLIENT}/{program.name}"]


def test_a_client_in_a_container_without_glibc(small: EngineHost, app: str) -> None:
    """skopeo starts the program as Docker's config.json says, and pulls."""
    files, skopeo = _with_libraries(Path(engines.find("skopeo")))
    _load(small, SMALL, SMALL_FILES | files, SHELL)
    small.use_helper()
    shutil.copy(ONE_FILE, small.home / DROP_IN)
    environ = {**small.aws.user().environ, "HOME": "/home", "PATH": "/home:/bin"}
    mounts = ("--volume", f"{small.home}:/home", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp")
    copy = ("copy", "--insecure-policy", f"docker://{ECR}/{app}", "dir:/home/copied")
    for _ in range(2):
        small.run(*_run(*mounts, SMALL, *skopeo, *copy, environ=environ)).ok()

    assert (small.home / "copied" / "manifest.json").is_file()
    assert small.aws.count() == {"ecr": 1}
