import os
import sys
import types
from pathlib import Path

import boto3
import pytest

import docker_credential_ecrpy
from docker_credential_ecrpy.hot import import_path

PACKAGE = Path(docker_credential_ecrpy.__file__).parent
HOME = str(PACKAGE.parent)
LIBRARY = os.path.dirname(os.__file__)
INSTALLED = os.path.join(os.sep, "venv", "site-packages")


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own `sys.path` and `sys.modules`."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def _reordered(path: list[str], chosen: list[str]) -> list[str]:
    sys.path[:] = path
    import_path.prefer_installed(chosen)
    return sys.path


def _deliver(*directories: Path) -> list[str]:
    """Put a dependency into directories; return their paths."""
    for directory in directories:
        (directory / "boto3").mkdir(parents=True)
        (directory / "boto3" / "__init__.py").touch()
    return list(map(str, directories))


def test_directories_of_others_are_not_searched(tmp_path: Path) -> None:
    """A module with a dependency's name is not the dependency."""
    (tmp_path / "boto3.py").touch()
    (tmp_path / "botocore").mkdir()
    path = [str(tmp_path), "/none", LIBRARY, INSTALLED]

    assert _reordered(path, [str(tmp_path), "/none"]) == [LIBRARY, INSTALLED]


def test_directories_with_a_dependency_come_last(tmp_path: Path) -> None:
    """They are searched behind the installed packages, in their order and once."""
    a, b = _deliver(tmp_path / "a", tmp_path / "b")

    assert _reordered([a, b, LIBRARY, INSTALLED], [a, b, a]) == [LIBRARY, INSTALLED, a, b]


def test_a_directory_with_this_package_comes_before_the_installed_ones(tmp_path: Path) -> None:
    """So do those with dependencies or with installed packages; the standard library is first."""
    (dependency,) = _deliver(tmp_path / "a")
    packages, other = str(tmp_path / "site-packages"), str(tmp_path)
    chosen = [other, HOME, dependency, packages]
    expected = [LIBRARY, HOME, dependency, packages, INSTALLED]

    assert _reordered([*chosen, LIBRARY, INSTALLED], chosen) == expected


@pytest.mark.parametrize("relative", ["", ".", "src", "../x"])
def test_a_relative_directory_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: str
) -> None:
    """The interpreter made it absolute when it started."""
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    _deliver(Path(os.path.abspath(relative)))
    path = [os.path.abspath(relative), LIBRARY, INSTALLED]

    assert _reordered(path, [relative]) == [LIBRARY, INSTALLED]


