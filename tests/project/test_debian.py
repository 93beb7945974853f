"""Facts about the Debian package's fields and files, with a small stand-in for the program."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy import HOMEPAGE, __version__
from tests.world.tree import REPOSITORY
from tools import share

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOOLS = ("dpkg-deb", "objdump", "gzip")
pytestmark = [
    pytest.mark.tree,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs dpkg-deb and objdump"),
]


@pytest.fixture(scope="module", name="package")
def _package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package built from this tree, with `true` as its program."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("tools", "binary/copyright", "CHANGELOG.md", "pyproject.toml"):
        source, target = REPOSITORY / name, tree / name
        target.parent.mkdir(exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    (tree / "docker_credential_ecrpy").mkdir()
    version = f'__version__ = "{__version__}"\n'
    (tree / "docker_credential_ecrpy" / "__init__.py").write_text(version, encoding="utf-8")
    folder = tree / "dist" / "docker-credential-ecrpy"
    folder.mkdir(parents=True)
    program = Path(shutil.which("true") or "/bin/true").resolve()
    shutil.copy(program, folder / "docker-credential-ecr-login")
    (folder / "docker-credential-ecrpy").symlink_to("docker-credential-ecr-login")
    share.write(tree / "dist" / "share")
    subprocess.run(
        ["sh", "tools/make-deb.sh", "dist"],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1700000000"},
        check=True,
    )
    (package,) = (tree / "dist").glob("*.deb")
    return package


def _read_field(package: Path, name: str) -> str:
    command = ["dpkg-deb", "--field", str(package), name]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_its_fields_are_the_projects(package: Path) -> None:
    """Homepage and Maintainer are those of pyproject.toml, and equal HOMEPAGE."""
    (author,) = PROJECT["authors"]

    assert _read_field(package, "Homepage") == PROJECT["urls"]["Homepage"] == HOMEPAGE
    assert _read_field(package, "Maintainer") == f"{author['name']} <{author['email']}>"
    assert re.fullmatch(r"[\w.-]+@[\w-]+(\.[\w-]+)+", author["email"])
    assert _read_field(package, "Version") == f"{__version__}-1"


def test_every_url_of_the_project_is_of_one_repository() -> None:
    """The issue tracker, the changelog and the security policy are where the homepage is."""
    urls = PROJECT["urls"]

    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog", "Security"} <= set(urls)
    assert [url for url in urls.values() if not f"{url}/".startswith(f"{HOMEPAGE}/")] == []


def test_its_changelog_entry_is_the_maintainers(package: Path, tmp_path: Path) -> None:
    """It has the same name and address as the control file."""
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tmp_path)], check=True)
    changelog = tmp_path / "usr/share/doc/docker-credential-ecrpy/changelog.Debian.gz"
    text = subprocess.run(
        ["gzip", "-dc", str(changelog)], capture_output=True, check=True, text=True
    ).stdout

    assert f"\n -- {_read_field(package, 'Maintainer')}  Tue, 14 Nov 2023" in text


def test_its_copyright_file_names_the_source_and_the_issue_tracker(package: Path) -> None:
    """As Debian's format has them: where to get the source, and where to report a bug."""
    text = (REPOSITORY / "binary" / "copyright").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([\w-]+): (.*)$", text.partition("\n\n")[0], re.MULTILINE))

    assert fields["Source"] == PROJECT["urls"]["Source"]
    assert fields["Upstream-Contact"] == PROJECT["urls"]["Issues"]
    assert fields["Upstream-Name"] == _read_field(package, "Package") == PROJECT["name"]


def test_its_copyright_file_has_every_dependency() -> None:
    """Each package that is inside of the program, as pyproject.toml names them."""
    text = (REPOSITORY / "binary" / "copyright").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"(?m)^Files: (.*)$", text))))
    inside = [line for line in PROJECT["dependencies"] if ";" not in line]  # for its own Python

    assert {re.split(r"[^\w-]", line)[0] for line in inside} <= named


def test_every_manual_page_is_compressed(package: Path, tmp_path: Path) -> None:
    """Those of section 5 too, as Debian requires; none is left uncompressed."""
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tmp_path)], check=True)
    pages = (path.relative_to(tmp_path) for path in tmp_path.glob("usr/share/man/*/*"))

    assert sorted(page.as_posix() for page in pages) == [
        "usr/share/man/man1/docker-credential-ecr-login.1.gz",
        "usr/share/man/man1/docker-credential-ecrpy.1.gz",
        "usr/share/man/man5/docker-credential-ecrpy-config.5.gz",
    ]
