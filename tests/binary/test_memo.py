"""What the build compiles for the static program is what Python itself would compile."""

import subprocess
import sys

import pytest

from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="as the static program")
CODE = """\
import marshal, re, subprocess, sys
sys.path.insert(0, sys.argv[1])
recorder = [sys.executable, sys.argv[1] + "/recorder.py", sys.argv[2]]
names = b"logging urllib3.util.url docker_credential_ecrpy.text.secrets"
found = subprocess.run(recorder, input=names, stdout=subprocess.PIPE, check=True).stdout
expressions, sources = marshal.loads(found)
view, placed = bytearray(), {}
for key, (flags, code, *others) in expressions:
    placed[key] = (len(view), len(code), flags, *others)
    view += code
at = len(view)
view += marshal.dumps((placed, dict(sources)))
wanted = {key: re.compile(*key) for key, _ in expressions}
re.purge()
import memo
memo.use(memoryview(view), memoryview(view)[at:])
re._compiler._parser.parse = None  # nothing is parsed any more
assert {key: re.compile(*key) for key in wanted} == wanted
found = next(text for text in dict(sources) if text.startswith("lambda _cls"))
made = memo.NAMES["collections"]["eval"](found, {"_tuple_new": tuple.__new__})
assert made.__code__ == eval(found, {}).__code__
try:
    re.compile("an unknown one")
except TypeError:
    print(len(wanted))
"""


def test_known_texts_are_not_compiled_again() -> None:
    """Expressions and generated code are equal to Python's; an unknown expression is compiled."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(REPOSITORY / "binary"), str(REPOSITORY)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )

    assert int(done.stdout) > 20
