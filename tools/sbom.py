"""Write what the standalone programs hold, as a CycloneDX 1.6 bill of materials: sbom.py FILE.

Each component has its version, licence and package URL, the hashes of the archives that it may have
come from, and the places where it was found. It is read from the programs in dist/ by the
interpreter that is frozen into them: what is locked but not frozen is not in it, and what is there
in two copies is in it twice. Its only date is SOURCE_DATE_EPOCH, so that the same programs give the
same bytes.

https://cyclonedx.org/docs/1.6/json/
"""

import decimal
import json
import marshal
import os
import platform
import re
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterator
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
OURS = {"docker_credential_ecrpy", "LICENSES.txt", *(p.stem for p in TREE.glob("binary/*.py"))}
# What classifiers and older metadata say, in SPDX's words.
SPDX = {"Apache Software License": "Apache-2.0", "Apache-2.0": "Apache-2.0", "MIT License": "MIT"}
FEW = 50  # constants of other kinds have fewer entries
# Python's own files, on all systems.
PYTHONS = re.compile(r"(lib)?python\d|Python(\.framework)?$|base_library\.zip$")


class Library(NamedTuple):
    """A library in C: how its files' names begin, and how their bytes tell its version."""

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


def component(kind: str, name: str, version: str, licence: str, purl: str = "generic") -> Component:
    """Return a component; the licence is in SPDX's words. What is not known is empty."""
    at_version = f"@{quote(version)}" if version else ""
    result = {"type": kind, "name": name, "purl": f"pkg:{purl}/{name}{at_version}"}
    if version:
        result["version"] = version
    return {**result, "licenses": [{"expression": licence}] if licence else []}


