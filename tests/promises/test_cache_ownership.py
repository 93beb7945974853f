"""Files in the cache's directory that this program did not create are never touched."""

import json
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.tokens.folder import FOLDERS, MARKER, MARKER_TEXT
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and FIFOs of Unix")

OTHER = HOST.replace("123456789012", "210987654321")
FIPS = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com"
DUAL = "123456789012.dkr-ecr.us-east-1.on.aws"
LOGIN = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "a password"}).encode()
NAME = f"{HOST}~{1:032x}"
OLD = (1e9, 1e9)


def _state(top: Path) -> Mapping[str, tuple[object, ...]]:
    """Return mode, links, mtime and content of everything in a directory, besides its own mtime."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(top.rglob("*")):
        seen = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        found[str(path)] = (seen.st_mode, seen.st_nlink, seen.st_mtime_ns, text)
    return found


def _put(path: Path, text: str = "mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, OLD)
    return path


def _run_all(machine: Machine) -> None:
    """Run every action that writes or removes."""
    assert machine.get().secret in {*machine.aws.issued, "a password"}
    assert machine.get(OTHER).secret in machine.aws.issued
    machine.run("store", stdin=LOGIN)
    machine.run("erase", stdin=HOST.encode())
    machine.run("list")
    for arguments in (("list",), ("clear", HOST), ("clear",)):
        machine.run("cache", *arguments)


def _project(machine: Machine) -> Path:
    project = machine.home / "project"
    machine.environ["AWS_ECR_CACHE_DIR"] = "~/project"
    for name in ("registries/main.tf", "tokens/report.odt~", "tokens/.new-1-1", "tokens/notes.txt",
                 "logins/users~", "locks/pacman.lock", "elsewhere/draft~1", "cache.json",
                 "log/ecr-login.log", "config.toml", f"registries/{HOST}"):  # fmt: skip
        _put(project / name)
    project.chmod(0o755)
    return project


def test_a_project_with_folders_of_the_same_names(machine: Machine) -> None:
    """Each get gives a token; no file or mode changes; log and doctor say why and what to do."""
    machine.login()
    project = _project(machine)
    before = _state(project)
    log = machine.root / "log"
    machine.get(AWS_ECR_LOG=str(log))
    lines = log.read_text().splitlines()
    _run_all(machine)

    assert _state(project) == before
    reason = f"{project}/tokens holds 'report.odt~', which this program did not create"
    reasons = [line for line in lines if "which this program did not create" in line]
    assert len(reasons) == len({re.sub(r"[^/]*project/(\w+).*", r"\1", line) for line in reasons})
    assert any(line.partition("holds")[0].endswith(f"{project}/tokens ") for line in reasons)
    stored = machine.run("store", stdin=LOGIN)
    assert "logins holds 'users~', which this program did not create; move it" in stored.error
    erased = machine.run("erase", stdin=HOST.encode(), environ={"AWS_ECR_LOG": str(log)})
    assert erased.code == 0
    assert "erase: registries are not listed: " in log.read_text()
    cleared = machine.run("cache", "clear")
    assert cleared.code == 1
    assert b"which this program did not create" in cleared.stderr
    found = json.loads(machine.run("doctor", "--json", HOST).stdout)
    seen = [check["seen"] for check in found["checks"] if check["id"] == "cache"]
    assert len(seen) == len(FOLDERS)
    assert reason.partition("holds")[0] in "".join(seen)


KINDS: dict[str, Callable[[Path], object]] = {
    "a document": lambda path: path.write_text("mine"),
    "a document that speaks of us": lambda path: path.write_text("ecrpy is mine"),
    "a directory": lambda path: _put(path / "x"),
    "a FIFO": os.mkfifo,
    "a symlink": lambda path: path.symlink_to(path.parent.parent.parent / "document"),
    "a hard link": lambda path: path.hardlink_to(path.parent.parent.parent / "document"),
}
SHAPES = {
    "tokens": NAME,
    "logins": NAME,
    "elsewhere": NAME,
    "registries": HOST,
    "locks": "ecr@us-east-1.amazonaws.com~123",
}


@pytest.mark.parametrize("is_marked", [False, True], ids=["without a marker", "with a marker"])
@pytest.mark.parametrize("kind", KINDS, ids=KINDS)
def test_files_with_the_names_of_ours(machine: Machine, kind: str, *, is_marked: bool) -> None:
    """A file stays that only has the name of one of ours, and clearing the cache says so."""
    machine.login()
    document = _put(machine.home / "document", "ecrpy-3 mine")
    for folder, name in SHAPES.items():
        path = machine.cache / folder / name
        path.parent.mkdir(parents=True)
        KINDS[kind](path)
        os.utime(path, OLD, follow_symlinks=False)
        if is_marked:
            (path.parent / MARKER).write_bytes(MARKER_TEXT)
    machine.cache.chmod(0o700)
    before = _state(machine.cache)
    _run_all(machine)
    cleared = machine.run("cache", "clear")

    after = _state(machine.cache)
    if not is_marked:
        assert after == before
    for folder, name in SHAPES.items():
        at = str(machine.cache / folder / name)
        assert after[at] == before[at]
    assert document.read_text() == "ecrpy-3 mine"
    assert document.stat().st_mtime == OLD[0]
    assert cleared.code == 1
    assert str(machine.cache / "tokens").encode() in cleared.stderr


@pytest.mark.parametrize("kind", ["symlink", "FIFO", "other content", "empty", "another user's"])
def test_a_marker_that_is_none(machine: Machine, kind: str) -> None:
    """A marker counts only if it is this user's regular file with the exact content."""
    if kind == "another user's" and os.geteuid():
        pytest.skip("only root can give files away")
    machine.login()
    document = _put(machine.cache / "tokens" / NAME)
    marker = document.parent / MARKER
    real = machine.root / "marker"
    real.write_bytes(MARKER_TEXT)
    if kind == "symlink":
        marker.symlink_to(real)
    elif kind == "FIFO":
        os.mkfifo(marker)
    else:
        text = {"other content": MARKER_TEXT + b"x", "empty": b""}
        marker.write_bytes(text.get(kind, MARKER_TEXT))
        if kind == "another user's":
            os.chown(marker, 12345, -1)
    document.parent.chmod(0o755)
    machine.cache.chmod(0o700)
    before = _state(document.parent)
    _run_all(machine)

    assert _state(document.parent) == before
    assert document.parent.stat().st_mode & 0o777 == 0o755


