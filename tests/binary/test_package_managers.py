"""What `make dist` writes for package managers, used on the program that was built.

makepkg and nix-build are the real ones; there are stand-ins for Homebrew and for nixpkgs.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy import __version__
from tests.world import engines, installations
from tests.world.products import DROP_IN, NAME, PACKAGE_MANAGERS, RELEASE
from tests.world.release import PLATFORMS, write_release
from tests.world.tree import REPOSITORY
from tools.package_managers.__main__ import write
from tools.package_managers.release import Release

WORLD = REPOSITORY / "tests" / "world"
SAID = "".join(f"{name} ({NAME}) {__version__}\n" for name in (DROP_IN, NAME))
SHARED = (
    f"man/man1/{NAME}.1",
    f"bash-completion/completions/{DROP_IN}",
    f"fish/vendor_completions.d/{NAME}.fish",
    f"zsh/site-functions/_{NAME}",
)


@pytest.fixture(name="archive")
def _archive() -> Path:
    """The archive that all of them install; `make dist` wrote its checksum into each file."""
    (archive,) = RELEASE.glob("*.tar.gz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for name in ("aur/PKGBUILD", "aur/.SRCINFO", "nix/default.nix", f"homebrew/Formula/{NAME}.rb"):
        text = (PACKAGE_MANAGERS / name).read_text()
        assert digest in text, name
        assert f"/releases/download/v{__version__}/{archive.name}" in text.replace(
            "$pkgver", __version__
        )
    return archive


def _need(program: str, package: str) -> None:
    if not shutil.which(program, path=engines.PATH):
        engines.missing(f"{program} is not installed: apt-get install {package}")


def _run(*command: str, **environ: str) -> str:
    """Run a program without most of the environment; return what it prints."""
    done = subprocess.run(
        command, env={"PATH": engines.PATH, **environ}, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def _check(prefix: Path) -> None:
    """Check that both programs start, and that pages and completions are where they belong."""
    assert "".join(_run(str(prefix / "bin" / name), "version") for name in (DROP_IN, NAME)) == SAID
    for name in SHARED:
        file = prefix / "share" / name
        assert file.is_file() or file.with_name(f"{file.name}.gz").is_file(), name


@pytest.fixture(name="place")
def _place() -> Iterator[Path]:
    """A directory that another user can reach: pytest's are root's alone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory)


def test_makepkg_builds_the_package(archive: Path, place: Path, tmp_path: Path) -> None:
    """It verifies the checksum, and its .SRCINFO is ours; the package has both programs."""
    if os.geteuid() != 0:
        engines.missing("makepkg refuses root, and only root can become another user")
    for program, package in (("makepkg", "makepkg"), ("bsdtar", "libarchive-tools")):
        _need(program, package)
    shutil.copytree(PACKAGE_MANAGERS / "aur", place, dirs_exist_ok=True)
    shutil.copy(archive, place)
    for path in (place, *place.iterdir()):
        shutil.chown(path, "nobody")
    # pacman, which would check what is installed, is not packaged with makepkg.
    given = ("PACMAN=true", "PKGEXT=.pkg.tar", f"HOME={place}", f"CARCH={os.uname().machine}")
    become = ("runuser", "--user", "nobody", "--", "env", f"--chdir={place}", *given)
    line = installations.command("AUR").replace("--install", "--nodeps")

    assert _run(*become, "makepkg", "--printsrcinfo") == (place / ".SRCINFO").read_text()
    _run(*become, *line.split())
    (built,) = place.glob(f"{NAME}-bin-{__version__}-1-*.pkg.tar")
    root = tmp_path / "root"
    root.mkdir()
    _run("tar", "--extract", "--file", str(built), "--directory", str(root))
    _check(root / "usr")
    assert (root / "usr/share/licenses" / f"{NAME}-bin" / "LICENSE").is_file()
    with (place / archive.name).open("ab") as file:
        file.write(b"\0")
    done = subprocess.run([*become, *line.split(), "--force"], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"did not pass the validity check" in done.stderr

    # Of a release for every platform, whose PKGBUILD has several architectures.
    write_release(tmp_path / "release", *PLATFORMS)
    write(Release.read(tmp_path / "release"), tmp_path / "made")
    for name in ("PKGBUILD", ".SRCINFO"):
        shutil.copy(tmp_path / "made" / "aur" / name, place)
    assert _run(*become, "makepkg", "--printsrcinfo") == (place / ".SRCINFO").read_text()


def test_nix_builds_the_derivation(archive: Path, tmp_path: Path) -> None:
    """In a store of its own, with its check of the installation; another archive is refused."""
    _need("nix-build", "nix-bin")
    environ = {"HOME": str(tmp_path)}
    for name in ("STORE", "STATE", "LOG", "CONF"):
        environ[f"NIX_{name}_DIR"] = str(tmp_path / name.lower())
    environ["NIX_CONFIG"] = "substituters =\nsandbox = false\nbuild-users-group =\n"
    program, file = installations.command("Nix").split()
    derivation = REPOSITORY / file / "default.nix"
    assert derivation == PACKAGE_MANAGERS / "nix" / "default.nix"

    def build(source: Path) -> subprocess.CompletedProcess[str]:
        command = [program, "--no-out-link", str(WORLD / "nixpkgs.nix")]
        command += ["--arg", "derivationFile", str(derivation), "--arg", "archive", str(source)]
        environment = {"PATH": engines.PATH, **environ}
        return subprocess.run(command, env=environment, capture_output=True, check=False, text=True)

    other = tmp_path / archive.name
    other.write_bytes(archive.read_bytes() + b"\0")
    assert "mismatch" in build(other).stderr  # first, since it would not look again
    done = build(archive)
    assert done.returncode == 0, done.stderr
    _check(Path(done.stdout.strip()))


def test_the_formula_installs_and_passes_its_test(archive: Path, tmp_path: Path) -> None:
    """By a stand-in for Homebrew, which fails for what it does not know."""
    _need("ruby", "ruby")
    assert installations.command("Homebrew") == f"brew install {NAME}"
    formula = PACKAGE_MANAGERS / "homebrew" / "Formula" / f"{NAME}.rb"
    cellar = tmp_path / "cellar"
    said = _run(
        "ruby", str(WORLD / "homebrew.rb"), str(formula), str(RELEASE), str(cellar),
        HOME=str(tmp_path),
    )  # fmt: skip

    assert said.endswith("passed\n")
    _check(cellar)
