"""Modules that run at their first use: the same modules, later."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.sdk import lazy_modules
from tests.world.tree import REPOSITORY

HEAD = """\
import sys
sys.path[:0] = sys.argv[1:]
from docker_credential_ecrpy.aws.sdk import lazy_modules
def has_run(name):
    return type(sys.modules[name]) is not lazy_modules.LazyModule
"""
CODE = "print('runs')\nvalue = 1\ndef double(x): return 2 * x\nclass Thing: pass\n"


def _run(tmp_path: Path, code: str, **modules: str) -> list[str]:
    """Return what code prints, beside these modules and the package."""
    for name, text in modules.items():
        path = tmp_path.joinpath(*name.split("_in_")[::-1]).with_suffix(".py")
        path = path.with_name("__init__.py") if path.stem == "init" else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-I", "-c", HEAD + code, str(tmp_path), str(REPOSITORY)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", lazy_modules.UNUSED)
def test_each_module_has_the_names_that_are_called(name: str) -> None:
    """A name that is gone, or cannot be called, would fail at its use only."""
    module = importlib.import_module(name)
    names = lazy_modules.UNUSED[name]

    assert [call for call in names if not callable(getattr(module, call, None))] == []


def test_no_module_is_of_this_package() -> None:
    """This package's own imports are inside functions, where every tool sees them."""
    assert not [name for name in lazy_modules.UNUSED if name.startswith("docker_credential_ecrpy")]


@pytest.mark.parametrize(
    "use",
    {
        "an attribute": "import one; one.value",
        "a name": "from one import value",
        "another name": "from one import Thing",
        "all names": "from one import *",
        "a call": "from one import double; assert double(2) == 4",
        "keywords": "from one import double; assert double(x=2) == 4",
        "a missing attribute": "import one; assert not hasattr(one, 'nothing')",
        "a change": "import one; one.value = 2; assert vars(one)['value'] == 2",
        "a removal": "import one; del one.value; assert not hasattr(one, 'value')",
        "its names": "import one; assert {'value', 'double'} <= set(dir(one))",
        "its dictionary": "import one; assert vars(one)['value'] == 1",
        "a reload": "import one, importlib; sys.modules['one'].value; importlib.reload(one)",
        "a pickle": "import pickle; from one import Thing; pickle.loads(pickle.dumps(Thing()))",
        "its source": "import one, inspect; assert 'Thing' in inspect.getsource(one.Thing)",
    }.items(),
    ids=lambda use: use[0],
)
def test_a_use_runs_the_module(tmp_path: Path, use: tuple[str, str]) -> None:
    """Whatever is used of it is there, and it is the module of that name from then on."""
    code = "lazy_modules.defer({'one': ('double',)})\nassert not has_run('one')\n"
    code += f"{use[1]}\nassert has_run('one')\nimport one\nassert sys.modules['one'] is one\n"
    code += "assert one.__class__ is type(sys)\nassert one.double(3) == 6"
    runs = 2 if use[0] == "a reload" else 1

    assert _run(tmp_path, code, one=CODE) == ["runs"] * runs


@pytest.mark.parametrize(
    "use",
    [
        "import one",
        "import one; import one as other; assert one is other",
        "from one import double",
        "import one; one.double",
        "import one; one.__spec__.origin, one.__file__, one.__name__, isinstance(one, type(sys))",
        "import importlib.util; assert importlib.util.find_spec('one').origin.endswith('one.py')",
        "import inspect; assert inspect.getmodule(lazy_modules.defer) is lazy_modules",
        "lazy_modules.defer({'one': ()})",
    ],
)
def test_what_is_no_use_runs_nothing(tmp_path: Path, use: str) -> None:
    """Imports, names that are only called later, and the module's own facts run no code."""
    code = f"lazy_modules.defer({{'one': ('double',)}})\n{use}\nassert not has_run('one')"

    assert _run(tmp_path, code, one=CODE) == []


