"""Facts about the bill of materials of the programs."""

import json
import os
import re
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.world.products import DIST, DROP_IN, FOLDER, NAME, STATIC
from tests.world.tree import REPOSITORY

BILL = DIST / f"{NAME}.cdx.json"
TOOLS = REPOSITORY / ".binary" / "bin"


@cache
def _bill() -> dict[str, Any]:
    assert BILL.is_file(), "not built: make binary"
    result: dict[str, Any] = json.loads(BILL.read_bytes())
    return result


def _components() -> list[dict[str, Any]]:
    return [_bill()["metadata"]["component"], *_bill()["components"]]


def _places(component: dict[str, Any]) -> set[str]:
    return {one["location"] for one in component["evidence"]["occurrences"]}


def _frozen() -> set[str]:
    """Return the modules in either program: those in PyInstaller's viewer, and in the list."""
    program = str(FOLDER / DROP_IN)
    listed = _said("pyi-archive_viewer", "--list", "--brief", "--recursive", program)
    names = {line.strip() for line in listed.splitlines() if line.startswith(" ")}
    options = {name for name in names if " " in name}  # options of the bootloader
    files = {name for name in names if re.search(r"\.(so|zip|pyz)\b", name)}
    return (names | {*_parts()["modules"]}) - options - files


def _parts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STATIC.read_text())
    return found


def _said(tool: str, *arguments: str, **environ: str) -> str:
    """Return the output of a tool in the build environment."""
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", **environ}
    done = subprocess.run(
        [TOOLS / tool, *arguments], capture_output=True, check=True, env=environ, text=True
    )
    return done.stdout


def test_it_matches_the_schema() -> None:
    """It passes the strict validation of CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = BILL.read_text(encoding="utf-8")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_lists_exactly_the_parts_of_the_programs() -> None:
    """Each module and file has one component, and each component has at least one."""
    frozen = _frozen()
    assert len(frozen) > 400
    tops = {name.partition(".")[0] for name in frozen}
    below = (path for path in FOLDER.rglob("*") if path.is_file() and not path.is_symlink())
    held = {path.relative_to(FOLDER).as_posix() for path in below}
    held |= {f"{DROP_IN}/{name}" for name in tops} | {DROP_IN}
    places = [place for component in _components() for place in _places(component)]

    assert set(places) == held
    assert all(map(_places, _components()))
    native = {place for place in places if places.count(place) > 1}
    # Files that other libraries are linked into: zlib, expat and mpdecimal.
    assert all(re.search(rf"{DROP_IN}$|/pyexpat\.|/_decimal\.", place) for place in native)


def test_packages_have_the_version_and_the_hashes_of_the_lock() -> None:
    """Python's version is that of the frozen interpreter."""
    lock = (REPOSITORY / "binary" / "requirements.txt").read_text(encoding="utf-8")
    packages = [one for one in _bill()["components"] if one["purl"].startswith("pkg:pypi/")]
    assert {one["name"] for one in packages} >= {"boto3", "botocore", "click", "pyinstaller"}
    for one in packages:
        block = lock.partition(f"\n{one['name']}=={one['version']} ")[2]
        block = re.split(r"\n(?=\w)", block)[0]
        (source,) = one["externalReferences"]
        assert {entry["content"] for entry in source["hashes"]} == set(
            re.findall(r"sha256:(\w{64})", block)
        )
        assert one["licenses"]

    (python,) = [one for one in _components() if one["name"] == "python"]
    version = _said("python", "-c", "import platform; print(platform.python_version())")
    assert python["version"] == version.strip()


def test_linked_packages_are_listed() -> None:
    """Each package of the system in the static program has its version and its licence."""
    known = {(one["name"], one.get("version")): one for one in _components()}
    for name, version, licence in [*_parts()["packages"], _parts()["source"]]:
        found = known[name, version]
        assert found["purl"].startswith("pkg:deb/")
        assert found["licenses"] == [{"expression": licence}]
        assert DROP_IN in _places(found)
    assert ("mpdecimal", _parts()["mpdecimal"]) in known


def test_libraries_have_their_version() -> None:
    """OpenSSL's version is the one that Python reports."""
    libraries = [one for one in _components() if re.match("pkg:(deb|generic)/", one["purl"])]
    if BILL.read_text(encoding="utf-8").count("pkg:deb/"):
        assert all("version" in one for one in libraries)
    (tls,) = [one for one in libraries if {"_internal/libssl.so.3"} & _places(one)]
    version = _said("python", "-c", "import ssl; print(ssl.OPENSSL_VERSION.split()[1])")

    assert tls["version"].startswith(version.strip())
    assert "_internal/libcrypto.so.3" in _places(tls)


def test_every_component_is_reached_from_the_program() -> None:
    """The graph of dependencies has no loose ends."""
    needs = {one["ref"]: set(one["dependsOn"]) for one in _bill()["dependencies"]}
    reached, more = set[str](), {_bill()["metadata"]["component"]["bom-ref"]}
    while more:
        reached |= more
        more = {ref for one in more for ref in needs[one]} - reached

    assert reached == set(needs) == {one["bom-ref"] for one in _components()}
    names = {one["bom-ref"]: one["name"] for one in _components()}
    (boto3,) = [ref for ref, name in names.items() if name == "boto3"]
    assert {names[ref] for ref in needs[boto3]} == {"botocore", "jmespath"}
    assert "s3transfer" not in names.values()  # left out of the build


def test_the_same_programs_give_the_same_bytes(tmp_path: Path) -> None:
    """Written again elsewhere, the file is the same."""
    stamp = _bill()["metadata"]["timestamp"].replace("Z", "+00:00")
    seconds = int(datetime.fromisoformat(stamp).timestamp())
    script = str(REPOSITORY / "tools" / "sbom.py")
    _said("python", "-B", script, str(tmp_path / "again"), SOURCE_DATE_EPOCH=str(seconds))

    assert (tmp_path / "again").read_bytes() == BILL.read_bytes()
    assert str(REPOSITORY) not in BILL.read_text(encoding="utf-8")
