"""`make install` and `make uninstall`, as a user runs them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.world import engines, installations, products
from tests.world.machine import Machine
from tests.world.products import DIST, DROP_IN, FOLDER, NAME
from tests.world.tree import REPOSITORY


def _make(target: str, prefix: Path | str, code: int = 0, **variables: str) -> str:
    settings = [f"{name}={value}" for name, value in {"PREFIX": prefix, **variables}.items()]
    done = subprocess.run(
        ["make", "--no-print-directory", target, *settings],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode != 0) == (code != 0), done
    return done.stderr


def _tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_install_run_and_uninstall(machine: Machine) -> None:
    """Both programs get manual pages and completions; uninstall leaves no file."""
    prefix = machine.root / "prefix"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "mine").touch()
    before = _tree(prefix)
    _make("install", prefix)

    machine.login()
    machine.environ["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    for name in (DROP_IN, NAME):
        machine.program = ["env", name]
        assert machine.get().secret in machine.aws.issued
        for file in (
            f"man/man1/{name}.1",
            f"bash-completion/completions/{name}",
            "zsh/site-functions/_docker-credential-ecrpy",
            f"fish/vendor_completions.d/{name}.fish",
        ):
            assert (prefix / "share" / file).is_symlink()
            assert name in (prefix / "share" / file).read_text().replace("\\-", "-")
    assert (prefix / "share" / "man" / "man5" / f"{NAME}-config.5").is_symlink()
    assert machine.aws.count() == {"ecr": 1}

    _make("uninstall", prefix)
    assert _tree(prefix) == before


def test_an_upgrade_replaces_the_old_version(tmp_path: Path) -> None:
    """An upgrade removes the old version's files."""
    _make("install", tmp_path / "prefix")
    (tmp_path / "prefix" / "lib" / NAME / "old").touch()
    before = _tree(tmp_path / "prefix")
    _make("install", tmp_path / "prefix")

    assert before - _tree(tmp_path / "prefix") == {f"lib/{NAME}/old"}
    _make("uninstall", tmp_path / "prefix")
    assert _tree(tmp_path) == set()


@pytest.fixture(name="earlier")
def _earlier(tmp_path: Path) -> Path:
    """A tree of an earlier version, whose program is a folder, and its package `earlier.deb`."""
    tree = tmp_path / "earlier"
    products.copy_tree(tree)
    shutil.copytree(FOLDER, tree / "dist" / NAME, symlinks=True)
    products.run_script(tree, "make-deb.sh", ".")
    (package,) = tree.glob("*.deb")
    package.rename(tree / "earlier.deb")
    return tree


def test_an_upgrade_from_the_folder(tmp_path: Path, earlier: Path) -> None:
    """Over an install of the folder, the result is that of a fresh install."""
    command = ["sh", "tools/install.sh", "install", str(tmp_path / "old")]
    subprocess.run(command, cwd=earlier, env={**os.environ, "SOURCE": "dist"}, check=True)
    assert f"lib/{NAME}/_internal" in _tree(tmp_path / "old")
    for prefix in ("old", "fresh"):
        _make("install", tmp_path / prefix)

    assert _tree(tmp_path / "old") == _tree(tmp_path / "fresh")
    _make("uninstall", tmp_path / "old")
    assert not (tmp_path / "old").exists()


def test_an_upgrade_of_the_package_from_the_folder(tmp_path: Path, earlier: Path) -> None:
    """dpkg replaces the folder by the file, which needs no other package, and removes that too."""
    if os.geteuid() != 0:
        engines.missing("dpkg needs root")
    (package,) = DIST.glob(f"{NAME}_*.deb")
    root = tmp_path / "root"
    (root / "var" / "lib" / "dpkg" / "updates").mkdir(parents=True)
    (root / "var" / "lib" / "dpkg" / "status").touch()

    def change(*options: str) -> set[str]:
        subprocess.run(["dpkg", f"--root={root}", *options], check=True, capture_output=True)
        return {str(path.relative_to(root)) for path in root.glob("usr/**/*")}

    folder = change("--force-depends", "--install", str(earlier / "earlier.deb"))
    file = change("--install", str(package))
    home = f"usr/lib/{NAME}"

    assert f"{home}/_internal" in folder
    assert {name for name in file if name.startswith(f"{home}/")} == {
        f"{home}/{NAME}",
        f"{home}/{DROP_IN}",
    }
    assert {name for name in folder if not name.startswith(home)} <= file
    subprocess.run([root / "usr" / "bin" / DROP_IN, "version"], check=True, capture_output=True)
    assert change("--remove", NAME) == set()


