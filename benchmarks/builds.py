"""The classic `docker build`, which asks the helper for every known registry.

It runs as a process with its own mount namespace and engine, where ECR's real host names lead to a
loopback AWS and registry on port 443. `rows` starts it.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks import identities, programs, results, timing
from benchmarks.identities import ROLE, STATIC
from benchmarks.namespace import BUNDLE
from benchmarks.programs import GO, OURS, WITHOUT, Program
from benchmarks.results import Cell, Row
from benchmarks.scenarios import BUILD
from benchmarks.timing import Sample
from benchmarks.turns import take_turns
from benchmarks.world import BenchAws
from tests.world.machine import Machine, make_machine
from tests.world.registry import RegistryFront
from tests.world.web import Authority, Request, Response, WebServer

LATENCY = 80
"""The latency of each AWS call in milliseconds."""
PLAN = ((STATIC, 1), (STATIC, 10), (STATIC, 50), (ROLE, 10))
"""The build's identity, and the number of known registries: one per account, in one region."""
_ADDRESS = "127.83.0.2"  # a loopback address of its own
_ELSEWHERE = "registry.example.com"  # an open registry, not ECR
_HOSTS = [f"{300_000_000_000 + n}.dkr.ecr.us-east-1.amazonaws.com" for n in range(50)]
_APIS = ("api.ecr.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com")
_APP = "team/app:1"
_FOUND = "found.json"
_HELPER = "timed"  # a name that no other program on PATH has


def rows(folder: Path, runs: int, most: int) -> tuple[list[Row], str]:
    """Build this many times with each program; return the rows, and why there are none or "".

    most: registries. folder: the directory for all files. Ends the benchmark if a build with one of
    ours fails, and in CI if builds are impossible.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return [], "needs Linux and root"
    # The engine ends with the namespace's first process, and that one with this process.
    own = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"]
    inner = [sys.executable, "-m", "benchmarks.builds", str(folder), str(runs), str(most)]
    environ = {**os.environ, "OUTER_NAMESPACE": os.readlink("/proc/self/ns/mnt")}
    if subprocess.run([*own, "--kill-child", *inner], env=environ, check=False).returncode:
        sys.exit(f"bench: {BUILD}: failed, see above")
    read = json.loads((folder / _FOUND).read_text())
    return results.load(read["rows"]), read["missing"]


def title(what: str, known: int, identity: str) -> str:
    """Return a row's name: "first" or "next", how many registries, and the identity."""
    registries = "1 registry" if known == 1 else f"{known} registries"
    return f"{what} build, {registries}, {identity}, {LATENCY} ms"


class Universe:
    """The engine, and the loopback AWS and registry behind the real host names."""

    def __init__(self, root: Path, backend: tuple[str, int], docker_host: str) -> None:
        self.root = root
        self.docker = ""
        self.docker_host = docker_host
        self.aws = BenchAws(latency=LATENCY / 1000)
        self._front = RegistryFront(self.aws, backend)
        self._front.layers_elsewhere = False

    def handle(self, request: Request) -> Response:
        """Answer as the host that the request names."""
        if request.host == _ELSEWHERE:
            return self._front._pass_on(request)  # noqa: SLF001 - as the end-to-end tests do
        if request.host in _HOSTS:
            return self._front.handle(request)
        return self.aws.handle(request)

    def push_app(self) -> None:
        """Push an image that every registry has."""
        data = BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("hello"))
        name = f"{_ELSEWHERE}/{_APP}"
        for step in (["import", "-", name], ["push", name]):
            command = [self.docker, "--host", self.docker_host, *step]
            subprocess.run(command, input=data.getvalue(), capture_output=True, check=True)


