"""The apt repository of `make apt-repo`, used by the real apt in a copy of this machine."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from docker_credential_ecrpy import __version__
from tests.world import engines, installations, products
from tests.world.overlay import list_files, overlay
from tests.world.products import DIST, DROP_IN, EARLIER, NAME
from tests.world.tree import REPOSITORY

GO_HELPER = "amazon-ecr-credential-helper"
KEY = "packages@example.com"


class _Mirror(SimpleHTTPRequestHandler):
    """Serves a directory. Dates have seconds, in which a test changes files twice."""

    def send_head(self) -> object:  # type: ignore[override]  # its type is private
        del self.headers["If-Modified-Since"]
        return super().send_head()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module", name="gnupg")
def _gnupg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a gpg that has KEY and one more, which nobody trusts."""
    for program in ("gpg", "apt-ftparchive"):
        if not shutil.which(program):
            engines.missing(f"{program} is not installed: apt-get install gnupg apt-utils")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    environ = {"PATH": engines.PATH, "GNUPGHOME": str(home), "HOME": str(home)}
    for address in (KEY, "other@example.com"):
        command = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key"]
        command += [f"Test <{address}>", "ed25519", "sign", "never"]
        subprocess.run(command, env=environ, check=True, capture_output=True)
    yield environ
    subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=False)


@pytest.fixture(scope="module", name="earlier")
def _earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of an earlier version."""
    return products.build_earlier(tmp_path_factory.mktemp("earlier"), "make-deb.sh")


@dataclass
class Repository:
    """An apt repository, which is served at `url`."""

    directory: Path
    url: str
    gnupg: dict[str, str]

    def add(self, *packages: Path, key: str = KEY, code: int = 0) -> str:
        """Run what `make apt-repo` runs; return what it says."""
        names = [str(package) for package in packages]
        done = subprocess.run(
            ["sh", "tools/make-apt-repo.sh", str(self.directory), key, *names],
            cwd=REPOSITORY,
            env=self.gnupg,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == code, done
        return done.stderr

    def read(self, name: str) -> str:
        return (self.directory / "dists" / "stable" / name).read_text()


@pytest.fixture(name="repository")
def _repository(gnupg: dict[str, str], tmp_path: Path) -> Iterator[Repository]:
    directory = tmp_path / "apt"
    serve = partial(_Mirror, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Repository(directory, f"http://127.0.0.1:{server.server_address[1]}", gnupg)
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Box:
    """A copy of this machine whose apt knows the repository alone."""

    root: Path

    def run(self, command: str, code: int = 0) -> str:
        done = subprocess.run(
            ["chroot", str(self.root), "sh", "-c", command],
            env={"PATH": engines.PATH, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def trust(self, repository: Repository) -> None:
        """Place the two files that the repository offers, as the page says."""
        keyrings = self.root / "etc" / "apt" / "keyrings"
        keyrings.mkdir(exist_ok=True)
        shutil.copy(repository.directory / f"{NAME}.asc", keyrings)
        sources = (repository.directory / f"{NAME}.sources").read_text()
        (self.root / "etc/apt/sources.list.d" / f"{NAME}.sources").write_text(
            sources.replace("https://packages.example.com", repository.url)
        )


@pytest.fixture(name="box")
def _box(own_mounts: None, tmp_path: Path) -> Iterator[Box]:
    layers = tmp_path / "layers"
    layers.mkdir()
    with overlay(layers) as root:
        box = Box(root)
        (root / "var/lib/man-db/auto-update").unlink(missing_ok=True)  # no index of manual pages
        apt = root / "etc" / "apt"
        (apt / "sources.list").unlink(missing_ok=True)
        shutil.rmtree(apt / "sources.list.d", ignore_errors=True)
        (apt / "sources.list.d").mkdir()
        (apt / "apt.conf.d").mkdir(exist_ok=True)
        (apt / "apt.conf.d" / "zz-loopback").write_text('Acquire::http::Proxy::127.0.0.1 "DIRECT";')
        yield box


def _relabel(package: Path, architecture: str, directory: Path) -> Path:
    """Return the package as one of another architecture, with the same program."""
    tree = directory / "relabelled"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("Architecture: ")]
    control.write_text(f"Architecture: {architecture}\n" + "".join(kept))
    made = directory / f"{NAME}_{EARLIER}-1_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made


def _built() -> Path:
    (package,) = DIST.glob(f"{NAME}_{__version__}-*.deb")
    return package


def test_install_upgrade_and_purge(box: Box, repository: Repository, earlier: Path) -> None:
    """apt-get installs the earlier version, upgrades it to the next, and leaves nothing."""
    box.run(f"dpkg --purge {GO_HELPER} {NAME}")
    repository.add(earlier)
    box.trust(repository)
    before = list_files(box.root)
    quiet = "apt-get --quiet --yes --no-install-recommends"
    install = installations.command("apt repository").replace("sudo apt-get", quiet)
    box.run(f"apt-get update && {install}")
    assert EARLIER in box.run(f"{DROP_IN} version")

    repository.add(_built())
    box.run(f"apt-get update && {quiet} upgrade")
    for program in (DROP_IN, NAME):
        assert box.run(f"{program} version") == f"{program} ({NAME}) {__version__}\n"
    assert box.run(f"dpkg --verify {NAME}; dpkg --audit") == ""

    box.run(f"{quiet} remove {NAME}")
    assert list_files(box.root) == before
    box.run(f"{quiet} purge {NAME}")
    assert "no packages found" in box.run(f"dpkg --list {NAME}", code=1)


def test_versions_and_architectures_stay(
    repository: Repository, earlier: Path, tmp_path: Path
) -> None:
    """What was added before is in the index still, each architecture in its own; the URI stays."""
    other = "arm64" if "_amd64" in earlier.name else "amd64"
    here = earlier.stem.rpartition("_")[2]
    repository.add(earlier)
    sources = repository.directory / f"{NAME}.sources"
    sources.write_text(edited := sources.read_text().replace("packages.example.com", "apt.invalid"))
    repository.add(_built(), _relabel(earlier, other, tmp_path))
    assert sources.read_text() == edited

    listed = {
        architecture: repository.read(f"main/binary-{architecture}/Packages")
        for architecture in (here, other)
    }
    versions = {
        architecture: {line for line in text.splitlines() if line.startswith("Version: ")}
        for architecture, text in listed.items()
    }
    assert versions[here] == {f"Version: {EARLIER}-1", f"Version: {__version__}-1"}
    assert versions[other] == {f"Version: {EARLIER}-1"}
    assert f"Architectures: {' '.join(sorted((here, other)))}\n" in repository.read("InRelease")
    for name, unpack in (("gz", "gzip"), ("xz", "xz")):
        file = repository.directory / "dists/stable/main" / f"binary-{here}" / f"Packages.{name}"
        done = subprocess.run([unpack, "-dc", str(file)], capture_output=True, check=True)
        assert done.stdout.decode() == listed[here]


def test_an_index_stays_for_who_has_read_its_signature(
    repository: Repository, earlier: Path
) -> None:
    """An update that began before a new package finds each file that the old InRelease names."""
    repository.add(earlier)
    (old,) = re.findall(r"(?ms)^SHA256:\n(.*?)^SHA512:", repository.read("Release"))
    assert "Acquire-By-Hash: yes\n" in repository.read("InRelease")
    repository.add(_built())

    for digest, name in re.findall(r"(?m)^ (\w+) +\d+ (.*)$", old):
        index = repository.directory / "dists" / "stable" / name
        content = (index.parent / "by-hash" / "SHA256" / digest).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert content != index.read_bytes()


def test_a_second_run_changes_nothing(repository: Repository, earlier: Path) -> None:
    """No byte and no date, whatever a package's file is called; what cannot be added is refused."""

    def state() -> dict[str, tuple[int, bytes]]:
        found = (path for path in repository.directory.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}

    renamed = repository.directory.parent / "renamed.deb"
    shutil.copy(earlier, renamed)
    repository.add(renamed)
    before = state()

    (pooled,) = repository.directory.rglob("*.deb")
    assert pooled.name == earlier.name
    (architecture,) = repository.directory.glob("dists/stable/main/*")
    assert f"/{earlier.name}\n" in (architecture / "Packages").read_text()
    assert "nothing has changed" in repository.add(earlier)
    assert state() == before
    renamed.write_text("no package")
    assert "dpkg-deb: error" in repository.add(renamed, code=2)
    other = repository.directory.parent / earlier.name
    other.write_bytes(earlier.read_bytes() + b"\n")
    assert "give the new one a new version" in repository.add(other, code=1)
    assert "KEY is a secret key" in repository.add(earlier, key="", code=1)
    assert "gpg has no key" in repository.add(earlier, key="nobody@example.com", code=1)
    assert state() == before