def test_modules_in_packages_are_found_without_the_package(tmp_path: Path) -> None:
    """A package that imports its module by name does not run it, in whatever way it is used."""
    package = "print('package')\nfrom package.inner import double\n"
    code = (
        "lazy_modules.defer({'package.inner': ('double',)})\n"
        "import package.inner\nfrom package import inner\n"
        "assert package.inner is inner\nassert not has_run('package.inner')\n"
        "assert package.double(2) == 4\nassert has_run('package.inner')"
    )

    printed = _run(tmp_path, code, init_in_package=package, inner_in_package=CODE)
    assert printed == ["package", "runs"]


def test_the_import_of_its_module_does_not_run_a_package(tmp_path: Path) -> None:
    """A package runs at the first use of its own, and has its modules then."""
    code = """\
lazy_modules.defer({'package': ()})
from package.inner import value
import package
assert not has_run('package')
assert package.inner.value == value == 1
assert has_run('package')
"""
    printed = _run(tmp_path, code, init_in_package="print('package')", inner_in_package=CODE)
    assert printed == ["runs", "package"]


def test_modules_that_use_each_other_run_once(tmp_path: Path) -> None:
    """Code that a module's own code imports may use the module, as far as it has run."""
    one = "print('one')\nvalue = 1\nimport two\ntotal = two.value + 1\n"
    two = "print('two')\nimport one\nvalue = one.value + 1\n"
    code = "lazy_modules.defer({'one': (), 'two': ()})\nimport one\nassert one.total == 3"

    assert _run(tmp_path, code, one=one, two=two) == ["one", "two"]


def test_threads_wait_for_the_one_that_runs_it(tmp_path: Path) -> None:
    """Its code runs once, and no thread sees a part of the module."""
    slow = "import time\nprint('runs')\nearly = 1\ntime.sleep(0.3)\nlate = 2\n"
    slow += "def double(x): return x * late\n"
    code = """\
lazy_modules.defer({'one': ('double',)})
import one, threading, time
from one import double
found = []
uses = [lambda: one.early + one.late, lambda: double(1) + 1, lambda: vars(one)['late'] + 1]
def use(number):
    time.sleep(number % 4 / 20)
    found.append(uses[number % 3]())
threads = [threading.Thread(target=use, args=(number,)) for number in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join(20)
print(found)
"""
    assert _run(tmp_path, code, one=slow) == ["runs", str([3] * 12)]


def test_an_error_of_the_module_is_raised_at_each_use(tmp_path: Path) -> None:
    """Its code runs again at the next use, as after a failed import."""
    code = """\
lazy_modules.defer({'one': ('double',)})
import one
from one import double
for use in (lambda: one.value, lambda: double(1)):
    try: use()
    except ZeroDivisionError: print('error')
"""
    assert _run(tmp_path, code, one="print('runs')\n1 / 0") == ["runs", "error"] * 2


def test_a_module_that_does_not_exist_is_missing(tmp_path: Path) -> None:
    """The import fails, so that code with another way takes it."""
    code = """\
lazy_modules.defer({'nothing': (), 'json.nothing': (), 'nothing.inner': ()})
for name in ('nothing', 'json.nothing', 'nothing.inner'):
    try: __import__(name)
    except ModuleNotFoundError: print(name)
"""
    assert _run(tmp_path, code) == ["nothing", "json.nothing", "nothing.inner"]


def test_threads_that_defer_at_once_share_the_modules(tmp_path: Path) -> None:
    """Each module is made once, so that the one which others import is the one that runs."""
    code = """\
import threading
start = threading.Barrier(8)
real = lazy_modules.module_from_spec
def slow(spec):
    module = real(spec)
    time.sleep(0.05 * next(turns))
    return module
import time
import itertools
turns = itertools.count()
lazy_modules.module_from_spec = slow
found = []
def use():
    start.wait(20)
    lazy_modules.defer({'one': ('double',), 'package.inner': ()})
    import one, package.inner
    found.append((one, one.double(2), sys.modules['package.inner'].value))
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(20)
assert has_run('one') and has_run('package.inner')
assert found == [(sys.modules['one'], 4, 1)] * 8, found
"""
    printed = _run(tmp_path, code, one=CODE, init_in_package="", inner_in_package=CODE)
    assert printed == ["runs", "runs"]