class Build:
    """A build whose Docker knows this many registries, all served by this program."""

    def __init__(self, universe: Universe, machine: Machine, program: Program, known: int) -> None:
        self.cold = True
        self._aws = universe.aws
        self._stage = machine
        hosts = _HOSTS[:known] if program.command else []
        helpers = {"credHelpers": dict.fromkeys(hosts, _HELPER)} if hosts else {}
        machine.file("home/.docker/config.json", json.dumps(helpers))
        image = f"{hosts[0] if hosts else _ELSEWHERE}/{_APP}"
        dockerfile = machine.file("context/Dockerfile", f"FROM {image}\nLABEL a=b\n")
        self._line = [universe.docker, "build", "--no-cache", "--pull", str(dockerfile.parent)]
        self._stdin = machine.file("nothing", "")
        if program.command:
            (machine.root / f"docker-credential-{_HELPER}").symlink_to(program.command[0])
        for name in ("AWS_CA_BUNDLE", "HTTPS_PROXY", "NO_PROXY", "PYTHONPATH"):
            del machine.environ[name]
        machine.environ |= {
            "PATH": f"{machine.root}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "DOCKER_HOST": universe.docker_host,
            "DOCKER_BUILDKIT": "0",
            "AWS_REGION": "us-east-1",
        }

    def once(self) -> tuple[Sample, str]:
        """Build once; return the duration, and the error or ""."""
        if self.cold:
            shutil.rmtree(self._stage.cache, ignore_errors=True)
            shutil.rmtree(self._stage.home / ".aws" / "cli", ignore_errors=True)
        before = self._aws.count()
        environ = self._stage.environ
        sample, (ended,) = timing.run(self._line, environ, self._stdin, self._stage.root)
        calls = dict(self._aws.count() - before)
        problem = ended.stderr.decode(errors="replace").strip()[-200:] if ended.code else ""
        return Sample(sample.wall, sample.cpu, calls), problem


def _play(
    universe: Universe, server: WebServer, authority: Authority, runs: int, most: int
) -> Iterator[Row]:
    found = programs.everything()
    here = [found[name] for name in (*OURS, GO) if not found[name].missing]
    builders = [*here, Program(WITHOUT, ())]
    plan = [(identity, known) for identity, known in PLAN if known <= most]
    for number, (identity, known) in enumerate(plan):
        builds = {}
        for program in builders:
            root = universe.root / f"{number}-{program.name}"
            root.mkdir()
            machine = make_machine(universe.aws, server, authority, root)
            identities.set_up(machine, identity, 0)
            builds[program.name] = Build(universe, machine, program, known)
        for what in ("first", "next"):
            row = Row(BUILD, title(what, known, identity), runs)
            row.cells = {n: Cell(note=found[n].missing) for n in (*OURS, GO)}
            for build in builds.values():
                build.cold = what == "first"
            # The "next" builds use the cache of the last "first" build.
            take_turns(row, builds, warm_up=False)
            yield row


@contextmanager
def _universe(root: Path) -> Iterator[tuple[Universe, WebServer, Authority]]:
    from tests.world import engines  # noqa: PLC0415 - only this needs pytest

    engines.need_own_mounts("bench")
    authority = Authority(root="Amazon Root CA 1")
    names = "".join(f"{_ADDRESS} {name}\n" for name in (*_HOSTS, *_APIS, _ELSEWHERE))
    (root / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    (root / "bundle.pem").write_bytes(BUNDLE.read_bytes() + authority.pem())
    for source, target in (("hosts", "/etc/hosts"), ("bundle.pem", str(BUNDLE))):
        subprocess.run(["mount", "--bind", str(root / source), target], check=True)
    with engines.registry(root) as backend, engines.dockerd(root) as docker_host:
        universe = Universe(root, backend, docker_host)
        universe.docker = engines.find("docker")
        handle, port = universe.handle, 443
        with WebServer(
            handle, address=_ADDRESS, port=port, authority=authority, tls=True
        ) as server:
            universe.push_app()
            yield universe, server, authority


def main() -> None:
    """Write the rows of this many runs into a folder, or why there are none."""
    import pytest  # noqa: PLC0415 - only this needs pytest

    root, runs, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    done: dict[str, Any] = {"rows": [], "missing": ""}
    try:
        with _universe(root) as (universe, server, authority):
            done["rows"] = results.dump([*_play(universe, server, authority, runs, most)])
    except pytest.skip.Exception as exc:
        done["missing"] = str(exc)
    (root / _FOUND).write_text(json.dumps(done))


if __name__ == "__main__":
    main()
