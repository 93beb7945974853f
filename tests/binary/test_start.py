"""The static program starts from any place and in any environment, or says what is wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world import credential_sources, engines
from tests.world.machine import HOST, Machine, Result
from tests.world.products import DROP_IN

pytestmark = pytest.mark.usefixtures("own_mounts")


def _put(product: Path, directory: Path) -> Path:
    """Copy the program into a directory and return it there."""
    directory.mkdir(parents=True)
    shutil.copy(product, directory)
    return directory / product.name


def _works(machine: Machine) -> None:
    """Check that a first `get`, which loads everything, and a cached one are answered."""
    machine.login()
    first = machine.get().secret
    assert first in machine.aws.issued
    assert machine.get().secret == first


@pytest.mark.parametrize("name", ["a b", "ünï — ☃", "quote'\"$(x)", "-l"])
def test_from_a_directory_of_any_name(box: Machine, product: Path, name: str) -> None:
    """The name may have blanks, other alphabets and shell characters."""
    box.program = [str(_put(product, box.root / name))]

    _works(box)


def test_from_a_directory_that_cannot_be_written(box: Machine, product: Path) -> None:
    """The file system may be read-only, as in a container image."""
    target = box.root / "fixed"
    program = _put(product, box.root / "copy")
    target.mkdir()
    subprocess.run(["mount", "--bind", str(program.parent), str(target)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)
    box.program = [str(target / product.name)]

    _works(box)


def test_by_its_name_on_the_path(box: Machine, product: Path) -> None:
    """PATH may lead through a chain of symlinks, one of them relative."""
    (box.root / "bin").mkdir()
    (box.root / "opt").symlink_to(product.parent)
    (box.root / "bin" / "middle").symlink_to(f"../opt/{product.name}")
    (box.root / "bin" / DROP_IN).symlink_to("middle")
    box.environ["PATH"] = f"{box.root}/bin:{os.environ['PATH']}"
    box.program = ["env", DROP_IN]

    _works(box)


def test_by_a_relative_path(box: Machine, product: Path) -> None:
    """The path may lead out of a working directory that another process has removed."""
    (box.root / "removed").mkdir()
    _put(product, box.root / "copy")
    script = f'cd removed; rmdir ../removed; exec ../copy/{DROP_IN} "$@"'
    box.program = ["sh", "-c", script, "sh"]
    box.login()

    assert box.get().secret in box.aws.issued


def test_a_damaged_file(box: Machine, product: Path) -> None:
    """An error of the first modules is not taken for a lack of memory alone."""
    program = _put(product, box.root / "copy")
    program.write_bytes(program.read_bytes().replace(b"in_full", b"in_fulk", 1))
    box.program = [str(program)]

    expected = "cannot start: AttributeError; give this process more memory, or install it again"
    assert box.run("list").error == expected


def test_without_an_environment(box: Machine) -> None:
    """With `env -i` the error is one line, and other registries are "not found"."""
    box.environ.clear()
    result = box.run("get", stdin=b"ghcr.io")
    assert (result.code, result.stdout) == (1, b"credentials not found in native keychain\n")

    assert "no AWS credentials found" in box.get(AWS_EC2_METADATA_DISABLED="true").error


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1", "nonsense"])
def test_in_any_locale(box: Machine, locale: str) -> None:
    """File names may be in any encoding."""
    box.environ |= {"LC_ALL": locale, "AWS_ECR_CACHE_DIR": str(box.root / "Bücher")}

    _works(box)
    assert list((box.root / "Bücher" / "tokens").iterdir())


def test_with_python_settings_in_the_environment(box: Machine) -> None:
    """Settings of the user's Python interpreter have no effect."""
    box.environ |= {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": str(box.root),
        "PYTHONSTARTUP": "/nowhere",
        "PYTHONVERBOSE": "1",
        "PYTHONOPTIMIZE": "0",
    }
    (box.root / "json.py").write_text("raise SystemExit(3)")

    _works(box)


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT"])
def test_no_library_of_the_user_is_loaded(box: Machine, variable: str) -> None:
    """Variables of the dynamic loader have no effect."""
    library = box.file("lib/libc.so.6", "no library")
    box.environ[variable] = str(library.parent if variable.endswith("PATH") else library)

    _works(box)


LIBRARIES = {
    "GCONV_PATH": "lib",
    "GETCONF_DIR": "lib",
    "GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.malloc.perturb=85",
    "HOSTALIASES": "lib/libc.so.6",
    "LD_DEBUG": "all",
    "LD_PRELOAD": "lib/libc.so.6",
    "LD_SHOW_AUXV": "1",
    "LD_TRACE_LOADED_OBJECTS": "1",
    "LOCPATH": "lib",
    "MALLOC_CHECK_": "3",
    "MALLOC_MMAP_THRESHOLD_": "0",
    "MALLOC_PERTURB_": "85",
    "OPENSSL_CONF": "lib/libc.so.6",
    "OPENSSL_MODULES": "lib",
    "OPENSSL_ia32cap": "0",
    "PYTHONDEVMODE": "1",
    "PYTHONHASHSEED": "x",
    "PYTHONHOME": "/nowhere",
    "PYTHONINSPECT": "1",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONMALLOC": "debug",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONTRACEMALLOC": "10",
    "PYTHONUTF8": "0",
    "PYTHONWARNINGS": "error",
    "RESOLV_HOST_CONF": "lib/libc.so.6",
    "SSLKEYLOGFILE": "keys",
}


