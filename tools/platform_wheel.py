"""Write the wheel that holds the static program, for Linux.

    platform_wheel.py DIRECTORY

DIRECTORY has the program, the bill of materials and the pure wheel; the new wheel is put beside it.
On Linux, with any C library, installers prefer it to the pure wheel, of which it has all but the
modules and the dependencies. A wheel cannot hold links: the second program starts the first.

Needs what binary/static.py needs, and SOURCE_DATE_EPOCH, which is the date of every file.
"""

import base64
import gzip
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
import zipfile
from pathlib import Path

TREE = Path(__file__).parent.parent
sys.path.insert(0, str(TREE / "binary"))
import cpython
import static

NAME, PROGRAM = "docker-credential-ecrpy", "docker-credential-ecr-login"
LICENCES = TREE / "build" / "binary" / "build_binary" / "LICENSES.txt"
# The oldest that installers know. The file needs neither library, and runs on Linux 3.2 and later.
LIBRARIES = ("manylinux_2_17", "musllinux_1_1")


def build_alias() -> bytes:
    """Return the program under its second name."""
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory, "alias")
        source = str(TREE / "binary" / "alias.c")
        cpython.run("cc", *static.COMPILE, *static.LINK, "-Wall", source, "-o", str(made))
        return made.read_bytes()


def change_metadata(text: str) -> str:
    """Return the metadata without dependencies, which are inside, and with the other licences."""
    head, blank, description = text.partition("\n\n")
    head = re.sub(r"(?m)^Requires-Dist: .*\n", "", head)
    head = head.replace(
        "License-File: LICENSE\n", "License-File: LICENSE\nLicense-File: LICENSES.txt\n"
    )
    return head + blank + description


def read_licences(directory: Path) -> bytes:
    """Return the licences of all parts of the program."""
    packages = json.loads((directory / ".static").read_text())["packages"]
    return gzip.decompress(static.collect_licences(str(LICENCES), [name for name, *_ in packages]))


def collect(pure: Path, tags: list[str], directory: Path) -> dict[str, bytes]:
    """Return path -> content of the files, without the record."""
    with zipfile.ZipFile(pure) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (metadata,) = [name for name in files if name.endswith(".dist-info/METADATA")]
    info = metadata.rpartition("/")[0]
    data = info.replace(".dist-info", ".data")
    kept = (f"{data}/data/", f"{info}/licenses/")
    lines = ["Wheel-Version: 1.0", "Generator: platform_wheel", "Root-Is-Purelib: false"]
    lines += [f"Tag: {tag}" for tag in tags]
    return {name: content for name, content in files.items() if name.startswith(kept)} | {
        f"{data}/scripts/{PROGRAM}": (directory / PROGRAM).read_bytes(),
        f"{data}/scripts/{NAME}": build_alias(),
        metadata: change_metadata(files[metadata].decode()).encode(),
        f"{info}/WHEEL": "\n".join([*lines, ""]).encode(),
        f"{info}/licenses/LICENSES.txt": read_licences(directory),
        f"{info}/sboms/{NAME}.cdx.json": (directory / f"{NAME}.cdx.json").read_bytes(),
    }


def write(files: dict[str, bytes], target: Path) -> None:
    """Write the files and their record to a wheel."""
    (record,) = [name.replace("METADATA", "RECORD") for name in files if name.endswith("/METADATA")]
    lines = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    lines.append(f"{record},,\n")
    date = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in [*sorted(files.items()), (record, "".join(lines).encode())]:
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, content)


def main(directory: Path) -> None:
    """Write the wheel, and remove those of other versions."""
    if not (directory / ".static").exists():
        print("no platform wheel: the static program is not built", file=sys.stderr)  # noqa: T201 - for the builder
        return
    initial = (TREE / "docker_credential_ecrpy" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.*)"$', initial, re.MULTILINE)
    stem = f"docker_credential_ecrpy-{version}-py3-none"
    names = [f"{library}_{platform.machine()}" for library in LIBRARIES]
    tags = [f"py3-none-{name}" for name in names]
    files = collect(directory / f"{stem}-any.whl", tags, directory)
    for old in directory.glob("docker_credential_ecrpy-*-manylinux*.whl"):
        old.unlink()
    target = directory / f"{stem}-{'.'.join(names)}.whl"
    write(files, target)
    print(target, file=sys.stderr)  # noqa: T201 - for the builder


if __name__ == "__main__":
    main(Path(sys.argv[1]))
