"""Assemble the root directory of the image: python3 assemble.py CONTEXT RESULT.

It runs in the build stage of the Containerfile, by the interpreter that the image gets. CONTEXT has
the wheel, requirements.txt, and perhaps the wheels that it names. RESULT gets the interpreter, the
packages as bytecode, the libraries that both need, the certificates, and the bill of materials.
"""

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import bill

USER = 65532
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# Of the standard library, and of the packages: what the program never imports.
NOT_NEEDED = (
    *("test", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "unittest"),
    *("config-*", "site-packages", "dist-packages", "_tkinter*", "_test*", "_xxtestfuzz*"),
)
PACKAGES_NOT_NEEDED = (
    "kubernetes/aio",
    "kubernetes/client/api/*_api.py",
    "*/tests",
    "bin",
    "share",
)
# kubernetes.aio alone imports these; their metadata goes with them.
DISTRIBUTIONS_NOT_NEEDED = (
    *(
        "aiohappyeyeballs",
        "aiohttp",
        "aiohttp_retry",
        "aiosignal",
        "attrs",
        "frozenlist",
        "multidict",
    ),
    *("propcache", "yarl"),
)
PROGRAM = """#!{} -I
import sys
from docker_credential_ecrpy.__main__ import start
sys.exit(start())
"""


def install(context: Path, packages: Path) -> None:
    """Install what is locked, and then the wheel, without bytecode."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    pip += ["--disable-pip-version-check", "--root-user-action=ignore", "--no-cache-dir"]
    pip += ["--only-binary=:all:", f"--find-links={context}", f"--target={packages}"]
    (wheel,) = context.glob("docker_credential_ecrpy-*-py3-none-any.whl")
    locked = ("--require-hashes", f"--requirement={context / 'requirements.txt'}")
    subprocess.run([*pip, *locked], check=True)
    _remove(packages / "bin")  # pip does not add to it
    subprocess.run([*pip, str(wheel)], check=True)


def prune(packages: Path) -> None:
    """Remove what no command of the program imports."""
    for name in DISTRIBUTIONS_NOT_NEEDED:
        for info in packages.glob(f"{name}-*.dist-info"):
            tops = {line.split(",")[0].split("/")[0] for line in _read(info / "RECORD")}
            for top in tops - {"..", ""}:
                _remove(packages / top)
    for pattern in PACKAGES_NOT_NEEDED:
        for path in packages.glob(pattern):
            _remove(path)
    sys.path.insert(0, str(packages))
    from docker_credential_ecrpy.aws.sdk.data import SERVICES  # noqa: PLC0415 - just installed

    for path in (packages / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in SERVICES:
            _remove(path)


def _read(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def compile_all(folder: Path, shown: str) -> None:
    """Replace modules by their bytecode. shown: the folder's path in the image."""
    done = compileall.compile_dir(
        folder,
        ddir=shown,
        quiet=1,
        legacy=True,
        workers=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        sys.exit("a module does not compile")
    for path in folder.rglob("*.py"):
        path.unlink()


def find_libraries(files: list[Path]) -> set[str]:
    """Return the paths of the shared libraries that programs and modules need, and the loader's."""
    loader = next(filter(os.path.exists, _list_loaders()))
    found = {loader}
    for file in files:
        done = subprocess.run(
            [loader, "--list", str(file)], capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        if "statically linked" in said or "not a dynamic executable" in said:
            continue
        if done.returncode or "not found" in said:
            sys.exit(f"{file} needs a library that is not there:\n{said}")
        found |= set(re.findall(r"=> (/\S+)", done.stdout))
    return found


def _list_loaders() -> Iterator[str]:
    """Yield the program interpreters of glibc: of this Python, or the usual paths."""
    found = re.search(
        rb"/lib\S*/ld-linux[\w.-]+", Path(os.path.realpath(sys.executable)).read_bytes()
    )
    if found:
        yield found[0].decode()
    yield from ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


def copy(path: str, result: Path) -> None:
    """Copy a file to the same path in the image, as a file."""
    to = result / path.lstrip("/")
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.path.realpath(path), to)


def main(context: Path, result: Path) -> None:
    """Write the root directory."""
    stdlib, purelib = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    packages = result / purelib.relative_to("/")
    shutil.copytree(
        stdlib,
        result / stdlib.relative_to("/"),
        ignore=shutil.ignore_patterns(*NOT_NEEDED, "__pycache__"),
        symlinks=False,
    )
    install(context, packages)
    prune(packages)
    for folder in (stdlib, purelib):
        compile_all(result / folder.relative_to("/"), str(folder))
    executable = os.path.realpath(sys.executable)
    copy(executable, result)
    modules = [*result.rglob("*.so"), *result.rglob("*.so.*")]
    libraries = find_libraries([Path(executable), *modules])
    for library in libraries:
        copy(library, result)
    copy(f"/{CERTIFICATES}", result)
    program = result / "docker-credential-ecrpy"
    program.write_text(PROGRAM.format(executable), encoding="ascii")
    program.chmod(0o755)
    (result / "home" / "nonroot").mkdir(parents=True)
    (result / "tmp").mkdir(mode=0o1777)
    (result / "etc" / "passwd").write_text(f"nonroot:x:{USER}:{USER}::/home/nonroot:/\n")
    (result / "etc" / "group").write_text(f"nonroot:x:{USER}:\n")
    file = result / "usr" / "share" / "sbom" / "docker-credential-ecrpy.cdx.json"
    file.parent.mkdir(parents=True)
    file.write_text(bill.make(packages, libraries, context / "requirements.txt"), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
