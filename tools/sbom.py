"""Write the CycloneDX 1.6 bill of materials of the standalone programs: sbom.py FILE.

The static program's modules and packages are those that its build noted in PARTS.

Each component has its version, licence and package URL, the hashes of its possible archives, and
the places where it was found. The frozen interpreter reads it from the programs in dist/: a package
that is locked but not frozen is left out, and one with two copies is listed twice. The only date is
SOURCE_DATE_EPOCH, so that the same programs give the same bytes.

https://cyclonedx.org/docs/1.6/json/
"""

import decimal
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from PyInstaller.archive.readers import CArchiveReader
from PyInstaller.depend.bindepend import get_imports

Component = dict[str, Any]

TREE = Path(__file__).parent.parent
NAME, DROP_IN = "docker-credential-ecrpy", "docker-credential-ecr-login"
PROGRAM = DROP_IN + (".exe" if sys.platform == "win32" else "")
ONE_FILE, FOLDER = TREE / "dist" / PROGRAM, TREE / "dist" / NAME
PARTS = TREE / "dist" / ".static"
OURS = {"docker_credential_ecrpy", "LICENSES.txt", *(p.stem for p in TREE.glob("binary/*.py"))}
# Names in classifiers and older metadata -> SPDX's names.
SPDX = {"Apache Software License": "Apache-2.0", "Apache-2.0": "Apache-2.0", "MIT License": "MIT"}
# Python's own files, on all systems.
PYTHONS = re.compile(r"(lib)?python\d|Python(\.framework)?$|base_library\.zip$")


class Library(NamedTuple):
    """A library in C: the prefixes of its files' names, and where its version is in their bytes."""

    name: str
    starts: tuple[str, ...]
    licence: str
    cpe: str = ""
    version: bytes | None = None


LIBRARIES = (
    Library(
        "openssl",
        ("libcrypto", "libssl"),
        "Apache-2.0",
        "openssl:openssl",
        rb"OpenSSL (\d[\w.]+) +\d+ \w+ \d{4}",
    ),
    Library("zlib", ("libz.", "zlib1"), "Zlib", "zlib:zlib", rb" inflate (\d[\d.]+) Copyright"),
    Library("expat", ("libexpat",), "MIT", "libexpat_project:libexpat", rb"expat_(\d[\d.]+)"),
    Library("libffi", ("libffi",), "MIT"),
    (MPDECIMAL := Library("mpdecimal", ("libmpdec",), "BSD-2-Clause")),
)


def make_component(
    kind: str, name: str, version: str, licence: str, purl: str = "generic"
) -> Component:
    """Return a component; the licence is an SPDX expression. Unknown fields are empty."""
    at_version = f"@{quote(version)}" if version else ""
    result = {"type": kind, "name": name, "purl": f"pkg:{purl}/{name}{at_version}"}
    if version:
        result["version"] = version
    return {**result, "licenses": [{"expression": licence}] if licence else []}