def _tamper_index(repository: Repository) -> None:
    """Change the last byte of every form of the index."""
    for index in repository.directory.glob("dists/stable/main/**/*"):
        if index.is_file():
            content = index.read_bytes()
            index.unlink()  # or a link to it would change, too
            index.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _tamper_release(repository: Repository) -> None:
    """Add a line to what is signed."""
    for name in ("InRelease", "Release"):
        path = repository.directory / "dists" / "stable" / name
        path.write_text(path.read_text().replace("Suite: ", "Description: x\nSuite: "))


def _sign_by_another(repository: Repository) -> None:
    (package,) = repository.directory.rglob("*.deb")
    repository.add(package, key="other@example.com")


def _exchange_package(repository: Repository) -> None:
    """Change the last byte of the package."""
    (package,) = repository.directory.rglob("*.deb")
    content = bytearray(package.read_bytes())
    content[-1] ^= 1
    package.write_bytes(content)


REFUSED = {
    _tamper_index: "Hash Sum mismatch|unexpected size",
    _tamper_release: "BADSIG|invalid signature|not signed",
    _sign_by_another: "NO_PUBKEY|not available|not signed",
}


def test_apt_refuses_what_was_not_signed(box: Box, repository: Repository, earlier: Path) -> None:
    """An index, its signature, its key, and the package: the one installed is the one signed."""
    update = "apt-get --option APT::Update::Error-Mode=any update"
    install = f"apt-get --yes --allow-change-held-packages install {NAME}"
    repository.add(earlier)
    box.trust(repository)
    shutil.copytree(repository.directory, good := repository.directory.parent / "good")
    for change, said in REFUSED.items():
        change(repository)
        shown = box.run(f"rm -r /var/lib/apt/lists/*; {update}", code=100)
        assert any(text in shown for text in said.split("|")), (change, shown)
        assert "Unable to locate" in box.run(install, code=100)
        shutil.rmtree(repository.directory)
        shutil.copytree(good, repository.directory)
    _exchange_package(repository)
    box.run(update)
    assert "Hash Sum mismatch" in box.run(install, code=100)
    assert not (box.root / "usr" / "bin" / NAME).exists()


def test_make_gives_it_the_package_and_the_key() -> None:
    """`make apt-repo` with KEY runs the script that these tests run."""
    environ = {**os.environ, "MAKEFLAGS": ""}
    command = ["make", "--dry-run", "apt-repo", f"KEY={KEY}", "APT_REPO=/srv/apt"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environ, capture_output=True, check=True, text=True
    )
    last = done.stdout.splitlines()[-1]

    assert last == f'sh tools/make-apt-repo.sh "/srv/apt" "{KEY}" dist/{NAME}_*.deb'
