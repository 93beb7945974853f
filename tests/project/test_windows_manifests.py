"""Facts about the manifests for Scoop and winget.

Their schemas are on no package registry. The checks are what the schemas demand of the keys that we
use: Scoop's schema.json, and winget's manifest schemas 1.10.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy import HOMEPAGE, __version__
from tests.world.release import NAME, write_release
from tools.package_managers.__main__ import write
from tools.package_managers.release import PROGRAMS, Release

pytestmark = pytest.mark.tree
IDENTIFIER = f"{NAME}.{NAME}"


@pytest.fixture(name="made")
def _made(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The directory of all files, and the checksums of the archives."""
    sums = write_release(tmp_path / "release", "windows-x86_64")
    write(Release.read(tmp_path / "release"), tmp_path / "made")
    return tmp_path / "made", sums


def test_the_scoop_manifest_has_what_its_schema_demands(made: tuple[Path, dict[str, str]]) -> None:
    """Its keys, and how the values are written; the next version is found by the same rules."""
    directory, sums = made
    manifest = json.loads((directory / "scoop" / "bucket" / f"{NAME}.json").read_text())
    architecture = manifest["architecture"]
    autoupdate = manifest["autoupdate"]
    (now,), (later,) = architecture.values(), autoupdate["architecture"].values()

    assert {*manifest} == {
        *("version", "description", "homepage", "license", "architecture", "bin"),
        *("checkver", "autoupdate"),
    }
    assert {*manifest} >= {"version", "homepage", "license"}
    assert re.fullmatch(r"[\w.+-]+", manifest["version"])
    assert {*architecture} == {*autoupdate["architecture"]} <= {"32bit", "64bit", "arm64"}
    assert {*now} == {"url", "hash", "extract_dir"}
    assert now["hash"] == sums[now["url"].rpartition("/")[2]]
    assert {key: text.replace("$version", __version__) for key, text in later.items()} == {
        key: now[key] for key in ("url", "extract_dir")
    }
    assert manifest["bin"] == [f"{program}.exe" for program in PROGRAMS]
    with zipfile.ZipFile(directory.parent / "release" / now["url"].rpartition("/")[2]) as archive:
        folder = now["extract_dir"].replace("\\", "/")
        assert {f"{folder}/{program}" for program in manifest["bin"]} <= {*archive.namelist()}
    assert manifest["checkver"] == {"github": HOMEPAGE}
    assert autoupdate["hash"] == {"url": "$baseurl/SHA256SUMS"}


def _read_winget(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the three manifests by their type."""
    version = f"manifests/{NAME[0]}/{NAME}/{NAME}/{__version__}"
    paths = sorted((directory / "winget").rglob("*.yaml"))
    assert [path.relative_to(directory / "winget").as_posix() for path in paths] == [
        f"{version}/{IDENTIFIER}{kind}.yaml" for kind in (".installer", ".locale.en-US", "")
    ]
    found = {}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        value = yaml.safe_load(text)
        kind = value["ManifestType"]
        schema = f"https://aka.ms/winget-manifest.{kind}.1.10.0.schema.json"
        assert text.startswith(f"# yaml-language-server: $schema={schema}\n")
        found[kind] = value
    return found


def test_the_winget_manifests_have_what_their_schemas_demand(
    made: tuple[Path, dict[str, str]],
) -> None:
    """Version, installer and default locale: required keys, and the limits of their values."""
    directory, sums = made
    found = _read_winget(directory)
    segment = r"[^\.\s\\/:*?\"<>|]{1,32}"
    required = {
        "version": {"DefaultLocale"},
        "installer": {"Installers"},
        "defaultLocale": {
            *("PackageLocale", "Publisher", "PackageName", "License", "ShortDescription"),
        },
    }
    assert found.keys() == required.keys()
    for kind, keys in required.items():
        assert found[kind].keys() >= keys | {"PackageIdentifier", "PackageVersion"}
        assert re.fullmatch(rf"{segment}(\.{segment}){{1,7}}", found[kind]["PackageIdentifier"])
        assert found[kind]["PackageIdentifier"] == IDENTIFIER
        assert found[kind]["PackageVersion"] == __version__  # text, not a number
        assert found[kind]["ManifestVersion"] == "1.10.0"
    locale = found["defaultLocale"]
    assert found["version"]["DefaultLocale"] == locale["PackageLocale"] == "en-US"
    for key, value in locale.items():
        assert value if isinstance(value, list) else 2 <= len(value) <= 256, key
        assert not key.endswith("Url") or value.startswith(HOMEPAGE)
    assert len(locale["Tags"]) == len({*locale["Tags"]}) <= 16

    installer = found["installer"]
    assert installer["InstallerType"] == "zip"
    assert installer["NestedInstallerType"] == "portable"
    assert installer["ArchiveBinariesDependOnPath"] is True
    assert installer["Commands"] == [*PROGRAMS]
    (program,) = installer["Installers"]
    assert program["Architecture"] == "x64"
    name = program["InstallerUrl"].rpartition("/")[2]
    assert program["InstallerSha256"] == sums[name].upper()
    with zipfile.ZipFile(directory.parent / "release" / name) as archive:
        members = {*archive.namelist()}
    for file in program["NestedInstallerFiles"]:
        assert file.keys() == {"RelativeFilePath"}
        assert file["RelativeFilePath"].replace("\\", "/") in members