def describe_application() -> Component:
    """Return the component of the application, which the others are parts of."""
    text = (TREE / "docker_credential_ecrpy" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    return make_component("application", NAME, version, "Apache-2.0", "pypi")


def describe_python() -> Component:
    """Return the interpreter with its standard library."""
    version = platform.python_version()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {**make_component("platform", "python", version, "Python-2.0.1"), "cpe": cpe}


def describe_package(distribution: metadata.Distribution, lock: str) -> Component:
    """Return a package from PyPI, with its hashes in the lock."""
    found, version = distribution.metadata, distribution.version
    name = re.sub(r"[-_.]+", "-", found["Name"]).lower()
    (expression,) = found.get_all("License-Expression") or ("",)
    if name == "pyinstaller":  # its metadata has no SPDX expression
        expression = "GPL-2.0-or-later WITH Bootloader-exception"
    result = make_component("library", name, version, expression, "pypi")
    if not expression:
        lines = [line.rpartition(" :: ") for line in found.get_all("Classifier") or ()]
        names = [line[2] for line in lines if line[0].startswith("License")]
        result["licenses"] = [
            {"license": {"id": SPDX[one]} if one in SPDX else {"name": one}}
            for one in names or [found["License"]]
        ]
    locked = re.search(
        rf"^{re.escape(name)}=={re.escape(version)} .*(?:\n .*)+", lock, re.MULTILINE
    )
    if locked:
        hashes = re.findall(r"--hash=sha256:(\w+)", locked[0])
        source = {
            "type": "distribution",
            "url": f"https://pypi.org/project/{name}/{version}/#files",
            "comment": "one of the archives that binary/requirements.txt allows",
            "hashes": [{"alg": "SHA-256", "content": one} for one in hashes],
        }
        result["externalReferences"] = [source]
    return result


def describe_library(file: Path, source: str) -> Component:
    """Return the library of a file; `source` is the original file's path, or "" if unknown."""
    for one in LIBRARIES:
        if file.name.startswith(one.starts):
            # One of a library's files has its version.
            files = (near for near in file.parent.iterdir() if near.name.startswith(one.starts))
            version = next(filter(None, (find_version(near, one) for near in files)), "")
            return find_debian_package(source, one.licence) or make_c_library(one, version)
    name = file.name.partition(".")[0]
    return find_debian_package(source, "") or make_component("library", name, "", "")


def find_linked_libraries(file: Path) -> Iterator[Component]:
    """Yield the libraries that are linked into a program or an extension module."""
    for one in LIBRARIES:
        version = find_version(file, one)
        if version:
            yield make_c_library(one, version)


def make_c_library(one: Library, version: str) -> Component:
    """Return the component of a library in C."""
    result = make_component("library", one.name, version, one.licence)
    known = one.cpe and version
    return {**result, "cpe": f"cpe:2.3:a:{one.cpe}:{version}:*:*:*:*:*:*:*"} if known else result


def find_version(file: Path, one: Library) -> str:
    """Return a library's version found in a file, or ""."""
    if one == MPDECIMAL:
        return str(decimal.__libmpdec_version__) if file.name.startswith("_decimal.") else ""
    found = re.search(one.version, file.read_bytes()) if one.version else None
    return found[1].decode() if found else ""


def find_debian_package(path: str, licence: str) -> Component | None:
    """Return the Debian or Ubuntu package that a file belongs to, or None."""
    if not path:
        return None
    real = os.path.realpath(path)
    # Some packages list a file below /lib, others below /usr/lib.
    paths = {path, real, f"/usr{real}", real.removeprefix("/usr")}
    try:
        name = run_command("dpkg-query", "--search", *paths).partition(":")[0]
        form = "--showformat=${Version} ${Architecture}"
        version, architecture = run_command("dpkg-query", "--show", form, name).split()
        system = platform.freedesktop_os_release()
    except (OSError, ValueError):
        return None
    result = make_component("library", name, version, licence, f"deb/{system['ID']}")
    release = f"&distro={system['ID']}-{system['VERSION_ID']}" if "VERSION_ID" in system else ""
    return {**result, "purl": f"{result['purl']}?arch={architecture}{release}"}


def run_command(*command: str) -> str:
    """Return a command's output, whatever its exit status; raises OSError."""
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


def find_needed_libraries() -> dict[str, str]:
    """Return name -> path of the libraries that Python and its extension modules need."""
    found: dict[str, str] = {}
    more = list(Path(sysconfig.get_config_var("DESTSHARED") or os.devnull).glob("*.so"))
    while more:
        needed = {name: path for file in more for name, path in get_imports(str(file)) if path}
        more = [Path(path) for name, path in needed.items() if os.path.basename(name) not in found]
        found |= {os.path.basename(name): path for name, path in needed.items()}
    return found


def read_parts() -> dict[str, Any]:
    """Return the parts of the static program; none if the one file is PyInstaller's."""
    result: dict[str, Any] = json.loads(PARTS.read_text()) if PARTS.is_file() else {}
    return result


def list_frozen_modules(parts: Mapping[str, Any]) -> set[str]:
    """Return the top-level names of the modules in either program."""
    names = set(parts.get("modules", ()))
    for program in (FOLDER / PROGRAM, *([] if parts else [ONE_FILE])):
        archive = CArchiveReader(str(program))
        names |= {name for name, entry in archive.toc.items() if entry[-1] in "mMs"}
        names |= set(archive.open_embedded_archive("PYZ.pyz").toc)
    return {name.partition(".")[0] for name in names}


def list_linked(parts: Mapping[str, Any]) -> Iterator[Component]:
    """Yield the packages of the system that are linked into the static program."""
    if not parts:
        return
    system = platform.freedesktop_os_release()
    kind, release = f"deb/{system['ID']}", f"&distro={system['ID']}-{system['VERSION_ID']}"
    architecture = run_command("dpkg", "--print-architecture").strip()
    linked = [(*package, architecture) for package in parts["packages"]]
    for name, version, licence, arch in [*linked, (*parts["source"], "source")]:
        result = make_component("library", name, version, licence, kind)
        yield {**result, "purl": f"{result['purl']}?arch={arch}{release}"}
    yield make_c_library(MPDECIMAL, parts["mpdecimal"])


class Bill:
    """The components by their references, and their dependencies."""

    def __init__(self) -> None:
        lock = (TREE / "binary" / "requirements.txt").read_text(encoding="utf-8")
        self.root, self.python = describe_application(), describe_python()
        self.components: dict[str, Component] = {}
        self.needs: dict[str, set[str]] = {}
        self.packages: dict[str, Component] = {}
        self.tops: dict[str, Component] = {}
        for distribution in metadata.distributions():
            found = describe_package(distribution, lock)
            self.packages[found["name"]] = found
            for file in distribution.files or ():
                self.tops[file.parts[0]] = self.tops[file.parts[0].partition(".")[0]] = found

    def add(self, found: Component, place: str, needed_by: Component | None = None) -> None:
        """Add a component, or one more place of it."""
        ref = found["purl"]
        known = self.components.setdefault(ref, {"bom-ref": ref, **found})
        known.setdefault("evidence", {"occurrences": []})["occurrences"].append({"location": place})
        if needed_by:
            self.needs.setdefault(needed_by["purl"], set()).add(ref)

    def find_owner(self, name: str) -> Component | None:
        """Return the component of a module, or of a file at the top of _internal, or None."""
        if name.partition(".")[0] in OURS or name in OURS:
            return self.root
        if name.startswith(("pyimod", "pyiboot", "pyi_")):
            return self.packages["pyinstaller"]
        if PYTHONS.match(name) or name.partition(".")[0] in sys.stdlib_module_names:
            return self.python
        return self.tops.get(name) or self.tops.get(name.partition(".")[0])

    def read(self) -> None:
        """Add all components of the programs."""
        bootloader, sources = self.packages["pyinstaller"], find_needed_libraries()
        self.add(bootloader, PROGRAM)
        for part in find_linked_libraries(FOLDER / PROGRAM):
            self.add(part, PROGRAM, bootloader)
        parts = read_parts()
        for part in list_linked(parts):
            self.add(part, PROGRAM, self.python)
        for name in sorted(list_frozen_modules(parts)):
            found = self.find_owner(name) or make_component("library", name, "", "")
            self.add(found, f"{PROGRAM}/{name}")
        for file in sorted(FOLDER.glob("_internal/**/*")):
            if not file.is_file() or file.is_symlink():
                continue
            place = file.relative_to(FOLDER).as_posix()
            owner = self.find_owner(place.split("/")[1])
            if owner is None:
                self.add(describe_library(file, sources.get(file.name, "")), place, self.python)
                continue
            self.add(owner, place)
            if owner is self.python:
                for part in find_linked_libraries(file):
                    self.add(part, place, owner)

    def list_dependencies(self) -> dict[str, list[str]]:
        """Return each component's dependencies; the application's are those of no other."""
        for one in self.packages.values():
            lines = metadata.requires(one["name"]) or ()
            names = {re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line}
            refs = {self.packages[name]["purl"] for name in names & set(self.packages)}
            self.needs.setdefault(one["purl"], set()).update(refs & set(self.components))
        needed = {ref for refs in self.needs.values() for ref in refs}
        self.needs[self.root["purl"]] = set(self.components) - needed - {self.root["purl"]}
        return {ref: sorted(self.needs.get(ref, ())) for ref in sorted(self.components)}


def make_document() -> dict[str, Any]:
    """Return the bill of materials; its serial number is a hash of the rest."""
    bill = Bill()
    bill.read()
    graph = bill.list_dependencies()
    root = bill.components.pop(bill.root["purl"])
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    result = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "post-build"}],
            "component": root,
        },
        "components": [bill.components[ref] for ref in sorted(bill.components)],
        "dependencies": [{"ref": ref, "dependsOn": refs} for ref, refs in graph.items()],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(result, sort_keys=True))
    return {**result, "serialNumber": f"urn:uuid:{number}"}


if __name__ == "__main__":
    text = json.dumps(make_document(), indent=2, sort_keys=True) + "\n"
    Path(sys.argv[1]).write_bytes(text.encode())
