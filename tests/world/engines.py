"""The real programs of the end-to-end tests: where they are, and how they start."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

# program -> its Debian package
PACKAGES = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "podman": "podman",
    "buildah": "buildah",
    "skopeo": "skopeo",
    "docker-credential-pass": "golang-docker-credential-helpers",
    "pass": "pass",
    "gpg": "gnupg",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(program: str) -> str:
    """Return a program's path; without it, skip the test, or fail in CI."""
    found = shutil.which(program, path=PATH)
    if found is None:
        missing(f"{program} is not installed: apt-get install {PACKAGES[program]}")
    return str(found)


def missing(reason: str) -> None:
    """Skip the test, or fail in CI, because the machine lacks something."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def need_own_mounts(target: str) -> None:
    """Skip, or fail in CI, without the right to mount; fail in the machine's namespace.

    `make` tells `target` which mount namespace it came from.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        missing("mounts need Linux and root")
    if os.environ.get("OUTER_NAMESPACE", here := os.readlink("/proc/self/ns/mnt")) == here:
        pytest.fail(f"needs its own mount namespace: run it with 'make {target}'")


def docker_clients() -> dict[str, str]:
    """Return every docker client on PATH, by version."""
    clients: dict[str, str] = {}
    for directory in PATH.split(":"):
        program = os.path.join(directory, "docker")
        if os.access(program, os.X_OK):
            text = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
            clients.setdefault(text.decode().split()[2].rstrip(",").partition("+")[0], program)
    return clients


def has_buildkit(docker: str) -> bool:
    """Return whether a client builds with BuildKit: 20.10 has it, later ones need buildx."""
    version = subprocess.run([docker, "--version"], capture_output=True, check=True).stdout.decode()
    buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False)
    return int(version.split()[2].split(".")[0]) < 23 or buildx.returncode == 0


def until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until `ready` returns true."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} is not ready after {seconds} s"
        time.sleep(0.05)


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Run a function during the block; its exception is raised at the block's end."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(act)
        yield
        done.result()


@contextmanager
def daemon(
    command: list[str], environ: Mapping[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program in the background, with its output in a file."""
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def registry(root: Path) -> Iterator[tuple[str, int]]:
    """Run Debian's docker-registry on loopback, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = root / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: warn}\n"
        f"storage: {{filesystem: {{rootdirectory: {root / 'images'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    command = [find("docker-registry"), "serve", str(config)]

    def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    with daemon(command, {"PATH": PATH}, root / "registry.log"):
        until(listens, "docker-registry")
        yield "127.0.0.1", port


@contextmanager
def dockerd(root: Path) -> Iterator[str]:
    """Run Docker's engine without its own network, and yield its socket's URL."""
    url = f"unix://{root}/docker.sock"
    command = [
        find("dockerd"),
        "--iptables=false",
        "--ip6tables=false",
        "--bridge=none",
        f"--data-root={root}/engine",
        f"--exec-root={root}/run",
        f"--pidfile={root}/docker.pid",
        f"--host={url}",
    ]
    docker = find("docker")

    def answers() -> bool:
        ask = [docker, "--host", url, "version"]
        return subprocess.run(ask, capture_output=True, check=False).returncode == 0

    with daemon(command, {"PATH": PATH, "HOME": str(root)}, root / "dockerd.log") as child:
        until(lambda: child.poll() is not None or answers(), "dockerd")
        if child.poll() is not None:
            missing(f"dockerd does not start: {(root / 'dockerd.log').read_text()[-500:]}")
        yield url


def mount(directory: Path, *options: str) -> None:
    """Mount an empty file system in memory until the tests end."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(directory)]
    subprocess.run(command, check=True)