def test_the_go_helpers_files_stay(machine: Machine) -> None:
    """The Go helper's cache and log, and our settings, are in the same directory, and stay."""
    machine.login()
    names = ("cache.json", "log/ecr-login.log", "config.toml")
    kept = [_put(machine.cache / name, "" if name == "config.toml" else "mine") for name in names]
    for path in (machine.cache, machine.cache / "log"):
        path.chmod(0o755)
    _run_all(machine)

    assert [path.read_text() for path in kept] == ["mine", "mine", ""]
    assert [path.stat().st_mtime for path in kept] == [OLD[0]] * 3
    assert (machine.cache / "log").stat().st_mode & 0o777 == 0o755


def _write_0_1_0(path: Path, subject: str, secret: str, life: int = 12 * 3600) -> None:
    """Write an entry byte by byte as version 0.1.0 did."""
    now = time.time_ns()
    times = (now, now + life * 500_000_000, now + life * 1_000_000_000, now - cache._uptime())
    body = f" {' '.join(map(str, times))} {subject}\n".encode()
    body += f'"Username":"AWS","Secret":"{secret}"}}\n'.encode()
    checksum = int.from_bytes(body, "big") % 31415926535897932384626433832795028841
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(b"ecrpy-2 %032x" % checksum + body)
    path.chmod(0o600)


