"""The bill of materials of the image, in the format of CycloneDX 1.6.

Its packages are those of the image, by their metadata; its libraries are the packages of Debian
that own the files. The only date is SOURCE_DATE_EPOCH. https://cyclonedx.org/docs/1.6/json/
"""

import json
import os
import platform
import re
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

Component = dict[str, Any]

_LONGEST = 100  # characters of a licence; more is its text
NAME = "docker-credential-ecrpy"


def make(packages: Path, libraries: Iterable[str], lock: Path) -> str:
    """Return the document. lock: the requirements with the hashes of the archives."""
    locked = lock.read_text(encoding="utf-8")
    found = [describe(one, locked) for one in metadata.distributions(path=[str(packages)])]
    components = {one["name"]: one for one in found}
    root = components.pop(NAME)
    others = [describe_python(), *components.values(), *list_debian(libraries)]
    others.sort(key=lambda one: str(one["purl"]))
    root["type"] = "application"
    when = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH") or 0), timezone.utc)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": {"bom-ref": root["purl"], **root},
        },
        "components": [{"bom-ref": one["purl"], **one} for one in others],
        "dependencies": [{"ref": root["purl"], "dependsOn": [one["purl"] for one in others]}],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return json.dumps({**document, "serialNumber": f"urn:uuid:{number}"}, indent=2) + "\n"


def describe(distribution: metadata.Distribution, locked: str) -> Component:
    """Return a package of PyPI, with the hashes of its possible archives."""
    version = distribution.version
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    result: Component = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
    }
    expression = distribution.metadata.get("License-Expression")
    text = distribution.metadata.get("License") or ""
    if expression:
        result["licenses"] = [{"expression": expression}]
    elif text and len(text) < _LONGEST:
        result["licenses"] = [{"license": {"name": text}}]
    entry = re.search(
        rf"^{re.escape(name)}=={re.escape(version)} .*(?:\n .*)+", locked, re.MULTILINE
    )
    if entry:
        hashes = re.findall(r"--hash=sha256:(\w+)", entry[0])
        source = {
            "type": "distribution",
            "url": f"https://pypi.org/project/{name}/{version}/#files",
            "comment": "one of the archives that requirements.txt allows",
            "hashes": [{"alg": "SHA-256", "content": one} for one in hashes],
        }
        result["externalReferences"] = [source]
    return result


def describe_python() -> Component:
    """Return the interpreter with its standard library."""
    version = platform.python_version()
    return {
        "type": "platform",
        "name": "python",
        "version": version,
        "purl": f"pkg:generic/python@{version}",
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        "licenses": [{"expression": "Python-2.0.1"}],
    }


def list_debian(libraries: Iterable[str]) -> Iterator[Component]:
    """Yield the packages of Debian that own the libraries; none in a base that has no dpkg."""
    names = {each for path in libraries for each in (path, os.path.realpath(path))}
    names |= {each.removeprefix("/usr") for each in names}
    try:
        owners = subprocess.run(
            ["dpkg-query", "--search", *sorted(names)], capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        return
    packages = sorted({line.partition(": ")[0].split(",")[0] for line in owners.splitlines()})
    release = platform.freedesktop_os_release()
    shown = "${Package} ${Version} ${Architecture}\n"
    listed = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={shown}", *packages, "ca-certificates"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in listed.splitlines():
        name, version, architecture = line.split()
        place = f"arch={architecture}&distro={release['ID']}-{release['VERSION_ID']}"
        yield {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/{release['ID']}/{name}@{version}?{place}",
        }
