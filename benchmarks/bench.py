"""`make bench`: how long a `get` takes, side by side, interleaved, medians.

Every row of a table is run in turn, again and again, so that a machine whose speed drifts slows
all of them alike; what is quoted is the ratio of medians. The AWS is the loopback one of the
tests, without delay. The wheel, the one folder and the one file are ours; where the Go helper is
installed it runs beside them.
"""

import os
import platform
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.world.aws import ACCOUNT, Aws
from tests.world.web import Authority, WebServer

HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
BOTO3 = """\
import boto3
client = boto3.client("ecr", region_name="us-east-1")
client.get_authorization_token()
"""
DIST = Path(__file__).parent.parent / "dist"
FOLDER = str(DIST / "docker-credential-ecrpy" / "docker-credential-ecr-login")
ONE_FILE = str(DIST / "docker-credential-ecr-login")
# The interpreter that was frozen; its virtual environment costs it a file or two.
FROZEN = os.path.realpath(DIST.parent / ".binary" / "bin" / "python")
GO = "/usr/bin/docker-credential-ecr-login"
LATENCY = 0.08  # seconds; a service in the same region


def _nothing() -> None:
    pass


@dataclass
class Row:
    """One program to time, and what came of it."""

    name: str
    command: list[str]
    environ: dict[str, str]
    stdin: Path
    code: int = 0
    before: Callable[[], None] = _nothing
    ours: bool = True
    """Whether a failure ends the benchmark; other programs' failures are counted and told."""
    failures: int = 0
    times: list[float] = field(default_factory=list)
    """Milliseconds of each run."""

    def run(self) -> None:
        """Run once, timed from outside, as Docker would wait for it."""
        self.before()
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, str(self.stdin), os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        began = time.perf_counter()
        child = os.posix_spawn(self.command[0], self.command, self.environ, file_actions=actions)
        _, status = os.waitpid(child, 0)
        took = (time.perf_counter() - began) * 1000
        code = os.waitstatus_to_exitcode(status)
        if code == self.code:
            self.times.append(took)
        elif self.ours:
            sys.exit(f"bench: {self.name} ended with exit code {code}, not {self.code}")
        else:
            self.failures += 1

    @property
    def median(self) -> float:
        """The median of all runs, in milliseconds."""
        return statistics.median(self.times)


@dataclass(frozen=True)
class Target:
    """What one row may take at most: `times` as long as another one, or `milliseconds`."""

    row: Row
    other: Row | None = None
    times: float = 0
    milliseconds: float = 0

    def __str__(self) -> str:
        if self.other is None:
            what, unit, value, limit = self.row.name, " ms", self.row.median, self.milliseconds
        else:
            what, unit = f"{self.row.name} / {self.other.name}", ""
            value, limit = self.row.median / self.other.median, self.times
        met = "met" if value <= limit else "MISSED"
        return f"{what}: {value:.2f}{unit}; target {limit:g}{unit}: {met}"


def compare(title: str, rows: list[Row], runs: int, targets: list[Target]) -> None:
    """Run the rows in turn and print them against the first, and what became of the targets."""
    for row in rows:
        row.run()
        row.times.clear()
    for _ in range(runs):
        for row in rows:
            row.run()
    print(f"\n{title} ({runs} runs each, in turn)\n")
    print(f"| {'program':46} | median ms |   min |   max |  ratio |")
    print(f"| {'-' * 46} | --------: | ----: | ----: | -----: |")
    for row in rows:
        ratio = row.median / rows[0].median
        print(
            f"| {row.name:46} | {row.median:9.1f} | {min(row.times):5.1f} | {max(row.times):5.1f}"
            f" | {ratio:6.2f} |"
        )
    print()
    for target in targets:
        print(f"- {target}")
    for row in rows:
        if row.failures:
            print(f"\n{row.name}: {row.failures} runs failed, and are not counted")