def test_a_cache_of_version_0_1_0(machine: Machine) -> None:
    """Its logins and tokens answer, its folders get markers, and an erase finds every copy."""
    machine.login()
    at = str(machine.cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(machine.home))
        line = identity.line(machine.environ)
    found = registry.parse(HOST)
    assert found is not None
    for name in (HOST, OTHER, found.endpoint):
        path, subject = cache.token_place(at, name, line)
        _write_0_1_0(Path(path), subject, "the old token")
    path, subject = cache.login_place(at, HOST)
    _write_0_1_0(Path(path), subject, "the old login")
    path, subject = cache.elsewhere_place(at, "ghcr.io", line)
    _write_0_1_0(Path(path), subject, "")
    for name in (f"registries/{HOST}", "locks/logins", f"locks/{found.endpoint}~123"):
        (machine.cache / name).parent.mkdir(mode=0o700, exist_ok=True)
        (machine.cache / name).touch(0o600)
    (machine.cache / f"locks/{found.endpoint}~123").write_text('{"who": "somebody"}')
    (machine.cache / "tokens" / ".new-999999-1").write_text("ecrpy-2 half")

    assert machine.get().secret == "the old login"
    assert machine.get(OTHER).secret == "the old token"
    assert machine.aws.count() == {}
    assert OTHER not in machine.run("list").stdout.decode()
    assert machine.get(HOST.replace("us-east-1", "eu-west-1")).secret in machine.aws.issued
    assert [(machine.cache / name / MARKER).read_bytes() for name in FOLDERS] == [MARKER_TEXT] * 5
    assert machine.get().secret == "the old login"
    assert machine.run("erase", stdin=HOST.encode()).code == 0
    assert machine.get().secret in machine.aws.issued
    assert machine.get(OTHER).secret in machine.aws.issued


@pytest.mark.parametrize("host", [HOST, FIPS, DUAL, "images.example.com"])
def test_an_erased_token_is_gone_for_every_host(machine: Machine, host: str) -> None:
    """No file has the token after an erase, whichever host of the endpoint asked for it."""
    machine.login()
    target = HOST if host == "images.example.com" else host
    machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{target}"\n')
    hosts = (host, target.replace("123456789012", "210987654321"), "images.example.com")
    secret = {machine.get(each).secret for each in hosts}
    assert len(secret) == 1
    assert machine.run("erase", stdin=host.encode()).code == 0

    assert not any(
        secret.pop().encode() in path.read_bytes() for path in machine.entries() if secret
    )
    for each in hosts:
        assert machine.get(each).secret == list(machine.aws.issued)[-1]


def test_an_erase_after_the_rule_is_gone(machine: Machine) -> None:
    """The erase of a host that only a previous rule covered removes its endpoint's token."""
    machine.login()
    settings = machine.settings(
        f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n'
    )
    secret = machine.get("images.example.com").secret
    settings.write_text("")
    assert machine.run("erase", stdin=b"images.example.com").code == 0

    assert not any(secret.encode() in path.read_bytes() for path in machine.entries())


def test_an_erase_with_the_cache_disabled(machine: Machine) -> None:
    """AWS_ECR_DISABLE_CACHE keeps nothing from being erased."""
    machine.login()
    machine.get()
    machine.run("store", stdin=LOGIN)
    machine.environ["AWS_ECR_DISABLE_CACHE"] = "1"
    done = machine.run("erase", stdin=HOST.encode())

    assert done.code == 0
    assert machine.entries() == machine.entries("logins") == []


def test_an_erased_token_never_comes_back(machine: Machine) -> None:
    """While gets of ten registries run all the time, no get after an erase gives the token."""
    machine.login()
    hosts = [HOST.replace("123456789012", f"{number:012}") for number in range(10)]
    over = threading.Event()

    def fetch() -> None:
        while not over.is_set():
            for host in hosts:
                machine.get(host)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            old = machine.get(hosts[0]).secret
            assert machine.run("erase", stdin=hosts[0].encode()).code == 0
            for host in hosts[:3]:
                assert machine.get(host).secret != old
    finally:
        over.set()
        for thread in threads:
            thread.join()
    stored = b"".join(path.read_bytes() for path in machine.entries())
    assert list(machine.aws.issued)[-1].encode() in stored
    assert sum(secret.encode() in stored for secret in machine.aws.issued) == 1
