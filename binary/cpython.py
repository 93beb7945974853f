"""The parts of CPython for the static program that Debian's static library lacks.

Debian's and Ubuntu's libpython3.x.a has most extension modules. The others are compiled from the
source package of the same release.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cmp_to_key
from pathlib import Path

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
SOURCE = f"python{VERSION}"
# An extension module -> its sources, below Modules/.
SOURCES = {
    "_contextvars": ["_contextvarsmodule.c"],
    "_decimal": ["_decimal/_decimal.c", "_decimal/libmpdec/*.c"],
    "_hashlib": ["_hashopenssl.c"],
    "_json": ["_json.c"],
    "_queue": ["_queuemodule.c"],
    "_ssl": ["_ssl.c"],
    "_typing": ["_typingmodule.c"],
    "_zoneinfo": ["_zoneinfo.c"],
    "mmap": ["mmapmodule.c"],
    "resource": ["resource.c"],
    "termios": ["termios.c"],
}
MPDEC = {  # https://www.bytereef.org/mpdecimal/: the variants of its arithmetic
    "x86_64": ["-DCONFIG_64", "-DASM", "-DHAVE_UINT128_T"],
    "aarch64": ["-DCONFIG_64", "-DANSI", "-DHAVE_UINT128_T"],
}


class Missing(Exception):
    """Something that the static program is built from is missing; the text says what."""


def find_version(package: str) -> str:
    """Return the version of an installed Debian package, or ""."""
    form = "--showformat=${db:Status-Abbrev}${Version}"
    found = run("dpkg-query", "--show", form, package, check=False)
    return found.removeprefix("ii ") if found.startswith("ii ") else ""


def run(*command: str, check: bool = True, **options: object) -> str:
    """Return a command's output. Raises CalledProcessError if `check`, and OSError."""
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, **options).stdout  # type: ignore[call-overload, no-any-return]  # its keywords


def fetch(directory: Path) -> str:
    """Unpack the source package into a directory, which is emptied; return its version.

    It is that of the installed library. If the archive lacks that, as mirrors do around an update,
    it is the nearest one of the same release of CPython, an older one first. Raises Missing.
    """
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "lists" / "partial").mkdir(parents=True)
    (directory / "parts").mkdir()
    for name, text in read_source_lists():
        (directory / "parts" / name).write_text(text)
    options = [
        *("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Cache::pkgcache="),
        *("-o", f"Dir::Etc::SourceParts={directory}/parts", "-o", "Dir::Cache::srcpkgcache="),
        *("-o", f"Dir::State::Lists={directory}/lists"),
        *(("-o", "APT::Sandbox::User=root") if os.getuid() == 0 else ()),
    ]
    run("apt-get", *options, "--quiet", "--quiet", "update", check=False)
    wanted = find_version(f"lib{SOURCE}-dev")
    for version in list_versions(
        run("apt-cache", *options, "showsrc", SOURCE, check=False), wanted
    ):
        command = ["apt-get", *options, "--quiet", "--quiet", "--download-only", "source"]
        done = subprocess.run([*command, f"{SOURCE}={version}"], cwd=directory, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        if done.returncode == 0:
            (description,) = directory.glob("*.dsc")
            command = ["dpkg-source", "--no-check", "--extract", description.name, "cpython"]
            run(*command, cwd=directory, stderr=subprocess.DEVNULL)
            return version
    msg = f"the source package {SOURCE} {wanted}: no archive of apt's has it"
    raise Missing(msg)


def read_source_lists() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each of apt's lists, for source packages."""
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if path.suffix == ".sources" and path.is_file():
            yield path.name, re.sub(r"(?m)^Types:.*", "Types: deb-src", path.read_text())
        elif path.suffix == ".list" and path.is_file():
            lines = [line for line in path.read_text().splitlines() if line.startswith("deb ")]
            yield path.name, "".join(f"deb-src{line[3:]}\n" for line in lines)


def list_versions(shown: str, wanted: str) -> list[str]:
    """Return the versions of a source package, in the order in which to try them."""
    release = wanted.partition("-")[0]
    found = {
        one for one in re.findall(r"(?m)^Version: (.*)", shown) if one.startswith(f"{release}-")
    }
    rising = sorted(found, key=cmp_to_key(_compare))
    older = [one for one in rising if not is_newer(one, wanted)]
    return older[::-1] + rising[len(older) :]


def is_newer(version: str, other: str) -> bool:
    """Return whether a Debian version is newer than another."""
    command = ["dpkg", "--compare-versions", version, "gt", other]
    return subprocess.run(command, check=False).returncode == 0


def _compare(version: str, other: str) -> int:
    return is_newer(version, other) - is_newer(other, version)


def compile_extensions(names: list[str], cpython: Path, flags: list[str], to: Path) -> list[str]:
    """Compile extension modules from CPython's sources; return the object files."""
    modules = cpython / "Modules"
    # Debian's configuration wants a header that is used for Bluetooth's sockets alone.
    adapted = to / "adapted.h"
    adapted.write_text("#include <pyconfig.h>\n#undef HAVE_BLUETOOTH_BLUETOOTH_H\n")
    jobs = []
    for name in names:
        more = ["-DPy_BUILD_CORE_MODULE", "-DPy_BUILD_CORE_BUILTIN", "-include", str(adapted)]
        if name == "_decimal":
            more += [*MPDEC[platform.machine()], f"-I{modules}/_decimal/libmpdec"]
        for pattern in SOURCES[name]:
            for source in sorted(set(modules.glob(pattern)) - set(modules.glob("**/bench*.c"))):
                made = to / f"{name}-{source.stem}.o"
                jobs.append((made, ["cc", *flags, *more, f"-I{modules}", "-c", str(source),
                                    "-o", str(made)]))  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: run(*job[1]), jobs))
    return [str(made) for made, _ in jobs]