def main() -> None:
    """Time a cached, a foreign and a cold `get`."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    aws = Aws(allow_registry_ids=True)
    keys = aws.user()
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    authority = Authority()
    try:
        with WebServer(aws.handle, authority=authority) as server:
            home = root / "home"
            home.mkdir()
            bundle = authority.write_bundle(root / "ca.pem")
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            _compare_all(
                Setting(
                    root,
                    home,
                    {**environ, "AWS_ENDPOINT_URL": server.url, **keys.environ},
                    {**environ, "HTTPS_PROXY": server.url, "SSL_CERT_FILE": str(bundle)},
                    aws,
                ),
                runs,
            )
    finally:
        shutil.rmtree(root)


@dataclass
class Setting:
    """Where the rows run: `plain` asks AWS over HTTP, `tls` by its real names over TLS."""

    root: Path
    home: Path
    plain: dict[str, str]
    tls: dict[str, str]
    aws: Aws


def _compare_all(at: Setting, runs: int) -> None:
    script = str(Path(sysconfig.get_path("scripts")) / "docker-credential-ecr-login")
    ours = {"wheel": script, "one folder": FOLDER, "one file": ONE_FILE}

    def rows(what: str, environ: dict[str, str], stdin: Path, **more: Any) -> dict[str, Row]:
        return {n: Row(f"{n}, {what}", [p, "get"], environ, stdin, **more) for n, p in ours.items()}

    host, other = at.root / "host", at.root / "other"
    host.write_text(HOST)
    other.write_text("ghcr.io")
    bare = Row("python3 -ISc pass", [FROZEN, "-ISc", "pass"], at.plain, host)
    site = Row("python -I -c pass", [sys.executable, "-I", "-c", "pass"], at.plain, host)
    cached = rows("cached get", at.plain, host)
    foreign = rows("get for ghcr.io", at.plain, other, code=1)
    ruled = rows("cached get, 200 rules", at.plain | _rules(at), host)
    listed = Row("wheel, list", [script, "list"], at.plain, host)
    static = _go_row(at, "Go helper, cached get, static keys", at.tls | _keys(at.plain), host)
    compare(
        "A get that needs no AWS",
        [bare, site, *cached.values(), *ruled.values(), *foreign.values(), listed, *static],
        runs,
        [
            Target(cached["one folder"], bare, 1.35),
            Target(ruled["one folder"], bare, 1.35),
            Target(foreign["one folder"], bare, 1.35),
            Target(cached["one file"], milliseconds=80),
            Target(cached["wheel"], site, 1.25),
            Target(foreign["wheel"], site, 1.25),
            *(Target(cached["one folder"], go, 3) for go in static),
        ],
    )

    boto3 = Row("boto3 script of three lines", [sys.executable, "-c", BOTO3], at.plain, host)
    cold = rows("cold get", at.plain, host, before=lambda: _clear(at))
    go_cold = _go_row(at, "Go helper, cold get", at.tls | _keys(at.plain), host, cold=True)
    compare(
        "A get that asks AWS",
        [boto3, *cold.values(), *go_cold],
        max(5, runs // 2),
        [Target(cold["wheel"], boto3, 1.2), Target(cold["one folder"], cold["wheel"], 1)],
    )

    _write_role(at)
    role = {**at.tls, "AWS_PROFILE": "role", "AWS_REGION": "us-east-1"}
    as_role = rows("cached get", role, host)
    go = _go_row(at, "Go helper, cached get", role, host)
    if go:
        at.aws.latency = LATENCY
        compare(
            f"An assumed role, AWS answering in {LATENCY * 1000:.0f} ms",
            [bare, *as_role.values(), *go],
            max(5, runs // 2),
            [Target(as_role["one folder"], go[0], 0.1)],
        )


def _keys(environ: dict[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def _rules(at: Setting) -> dict[str, str]:
    """Return the variable that names a file of 200 rules, the last of which is for the host."""
    accounts = [*(f"{number:012}" for number in range(199)), ACCOUNT]
    file = at.root / "rules.toml"
    file.write_text("".join(f'[[registry]]\nmatch = "{account}"\n' for account in accounts))
    return {"AWS_ECR_CONFIG": str(file)}


def _clear(at: Setting) -> None:
    shutil.rmtree(at.home / ".ecr", ignore_errors=True)


def _go_row(
    at: Setting, name: str, environ: dict[str, str], host: Path, *, cold: bool = False
) -> list[Row]:
    """Return the row of the Go helper with a cache of its own; none where it is not installed."""
    if not os.access(GO, os.X_OK):
        return []
    cache = at.root / "go"
    environ = {**environ, "AWS_ECR_CACHE_DIR": str(cache)}
    before = (lambda: shutil.rmtree(cache, ignore_errors=True)) if cold else _nothing
    return [Row(name, [GO, "get"], environ, host, before=before, ours=False)]


def _write_role(at: Setting) -> None:
    role = at.aws.role()
    keys = _keys(at.plain)
    folder = at.home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        "[profile base]\n"
        + "".join(f"{name.lower()} = {value}\n" for name, value in keys.items())
        + f"[profile role]\nrole_arn = {role.arn}\nsource_profile = base\n"
    )


if __name__ == "__main__":
    main()
