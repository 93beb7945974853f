"""Which version of CPython's source package the static program is built from."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg compares the versions")
CODE = """\
import json, sys
sys.path.insert(0, sys.argv[1])
import cpython
print(json.dumps(cpython.list_versions(sys.argv[2], sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("there", "order"),
    [
        ("6 9 8", "6 8 9"),
        ("9 8", "8 9"),
        ("4 10 5", "5 4 10"),
        ("5 6 9", "6 5 9"),
        ("", ""),
    ],
    ids=["its own", "only newer ones", "older and newer", "its own and older", "none"],
)
def test_the_nearest_version_is_tried_first(there: str, order: str) -> None:
    """The library's own, then older ones, then newer ones: a mirror may have either alone."""
    form = "3.11.2-6+deb12u{}".format
    shown = "".join(f"Package: python3.11\nVersion: {form(each)}\n\n" for each in there.split())
    others = "Package: python3.11\nVersion: 3.11.1-2\n\nPackage: python3.11\nVersion: 3.11.20-1\n"
    command = [sys.executable, "-B", "-c", CODE, str(REPOSITORY / "binary"), shown + others]
    found = subprocess.run([*command, form(6)], stdout=subprocess.PIPE, check=True)

    assert json.loads(found.stdout) == [form(each) for each in order.split()]
