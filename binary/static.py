"""Build the static program for Linux.

    static.py CONTENTS WORK PROGRAM PARTS    build it
    static.py --list-packages                print the packages of the system that are missing

CONTENTS is what build_binary.spec found to be needed. The program has CPython, from the static
library of Debian's or Ubuntu's libpython3.x-dev, OpenSSL, zlib, expat and glibc in machine code,
and all modules and data in a pack. PARTS lists what is inside, for the bill of materials.

Exits with 3, and says why, if something that it needs is missing.
"""

import _imp
import gzip
import json
import marshal
import os
import platform
import re
import subprocess
import sys
import sysconfig
import zlib
from pathlib import Path

import cpython
from cpython import Missing

PACKAGE = "docker_credential_ecrpy"
HERE = Path(__file__).parent
OLDEST = (3, 11)  # the first whose table of frozen modules is in addition to its own
PACKAGES = (
    *(f"libpython{cpython.VERSION}-dev", "libc6-dev", "libssl-dev", "zlib1g-dev"),
    *("libexpat1-dev", "gcc", "binutils", "dpkg-dev"),
)
# The packages that are linked in -> their licences, in SPDX's form.
LINKED = {
    "libc6-dev": "LGPL-2.1-or-later",
    "libexpat1-dev": "MIT",
    f"libpython{cpython.VERSION}-dev": "Python-2.0.1",
    "libssl-dev": "Apache-2.0",
    "zlib1g-dev": "Zlib",
}
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
OWN = ("start", "pack", "rest", "memo")  # modules beside this one
ENTRIES = (
    *("__main__", "helper.fast_path", "helper.warm", "hot.bazel"),
    *("helper.rule_table", "tokens.login", "tokens.store"),  # with settings, and of `store`
)
# Modules of the commands for users, which are compressed; no `get` loads them.
FOR_USERS = (
    *("boto3.", "click.", "yaml."),
    *(
        f"{PACKAGE}.{room}."
        for room in ("cli.commands", "docker", "doctor", "kubernetes.manifests", "kubernetes.node")
    ),
)
# Modules of the interpreter's start; it has its own copies of others.
START = ("encodings", "encodings.aliases", "encodings.utf_8")
# -fno-pie: see docs/security.md. The warnings are about getpwnam and others, which launcher.c keeps
# from loading libraries.
COMPILE = [
    *("-O2", "-g0", "-fno-pie", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fwrapv"),
    *("-fno-strict-aliasing", "-DNDEBUG", "-std=gnu11"),
]
LINK = ["-static", "-no-pie", "-Wl,-z,relro,-z,now,-z,noexecstack", "-Wl,--gc-sections"]
LINK += ["-Wl,--build-id=none", "-Wl,--no-warnings", "-s"]


def check_system() -> None:
    """Raise Missing for a system, an interpreter or a package that this build does not have."""
    if sys.platform != "linux" or platform.machine() not in cpython.MPDEC:
        msg = f"Linux on x86-64 or aarch64; this is {sys.platform} on {platform.machine()}"
        raise Missing(msg)
    if sys.version_info < OLDEST or sys.base_prefix != "/usr":
        msg = "Debian's or Ubuntu's own Python, 3.11 or later"
        raise Missing(msg)


def list_missing() -> list[str]:
    """Return the packages that are not installed. Raises Missing without dpkg."""
    try:
        return [name for name in PACKAGES if not cpython.find_version(name)]
    except OSError:
        msg = "dpkg, on Debian or Ubuntu"
        raise Missing(msg) from None


def compile_module(name: str, path: str, level: int) -> bytes:
    """Return a module's code, marshalled, without the path of its source."""
    text = Path(path).read_bytes()
    code = compile(text, make_path(name, path), "exec", dont_inherit=True, optimize=level)
    return marshal.dumps(code)


def is_package(path: str) -> bool:
    """Return whether a module's file is that of a package."""
    return os.path.basename(path) == "__init__.py"


def make_path(name: str, path: str) -> str:
    """Return where a module seems to be, relative to the program."""
    return name.replace(".", "/") + ("/__init__.py" if is_package(path) else ".py")


def list_hot_modules() -> list[str]:
    """Return the package's modules that answer what needs no AWS, but for a few rare ones."""
    root, names = str(HERE.parent), ", ".join(f"{PACKAGE}.{name}" for name in ENTRIES)
    code = f"import sys; sys.path.insert(0, {root!r}); import {names}; print(*sys.modules)"
    loaded = cpython.run(sys.executable, "-I", "-S", "-B", "-c", code).split()
    return [name for name in loaded if name.partition(".")[0] == PACKAGE]


class Pack:
    """The bytes of modules and files, one after the other."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def add(self, content: bytes) -> tuple[int, int]:
        """Add content; return its offset and size."""
        self.bytes += bytes(-len(self.bytes) % 8)
        at = len(self.bytes)
        self.bytes += content
        return at, len(content)


def describe(work: Path, modules: list[str], extensions: list[str], version: str) -> dict[str, str]:
    """Write WORK/parts.json, for tools/sbom.py; return the linked packages and their licences.

    version: that of the source package.
    """
    runtime = cpython.run("cc", "-print-libgcc-file-name").strip()
    (owner,) = cpython.run("dpkg-query", "--search", runtime).split(":")[:1]
    linked = LINKED | {owner: GCC}
    packages = [[name, cpython.find_version(name), licence] for name, licence in linked.items()]
    header = work / "source" / "cpython" / "Modules" / "_decimal" / "libmpdec" / "mpdecimal.h"
    found = re.search(r'define MPD_VERSION +"(.*)"', header.read_text())
    parts = {
        "modules": sorted(modules),
        "extensions": extensions,
        "packages": packages,
        "source": [cpython.SOURCE, version, "Python-2.0.1"],
        "mpdecimal": found[1] if found else "",
    }
    (work / "parts.json").write_text(json.dumps(parts, indent=1))
    return linked


def collect_licences(path: str, packages: list[str]) -> bytes:
    """Return a file with licences, and those of the packages behind it, packed by gzip."""
    text = Path(path).read_text(encoding="utf-8")
    for name in sorted(packages):
        copyright_of = Path("/usr/share/doc", name, "copyright")
        if copyright_of.is_file():
            text += f"==== {name} ====\n\n{copyright_of.read_text(encoding='utf-8')}\n"
    return gzip.compress(text.encode(), mtime=0)


def compile_texts(pack: Pack, modules: list[str]) -> bytes:
    """Return what binary/memo.py reads: compiled texts of modules, some of them in the pack."""
    names = [name for name in modules if not name.endswith("__main__") and name not in OWN]
    done = subprocess.run(
        [sys.executable, "-s", "-P", "-B", str(HERE / "recorder.py"), str(HERE.parent)],
        input="\n".join(sorted(names)).encode(),
        env={"PATH": os.defpath, "PYTHONHASHSEED": "1"},  # some texts are in a set's order
        stdout=subprocess.PIPE,
        check=True,
    )
    expressions, sources = marshal.loads(done.stdout)  # noqa: S302 - recorder.py made it
    placed = {key: (*pack.add(code), flags, *others) for key, (flags, code, *others) in expressions}
    return marshal.dumps((placed, dict(sources)))


def fill(contents: dict[str, object], work: Path, extensions: list[str], version: str) -> None:
    """Write WORK/pack.bin, WORK/pack.h, WORK/pack.S and WORK/parts.json.

    version: that of CPython's source package.
    """
    pack, table = Pack(), []
    paths: dict[str, str] = dict(contents["modules"])  # type: ignore[call-overload]  # pairs
    levels: dict[str, int] = contents["levels"]  # type: ignore[assignment]  # by name
    paths |= {name: str(HERE / f"{name}.py") for name in OWN}
    frozen = [*START, *list_hot_modules(), *OWN[:-1]]
    for name in frozen:
        level = levels.get(name, 2)
        at, size = pack.add(compile_module(name, paths[name], level))
        table.append((name, at, size, is_package(paths[name])))
    modules = {name: (make_path(name, paths[name]), at, size, False) for name, at, size, _ in table}
    for name in sorted(set(paths) - set(modules)):
        if _imp.is_frozen(name):
            continue  # the interpreter has its own copy
        code = compile_module(name, paths[name], levels.get(name, 2))
        is_compressed = name.startswith(FOR_USERS)
        placed = pack.add(zlib.compress(code, 9) if is_compressed else code)
        modules[name] = (make_path(name, paths[name]), *placed, is_compressed)
    files = {
        name: pack.add(Path(path).read_bytes())
        for name, path in contents["data"]  # type: ignore[attr-defined]  # pairs
        if name != "LICENSES.txt"
    }
    packages = [*describe(work, list(modules), extensions, version)]
    for name, path in contents["data"]:  # type: ignore[attr-defined]  # pairs
        if name == "LICENSES.txt":
            files[f"{name}.gz"] = pack.add(collect_licences(path, packages))
    memo_at, memo_size = pack.add(compile_texts(pack, [*modules]))
    index_at, index_size = pack.add(marshal.dumps((modules, files)))
    (work / "pack.bin").write_bytes(pack.bytes)
    lines = [f"#define INDEX_AT {index_at}", f"#define INDEX_SIZE {index_size}"]
    lines += [f"#define MEMO_AT {memo_at}", f"#define MEMO_SIZE {memo_size}"]
    lines.append("#define EXTENSIONS(do) " + " ".join(f"do({name})" for name in extensions))
    lines.append("static const struct _frozen FROZEN[] = {")
    for name, at, size, package in table:
        lines.append(
            f'    {{.name = "{name}", .code = pack + {at}, .size = {size},'
            f" .is_package = {package:d}}},"
        )
    lines += ["    {0},", "};", ""]
    (work / "pack.h").write_text("\n".join(lines))
    (work / "pack.S").write_text(
        f'.section .rodata.pack, "a"\n.balign 4096\n.globl pack\npack:\n'
        f'.incbin "{work}/pack.bin"\n.globl pack_end\npack_end:\n'
        '.section .note.GNU-stack, ""\n'
    )


def build(contents: dict[str, object], work: Path, program: Path, parts: Path) -> None:
    """Build the program from what build_binary.spec found."""
    check_system()
    lacking = list_missing()
    if lacking:
        msg = "packages: apt-get install " + " ".join(lacking)
        raise Missing(msg)
    library = Path(sysconfig.get_config_var("LIBPL"), f"libpython{cpython.VERSION}.a")
    defined = cpython.run("nm", "--defined-only", str(library), stderr=subprocess.DEVNULL)
    inside = set(re.findall(r"T PyInit_(\w+)$", defined, re.MULTILINE))
    wanted: list[str] = contents["extensions"]  # type: ignore[assignment]  # names
    extensions = sorted(set(wanted) - inside)
    unknown = set(extensions) - set(cpython.SOURCES)
    if unknown:
        msg = f"the sources of {', '.join(sorted(unknown))}: add them to binary/cpython.py"
        raise Missing(msg)
    source, wanted_version = work / "source", cpython.find_version(f"lib{cpython.SOURCE}-dev")
    stamp = source / "version"
    known = stamp.read_text().split() if stamp.exists() else []
    if known[:1] != [wanted_version]:
        known = [wanted_version, cpython.fetch(source)]
        stamp.write_text(" ".join(known))
    fill(contents, work, extensions, known[1])
    flags = [*COMPILE, f"-I{sysconfig.get_path('include')}"]
    flags += [f"-I{sysconfig.get_path('include')}/internal", f"-I{work}"]
    flags += [f"-ffile-prefix-map={work}=.", f"-ffile-prefix-map={HERE}=."]
    objects = cpython.compile_extensions(extensions, source / "cpython", flags, work)
    for name in (HERE / "launcher.c", work / "pack.S"):
        objects.append(str(work / f"{name.stem}.o"))
        cpython.run("cc", *flags, "-Wall", "-Wextra", "-c", str(name), "-o", objects[-1])
    libraries = [str(library), "-lssl", "-lcrypto", "-lexpat", "-lz", "-lm"]
    cpython.run("cc", *LINK, *objects, *libraries, "-o", f"{program}.new")
    os.replace(work / "parts.json", parts)
    os.replace(f"{program}.new", program)


def list_packages() -> str:
    """Return the missing packages, in one line; "" where the program cannot be built anyway."""
    try:
        check_system()
        return " ".join(list_missing())
    except Missing:
        return ""


if __name__ == "__main__":
    if sys.argv[1:] == ["--list-packages"]:
        print(list_packages())  # noqa: T201 - for tools/make-binary-venv.sh
        sys.exit()
    given, place, target, inside = map(Path, sys.argv[1:])
    place.mkdir(parents=True, exist_ok=True)
    try:
        build(json.loads(given.read_text()), place.absolute(), target, inside)
    except Missing as exc:
        print(f"the static program needs {exc}", file=sys.stderr)  # noqa: T201 - for the builder
        sys.exit(3)