def test_the_directory_of_this_package_may_be_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer runs a clone with `PYTHONPATH=.`."""
    monkeypatch.chdir(HOME)

    assert _reordered([HOME, LIBRARY], ["."]) == [LIBRARY, HOME]


def test_the_standard_library_stays_in_front() -> None:
    """PYTHONPATH may name it, or a directory in it; installed packages do not count as it."""
    inner = os.path.join(LIBRARY, "lib-dynload")
    packages = os.path.dirname(os.path.dirname(boto3.__file__))
    path = [packages, LIBRARY, inner, INSTALLED]

    assert _reordered(path, [packages, LIBRARY, inner]) == [LIBRARY, inner, INSTALLED, packages]


@pytest.mark.skipif(sys.platform == "win32", reason="a current directory cannot be removed there")
def test_without_a_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative directories are left out as they are."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    (a,) = _deliver(tmp_path / "a")
    assert _reordered(["src", a, LIBRARY], ["src", a]) == [LIBRARY, a]
    os.chdir(tmp_path)


def test_a_module_that_replaced_the_standard_librarys_is_forgotten(tmp_path: Path) -> None:
    """A .pth file or sitecustomize may have loaded it; modules of other names stay."""
    for name, file in (
        ("token", tmp_path / "token.py"),
        ("email", tmp_path / "email" / "__init__.py"),
        ("email.header", tmp_path / "email" / "header.py"),
        ("theirs", tmp_path / "theirs.py"),
        ("logging", Path(LIBRARY) / "logging" / "__init__.py"),
    ):
        module = types.ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module
    _reordered([str(tmp_path), LIBRARY], [str(tmp_path)])

    assert not {"token", "email", "email.header"} & sys.modules.keys()
    assert {"theirs", "logging"} <= sys.modules.keys()


def _raised(text: str, file: Path) -> BaseException:
    """Return the exception that code of a file raises while it loads."""
    try:
        exec(compile(text, str(file), "exec"), {})  # noqa: S102 - the code is in BROKEN
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - whatever the code raises
        return exc
    raise AssertionError


BROKEN = ["import sys\nsys.exit('x')", "raise ImportError('x')", "1 / 0", "open('/nowhere/x')"]


@pytest.mark.parametrize("text", [*BROKEN, "a b"])
def test_an_error_of_a_module_in_pythonpath_names_both(tmp_path: Path, text: str) -> None:
    """Whatever the module raises, the line names the file and the variable."""
    file = tmp_path / "brotli.py"
    found = import_path.explain(_raised(text, file), {"PYTHONPATH": str(tmp_path)})

    assert found is not None
    assert repr(str(file)) in found[0]
    assert found[1].startswith("PYTHONPATH ")


def test_a_cause_in_pythonpath_is_found(tmp_path: Path) -> None:
    """An SDK may raise an error of its own for a failed import."""
    exc = RuntimeError("no brotli")
    exc.__cause__ = _raised("1 / 0", tmp_path / "brotli.py")

    assert import_path.explain(exc, {"PYTHONPATH": str(tmp_path)})


def test_a_module_without_an_expected_name_is_found(tmp_path: Path) -> None:
    """The error comes from the importer's file, and names the module."""
    module = types.ModuleType("brotli")
    module.__file__ = str(tmp_path / "brotli.py")
    exc = AttributeError("no x", name="x", obj=module)

    assert import_path.explain(exc, {"PYTHONPATH": str(tmp_path)})


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("place", ["installed", "ours", "unset"])
def test_other_errors_are_not_blamed_on_it(tmp_path: Path, text: str, place: str) -> None:
    """Errors of installed packages, also below a named directory, and of this package are not."""
    installed = tmp_path / "venv" / "site-packages"
    sys.path[:] = [str(installed)]
    file = {"installed": installed / "x.py", "ours": PACKAGE / "x.py", "unset": tmp_path / "x.py"}
    named = "" if place == "unset" else os.pathsep.join((str(tmp_path), HOME))

    assert import_path.explain(_raised(text, file[place]), {"PYTHONPATH": named}) is None


def test_a_library_that_cannot_be_loaded_names_its_variable() -> None:
    """The loader's message names the library."""
    exc = ImportError("/opt/lib/libz.so.1: file too short", path="/lib/zlib.cpython-311.so")

    assert import_path.explain(exc, {"LD_LIBRARY_PATH": "/opt/lib"}) == (
        "a library cannot be loaded: '/opt/lib/libz.so.1: file too short'",
        "LD_LIBRARY_PATH names another program's libraries: unset it where docker runs",
    )
    assert import_path.explain(exc, {}) is None


def test_a_library_that_others_do_without_at_first_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """urllib3 catches the error of `ssl`, and botocore then misses a name of urllib3's."""

    def load(name: str, *_: object) -> None:
        raise ImportError(f"{name}: undefined symbol: SSL_new")

    monkeypatch.setattr("builtins.__import__", load)
    found = import_path.explain(ImportError("cannot import name 'ssl'"), {"LD_PRELOAD": "x.so"})
    monkeypatch.undo()

    assert found is not None
    assert "_ssl: undefined symbol: SSL_new" in found[0]


def test_libraries_that_load_are_not_blamed() -> None:
    """With the variable set, another error keeps its own text."""
    assert import_path.explain(ValueError("x"), {"LD_LIBRARY_PATH": "/opt/lib"}) is None
