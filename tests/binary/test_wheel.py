"""The wheel of the static program: its files, who installs it, and where it runs."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import BytesParser
from pathlib import Path

import packaging._manylinux
import packaging._musllinux
import packaging.tags
import packaging.utils
import pytest

from docker_credential_ecrpy import __version__
from tests.world import engines, installations
from tests.world.documents import find_page
from tests.world.machine import Machine
from tests.world.products import DIST, DROP_IN, NAME, ONE_FILE
from tests.world.tree import REPOSITORY

STEM = f"docker_credential_ecrpy-{__version__}"
MACHINE = os.uname().machine
PURE = DIST / f"{STEM}-py3-none-any.whl"
PLATFORM = DIST / f"{STEM}-py3-none-manylinux_2_17_{MACHINE}.musllinux_1_1_{MACHINE}.whl"
MUSL = Path(f"/lib/ld-musl-{MACHINE}.so.1")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
UV = ("uv", "pip", "install", "--quiet", "--offline", "--python", sys.executable)
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation")


def _read() -> dict[str, bytes]:
    assert PLATFORM.is_file(), "not built: make wheels"
    with zipfile.ZipFile(PLATFORM) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _data(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".data/data/" in name}


def test_it_has_the_programs_and_no_module() -> None:
    """Pages and completions are those of the pure wheel; licences and the bill are inside."""
    files = _read()

    assert set(files) == _data(PURE) | {
        f"{STEM}.data/scripts/{DROP_IN}",
        f"{STEM}.data/scripts/{NAME}",
        *(f"{STEM}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL")),
        *(f"{STEM}.dist-info/licenses/{name}" for name in ("LICENSE", "LICENSES.txt")),
        f"{STEM}.dist-info/sboms/{NAME}.cdx.json",
    }
    assert files[f"{STEM}.data/scripts/{DROP_IN}"] == ONE_FILE.read_bytes()
    bill = DIST / f"{NAME}.cdx.json"
    assert files[f"{STEM}.dist-info/sboms/{NAME}.cdx.json"] == bill.read_bytes()
    licences = files[f"{STEM}.dist-info/licenses/LICENSES.txt"]
    assert b"==== botocore: LICENSE" in licences
    assert b"==== libc6-dev ====" in licences


def test_its_record_is_right() -> None:
    """Each file's hash and size are listed, except the record's own."""
    files = _read()
    record = f"{STEM}.dist-info/RECORD"
    expected = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        expected.append(
            f"{name},,\n" if name == record else f"{name},sha256={digest},{len(content)}\n"
        )

    assert files[record].decode() == "".join(expected)


def test_its_metadata() -> None:
    """It is that of the pure wheel, without dependencies and with all licence files."""
    ours = BytesParser().parsebytes(_read()[f"{STEM}.dist-info/METADATA"])
    with zipfile.ZipFile(PURE) as archive:
        pure = BytesParser().parsebytes(archive.read(f"{STEM}.dist-info/METADATA"))

    assert pure.get_all("Requires-Dist")
    assert ours.get_all("Requires-Dist") is None
    assert ours.get_all("License-File") == ["LICENSE", "LICENSES.txt"]
    changed = ("Requires-Dist", "License-File")
    assert [one for one in ours.items() if one[0] not in changed] == [
        one for one in pure.items() if one[0] not in changed
    ]
    assert ours.get_payload() == pure.get_payload()


def test_it_is_smaller_than_two_programs() -> None:
    """The second program is a small one, which starts the first."""
    assert PLATFORM.stat().st_size < 0.45 * ONE_FILE.stat().st_size


def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    """The builder's umask, clock and directory do not matter."""
    copy = tmp_path / "dist"
    copy.mkdir()
    for file in (ONE_FILE, DIST / ".static", DIST / f"{NAME}.cdx.json", PURE):
        shutil.copy(file, copy)
    with zipfile.ZipFile(PLATFORM) as archive:
        date = archive.infolist()[0].date_time
    seconds = subprocess.run(
        ["date", "-u", "-d", "{}-{}-{} {}:{}:{}".format(*date), "+%s"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    subprocess.run(
        [REPOSITORY / ".binary" / "bin" / "python", "-B", "tools/platform_wheel.py", copy],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": seconds},
        check=True,
        umask=0o077,
    )

    assert (copy / PLATFORM.name).read_bytes() == PLATFORM.read_bytes()


# --- who installs it -----------------------------------------------------------------------------


@pytest.fixture(scope="module", name="index")
def _index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with all that a release has for installers of Python packages."""
    directory = tmp_path_factory.mktemp("index")
    assert PLATFORM.is_file(), "not built: make wheels"
    for wheel in (PURE, PLATFORM):
        shutil.copy(wheel, directory)
    # From a copy: other tests write byte code into the tree meanwhile.
    copy = tmp_path_factory.mktemp("tree") / "copy"
    ignore = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
    shutil.copytree(REPOSITORY, copy, symlinks=True, ignore=ignore)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory"]
    subprocess.run([*command, directory], cwd=copy, check=True)
    return directory


def _install(index: Path, target: Path, *command: str) -> set[str]:
    """Install the program into an empty directory; return the names in it."""
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    if not shutil.which(command[0], path=path):
        engines.missing(f"{command[0]} is not installed")
    options = ["--find-links", str(index), "--target", str(target)]
    home = target.with_name("home")
    home.mkdir()
    environ = {**os.environ, "PATH": path, "HOME": str(home), "UV_CACHE_DIR": str(home / "cache")}
    subprocess.run([*command, *options, NAME], check=True, env=environ)
    return {one.name for one in target.iterdir()}


@pytest.mark.parametrize(
    "command",
    [
        (*PIP, "--no-index"),  # with dependencies: it has none
        (*PIP, *OFFLINE, "--only-binary", ":all:", "--platform", f"musllinux_1_1_{MACHINE}"),
        (*UV, "--no-index"),
        (*UV, "--no-index", "--python-platform", f"{MACHINE}-unknown-linux-musl"),
        (*UV, "--no-index", "--python-platform", f"{MACHINE}-manylinux_2_17"),
    ],
    ids=["pip", "pip-musl", "uv", "uv-musl", "uv-oldest"],
)
def test_linux_gets_the_static_program(index: Path, tmp_path: Path, command: list[str]) -> None:
    """pip and uv prefer it to the pure wheel, with glibc and with musl."""
    target = tmp_path / "target"

    assert "docker_credential_ecrpy" not in _install(index, target, *command)
    assert (target / "bin" / DROP_IN).read_bytes() == ONE_FILE.read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        (*PIP, *OFFLINE, "--no-binary", NAME),
        (*UV, *OFFLINE, "--no-binary", NAME),
        (*UV, *OFFLINE, "--python-platform", "macos"),
        (*UV, *OFFLINE, "--python-platform", "windows"),
    ],
    ids=["pip-no-binary", "uv-no-binary", "macos", "windows"],
)
def test_others_get_the_modules(index: Path, tmp_path: Path, command: list[str]) -> None:
    """Other systems get the pure wheel, and so does who asks for no binary."""
    assert "docker_credential_ecrpy" in _install(index, tmp_path / "target", *command)


def test_pipx_installs_it(tmp_path: Path) -> None:
    """By the line of the install page, without an index: both programs start."""
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    line = installations.command("wheel of the static program")
    subprocess.run(["sh", "-c", line], cwd=REPOSITORY, env=environ, check=True, capture_output=True)
    for program in (DROP_IN, NAME):
        started = [str(tmp_path / ".local" / "bin" / program), "version"]
        said = subprocess.run(started, check=True, capture_output=True, text=True).stdout
        assert said.startswith(f"{program} ({NAME}) ")


@pytest.mark.parametrize("musl", [(1, 1), (1, 2)], ids=str)
def test_its_tag_is_preferred_with_musl(
    monkeypatch: pytest.MonkeyPatch, musl: tuple[int, int]
) -> None:
    """On Alpine, of each release, it comes before the pure wheel."""
    version = packaging._musllinux._MuslVersion(*musl)
    monkeypatch.setattr(packaging._musllinux, "_get_musl_version", lambda _: version)
    monkeypatch.setattr(packaging._manylinux, "_get_glibc_version", lambda: (-1, -1))
    supported = [str(tag) for tag in packaging.tags.sys_tags()]
    assert not any("manylinux" in tag for tag in supported)
    found = packaging.utils.parse_wheel_filename(PLATFORM.name)[3]

    places = [supported.index(str(tag)) for tag in found if str(tag) in supported]
    assert len(places) == 1
    assert places[0] < supported.index("py3-none-any")


def test_the_documented_options_are_the_tested_ones() -> None:
    """The install page says how to get the modules on Linux, with options that there are."""
    assert dict(find_page("install").table("### Wheels")) == {
        "`pip install`": f"`--no-binary {NAME}`",
        "`pipx install`": f'`--pip-args="--no-binary {NAME}"`',
        "`uv tool install`": f"`--no-binary-package {NAME}`",
    }
    uv = os.path.join(sysconfig.get_path("scripts"), "uv")
    command = [uv, "tool", "install", "--help"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert "--no-binary-package <NO_BINARY_PACKAGE>" in shown


# --- that it runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("libc", ["", "musl"])
def test_it_runs_without_glibc(empty_root: Machine, index: Path, libc: str) -> None:
    """Installed into a root that has busybox, with or without musl, both names work."""
    root = empty_root.root / "root"
    (root / DROP_IN).unlink()
    _install(index, root / "usr", *PIP, "--no-index")
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin" / "sh")
    if libc:
        if not MUSL.exists():
            engines.missing(f"{MUSL} is missing: apt-get install musl")
        (root / "lib").mkdir()
        shutil.copy(MUSL, root / "lib")
    empty_root.environ["PATH"] = "/links"
    (root / "links").mkdir()
    chroot = empty_root.program[0]
    empty_root.login()
    tokens = set()
    for name in (DROP_IN, NAME):
        (root / "links" / name).symlink_to(f"../usr/bin/{name}")  # as pipx and uv link it
        empty_root.program = [chroot, str(root), "/bin/sh", "-c", f'exec {name} "$@"', "sh"]
        tokens.add(empty_root.get().secret)
        version = empty_root.run("version").stdout.decode()
        assert version == f"{name} ({NAME}) {__version__}\n"

    assert len(tokens & set(empty_root.aws.issued)) == 1  # both use the same cache


def test_the_second_name_needs_the_first(tmp_path: Path) -> None:
    """Alone, it says so where clients read errors."""
    alias = tmp_path / NAME
    alias.write_bytes(_read()[f"{STEM}.data/scripts/{NAME}"])
    alias.chmod(0o755)
    done = subprocess.run([alias, "get"], capture_output=True, check=False, text=True)

    assert done.returncode == 1
    assert done.stdout == f"cannot start {DROP_IN} beside this program: No such file or directory\n"


def test_the_second_name_is_static_too(tmp_path: Path) -> None:
    """It names no interpreter and no library."""
    alias = tmp_path / NAME
    alias.write_bytes(_read()[f"{STEM}.data/scripts/{NAME}"])
    command = ["readelf", "--wide", "--program-headers", str(alias)]
    headers = subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert "GNU_RELRO" in headers
    assert not re.search("INTERP|DYNAMIC", headers)