def test_variables_of_libraries_have_no_effect(box: Machine) -> None:
    """Those of CPython, glibc and OpenSSL, all at once; a child gets each as it was."""
    box.file("lib/libc.so.6", "no library")
    keys = box.file("answer", credential_sources.process_answer(box))
    box.config(f"[default]\ncredential_process = env -0 > environ; cat {keys}\n")
    environ = dict(box.environ)
    box.environ |= LIBRARIES
    # A child is a program of the system: these would end it.
    for name in ("LD_DEBUG", "LD_PRELOAD", "LD_SHOW_AUXV", "LD_TRACE_LOADED_OBJECTS"):
        del box.environ[name]

    assert box.get().secret in box.aws.issued
    given = (box.root / "environ").read_text().rstrip("\0").split("\0")
    child = dict(text.partition("=")[::2] for text in given)
    assert {name: child[name] for name in box.environ} == box.environ
    assert set(child) - set(box.environ) <= {"PWD", "OLDPWD", "SHLVL", "_"}

    box.environ = environ | LIBRARIES
    box.login()
    assert box.get().secret in box.aws.issued
    assert HOST.encode() in box.run("list").stdout
    assert not (box.root / "keys").exists()


def test_two_versions_side_by_side(box: Machine, product: Path) -> None:
    """Each version runs its own files, at the same time."""
    other = _put(product, box.root / "other version")
    box.login()
    children = [box.start_get()]
    box.program = [str(other)]
    children.append(box.start_get(HOST.replace("us-east-1", "eu-west-1")))
    secrets = set()
    for child in children:
        stdout, stderr = child.communicate(timeout=60)
        secrets.add(Result(child.returncode, stdout, stderr).secret)

    assert len(secrets) == 2


def test_many_at_once(box: Machine) -> None:
    """Many starts at once work, as in a build with many stages or on CI."""
    box.login()
    results = box.get_many([HOST] * 16)

    assert len({result.secret for result in results}) == 1
    assert box.aws.count() == {"ecr": 1}
    assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(box: Machine, number: signal.Signals) -> None:
    """A signal during a call of AWS ends it at once, without output, files or children."""
    box.login()
    box.aws.latency = 5
    child = box.start_get()
    engines.until(lambda: any((box.cache / "locks").glob("*")), "the lock")
    time.sleep(1)  # it waits for AWS by now
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=10)

    assert child.returncode in (-number, 128 + number)
    assert (stdout, stderr) == (b"", b"")
    assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.001, 0.002, 0.004, 0.008, 0.016, 0.04, 0.08, 0.16, 0.32])
def test_a_signal_at_any_time_does_no_damage(
    box: Machine, number: signal.Signals, after: float
) -> None:
    """A signal during the start causes no advice to install, no traceback, no leftover file."""
    box.environ["AWS_ECR_DISABLE_CACHE"] = "1"
    box.login()
    for _ in range(5):
        child = box.start_get()  # starts its own session
        time.sleep(after)
        os.killpg(child.pid, number)  # to the whole group, as from a terminal
        stdout, stderr = child.communicate(timeout=30)

        assert b"cannot start" not in stdout + stderr
        assert b"Traceback" not in stdout + stderr
        assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("how", ["missing", "full", "no programs", "read-only"])
def test_tmpdir_is_not_needed(box: Machine, how: str) -> None:
    """Nothing is unpacked, so any TMPDIR will do."""
    directory = box.root / "tmp"
    if how == "missing":
        directory.rmdir()
    else:
        engines.mount(directory, {"full": "size=4k", "no programs": "noexec"}.get(how, "ro"))
        if how == "full":
            directory.joinpath("file").write_bytes(bytes(4096))

    _works(box)


def test_variables_of_a_bootloader_have_no_effect(box: Machine) -> None:
    """Those of PyInstaller, of another program that starts this one."""
    box.environ |= {
        "_PYI_ARCHIVE_FILE": "/nowhere",
        "_PYI_APPLICATION_HOME_DIR": str(box.root),
        "_PYI_PARENT_PROCESS_LEVEL": "0",
    }

    _works(box)


def test_it_runs_from_a_pipe_of_the_kernel(box: Machine, product: Path) -> None:
    """A program that is executed by its descriptor has no path."""
    code = (
        "import os, sys\n"
        f"file = os.memfd_create('program'); os.write(file, open({str(product)!r}, 'rb').read())\n"
        f"os.execve(file, [{DROP_IN!r}, *sys.argv[1:]], os.environ)\n"
    )
    box.program = [sys.executable, "-I", "-S", "-c", code]

    _works(box)