def test_a_module_that_is_loaded_meanwhile_stays(tmp_path: Path) -> None:
    """Another thread may import a module while it is deferred: the imported one is in use."""
    code = """\
real = lazy_modules.module_from_spec
def late(spec):
    lazy_modules.module_from_spec = real
    import one
    return real(spec)
lazy_modules.module_from_spec = late
lazy_modules.defer({'one': ('double',)})
import one
assert has_run('one') and one.double(2) == 4
"""
    assert _run(tmp_path, code, one=CODE) == ["runs"]


def test_an_old_finder_leaves_all_to_the_imports(tmp_path: Path) -> None:
    """Python up to 3.11 asks finders without `find_spec`, which may find any module."""
    code = """\
class Old:
    def find_module(self, name, path=None):
        return None
sys.meta_path.insert(0, Old())
lazy_modules.defer({'one': ('double',)})
assert 'one' not in sys.modules
"""
    assert _run(tmp_path, code, one=CODE) == []


def test_a_loaded_module_stays(tmp_path: Path) -> None:
    """What others have imported is not replaced."""
    code = (
        "import one\nlazy_modules.defer({'one': ('double',)})\nassert sys.modules['one'] is one\n"
    )

    assert _run(tmp_path, f"{code}assert has_run('one')", one=CODE) == ["runs"]


def test_importers_without_files_work(tmp_path: Path) -> None:
    """The standalone programs have their modules in a table: no path, no file."""
    code = """\
from importlib.machinery import ModuleSpec
class Table:
    def find_spec(name, _path=None, _target=None):
        return ModuleSpec(name, Table) if name == 'frozen' else None
    def create_module(_spec):
        return None
    def exec_module(module):
        exec("print('runs'); value = 1", module.__dict__)
sys.meta_path.insert(0, Table)
lazy_modules.defer({'frozen': ()})
import frozen
assert not has_run('frozen')
assert frozen.value == 1
"""
    assert _run(tmp_path, code) == ["runs"]


EVERY = """\
import importlib, pkgutil, warnings
warnings.simplefilter("ignore")
from docker_credential_ecrpy.aws.sdk import lazy_modules
lazy_modules.defer()
for name in ("boto3", "botocore", "dateutil", "jmespath"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        try: importlib.import_module(module.name)
        except ImportError: pass
        else: print(module.name)
"""


def test_every_module_of_the_sdk_loads_with_them() -> None:
    """No module of the SDK derives a class from what stands in for a name, or tests for it."""
    done = subprocess.run(
        [sys.executable, "-c", EVERY],
        capture_output=True,
        check=False,
        cwd=REPOSITORY,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert {"boto3.docs.service", "boto3.session", "botocore.docs.service"} <= {
        *done.stdout.split()
    }


DOCUMENTED = """\
import sys
if sys.argv[1] == "lazy":
    from docker_credential_ecrpy.aws.sdk import lazy_modules
    lazy_modules.defer()
import botocore.session
core = botocore.session.Session()
core.set_credentials("AKIDEXAMPLE", "secret")
client = core.create_client("ecr", region_name="us-east-1")
print(client.get_authorization_token.__doc__)
print(client.waiter_names, client.get_waiter("image_scan_complete").__doc__ is None)
pages = client.get_paginator("describe_images")
print(pages.result_keys, type(pages.paginate(repositoryName="x")).__name__)
client.meta.events.register("before-send", lambda **_: (_ for _ in ()).throw(OSError("stop")))
print(botocore.utils.parse_timestamp("2026-01-02T03:04:05Z"), botocore.utils.getproxies())
"""


def test_the_sdk_does_the_same_with_them() -> None:
    """Documentation, waiters, pages, times and proxies are those of an undisturbed botocore."""
    printed = [
        subprocess.run(
            [sys.executable, "-c", DOCUMENTED, way],
            capture_output=True,
            check=True,
            cwd=REPOSITORY,
            text=True,
            timeout=60,
        ).stdout
        for way in ("lazy", "plain")
    ]

    assert "GetAuthorizationToken" in printed[0]
    assert printed[0] == printed[1]