def ours() -> Component:
    """Return the component that the others are parts of."""
    text = (TREE / "docker_credential_ecrpy" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    return component("application", NAME, version, "Apache-2.0", "pypi")


def python() -> Component:
    """Return the interpreter with its standard library."""
    version = platform.python_version()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {**component("platform", "python", version, "Python-2.0.1"), "cpe": cpe}


def package(distribution: metadata.Distribution, lock: str) -> Component:
    """Return a package from PyPI, with the hashes that the lock has for it."""
    told, version = distribution.metadata, distribution.version
    name = re.sub(r"[-_.]+", "-", told["Name"]).lower()
    (expression,) = told.get_all("License-Expression") or ("",)
    if name == "pyinstaller":  # which has it in words
        expression = "GPL-2.0-or-later WITH Bootloader-exception"
    result = component("library", name, version, expression, "pypi")
    if not expression:
        lines = [line.rpartition(" :: ") for line in told.get_all("Classifier") or ()]
        names = [line[2] for line in lines if line[0].startswith("License")]
        result["licenses"] = [
            {"license": {"id": SPDX[one]} if one in SPDX else {"name": one}}
            for one in names or [told["License"]]
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


def library(file: Path, source: str) -> Component:
    """Return the library that a file is, which was copied from `source`, if that is known."""
    for one in LIBRARIES:
        if file.name.startswith(one.starts):
            # Of several files of one library, one has its version.
            files = (near for near in file.parent.iterdir() if near.name.startswith(one.starts))
            version = next(filter(None, (version_in(near, one) for near in files)), "")
            return of_debian(source, one.licence) or in_c(one, version)
    name = file.name.partition(".")[0]
    return of_debian(source, "") or component("library", name, "", "")


def linked_into(file: Path) -> Iterator[Component]:
    """Yield the libraries that are a part of a program or of an extension module."""
    for one in LIBRARIES:
        version = version_in(file, one)
        if version:
            yield in_c(one, version)


def in_c(one: Library, version: str) -> Component:
    """Return the component of a library in C."""
    result = component("library", one.name, version, one.licence)
    known = one.cpe and version
    return {**result, "cpe": f"cpe:2.3:a:{one.cpe}:{version}:*:*:*:*:*:*:*"} if known else result


def version_in(file: Path, one: Library) -> str:
    """Return the version of a library as a file has it, or nothing."""
    if one == MPDECIMAL:
        return str(decimal.__libmpdec_version__) if file.name.startswith("_decimal.") else ""
    told = re.search(one.version, file.read_bytes()) if one.version else None
    return told[1].decode() if told else ""


def of_debian(path: str, licence: str) -> Component | None:
    """Return the Debian or Ubuntu package that a file belongs to, or None."""
    if not path:
        return None
    real = os.path.realpath(path)
    # What one package's list has below /lib, another's has below /usr/lib.
    paths = {path, real, f"/usr{real}", real.removeprefix("/usr")}
    try:
        name = output("dpkg-query", "--search", *paths).partition(":")[0]
        form = "--showformat=${Version} ${Architecture}"
        version, architecture = output("dpkg-query", "--show", form, name).split()
        system = platform.freedesktop_os_release()
    except (OSError, ValueError):
        return None
    result = component("library", name, version, licence, f"deb/{system['ID']}")
    release = f"&distro={system['ID']}-{system['VERSION_ID']}" if "VERSION_ID" in system else ""
    return {**result, "purl": f"{result['purl']}?arch={architecture}{release}"}


def output(*command: str) -> str:
    """Return what a command prints, whatever its exit status; raises OSError."""
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


def linked_with() -> dict[str, str]:
    """Return the paths of the libraries that Python and its extension modules need, by name."""
    found: dict[str, str] = {}
    more = list(Path(sysconfig.get_config_var("DESTSHARED") or os.devnull).glob("*.so"))
    while more:
        needed = {name: path for file in more for name, path in get_imports(str(file)) if path}
        more = [Path(path) for name, path in needed.items() if os.path.basename(name) not in found]
        found |= {os.path.basename(name): path for name, path in needed.items()}
    return found


def frozen() -> set[str]:
    """Return the names at the top of the modules in either program's archives and table."""
    names: set[str] = set()
    for program in (FOLDER / PROGRAM, ONE_FILE):
        archive = CArchiveReader(str(program))
        names |= {name for name, entry in archive.toc.items() if entry[-1] in "mMs"}
        names |= set(archive.open_embedded_archive("PYZ.pyz").toc)
        code = marshal.loads(archive.extract("prepared"))  # noqa: S302 - it was built here
        # The first of the two large tables that the build puts into binary/prepared.py.
        modules, _ = (one for one in code.co_consts if isinstance(one, tuple) and len(one) > FEW)
        names |= {name for name, _ in modules}
    return {name.partition(".")[0] for name in names}


class Bill:
    """The components by their references, and what each of them needs."""

    def __init__(self) -> None:
        lock = (TREE / "binary" / "requirements.txt").read_text(encoding="utf-8")
        self.root, self.python = ours(), python()
        self.components: dict[str, Component] = {}
        self.needs: dict[str, set[str]] = {}
        self.packages: dict[str, Component] = {}
        self.tops: dict[str, Component] = {}
        for distribution in metadata.distributions():
            found = package(distribution, lock)
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

    def owner(self, name: str) -> Component | None:
        """Return whose a module is, or a file at the top of _internal; None if it is neither's."""
        if name.partition(".")[0] in OURS or name in OURS:
            return self.root
        if name.startswith(("pyimod", "pyiboot", "pyi_")):
            return self.packages["pyinstaller"]
        if PYTHONS.match(name) or name.partition(".")[0] in sys.stdlib_module_names:
            return self.python
        return self.tops.get(name) or self.tops.get(name.partition(".")[0])

    def read(self) -> None:
        """Add all that the programs hold."""
        bootloader, sources = self.packages["pyinstaller"], linked_with()
        self.add(bootloader, PROGRAM)
        for part in linked_into(FOLDER / PROGRAM):
            self.add(part, PROGRAM, bootloader)
        for name in sorted(frozen()):
            found = self.owner(name) or component("library", name, "", "")
            self.add(found, f"{PROGRAM}/{name}")
        for file in sorted(FOLDER.glob("_internal/**/*")):
            if not file.is_file() or file.is_symlink():
                continue
            place = file.relative_to(FOLDER).as_posix()
            owner = self.owner(place.split("/")[1])
            if owner is None:
                self.add(library(file, sources.get(file.name, "")), place, self.python)
                continue
            self.add(owner, place)
            if owner is self.python:
                for part in linked_into(file):
                    self.add(part, place, owner)

    def dependencies(self) -> dict[str, list[str]]:
        """Return the references that each needs; the application, what nothing else does."""
        for one in self.packages.values():
            lines = metadata.requires(one["name"]) or ()
            names = {re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line}
            refs = {self.packages[name]["purl"] for name in names & set(self.packages)}
            self.needs.setdefault(one["purl"], set()).update(refs & set(self.components))
        needed = {ref for refs in self.needs.values() for ref in refs}
        self.needs[self.root["purl"]] = set(self.components) - needed - {self.root["purl"]}
        return {ref: sorted(self.needs.get(ref, ())) for ref in sorted(self.components)}


def document() -> dict[str, Any]:
    """Return the bill of materials; its serial number is made of all the rest."""
    bill = Bill()
    bill.read()
    graph = bill.dependencies()
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
    text = json.dumps(document(), indent=2, sort_keys=True) + "\n"
    Path(sys.argv[1]).write_bytes(text.encode())
