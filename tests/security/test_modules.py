"""Modules and libraries of other programs, in PYTHONPATH, LD_LIBRARY_PATH or a directory."""

import itertools
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import docker_credential_ecrpy
from tests.world.machine import HOST, MODULE, Machine

pytestmark = pytest.mark.tree  # binary/test_start.py has the standalone programs' tests
posix = pytest.mark.skipif(sys.platform == "win32", reason="console scripts are programs there")
PACKAGE = Path(docker_credential_ecrpy.__file__).parent
STOLEN = "import sys\nsys.exit('stolen')\n"
OPTIONAL = {"awscrt", "brotli", "brotlicffi", "h2", "socks", "zstandard"}
DEPENDENCIES = {"boto3", "botocore", "click", "dateutil", "ecdsa", "jmespath", "urllib3"}


def _loaded(code: str) -> set[str]:
    """Return the modules that an interpreter loads for a line of code, before any of ours."""
    code = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def _plant(directory: Path, before: set[str]) -> None:
    """Write modules that end the program, for all names but `before`."""
    directory.mkdir(exist_ok=True)
    names = sys.stdlib_module_names | DEPENDENCIES | OPTIONAL
    for name in names - before:
        (directory / f"{name}.py").write_text(STOLEN)
    assert {"token", "logging", "json", "email", "boto3"} <= names - before


@posix
@pytest.mark.parametrize("way", ["first", "relative", "empty", "script"])
def test_no_module_replaces_an_installed_one(machine: Machine, scripts: Path, way: str) -> None:
    """No PYTHONPATH, current directory or directory of the script does, in a hit or a miss."""
    program = scripts / "docker-credential-ecr-login"
    older = "import re\n" in program.read_text()  # an older pip's script imports it
    _plant(machine.root / "modules", _loaded("import re" if older else "pass"))
    machine.login()
    environ = {"PYTHONPATH": str(machine.root / "modules")}
    if way == "relative":
        environ = {"PYTHONPATH": "modules"}
    elif way == "empty":
        shutil.copytree(machine.root / "modules", machine.root, dirs_exist_ok=True)
        environ = {"PYTHONPATH": ":"}
    elif way == "script":
        program = Path(shutil.copy(program, machine.root / "modules"))
        environ = {}
    for _ in range(2):
        result = machine.run("get", stdin=HOST.encode(), command=[str(program)], environ=environ)
        assert result.secret in machine.aws.issued


@posix
def test_only_directories_that_deliver_the_program_come_first(machine: Machine) -> None:
    """With the program in PYTHONPATH, as of `pip install --target`, no other directory's win."""
    target = machine.root / "target"
    shutil.copytree(PACKAGE, target / PACKAGE.name)
    _plant(machine.root / "modules", _loaded("import runpy"))
    machine.login()
    machine.environ["PYTHONPATH"] = f"{machine.root / 'modules'}:{target}"
    for _ in range(2):
        result = machine.run("get", stdin=HOST.encode(), command=MODULE)
        assert result.secret in machine.aws.issued


def test_no_module_of_the_current_directory_replaces_an_installed_one(machine: Machine) -> None:
    """With -m, from the moment on that the interpreter runs this package."""
    _plant(machine.root, _loaded("import runpy"))
    machine.login()
    for _ in range(2):
        result = machine.run("get", stdin=HOST.encode(), command=MODULE)
        assert result.secret in machine.aws.issued


@pytest.mark.parametrize(
    "text", [STOLEN, "1 / 0\n", "a b\n", "import nowhere.x\n", "open('/nowhere/x')\n"], ids=range(5)
)
@pytest.mark.parametrize(
    "arguments", [("get",), ("explain", HOST, "--check")], ids=["get", "explain"]
)
def test_a_module_that_is_not_installed_and_fails_is_named(
    machine: Machine, text: str, arguments: tuple[str, ...]
) -> None:
    """urllib3 tries `brotli`: the error is one line that names the file and PYTHONPATH.

    The directory is searched since it holds a dependency, too.
    """
    file = machine.file("modules/brotli.py", text)
    machine.file("modules/boto3/__init__.py", STOLEN)
    machine.login()
    machine.environ["PYTHONPATH"] = str(file.parent)
    if find_spec("brotli") or find_spec("brotlicffi"):
        pytest.skip("it is installed")
    result = machine.run(*arguments, stdin=HOST.encode())
    if text.startswith("import nowhere"):  # urllib3 does without a module that cannot be imported
        assert result.code == 0
        return
    line = result.error if arguments == ("get",) else result.stderr.decode()

    assert "PYTHONPATH" in line
    assert str(file) in line
    assert line.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "variable",
    [
        *("PYTHONINSPECT=1", "PYTHONSTARTUP=modules/token.py", "PYTHONSAFEPATH=1"),
        *("PYTHONUSERBASE=/nowhere", "PYTHONWARNINGS=error", "PYTHONDEVMODE=1", "PYTHONOPTIMIZE=2"),
    ],
)
def test_other_settings_of_the_interpreter(machine: Machine, scripts: Path, variable: str) -> None:
    """They change neither the answer nor the exit code, of a miss or a hit."""
    machine.file("modules/token.py", STOLEN)
    machine.login()
    name, _, value = variable.partition("=")
    program = [str(scripts / "docker-credential-ecr-login")]
    for _ in range(2):
        result = machine.run("get", stdin=HOST.encode(), command=program, environ={name: value})
        assert result.secret in machine.aws.issued


def _libraries() -> dict[str, Path]:
    """Return the shared libraries that the interpreter's modules for TLS and gzip load."""
    code = (
        "import _ssl, json, zlib\nfound = set()\nfor line in open('/proc/self/maps'):\n"
        "    path = line.split()[-1]\n"
        "    if '/lib' in path and '.so' in path and 'cpython' not in path:\n"
        "        found.add(path)\nprint(json.dumps(sorted(found)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    paths = map(Path, json.loads(done.stdout))
    return {p.name: p for p in paths if p.name.startswith(("libssl", "libcrypto", "libz."))}


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's variables and /proc")
@pytest.mark.parametrize("content", ["empty", "another"])
def test_libraries_of_another_program(machine: Machine, scripts: Path, content: str) -> None:
    """A hit is answered; a miss as well, or the error is one line that names LD_LIBRARY_PATH.

    The libraries are empty, or lack what the interpreter needs of them.
    """
    found = _libraries()
    folder = machine.root / "lib"
    machine.login()
    machine.get()
    for name, other in zip(found, itertools.islice(itertools.cycle(found), 1, None), strict=False):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if content == "empty":
            (folder / name).touch()
        else:
            shutil.copy(found[other], folder / name)
        command = [str(scripts / "docker-credential-ecr-login")]
        environ = {"LD_LIBRARY_PATH": str(folder)}
        hit = machine.run("get", stdin=HOST.encode(), command=command, environ=environ)
        assert hit.secret in machine.aws.issued
        environ["AWS_ECR_DISABLE_CACHE"] = "1"
        miss = machine.run("get", stdin=HOST.encode(), command=command, environ=environ)
        if miss.code:
            assert "LD_LIBRARY_PATH" in miss.error
            assert "unexpected" not in miss.error