def test_the_package_needs_no_other_package() -> None:
    """It has no dependency, and says why the program is linked as it is."""
    (package,) = DIST.glob(f"{NAME}_*.deb")

    def show(*options: str) -> str:
        command = ["dpkg-deb", *options]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert "Depends" not in show("--info", str(package))
    files = [line.split()[5] for line in show("--contents", str(package)).splitlines()
             if line.startswith("-")]  # fmt: skip
    assert [one for one in files if "/usr/lib/" in one] == [f"./usr/lib/{NAME}/{DROP_IN}"]
    assert f"./usr/share/lintian/overrides/{NAME}" in files
    if shutil.which("lintian"):
        command = ["lintian", "--fail-on", "error,warning", str(package)]
        subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "taken",
    [
        f"bin/{DROP_IN}",
        f"bin/{NAME}",
        f"share/man/man1/{DROP_IN}.1",
        f"share/man/man5/{NAME}-config.5",
        f"share/bash-completion/completions/{NAME}",
        f"lib/{NAME}",
    ],
)
@pytest.mark.parametrize("kind", ["file", "link", "broken link", "directory"])
def test_what_is_not_ours_stays(tmp_path: Path, taken: str, kind: str) -> None:
    """A Go helper in /usr/local/bin and its page are neither replaced nor removed."""
    other = tmp_path / taken
    other.parent.mkdir(parents=True)
    if kind == "file":
        other.write_text("another's")
    elif kind == "directory":
        other.mkdir()
    else:
        other.symlink_to("/bin" if kind == "link" else "nowhere")
    before = _tree(tmp_path)

    assert f"{other} exists and was not created by this" in _make("install", tmp_path, code=1)
    assert _tree(tmp_path) == before
    assert "nothing to uninstall" in _make("uninstall", tmp_path, code=1)
    assert _tree(tmp_path) == before


def test_a_bin_that_is_a_symlink(tmp_path: Path) -> None:
    """The links work where ~/.local/bin is a symlink into dotfiles."""
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("elsewhere/deep")
    _make("install", tmp_path)

    for name in (DROP_IN, NAME):
        subprocess.run([tmp_path / "bin" / name, "version"], check=True, capture_output=True)
    _make("uninstall", tmp_path)
    assert _tree(tmp_path) == {"bin", "elsewhere", "elsewhere/deep"}


def test_every_user_may_run_it(tmp_path: Path) -> None:
    """The installer's umask does not matter."""
    old = os.umask(0o077)
    try:
        _make("install", tmp_path / "prefix")
    finally:
        os.umask(old)

    for path in (tmp_path / "prefix").rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode & 0o055 == (0o055 if path.is_dir() or mode & 0o100 else 0o044), path


@pytest.mark.parametrize("prefix", ["relative", ""])
def test_a_prefix_must_be_absolute(prefix: str) -> None:
    """A relative prefix would depend on the current directory."""
    assert "must be an absolute path" in _make("install", prefix, code=1)


def test_the_tarball_installs_itself(tmp_path: Path) -> None:
    """The script in the tarball installs and uninstalls it."""
    release = tmp_path / "release"
    products.run_script(REPOSITORY, "make-dist.sh", str(release))
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=release, check=True, capture_output=True
    )
    assert done.stdout.count(b": OK\n") == len(list(release.iterdir())) - 1
    assert len(list(release.glob("*.whl"))) == 2
    (tarball,) = release.glob("*.tar.gz")
    subprocess.run(["tar", "--extract", "--file", tarball], cwd=tmp_path, check=True)
    script = tmp_path / tarball.name.removesuffix(".tar.gz") / "install.sh"
    sudo, *command, prefix = installations.command("tarball").split()
    assert (sudo, prefix) == ("sudo", "/usr/local")
    subprocess.run([*command, tmp_path / "prefix"], cwd=script.parent, check=True)

    program = tmp_path / "prefix" / "bin" / DROP_IN
    subprocess.run([program, "version"], check=True, capture_output=True)
    subprocess.run(["sh", script, "uninstall", tmp_path / "prefix"], check=True)
    assert not (tmp_path / "prefix").exists()


def test_uninstall_leaves_a_program_that_came_later(tmp_path: Path) -> None:
    """A link that now leads elsewhere stays."""
    _make("install", tmp_path)
    link = tmp_path / "bin" / DROP_IN
    link.unlink()
    link.symlink_to(f"/opt/elsewhere/lib/{NAME}/{DROP_IN}")
    _make("uninstall", tmp_path)

    assert _tree(tmp_path) == {"bin", f"bin/{DROP_IN}"}


def test_an_install_that_fails_leaves_nothing(own_mounts: None, tmp_path: Path) -> None:
    """When the disk fills up half-way, no file is left."""
    _make("install", tmp_path / "prefix")
    before = _tree(tmp_path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=True)
    _make("install", tmp_path / "prefix", code=1)

    assert _tree(tmp_path) == set()
    subprocess.run(["umount", tmp_path], check=True)
    assert _tree(tmp_path) == before


def test_destdir_is_prepended(tmp_path: Path) -> None:
    """Links do not contain DESTDIR, as packagers need it."""
    _make("install", Path("/usr"), DESTDIR=str(tmp_path))

    link = tmp_path / "usr" / "bin" / DROP_IN
    assert os.readlink(link) == f"../lib/{NAME}/{DROP_IN}"
    done = subprocess.run([link, "version"], capture_output=True, check=True)
    assert done.stdout.startswith(DROP_IN.encode())
